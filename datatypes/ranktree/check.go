package ranktree

import (
	"bytes"
	"fmt"

	"github.com/redweave/redweave/internal/slab"
)

// Check recounts the whole tree against its invariants and returns the first
// fault.
func (t *Tree) Check() error {
	c := checker{t: t}
	if t.root != slab.Nil {
		if err := c.page(t.root, 0); err != nil {
			return fmt.Errorf("ranktree: %w", err)
		}
		if p := t.page(t.root); t.height > 0 && p.n() < 2 {
			return fmt.Errorf("ranktree: a root with %d child", p.n())
		}
	} else if t.height != 0 {
		return fmt.Errorf("ranktree: height %d without a root", t.height)
	}
	if c.len != t.len || c.bytes != t.bytes {
		return fmt.Errorf("ranktree: len %d and %d bytes, walked %d and %d", t.len, t.bytes, c.len, c.bytes)
	}
	return nil
}

// A checker walks from leaf to leaf.
type checker struct {
	t     *Tree
	last  slab.Ref // member met last
	len   int
	bytes int64
}

func (c *checker) page(r slab.Ref, depth int) error {
	p, inner := c.t.page(r), depth < c.t.height
	size := c.t.a.Cap(r)
	c.bytes += int64(size)
	switch {
	case p.n() < 1 || p.n() > p.cap() || p.cap() > c.t.full:
		return fmt.Errorf("page %d at depth %d: %d entries, room for %d of at most %d", r, depth, p.n(), p.cap(), c.t.full)
	case header+p.cap()*width(inner) > size:
		return fmt.Errorf("page %d of %d bytes has no room for %d entries", r, size, p.cap())
	}
	for i := range p.n() {
		if err := c.entry(p, i, depth); err != nil {
			return fmt.Errorf("page %d at depth %d, entry %d: %w", r, depth, i, err)
		}
	}
	return nil
}

func (c *checker) entry(p page, i, depth int) error {
	m := p.member(i)
	if depth == c.t.height {
		return c.member(m, p.key(i))
	}
	before := c.len
	child := c.t.page(p.child(i))
	if p.key(i) != child.key(0) || m != child.member(0) {
		return fmt.Errorf("begins with %d, the child with %d", m, child.member(0))
	}
	if err := c.page(p.child(i), depth+1); err != nil {
		return err
	}
	if int(p.count(i)) != c.len-before {
		return fmt.Errorf("counts %d members of %d", p.count(i), c.len-before)
	}
	return nil
}

func (c *checker) member(r slab.Ref, key int64) error {
	m, s := c.t.At(r)
	switch {
	case s != s:
		return fmt.Errorf("%q has score NaN", m)
	case keyOf(s) != key:
		return fmt.Errorf("%q with score %v has the key %#x", m, s, key)
	case c.last != slab.Nil:
		if bm, bs := c.t.At(c.last); bs > s || bs == s && bytes.Compare(bm, m) >= 0 {
			return fmt.Errorf("%v %q stands before %v %q", bs, bm, s, m)
		}
	}
	c.last = r
	c.len++
	return nil
}

// mustBeSound checks trees small enough for it after each change, in builds that
// check themselves.
func (t *Tree) mustBeSound(op string) {
	if t.len > 30 {
		return
	}
	if err := t.Check(); err != nil {
		panic(fmt.Sprintf("after %s: %v", op, err))
	}
}
