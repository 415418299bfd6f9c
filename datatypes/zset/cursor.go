package zset

import (
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/ranktree"
	"github.com/redweave/redweave/internal/slab"
)

// An Element is a member and its score, as a Cursor hands it out.
type Element struct {
	Member Value
	Score  float64
}

// A Cursor goes through a part of a sorted set, in order or from the highest
// down:
//
//	var buf [16]zset.Element
//	cur := z.Seek(0, 100, false)
//	for n := cur.Fill(buf[:]); n > 0; n = cur.Fill(buf[:]) {
//		for i := range buf[:n] { … buf[i].Member, buf[i].Score … }
//	}
//
// It needs no callback and no allocation, which is what the walks that take a
// yield need one for. It is good until the set changes.
type Cursor struct {
	t       *Table
	at      ranktree.Position // in t
	lp      []byte
	p       int // in lp
	left    int // elements still to come, unless the range ends before
	reverse bool
	kind    rangeKind
	ex      bool    // the bound itself is out of the range
	score   float64 // the bound, by kind
	lex     LexBound
}

// A rangeKind says what ends a Cursor beside left: no bound, a score or a member.
type rangeKind uint8

const (
	byRank rangeKind = iota
	byScore
	byLex
)

// Seek returns a Cursor on what [ZSet.Range] yields.
func (z ZSet) Seek(start, n int, reverse bool) (c Cursor) {
	size := z.Len()
	if start < 0 || start >= size || n <= 0 {
		return c
	}
	c.left, c.reverse = min(n, size-start), reverse
	if c.t = z.table(); c.t != nil {
		if reverse {
			start = size - start // the place behind the first one to yield
		}
		c.at = c.t.order.Seek(start)
		return c
	}
	if reverse {
		start = size - 1 - start
	}
	c.lp = z.slot.Bytes()
	c.p = listpack.Seek(c.lp, 2*start)
	return c
}

// SeekScore returns a Cursor on the members in r, as far as w shows them.
func (z ZSet) SeekScore(r ScoreRange, w Window) (c Cursor) {
	if r.empty() {
		return c
	}
	if w.Reverse {
		c = z.cursorAt(z.scoreEnd(&r), w)
		c.score, c.ex = r.Min, r.MinEx
	} else {
		c = z.cursorAt(z.scoreStart(&r), w)
		c.score, c.ex = r.Max, r.MaxEx
	}
	c.kind = byScore
	return c
}

// SeekLex returns a Cursor on the members in r, as far as w shows them.
func (z ZSet) SeekLex(r LexRange, w Window) (c Cursor) {
	if !z.crosses(&r) {
		return c
	}
	if w.Reverse {
		c = z.cursorAt(z.lexEnd(&r), w)
		c.lex = r.Min
	} else {
		c = z.cursorAt(z.lexStart(&r), w)
		c.lex = r.Max
	}
	c.kind = byLex
	return c
}

// cursorAt returns a Cursor on what w shows of the members behind x, or with
// w.Reverse of those before it, from there down.
func (z ZSet) cursorAt(x place, w Window) (c Cursor) {
	n, left := w.Count, z.Len()-x.rank
	if w.Reverse {
		left = x.rank
	}
	if w.Offset < 0 || w.Offset >= left {
		return c
	}
	if left -= w.Offset; n < 0 || n > left {
		n = left
	}
	if w.Offset > 0 {
		if w.Reverse {
			return z.Seek(z.Len()-x.rank+w.Offset, n, true)
		}
		return z.Seek(x.rank+w.Offset, n, false)
	}
	c.left, c.reverse, c.at = n, w.Reverse, x.at
	if c.t = z.table(); c.t != nil {
		return c
	}
	c.lp, c.p = z.slot.Bytes(), x.p
	if w.Reverse {
		if x.p < 0 {
			x.p = listpack.End(c.lp)
		}
		c.p = listpack.Prev(c.lp, listpack.Prev(c.lp, x.p))
	}
	return c
}

// Fill puts the next elements into dst, as many as there are and as fit, and
// returns how many: 0 at the end.
func (c *Cursor) Fill(dst []Element) (n int) {
	dst = dst[:min(len(dst), c.left)]
	if c.t != nil {
		c.fillTable(dst)
	} else {
		c.fillPacked(dst)
	}
	n = len(dst)
	c.left -= n
	if c.kind != byRank {
		n = c.cut(dst)
	}
	return n
}

// cut ends the Cursor where an element is not in its range any more, and returns
// how many are.
func (c *Cursor) cut(e []Element) int {
	for i := range e {
		if !c.inRange(&e[i]) {
			c.left = 0
			return i
		}
	}
	return len(e)
}

// inRange reports whether an element has not passed the end of the range.
func (c *Cursor) inRange(e *Element) bool {
	switch {
	case c.kind == byScore && e.Score == c.score:
		return !c.ex
	case c.kind == byScore:
		return e.Score < c.score != c.reverse
	case c.reverse:
		return c.lex.below(e.Member)
	}
	return c.lex.above(e.Member)
}

// each yields all elements, until yield returns false.
func (c *Cursor) each(yield func(m Value, score float64) bool) {
	var buf [16]Element
	for k := c.Fill(buf[:]); k > 0; k = c.Fill(buf[:]) {
		for i := range buf[:k] {
			if !yield(buf[i].Member, buf[i].Score) {
				return
			}
		}
	}
}

// fillTable fills dst with the next elements, which are there. It gets hold of
// several before it looks at any: then their cache misses come at once.
func (c *Cursor) fillTable(dst []Element) {
	var refs [16]slab.Ref
	order := &c.t.order
	for len(dst) > 0 {
		batch := refs[:min(len(dst), len(refs))]
		if c.reverse {
			order.FillBack(&c.at, batch)
		} else {
			order.Fill(&c.at, batch)
		}
		for i, r := range batch {
			m, s := order.At(r)
			dst[i] = Element{Value{Str: m}, s}
		}
		dst = dst[len(batch):]
	}
}

// fillPacked fills dst with the next elements, which are there.
func (c *Cursor) fillPacked(dst []Element) {
	lp, p := c.lp, c.p
	for i := range dst {
		sp := listpack.Next(lp, p)
		dst[i] = Element{listpack.Get(lp, p), scoreAt(lp, sp)}
		if !c.reverse {
			p = listpack.Next(lp, sp)
		} else if p = listpack.Prev(lp, p); p >= 0 {
			p = listpack.Prev(lp, p)
		}
	}
	c.p = p
}
