package hash

import (
	"math"
	"math/rand/v2"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// Random returns one field, each that is not due with the same probability;
// ok is false when there is none.
func (h Hash) Random(rnd *rand.Rand, now int64) (field, value listpack.Value, ok bool) {
	if h.slot.Encoding() == datatypes.HashTable {
		t := h.table()
		r := t.random(rnd, now)
		if r == slab.Nil {
			return field, value, false
		}
		e := t.elem(r)
		return listpack.Value{Str: e.field}, listpack.Value{Str: e.value}, true
	}
	lp, n := h.slot.Bytes(), stride(h.slot.Encoding())
	skip := 0 // those that are due are a prefix
	if n == 3 {
		skip = dueTriples(lp, now, math.MaxInt)
	}
	live := listpack.Len(lp)/n - skip
	if live == 0 {
		return field, value, false
	}
	p := listpack.Seek(lp, n*(skip+rnd.IntN(live)))
	return listpack.Get(lp, p), listpack.Get(lp, listpack.Next(lp, p)), true
}

// RandomN draws fields that are not due. With repeat it yields exactly count,
// drawn independently (none from an empty hash); without, count different ones
// or all there are, in no particular order.
func (h Hash) RandomN(rnd *rand.Rand, count int, repeat bool, now int64, yield func(field, value listpack.Value)) {
	if h.slot.Encoding() == datatypes.HashTable {
		h.table().randomN(rnd, count, repeat, now, yield)
		return
	}
	lp := h.slot.Bytes()
	var buf [512]uint32 // fields of the usual limit
	places := h.livePlaces(buf[:0], now)
	if len(places) == 0 {
		return
	}
	if !repeat {
		count = min(count, len(places))
	}
	for range count {
		j := rnd.IntN(len(places))
		p := int(places[j])
		yield(listpack.Get(lp, p), listpack.Get(lp, listpack.Next(lp, p)))
		if !repeat { // the last takes the place of the drawn one
			last := len(places) - 1
			places[j] = places[last]
			places = places[:last]
		}
	}
}

// livePlaces appends the positions of a listpack's fields that are not due.
func (h Hash) livePlaces(dst []uint32, now int64) []uint32 {
	lp, n := h.slot.Bytes(), stride(h.slot.Encoding())
	p := listpack.First(lp)
	if n == 3 && p >= 0 {
		p = listpack.Skip(lp, p, 3*dueTriples(lp, now, math.MaxInt))
	}
	for ; p >= 0; p = listpack.Skip(lp, p, n) {
		dst = append(dst, uint32(p))
	}
	return dst
}

// drawsBeforeWalk is how many due elements random accepts in a row before it
// takes most of the table for due and walks it.
const drawsBeforeWalk = 64

func (t *Table) random(rnd *rand.Rand, now int64) slab.Ref {
	if t.due.n == 0 {
		return t.dict.Random(rnd)
	}
	for range drawsBeforeWalk {
		r := t.dict.Random(rnd)
		if r == slab.Nil || t.live(r, now) {
			return r
		}
	}
	live := t.liveRefs(now)
	if len(live) == 0 {
		return slab.Nil
	}
	return live[rnd.IntN(len(live))]
}

func (t *Table) live(r slab.Ref, now int64) bool {
	e := t.elem(r)
	return !due(t.expiry(&e), now)
}

func (t *Table) liveRefs(now int64) []slab.Ref {
	refs := make([]slab.Ref, 0, t.dict.Len())
	t.dict.ForEach(func(r slab.Ref) bool {
		if t.live(r, now) {
			refs = append(refs, r)
		}
		return true
	})
	return refs
}

func (t *Table) randomN(rnd *rand.Rand, count int, repeat bool, now int64, yield func(field, value listpack.Value)) {
	give := func(r slab.Ref) {
		e := t.elem(r)
		yield(listpack.Value{Str: e.field}, listpack.Value{Str: e.value})
	}
	switch live := t.dict.Len() - t.due.count(0, now); {
	case live == 0:
	case repeat:
		for range count {
			give(t.random(rnd, now))
		}
	case count > live/4: // so many that drawing would often hit one twice
		refs := t.liveRefs(now)
		for i := range min(count, live) {
			j := i + rnd.IntN(live-i)
			refs[i], refs[j] = refs[j], refs[i]
			give(refs[i])
		}
	default:
		seen := make(map[slab.Ref]struct{}, count)
		for len(seen) < count {
			r := t.random(rnd, now)
			if _, again := seen[r]; !again {
				seen[r] = struct{}{}
				give(r)
			}
		}
	}
}
