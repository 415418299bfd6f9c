package skiplist

import (
	"bytes"
	"fmt"
	"math"

	"github.com/redweave/redweave/internal/slab"
)

// Check recounts the whole list against its invariants and returns the first
// fault.
func (l *List) Check() error {
	if l.levels < 1 || l.levels > l.room || l.room > maxLevel {
		return fmt.Errorf("skiplist: %d levels, head has room for %d", l.levels, l.room)
	}
	ranks, err := l.checkMembers()
	if err != nil {
		return fmt.Errorf("skiplist: %w", err)
	}
	for i := l.levels - 1; i > 0; i-- {
		n, err := l.checkLevel(i, ranks)
		if err != nil {
			return fmt.Errorf("skiplist: level %d: %w", i, err)
		}
		if n == 0 {
			return fmt.Errorf("skiplist: level %d of %d is empty", i, l.levels)
		}
	}
	return nil
}

// checkMembers walks level 0 and returns each node's rank, the first being 1.
func (l *List) checkMembers() (map[slab.Ref]uint32, error) {
	ranks := make(map[slab.Ref]uint32, l.len)
	before := slab.Nil
	for r := l.First(); r != slab.Nil; before, r = r, l.Next(r) {
		p := l.a.Ptr(r)
		if prev(p) != before {
			return nil, fmt.Errorf("node %d after %d points back to %d", r, before, prev(p))
		}
		if lev := level(p); lev < 1 || lev > l.levels {
			return nil, fmt.Errorf("node %d of level %d in a list of %d", r, lev, l.levels)
		}
		if c := l.a.Cap(r); nodeSize(len(member(p)), level(p)) > c {
			return nil, fmt.Errorf("node %d of %d bytes does not fit %q and %d levels", r, c, member(p), level(p))
		}
		if s := score(p); s != s {
			return nil, fmt.Errorf("node %d (%q) has score NaN", r, member(p))
		}
		if before != slab.Nil {
			m, s := l.At(before)
			if s > score(p) || s == score(p) && bytes.Compare(m, member(p)) >= 0 {
				return nil, fmt.Errorf("%v %q stands before %v %q", s, m, score(p), member(p))
			}
		}
		ranks[r] = uint32(len(ranks) + 1)
	}
	if l.len != len(ranks) || l.tail != before {
		return nil, fmt.Errorf("len %d and tail %d, walked %d to %d", l.len, l.tail, len(ranks), before)
	}
	return ranks, nil
}

// checkLevel walks level i >= 1 and returns the number of its nodes.
func (l *List) checkLevel(i int, ranks map[slab.Ref]uint32) (n int, err error) {
	rank := uint32(0)
	k := at(tower(l.a.Ptr(l.head)), i)
	for ; k.to != 0; n++ {
		r := k.next()
		if ranks[r] == 0 {
			return 0, fmt.Errorf("leads to %d, which is no node", r)
		}
		p := l.a.Ptr(r)
		if lev := level(p); lev <= i || k.to != toNode(r, lev) {
			return 0, fmt.Errorf("link %#x to node %d of level %d", k.to, r, lev)
		}
		if _, t := l.follow(k); k.score != score(p) || t != tower(p) {
			return 0, fmt.Errorf("link to node %d tells score %v and tower %d", r, k.score, k.tower)
		}
		if rank += k.span; rank != ranks[r] {
			return 0, fmt.Errorf("spans up to node %d add up to %d, its rank is %d", r, rank, ranks[r])
		}
		k = at(tower(p), i)
	}
	if rank += k.span; int(rank) != l.len || !math.IsInf(k.score, 1) {
		return 0, fmt.Errorf("last link: score %v, spans add up to %d of %d", k.score, rank, l.len)
	}
	tall := 0
	for r := range ranks {
		if level(l.a.Ptr(r)) > i {
			tall++
		}
	}
	if tall != n {
		return 0, fmt.Errorf("chains %d of %d nodes", n, tall)
	}
	return n, nil
}

// mustBeSound checks lists short enough for it after each change, in builds
// that check themselves.
func (l *List) mustBeSound(op string) {
	if l.len > 30 {
		return
	}
	if err := l.Check(); err != nil {
		panic(fmt.Sprintf("after %s: %v", op, err))
	}
}
