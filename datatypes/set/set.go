// Package set is the set type: distinct members under one key, in no order
// that anybody may rely on.
//
//	s := set.Create(slot, []byte("7"), 1, &limits)   // an intset, as "7" is an integer
//	added := s.Add([]byte("7"), &limits)
//	s.Add([]byte("seven"), &limits)                  // a listpack from here on
//	ok := s.Contains([]byte("7"))
//
// # Encodings
//
// A set changes its encoding as Redis 7.2 does:
//
//	          a member that is no integer, and all fits a listpack
//	IntSet ──────────────────────────────────────────────────────> ListPack
//	   │                                                              │
//	   └── more integers than IntSetEntries;   more members, or a     │
//	       or no integer, and too much for  ── longer one, than ──────┴──> HashTable
//	       a listpack                          its limits
//
// Removing members changes nothing back, with one exception of Redis's own:
// [Set.PopN] of nearly all members leaves a set that is made anew.
//
// Membership takes O(log n) in an intset, about 1.5 ns a member in a listpack,
// one probe in a hash table. What is drawn at random is drawn fairly.
//
// # Ownership
//
// Members passed in are copied, and must not alias the set they are added to or
// removed from. A [Value] handed out aliases the set and is good until its next
// change; within a callback, until that returns. A callback must not change the
// set.
//
// One goroutine, or any number of readers while nobody writes. When a method
// has removed the last member, Len is 0 and the key is the caller's to delete.
package set

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/intset"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Limits say when a set changes its encoding.
type Limits struct {
	IntSetEntries   int // set-max-intset-entries: most members of an intset
	ListPackEntries int // set-max-listpack-entries: most members of a listpack
	ListPackValue   int // set-max-listpack-value: most bytes of a member in it
}

// DefaultLimits are those of an unchanged redis.conf.
func DefaultLimits() Limits {
	return Limits{IntSetEntries: 512, ListPackEntries: 128, ListPackValue: 64}
}

// What no limit exceeds, as in Redis: members of an intset, bytes of a listpack.
const (
	maxIntSet   = 1 << 30
	maxListPack = 1 << 30
)

// Value is a member: bytes or an integer. A hash table's members are always
// bytes, even those that look like integers.
type Value = listpack.Value

// intBuf is room for an integer's text.
type intBuf [20]byte

// A Set is the set in a slot. It is a view, made as often as needed. The zero
// Set has no slot and stands for a key that is missing: it is empty, and not to
// be added to.
type Set struct {
	slot datatypes.Slot
}

// Open returns the set that is in s.
func Open(s datatypes.Slot) Set { return Set{s} }

// InitialEncoding returns the encoding of a set that is made to hold member
// and, by and large, hint members.
func InitialEncoding(member []byte, hint int, lim *Limits) datatypes.Encoding {
	if hint <= lim.IntSetEntries {
		if _, isInt := listpack.ParseInt(member); isInt {
			return datatypes.IntSet
		}
	}
	if hint <= lim.ListPackEntries {
		return datatypes.ListPack
	}
	return datatypes.HashTable
}

// Create makes the value of s an empty set of InitialEncoding, over whatever
// bytes it held.
func Create(s datatypes.Slot, member []byte, hint int, lim *Limits) Set {
	return Init(s, InitialEncoding(member, hint, lim))
}

// Init makes the value of s an empty set of that encoding, over whatever bytes
// it held.
func Init(s datatypes.Slot, enc datatypes.Encoding) Set {
	switch enc {
	case datatypes.IntSet:
		s.SetBytes(enc, intset.AppendEmpty(s.Grow(intset.EmptySize)[:0]))
	case datatypes.ListPack:
		s.SetBytes(enc, listpack.AppendEmpty(s.Grow(listpack.EmptySize)[:0]))
	case datatypes.HashTable:
		s.SetObject(enc, newTable(s.Arena()))
	default:
		panic(fmt.Sprintf("set: no set has the encoding %v", enc))
	}
	return Set{s}
}

// Encoding returns the set's encoding.
func (s Set) Encoding() datatypes.Encoding { return s.slot.Encoding() }

func (s Set) table() *Table { return s.slot.Object().(*Table) }

// Len returns the number of members.
func (s Set) Len() int {
	if s.slot == nil {
		return 0
	}
	switch s.slot.Encoding() {
	case datatypes.HashTable:
		return s.table().dict.Len()
	case datatypes.IntSet:
		return intset.Len(s.slot.Bytes())
	}
	return listpack.Len(s.slot.Bytes())
}

