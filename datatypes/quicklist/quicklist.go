// Package quicklist is the large form of a list: a doubly linked list of
// nodes, each a listpack of a few kilobytes, so that both ends are cheap and
// the links cost next to nothing an element.
//
//	l := quicklist.New(arena, -2, 0) // nodes of up to 8 KB, none compressed
//	l.PushTail([]byte("a"))
//	l.PushHead([]byte("7"))
//	for c := l.Seek(0); ; {
//		v, ok := c.Next() // 7 as an integer, then "a"
//		…
//	}
//
// # Costs
//
// Push, pop and peek take constant time at either end and allocate no Go
// memory. Reaching an index walks whole nodes from the nearer end, then
// elements from the nearer end of one node. An insert or a removal in the
// middle moves the bytes of one node.
//
// # Who may call
//
// One goroutine owns a List. Reading methods write nothing, neither in the List
// nor in its blocks, so several goroutines may read while nobody writes.
//
// # Bytes
//
// Elements passed in are copied and must not come from the same list. Values
// handed out alias a node: they are good until the list is next changed, and
// those of a [Cursor] or of Index on a compressed list until that cursor's next
// step.
//
// # What it does not do
//
// It does not fall back to a listpack when it becomes small: package list
// decides that. Nodes that were made sparse by removals are not merged until an
// insert next to them splits a node; Redis does the same, and OBJECT ENCODING
// shows it.
package quicklist

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// A quicklist is a chain of nodes. The idea, the limits and the rules for
// splitting and merging are those of Matt Stancliff's quicklist in Redis; the
// node with room at both ends is ours.
//
//	List ─ head ─> ┌ node ┐ <── next ──> ┌ node ┐ <──────────> ┌ node ┐ <─ tail
//	               │ data │              │ data │              │ data │
//	               └──┬───┘              └──┬───┘              └──┬───┘
//	                  v                     v                     v
//	        | gap | listpack |    | lzf of a listpack |   | one large element |
//	               packed                packed, lzf             plain
//
// A node is a 48-byte slab block, its content another one behind it. Two blocks
// rather than one, because then
//   - a node's content can grow, be split or be packed without its neighbours'
//     links being touched,
//   - a content block is exactly the fill limit (8192 bytes), which is a size
//     class, instead of a little more, which would waste an eighth of it,
//   - seeking an index walks small blocks that lie together, not one line out
//     of every 8 KB.
//
// # Room at both ends
//
// In a packed node the listpack lies anywhere inside its block:
//
//	0          off                  off+size          room
//	|<- gap  ->| hdr | e | e | … | FF |<-    gap   ->|
//
// An element of a listpack carries nothing about its neighbours, so elements can
// come and go at the front too, without moving the rest: only the 6-byte header
// is written anew, before the element that is first now. A push at the head
// costs what a push at the tail costs, where Redis moves the whole node (4 KB on
// the average); so does a pop. A node born by a push at the head starts at the
// far end of its block and grows towards its beginning.
//
// When an end has no room left, free bytes at the other end are used by sliding
// the listpack; three quarters of what is free go to the side that asked, so a
// deque fed at both ends slides seldom. Without enough free bytes the block is
// doubled up to the fill limit. Once a list has several nodes, a new node takes
// at once the size its neighbour reached.
//
// # Fill limits
//
//	-1 … -5    4, 8, 16, 32, 64 KB of listpack a node
//	n > 0      n elements a node, and at most 8 KB (0 counts as 1)
//
// An element beyond the byte limit, or of at least the packed threshold when one
// is set, is a plain node of its own: its bytes without any framing.
//
// # Compression
//
// With depth d > 0, nodes other than the first d and the last d are kept as LZF
// where that saves something. A change of such a node unpacks it in place and
// packs it again; a read unpacks into the reader's buffer, because readers
// write nothing.
//
// Invariants, verified by Check:
//   - following next from head visits nodes nodes and ends at tail; prev is its
//     reverse
//   - no node is empty; counts of nodes add up to count
//   - a packed node's content, unpacked, is a valid listpack of count elements;
//     a plain node has count 1 and is not smaller than its block
//   - off+size <= room, room is the class size of the data block
//   - among the first and last depth nodes none is compressed; with depth 0 none
//   - mem is the sum of the class sizes of all blocks

const (
	headerSize = 6    // of a listpack: u32 total, u16 number of elements
	endByte    = 0xFF // of a listpack

	// entryOverhead is what Redis reckons for an element's framing when it
	// decides whether it still fits. Never less than what a listpack adds to
	// an element below 64 KB.
	entryOverhead = 8

	// safetyLimit bounds a node whose limit is a number of elements.
	safetyLimit = 8192
)

// Node flags.
const (
	flagPlain = 1 << iota // content is one element's bytes
	flagLZF               // content is compressed; off is its unpacked size
)

type node struct {
	prev, next slab.Ref
	data       slab.Ref
	size       uint64 // bytes of content
	count      uint32 // elements
	off        uint32 // where content begins in the block; see flagLZF
	room8      uint32 // size of the data block, in units of 8 bytes
	flags      uint32
}

