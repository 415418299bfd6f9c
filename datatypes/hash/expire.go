package hash

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// A Condition says when [Hash.Expire] sets an expiry.
type Condition uint8

// The conditions of HEXPIRE. A field without a TTL counts as one that expires
// later than any.
const (
	Always Condition = iota
	NX               // only when the field has no TTL
	XX               // only when it has one
	GT               // only when the new expiry is later
	LT               // only when the new expiry is earlier
)

func (c Condition) holds(have, want int64) bool {
	switch c {
	case NX:
		return have == 0
	case XX:
		return have != 0
	case GT:
		return have != 0 && want > have
	case LT:
		return have == 0 || want < have
	}
	return true
}

// What HEXPIRE, HPERSIST and HEXPIRETIME answer for a field.
const (
	NoField       = -2 // there is no such field
	NoTTL         = -1 // the field has no TTL
	NotMet        = 0  // the condition is not met
	Done          = 1  // the TTL was set, or taken away
	DeletedAtOnce = 2  // the expiry had come already: the field was deleted
)

// Expire sets a field's expiry, in milliseconds and positive unless past, and
// returns NoField, NotMet, Done or DeletedAtOnce.
func (h Hash) Expire(field []byte, atMs int64, cond Condition, now int64) int {
	f, have := h.locate(field, now)
	switch {
	case !f.ok:
		return NoField
	case !cond.holds(have, atMs):
		return NotMet
	case atMs <= now:
		h.Delete(field, now)
		return DeletedAtOnce
	}
	h.setExpiry(f, atMs)
	return Done
}

// Persist takes a field's TTL away and returns NoField, NoTTL or Done.
func (h Hash) Persist(field []byte, now int64) int {
	f, have := h.locate(field, now)
	switch {
	case !f.ok:
		return NoField
	case have == 0:
		return NoTTL
	}
	h.setExpiry(f, 0)
	return Done
}

// ExpireTime returns a field's expiry in milliseconds, NoField or NoTTL.
func (h Hash) ExpireTime(field []byte, now int64) int64 {
	f, have := h.locate(field, now)
	switch {
	case !f.ok:
		return NoField
	case have == 0:
		return NoTTL
	}
	return have
}

// HasTTL reports whether any field has a TTL.
func (h Hash) HasTTL() bool {
	_, ok := h.NextExpiry()
	return ok
}

// NextExpiry returns the earliest expiry of a field, in milliseconds; ok is
// false when no field has one. It takes constant time.
func (h Hash) NextExpiry() (atMs int64, ok bool) {
	switch h.slot.Encoding() {
	case datatypes.ListPackEx:
		lp := h.slot.Bytes()
		if p := listpack.First(lp); p >= 0 {
			atMs, _ = expiryAt(lp, listpack.Next(lp, p))
		}
	case datatypes.HashTable:
		if d := &h.table().due; d.n > 0 {
			atMs = d.at(0).at
		}
	}
	return atMs, atMs != 0
}

// ExpireDue removes the fields that are due, the earliest first and at most
// limit of them, and returns their number. yield, which may be nil, is called
// with each before it goes.
func (h Hash) ExpireDue(now int64, limit int, yield func(field listpack.Value)) int {
	switch h.slot.Encoding() {
	case datatypes.ListPackEx:
		return h.expireTriples(now, limit, yield)
	case datatypes.HashTable:
		return h.table().expireDue(now, limit, yield)
	}
	return 0
}

func (h Hash) expireTriples(now int64, limit int, yield func(field listpack.Value)) int {
	lp := h.slot.Bytes()
	n := dueTriples(lp, now, limit)
	if n == 0 {
		return 0
	}
	first := listpack.First(lp)
	for i, p := 0, first; yield != nil && i < n; i++ {
		yield(listpack.Get(lp, p))
		p = listpack.Skip(lp, p, 3)
	}
	h.slot.SetBytes(datatypes.ListPackEx, listpack.Delete(lp, first, 3*n))
	return n
}

func (t *Table) expireDue(now int64, limit int, yield func(field listpack.Value)) (n int) {
	for n < limit && t.due.n > 0 {
		top := *t.due.at(0)
		if top.at > now {
			break
		}
		e := t.elem(top.ref)
		if yield != nil {
			yield(listpack.Value{Str: e.field})
		}
		t.remove(t.dict.Hash(e.field), top.ref, &e)
		n++
	}
	return n
}

// A found field is where locate found it: in a listpack or in a table.
type found struct {
	ok   bool
	p    int
	ref  slab.Ref
	hash uint64
}

// locate finds a field that is not due, and its expiry, 0 for none.
func (h Hash) locate(field []byte, now int64) (f found, at int64) {
	switch enc := h.slot.Encoding(); enc {
	case datatypes.HashTable:
		t := h.table()
		if f.ref, f.hash = t.find(field); f.ref == slab.Nil {
			return f, 0
		}
		e := t.elem(f.ref)
		at = t.expiry(&e)
	default:
		lp := h.slot.Bytes()
		if f.p = listpack.Find(lp, listpack.First(lp), field, stride(enc)-1); f.p < 0 {
			return f, 0
		}
		if enc == datatypes.ListPackEx {
			at, _ = expiryAt(lp, listpack.Next(lp, f.p))
		}
	}
	f.ok = !due(at, now)
	return f, at
}

// setExpiry gives the field at f an expiry, or with 0 takes it away.
func (h Hash) setExpiry(f found, at int64) {
	switch h.slot.Encoding() {
	case datatypes.HashTable:
		h.table().setExpiry(f.hash, f.ref, at)
		return
	case datatypes.ListPack:
		// Every record before grows by the same two bytes of "no TTL".
		f.p += 2 * recordsBefore(h.slot.Bytes(), f.p)
		h.addTTLs()
	}
	h.setTripleExpiry(f.p, at)
}

func recordsBefore(lp []byte, p int) (n int) {
	for q := listpack.First(lp); q < p; n++ {
		q = listpack.Skip(lp, q, 2)
	}
	return n
}
