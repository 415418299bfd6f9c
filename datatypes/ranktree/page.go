package ranktree

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// A member is a block, and at the same time the element of a [dict.Table] whose
// keyOff is [KeyOff]:
//
//	0        8
//	| score  | klen | member … |        klen as dict has it
//	  f64
//
// A page is a block as well: a header, and its entries in columns, each with
// room for cap of them.
//
//	0     1     8             8+8c          8+13c         8+18c
//	|  n  | cap | keys …      | members …   | children …  | counts … |
//	  u8    u8    i64 each      Ref 5         Ref 5         u32
//
// Leaves have the first two columns only. An entry of a leaf is a member with
// the key of its score; an entry of an inner page is a child, with the key and
// the Ref of the first member under it, and the number of members under it.
//
// The columns are packed, so a Ref is loaded as the eight bytes that end where
// it does: what stands before it in the block, three bytes at least, is shifted
// out. cap is as many entries as the block's size class has room for. A leaf of
// 40 members takes 8 + 40·13 = 528 bytes, which the arena rounds up to 576, and
// has cap 43.
//
// A key is an integer in the order of scores, so that a search compares
// integers: the bits of a positive score, and those of a negative one with all
// but the sign inverted. Both zeros have the key 0.

// KeyOff is where a member's name stands in its block: the keyOff of a dict over
// members.
const KeyOff = 8

const (
	header     = 8
	leafWidth  = 8 + slab.RefBytes             // bytes of an entry
	innerWidth = leafWidth + slab.RefBytes + 4 // of an inner page
	fullPage   = 48                            // entries at most: cap is one byte
	loadBack   = 8 - slab.RefBytes             // how far before a Ref its load begins
	loadShift  = 8 * loadBack
)

// keyOf returns the key of a score, which is not NaN.
func keyOf(s float64) int64 {
	b := int64(math.Float64bits(s + 0)) // -0 + 0 is 0
	return b ^ int64(uint64(b>>63)>>1)
}

// The functions below read and write the member at p.

func score(p unsafe.Pointer) float64       { return *(*float64)(p) }
func setScore(p unsafe.Pointer, s float64) { *(*float64)(p) = s }

// memberAt returns the name. The range is the one dict.PutKey wrote.
func memberAt(p unsafe.Pointer) []byte {
	if n := int(*(*uint8)(unsafe.Add(p, KeyOff))); n < 255 {
		return unsafe.Slice((*byte)(unsafe.Add(p, KeyOff+1)), n)
	}
	return longMember(p)
}

//go:noinline
func longMember(p unsafe.Pointer) []byte {
	n := int(binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(p, KeyOff+1))[:]))
	b, _ := dict.Key(unsafe.Slice((*byte)(unsafe.Add(p, KeyOff)), 5+n))
	return b
}

// A page is the address of one. The methods that take an index trust that it is
// below cap: then all they touch lies in the block.
type page struct{ p unsafe.Pointer }

func (p page) n() int          { return int(*(*uint8)(p.p)) }
func (p page) cap() int        { return int(*(*uint8)(unsafe.Add(p.p, 1))) }
func (p page) setN(n int)      { *(*uint8)(p.p) = uint8(n) }
func (p page) setCap(c int)    { *(*uint8)(unsafe.Add(p.p, 1)) = uint8(c) }
func (p page) key(i int) int64 { return *(*int64)(unsafe.Add(p.p, header+8*i)) }

func (p page) setKey(i int, k int64) { *(*int64)(unsafe.Add(p.p, header+8*i)) = k }

// Where the columns behind the keys begin.
func (p page) members() unsafe.Pointer  { return unsafe.Add(p.p, header+8*p.cap()) }
func (p page) children() unsafe.Pointer { return unsafe.Add(p.p, header+leafWidth*p.cap()) }
func (p page) counts() unsafe.Pointer {
	return unsafe.Add(p.p, header+(leafWidth+slab.RefBytes)*p.cap())
}

// refAt returns entry i of a column of Refs.
func refAt(col unsafe.Pointer, i int) slab.Ref {
	q := (*[8]byte)(unsafe.Add(col, slab.RefBytes*i-loadBack))
	return slab.Ref(binary.LittleEndian.Uint64(q[:]) >> loadShift)
}

func setRefAt(col unsafe.Pointer, i int, r slab.Ref) {
	q := (*[slab.RefBytes]byte)(unsafe.Add(col, slab.RefBytes*i))
	binary.LittleEndian.PutUint32(q[:4], uint32(r))
	q[4] = byte(r >> 32)
}

