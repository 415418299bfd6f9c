package zset

import (
	"hash/maphash"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/datatypes/skiplist"
	"github.com/redweave/redweave/internal/slab"
)

// A Table is a large sorted set: a skip list for the order and a hash table for
// the members, over the same nodes.
//
//	dict ───> | score | … | member | links |  <─── list       one block a member
//
// A score changes in place or by relinking the node, so the dict never hears
// of it.
//
// Invariants, verified by Check: those of dict and list; and they hold the same
// nodes.
type Table struct {
	dict dict.Table
	list skiplist.List
	a    *slab.Arena
}

func newTable(a *slab.Arena) *Table {
	t := &Table{a: a}
	seed := maphash.MakeSeed()
	t.dict.Init(a, skiplist.KeyOff, seed)
	t.list.Init(a, maphash.Bytes(seed, nil))
	return t
}

// Effort is the number of members: each is a block to free.
func (t *Table) Effort() int { return t.list.Len() }

// Release gives the blocks back; see [datatypes.Object]. The nodes go by way
// of the dict, whose walk, unlike the list's, need not read one node to find
// the next.
func (t *Table) Release(b *slab.Batch, budget int) (done bool) {
	if !t.dict.Release(b, budget, b.Free) {
		return false
	}
	t.list.ReleaseHead(b)
	return true
}

// at returns the member and the score of node r.
func (t *Table) at(r slab.Ref) (Value, float64) {
	m, s := t.list.At(r)
	return Value{Str: m}, s
}

// find returns the node of a member, Nil when there is none, and its hash.
func (t *Table) find(member []byte) (r slab.Ref, hash uint64) {
	hash = t.dict.Hash(member)
	return t.dict.Find(hash, member), hash
}

// link makes a node of the list known to the dict.
func (t *Table) link(r slab.Ref) { t.dict.Insert(t.dict.Hash(t.list.Member(r)), r) }

// unlink makes the dict forget a node.
func (t *Table) unlink(r slab.Ref) { t.dict.Remove(t.dict.Hash(t.list.Member(r)), r) }

func (t *Table) add(member []byte, score float64, f Flags) (float64, Outcome) {
	r, hash := t.find(member)
	if r == slab.Nil {
		if f.XX {
			return 0, Skipped
		}
		t.dict.Insert(hash, t.list.Insert(score, member))
		return score, Added
	}
	s, out := f.decide(t.list.Score(r), score)
	if out == Updated {
		t.list.UpdateScore(r, s)
	}
	return s, out
}

func (t *Table) remove(member []byte) bool {
	r, hash := t.find(member)
	if r == slab.Nil {
		return false
	}
	t.dict.Remove(hash, r)
	t.list.Delete(r)
	return true
}

// walk yields at most n members from node r on, forward or back, until yield
// returns false.
func (t *Table) walk(r slab.Ref, n int, reverse bool, yield func(m Value, score float64) bool) {
	for ; n > 0 && r != slab.Nil; n-- {
		if !yield(t.at(r)) {
			return
		}
		if reverse {
			r = t.list.Prev(r)
		} else {
			r = t.list.Next(r)
		}
	}
}

func (t *Table) memoryUsage(samples int) int64 {
	n, seen, sum := t.list.Len(), 0, int64(0)
	for r := t.list.First(); r != slab.Nil; r = t.list.Next(r) {
		sum += int64(t.a.Cap(r))
		if seen++; seen == samples {
			break
		}
	}
	if seen > 0 {
		sum = sum * int64(n) / int64(seen)
	}
	return int64(unsafe.Sizeof(*t)) + t.dict.Bytes() + t.list.Bytes() + sum
}
