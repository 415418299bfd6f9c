package zset

import (
	"math/rand/v2"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Random returns one member, each with the same probability; ok is false when
// there is none.
func (z ZSet) Random(rnd *rand.Rand) (m Value, score float64, ok bool) {
	n := z.Len()
	if n == 0 {
		return m, 0, false
	}
	if t := z.table(); t != nil {
		m, score = t.at(t.dict.Random(rnd))
		return m, score, true
	}
	lp := z.slot.Bytes()
	p := listpack.Seek(lp, 2*rnd.IntN(n))
	return listpack.Get(lp, p), scoreAt(lp, listpack.Next(lp, p)), true
}

// RandomN draws members. With repeat it yields exactly count, drawn
// independently (none from an empty set); without, count different ones or all
// there are, in no particular order.
func (z ZSet) RandomN(rnd *rand.Rand, count int, repeat bool, yield func(m Value, score float64)) {
	n := z.Len()
	if n == 0 {
		return
	}
	if t := z.table(); t != nil {
		t.randomN(rnd, count, repeat, yield)
		return
	}
	lp := z.slot.Bytes()
	var buf [256]uint32 // twice the members of the usual limit
	places := buf[:0]
	for p := listpack.First(lp); p >= 0; p = listpack.Skip(lp, p, 2) {
		places = append(places, uint32(p))
	}
	if !repeat {
		count = min(count, n)
	}
	for i := range count {
		j := rnd.IntN(n)
		if !repeat { // the drawn one makes way for the last not drawn
			j = rnd.IntN(n - i)
		}
		p := int(places[j])
		yield(listpack.Get(lp, p), scoreAt(lp, listpack.Next(lp, p)))
		if !repeat {
			places[j] = places[n-1-i]
		}
	}
}

func (t *Table) randomN(rnd *rand.Rand, count int, repeat bool, yield func(m Value, score float64)) {
	n := t.order.Len()
	switch {
	case repeat:
		for range count {
			yield(t.at(t.dict.Random(rnd)))
		}
	case count > n/4: // so many that drawing would often hit one twice
		t.sample(rnd, min(count, n), yield)
	default:
		seen := make(map[slab.Ref]struct{}, count)
		for len(seen) < count {
			r := t.dict.Random(rnd)
			if _, again := seen[r]; !again {
				seen[r] = struct{}{}
				yield(t.at(r))
			}
		}
	}
}

// sample walks the members once and takes each with the probability that count
// of those left are wanted (Knuth's algorithm S).
func (t *Table) sample(rnd *rand.Rand, count int, yield func(m Value, score float64)) {
	left := t.order.Len()
	for r := range t.order.All {
		if rnd.IntN(left) < count {
			yield(t.at(r))
			if count--; count == 0 {
				return
			}
		}
		left--
	}
}
