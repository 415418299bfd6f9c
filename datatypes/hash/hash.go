// Package hash is the hash type: fields and values under one key, with a TTL
// a field where wanted.
//
//	h := hash.Init(slot)
//	created := h.Set([]byte("name"), []byte("Ada"), &limits, nowMs)
//	v, ok := h.Get([]byte("name"), nowMs)
//	dst = v.Append(dst)
//
// # Encodings
//
// A hash changes its encoding as Redis does, and never back:
//
//	ListPack ── a field gets a TTL ──> ListPackEx
//	    └── more fields, or a longer field or value, than Limits ──┴──> HashTable
//
// In a listpack a field is found by walking and costs little more than its
// bytes; in the hash table it is found by one probe and costs a block of its
// own and a place in the index.
//
// # Costs
//
// In a hash table Get, Set and Delete take constant time; what touches a TTL
// takes O(log n) of the fields that have one; [Hash.NextExpiry] is constant. In
// a listpack everything but Len and NextExpiry walks. Get and Set of a field
// that is there do not allocate Go memory.
//
// # Time
//
// The clock is not read here: methods take now, in milliseconds, and a field
// is due when its expiry is <= now. A due field is invisible to every read, and
// a write treats it as absent; it stays in memory, and in [Hash.Len], until
// [Hash.ExpireDue] or a write to it removes it. Reads change nothing.
//
// # Ownership
//
// Fields and values passed in are copied and must not alias the hash. What is
// handed out aliases it and is good until its next change; within a callback,
// until that returns. A callback must not change the hash.
//
// One goroutine, or any number of readers while nobody writes. When a method
// has removed the last field, Len is 0 and the key is the caller's to delete.
package hash

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
)

// Limits says when a hash becomes a hash table.
type Limits struct {
	ListPackEntries int // hash-max-listpack-entries: most fields of a listpack
	ListPackValue   int // hash-max-listpack-value: most bytes of a field or value in it
}

// A Hash is the hash in a slot. It is a view, made as often as needed, and
// holds no state of its own.
type Hash struct {
	slot datatypes.Slot
}

// Open returns the hash that is in s.
func Open(s datatypes.Slot) Hash { return Hash{s} }

// Init makes the value of s an empty hash and returns it.
func Init(s datatypes.Slot) Hash {
	s.SetBytes(datatypes.ListPack, listpack.AppendEmpty(s.Grow(listpack.EmptySize)[:0]))
	return Hash{s}
}

func (h Hash) table() *Table { return h.slot.Object().(*Table) }

// due reports whether an expiry, 0 for none, has come.
func due(at, now int64) bool { return at != 0 && at <= now }

// Len returns the number of fields, due ones included: what HLEN answers.
func (h Hash) Len() int {
	switch enc := h.slot.Encoding(); enc {
	case datatypes.HashTable:
		return h.table().dict.Len()
	default:
		return listpack.Len(h.slot.Bytes()) / stride(enc)
	}
}

// Live returns the number of fields that are not due. It takes time in
// proportion to those that are.
func (h Hash) Live(now int64) int {
	n := h.Len()
	switch h.slot.Encoding() {
	case datatypes.ListPackEx:
		n -= dueTriples(h.slot.Bytes(), now, math.MaxInt)
	case datatypes.HashTable:
		n -= h.table().due.count(0, now)
	}
	return n
}

// Get returns the value of a field.
func (h Hash) Get(field []byte, now int64) (v listpack.Value, ok bool) {
	if h.slot.Encoding() == datatypes.HashTable {
		b, ok := h.table().get(field, now)
		return listpack.Value{Str: b}, ok
	}
	lp := h.slot.Bytes()
	if p := h.findValue(lp, field, now); p >= 0 {
		return listpack.Get(lp, p), true
	}
	return listpack.Value{}, false
}

// Exists reports whether there is such a field.
func (h Hash) Exists(field []byte, now int64) bool {
	if h.slot.Encoding() == datatypes.HashTable {
		_, ok := h.table().get(field, now)
		return ok
	}
	return h.findValue(h.slot.Bytes(), field, now) >= 0
}

