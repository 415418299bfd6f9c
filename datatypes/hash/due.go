package hash

import (
	"unsafe"

	"github.com/redweave/redweave/internal/slab"
)

// A dueHeap orders the fields of a Table that have a TTL: a heap of four
// children a node, the earliest expiry at its root.
//
//	place    0 │ 1  2  3  4 │ 5 6 7 8  9 10 11 12  …      children of i: 4i+1 … 4i+4
//	         ┌─┴──────────┐
//	segment  │ expiry Ref │ × 256       4 KiB blocks of the arena
//	         └────────────┘
//
// Each element keeps its entry's place, so an expiry is changed or removed in
// O(log n); every move of an entry writes its new place into the element.
//
// Entries live in segments, so no insertion copies the heap: at a million TTLs
// a doubling would be a pause of milliseconds. The first segment starts with
// four entries and doubles, as most hashes with TTLs have few.
//
// Rejected: Redis's ebuckets, a radix tree of lists threaded through the
// elements, which costs more memory in every element with a TTL (24 bytes,
// here 20) and finds the fields due in a coarse order only. Four children
// rather than two: half the depth, and a node's children share a cache line.
//
// Invariants, verified by Table.Check:
//   - no entry expires before its parent
//   - the element an entry names has the entry's place
//   - there is a segment for each entry and at most one more, none when n is 0
type dueHeap struct {
	a     *slab.Arena
	segs  []slab.Ref
	first int // entries the first segment has room for
	n     int
}

// A dueEntry is a field's expiry and its element. It holds no Go pointer: it
// lives outside the collector's memory.
type dueEntry struct {
	at  int64
	ref slab.Ref
}

const (
	segLen    = 256
	segFirst  = 4
	entrySize = int(unsafe.Sizeof(dueEntry{}))
)

// at returns entry i, which must exist. It is good until the next push or
// remove.
//
// i < n, and there is a segment for every entry below n.
func (d *dueHeap) at(i int) *dueEntry {
	return (*dueEntry)(unsafe.Add(d.a.Ptr(d.segs[i/segLen]), i%segLen*entrySize))
}

// put writes an entry and tells its element.
func (d *dueHeap) put(i int, e dueEntry) {
	*d.at(i) = e
	setPlace(d.a, e.ref, i)
}

// push adds the element r, which has room for a place.
func (d *dueHeap) push(at int64, r slab.Ref) {
	if d.n == d.room() {
		d.grow()
	}
	d.n++
	d.up(d.n-1, dueEntry{at, r})
}

// update changes the expiry of entry i.
func (d *dueHeap) update(i int, at int64) { d.fix(i, dueEntry{at, d.at(i).ref}) }

// remove takes entry i out. Its element's place is then undefined.
func (d *dueHeap) remove(i int) {
	d.n--
	last := *d.at(d.n)
	if i < d.n {
		d.fix(i, last)
	}
	d.shrink()
}

// fix puts e, which belongs near i, where it belongs.
func (d *dueHeap) fix(i int, e dueEntry) {
	if i > 0 && e.at < d.at((i-1)/4).at {
		d.up(i, e)
	} else {
		d.down(i, e)
	}
}

// up puts e at i or above, moving later ancestors down.
func (d *dueHeap) up(i int, e dueEntry) {
	for i > 0 {
		parent := (i - 1) / 4
		p := *d.at(parent)
		if p.at <= e.at {
			break
		}
		d.put(i, p)
		i = parent
	}
	d.put(i, e)
}

// down puts e at i or below, moving earlier descendants up.
func (d *dueHeap) down(i int, e dueEntry) {
	for {
		least, at := -1, e.at
		for c := 4*i + 1; c <= min(4*i+4, d.n-1); c++ {
			if x := d.at(c).at; x < at {
				least, at = c, x
			}
		}
		if least < 0 {
			break
		}
		d.put(i, *d.at(least))
		i = least
	}
	d.put(i, e)
}

// count returns the number of entries of the subtree under i that are due.
func (d *dueHeap) count(i int, now int64) int {
	if i >= d.n || d.at(i).at > now {
		return 0
	}
	n := 1
	for c := 4*i + 1; c <= 4*i+4; c++ {
		n += d.count(c, now)
	}
	return n
}

func (d *dueHeap) room() int {
	if len(d.segs) == 0 {
		return 0
	}
	return d.first + (len(d.segs)-1)*segLen
}

func (d *dueHeap) grow() {
	if len(d.segs) != 0 && d.first == segLen {
		d.segs = append(d.segs, d.a.Alloc(segLen*entrySize))
		return
	}
	first := max(2*d.first, segFirst)
	r := d.a.Alloc(first * entrySize)
	if len(d.segs) == 0 {
		d.segs = append(d.segs, r)
	} else {
		copy(d.a.Bytes(r, d.n*entrySize), d.a.Bytes(d.segs[0], d.n*entrySize))
		d.a.Free(d.segs[0])
		d.segs[0] = r
	}
	d.first = first
}

// shrink gives back what no entry needs, but for one segment: a heap whose
// size wavers about a segment's end does not allocate.
func (d *dueHeap) shrink() {
	for d.n == 0 && len(d.segs) > 0 || len(d.segs) > 1 && d.room()-d.n >= 2*segLen {
		d.a.Free(d.popSegment())
	}
}

func (d *dueHeap) segments() int { return len(d.segs) }

func (d *dueHeap) popSegment() slab.Ref {
	last := len(d.segs) - 1
	r := d.segs[last]
	d.segs = d.segs[:last]
	if last == 0 {
		d.segs, d.first = nil, 0
	}
	return r
}

func (d *dueHeap) bytes() (n int64) {
	for _, r := range d.segs {
		n += int64(d.a.Cap(r))
	}
	return n + int64(cap(d.segs))*int64(unsafe.Sizeof(slab.Nil))
}