const nodeSize = int(unsafe.Sizeof(node{}))

func (n *node) room() int    { return int(n.room8) * 8 }
func (n *node) packed() bool { return n.flags&flagPlain == 0 }

// A List is a quicklist. Make one with [New].
type List struct {
	a          *slab.Arena
	head, tail slab.Ref
	count      int // elements
	nodes      int
	maxBytes   int // fill limit: bytes of a listpack
	maxCount   int // fill limit: elements of a node
	large      int // elements of this many bytes on are plain
	depth      int
	mem        int64
}

var _ datatypes.Object = (*List)(nil)

// New returns an empty list over a, with Redis's list-max-listpack-size and
// list-compress-depth.
func New(a *slab.Arena, fill, depth int) *List {
	l := &List{a: a, depth: max(depth, 0)}
	l.maxBytes, l.maxCount = Limits(fill)
	l.SetPackedThreshold(0)
	return l
}

// Limits translates list-max-listpack-size into the bytes and the elements a
// listpack may have.
func Limits(fill int) (maxBytes, maxCount int) {
	if fill < 0 {
		return 4096 << (min(-fill, 5) - 1), math.MaxInt
	}
	return safetyLimit, max(fill, 1)
}

// SetPackedThreshold makes elements of n bytes or more plain nodes; 0 returns
// to the rule that those beyond the fill limit are.
func (l *List) SetPackedThreshold(n int) {
	if n <= 0 {
		n = l.maxBytes + 1
	}
	l.large = n
}

// Len returns the number of elements.
func (l *List) Len() int { return l.count }

// Nodes returns the number of nodes.
func (l *List) Nodes() int { return l.nodes }

// Effort implements [datatypes.Object]: the number of nodes.
func (l *List) Effort() int { return l.nodes }

// Bytes returns the memory of the list's blocks and of the List itself.
func (l *List) Bytes() int64 { return l.mem + int64(unsafe.Sizeof(*l)) }

// Single returns the listpack of the only node, nil when the list has not
// exactly one node or that one is plain.
func (l *List) Single() []byte {
	if l.nodes != 1 {
		return nil
	}
	if n := l.at(l.head); n.flags == 0 {
		return l.content(n)
	}
	return nil
}

// PushTail adds elem behind the last element.
func (l *List) PushTail(elem []byte) {
	if r := l.tail; r != slab.Nil {
		if n := l.at(r); l.fits(n, len(elem)) {
			l.appendTo(n, elem)
			l.verify()
			return
		}
	}
	l.newNode(l.tail, slab.Nil, elem, false)
}

// PushHead adds elem before the first element.
func (l *List) PushHead(elem []byte) {
	if r := l.head; r != slab.Nil {
		if n := l.at(r); l.fits(n, len(elem)) {
			l.prependTo(n, elem)
			l.verify()
			return
		}
	}
	l.newNode(slab.Nil, l.head, elem, true)
}

// Head returns the first element; ok is false when the list is empty.
func (l *List) Head() (v listpack.Value, ok bool) {
	if l.head == slab.Nil {
		return v, false
	}
	n := l.at(l.head)
	b := l.content(n)
	if !n.packed() {
		return listpack.Value{Str: b}, true
	}
	return listpack.Get(b, headerSize), true
}

// Tail returns the last element; ok is false when the list is empty.
func (l *List) Tail() (v listpack.Value, ok bool) {
	if l.tail == slab.Nil {
		return v, false
	}
	n := l.at(l.tail)
	b := l.content(n)
	if !n.packed() {
		return listpack.Value{Str: b}, true
	}
	return listpack.Get(b, listpack.Last(b)), true
}

// DropHead removes the first n elements, all when there are fewer.
func (l *List) DropHead(n int) {
	for n > 0 && l.head != slab.Nil {
		h := l.at(l.head)
		if n >= int(h.count) {
			n -= int(h.count)
			l.remove(l.head)
			continue
		}
		b := l.content(h)
		cut := uint32(listpack.Seek(b, n) - headerSize)
		h.off += cut
		h.size -= uint64(cut)
		l.took(h, n)
		break
	}
	l.verify()
}

// DropTail removes the last n elements, all when there are fewer.
func (l *List) DropTail(n int) {
	for n > 0 && l.tail != slab.Nil {
		t := l.at(l.tail)
		if n >= int(t.count) {
			n -= int(t.count)
			l.remove(l.tail)
			continue
		}
		b := l.content(t)
		p := listpack.Seek(b, -n)
		b[p] = endByte
		t.size = uint64(p + 1)
		l.took(t, n)
		break
	}
	l.verify()
}

// took notes that k elements left an end of n, whose off and size are already
// those of the rest, and writes the listpack's header there.
func (l *List) took(n *node, k int) {
	n.count -= uint32(k)
	l.count -= k
	putHeader(l.content(n), n.count)
}

