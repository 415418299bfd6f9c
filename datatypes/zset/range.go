package zset

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/ranktree"
	"github.com/redweave/redweave/internal/slab"
)

// A ScoreRange is the scores from Min to Max, without the ends that are Ex.
type ScoreRange struct {
	Min, Max     float64
	MinEx, MaxEx bool
}

// empty reports whether no score can be in r.
func (r *ScoreRange) empty() bool {
	return !(r.Min < r.Max || r.Min == r.Max && !r.MinEx && !r.MaxEx)
}

func (r *ScoreRange) belowMax(s float64) bool { return s < r.Max || !r.MaxEx && s == r.Max }
func (r *ScoreRange) aboveMin(s float64) bool { return s > r.Min || !r.MinEx && s == r.Min }

// A LexRange is the members from Min to Max. It means something only while all
// scores are equal; where they are not, a range is some of the members that are
// in it, as in Redis.
type LexRange struct{ Min, Max LexBound }

// A LexBound is an end of a LexRange: a member, left out if Ex; or, when Inf is
// not 0, a place before (-1) or behind (+1) all members.
type LexBound struct {
	Member []byte
	Ex     bool
	Inf    int8
}

// empty reports whether no member can be in r.
func (r *LexRange) empty() bool {
	if r.Min.Inf > 0 || r.Max.Inf < 0 {
		return true
	}
	if r.Min.Inf != 0 || r.Max.Inf != 0 {
		return false
	}
	c := compareValue(Value{Str: r.Min.Member}, r.Max.Member)
	return c > 0 || c == 0 && (r.Min.Ex || r.Max.Ex)
}

func (r *LexRange) belowMax(m Value) bool { return r.Max.above(m) }
func (r *LexRange) aboveMin(m Value) bool { return r.Min.below(m) }

// above reports whether m is in a range that b ends.
func (b *LexBound) above(m Value) bool {
	if b.Inf != 0 {
		return b.Inf > 0
	}
	c := compareValue(m, b.Member)
	return c < 0 || c == 0 && !b.Ex
}

// below reports whether m is in a range that b begins.
func (b *LexBound) below(m Value) bool {
	if b.Inf != 0 {
		return b.Inf < 0
	}
	c := compareValue(m, b.Member)
	return c > 0 || c == 0 && !b.Ex
}

// A Window is the part of a range that a walk is to yield.
type Window struct {
	Offset  int  // how many to leave out first; negative: there is nothing to yield
	Count   int  // how many to yield at most; negative: all
	Reverse bool // go from the highest to the lowest
}

// All is a Window on a whole range.
func All(reverse bool) Window { return Window{Count: -1, Reverse: reverse} }

// Range yields n members from the one at rank start on, in order or, with
// reverse, from the highest down, ranks being counted from there. It yields
// fewer when the set ends before or yield returns false.
func (z ZSet) Range(start, n int, reverse bool, yield func(m Value, score float64) bool) {
	c := z.Seek(start, n, reverse)
	c.each(yield)
}

// A place is where a range begins or ends: the number of members before it, and
// where that is in a tree (at) or in a listpack (the pair at p, -1 being the end).
type place struct {
	rank int
	at   ranktree.Position
	p    int
}

func (z ZSet) seekScore(s float64, after bool) (x place) {
	if z.slot == nil {
		return place{}
	}
	if t := z.table(); t != nil {
		x.at = t.order.SeekScore(s, after)
		x.rank = x.at.Rank
	} else {
		x.p, x.rank = seekScorePacked(z.slot.Bytes(), s, after)
	}
	return x
}

func (z ZSet) scoreStart(r *ScoreRange) place { return z.seekScore(r.Min, r.MinEx) }
func (z ZSet) scoreEnd(r *ScoreRange) place   { return z.seekScore(r.Max, !r.MaxEx) }

// crosses reports whether r has a chance: the last member is not below it, nor the
// first above.
func (z ZSet) crosses(r *LexRange) bool {
	if z.Len() == 0 || r.empty() {
		return false
	}
	first, last := z.ends()
	return r.aboveMin(last) && r.belowMax(first)
}

// ends returns the first and the last member of a set that has any.
func (z ZSet) ends() (first, last Value) {
	if t := z.table(); t != nil {
		first, _ = t.at(t.order.ByRank(0))
		last, _ = t.at(t.order.ByRank(t.order.Len() - 1))
		return first, last
	}
	lp := z.slot.Bytes()
	return listpack.Get(lp, listpack.First(lp)), listpack.Get(lp, listpack.Prev(lp, listpack.Last(lp)))
}

