package zset

import (
	"bytes"
	"strconv"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/resp"
)

// A small sorted set is one listpack of pairs in order:
//
//	| member | score | member | score | …
//
// A score that is a whole number of at most 2^62 is an integer, any other the
// text a reply would show. {"a": 1, "b": 2.5} takes 20 bytes:
//
//	14 00 00 00  04 00  81 61 02  01 01  81 62 02  83 32 2E 35 04  FF
//	 total 20     num    1 a       1      1 b       3  2  .  5     end
//
// Redis writes the same, and DUMP carries these bytes. As in Redis the score -0
// becomes 0 here.
//
// Invariants, verified by Validate:
//   - the elements make whole pairs, whose second is a number but NaN
//   - (score, member) ascends strictly, and no member is there twice

// maxScoreGrow is the most bytes that adding a score can add: its text takes up
// to 24.
const maxScoreGrow = 32

// scoreAt returns the score at p.
func scoreAt(lp []byte, p int) float64 {
	if v, ok := listpack.GetInt(lp, p); ok {
		return float64(v)
	}
	return textScore(lp, p)
}

func textScore(lp []byte, p int) float64 {
	f, _ := strconv.ParseFloat(string(listpack.Get(lp, p).Str), 64)
	return f
}

// findPacked returns the position of a member, -1 when it is not there.
func findPacked(lp, member []byte) int {
	return listpack.Find(lp, listpack.First(lp), member, 1)
}

// rankPacked returns the number of pairs before the one at p.
func rankPacked(lp []byte, p int) (n int) {
	for q := listpack.First(lp); q < p; q = listpack.Skip(lp, q, 2) {
		n++
	}
	return n
}

// compareValue is bytes.Compare with v's text.
func compareValue(v Value, m []byte) int {
	if !v.IsInt {
		return bytes.Compare(v.Str, m)
	}
	var buf intBuf
	return bytes.Compare(v.Append(buf[:0]), m)
}

// placePacked returns the position where the pair belongs: that of the first
// which comes after it, or the end.
func placePacked(lp, member []byte, score float64) int {
	for p := listpack.First(lp); p >= 0; {
		sp := listpack.Next(lp, p)
		if s := scoreAt(lp, sp); s > score || s == score && compareValue(listpack.Get(lp, p), member) > 0 {
			return p
		}
		p = listpack.Next(lp, sp)
	}
	return listpack.End(lp)
}

// insertPacked adds a pair at p: the score, then the member before it.
func insertPacked(lp []byte, p int, member []byte, score float64) []byte {
	if v, ok := whole(score); ok {
		lp = listpack.InsertInt(lp, p, v)
	} else {
		var buf [maxScoreGrow]byte
		lp = listpack.InsertBefore(lp, p, resp.AppendDouble(buf[:0], score))
	}
	return listpack.InsertBefore(lp, p, member)
}

// whole returns the integer that a score is stored and shown as, if it is one.
func whole(score float64) (v int64, ok bool) {
	if score < -(1<<62) || score > 1<<62 {
		return 0, false
	}
	v = int64(score)
	return v, float64(v) == score
}

// room returns the slot's bytes with a capacity for n more.
func (z ZSet) room(lp []byte, n int) []byte {
	if cap(lp)-len(lp) < n {
		return z.slot.Grow(n)
	}
	return lp
}

func (z ZSet) addPacked(member []byte, score float64, f Flags, lim *Limits) (float64, Outcome) {
	lp := z.slot.Bytes()
	grow := listpack.MaxGrow(member) + maxScoreGrow
	if p := findPacked(lp, member); p >= 0 {
		s, out := f.decide(scoreAt(lp, listpack.Next(lp, p)), score)
		if out == Updated {
			lp = listpack.Delete(z.room(lp, grow), p, 2)
			lp = insertPacked(lp, placePacked(lp, member, s), member, s)
			z.slot.SetBytes(datatypes.ListPack, lp)
		}
		return s, out
	}
	if f.XX {
		return 0, Skipped
	}
	if listpack.Len(lp)/2 >= lim.ListPackEntries || len(member) > lim.ListPackValue || len(lp) > maxListPack-grow {
		return z.convert().add(member, score, f)
	}
	lp = z.room(lp, grow)
	lp = insertPacked(lp, placePacked(lp, member, score), member, score)
	z.slot.SetBytes(datatypes.ListPack, lp)
	return score, Added
}

// seekScorePacked is [ranktree.Tree.SeekScore] for a listpack.
func seekScorePacked(lp []byte, s float64, after bool) (p, rank int) {
	for p = listpack.First(lp); p >= 0; rank++ {
		sp := listpack.Next(lp, p)
		if have := scoreAt(lp, sp); have > s || !after && have == s {
			break
		}
		p = listpack.Next(lp, sp)
	}
	return p, rank
}

// seekPacked returns the position and the rank of the first pair whose member
// satisfies f, -1 and the number of pairs when there is none.
func seekPacked(lp []byte, f func(m Value) bool) (p, rank int) {
	for p = listpack.First(lp); p >= 0 && !f(listpack.Get(lp, p)); rank++ {
		p = listpack.Skip(lp, p, 2)
	}
	return p, rank
}

// seekBackPacked returns the position and the rank behind the last pair whose
// member satisfies f, those of the first pair when there is none.
func seekBackPacked(lp []byte, f func(m Value) bool) (p, rank int) {
	p, rank = -1, listpack.Len(lp)/2
	for sp := listpack.Last(lp); sp >= 0; rank-- {
		q := listpack.Prev(lp, sp)
		if f(listpack.Get(lp, q)) {
			break
		}
		p, sp = q, listpack.Prev(lp, q)
	}
	return p, rank
}