// putHeader writes a listpack's 6-byte header: u32 total, u16 number of
// elements, where 65535 says "count them". This and the end byte are all that
// is written here without package listpack, which can edit at the tail only.
func putHeader(lp []byte, count uint32) {
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	binary.LittleEndian.PutUint16(lp[4:], uint16(min(count, math.MaxUint16)))
}

// fits reports whether an element of size bytes may still be added to n.
func (l *List) fits(n *node, size int) bool {
	return n.flags&flagPlain == 0 && size < l.large &&
		l.sizeOf(n)+size+entryOverhead <= l.maxBytes && int(n.count) < l.maxCount
}

// sizeOf returns the size of n's content when unpacked.
func (l *List) sizeOf(n *node) int {
	if n.flags&flagLZF != 0 {
		return int(n.off)
	}
	return int(n.size)
}

// appendTo adds elem at the end of a packed, uncompressed node.
func (l *List) appendTo(n *node, elem []byte) {
	need := listpack.MaxGrow(elem)
	if n.room()-int(n.off)-int(n.size) < need {
		l.makeRoom(n, need, false)
	}
	b := listpack.Append(l.content(n), elem)
	n.size = uint64(len(b))
	n.count++
	l.count++
}

// prependTo adds elem at the beginning of a packed, uncompressed node: into the gap
// before the listpack, whose header is written anew in front of it.
//
//	         | header | e0 | e1 …        before
//	| header | elem   | e0 | e1 …        after
//
// MaxGrow is exact for strings; an integer comes out shorter and moves up. Nothing of
// what is written is read again: the gap is mostly cold, and a load would wait for it.
func (l *List) prependTo(n *node, elem []byte) {
	need := listpack.MaxGrow(elem)
	if int(n.off) < need {
		l.makeRoom(n, need, true)
	}
	first := int(n.off) + headerSize
	b := l.a.Bytes(n.data, n.room())
	k := listpack.Encode(b[first-need:first], elem)
	if k < need {
		copy(b[first-k:first], b[first-need:first-need+k])
	}
	n.off -= uint32(k)
	n.size += uint64(k)
	n.count++
	l.count++
	putHeader(l.content(n), n.count)
}

// Release implements [datatypes.Object].
func (l *List) Release(b *slab.Batch, budget int) (done bool) {
	for ; budget > 0 && l.head != slab.Nil; budget -= 2 {
		n := (*node)(b.View().Ptr(l.head))
		r := l.head
		l.head = n.next
		b.Free(n.data)
		b.Free(r)
	}
	return l.head == slab.Nil
}

// Free gives all blocks back at once and leaves an empty list.
func (l *List) Free() {
	for r := l.head; r != slab.Nil; {
		n := l.at(r)
		next := n.next
		l.a.Free(n.data)
		l.a.Free(r)
		r = next
	}
	l.head, l.tail, l.count, l.nodes, l.mem = slab.Nil, slab.Nil, 0, 0, 0
}

// Clone returns a copy of the list over a.
func (l *List) Clone(a *slab.Arena) *List {
	c := *l
	c.a = a
	c.head, c.tail, c.count, c.nodes, c.mem = slab.Nil, slab.Nil, 0, 0, 0
	for r := l.head; r != slab.Nil; {
		n := l.at(r)
		m := c.link(c.tail, slab.Nil, int(n.size))
		copy(c.a.Bytes(m.data, int(n.size)), l.content(n))
		m.size, m.count, m.flags = n.size, n.count, n.flags
		if n.flags&flagLZF != 0 {
			m.off = n.off
		}
		c.count += int(n.count)
		r = n.next
	}
	return &c
}

// AppendListpack adds a copy of lp, a valid listpack, as a node behind the
// last; an empty one adds nothing. It is how a list is built from a smaller
// encoding or from a dump.
func (l *List) AppendListpack(lp []byte) {
	if listpack.First(lp) < 0 {
		return
	}
	n := l.link(l.tail, slab.Nil, len(lp))
	n.size, n.count = uint64(len(lp)), uint32(listpack.Len(lp))
	copy(l.a.Bytes(n.data, len(lp)), lp)
	l.count += int(n.count)
	l.settle(slab.Nil)
	l.verify()
}

// AppendPlain adds elem as a plain node behind the last.
func (l *List) AppendPlain(elem []byte) {
	l.newPlain(l.tail, slab.Nil, elem)
	l.settle(slab.Nil)
	l.verify()
}

// EachNode calls yield with the content of every node, a listpack or the bytes
// of one large element, until it returns false. A content is good until yield
// returns.
func (l *List) EachNode(yield func(plain bool, content []byte) bool) {
	var buf []byte
	for r := l.head; r != slab.Nil; {
		n := l.at(r)
		if !yield(!n.packed(), l.read(n, &buf)) {
			return
		}
		r = n.next
	}
}

// verify checks short lists after each change in builds that ask for it.
func (l *List) verify() {
	if invariants.Enabled && l.nodes < 6 {
		if err := l.Check(); err != nil {
			panic(err)
		}
	}
}
