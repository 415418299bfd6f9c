package quicklist

import (
	"github.com/redweave/redweave/internal/lzf"
	"github.com/redweave/redweave/internal/slab"
)

// This file keeps the nodes in the middle of a list compressed.
//
//	depth 2     [raw] [raw] [lzf] [lzf] … [lzf] [raw] [raw]
//	head ────────┘                                   └──── tail

const (
	minPack = 48 // smaller contents are not worth the work
	minGain = 8  // bytes that packing must save
)

// settle brings compression back to the rule after nodes came or went near an
// end, or node r was changed: the outer depth nodes are unpacked, the ones
// behind those and r itself are packed. It costs depth steps, nothing without
// compression.
func (l *List) settle(r slab.Ref) {
	if l.depth > 0 {
		l.settleSlow(r)
	}
}

func (l *List) settleSlow(r slab.Ref) {
	front, back := l.head, l.tail
	for i := 0; i < l.depth && front != slab.Nil; i++ {
		f, b := l.at(front), l.at(back)
		l.unpack(f)
		l.unpack(b)
		if front == back || f.next == back {
			return // all nodes are within the depth
		}
		if front == r || back == r {
			r = slab.Nil
		}
		front, back = f.next, b.prev
	}
	if front == slab.Nil {
		return
	}
	l.pack(l.at(front))
	l.pack(l.at(back))
	if r != slab.Nil {
		l.pack(l.at(r))
	}
}

// pack compresses n's content if that saves enough.
func (l *List) pack(n *node) {
	if n.flags&flagLZF != 0 || n.size < minPack || n.size > 1<<30 {
		return
	}
	raw := l.content(n)
	scratch := l.a.Alloc(len(raw)) // returned below, so never counted
	tmp := l.a.Bytes(scratch, len(raw)-minGain)
	if size := lzf.Compress(tmp, raw); size > 0 {
		data, class := l.alloc(size)
		copy(l.a.Bytes(data, size), tmp)
		l.freeData(n)
		n.data, n.room8 = data, uint32(class/8)
		n.off, n.size = uint32(len(raw)), uint64(size)
		n.flags |= flagLZF
	}
	l.a.Free(scratch)
}

// unpack makes n's content plain bytes again.
func (l *List) unpack(n *node) {
	if n.flags&flagLZF != 0 {
		l.unpackSlow(n)
	}
}

func (l *List) unpackSlow(n *node) {
	size := int(n.off)
	data, class := l.alloc(size)
	mustExpand(l.a.Bytes(data, size), l.content(n))
	l.freeData(n)
	n.data, n.room8 = data, uint32(class/8)
	n.off, n.size = 0, uint64(size)
	n.flags &^= flagLZF
}

// read returns n's content unpacked: in place, or in *buf, which it grows as
// needed.
func (l *List) read(n *node, buf *[]byte) []byte {
	if n.flags&flagLZF == 0 {
		return l.content(n)
	}
	return l.readSlow(n, buf)
}

func (l *List) readSlow(n *node, buf *[]byte) []byte {
	size := int(n.off)
	if cap(*buf) < size {
		*buf = make([]byte, size)
	}
	mustExpand((*buf)[:size], l.content(n))
	return (*buf)[:size]
}

// mustExpand unpacks what pack made.
func mustExpand(dst, src []byte) {
	if !lzf.Expand(dst, src) {
		panic("quicklist: a compressed node does not unpack to its size")
	}
}
