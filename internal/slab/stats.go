package slab

import (
	"fmt"
	"math/bits"
	"strings"
)

// Stats is what the arena holds and how well it is used.
//
//	Held = Used + Slack + Dirty + Clean + Spare
type Stats struct {
	Used  int64 // class bytes of live blocks
	Held  int64 // taken from the system
	Slack int64 // free blocks and tails in spans that have live blocks
	Dirty int64 // free slots that may hold memory; Purge gives it back
	Clean int64 // free slots never touched, or discarded: no memory behind them
	Spare int64 // freed huge blocks kept for the next of their size

	Chunks     int // of spans, the nursery among them
	Spans      int
	HugeBlocks int // live
	HugeBytes  int64

	Classes []ClassStats // those with spans, by size
}

// ClassStats is one size class.
type ClassStats struct {
	Size  int // of a block
	Spans int
	Live  int // blocks in use
	Free  int // blocks not in use, in the class's spans
}

// Stats counts everything, in time proportional to the number of spans.
func (a *Arena) Stats() Stats {
	if a.guard != nil {
		a.guard.flush(a)
	}
	st := Stats{Used: a.used, Held: a.held, Spare: a.spareBytes}
	var classes [numClasses]ClassStats
	for x, t := range a.chunks {
		d := t.desc
		switch {
		case d == nil:
		case d.huge != 0:
			st.HugeBlocks++
			st.HugeBytes += int64(d.huge)
		default:
			st.Chunks++
			slotBytes := int64(8) << d.shift
			dirty := int64(bits.OnesCount16(d.dirty)) * slotBytes
			st.Dirty += dirty
			st.Clean += int64(bits.OnesCount16(d.free))*slotBytes - dirty
			if x == nurseryChunk {
				st.Clean += slotBytes // the slot nobody uses
			}
			d.count(&classes, &st)
		}
	}
	st.HugeBlocks -= len(a.spare)
	st.HugeBytes -= a.spareBytes
	for _, c := range classes {
		if c.Spans > 0 {
			st.Classes = append(st.Classes, c)
		}
	}
	return st
}

// count adds the spans of d.
func (d *chunk) count(classes *[numClasses]ClassStats, st *Stats) {
	for i := range d.spans {
		s := &d.spans[i]
		if s.slots == 0 || d.free>>i&1 != 0 {
			continue
		}
		c := &classes[s.class]
		c.Size = int(s.size) * 8
		c.Spans++
		c.Live += int(s.live)
		c.Free += int(s.blocks(d)) - int(s.live)
		st.Spans++
		st.Slack += int64(8)<<d.shift*int64(s.slots) - int64(s.live)*int64(s.size)*8
	}
}

// String returns a report for people, as MEMORY MALLOC-STATS gives it.
func (st Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "held %d = used %d + slack %d + dirty %d + clean %d + spare %d\n",
		st.Held, st.Used, st.Slack, st.Dirty, st.Clean, st.Spare)
	fmt.Fprintf(&b, "chunks %d, spans %d, huge blocks %d of %d bytes\n",
		st.Chunks, st.Spans, st.HugeBlocks, st.HugeBytes)
	fmt.Fprintf(&b, "%10s %8s %10s %10s %6s\n", "size", "spans", "live", "free", "full")
	for _, c := range st.Classes {
		fmt.Fprintf(&b, "%10d %8d %10d %10d %5d%%\n", c.Size, c.Spans, c.Live, c.Free, 100*c.Live/(c.Live+c.Free))
	}
	return b.String()
}
