package skiplist

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// A node is one block, and at the same time the element of a [dict.Table] whose
// keyOff is [KeyOff]:
//
//	0        8       13      14      19                       tower
//	| score  | next  | level | prev  | klen | member … | pad  | link 1 | link 2 | … |
//	  f64      Ref 5   u8      Ref 5   as dict lays it out      24 B each, level-1 of them
//
// next and prev chain all members (level 0). Three nodes in four are of level 1
// and have no tower. For the others link i, at level i, is
//
//	0        8                  16     20
//	| score  | next 40 | level  | span | tower |
//	  of next  Ref       of next  u32    u32, where in its block next's links begin
//
// The score of the next node is in the link, so that a search that must not go
// on there learns it without touching that node. For the same reason a link
// tells where the next node's links begin: otherwise the length of the member
// had to be read first. Against a tower of {next, span} this takes a quarter off
// a search among 100,000 members, for 3 bytes a member.
//
// span is the distance to next in members. Where there is no next, it is the
// distance to the last member, and score is +Inf, which ends searches.
//
// The list's head is a node with an empty member and room for a tower that grows
// with the list. A node "user:1234567" takes 19+1+12 = 32 bytes with level 1, and
// 56 with level 2.

// KeyOff is where a node's member stands: the keyOff of a dict over nodes.
const KeyOff = prevAt + slab.RefBytes

const (
	nextAt  = 8
	levelAt = nextAt + slab.RefBytes
	prevAt  = levelAt + 1

	linkSize = 24
	refMask  = 1<<40 - 1
)

type link struct {
	score float64
	to    uint64 // Ref of the next node, its level above
	span  uint32
	tower uint32
}

var _ [linkSize]byte = [unsafe.Sizeof(link{})]byte{}

func (k *link) next() slab.Ref { return slab.Ref(k.to & refMask) }

// toNode is the word `to` of a link to r.
func toNode(r slab.Ref, level int) uint64 { return uint64(r) | uint64(level)<<40 }

// The functions below read and write fields of the node at p. They stay in its
// block because every node has at least KeyOff+1 bytes, rounded up to 24, and
// the loads of 8 bytes end at byte 16 and 19. Words are little-endian, so that
// neighbouring fields are where the picture says on any machine.

func score(p unsafe.Pointer) float64         { return *(*float64)(p) }
func setScore(p unsafe.Pointer, s float64)   { *(*float64)(p) = s }
func level(p unsafe.Pointer) int             { return int(*(*uint8)(unsafe.Add(p, levelAt))) }
func word(p unsafe.Pointer, at int) *[8]byte { return (*[8]byte)(unsafe.Add(p, at)) }

func next(p unsafe.Pointer) slab.Ref {
	return slab.Ref(binary.LittleEndian.Uint64(word(p, nextAt)[:]) & refMask)
}

func setNext(p unsafe.Pointer, r slab.Ref) {
	w := word(p, nextAt)[:]
	binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)&^refMask|uint64(r))
}

// prev is the upper five bytes of the word that ends where the member begins.
const prevWord = KeyOff - 8

func prev(p unsafe.Pointer) slab.Ref {
	return slab.Ref(binary.LittleEndian.Uint64(word(p, prevWord)[:]) >> 24)
}

func setPrev(p unsafe.Pointer, r slab.Ref) {
	w := word(p, prevWord)[:]
	binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)&(1<<24-1)|uint64(r)<<24)
}

// member returns the node's member. The range is the one dict.PutKey wrote.
func member(p unsafe.Pointer) []byte {
	if n := int(*(*uint8)(unsafe.Add(p, KeyOff))); n < 255 {
		return unsafe.Slice((*byte)(unsafe.Add(p, KeyOff+1)), n)
	}
	return longMember(p)
}

//go:noinline
func longMember(p unsafe.Pointer) []byte {
	b, _ := dict.Key(unsafe.Slice((*byte)(unsafe.Add(p, KeyOff)), 5+longLen(p)))
	return b
}

func longLen(p unsafe.Pointer) int {
	return int(binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(p, KeyOff+1))[:]))
}

// towerAt returns where the links of a node with a member of n bytes begin.
func towerAt(n int) int { return (KeyOff + dict.KeySize(n) + 7) &^ 7 }

// nodeSize returns the bytes of a node.
func nodeSize(n, level int) int {
	if level == 1 {
		return KeyOff + dict.KeySize(n)
	}
	return towerAt(n) + linkSize*(level-1)
}

// tower returns where the links of the node at p begin.
func tower(p unsafe.Pointer) unsafe.Pointer {
	if n := int(*(*uint8)(unsafe.Add(p, KeyOff))); n < 255 {
		return unsafe.Add(p, (KeyOff+1+n+7)&^7)
	}
	return unsafe.Add(p, towerAt(longLen(p)))
}

// towerOf is tower for a node that may be of level 1 and end where its tower
// would begin: there must be no pointer to that place.
func towerOf(p unsafe.Pointer, lev int) unsafe.Pointer {
	if lev == 1 {
		return p
	}
	return tower(p)
}

// at returns link i >= 1 of the tower at t. The node is of a level above i: a
// search goes down from the head, whose tower is as high as the list, along
// links of level i, which lead to nodes that have one.
func at(t unsafe.Pointer, i int) *link {
	return (*link)(unsafe.Add(t, (i-1)*linkSize))
}

// follow returns the node k leads to, and its tower.
func (l *List) follow(k *link) (p, t unsafe.Pointer) {
	p = l.a.Ptr(slab.Ref(k.to & refMask))
	return p, unsafe.Add(p, k.tower)
}

// before reports whether node r's member is less than m: asked when scores are
// equal, or all that counts.
func (l *List) before(r slab.Ref, m []byte) bool {
	return bytes.Compare(member(l.a.Ptr(r)), m) < 0
}
