package zset

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
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
// scores are equal.
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

func (r *LexRange) belowMax(m Value) bool {
	if r.Max.Inf != 0 {
		return r.Max.Inf > 0
	}
	c := compareValue(m, r.Max.Member)
	return c < 0 || c == 0 && !r.Max.Ex
}

func (r *LexRange) aboveMin(m Value) bool {
	if r.Min.Inf != 0 {
		return r.Min.Inf < 0
	}
	c := compareValue(m, r.Min.Member)
	return c > 0 || c == 0 && !r.Min.Ex
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
	if start < 0 || start >= z.Len() {
		return
	}
	if reverse {
		start = z.Len() - 1 - start
	}
	if t := z.table(); t != nil {
		t.walk(t.byRank(start), n, reverse, yield)
		return
	}
	lp := z.slot.Bytes()
	walkPacked(lp, listpack.Seek(lp, 2*start), n, reverse, yield)
}

// byRank is ByRank, but for the ends, which are at hand.
func (t *Table) byRank(rank int) slab.Ref {
	switch rank {
	case 0:
		return t.list.First()
	case t.list.Len() - 1:
		return t.list.Last()
	}
	return t.list.ByRank(rank)
}

// RangeByScore yields the members in r, as far as w shows them.
func (z ZSet) RangeByScore(r ScoreRange, w Window, yield func(m Value, score float64) bool) {
	if r.empty() {
		return
	}
	if w.Reverse {
		z.walkFrom(z.scoreEnd(r), w, func(m Value, s float64) bool { return r.aboveMin(s) && yield(m, s) })
	} else {
		z.walkFrom(z.scoreStart(r), w, func(m Value, s float64) bool { return r.belowMax(s) && yield(m, s) })
	}
}

// RangeByLex yields the members in r, as far as w shows them.
func (z ZSet) RangeByLex(r LexRange, w Window, yield func(m Value, score float64) bool) {
	if r.empty() {
		return
	}
	if w.Reverse {
		z.walkFrom(z.lexEnd(r), w, func(m Value, s float64) bool { return r.aboveMin(m) && yield(m, s) })
	} else {
		z.walkFrom(z.lexStart(r), w, func(m Value, s float64) bool { return r.belowMax(m) && yield(m, s) })
	}
}

// A place is where a range begins or ends: the number of members before it, and
// the member behind it, as a node (r) or a position in a listpack (p).
type place struct {
	rank int
	r    slab.Ref
	p    int
}

func (z ZSet) seekScore(s float64, after bool) (at place) {
	if z.slot == nil {
		return place{}
	}
	if t := z.table(); t != nil {
		at.r, at.rank = t.list.SeekScore(s, after)
	} else {
		at.p, at.rank = seekScorePacked(z.slot.Bytes(), s, after)
	}
	return at
}

func (z ZSet) scoreStart(r ScoreRange) place { return z.seekScore(r.Min, r.MinEx) }
func (z ZSet) scoreEnd(r ScoreRange) place   { return z.seekScore(r.Max, !r.MaxEx) }

func (z ZSet) lexStart(r LexRange) place { return z.seekLex(r.Min, r.Min.Ex) }
func (z ZSet) lexEnd(r LexRange) place   { return z.seekLex(r.Max, !r.Max.Ex) }

func (z ZSet) seekLex(b LexBound, after bool) (at place) {
	if z.slot == nil {
		return place{}
	}
	t := z.table()
	switch {
	case b.Inf > 0:
		return place{rank: z.Len(), p: -1}
	case b.Inf < 0 && t != nil:
		return place{r: t.list.First()}
	case b.Inf < 0:
		return place{p: listpack.First(z.slot.Bytes())}
	case t != nil:
		at.r, at.rank = t.list.SeekMember(b.Member, after)
	default:
		at.p, at.rank = seekMemberPacked(z.slot.Bytes(), b.Member, after)
	}
	return at
}

// walkFrom yields what w shows of the members behind at, or with w.Reverse of
// those before it, from there down. yield tells where the range ends.
func (z ZSet) walkFrom(at place, w Window, yield func(m Value, score float64) bool) {
	n, left := w.Count, z.Len()-at.rank
	if w.Reverse {
		left = at.rank
	}
	if w.Offset < 0 || w.Offset >= left {
		return
	}
	if n < 0 {
		n = left
	}
	t := z.table()
	switch {
	case w.Offset > 0 && w.Reverse:
		z.Range(z.Len()-at.rank+w.Offset, n, true, yield)
	case w.Offset > 0:
		z.Range(at.rank+w.Offset, n, false, yield)
	case t != nil && !w.Reverse:
		t.walk(at.r, n, false, yield)
	case t != nil && at.r == slab.Nil:
		t.walk(t.list.Last(), n, true, yield)
	case t != nil:
		t.walk(t.list.Prev(at.r), n, true, yield)
	case !w.Reverse:
		walkPacked(z.slot.Bytes(), at.p, n, false, yield)
	default:
		lp := z.slot.Bytes()
		if at.p < 0 {
			at.p = listpack.End(lp)
		}
		walkPacked(lp, listpack.Prev(lp, listpack.Prev(lp, at.p)), n, true, yield)
	}
}

// CountByScore returns the number of members in r.
func (z ZSet) CountByScore(r ScoreRange) int {
	if r.empty() {
		return 0
	}
	return z.scoreEnd(r).rank - z.scoreStart(r).rank
}

// CountByLex returns the number of members in r.
func (z ZSet) CountByLex(r LexRange) int {
	if r.empty() {
		return 0
	}
	return z.lexEnd(r).rank - z.lexStart(r).rank
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
	p := listpack.Seek(lp, 2*start)
	if yield != nil {
		walkPacked(lp, p, n, false, func(m Value, score float64) bool {
			yield(m, score)
			return true
		})
	}
	z.slot.SetBytes(datatypes.ListPack, listpack.Delete(lp, p, 2*n))
	return n
}

func (t *Table) removeRange(start, n int, yield func(m Value, score float64)) int {
	return t.list.DeleteRange(start, n, func(r slab.Ref) {
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
	start := z.scoreStart(r).rank
	return z.RemoveRange(start, z.scoreEnd(r).rank-start, yield)
}

// RemoveByLex removes the members in r; see RemoveRange.
func (z ZSet) RemoveByLex(r LexRange, yield func(m Value, score float64)) int {
	if r.empty() {
		return 0
	}
	start := z.lexStart(r).rank
	return z.RemoveRange(start, z.lexEnd(r).rank-start, yield)
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
