package zset

import (
	"bytes"
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
)

// A Pair is a member and its score.
type Pair struct {
	Member []byte
	Score  float64
}

func comparePairs(a, b Pair) int {
	switch {
	case a.Score < b.Score:
		return -1
	case a.Score > b.Score:
		return 1
	}
	return bytes.Compare(a.Member, b.Member)
}

// SortPairs brings pairs into the order a sorted set has them in.
func SortPairs(pairs []Pair) { slices.SortFunc(pairs, comparePairs) }

// Store makes the value of s a sorted set of pairs, in the smallest encoding
// the limits allow, and returns it: much faster than adding them one by one. It
// sorts pairs first, unless they are sorted. No member may come twice, no
// score be NaN, and no member lie in the arena that s belongs to.
func Store(s datatypes.Slot, pairs []Pair, lim *Limits) ZSet {
	if !slices.IsSortedFunc(pairs, comparePairs) {
		SortPairs(pairs)
	}
	longest, size := 0, 0
	for _, p := range pairs {
		longest = max(longest, len(p.Member))
		size += listpack.MaxGrow(p.Member) + maxScoreGrow
	}
	if InitialEncoding(len(pairs), longest, lim) == datatypes.ListPack && size <= maxListPack {
		lp := make([]byte, 0, listpack.EmptySize+size)
		lp = listpack.AppendEmpty(lp)
		for _, p := range pairs {
			lp = insertPacked(lp, listpack.End(lp), p.Member, p.Score)
		}
		s.SetBytes(datatypes.ListPack, append(s.Grow(len(lp))[:0], lp...))
		return ZSet{s}
	}
	t := newTable(s.Arena())
	for _, p := range pairs {
		t.link(t.order.Append(p.Score, p.Member))
	}
	s.SetObject(datatypes.SkipList, t)
	return ZSet{s}
}
