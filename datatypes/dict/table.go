package dict

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/bits"
	"unsafe"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/prefetch"
	"github.com/redweave/redweave/internal/slab"
)

// A Table is a linear hash table (Litwin, VLDB 1980; the addressing after
// Larson, CACM 1988). Buckets are numbered 0..n-1. Let 2^k be the largest power
// of two below n, or 1. A key's bucket is the lowest k+1 bits of its hash, or
// the lowest k when there is no such bucket yet:
//
//	k = 2, n = 6        0    1    2    3    4    5   (6)  (7)
//	                  ┌────┬────┬────┬────┬────┬────┐
//	hash bits          000  001   10   11  100  101
//	                  └─┬──┴─┬──┴────┴────┴─┬──┴─┬──┘
//	                    └ twins ────────────┘    │         next to split: 2,
//	                         └ twins ────────────┘         its twin will be 6
//
// Growing appends bucket n and moves there what belongs there out of one other
// bucket, its twin n-2^k; shrinking pours the last bucket back. Either way
// about a dozen elements move, never the table. The buckets before the split
// pointer are half as full as those behind it, so the number that overflow
// rises and falls once between two powers of two.
//
// When to split is a matter of memory: a table that grows adds a bucket
// whenever its load passes maxLoad, unless the memory for it would break the
// promise of 10 bytes a key. A table that shrinks gives buckets back below
// minLoad; the gap keeps a table of steady size from doing either.
//
// # Segments
//
// Buckets live in segments, blocks of the arena that are never moved:
//
//	dir  [0]        [1]        … [31]       [32]        [33]   …
//	      8 buckets  8            8          16          16    …   at most 4096
//
// The first 256 buckets come in segments of eight; from then on every doubling
// takes sixteen segments, so that the room ahead of the table is at most 1/16
// of it, up to a size past which the room no longer matters. Segment 0 starts
// with one bucket and is moved while it doubles to eight: a table of ten elements
// costs 64 bytes. All start at a cache line, as the arena's blocks of such sizes do.
//
// Invariants, verified by Check:
//   - n is 0 exactly when the table is empty, and then it owns no block
//   - mask+1 is the smallest power of two >= n
//   - dir has just the segments that buckets 0..n-1 need
//   - count, size and longest agree with a recount (longest is an upper bound)
//   - every bucket keeps the invariants of its type, and no key is there twice
type Table struct {
	a     *slab.Arena
	dir   []segment
	n     uint64 // buckets
	mask  uint64 // of the larger of the two address lengths in use
	count int
	upper int // count above which the next insertion splits
	lower int // count below which the next removal merges

	seed   maphash.Seed
	size   int64 // bytes of segments and overflow blocks
	keyOff uint32

	longest  uint16     // no bucket holds more elements
	maxMoved uint16     // most elements that one Insert has moved
	policy   policy     // when to split and merge
	first    [1]segment // dir's array while one segment is enough
}

// A segment is a run of buckets: the block's name, and its address, which spares
// every lookup the way through the arena's table of chunks.
type segment struct {
	p unsafe.Pointer
	r slab.Ref
}

// A policy says when a table splits and merges. It is constant but for checked
// builds and tests, which want splits, merges and overflow in small tables.
//
// The default load is as low as 10 bytes a key allow at every size. It makes an
// element in twelve overflow, one in nine between two powers of two. Splitting
// later than at 6.8 saves little memory, as what goes to the overflow blocks
// costs 8 bytes as well.
type policy struct {
	maxLoad, minLoad float32 // elements a bucket
	budget           float32 // bytes an element, beyond which a new segment waits
}

var defaultPolicy = policy{maxLoad: 6.8, minLoad: 4.4, budget: 9.7}

const (
	minShift     = 3  // log2 of the buckets in the first segments
	maxShift     = 12 // and in the last: 256 KiB
	perDoubling  = 16
	firstSegment = 1 << minShift
)

// nothing is what an empty table reads. It is never written.
var nothing bucket

