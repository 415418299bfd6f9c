package zset

import (
	"github.com/redweave/redweave/datatypes/listpack"
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
	r       slab.Ref
	lp      []byte
	p       int
	left    int // elements still to come, unless the range ends before
	reverse bool
	kind    rangeKind
	score   ScoreRange
	lex     LexRange
}

// A rangeKind says what ends a Cursor beside left.
type rangeKind uint8

const (
	byRank rangeKind = iota
	byScore
	byLex
)

// Seek returns a Cursor on what [ZSet.Range] yields.
func (z ZSet) Seek(start, n int, reverse bool) (c Cursor) {
	if start < 0 || start >= z.Len() || n <= 0 {
		return c
	}
	if c.left, c.reverse = n, reverse; reverse {
		start = z.Len() - 1 - start
	}
	if c.t = z.table(); c.t != nil {
		c.r = c.t.byRank(start)
	} else {
		c.lp = z.slot.Bytes()
		c.p = listpack.Seek(c.lp, 2*start)
	}
	return c
}

// SeekScore returns a Cursor on what [ZSet.RangeByScore] yields.
func (z ZSet) SeekScore(r ScoreRange, w Window) (c Cursor) {
	if r.empty() {
		return c
	}
	if w.Reverse {
		c = z.cursorAt(z.scoreEnd(r), w)
	} else {
		c = z.cursorAt(z.scoreStart(r), w)
	}
	c.kind, c.score = byScore, r
	return c
}

// SeekLex returns a Cursor on what [ZSet.RangeByLex] yields.
func (z ZSet) SeekLex(r LexRange, w Window) (c Cursor) {
	if r.empty() {
		return c
	}
	if w.Reverse {
		c = z.cursorAt(z.lexEnd(r), w)
	} else {
		c = z.cursorAt(z.lexStart(r), w)
	}
	c.kind, c.lex = byLex, r
	return c
}

// cursorAt returns a Cursor on what w shows of the members behind at, or with
// w.Reverse of those before it, from there down.
func (z ZSet) cursorAt(at place, w Window) (c Cursor) {
	n, left := w.Count, z.Len()-at.rank
	if w.Reverse {
		left = at.rank
	}
	if w.Offset < 0 || w.Offset >= left {
		return c
	}
	if left -= w.Offset; n < 0 || n > left {
		n = left
	}
	if w.Offset > 0 {
		if w.Reverse {
			return z.Seek(z.Len()-at.rank+w.Offset, n, true)
		}
		return z.Seek(at.rank+w.Offset, n, false)
	}
	c.left, c.reverse = n, w.Reverse
	if c.t = z.table(); c.t != nil {
		c.r = at.r
		switch {
		case w.Reverse && at.r == slab.Nil:
			c.r = c.t.list.Last()
		case w.Reverse:
			c.r = c.t.list.Prev(at.r)
		}
		return c
	}
	c.lp, c.p = z.slot.Bytes(), at.p
	if w.Reverse {
		if at.p < 0 {
			at.p = listpack.End(c.lp)
		}
		c.p = listpack.Prev(c.lp, listpack.Prev(c.lp, at.p))
	}
	return c
}

// Fill puts the next elements into dst, as many as there are and as fit, and
// returns how many: 0 at the end.
func (c *Cursor) Fill(dst []Element) (n int) {
	dst = dst[:min(len(dst), c.left)]
	if c.t != nil {
		n = c.fillTable(dst)
	} else {
		n = c.fillPacked(dst)
	}
	c.left -= n
	if c.kind != byRank {
		n = c.cut(dst[:n])
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
	case c.kind == byScore && c.reverse:
		return c.score.aboveMin(e.Score)
	case c.kind == byScore:
		return c.score.belowMax(e.Score)
	case c.reverse:
		return c.lex.aboveMin(e.Member)
	}
	return c.lex.belowMax(e.Member)
}

func (c *Cursor) fillTable(dst []Element) int {
	l, r := &c.t.list, c.r
	for i := range dst {
		if r == slab.Nil {
			c.r = r
			return i
		}
		m, s := l.At(r)
		dst[i] = Element{Value{Str: m}, s}
		if c.reverse {
			r = l.Prev(r)
		} else {
			r = l.Next(r)
		}
	}
	c.r = r
	return len(dst)
}

func (c *Cursor) fillPacked(dst []Element) int {
	lp, p := c.lp, c.p
	for i := range dst {
		if p < 0 {
			c.p = p
			return i
		}
		sp := listpack.Next(lp, p)
		dst[i] = Element{listpack.Get(lp, p), scoreAt(lp, sp)}
		if !c.reverse {
			p = listpack.Next(lp, sp)
		} else if p = listpack.Prev(lp, p); p >= 0 {
			p = listpack.Prev(lp, p)
		}
	}
	c.p = p
	return len(dst)
}
