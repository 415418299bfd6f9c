package set

import (
	"math/rand/v2"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/intset"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Random returns a member, each with the same probability; ok is false when
// there is none.
func (s Set) Random(rnd *rand.Rand) (v Value, ok bool) {
	n := s.Len()
	if n == 0 {
		return v, false
	}
	switch s.slot.Encoding() {
	case datatypes.HashTable:
		t := s.table()
		return t.value(t.dict.Random(rnd)), true
	case datatypes.IntSet:
		return Value{Int: intset.At(s.slot.Bytes(), rnd.IntN(n)), IsInt: true}, true
	}
	lp := s.slot.Bytes()
	return listpack.Get(lp, listpack.Seek(lp, rnd.IntN(n))), true
}

// Pop removes a random member and appends its text to dst; ok is false when
// there is none.
func (s Set) Pop(rnd *rand.Rand, dst []byte) (text []byte, ok bool) {
	n := s.Len()
	if n == 0 {
		return dst, false
	}
	switch enc := s.slot.Encoding(); enc {
	case datatypes.HashTable:
		t := s.table()
		r := t.dict.Random(rnd)
		member := t.dict.KeyOf(r)
		dst = append(dst, member...)
		t.drop(t.dict.Hash(member), r)
	case datatypes.IntSet:
		b, i := s.slot.Bytes(), rnd.IntN(n)
		dst = Value{Int: intset.At(b, i), IsInt: true}.Append(dst)
		s.slot.SetBytes(enc, intset.RemoveAt(b, i))
	default:
		lp := s.slot.Bytes()
		p := listpack.Seek(lp, rnd.IntN(n))
		dst = listpack.Get(lp, p).Append(dst)
		s.slot.SetBytes(enc, listpack.Delete(lp, p, 1))
	}
	return dst, true
}

// popKeep is Redis's measure of nearly all: when at most one member in popKeep
// of those popped remains, the remaining ones become a set made anew.
const popKeep = 5

// PopN removes count different random members, or all there are, and yields
// each before it goes.
//
// When it leaves few of a hash table's members it makes a listpack of them, as
// Redis does.
func (s Set) PopN(rnd *rand.Rand, count int, lim *Limits, yield func(Value)) {
	left := max(s.Len()-count, 0)
	switch enc := s.Encoding(); {
	case enc == datatypes.IntSet:
		s.popIntSet(rnd, count, yield)
	case enc == datatypes.ListPack:
		s.popPacked(rnd, count, yield)
	case count/popKeep >= left && left <= lim.ListPackEntries:
		s.keep(rnd, left, lim, yield)
	default:
		t := s.table()
		for range count {
			r := t.dict.Random(rnd)
			v := t.value(r)
			yield(v)
			t.drop(t.dict.Hash(v.Str), r)
		}
	}
}

// A picker goes through n things and picks k of them, each subset with the same
// probability (Knuth's algorithm S).
type picker struct {
	rnd  *rand.Rand
	n, k int
}

func (p *picker) next() bool {
	pick := p.rnd.IntN(p.n) < p.k
	p.n--
	if pick {
		p.k--
	}
	return pick
}

func (s Set) popIntSet(rnd *rand.Rand, count int, yield func(Value)) {
	b := s.slot.Bytes()
	n := intset.Len(b)
	left := intset.AppendEmpty(make([]byte, 0, len(b)))
	pick := picker{rnd, n, min(count, n)}
	for i := range n {
		if v := intset.At(b, i); pick.next() {
			yield(Value{Int: v, IsInt: true})
		} else {
			left, _ = intset.Add(left, v)
		}
	}
	s.slot.SetBytes(datatypes.IntSet, left)
}

func (s Set) popPacked(rnd *rand.Rand, count int, yield func(Value)) {
	lp := s.slot.Bytes()
	n := listpack.Len(lp)
	left := listpack.AppendEmpty(make([]byte, 0, len(lp)))
	pick := picker{rnd, n, min(count, n)}
	for p := listpack.First(lp); p >= 0; p = listpack.Next(lp, p) {
		if pick.next() {
			yield(listpack.Get(lp, p))
		} else {
			left = listpack.AppendSpan(left, lp[p:p+listpack.Span(lp, p, 1)], 1)
		}
	}
	s.slot.SetBytes(datatypes.ListPack, left)
}

// keep draws the members that stay, at most as many as a listpack may hold, and
// yields the others.
func (s Set) keep(rnd *rand.Rand, left int, lim *Limits, yield func(Value)) {
	t := s.table()
	stay := Init(&datatypes.MemSlot{Mem: s.slot.Arena()}, datatypes.ListPack)
	for range left {
		r := t.dict.Random(rnd)
		member := t.dict.KeyOf(r)
		stay.Add(member, lim)
		t.drop(t.dict.Hash(member), r)
	}
	s.ForEach(func(v Value) bool {
		yield(v)
		return true
	})
	t.free()
	stay.MoveTo(s.slot)
}

// RandomN draws members. With repeat it yields exactly count, drawn
// independently (none from an empty set); without, count different ones or all
// there are, in no particular order.
func (s Set) RandomN(rnd *rand.Rand, count int, repeat bool, yield func(Value)) {
	n := s.Len()
	switch {
	case n == 0:
	case repeat && s.Encoding() == datatypes.ListPack:
		s.randomPacked(rnd, count, yield)
	case repeat:
		for range count {
			v, _ := s.Random(rnd)
			yield(v)
		}
	case count >= n || s.Encoding() != datatypes.HashTable:
		pick := picker{rnd, n, min(count, n)}
		s.ForEach(func(v Value) bool {
			if pick.next() {
				yield(v)
			}
			return pick.k > 0
		})
	default:
		s.table().randomN(rnd, count, yield)
	}
}

// randomPacked draws from a listpack with repetition. It notes where the
// members are first, since finding one means walking.
func (s Set) randomPacked(rnd *rand.Rand, count int, yield func(Value)) {
	lp := s.slot.Bytes()
	var buf [128]uint32 // the usual limit
	places := buf[:0]
	for p := listpack.First(lp); p >= 0; p = listpack.Next(lp, p) {
		places = append(places, uint32(p))
	}
	for range count {
		yield(listpack.Get(lp, int(places[rnd.IntN(len(places))])))
	}
}

// randomN draws count different members, fewer than there are.
func (t *Table) randomN(rnd *rand.Rand, count int, yield func(Value)) {
	n := t.dict.Len()
	if count > n/3 { // so many that drawing would often hit one twice
		refs := make([]slab.Ref, 0, n)
		t.dict.ForEach(func(r slab.Ref) bool {
			refs = append(refs, r)
			return true
		})
		for i := range count {
			j := i + rnd.IntN(n-i)
			refs[i], refs[j] = refs[j], refs[i]
			yield(t.value(refs[i]))
		}
		return
	}
	seen := make(map[slab.Ref]struct{}, count)
	for len(seen) < count {
		r := t.dict.Random(rnd)
		if _, again := seen[r]; !again {
			seen[r] = struct{}{}
			yield(t.value(r))
		}
	}
}