// New returns an empty table for elements of a whose key stands keyOff bytes
// into their block. Tables that share a seed share hashes.
func New(a *slab.Arena, keyOff int, seed maphash.Seed) *Table {
	t := new(Table)
	t.Init(a, keyOff, seed)
	return t
}

// Init makes t an empty table, as New does. A Table must not be copied.
func (t *Table) Init(a *slab.Arena, keyOff int, seed maphash.Seed) {
	*t = Table{a: a, keyOff: uint32(keyOff), seed: seed, policy: defaultPolicy}
	if invariants.Enabled {
		t.policy = oddPolicy(seed)
	}
	t.clear()
}

// clear makes t look empty. What it held is the caller's business.
func (t *Table) clear() {
	t.first[0] = segment{p: unsafe.Pointer(&nothing)}
	t.dir = t.first[:]
	t.n, t.mask, t.count, t.upper, t.lower, t.size, t.longest = 0, 0, 0, 0, 0, 0, 0
}

// oddPolicy picks extremes, so that checked builds split, merge and overflow
// in tables of any size.
func oddPolicy(seed maphash.Seed) policy {
	max := float32(2 + maphash.Bytes(seed, nil)%12)
	return policy{maxLoad: max, minLoad: max * 0.6, budget: 1e6}
}

// Hash returns the key's hash, as the other methods want it.
func (t *Table) Hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

// Len returns the number of elements.
func (t *Table) Len() int { return t.count }

// Bytes returns the memory of the index: its blocks, and the directory of them.
// The elements and the Table itself are not in it.
func (t *Table) Bytes() int64 {
	if len(t.dir) == 1 {
		return t.size
	}
	return t.size + int64(cap(t.dir))*int64(unsafe.Sizeof(segment{}))
}

// KeyOf returns the key of the element r, which need not be in the table. It
// aliases the block.
func (t *Table) KeyOf(r slab.Ref) []byte { return keyAt(unsafe.Add(t.a.Ptr(r), t.keyOff)) }

// bucket returns the bucket of a hash. Any hash has one, even in an empty table.
//
// The number is masked without a branch, since no processor could predict it:
// b-n is negative, and its sign all ones, if bucket b exists; otherwise only
// the shorter mask is left.
func (t *Table) bucket(h uint64) *bucket {
	b := h & t.mask
	return t.at(b & (t.mask>>1 | uint64(int64(b-t.n)>>63)))
}

// at returns bucket b.
//
// The pointer is in range because dir has a segment for every bucket below n,
// segment i holds buckets of the same i, and the block under it belongs to t.
func (t *Table) at(b uint64) *bucket {
	i, shift := locate(b)
	return (*bucket)(unsafe.Add(t.dir[i].p, b&(1<<shift-1)*bucketSize))
}

// locate returns the segment of bucket b and log2 of the segment's length: four
// less than b's own log2, between 3 and 12.
func locate(b uint64) (i uint64, shift uint) {
	over := int64(bits.Len64(b|1<<(minShift+4)) - 5 - maxShift)
	s := uint(maxShift+over&(over>>63)) & 63 // maxShift + min(over, 0), without a branch
	return uint64(s-minShift)*perDoubling + b>>s, s
}

// Find returns the element with that key, or slab.Nil. h is Hash(key).
//
// The commonest keys, of 8 to 16 bytes, are compared here, in two words that may
// overlap: a lookup is two waits for memory, and the fewer instructions stand around
// them, the sooner the processor sees the next one's.
func (t *Table) Find(h uint64, key []byte) slab.Ref {
	p, tag, n := t.bucket(h), tagOf(h), len(key)
	m, tail := p.matches(tag)
	if uint(n-8) > 8 {
		return t.match(p, m, tail, tag, key)
	}
	k := unsafe.Pointer(unsafe.SliceData(key))
	for head, end := word(k, 0), word(k, n-8); m != 0; m &= m - 1 {
		r := p.ref(slotOf(m))
		// Both words are within the n bytes that the first byte promises.
		q := unsafe.Add(t.a.Ptr(r), t.keyOff)
		if int(*(*byte)(q)) == n && word(q, 1) == head && word(q, n-7) == end {
			return r
		}
	}
	if mayOverflow(tail, tag) {
		return t.matchOverflow(p, tag, key)
	}
	return slab.Nil
}

