package ranktree

import "github.com/redweave/redweave/internal/slab"

// A Position is a place between members: the one behind it is what a walk to the
// end yields first, the one before it what a walk to the start does.
type Position struct {
	Rank int      // members before it
	leaf slab.Ref // Nil when it has to be found by rank
	i    int
}

// Rank returns the number of members before member r.
func (t *Tree) Rank(r slab.Ref) int {
	k := keyOf(t.Score(r))
	rank := 0
	q := t.root
	for range t.height {
		p := t.page(q)
		i := t.childWith(p, r, k)
		rank += p.before(i)
		q = p.child(i)
	}
	return rank + t.indexOf(t.page(q), r, k)
}

// before returns the number of members under the first i children.
func (p page) before(i int) (sum int) {
	col := p.counts()
	for j := range i {
		sum += int(countAt(col, j))
	}
	return sum
}

// childOf returns the child that holds the member of a rank within p, and the
// rank within that child.
func (p page) childOf(rank int) (i, within int) {
	col := p.counts()
	left := uint32(rank)
	for {
		n := countAt(col, i)
		if left < n {
			return i, int(left)
		}
		left -= n
		i++
	}
}

// findRank goes to the member with rank members before it, which is there.
func (t *Tree) findRank(rank int, w *way) {
	r := t.root
	for d := range t.height {
		p := t.page(r)
		var i int
		i, rank = p.childOf(rank)
		w[d] = step{r, i}
		r = p.child(i)
	}
	w[t.height] = step{r, rank}
}

// Seek returns the position with rank members before it, 0 to Len.
func (t *Tree) Seek(rank int) Position { return Position{Rank: rank} }

// settle finds the leaf of the member with rank members before it, which is
// there, and its place.
func (t *Tree) settle(rank int) (slab.Ref, int) {
	r := t.root
	for range t.height {
		p := t.page(r)
		var i int
		i, rank = p.childOf(rank)
		r = p.child(i)
	}
	return r, rank
}

// ByRank returns the member with rank members before it, Nil when there is none.
func (t *Tree) ByRank(rank int) slab.Ref {
	if uint(rank) >= uint(t.len) {
		return slab.Nil
	}
	r, i := t.settle(rank)
	return t.page(r).member(i)
}

// SeekScore returns the position before the first member whose score is at least
// s, or, with after, greater than s.
//
// Both ends of a range are found so: a range from min to max begins at
// SeekScore(min, excluded) and ends at SeekScore(max, !excluded).
func (t *Tree) SeekScore(s float64, after bool) (at Position) {
	k := keyOf(s)
	if after {
		k++ // nothing lies between two keys
	}
	r := t.root
	if r == slab.Nil {
		return at
	}
	for range t.height {
		p := t.page(r)
		i := max(p.below(k)-1, 0)
		at.Rank += p.before(i)
		r = p.child(i)
	}
	at.leaf, at.i = r, t.page(r).below(k)
	at.Rank += at.i
	return at
}

// SeekMember is SeekScore for members: the position before the first whose name
// is at least m, or greater with after. The scores of all members must be equal;
// if they are not, it returns some position, as Redis does.
func (t *Tree) SeekMember(m []byte, after bool) (at Position) {
	r := t.root
	if r == slab.Nil {
		return at
	}
	for range t.height {
		p := t.page(r)
		i := max(t.upToTied(p, 0, p.key(0), m, after)-1, 0)
		at.Rank += p.before(i)
		r = p.child(i)
	}
	p := t.page(r)
	at.leaf, at.i = r, t.upToTied(p, 0, p.key(0), m, after)
	at.Rank += at.i
	return at
}

// Fill puts the members behind at into dst, in order, as many as there are and
// fit, and moves at behind them. It returns how many: 0 at the end.
func (t *Tree) Fill(at *Position, dst []slab.Ref) (n int) {
	for n < len(dst) && at.Rank < t.len {
		if at.leaf == slab.Nil || at.i == t.page(at.leaf).n() {
			at.leaf, at.i = t.settle(at.Rank)
		}
		p := t.page(at.leaf)
		col := p.members()
		k := min(len(dst)-n, p.n()-at.i)
		for j := range k {
			dst[n+j] = refAt(col, at.i+j)
		}
		n += k
		at.i += k
		at.Rank += k
	}
	return n
}

// FillBack is Fill for the members before at, the last first.
func (t *Tree) FillBack(at *Position, dst []slab.Ref) (n int) {
	for n < len(dst) && at.Rank > 0 {
		if at.leaf == slab.Nil || at.i == 0 {
			at.leaf, at.i = t.settle(at.Rank - 1)
			at.i++
		}
		col := t.page(at.leaf).members()
		k := min(len(dst)-n, at.i)
		for j := range k {
			dst[n+j] = refAt(col, at.i-1-j)
		}
		n += k
		at.i -= k
		at.Rank -= k
	}
	return n
}

// All calls yield for each member, in order, until it returns false.
func (t *Tree) All(yield func(r slab.Ref) bool) {
	var buf [32]slab.Ref
	var at Position
	for n := t.Fill(&at, buf[:]); n > 0; n = t.Fill(&at, buf[:]) {
		for _, r := range buf[:n] {
			if !yield(r) {
				return
			}
		}
	}
}
