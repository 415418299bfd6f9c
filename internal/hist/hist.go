// Package hist counts latencies in a log-linear histogram, fine enough for
// percentiles of two significant digits and small enough to keep one a command.
//
//	var h hist.Histogram
//	h.Record(elapsed)
//	p99 := h.Percentile(99)
//	for usec, n := range h.Buckets() { … }   // as LATENCY HISTOGRAM prints
//
// What it answers is what Redis answers from its HdrHistogram, made for 1 ns to
// 1 s with two digits, down to the last unit.
//
// A Histogram belongs to one goroutine at a time. The zero value is an empty
// one. Record allocates only when the first latency of a new magnitude comes:
// 1 KB, at most 24 of them, six or so for a typical command.
package hist

import (
	"iter"
	"math/bits"
	"time"
	"unsafe"
)

// Each power of two is divided linearly into 128 slots, so a slot is never wider
// than 1/128 of its values; below 256 ns slots are one nanosecond wide. The
// layout is that of Gil Tene's HdrHistogram.
//
//	values        0 … 127    128 … 255   256 … 511   512 … 1023  …  2²⁹ … 2³⁰-1
//	slots of      1 ns       1 ns        2 ns        4 ns           4.2 ms
//	chunk         0          1           2           3           …  23
//	                                     │
//	                                     └─> nil, or 128 counts of 8 bytes
//
// A value v of n bits, n > 7, lies in chunk n-7 and its slot is given by the
// seven bits behind its highest one:
//
//	v = 1 s s s s s s s x x x x
//	      └─ slot ────┘ └ lost┘
//
// Invariants, verified by check:
//   - total is the sum of all counts, and no chunk that exists is all zero
//
// Rejected: one array, as in HdrHistogram. It is 24 KB for each of some 240
// commands, though most use a small part of it.

const (
	slotBits = 7
	slots    = 1 << slotBits
	chunks   = 24 // up to 2³⁰ ns

	// Max is the longest latency told apart; longer ones count as Max, as in
	// Redis.
	Max = time.Second
)

// A Histogram holds counts of latencies.
type Histogram struct {
	chunk [chunks]*[slots]uint64
	total uint64
}

// Record counts one latency. What is below 1 ns counts as 1 ns.
func (h *Histogram) Record(d time.Duration) {
	v := uint64(min(max(d, 1), Max))
	k, s := place(v)
	c := h.chunk[k]
	if c == nil {
		c = h.grow(k)
	}
	c[s]++
	h.total++
}

// place returns the chunk and the slot of v, at most 2³⁰-1.
func place(v uint64) (chunk, slot uint) {
	e := uint(bits.Len64(v|(2*slots-1))) - slotBits - 1 // bits lost
	s := uint(v >> e)                                   // below 2·slots
	return (e + s>>slotBits) % 32, s % slots
}

//go:noinline
func (h *Histogram) grow(k uint) *[slots]uint64 {
	h.chunk[k] = new([slots]uint64)
	return h.chunk[k]
}

// bounds returns the first value of a slot and the last.
func bounds(chunk, slot int) (low, high int64) {
	e := max(chunk-1, 0)
	s := int64(slot)
	if chunk > 0 {
		s += slots
	}
	return s << e, (s+1)<<e - 1
}

// Count returns how many latencies were recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Percentile returns a value that p percent of the latencies do not exceed: the
// upper bound of the slot in which that percentile lies, its lower bound for p
// = 0. It is 0 when nothing was recorded.
func (h *Histogram) Percentile(p float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	want := uint64(max(min(p, 100), 0)/100*float64(h.total) + 0.5)
	want = min(max(want, 1), h.total)
	var seen uint64
	for k, c := range h.chunk {
		if c == nil {
			continue
		}
		for s, n := range c {
			if seen += n; seen >= want {
				low, high := bounds(k, s)
				if p == 0 {
					return time.Duration(low)
				}
				return time.Duration(high)
			}
		}
	}
	panic("hist: counts add up to less than their total")
}

// Buckets yields, in microseconds, bounds that double and how many latencies do
// not exceed them: 1, 2, 4, 8, 16, 33, 66 … 1073741. A bound with no more than
// the one before is left out. It is the list LATENCY HISTOGRAM shows: a bound is
// the end of the slot that begins at a power of two of nanoseconds, 1024 or
// more, which is why they are a little more than powers of two.
func (h *Histogram) Buckets() iter.Seq2[int64, uint64] {
	return func(yield func(int64, uint64) bool) {
		const first = 10 - slotBits + 1 // the chunk that begins at 1024
		var below, told uint64          // recorded in chunks before k; yielded last
		for k, c := range h.chunk {
			if c == nil {
				c = &none
			}
			if n := below + c[0]; k >= first && n > told {
				_, high := bounds(k, 0)
				if !yield(high/1000, n) {
					return
				}
				told = n
			}
			for _, n := range c {
				below += n
			}
		}
		if below > told {
			_, high := bounds(chunks-1, slots-1)
			yield(high/1000, below)
		}
	}
}

// none stands for a chunk that does not exist. Nobody writes it.
var none [slots]uint64

// Merge adds what other counted: the histograms of several shards are shown as
// one.
func (h *Histogram) Merge(other *Histogram) {
	for k, c := range other.chunk {
		if c == nil {
			continue
		}
		to := h.chunk[k]
		if to == nil {
			to = h.grow(uint(k))
		}
		for s, n := range c {
			to[s] += n
		}
	}
	h.total += other.total
}

// Reset forgets everything and gives the memory back.
func (h *Histogram) Reset() { *h = Histogram{} }

// Bytes returns the memory in use.
func (h *Histogram) Bytes() int {
	n := int(unsafe.Sizeof(*h))
	for _, c := range h.chunk {
		if c != nil {
			n += int(unsafe.Sizeof(*c))
		}
	}
	return n
}