// PrefetchBucket and PrefetchElement are the two waits of Find, for callers who
// know lookups ahead: first all buckets are asked for, then the elements whose
// tags match, and each Find after that waits for nothing. Neither changes anything.
func (t *Table) PrefetchBucket(h uint64) { prefetch.T0(unsafe.Pointer(t.bucket(h))) }

// PrefetchElement asks for the element that Find(h, key) would look at first.
func (t *Table) PrefetchElement(h uint64) {
	p := t.bucket(h)
	if m, _ := p.matches(tagOf(h)); m != 0 {
		prefetch.Pair(t.a.Ptr(p.ref(slotOf(m)))) // most elements lie in two lines
	}
}

// match is Find among the slots m of a bucket, for keys of any length.
func (t *Table) match(p *bucket, m, tail uint64, tag uint8, key []byte) slab.Ref {
	for ; m != 0; m &= m - 1 {
		r := p.ref(slotOf(m))
		if sameKey(unsafe.Add(t.a.Ptr(r), t.keyOff), key) {
			return r
		}
	}
	if mayOverflow(tail, tag) {
		return t.matchOverflow(p, tag, key)
	}
	return slab.Nil
}

// sameKey compares a key with the one in an element. Keys of common lengths are
// compared eight bytes at a time, the last eight overlapping those before; all
// loads are within the n bytes of both.
func sameKey(p unsafe.Pointer, key []byte) bool {
	n := len(key)
	if n < 8 || n > 40 {
		return sameOddKey(p, key)
	}
	if int(*(*byte)(p)) != n {
		return false
	}
	p, q := unsafe.Add(p, 1), unsafe.Pointer(unsafe.SliceData(key))
	for i := 0; i < n-8; i += 8 {
		if word(p, i) != word(q, i) {
			return false
		}
	}
	return word(p, n-8) == word(q, n-8)
}

func word(p unsafe.Pointer, i int) uint64 { return *(*uint64)(unsafe.Add(p, i)) }

// sameOddKey is sameKey for keys of any length.
func sameOddKey(p unsafe.Pointer, key []byte) bool { return bytes.Equal(keyAt(p), key) }

func (t *Table) matchOverflow(p *bucket, tag uint8, key []byte) slab.Ref {
	for b := overflow(&t.a.View, p); len(b) > 0; b = b[entrySize:] {
		if e := getEntry(b); e.tag == tag && sameKey(unsafe.Add(t.a.Ptr(e.ref), t.keyOff), key) {
			return e.ref
		}
	}
	return slab.Nil
}

// Insert adds the element r, whose key has the hash h. The caller knows that
// no element with that key is present.
func (t *Table) Insert(h uint64, r slab.Ref) {
	if invariants.Enabled {
		t.checkInsert(h, r)
	}
	if t.count >= t.upper {
		t.grow()
	}
	p := t.bucket(h)
	if n := p.n(); n < slots && p.o() == 0 {
		p.set(n, entry{ref: r, tag: tagOf(h)})
		p[offN]++
	} else {
		t.insertOverflow(p, entry{ref: r, tag: tagOf(h)})
	}
	t.count++
}

// insertOverflow adds an element to a bucket whose line is full.
func (t *Table) insertOverflow(p *bucket, e entry) {
	o := p.o()
	if o == 0 { // the tenth element makes room for the link
		last := p.get(linkSlot)
		t.setOverflowLen(p, 2)
		b := overflow(&t.a.View, p)
		putEntry(b, last)
		putEntry(b[entrySize:], e)
		p.setSieve(last.sieveBit() | e.sieveBit())
		p[offN] = inLine
	} else {
		t.setOverflowLen(p, o+1)
		putEntry(overflow(&t.a.View, p)[entrySize*o:], e)
		p.setSieve(p.sieve() | e.sieveBit())
	}
	t.longest = max(t.longest, uint16(p.len()))
}

