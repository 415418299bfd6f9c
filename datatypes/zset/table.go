package zset

import (
	"hash/maphash"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/datatypes/ranktree"
	"github.com/redweave/redweave/internal/slab"
)

// A Table is a large sorted set: a tree for the order and a hash table for the
// members, over the same blocks. Its encoding is called skip list, as Redis's
// is; why it is none, package ranktree tells.
//
//	dict ───> | score | member |  <─── order       one block a member
//
// A score changes in place, and the tree moves its Ref of the block, so the dict
// never hears of it.
//
// Invariants, verified by Check: those of dict and order; and they hold the same
// blocks.
type Table struct {
	dict  dict.Table
	order ranktree.Tree
	a     *slab.Arena
}

func newTable(a *slab.Arena) *Table {
	t := &Table{a: a}
	seed := maphash.MakeSeed()
	t.dict.Init(a, ranktree.KeyOff, seed)
	t.order.Init(a, maphash.Bytes(seed, nil))
	return t
}

// Effort is the number of members: each is a block to free.
func (t *Table) Effort() int { return t.order.Len() }

// Release gives the blocks back; see [datatypes.Object]. The tree's pages go
// first: nobody needs them to find the members, which the dict gives back.
func (t *Table) Release(b *slab.Batch, budget int) (done bool) {
	before := b.Len()
	if !t.order.Release(b, budget) {
		return false
	}
	if budget -= b.Len() - before; budget <= 0 {
		return false
	}
	return t.dict.Release(b, budget, b.Free)
}

// at returns the member r and its score.
func (t *Table) at(r slab.Ref) (Value, float64) {
	m, s := t.order.At(r)
	return Value{Str: m}, s
}

// find returns a member, Nil when there is none such, and its hash.
func (t *Table) find(member []byte) (r slab.Ref, hash uint64) {
	hash = t.dict.Hash(member)
	return t.dict.Find(hash, member), hash
}

// link makes a member of the tree known to the dict.
func (t *Table) link(r slab.Ref) { t.dict.Insert(t.dict.Hash(t.order.Member(r)), r) }

// unlink makes the dict forget a member.
func (t *Table) unlink(r slab.Ref) { t.dict.Remove(t.dict.Hash(t.order.Member(r)), r) }

func (t *Table) add(member []byte, score float64, f Flags) (float64, Outcome) {
	r, hash := t.find(member)
	if r == slab.Nil {
		if f.XX {
			return 0, Skipped
		}
		t.dict.Insert(hash, t.order.Insert(score, member))
		return score, Added
	}
	s, out := f.decide(t.order.Score(r), score)
	if out == Updated {
		t.order.UpdateScore(r, s)
	}
	return s, out
}

func (t *Table) remove(member []byte) bool {
	r, hash := t.find(member)
	if r == slab.Nil {
		return false
	}
	t.dict.Remove(hash, r)
	t.order.Delete(r)
	return true
}

func (t *Table) memoryUsage(samples int) int64 {
	n, seen, sum := t.order.Len(), 0, int64(0)
	for r := range t.order.All {
		sum += int64(t.a.Cap(r))
		if seen++; seen == samples {
			break
		}
	}
	if seen > 0 {
		sum = sum * int64(n) / int64(seen)
	}
	return int64(unsafe.Sizeof(*t)) + t.dict.Bytes() + t.order.Bytes() + sum
}