// Contains reports whether member is in the set.
func (s Set) Contains(member []byte) bool {
	if s.slot == nil {
		return false
	}
	switch s.slot.Encoding() {
	case datatypes.HashTable:
		return s.table().contains(member)
	case datatypes.IntSet:
		v, isInt := listpack.ParseInt(member)
		return isInt && intset.Contains(s.slot.Bytes(), v)
	}
	lp := s.slot.Bytes()
	return listpack.Find(lp, listpack.First(lp), member, 0) >= 0
}

// ContainsValue is Contains for a member of another set.
func (s Set) ContainsValue(v Value) bool {
	if !v.IsInt {
		return s.Contains(v.Str)
	}
	if s.slot != nil && s.slot.Encoding() == datatypes.IntSet {
		return intset.Contains(s.slot.Bytes(), v.Int)
	}
	var buf intBuf
	return s.Contains(v.Append(buf[:0]))
}

// Add puts a member in, and reports whether it was absent.
func (s Set) Add(member []byte, lim *Limits) bool {
	switch s.slot.Encoding() {
	case datatypes.HashTable:
		return s.table().add(member)
	case datatypes.IntSet:
		if v, isInt := listpack.ParseInt(member); isInt {
			return s.addInt(v, lim)
		}
		s.leaveIntSet(member, lim)
		return s.Add(member, lim)
	}
	return s.addPacked(member, lim)
}

// AddValue is Add for a member of another set.
func (s Set) AddValue(v Value, lim *Limits) bool {
	if !v.IsInt {
		return s.Add(v.Str, lim)
	}
	if s.slot.Encoding() == datatypes.IntSet {
		return s.addInt(v.Int, lim)
	}
	var buf intBuf
	return s.Add(v.Append(buf[:0]), lim)
}

// addInt is Add to an intset.
func (s Set) addInt(v int64, lim *Limits) bool {
	b := s.slot.Bytes()
	if n := intset.MaxGrow(b, v); cap(b)-len(b) < n {
		if intset.Contains(b, v) {
			return false
		}
		b = s.slot.Grow(n)
	}
	b, added := intset.Add(b, v)
	if !added {
		return false
	}
	s.slot.SetBytes(datatypes.IntSet, b)
	if intset.Len(b) > min(lim.IntSetEntries, maxIntSet) {
		s.toTable()
	}
	return true
}

// addPacked is Add to a listpack.
func (s Set) addPacked(member []byte, lim *Limits) bool {
	lp := s.slot.Bytes()
	if listpack.Find(lp, listpack.First(lp), member, 0) >= 0 {
		return false
	}
	n := listpack.MaxGrow(member)
	if len(member) > lim.ListPackValue || listpack.Len(lp) >= lim.ListPackEntries || len(lp)+n > maxListPack {
		s.toTable()
		return s.table().add(member)
	}
	if cap(lp)-len(lp) < n {
		lp = s.slot.Grow(n)
	}
	s.slot.SetBytes(datatypes.ListPack, listpack.Append(lp, member))
	return true
}

// leaveIntSet makes an intset what it must be to take a member that is no
// integer: a listpack if that has room for all of them.
func (s Set) leaveIntSet(member []byte, lim *Limits) {
	b := s.slot.Bytes()
	n, longest := intset.Len(b), 0
	if n > 0 {
		longest = max(Value{Int: intset.Min(b), IsInt: true}.Len(), Value{Int: intset.Max(b), IsInt: true}.Len())
	}
	if n >= lim.ListPackEntries || max(len(member), longest) > lim.ListPackValue ||
		n*(longest+2)+listpack.MaxGrow(member) > maxListPack {
		s.toTable()
		return
	}
	lp := listpack.AppendEmpty(make([]byte, 0, n*(intset.Width(b)+3)+listpack.EmptySize+listpack.MaxGrow(member)))
	for i := range n {
		lp = listpack.AppendInt(lp, intset.At(b, i))
	}
	s.slot.SetBytes(datatypes.ListPack, lp)
}

// toTable makes a small set a hash table.
func (s Set) toTable() {
	t := newTable(s.slot.Arena())
	var buf intBuf
	s.ForEach(func(v Value) bool {
		if v.IsInt {
			v.Str = v.Append(buf[:0])
		}
		t.insert(v.Str)
		return true
	})
	s.slot.SetObject(datatypes.HashTable, t)
}

// ConvertFor makes a set that is about to receive n members a hash table, when
// so many would not fit its encoding.
func (s Set) ConvertFor(n int, lim *Limits) {
	switch enc := s.slot.Encoding(); {
	case enc == datatypes.ListPack && n > lim.ListPackEntries,
		enc == datatypes.IntSet && n > lim.IntSetEntries:
		s.toTable()
	}
}