// StrLen returns the length of a field's value, 0 when there is none.
func (h Hash) StrLen(field []byte, now int64) int {
	v, _ := h.Get(field, now)
	return v.Len()
}

// Set gives a field a value and takes its TTL away, as HSET does. It reports
// whether the field was absent before.
func (h Hash) Set(field, value []byte, lim *Limits, now int64) (created bool) {
	return h.set(field, value, lim, now, false)
}

// SetKeepTTL is Set for commands that alter a value instead of replacing it,
// as HINCRBY does: the field's TTL stays.
func (h Hash) SetKeepTTL(field, value []byte, lim *Limits, now int64) (created bool) {
	return h.set(field, value, lim, now, true)
}

func (h Hash) set(field, value []byte, lim *Limits, now int64, keep bool) (created bool) {
	enc := h.slot.Encoding()
	if enc != datatypes.HashTable && (len(field) > lim.ListPackValue || len(value) > lim.ListPackValue) {
		h.convert()
		enc = datatypes.HashTable
	}
	switch enc {
	case datatypes.ListPack:
		return h.setPair(field, value, lim)
	case datatypes.ListPackEx:
		return h.setTriple(field, value, lim, now, keep)
	}
	return h.table().set(field, value, now, keep)
}

// Delete removes a field and reports whether there was one. A due field is
// removed and reported as absent.
func (h Hash) Delete(field []byte, now int64) bool {
	if h.slot.Encoding() == datatypes.HashTable {
		return h.table().delete(field, now)
	}
	return h.deletePacked(field, now)
}

// ForEach calls yield for each field that is not due until it returns false.
// expiry is in milliseconds, 0 for none.
func (h Hash) ForEach(now int64, yield func(field, value listpack.Value, expiry int64) bool) {
	if h.slot.Encoding() == datatypes.HashTable {
		h.table().forEach(now, yield)
		return
	}
	h.forEachPacked(now, yield)
}

// Scan takes one step of an iteration that starts with cursor 0 and ends when
// 0 is returned. A field present from the first step to the last is yielded at
// least once, whatever else changes between steps. A listpack is yielded whole
// in one step.
func (h Hash) Scan(cursor uint64, now int64, yield func(field, value listpack.Value, expiry int64)) uint64 {
	if h.slot.Encoding() == datatypes.HashTable {
		return h.table().scan(cursor, now, yield)
	}
	h.forEachPacked(now, func(field, value listpack.Value, expiry int64) bool {
		yield(field, value, expiry)
		return true
	})
	return 0
}

// CopyTo makes the value of dst a copy of the hash, encoding and TTLs included.
func (h Hash) CopyTo(dst datatypes.Slot) {
	enc := h.slot.Encoding()
	if enc != datatypes.HashTable {
		b := h.slot.Bytes()
		dst.SetBytes(enc, append(dst.Grow(len(b))[:0], b...))
		return
	}
	t := newTable(dst.Arena())
	h.ForEach(math.MinInt64, func(field, value listpack.Value, expiry int64) bool {
		t.add(field.Str, value.Str, expiry)
		return true
	})
	dst.SetObject(datatypes.HashTable, t)
}

// convert makes a listpack of either kind a hash table.
func (h Hash) convert() {
	t := newTable(h.slot.Arena())
	var f, v [64]byte
	h.ForEach(math.MinInt64, func(field, value listpack.Value, expiry int64) bool {
		t.add(field.Append(f[:0]), value.Append(v[:0]), expiry)
		return true
	})
	h.slot.SetObject(datatypes.HashTable, t)
}

// MemoryUsage returns the bytes the hash takes beside the slot's own block.
// Of a hash table samples elements are weighed and taken for the average, all
// of them when samples is 0.
func (h Hash) MemoryUsage(samples int) int64 {
	if h.slot.Encoding() != datatypes.HashTable {
		return 0
	}
	return h.table().memoryUsage(samples)
}
