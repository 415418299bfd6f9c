// Package zset is the sorted set type: distinct members, each with a score,
// in order of score and, where scores are equal, of the members' bytes.
//
//	z := zset.Init(slot, 1, len("ada"), &limits)
//	score, out := z.Add([]byte("ada"), 36, zset.Flags{}, &limits)   // zset.Added
//	rank, score, ok := z.Rank([]byte("ada"), false)
//	z.Range(0, 10, false, func(m zset.Value, score float64) bool { … })
//
// # Encodings
//
// A small sorted set is a listpack of member, score pairs in order. It becomes
// a tree with a hash table over the same members, which OBJECT ENCODING calls
// skiplist, when it gets more members, or a longer one, than [Limits] allow, and
// never goes back. Looking a member
// up takes a walk in the one and a probe in the other; what goes by rank or
// score takes a walk, or O(log n).
//
// # Ownership
//
// Members passed in are copied, and must not alias the set. A [Value] handed
// out aliases it and is good until its next change; within a callback, until
// that returns. A callback must not change the set. Walks do not allocate: a
// member that a listpack holds as an integer is handed out as one.
//
// One goroutine, or any number of readers while nobody writes. When a method
// has removed the last member, Len is 0 and the key is the caller's to delete.
package zset

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Limits say when a sorted set leaves the listpack.
type Limits struct {
	ListPackEntries int // zset-max-listpack-entries: most members of a listpack
	ListPackValue   int // zset-max-listpack-value: most bytes of a member in it
}

// DefaultLimits are those of an unchanged redis.conf.
func DefaultLimits() Limits { return Limits{ListPackEntries: 128, ListPackValue: 64} }

// maxListPack is where a listpack stops growing whatever the limits say, as in
// Redis.
const maxListPack = 1 << 30

// Value is a member: bytes or an integer. A skip list's members are always
// bytes, even those that look like integers.
type Value = listpack.Value

// intBuf is room for an integer's text.
type intBuf [20]byte

// A ZSet is the sorted set in a slot. It is a view, made as often as needed.
// The zero ZSet has no slot and stands for a key that is missing: it is empty,
// and not to be added to.
type ZSet struct {
	slot datatypes.Slot
}

// Open returns the sorted set that is in s.
func Open(s datatypes.Slot) ZSet { return ZSet{s} }

// InitialEncoding returns the encoding of a sorted set that is made to hold
// hint members, the longest of them of memberLen bytes.
func InitialEncoding(hint, memberLen int, lim *Limits) datatypes.Encoding {
	if hint <= lim.ListPackEntries && memberLen <= lim.ListPackValue {
		return datatypes.ListPack
	}
	return datatypes.SkipList
}

// Init makes the value of s an empty sorted set of InitialEncoding, over
// whatever bytes it held.
func Init(s datatypes.Slot, hint, memberLen int, lim *Limits) ZSet {
	if InitialEncoding(hint, memberLen, lim) == datatypes.ListPack {
		s.SetBytes(datatypes.ListPack, listpack.AppendEmpty(s.Grow(listpack.EmptySize)[:0]))
	} else {
		s.SetObject(datatypes.SkipList, newTable(s.Arena()))
	}
	return ZSet{s}
}

// Encoding returns the sorted set's encoding.
func (z ZSet) Encoding() datatypes.Encoding { return z.slot.Encoding() }

// table returns the large form, nil when the set is a listpack.
func (z ZSet) table() *Table {
	if z.slot.Encoding() != datatypes.SkipList {
		return nil
	}
	return z.slot.Object().(*Table)
}

// Len returns the number of members.
func (z ZSet) Len() int {
	if z.slot == nil {
		return 0
	}
	if t := z.table(); t != nil {
		return t.order.Len()
	}
	return listpack.Len(z.slot.Bytes()) / 2
}

// Score returns the score of a member.
func (z ZSet) Score(member []byte) (score float64, ok bool) {
	if z.slot == nil {
		return 0, false
	}
	if t := z.table(); t != nil {
		r, _ := t.find(member)
		if r == slab.Nil {
			return 0, false
		}
		return t.order.Score(r), true
	}
	lp := z.slot.Bytes()
	p := findPacked(lp, member)
	if p < 0 {
		return 0, false
	}
	return scoreAt(lp, listpack.Next(lp, p)), true
}

// ScoreValue is Score for a member of another set.
func (z ZSet) ScoreValue(v Value) (score float64, ok bool) {
	if !v.IsInt {
		return z.Score(v.Str)
	}
	var buf intBuf
	return z.Score(v.Append(buf[:0]))
}

// Flags alter what Add does, as the options of ZADD do.
type Flags struct {
	NX   bool // leave members that are there alone
	XX   bool // add no member
	GT   bool // change a score only to a greater one
	LT   bool // change a score only to a lesser one
	Incr bool // the score is to be added to what the member has
}