// toIntSet makes a set of integers an intset, unless there are too many.
func (s Set) toIntSet(lim *Limits) {
	if s.slot.Encoding() == datatypes.IntSet || s.Len() > min(lim.IntSetEntries, maxIntSet) {
		return
	}
	b := intset.AppendEmpty(make([]byte, 0, intset.EmptySize+8*s.Len()))
	s.ForEach(func(v Value) bool {
		if !v.IsInt {
			v.Int, _ = listpack.ParseInt(v.Str)
		}
		b, _ = intset.Add(b, v.Int)
		return true
	})
	s.Free()
	s.slot.SetBytes(datatypes.IntSet, b)
}

// Remove takes a member out, and reports whether it was there.
func (s Set) Remove(member []byte) bool {
	switch s.slot.Encoding() {
	case datatypes.HashTable:
		return s.table().remove(member)
	case datatypes.IntSet:
		v, isInt := listpack.ParseInt(member)
		return isInt && s.removeInt(v)
	}
	lp := s.slot.Bytes()
	p := listpack.Find(lp, listpack.First(lp), member, 0)
	if p < 0 {
		return false
	}
	s.slot.SetBytes(datatypes.ListPack, listpack.Delete(lp, p, 1))
	return true
}

// RemoveValue is Remove for a member of another set.
func (s Set) RemoveValue(v Value) bool {
	if !v.IsInt {
		return s.Remove(v.Str)
	}
	if s.slot.Encoding() == datatypes.IntSet {
		return s.removeInt(v.Int)
	}
	var buf intBuf
	return s.Remove(v.Append(buf[:0]))
}

func (s Set) removeInt(v int64) bool {
	b, removed := intset.Remove(s.slot.Bytes(), v)
	if removed {
		s.slot.SetBytes(datatypes.IntSet, b)
	}
	return removed
}

// ForEach calls yield for each member, once, until it returns false: those of
// an intset in ascending order.
func (s Set) ForEach(yield func(Value) bool) {
	if s.slot == nil {
		return
	}
	switch s.slot.Encoding() {
	case datatypes.HashTable:
		t := s.table()
		t.dict.ForEach(func(r slab.Ref) bool { return yield(t.value(r)) })
	case datatypes.IntSet:
		b := s.slot.Bytes()
		for i := range intset.Len(b) {
			if !yield(Value{Int: intset.At(b, i), IsInt: true}) {
				return
			}
		}
	default:
		lp := s.slot.Bytes()
		for p := listpack.First(lp); p >= 0; p = listpack.Next(lp, p) {
			if !yield(listpack.Get(lp, p)) {
				return
			}
		}
	}
}

// Scan takes one step of an iteration that starts with cursor 0 and ends when
// 0 is returned. A member present from the first step to the last is yielded at
// least once, whatever else changes between steps. A small set is yielded whole
// in one step.
func (s Set) Scan(cursor uint64, yield func(Value)) uint64 {
	if s.slot.Encoding() == datatypes.HashTable {
		t := s.table()
		return t.dict.Scan(cursor, func(r slab.Ref) { yield(t.value(r)) })
	}
	s.ForEach(func(v Value) bool {
		yield(v)
		return true
	})
	return 0
}

// CopyTo makes the value of dst a copy of the set, in the same encoding.
func (s Set) CopyTo(dst datatypes.Slot) Set {
	enc := s.slot.Encoding()
	if enc != datatypes.HashTable {
		b := append([]byte(nil), s.slot.Bytes()...)
		dst.SetBytes(enc, b)
		return Set{dst}
	}
	t := newTable(dst.Arena())
	s.ForEach(func(v Value) bool {
		t.insert(v.Str)
		return true
	})
	dst.SetObject(enc, t)
	return Set{dst}
}

// MoveTo makes the set the value of dst, over whatever bytes it held. s is not
// to be used any more. Both slots have the same arena.
func (s Set) MoveTo(dst datatypes.Slot) Set {
	if enc := s.slot.Encoding(); enc == datatypes.HashTable {
		dst.SetObject(enc, s.slot.Object())
	} else {
		dst.SetBytes(enc, s.slot.Bytes())
	}
	return Set{dst}
}

// Free gives the blocks of a hash table back at once; other encodings have none
// beside the slot's own. The set is not to be used any more.
func (s Set) Free() {
	if s.slot != nil && s.slot.Encoding() == datatypes.HashTable {
		s.table().free()
	}
}

// MemoryUsage returns the bytes the set takes beside the slot's own block. Of a
// hash table samples members are weighed and taken for the average, all of them
// when samples is 0.
func (s Set) MemoryUsage(samples int) int64 {
	if s.slot.Encoding() != datatypes.HashTable {
		return 0
	}
	return s.table().memoryUsage(samples)
}
