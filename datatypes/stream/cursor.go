package stream

import "github.com/redweave/redweave/datatypes/listpack"

// A Cursor goes over the entries of a range, and over the fields of each:
//
//	for c := s.Range(from, to); c.Next(); {
//		for range c.Len() {
//			field, value := c.Field()
//		}
//	}
//
// It must not be used once entries were added or deleted; what groups do is none of
// its business. Fields need not be read, or not all of them.
type Cursor struct {
	ID ID // of the entry it is at, zero after the last

	s        *Stream
	from, to ID
	back     bool
	at       place // the node; none before the first and after the last
	lp       []byte
	node     ID
	head     head

	start int // position of the entry it is at
	next  int // position to go on from, -1 at the node's end: going forward, of the next
	// element of the entry it is at; going back, of the next entry's pieces
	left int // elements of the entry that are still ahead
	n    int // fields of the entry
	same bool
	mf   int // position of the next field in the master entry
}

// Range returns a cursor before the first entry from from to to, both included.
func (s *Stream) Range(from, to ID) Cursor {
	return Cursor{s: s, from: from, to: to}
}

// RangeBack is Range that begins with the last entry and goes back.
func (s *Stream) RangeBack(from, to ID) Cursor {
	return Cursor{s: s, from: from, to: to, back: true}
}

// Next moves on to the next entry, and reports whether there is one.
func (c *Cursor) Next() bool {
	if c.back {
		return c.stepBack()
	}
	if c.lp == nil {
		if c.s == nil || !c.enterFirst() {
			return c.end()
		}
	} else {
		c.skipRest()
	}
	for {
		if c.next < 0 {
			if !c.enter(c.s.nodes.next(&c.s.a.View, c.at)) {
				return c.end()
			}
			c.next = c.entryOrEnd(c.head.entriesAt)
			continue
		}
		flags := c.read(c.next)
		if flags&flagDeleted == 0 && !c.ID.Less(c.from) {
			return !c.to.Less(c.ID) || c.end()
		}
		c.skipRest()
	}
}

// end leaves the cursor behind its last entry.
func (c *Cursor) end() bool {
	*c = Cursor{}
	return false
}

// enter makes the node at a place the cursor's.
func (c *Cursor) enter(at place) bool {
	if !at.ok() {
		return false
	}
	c.at, c.node = at, at.id()
	c.lp = nodeAt(&c.s.a.View, c.s.ref(at))
	c.head = readHead(c.lp)
	return true
}

// near is how many entries from the end of the last node are looked at before it is
// walked from its beginning.
const near = 3

// enterFirst goes to the node where the range begins. Whoever follows a stream wants
// what comes at its very end, so there a few steps back are tried first.
func (c *Cursor) enterFirst() bool {
	v := &c.s.a.View
	at := c.s.nodes.seekBack(v, c.from)
	if !at.ok() {
		at = c.s.nodes.first(v)
	}
	if !c.enter(at) {
		return false
	}
	c.next = c.entryOrEnd(c.head.entriesAt)
	if c.node == c.s.tailID && c.node.Less(c.from) {
		pieces := listpack.Last(c.lp)
		p := -1
		for range near {
			q := startOf(c.lp, pieces)
			if q < 0 {
				break
			}
			if idAt(c.lp, q, c.node).Less(c.from) {
				c.next = p
				break
			}
			p, pieces = q, listpack.Prev(c.lp, q)
		}
	}
	return true
}

// entryOrEnd returns p, or -1 when the node ends there.
func (c *Cursor) entryOrEnd(p int) int {
	if p == listpack.End(c.lp) {
		return -1
	}
	return p
}

// read makes the entry at p the cursor's, and returns its flags.
func (c *Cursor) read(p int) (flags int64) {
	lp := c.lp
	c.start = p
	flags = intAt(lp, p)
	p = listpack.Next(lp, p)
	c.ID.Ms = c.node.Ms + uint64(intAt(lp, p))
	p = listpack.Next(lp, p)
	c.ID.Seq = c.node.Seq + uint64(intAt(lp, p))
	p = listpack.Next(lp, p)
	c.same = flags&flagSameFields != 0
	if c.same {
		c.n = int(c.head.fields)
		c.left, c.mf = c.n, c.head.fieldsAt
	} else {
		c.n = int(intAt(lp, p))
		c.left = 2 * c.n
		p = listpack.Next(lp, p)
	}
	c.next = p
	return flags
}

// restAt returns the position behind the entry the cursor is in, going forward.
func (c *Cursor) restAt() int { return c.next + listpack.Span(c.lp, c.next, c.left+1) }

// skipRest goes from inside an entry to the next one.
func (c *Cursor) skipRest() { c.next = c.entryOrEnd(c.restAt()) }

// stepBack is Next for a cursor that goes back.
func (c *Cursor) stepBack() bool {
	if c.lp == nil {
		if c.s == nil || !c.enter(c.s.nodes.seekBack(&c.s.a.View, c.to)) {
			return c.end()
		}
		c.next = listpack.Last(c.lp)
	} else {
		c.next = listpack.Prev(c.lp, c.start)
	}
	for {
		pieces := c.next
		p := startOf(c.lp, pieces)
		if p < 0 {
			if !c.enter(c.s.nodes.prev(&c.s.a.View, c.at)) {
				return c.end()
			}
			c.next = listpack.Last(c.lp)
			continue
		}
		flags := c.read(p)
		if flags&flagDeleted == 0 && !c.to.Less(c.ID) {
			return !c.ID.Less(c.from) || c.end()
		}
		c.next = listpack.Prev(c.lp, p)
	}
}

// Len returns the number of fields of the entry.
func (c *Cursor) Len() int { return c.n }

// Field returns the entry's next field with its value. It is called at most Len
// times.
func (c *Cursor) Field() (field, value listpack.Value) {
	if c.same {
		field = listpack.Get(c.lp, c.mf)
		c.mf = listpack.Next(c.lp, c.mf)
		value = listpack.Get(c.lp, c.next)
		c.next = listpack.Next(c.lp, c.next)
		c.left--
		return field, value
	}
	field = listpack.Get(c.lp, c.next)
	c.next = listpack.Next(c.lp, c.next)
	value = listpack.Get(c.lp, c.next)
	c.next = listpack.Next(c.lp, c.next)
	c.left -= 2
	return field, value
}