// An Outcome is what Add did.
type Outcome uint8

// The outcomes of Add. After NaN and Skipped, nothing has changed.
const (
	Skipped    Outcome = iota // the flags forbid it
	NotANumber                // the score is, or would become, no number
	Same                      // the member has that score already
	Updated                   // the member's score is another
	Added                     // the member is new
)

// Add gives a member a score, adding the member if there is none such, and
// returns its score: the one it now has, or the one it keeps (0 when flags have
// kept it from being added).
func (z ZSet) Add(member []byte, score float64, f Flags, lim *Limits) (float64, Outcome) {
	if score != score {
		return 0, NotANumber
	}
	if t := z.table(); t != nil {
		return t.add(member, score, f)
	}
	return z.addPacked(member, score, f, lim)
}

// decide returns what becomes of a member with the score have.
func (f Flags) decide(have, score float64) (float64, Outcome) {
	if f.NX {
		return have, Skipped
	}
	if f.Incr {
		if score += have; score != score {
			return have, NotANumber
		}
	}
	if f.LT && score >= have || f.GT && score <= have {
		return have, Skipped
	}
	if score == have {
		return score, Same
	}
	return score, Updated
}

// Remove takes a member out and reports whether it was there.
func (z ZSet) Remove(member []byte) bool {
	if t := z.table(); t != nil {
		return t.remove(member)
	}
	lp := z.slot.Bytes()
	p := findPacked(lp, member)
	if p < 0 {
		return false
	}
	z.slot.SetBytes(datatypes.ListPack, listpack.Delete(lp, p, 2))
	return true
}

// Rank returns the number of members before the given one, or with reverse the
// number after it, and its score.
func (z ZSet) Rank(member []byte, reverse bool) (rank int, score float64, ok bool) {
	if z.slot == nil {
		return 0, 0, false
	}
	if t := z.table(); t != nil {
		r, _ := t.find(member)
		if r == slab.Nil {
			return 0, 0, false
		}
		rank, score = t.order.Rank(r), t.order.Score(r)
	} else {
		lp := z.slot.Bytes()
		p := findPacked(lp, member)
		if p < 0 {
			return 0, 0, false
		}
		rank, score = rankPacked(lp, p), scoreAt(lp, listpack.Next(lp, p))
	}
	if reverse {
		rank = z.Len() - 1 - rank
	}
	return rank, score, true
}

// ForEach calls yield for each member, in order, until it returns false.
func (z ZSet) ForEach(yield func(m Value, score float64) bool) {
	z.Range(0, z.Len(), false, yield)
}

// Scan takes one step of an iteration that starts with cursor 0 and ends when
// 0 is returned. A member present from the first step to the last is yielded
// at least once, whatever else changes between steps. A listpack is yielded
// whole in one step.
func (z ZSet) Scan(cursor uint64, yield func(m Value, score float64)) uint64 {
	if z.slot == nil {
		return 0
	}
	if t := z.table(); t != nil {
		return t.dict.Scan(cursor, func(r slab.Ref) { yield(t.at(r)) })
	}
	z.ForEach(func(m Value, score float64) bool {
		yield(m, score)
		return true
	})
	return 0
}

// CopyTo makes the value of dst a copy of the sorted set, encoding included.
func (z ZSet) CopyTo(dst datatypes.Slot) {
	if t := z.table(); t != nil {
		c := newTable(dst.Arena())
		for r := range t.order.All {
			m, s := t.order.At(r)
			c.link(c.order.Append(s, m))
		}
		dst.SetObject(datatypes.SkipList, c)
		return
	}
	b := z.slot.Bytes()
	dst.SetBytes(datatypes.ListPack, append(dst.Grow(len(b))[:0], b...))
}

// convert makes a listpack a skip list.
func (z ZSet) convert() *Table {
	t := newTable(z.slot.Arena())
	z.ForEach(func(m Value, score float64) bool {
		var buf intBuf
		if m.IsInt {
			m.Str = m.Append(buf[:0])
		}
		t.link(t.order.Append(score, m.Str))
		return true
	})
	z.slot.SetObject(datatypes.SkipList, t)
	return t
}

// MemoryUsage returns the bytes the sorted set takes beside the slot's own
// block. Of a skip list samples members are weighed and taken for the average,
// all of them when samples is 0.
func (z ZSet) MemoryUsage(samples int) int64 {
	if t := z.table(); t != nil {
		return t.memoryUsage(samples)
	}
	return 0
}

// ConvertFor makes a sorted set that is about to receive n members a skip list,
// when so many would not fit a listpack.
func (z ZSet) ConvertFor(n int, lim *Limits) {
	if n > lim.ListPackEntries && z.Encoding() == datatypes.ListPack {
		z.convert()
	}
}
