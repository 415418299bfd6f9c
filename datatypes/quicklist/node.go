package quicklist

import (
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// This file keeps nodes: their blocks, their links, the room around a listpack.

// at returns the node named r. The pointer is into the arena's memory, which
// does not move: good until the node is freed.
func (l *List) at(r slab.Ref) *node { return (*node)(l.a.Ptr(r)) }

// content returns n's bytes as stored, with the capacity up to the end of the
// block.
func (l *List) content(n *node) []byte {
	off := int(n.off)
	if n.flags&flagLZF != 0 {
		off = 0
	}
	return l.a.Bytes(n.data, n.room())[off : off+int(n.size)]
}

// alloc takes a block for n bytes, 1 at least, and notes it.
func (l *List) alloc(n int) (r slab.Ref, class int) {
	n = max(n, 1)
	class = slab.ClassSize(n)
	l.mem += int64(class)
	return l.a.Alloc(n), class
}

func (l *List) freeData(n *node) {
	l.mem -= int64(n.room())
	l.a.Free(n.data)
}

// link makes a node with a data block of at least room bytes between prev and
// next. Its content is for the caller to set.
func (l *List) link(prev, next slab.Ref, room int) *node {
	r, _ := l.alloc(nodeSize)
	data, got := l.alloc(room)
	n := l.at(r)
	*n = node{prev: prev, next: next, data: data, room8: uint32(got / 8)}
	if prev == slab.Nil {
		l.head = r
	} else {
		l.at(prev).next = r
	}
	if next == slab.Nil {
		l.tail = r
	} else {
		l.at(next).prev = r
	}
	l.nodes++
	return n
}

// unlink takes the node out of the chain and frees it; its elements are no
// longer counted.
func (l *List) unlink(r slab.Ref) {
	n := l.at(r)
	if n.prev == slab.Nil {
		l.head = n.next
	} else {
		l.at(n.prev).next = n.next
	}
	if n.next == slab.Nil {
		l.tail = n.prev
	} else {
		l.at(n.next).prev = n.prev
	}
	l.count -= int(n.count)
	l.nodes--
	l.freeData(n)
	l.mem -= int64(slab.ClassSize(nodeSize))
	l.a.Free(r)
}

// remove unlinks a node; whoever took its place near an end is unpacked.
func (l *List) remove(r slab.Ref) {
	l.unlink(r)
	l.settle(slab.Nil)
}

// newNode puts elem into a node of its own between prev and next. atEnd says
// that the node will grow towards its beginning: its listpack then starts at
// the end of the block. It returns the node's name.
func (l *List) newNode(prev, next slab.Ref, elem []byte, atEnd bool) slab.Ref {
	if len(elem) >= l.large {
		l.newPlain(prev, next, elem)
	} else {
		neighbour := prev
		if neighbour == slab.Nil {
			neighbour = next
		}
		n := l.link(prev, next, l.firstRoom(neighbour, listpack.EmptySize+listpack.MaxGrow(elem)))
		if atEnd {
			n.off = uint32(n.room() - listpack.EmptySize)
		}
		listpack.AppendEmpty(l.content(n)) // content is empty: this writes at off
		n.size = listpack.EmptySize
		if atEnd {
			l.prependTo(n, elem)
		} else {
			l.appendTo(n, elem)
		}
	}
	r := l.head
	if prev != slab.Nil {
		r = l.at(prev).next
		l.trim(l.at(prev))
	}
	if next != slab.Nil {
		l.trim(l.at(next))
	}
	l.settle(r)
	l.verify()
	return r
}

func (l *List) newPlain(prev, next slab.Ref, elem []byte) {
	n := l.link(prev, next, len(elem))
	n.size, n.count, n.flags = uint64(len(elem)), 1, flagPlain
	copy(l.content(n), elem)
	l.count++
}

// firstRoom is how large a new node's block shall be at first: what its
// neighbour reached, since it will reach it too; a quarter of that while the
// list is short and an empty block would be a good part of all its memory.
func (l *List) firstRoom(neighbour slab.Ref, need int) int {
	guess := 0
	if neighbour != slab.Nil {
		if n := l.at(neighbour); n.flags == 0 {
			guess = int(n.size)
			if l.nodes < 4 {
				guess /= 4
			}
		}
	}
	return max(need, min(guess, l.maxBytes))
}

// makeRoom makes room for need more bytes at one end of a packed, uncompressed
// node: by sliding its listpack when enough of the block is free, or else in a
// larger block.
func (l *List) makeRoom(n *node, need int, front bool) {
	size, room := int(n.size), n.room()
	free := room - size
	after := free - int(n.off)
	if free < need || free < room/8 && room < l.maxBytes {
		room = max(size+need, min(2*room, l.maxBytes))
	}
	free = slab.ClassSize(room) - size
	give := max(need, free-free/4) // for the side that asked
	off := min(int(n.off), free-give)
	if front {
		off = free - min(after, free-give)
	}
	l.move(n, room, off)
}

// move puts n's content at off of a block of room bytes.
func (l *List) move(n *node, room, off int) {
	old := l.content(n)
	if slab.ClassSize(room) == n.room() {
		copy(l.a.Bytes(n.data, n.room())[off:], old)
		n.off = uint32(off)
		return
	}
	data, class := l.alloc(room)
	copy(l.a.Bytes(data, class)[off:], old)
	l.freeData(n)
	n.data, n.room8, n.off = data, uint32(class/8), uint32(off)
}

// trim gives back what a node that will hardly grow has too much, if that is
// more than an eighth.
func (l *List) trim(n *node) {
	if n.flags != 0 {
		return
	}
	if want := slab.ClassSize(int(n.size)); want < n.room()-n.room()/8 {
		l.move(n, want, 0)
	}
}

// shrunk notes that n's content is b now, edited in place, and that k elements
// went. An empty node is removed, a sparse one trimmed.
func (l *List) shrunk(r slab.Ref, n *node, b []byte, k int) {
	n.size = uint64(len(b))
	n.count -= uint32(k)
	l.count -= k
	if n.count == 0 {
		l.remove(r)
		return
	}
	if len(b) < n.room()/2 {
		l.trim(n)
	}
	l.settle(r)
}
