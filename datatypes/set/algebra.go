package set

import (
	"cmp"
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
)

// The results below are made in a slot of their own, usually a
// [datatypes.MemSlot] on the arena of the set that is to be stored: the target
// may be one of the sources. Then
//
//	res := set.Union(datatypes.NewMemSlot(arena, 0, nil), sets, &limits)
//	res.MoveTo(entry)    // or, once the reply is written: res.Free()
//
// Sets that are missing are zero Sets. Each function has Redis's choice of
// algorithm, and of the result's encoding.

// InterEach yields the members that all the sets have, until yield returns
// false. It sorts the sets by length, and goes through the shortest.
func InterEach(sets []Set, yield func(Value) bool) {
	byLen(sets)
	if len(sets) == 0 {
		return
	}
	others := sets[1:]
	sets[0].ForEach(func(v Value) bool {
		for _, o := range others {
			if !o.ContainsValue(v) {
				return true
			}
		}
		return yield(v)
	})
}

// InterCard returns how many members all the sets have, and stops counting at
// limit; 0 is no limit. It sorts the sets by length.
func InterCard(sets []Set, limit int) (n int) {
	InterEach(sets, func(Value) bool {
		n++
		return n != limit
	})
	return n
}

// Inter makes the value of dst the set of the members that all the sets have.
// It sorts the sets by length.
func Inter(dst datatypes.Slot, sets []Set, lim *Limits) Set {
	byLen(sets)
	enc := datatypes.ListPack // cheaper to append to than an intset
	if len(sets) > 0 && sets[0].slot != nil && sets[0].Encoding() == datatypes.IntSet {
		enc = datatypes.IntSet
	}
	res, allInts := Init(dst, enc), true
	InterEach(sets, func(v Value) bool {
		if allInts && !v.IsInt {
			_, allInts = listpack.ParseInt(v.Str)
		}
		res.AddValue(v, lim)
		return true
	})
	if allInts {
		res.toIntSet(lim)
	}
	return res
}

// Union makes the value of dst the set of the members that any of the sets has.
func Union(dst datatypes.Slot, sets []Set, lim *Limits) Set {
	res := Init(dst, datatypes.IntSet)
	for _, s := range sets {
		s.ForEach(func(v Value) bool {
			res.AddValue(v, lim)
			return true
		})
	}
	return res
}

// Diff makes the value of dst the set of the members of the first set that none
// of the others has. It sorts the others by length.
func Diff(dst datatypes.Slot, sets []Set, lim *Limits) Set {
	res := Init(dst, datatypes.IntSet)
	if len(sets) == 0 || sets[0].Len() == 0 {
		return res
	}
	if diffByLookup(sets) {
		DiffEach(sets, func(v Value) bool {
			res.AddValue(v, lim)
			return true
		})
		return res
	}
	Union(dst, sets[:1], lim)
	for _, s := range sets[1:] {
		s.ForEach(func(v Value) bool {
			res.RemoveValue(v)
			return res.Len() > 0
		})
	}
	return res
}

// DiffEach yields the members of the first set that none of the others has,
// until yield returns false. It looks each of them up in the others, which
// it sorts by length, the longest first: the likeliest to have it.
func DiffEach(sets []Set, yield func(Value) bool) {
	if len(sets) == 0 {
		return
	}
	others := sets[1:]
	byLen(others)
	slices.Reverse(others)
	sets[0].ForEach(func(v Value) bool {
		for _, o := range others {
			if o.ContainsValue(v) {
				return true
			}
		}
		return yield(v)
	})
}

// diffByLookup decides how to subtract: by looking up each member of the first
// set in the others, or by removing each member of the others from a copy of
// it. Looking up ends early at members that the others have; so it is given an
// advantage of two.
func diffByLookup(sets []Set) bool {
	lookups, removals := 0, 0
	for _, s := range sets {
		if s.slot == nil {
			continue
		}
		lookups += sets[0].Len()
		removals += s.Len()
	}
	return lookups/2 <= removals
}

func byLen(sets []Set) {
	slices.SortStableFunc(sets, func(a, b Set) int { return cmp.Compare(a.Len(), b.Len()) })
}
