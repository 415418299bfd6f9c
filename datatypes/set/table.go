package set

import (
	"hash/maphash"
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// A Table is a large set: a dict.Table whose elements are the members and
// nothing else.
//
//	| klen | member |     klen as dict has it
//
//	the member "blue":   04 62 6C 75 65        8 bytes of the arena
//
// Invariants, verified by Check: those of the dict.Table, and that every
// element fits its block.
type Table struct {
	dict dict.Table
	a    *slab.Arena
}

var _ datatypes.Object = (*Table)(nil)

func newTable(a *slab.Arena) *Table {
	t := &Table{a: a}
	t.dict.Init(a, 0, maphash.MakeSeed())
	return t
}

// Effort is the number of members: each is a block to free.
func (t *Table) Effort() int { return t.dict.Len() }

// Release gives the blocks back; see [datatypes.Object].
func (t *Table) Release(b *slab.Batch, budget int) (done bool) {
	return t.dict.Release(b, budget, b.Free)
}

func (t *Table) value(r slab.Ref) Value { return Value{Str: t.dict.KeyOf(r)} }

func (t *Table) contains(member []byte) bool {
	return t.dict.Find(t.dict.Hash(member), member) != slab.Nil
}

func (t *Table) add(member []byte) bool {
	h := t.dict.Hash(member)
	if t.dict.Find(h, member) != slab.Nil {
		return false
	}
	t.put(h, member)
	return true
}

// insert adds a member that is absent.
func (t *Table) insert(member []byte) { t.put(t.dict.Hash(member), member) }

func (t *Table) put(h uint64, member []byte) {
	n := dict.KeySize(len(member))
	r := t.a.Alloc(n)
	dict.PutKey(t.a.Bytes(r, n), member)
	t.dict.Insert(h, r)
}

func (t *Table) remove(member []byte) bool {
	h := t.dict.Hash(member)
	r := t.dict.Find(h, member)
	if r == slab.Nil {
		return false
	}
	t.drop(h, r)
	return true
}

// drop removes the element r, whose member has the hash h.
func (t *Table) drop(h uint64, r slab.Ref) {
	t.dict.Remove(h, r)
	t.a.Free(r)
}

// free gives all blocks back.
func (t *Table) free() {
	t.dict.ForEach(func(r slab.Ref) bool {
		t.a.Free(r)
		return true
	})
	t.dict.Free()
}

func (t *Table) memoryUsage(samples int) int64 {
	n, seen, sum := t.dict.Len(), 0, int64(0)
	t.dict.ForEach(func(r slab.Ref) bool {
		sum += int64(t.a.Cap(r))
		seen++
		return seen != samples
	})
	if seen > 0 {
		sum = sum * int64(n) / int64(seen)
	}
	return int64(unsafe.Sizeof(*t)) + t.dict.Bytes() + sum
}