// setOverflowLen gives p's overflow block the size for o entries, 0 or more,
// and keeps what it holds of the first o. The link's tag is left alone when
// there is no block any more: the slot is then the caller's to fill.
func (t *Table) setOverflowLen(p *bucket, o int) {
	was := p.o()
	oldSize, newSize := slab.ClassSize(entrySize*was), slab.ClassSize(entrySize*o)
	if was == 0 {
		oldSize = 0
	}
	if o == 0 {
		newSize = 0
	}
	if oldSize != newSize {
		old, r := p.link(), slab.Nil
		if o > 0 {
			r = t.a.Alloc(entrySize * o)
			if was > 0 {
				copy(t.a.Bytes(r, entrySize*o), t.a.Bytes(old, entrySize*was))
			}
			p.set(linkSlot, entry{ref: r})
		}
		if was > 0 {
			t.a.Free(old)
		}
		t.size += int64(newSize - oldSize)
	}
	p[offO] = byte(o)
}

// Replace puts the block new in the place of old: the element moved, its key
// and so its hash h are the same.
func (t *Table) Replace(h uint64, old, new slab.Ref) {
	p := t.bucket(h)
	if i := p.slot(h, old); i >= 0 {
		p.setRef(i, new)
		return
	}
	b, i := t.mustOverflow(p, h, old)
	slab.PutRef(b[entrySize*i:], new)
}

// slot returns the slot of p's line that holds the element r, or -1.
func (p *bucket) slot(h uint64, r slab.Ref) int {
	for m, _ := p.matches(tagOf(h)); m != 0; m &= m - 1 {
		if i := slotOf(m); p.ref(i) == r {
			return i
		}
	}
	return -1
}

// mustOverflow finds an element that is not in p's line: the overflow block,
// and the entry's index there.
func (t *Table) mustOverflow(p *bucket, h uint64, r slab.Ref) ([]byte, int) {
	b := overflow(&t.a.View, p)
	for i := range p.o() {
		if slab.GetRef(b[entrySize*i:]) == r {
			return b, i
		}
	}
	panic(fmt.Sprintf("dict: element %d of hash %#x is not in the table of %d elements", r, h, t.count))
}

// Remove takes the element r out; its key has the hash h. The block stays the
// caller's.
func (t *Table) Remove(h uint64, r slab.Ref) {
	p := t.bucket(h)
	i := p.slot(h, r)
	switch {
	case p.o() != 0:
		t.removeOverflow(p, i, h, r)
	case i >= 0:
		last := p.n() - 1
		p.set(i, p.get(last))
		p[last] = 0
		p[offN] = byte(last)
	default:
		t.mustOverflow(p, h, r)
	}
	t.count--
	if t.count < t.lower {
		t.shrink()
	}
}

// removeOverflow is Remove for a bucket with an overflow block. i is r's slot,
// -1 if it is in the block. The block's last entry fills the hole; when only
// ten elements are left, the other one of its last two returns to the line.
func (t *Table) removeOverflow(p *bucket, i int, h uint64, r slab.Ref) {
	o := p.o() - 1
	b := overflow(&t.a.View, p)
	last := getEntry(b[entrySize*o:])
	if i >= 0 {
		p.set(i, last)
	} else {
		b, i = t.mustOverflow(p, h, r)
		putEntry(b[entrySize*i:], last)
	}
	if o == 1 {
		only := getEntry(b)
		t.setOverflowLen(p, 0)
		p.set(linkSlot, only)
		p[offN] = slots
		p.setSieve(0)
		return
	}
	t.setOverflowLen(p, o)
	p.setSieve(sieveOf(overflow(&t.a.View, p)))
}

func sieveOf(b []byte) (s uint16) {
	for ; len(b) > 0; b = b[entrySize:] {
		s |= getEntry(b).sieveBit()
	}
	return s
}
