package quicklist

import (
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// find returns the node of the element at index i, from the tail when negative,
// and the element's index in that node. It walks nodes from the nearer end.
func (l *List) find(i int) (slab.Ref, int) {
	if i < 0 {
		i += l.count
	}
	if i < 0 || i >= l.count {
		return slab.Nil, 0
	}
	if i <= l.count/2 {
		r := l.head
		for {
			n := l.at(r)
			if i < int(n.count) {
				return r, i
			}
			i -= int(n.count)
			r = n.next
		}
	}
	r := l.tail
	for end := l.count; ; {
		n := l.at(r)
		if end -= int(n.count); i >= end {
			return r, i - end
		}
		r = n.prev
	}
}

// Index returns the element at index i, from the tail when negative; ok is
// false when there is none.
func (l *List) Index(i int) (v listpack.Value, ok bool) {
	r, k := l.find(i)
	if r == slab.Nil {
		return v, false
	}
	var buf []byte
	n := l.at(r)
	b := l.read(n, &buf)
	if !n.packed() {
		return listpack.Value{Str: b}, true
	}
	return listpack.Get(b, listpack.Seek(b, k)), true
}

// A Cursor walks a list, or a lone listpack, in one direction:
//
//	for v, ok := c.Next(); ok; v, ok = c.Next() { … }
//
// It costs no Go memory, except on nodes that are compressed, and holds
// positions: the list must not change while it is in use. Use either Next or
// Prev with one cursor, not both.
type Cursor struct {
	lp  []byte // content of the node, unpacked
	p   int    // the element the next step returns; atPlain; none
	l   *List  // nil over a lone listpack
	r   slab.Ref
	buf []byte // for compressed nodes
}

// Positions that are no element of a listpack.
const (
	none    = -1
	atPlain = 0 // lp is the element
)

// Seek returns a cursor whose first step yields the element at index i, from
// the tail when negative; it yields nothing when there is none.
func (l *List) Seek(i int) Cursor {
	c := Cursor{l: l, p: none}
	r, k := l.find(i)
	if c.r = r; r == slab.Nil {
		return c
	}
	n := l.at(r)
	c.lp = l.read(n, &c.buf)
	if n.packed() {
		c.p = listpack.Seek(c.lp, k)
	} else {
		c.p = atPlain
	}
	return c
}

// SeekIn returns a cursor over the elements of a listpack, as [List.Seek] does
// over those of a list.
func SeekIn(lp []byte, i int) Cursor {
	return Cursor{lp: lp, p: listpack.Seek(lp, i)}
}

// Next returns the element the cursor stands at and steps towards the tail; ok
// is false behind the last.
func (c *Cursor) Next() (v listpack.Value, ok bool) {
	// Strings below 64 bytes, 10nnnnnn in a listpack, are what most lists
	// hold: they are read without a call, and so is where the next one is.
	if p, lp := c.p, c.lp; uint(p) < uint(len(lp)) && lp[p]&0xC0 == 0x80 && p >= headerSize {
		q := p + 1 + int(lp[p]&63)
		s := lp[p+1 : q : q]
		if q++; lp[q] == endByte {
			q = none
		}
		c.p = q
		return listpack.Value{Str: s}, true
	}
	return c.nextSlow()
}

func (c *Cursor) nextSlow() (v listpack.Value, ok bool) {
	if p := c.p; p >= headerSize {
		v = listpack.Get(c.lp, p)
		c.p = listpack.Next(c.lp, p)
		return v, true
	}
	return c.nextNode()
}

// nextNode is Next at a plain element or behind a node's last.
func (c *Cursor) nextNode() (v listpack.Value, ok bool) {
	if c.p == atPlain {
		c.p = none
		return listpack.Value{Str: c.lp}, true
	}
	if c.r == slab.Nil {
		return v, false
	}
	if c.r = c.l.at(c.r).next; c.r == slab.Nil {
		return v, false
	}
	n := c.l.at(c.r)
	c.lp = c.l.read(n, &c.buf)
	if c.p = atPlain; n.packed() {
		c.p = listpack.First(c.lp)
	}
	return c.Next()
}

// Fill reads the next len(dst) elements towards the tail into dst and returns
// how many there were. It takes a third of Next's time an element, since the
// position stays in a register:
//
//	var buf [32]listpack.Value
//	for left := 100; left > 0; {
//		n := c.Fill(buf[:min(left, len(buf))])
//		if n == 0 {
//			break
//		}
//		… buf[:n] …
//		left -= n
//	}
//
// It stops early, though never without an element, behind a node that is
// compressed, since the next one takes the same buffer.
func (c *Cursor) Fill(dst []listpack.Value) int {
	i := 0
	for i < len(dst) {
		lp, p := c.lp, c.p
		for i < len(dst) && p >= headerSize && p < len(lp)-1 {
			if b := lp[p]; b&0xC0 == 0x80 {
				q := p + 1 + int(b&63)
				dst[i] = listpack.Value{Str: lp[p+1 : q : q]}
				p = q + 1
			} else {
				dst[i] = listpack.Get(lp, p)
				p = listpack.Next(lp, p)
			}
			i++
		}
		if p >= headerSize && p == len(lp)-1 {
			p = none
		}
		if c.p = p; i == len(dst) || i > 0 && p == none && len(c.buf) > 0 {
			break
		}
		v, ok := c.nextSlow()
		if !ok {
			break
		}
		dst[i] = v
		i++
	}
	return i
}

// Prev returns the element the cursor stands at and steps towards the head; ok
// is false before the first.
func (c *Cursor) Prev() (v listpack.Value, ok bool) {
	if p := c.p; p >= headerSize {
		lp := c.lp
		v = listpack.Get(lp, p)
		c.p = listpack.Prev(lp, p)
		return v, true
	}
	return c.prevNode()
}

func (c *Cursor) prevNode() (v listpack.Value, ok bool) {
	if c.p == atPlain {
		c.p = none
		return listpack.Value{Str: c.lp}, true
	}
	if c.r == slab.Nil {
		return v, false
	}
	if c.r = c.l.at(c.r).prev; c.r == slab.Nil {
		return v, false
	}
	n := c.l.at(c.r)
	c.lp = c.l.read(n, &c.buf)
	if c.p = atPlain; n.packed() {
		c.p = listpack.Last(c.lp)
	}
	return c.Prev()
}