func countAt(col unsafe.Pointer, i int) uint32 {
	return binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(col, 4*i))[:])
}

func addCount(col unsafe.Pointer, i int, d uint32) {
	b := (*[4]byte)(unsafe.Add(col, 4*i))[:]
	binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+d)
}

func (p page) member(i int) slab.Ref { return refAt(p.members(), i) }
func (p page) child(i int) slab.Ref  { return refAt(p.children(), i) }
func (p page) count(i int) uint32    { return countAt(p.counts(), i) }

// setFirst makes entry i begin with another member.
func (p page) setFirst(i int, k int64, r slab.Ref) {
	p.setKey(i, k)
	setRefAt(p.members(), i, r)
}

func (p page) setChild(i int, r slab.Ref) { setRefAt(p.children(), i, r) }
func (p page) setCount(i int, n uint32)   { addCount(p.counts(), i, n-p.count(i)) }

// below returns how many keys are less than k.
//
// It counts instead of halving: first by groups of eight keys, a cache line or
// so, then within the group where the place is. No comparison waits for another,
// no branch depends on one, and where the page is not in the cache its lines are
// fetched at the same time.
func (p page) below(k int64) int {
	n := p.n()
	groups := 0
	for i := 7; i < n; i += 8 {
		groups += less(p.key(i), k)
	}
	at := 8 * groups
	if at+8 > n {
		return at + p.belowTail(at, n, k)
	}
	q := page{unsafe.Add(p.p, 8*at)}
	return at + less(q.key(0), k) + less(q.key(1), k) + less(q.key(2), k) + less(q.key(3), k) +
		less(q.key(4), k) + less(q.key(5), k) + less(q.key(6), k)
}

func (p page) belowTail(at, n int, k int64) (c int) {
	for i := at; i < n; i++ {
		c += less(p.key(i), k)
	}
	return c
}

// less returns 1 if a < b, else 0.
func less(a, b int64) int {
	n := 0
	if a < b {
		n = 1
	}
	return n
}

// width returns the bytes of an entry of a page.
func width(inner bool) int {
	if inner {
		return innerWidth
	}
	return leafWidth
}

// An entry of a page. A leaf's has no child and count.
type entry struct {
	key    int64
	member slab.Ref
	child  slab.Ref
	count  uint32
}

func (p page) set(i int, inner bool, e *entry) {
	p.setFirst(i, e.key, e.member)
	if inner {
		p.setChild(i, e.child)
		p.setCount(i, e.count)
	}
}

// copyEntries copies n entries of q from index j on to p from index i on. The
// pages may be the same one.
func copyEntries(p page, i int, q page, j, n int, inner bool) {
	if n == 0 {
		return // no pointer may be made that leaves a block
	}
	move(unsafe.Add(p.p, header+8*i), unsafe.Add(q.p, header+8*j), 8*n)
	moveRefs(p.members(), i, q.members(), j, n)
	if inner {
		moveRefs(p.children(), i, q.children(), j, n)
		move(unsafe.Add(p.counts(), 4*i), unsafe.Add(q.counts(), 4*j), 4*n)
	}
}

func moveRefs(to unsafe.Pointer, i int, from unsafe.Pointer, j, n int) {
	move(unsafe.Add(to, slab.RefBytes*i), unsafe.Add(from, slab.RefBytes*j), slab.RefBytes*n)
}

// move copies n bytes, which lie within a block each.
func move(to, from unsafe.Pointer, n int) {
	copy(unsafe.Slice((*byte)(to), n), unsafe.Slice((*byte)(from), n))
}

// insert makes room at i, which p has, and puts e there.
func (p page) insert(i int, inner bool, e *entry) {
	n := p.n()
	if i < n {
		copyEntries(p, i+1, p, i, n-i, inner)
	}
	p.setN(n + 1)
	p.set(i, inner, e)
}

// remove takes n entries from i on out.
func (p page) remove(i, n int, inner bool) {
	end := p.n()
	if i+n < end {
		copyEntries(p, i, p, i+n, end-i-n, inner)
	}
	p.setN(end - n)
}

// total returns the number of members under p.
func (p page) total(inner bool) (sum uint32) {
	if !inner {
		return uint32(p.n())
	}
	for i := range p.n() {
		sum += p.count(i)
	}
	return sum
}
