package keyspace

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// release frees a large value that was unlinked: in the background where the
// cause's setting and the value's size ask for it.
func (s *Shard) release(o datatypes.Object, cause lazyfree.Cause) {
	s.home.Free(o, s.set.Lazy.Lazy(cause))
}

// Collect makes memory usable again that the reclaimer has freed. It costs an
// atomic load when there is none.
func (s *Shard) Collect() { s.home.Collect() }

// Collectable reports whether Collect has something to do.
func (s *Shard) Collectable() bool { return s.home.Ready() }

// contents are an emptied database on its way out: one object to the reclaimer,
// however many keys it holds.
//
// The tables over volatile keys and hashes go first, as they share their
// elements with keys; then keys, entry by entry. Large values met on the way wait
// in line, so that none makes a piece of work longer than its budget.
type contents struct {
	keys, expires, fieldTTLs *dict.Table
	objects                  []datatypes.Object
	line                     []datatypes.Object
	stage                    int
}

// Effort is the number of keys.
func (c *contents) Effort() int { return c.keys.Len() }

// Release implements [datatypes.Object].
func (c *contents) Release(b *slab.Batch, budget int) (done bool) {
	if n := len(c.line); n > 0 {
		if c.line[n-1].Release(b, budget) {
			c.line[n-1] = nil
			c.line = c.line[:n-1]
		}
		return false
	}
	switch c.stage {
	case 0:
		done = c.expires.Release(b, budget, func(slab.Ref) {})
	case 1:
		done = c.fieldTTLs.Release(b, budget, func(slab.Ref) {})
	case 2:
		done = c.keys.Release(b, budget, func(ref slab.Ref) { c.releaseEntry(b, ref) })
	default:
		return true
	}
	if done {
		c.stage++
	}
	return false
}

func (c *contents) releaseEntry(b *slab.Batch, ref slab.Ref) {
	// A handle without a database: only its block is looked at.
	e := Entry{p: b.View().Ptr(ref)}
	e.locate()
	switch {
	case e.Encoding().IsObject():
		c.line = append(c.line, c.objects[e.objectIndex()])
	case e.outlined():
		r, _ := e.outline()
		b.Free(r)
	}
	b.Free(ref)
}

// releaseDB frees an emptied database, in the background if lazy is set.
func (s *Shard) releaseDB(c *contents, lazy bool) {
	n := c.keys.Len()
	if lazy {
		s.home.Submit(c, int64(n))
		return
	}
	s.home.Release(c)
}