// lexStart returns the place before the first member that is not below r.
func (z ZSet) lexStart(r *LexRange) (x place) {
	t := z.table()
	switch {
	case t == nil:
		x.p, x.rank = seekPacked(z.slot.Bytes(), r.aboveMin)
	case r.Min.Inf == 0:
		x.at = t.order.SeekMember(r.Min.Member, r.Min.Ex)
		x.rank = x.at.Rank
	}
	return x
}

// lexEnd returns the place behind the last member that is not above r.
func (z ZSet) lexEnd(r *LexRange) (x place) {
	t := z.table()
	switch {
	case t == nil:
		x.p, x.rank = seekBackPacked(z.slot.Bytes(), r.belowMax)
	case r.Max.Inf == 0:
		x.at = t.order.SeekMember(r.Max.Member, !r.Max.Ex)
		x.rank = x.at.Rank
	default:
		x.rank = t.order.Len()
		x.at = t.order.Seek(x.rank)
	}
	return x
}

// CountByScore returns the number of members in r.
func (z ZSet) CountByScore(r ScoreRange) int {
	if r.empty() {
		return 0
	}
	return z.scoreEnd(&r).rank - z.scoreStart(&r).rank
}

// CountByLex returns the number of members in r.
func (z ZSet) CountByLex(r LexRange) int {
	if !z.crosses(&r) {
		return 0
	}
	if z.table() != nil {
		return max(z.lexEnd(&r).rank-z.lexStart(&r).rank, 0)
	}
	return z.runByLex(&r, z.lexStart(&r))
}

// runByLex returns how many members from x on are in r, up to the first which is
// not.
func (z ZSet) runByLex(r *LexRange, x place) (n int) {
	c := z.cursorAt(x, All(false))
	var buf [16]Element
	for k := c.Fill(buf[:]); k > 0; k = c.Fill(buf[:]) {
		for i := range buf[:k] {
			if !r.belowMax(buf[i].Member) {
				return n
			}
			n++
		}
	}
	return n
}

// RemoveRange removes n members from the one at rank start on, fewer when the
// set ends before, and returns how many. yield, unless nil, is given each
// before it is removed; it must not touch the set otherwise.
func (z ZSet) RemoveRange(start, n int, yield func(m Value, score float64)) int {
	if start < 0 {
		return 0
	}
	if t := z.table(); t != nil {
		return t.removeRange(start, n, yield)
	}
	lp := z.slot.Bytes()
	if n = min(n, listpack.Len(lp)/2-start); n <= 0 {
		return 0
	}
	if yield != nil {
		z.Range(start, n, false, func(m Value, score float64) bool {
			yield(m, score)
			return true
		})
	}
	z.slot.SetBytes(datatypes.ListPack, listpack.Delete(lp, listpack.Seek(lp, 2*start), 2*n))
	return n
}

func (t *Table) removeRange(start, n int, yield func(m Value, score float64)) int {
	return t.order.DeleteRange(start, n, func(r slab.Ref) {
		t.unlink(r)
		if yield != nil {
			yield(t.at(r))
		}
	})
}

// RemoveByScore removes the members in r; see RemoveRange.
func (z ZSet) RemoveByScore(r ScoreRange, yield func(m Value, score float64)) int {
	if r.empty() {
		return 0
	}
	start := z.scoreStart(&r).rank
	return z.RemoveRange(start, z.scoreEnd(&r).rank-start, yield)
}

// RemoveByLex removes the members in r; see RemoveRange.
func (z ZSet) RemoveByLex(r LexRange, yield func(m Value, score float64)) int {
	if !z.crosses(&r) {
		return 0
	}
	start := z.lexStart(&r)
	return z.RemoveRange(start.rank, z.runByLex(&r, start), yield)
}

// Pop removes the n members of least score, or with max of greatest, and
// returns how many there were. yield, unless nil, is given each before any is
// removed, the most extreme one first.
func (z ZSet) Pop(max bool, n int, yield func(m Value, score float64)) int {
	if n = min(n, z.Len()); n <= 0 {
		return 0
	}
	if yield != nil {
		z.Range(0, n, max, func(m Value, score float64) bool {
			yield(m, score)
			return true
		})
	}
	if max {
		return z.RemoveRange(z.Len()-n, n, nil)
	}
	return z.RemoveRange(0, n, nil)
}
