// Package ranking is the model that tests hold skip lists and rank trees against:
// members and their scores in a sorted slice.
//
//	m := ranking.New(t, tree)
//	m.Set("ada", 1.5)         // in the tree and in the model
//	… compare the tree with m.Want, and its members with m.Refs …
//
// Every operation is O(n). A Model belongs to one goroutine.
package ranking

import (
	"cmp"
	"slices"
	"testing"

	"github.com/redweave/redweave/internal/slab"
)

// A Pair is a member and its score.
type Pair struct {
	Member string
	Score  float64
}

// Compare orders pairs by score, and by member where scores are equal.
func Compare(a, b Pair) int {
	return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Member, b.Member))
}

// An Order is what is tested: it keeps members in the order of [Compare].
type Order interface {
	Insert(score float64, member []byte) slab.Ref
	UpdateScore(r slab.Ref, score float64)
	Delete(r slab.Ref)
	DeleteRange(rank, n int, f func(slab.Ref)) int
	At(r slab.Ref) (member []byte, score float64)
}

// A Model is an Order beside the sorted slice it must agree with.
type Model struct {
	Want []Pair
	Refs map[string]slab.Ref // where the Order has each member

	t     testing.TB
	order Order
}

// New returns a model of an Order that is empty.
func New(t testing.TB, o Order) *Model {
	return &Model{Refs: map[string]slab.Ref{}, t: t, order: o}
}

// Set inserts a member or changes its score.
func (m *Model) Set(member string, score float64) {
	if r, ok := m.Refs[member]; ok {
		m.forget(member)
		m.order.UpdateScore(r, score)
	} else {
		m.Refs[member] = m.order.Insert(score, []byte(member))
	}
	p := Pair{member, score}
	i, _ := slices.BinarySearchFunc(m.Want, p, Compare)
	m.Want = slices.Insert(m.Want, i, p)
}

// Delete removes a member, if it is there.
func (m *Model) Delete(member string) {
	r, ok := m.Refs[member]
	if !ok {
		return
	}
	m.order.Delete(r)
	delete(m.Refs, member)
	m.forget(member)
}

func (m *Model) forget(member string) {
	i := slices.IndexFunc(m.Want, func(p Pair) bool { return p.Member == member })
	m.Want = slices.Delete(m.Want, i, i+1)
}

// DeleteRange removes n members from the one at rank on, or as many as there are, and
// fails the test unless those are the right ones.
func (m *Model) DeleteRange(rank, n int) {
	m.t.Helper()
	n = max(0, min(n, len(m.Want)-rank))
	var got []Pair
	if k := m.order.DeleteRange(rank, n, func(r slab.Ref) { got = append(got, m.At(r)) }); k != n {
		m.t.Fatalf("DeleteRange(%d, %d) of %d = %d", rank, n, len(m.Want), k)
	}
	if n == 0 {
		return
	}
	if !slices.Equal(got, m.Want[rank:rank+n]) {
		m.t.Fatalf("DeleteRange(%d, %d) removed %v, want %v", rank, n, got, m.Want[rank:rank+n])
	}
	for _, p := range got {
		delete(m.Refs, p.Member)
	}
	m.Want = slices.Delete(m.Want, rank, rank+n)
}

// At returns what the Order has at r.
func (m *Model) At(r slab.Ref) Pair {
	member, score := m.order.At(r)
	return Pair{string(member), score}
}

// Rank returns the place of the first pair that is not before what is sought: the
// number of pairs when there is none.
func (m *Model) Rank(notBefore func(Pair) bool) int {
	if i := slices.IndexFunc(m.Want, notBefore); i >= 0 {
		return i
	}
	return len(m.Want)
}
