package skiplist

import (
	"bytes"
	"math"
	"unsafe"

	"github.com/redweave/redweave/internal/slab"
)

// Rank returns the number of members before node r.
//
// It goes from r to the end of the list, by the highest link of each node it
// meets, and takes the members passed from the whole. A link tells the level
// and the tower of the node it leads to, so each step loads one link. Compared
// with a search for r's score and member, no step depends on a comparison, and
// equal scores cost nothing.
func (l *List) Rank(r slab.Ref) int {
	p := l.a.Ptr(r)
	behind := uint32(0)
	for level(p) == 1 { // three nodes in four have no tower: walk to one
		f := next(p)
		if f == slab.Nil {
			return l.len - 1 - int(behind)
		}
		behind++
		p = l.a.Ptr(f)
	}
	for k := at(tower(p), level(p)-1); ; {
		behind += k.span
		if k.to == 0 {
			return l.len - 1 - int(behind)
		}
		_, t := l.follow(k)
		k = at(t, int(k.to>>40)-1)
	}
}

// ByRank returns the node with rank members before it, Nil when there is none.
func (l *List) ByRank(rank int) slab.Ref {
	if uint(rank) >= uint(l.len) {
		return slab.Nil
	}
	left := uint32(rank) + 1
	p := l.a.Ptr(l.head)
	t := tower(p)
	for i := l.levels - 1; i > 0; i-- {
		for k := at(t, i); k.span <= left && k.to != 0; k = at(t, i) {
			if left -= k.span; left == 0 {
				return k.next()
			}
			p, t = l.follow(k)
		}
	}
	for ; left > 1; left-- {
		p = l.a.Ptr(next(p))
	}
	return next(p)
}

// SeekScore returns the first node whose score is at least s, or, with after,
// greater than s, and the number of members before it. It returns Nil and Len
// when there is none.
//
// Both ends of a range are found so: a range from min to max begins at
// SeekScore(min, excluded) and ends before SeekScore(max, !excluded).
func (l *List) SeekScore(s float64, after bool) (r slab.Ref, rank int) {
	if after { // the least score that is greater
		if s == math.Inf(1) {
			return slab.Nil, l.len
		}
		s = math.Nextafter(s, math.Inf(1))
	}
	passed := uint32(0)
	p := l.a.Ptr(l.head)
	t := tower(p)
	for i := l.levels - 1; i > 0; i-- {
		for k := at(t, i); k.score < s; k = at(t, i) {
			passed += k.span
			p, t = l.follow(k)
		}
	}
	for r = next(p); r != slab.Nil; r = next(p) {
		if p = l.a.Ptr(r); score(p) >= s {
			break
		}
		passed++
	}
	return r, int(passed)
}

// SeekMember is SeekScore for members: the first node whose member is at least
// m, or greater with after. The scores of all members must be equal; if they
// are not, it returns some node, as Redis does.
func (l *List) SeekMember(m []byte, after bool) (r slab.Ref, rank int) {
	passed := uint32(0)
	p := l.a.Ptr(l.head)
	t := tower(p)
	for i := l.levels - 1; i > 0; i-- {
		for k := at(t, i); k.to != 0; k = at(t, i) {
			q, u := l.follow(k)
			if !goesBefore(q, m, after) {
				break
			}
			passed += k.span
			p, t = q, u
		}
	}
	for r = next(p); r != slab.Nil; r = next(p) {
		if p = l.a.Ptr(r); !goesBefore(p, m, after) {
			break
		}
		passed++
	}
	return r, int(passed)
}

// goesBefore reports whether the member at p is less than m, or equal if
// orEqual says so.
func goesBefore(p unsafe.Pointer, m []byte, orEqual bool) bool {
	c := bytes.Compare(member(p), m)
	return c < 0 || c == 0 && orEqual
}
