package hash

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
)

// A small hash is one listpack. Without TTLs it holds pairs:
//
//	ListPack     | field | value | field | value | …
//
// From the first TTL on it holds triples, whose third element is the expiry in
// milliseconds, 0 for a field without one:
//
//	ListPackEx   | a | va | 1700000000500 | b | vb | 1700000009000 | c | vc | 0 | …
//	             └───────── with TTL, ascending ───────────────────┘└─ without ─┘
//
// So the next field to expire is the first, those that are due are a prefix,
// and removing them is one cut. Redis keeps the same order, and DUMP carries
// these bytes.
//
// Invariants, verified by Validate:
//   - the elements make whole pairs or triples, and no field occurs twice
//   - expiries are integers >= 0; the positive ones come first and ascend

// maxListPack is where a listpack stops growing whatever the limits say, as in
// Redis.
const maxListPack = 1 << 30

// stride is the number of elements a field takes in a listpack.
func stride(enc datatypes.Encoding) int {
	if enc == datatypes.ListPackEx {
		return 3
	}
	return 2
}

// expiryAt returns the expiry of the triple whose value is at vp, and where it
// stands.
func expiryAt(lp []byte, vp int) (at int64, p int) {
	p = listpack.Next(lp, vp)
	at, _ = listpack.GetInt(lp, p)
	return at, p
}

// findValue returns the position of a field's value in a listpack of either
// kind, -1 when there is no such field or it is due.
func (h Hash) findValue(lp, field []byte, now int64) int {
	if h.slot.Encoding() == datatypes.ListPack {
		if p := listpack.Find(lp, listpack.First(lp), field, 1); p >= 0 {
			return listpack.Next(lp, p)
		}
		return -1
	}
	if p := listpack.Find(lp, listpack.First(lp), field, 2); p >= 0 {
		vp := listpack.Next(lp, p)
		if at, _ := expiryAt(lp, vp); !due(at, now) {
			return vp
		}
	}
	return -1
}

// room returns the slot's bytes with a capacity for n more.
func (h Hash) room(lp []byte, n int) []byte {
	if cap(lp)-len(lp) < n {
		return h.slot.Grow(n)
	}
	return lp
}

func (h Hash) setPair(field, value []byte, lim *Limits) (created bool) {
	lp := h.slot.Bytes()
	if p := listpack.Find(lp, listpack.First(lp), field, 1); p >= 0 {
		h.replaceValue(lp, listpack.Next(lp, p), value, lim)
		return false
	}
	h.appendField(lp, field, value, lim)
	return true
}

func (h Hash) setTriple(field, value []byte, lim *Limits, now int64, keep bool) (created bool) {
	lp := h.slot.Bytes()
	p := listpack.Find(lp, listpack.First(lp), field, 2)
	if p < 0 {
		h.appendField(lp, field, value, lim)
		return true
	}
	vp := listpack.Next(lp, p)
	at, _ := expiryAt(lp, vp)
	if at == 0 || keep && !due(at, now) {
		h.replaceValue(lp, vp, value, lim)
		return false
	}
	h.slot.SetBytes(datatypes.ListPackEx, listpack.Delete(lp, p, 3))
	h.appendField(h.slot.Bytes(), field, value, lim)
	return due(at, now)
}

// appendField adds a field without TTL behind the last, in a hash table when
// it is one too many.
func (h Hash) appendField(lp, field, value []byte, lim *Limits) {
	enc := h.slot.Encoding()
	grow := listpack.MaxGrow(field) + listpack.MaxGrow(value) + 2
	if listpack.Len(lp)/stride(enc) >= lim.ListPackEntries || len(lp) > maxListPack-grow {
		h.convert()
		h.table().add(field, value, 0)
		return
	}
	lp = h.room(lp, grow)
	lp = listpack.Append(listpack.Append(lp, field), value)
	if enc == datatypes.ListPackEx {
		lp = listpack.AppendInt(lp, 0)
	}
	h.slot.SetBytes(enc, lp)
}

// replaceValue overwrites the value at vp.
func (h Hash) replaceValue(lp []byte, vp int, value []byte, lim *Limits) {
	lp = h.room(lp, listpack.MaxGrow(value))
	enc := h.slot.Encoding()
	h.slot.SetBytes(enc, listpack.Replace(lp, vp, value))
	if h.Len() > lim.ListPackEntries || len(lp) > maxListPack { // limits were lowered
		h.convert()
	}
}

func (h Hash) deletePacked(field []byte, now int64) bool {
	lp, enc := h.slot.Bytes(), h.slot.Encoding()
	n := stride(enc)
	p := listpack.Find(lp, listpack.First(lp), field, n-1)
	if p < 0 {
		return false
	}
	live := true
	if n == 3 {
		at, _ := expiryAt(lp, listpack.Next(lp, p))
		live = !due(at, now)
	}
	h.slot.SetBytes(enc, listpack.Delete(lp, p, n))
	return live
}

func (h Hash) forEachPacked(now int64, yield func(field, value listpack.Value, expiry int64) bool) {
	lp, ex := h.slot.Bytes(), h.slot.Encoding() == datatypes.ListPackEx
	for p := listpack.First(lp); p >= 0; {
		vp := listpack.Next(lp, p)
		last, at := vp, int64(0)
		if ex {
			at, last = expiryAt(lp, vp)
		}
		if !due(at, now) && !yield(listpack.Get(lp, p), listpack.Get(lp, vp), at) {
			return
		}
		p = listpack.Next(lp, last)
	}
}

// addTTLs makes pairs triples, without a TTL as yet.
func (h Hash) addTTLs() {
	lp := append([]byte(nil), h.slot.Bytes()...)
	out := listpack.AppendEmpty(h.slot.Grow(listpack.Len(lp))[:0])
	for p := listpack.First(lp); p >= 0; {
		n := listpack.Span(lp, p, 2)
		out = listpack.AppendInt(listpack.AppendSpan(out, lp[p:p+n], 2), 0)
		if p += n; p == listpack.End(lp) {
			break
		}
	}
	h.slot.SetBytes(datatypes.ListPackEx, out)
}

// setTripleExpiry moves the triple at p to where its new expiry, 0 for none,
// belongs.
func (h Hash) setTripleExpiry(p int, at int64) {
	lp := h.room(h.slot.Bytes(), listpack.MaxGrowInt)
	var buf [160]byte // holds field and value under the usual limits
	pair := append(buf[:0], lp[p:p+listpack.Span(lp, p, 2)]...)
	lp = listpack.Delete(lp, p, 3)
	q := listpack.End(lp)
	if at != 0 {
		q = tripleAfter(lp, at)
	}
	lp = listpack.InsertInt(lp, q, at)
	h.slot.SetBytes(datatypes.ListPackEx, listpack.InsertSpan(lp, q, pair, 2))
}

// tripleAfter returns the position of the first triple that expires after at
// or never, or the end.
func tripleAfter(lp []byte, at int64) int {
	for p := listpack.First(lp); p >= 0; {
		have, last := expiryAt(lp, listpack.Next(lp, p))
		if have == 0 || have > at {
			return p
		}
		p = listpack.Next(lp, last)
	}
	return listpack.End(lp)
}

// dueTriples returns the number of triples that are due, at most limit.
func dueTriples(lp []byte, now int64, limit int) (n int) {
	for p := listpack.First(lp); p >= 0 && n < limit; n++ {
		at, last := expiryAt(lp, listpack.Next(lp, p))
		if !due(at, now) {
			break
		}
		p = listpack.Next(lp, last)
	}
	return n
}
