package stream

import (
	"bytes"
	"fmt"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Check recounts everything the stream claims, and returns the first fault.
func (s *Stream) Check() error {
	v := &s.a.View
	if err := s.nodes.check(v); err != nil {
		return fmt.Errorf("stream: nodes: %w", err)
	}
	var length, mem int64
	var last, first ID
	for at := s.nodes.first(v); at.ok(); at = s.nodes.next(v, at) {
		id, r := at.id(), s.ref(at)
		mem += int64(s.a.Cap(r))
		n, err := checkNode(nodeAt(v, r), id)
		if err != nil {
			return fmt.Errorf("stream: node %v: %w", id, err)
		}
		if !last.Less(id) {
			return fmt.Errorf("stream: node %v after entry %v", id, last)
		}
		length, last = length+n.live, n.last
		if first.IsZero() {
			first = n.firstLive
		}
	}
	if length != s.length || mem != s.mem || first != s.first || s.last.Less(last) {
		return fmt.Errorf("stream: length %d, %d bytes, first %v, last %v: counted %d, %d, %v, %v",
			s.length, s.mem, s.first, s.last, length, mem, first, last)
	}
	if err := s.checkTail(); err != nil {
		return err
	}
	for i, g := range s.groups {
		if i > 0 && bytes.Compare(s.groups[i-1].name, g.name) >= 0 {
			return fmt.Errorf("stream: group %q after %q", g.name, s.groups[i-1].name)
		}
		if err := g.check(); err != nil {
			return fmt.Errorf("stream: group %q: %w", g.name, err)
		}
	}
	return nil
}

func (s *Stream) checkTail() error {
	at := s.nodes.last(&s.a.View)
	if !at.ok() {
		if s.tail != nil {
			return fmt.Errorf("stream: a tail of %d bytes without nodes", len(s.tail))
		}
		return nil
	}
	r := s.ref(at)
	lp := nodeAt(&s.a.View, r)
	if r != s.tailRef || at.id() != s.tailID || len(lp) != len(s.tail) || &lp[0] != &s.tail[0] || cap(s.tail) != s.a.Cap(r) {
		return fmt.Errorf("stream: tail %v in block %d of %d bytes and room for %d, is %v in %d of %d and %d",
			s.tailID, s.tailRef, len(s.tail), cap(s.tail), at.id(), r, len(lp), s.a.Cap(r))
	}
	return nil
}

// nodeFacts are what checkNode found.
type nodeFacts struct {
	live            int64
	last, firstLive ID
}

// ValidateNode reports what keeps bytes that came from outside from being the node
// with the given ID, nil if nothing does. Its entries' IDs lie between id and the
// one returned.
func ValidateNode(lp []byte, id ID) (last ID, err error) {
	if err := listpack.Validate(lp, true); err != nil {
		return ID{}, err
	}
	n, err := checkNode(lp, id)
	return n.last, err
}

// checkNode goes over the node as listpack.Validate left it, and believes nothing.
func checkNode(lp []byte, node ID) (n nodeFacts, err error) {
	p := listpack.First(lp)
	var pieces int64
	// next reads an integer of the node.
	next := func(what string) int64 {
		if err != nil {
			return 0
		}
		if p < 0 {
			err = fmt.Errorf("ends before %s", what)
			return 0
		}
		x, ok := listpack.GetInt(lp, p)
		if !ok {
			err = fmt.Errorf("%s at %d is no integer", what, p)
		}
		p = listpack.Next(lp, p)
		pieces++
		return x
	}
	skip := func(k int64) {
		for ; k > 0 && err == nil; k-- {
			if p < 0 {
				err = fmt.Errorf("ends inside an entry")
				return
			}
			p = listpack.Next(lp, p)
			pieces++
		}
	}
	live, dead, fields := next("live"), next("dead"), next("fields")
	if err == nil && (fields < 0 || live < 0 || dead < 0) {
		return n, fmt.Errorf("%d live, %d dead, %d fields", live, dead, fields)
	}
	skip(fields)
	if end := next("end of master"); err == nil && end != 0 {
		return n, fmt.Errorf("master ends in %d", end)
	}
	for p >= 0 && err == nil {
		pieces = 0
		flags := next("flags")
		ms, seq := next("ms"), next("seq")
		id := ID{node.Ms + uint64(ms), node.Seq + uint64(seq)}
		k := fields
		if flags&flagSameFields == 0 {
			if k = next("fields"); k > int64(len(lp)) || k < 0 {
				return n, fmt.Errorf("entry %v of %d fields", id, k)
			}
			k *= 2
		}
		skip(k)
		had := pieces
		told := next("pieces")
		switch {
		case err != nil:
			return n, err
		case flags&^(flagDeleted|flagSameFields) != 0:
			return n, fmt.Errorf("entry %v has flags %#x", id, flags)
		case told != had:
			return n, fmt.Errorf("entry %v of %d pieces tells %d", id, had, told)
		case n.last.IsZero() && id != node, !n.last.Less(id):
			return n, fmt.Errorf("entry %v after %v", id, n.last)
		}
		n.last = id
		if flags&flagDeleted != 0 {
			dead--
			continue
		}
		n.live++
		if n.firstLive.IsZero() {
			n.firstLive = id
		}
	}
	if err == nil && (n.live != live || dead != 0 || n.last.IsZero()) {
		err = fmt.Errorf("%d live entries, %d dead more than told; tells %d live", n.live, -dead, live)
	}
	return n, err
}

func (g *Group) check() error {
	v := &g.s.a.View
	if err := g.pending.check(v); err != nil {
		return err
	}
	if err := g.consumers.Check(); err != nil {
		return err
	}
	sum := int64(0)
	var err error
	g.consumers.ForEach(func(r slab.Ref) bool {
		c := g.consumer(r)
		if err = c.pending.check(v); err != nil {
			return false
		}
		if c.self != r {
			err = fmt.Errorf("consumer %q in block %d believes to be in %d", g.NameOf(c), r, c.self)
			return false
		}
		sum += c.pending.len
		for at := c.pending.first(v); at.ok(); at = c.pending.next(v, at) {
			if p := g.Find(at.id()); p == nil || p.owner != r {
				err = fmt.Errorf("consumer %q has %v pending, which the group has as %v", g.NameOf(c), at.id(), p)
				return false
			}
		}
		return true
	})
	if err == nil && sum != g.pending.len {
		err = fmt.Errorf("%d entries pending, %d of consumers", g.pending.len, sum)
	}
	return err
}

// check verifies the invariants of the tree's type.
func (t *tree) check(v *slab.View) error {
	if t.root == slab.Nil {
		if t.len != 0 || t.bytes != 0 || t.height != 0 {
			return fmt.Errorf("empty tree of %d entries, %d bytes, height %d", t.len, t.bytes, t.height)
		}
		return nil
	}
	c := treeChecker{t: t, v: v}
	if err := c.page(t.root, int(t.height), nil, nil); err != nil {
		return err
	}
	if c.len != t.len || c.bytes != t.bytes {
		return fmt.Errorf("%d entries in %d bytes, counted %d in %d", t.len, t.bytes, c.len, c.bytes)
	}
	return nil
}

type treeChecker struct {
	t          *tree
	v          *slab.View
	len, bytes int64
}

// page checks the page in block r, all of whose keys are in [from, to).
func (c *treeChecker) page(r slab.Ref, height int, from, to *ID) error {
	p := page{c.v.Ptr(r)}
	n := p.n()
	c.bytes += int64(c.v.Cap(r))
	width := int(c.t.width)
	if height > 0 {
		width = childBytes
	}
	switch {
	case n == 0 || n > p.cap() || p.cap() > int(c.t.full):
		return fmt.Errorf("page %d of %d entries, room for %d of %d", r, n, p.cap(), c.t.full)
	case pageHeader+p.cap()*(keyBytes+width) > c.v.Cap(r):
		return fmt.Errorf("page %d with room for %d in %d bytes", r, p.cap(), c.v.Cap(r))
	case height > 0 && r == c.t.root && n < 2:
		return fmt.Errorf("root with one child")
	}
	for i := range n {
		k := p.key(i)
		if i > 0 && !p.key(i-1).Less(k) {
			return fmt.Errorf("page %d: key %v after %v", r, k, p.key(i-1))
		}
		if from != nil && k.Less(*from) || to != nil && !k.Less(*to) {
			return fmt.Errorf("page %d: key %v is not in [%v, %v)", r, k, from, to)
		}
	}
	if height == 0 {
		c.len += int64(n)
		return nil
	}
	for i := range n {
		lo, hi := p.key(i), to
		if i+1 < n {
			k := p.key(i + 1)
			hi = &k
		}
		if err := c.page(p.child(i), height-1, &lo, hi); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) mustBeSound(v *slab.View) {
	if t.len < 100 {
		if err := t.check(v); err != nil {
			panic(fmt.Sprintf("stream: tree: %v", err))
		}
	}
}
