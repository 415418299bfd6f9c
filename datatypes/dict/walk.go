package dict

import (
	"iter"
	"math/bits"
	"math/rand/v2"

	"github.com/redweave/redweave/internal/slab"
)

// Scan takes one step of an iteration that starts with cursor 0 and ends when 0
// is returned. It yields the elements of one bucket and of its twin, overflow
// and all: some dozen on average.
//
// An element that is in the table from the first step to the last is yielded
// at least once, however the table grows and shrinks between steps; one that
// comes or goes meanwhile may be. yield may remove the element it is given, and
// no other, and must not insert.
//
// The cursor is Redis's (by Pieter Noordhuis): the number of a bucket among
// 2^k, counted up in its highest bit first. Doubling the table appends a high bit
// to bucket numbers, so the cursors already passed are those whose extensions
// by either bit have been passed; halving drops one, and a cursor resumes at
// the bucket that its unvisited half has been poured into. Linear hashing is
// between two doublings most of the time: as bucket and twin are taken
// together, it looks like the smaller table all along.
func (t *Table) Scan(cursor uint64, yield func(slab.Ref)) uint64 {
	if t.n == 0 {
		return 0
	}
	small := t.mask >> 1
	if t.n == t.mask+1 {
		small = t.mask
	}
	b := cursor & small

	// Collected first, as removing an element may merge buckets.
	var buf [2 * chain]slab.Ref
	all := appendRefs(&t.a.View, t.at(b), buf[:0])
	if twin := b + small + 1; twin < t.n {
		all = appendRefs(&t.a.View, t.at(twin), all)
	}
	for _, r := range all {
		yield(r)
	}
	return nextCursor(cursor, small)
}

// nextCursor adds one to the cursor's bits below mask, the highest bit being
// the first to change.
func nextCursor(cursor, mask uint64) uint64 {
	return bits.Reverse64(bits.Reverse64(cursor|^mask) + 1)
}

// ForEach calls f for each element until f returns false. f must neither insert
// nor remove; Replace is allowed.
func (t *Table) ForEach(f func(slab.Ref) bool) {
	for b := range t.n {
		var buf [chain]slab.Ref
		for _, r := range appendRefs(&t.a.View, t.at(b), buf[:0]) {
			if !f(r) {
				return
			}
		}
	}
}

// All is ForEach as an iterator, under the same conditions.
func (t *Table) All() iter.Seq[slab.Ref] { return t.ForEach }

// Random returns an element, each with the same probability, or slab.Nil of an
// empty table. It draws a bucket and a place below the length of the longest,
// until the place is taken: four or five draws on average, and no more than some
// dozens in practice.
func (t *Table) Random(rnd *rand.Rand) slab.Ref {
	if t.count == 0 {
		return slab.Nil
	}
	for {
		// One draw serves both: the bucket is the product's whole part, the
		// place comes from its fraction.
		b, fraction := bits.Mul64(rnd.Uint64(), t.n)
		place, _ := bits.Mul64(fraction, uint64(max(t.longest, slots)))
		p := t.at(b)
		i := int(place)
		switch n := p.n(); {
		case i < n:
			return p.ref(i)
		case i < n+p.o():
			return slab.GetRef(overflow(&t.a.View, p)[entrySize*(i-n):])
		}
	}
}

// Sample appends n elements to dst, or all if there are fewer: those of
// neighbouring buckets, from a random one on. It is meant for eviction and
// expiry, which look at many elements and want no order. No element comes twice.
func (t *Table) Sample(rnd *rand.Rand, dst []slab.Ref, n int) []slab.Ref {
	if t.count == 0 {
		return dst
	}
	b, _ := bits.Mul64(rnd.Uint64(), t.n)
	for range t.n {
		var buf [chain]slab.Ref
		refs := appendRefs(&t.a.View, t.at(b), buf[:0])
		if len(refs) >= n {
			return append(dst, refs[:n]...)
		}
		dst = append(dst, refs...)
		n -= len(refs)
		if b++; b == t.n {
			b = 0
		}
	}
	return dst
}

// Release gives about budget blocks back through b, and reports whether the
// table is gone. elem is called for each element, to put its block into b as
// well. It may run on another goroutine than the table's former owner: it reads
// through b's view, and takes nothing from the arena.
//
// The table is taken down from its last bucket; what is not released yet is
// still a valid table for Release, but for nothing else.
func (t *Table) Release(b *slab.Batch, budget int, elem func(slab.Ref)) (done bool) {
	for stop := b.Len() + budget; t.n > 0; {
		if b.Len() >= stop {
			return false
		}
		t.n--
		p := t.at(t.n)
		var buf [chain]slab.Ref
		refs := appendRefs(b.View(), p, buf[:0])
		if p.o() != 0 {
			b.Free(p.link())
		}
		t.count -= len(refs)
		if i, shift := locate(t.n); t.n&(1<<shift-1) == 0 {
			b.Free(t.dir[i].r)
			t.dir = t.dir[:i]
		}
		for _, r := range refs {
			elem(r)
		}
	}
	t.clear()
	return true
}
