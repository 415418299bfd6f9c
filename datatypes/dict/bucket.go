package dict

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/redweave/redweave/internal/slab"
)

// A bucket is one cache line: up to ten elements, each a one-byte tag (a piece
// of the hash that is compared before the key is) and a five-byte Ref.
//
//	0          8     10   11   12    14                                  64
//	| tag 0..7 | 8,9 | n  | o  | sieve | ref 0 | ref 1 | … | ref 8 | ref 9 |
//	                                                                 └ or link
//	n      elements in the line, dense from slot 0
//	o      elements in the overflow block, 0 when there is none
//	sieve  16 bits; bit t%16 is set when the overflow block holds a tag t
//
// An eleventh element does not fit. Then the tenth moves out with it, and its
// slot links to an overflow block that holds the two:
//
//	link ──> | ref | tag | ref | tag | …            o entries of six bytes
//
// The block is always as small as its entries allow and is replaced when their
// number changes, so it costs 8 bytes an element or less, cheaper than the
// room in a bucket: overflow costs time, not memory. The sieve saves most of
// that time for absent keys, which is what every insertion begins with.
//
// Invariants, verified by Table.Check:
//   - o == 0 and n <= 10, or o >= 2 and n == 9
//   - an occupied slot's tag is never 0; a free slot's, and the link's, is 0
//   - every element is in the bucket that its hash names, under its tag
//   - the sieve is exactly the tags of the overflow block
//
// Rejected: eight-byte pointers (seven a line, and the collector would walk
// them); a chain of further buckets (64 bytes for one element too many); nine
// slots with 16-bit tags (a false match costs a cache miss in 2.7 % of the
// lookups with 8 bits; a slot fewer costs more in overflow).
type bucket [bucketSize]byte

const (
	bucketSize = 64
	slots      = 10
	linkSlot   = slots - 1 // where the link stands
	inLine     = slots - 1 // elements left in the line of a bucket that overflows

	offN     = 10
	offO     = 11
	offSieve = 12
	offRef   = 14

	entrySize = 1 + slab.RefBytes
)

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// tagOf takes the hash's highest byte; addresses use its lowest bits. Zero is
// the sign of a free slot, so it is mapped to one.
func tagOf(h uint64) uint8 {
	t := uint8(h >> 56)
	if t == 0 {
		t = 1
	}
	return t
}

// zeroBytes sets the high bit of each byte of w that is zero, and nothing else.
func zeroBytes(w uint64) uint64 {
	return ^((w&^highBits + ^uint64(highBits)) | w | ^uint64(highBits))
}

// matches returns the slots that carry the tag, as a set of bits: slots 0..7 at
// bits 0, 8, … 56 and slots 8, 9 at bits 1 and 9, so that one loop walks all:
//
//	for m := …; m != 0; m &= m - 1 { i := slotOf(m) … }
//
// tail is the bucket's second word, which holds n, o and the sieve as well.
func (p *bucket) matches(tag uint8) (m, tail uint64) {
	pattern := uint64(tag) * lowBits
	tail = binary.LittleEndian.Uint64(p[8:16])
	m = zeroBytes(binary.LittleEndian.Uint64(p[0:8])^pattern) >> 7
	return m | zeroBytes(tail^pattern)&0x8080>>6, tail
}

// slotOf returns the slot of the lowest bit of a set that matches returned.
func slotOf(m uint64) int {
	i := bits.TrailingZeros64(m)
	return i>>3 | i&1<<3
}

// mayOverflow reports whether the overflow block may hold the tag.
func mayOverflow(tail uint64, tag uint8) bool {
	return tail>>(8*(offSieve-8))>>(tag&15)&1 != 0
}

// ref returns the Ref in slot i, 0..9. It loads eight bytes that end with the
// Ref's last: bytes 11+5i to 18+5i, inside the line for all ten slots.
func (p *bucket) ref(i int) slab.Ref {
	q := unsafe.Add(unsafe.Pointer(p), offRef-3+slab.RefBytes*i)
	return slab.Ref(binary.LittleEndian.Uint64((*[8]byte)(q)[:]) >> 24)
}

// setRef writes slot i, 0..9.
func (p *bucket) setRef(i int, r slab.Ref) {
	q := (*[slab.RefBytes]byte)(unsafe.Add(unsafe.Pointer(p), offRef+slab.RefBytes*i))
	binary.LittleEndian.PutUint32(q[:4], uint32(r))
	q[4] = byte(r >> 32)
}

// set fills slot i.
func (p *bucket) set(i int, e entry) {
	p[i] = e.tag
	p.setRef(i, e.ref)
}

func (p *bucket) get(i int) entry { return entry{ref: p.ref(i), tag: p[i]} }
func (p *bucket) n() int          { return int(p[offN]) }
func (p *bucket) o() int          { return int(p[offO]) }
func (p *bucket) len() int        { return p.n() + p.o() }
func (p *bucket) link() slab.Ref  { return p.ref(linkSlot) }

func (p *bucket) setSieve(s uint16) { binary.LittleEndian.PutUint16(p[offSieve:], s) }
func (p *bucket) sieve() uint16     { return binary.LittleEndian.Uint16(p[offSieve:]) }

// An entry is an element as the index knows it.
type entry struct {
	ref  slab.Ref
	tag  uint8
	klen uint8 // the key's length byte, used by split alone
}

func (e entry) sieveBit() uint16 { return 1 << (e.tag & 15) }

// overflow returns the bytes of p's overflow block, empty when there is none.
func overflow(v *slab.View, p *bucket) []byte {
	if p.o() == 0 {
		return nil
	}
	return v.Bytes(p.link(), entrySize*p.o())
}

func putEntry(b []byte, e entry) {
	slab.PutRef(b, e.ref)
	b[slab.RefBytes] = e.tag
}

func getEntry(b []byte) entry { return entry{ref: slab.GetRef(b), tag: b[slab.RefBytes]} }

// appendEntries appends all of p's elements to dst.
func appendEntries(v *slab.View, p *bucket, dst []entry) []entry {
	for i := range p.n() {
		dst = append(dst, p.get(i))
	}
	for b := overflow(v, p); len(b) > 0; b = b[entrySize:] {
		dst = append(dst, getEntry(b))
	}
	return dst
}

// appendRefs is appendEntries without the tags.
func appendRefs(v *slab.View, p *bucket, dst []slab.Ref) []slab.Ref {
	for i := range p.n() {
		dst = append(dst, p.ref(i))
	}
	for b := overflow(v, p); len(b) > 0; b = b[entrySize:] {
		dst = append(dst, slab.GetRef(b))
	}
	return dst
}
