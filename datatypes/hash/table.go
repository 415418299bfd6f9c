package hash

import (
	"encoding/binary"
	"hash/maphash"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// A Table is a large hash: a dict.Table whose elements are one block each for
// field and value, and an index of the fields that have a TTL.
//
//	0       1                            klen and vlen: u8 up to 254,
//	| flags | klen | field | vlen | value |         or 0xFF and a u32
//	| flags | klen | field | place u32 | vlen | value |      with a TTL
//
//	the field "name" with the value "Ada":   00 04 6E 61 6D 65 03 41 64 61
//
// The expiry itself stands in the index, where place says. A field without a
// TTL pays nothing for the possibility.
//
//	dict ──> element ── place ──> dueHeap[place] = {expiry, Ref}
//	            ^──────────────────────────────────────────┘
//
// Invariants, verified by Check:
//   - those of the dict.Table
//   - an element has hasTTL exactly when an entry of due names it, and its
//     place is that entry's
//   - due is a heap by expiry
type Table struct {
	dict dict.Table
	a    *slab.Arena
	due  dueHeap
}

const (
	keyOff    = 1 // where dict finds the field
	placeSize = 4

	hasTTL = 1 << 0 // in flags
)

func newTable(a *slab.Arena) *Table {
	t := &Table{a: a, due: dueHeap{a: a}}
	t.dict.Init(a, keyOff, maphash.MakeSeed())
	return t
}

// Effort is the number of fields: each is a block to free.
func (t *Table) Effort() int { return t.dict.Len() }

// Release gives the blocks back; see [datatypes.Object].
func (t *Table) Release(b *slab.Batch, budget int) (done bool) {
	stop := b.Len() + budget
	if !t.dict.Release(b, budget, b.Free) {
		return false
	}
	for t.due.segments() > 0 {
		if b.Len() >= stop {
			return false
		}
		b.Free(t.due.popSegment())
	}
	return true
}

// text reads a length and the bytes behind it, and returns the size of both.
// (Not where they end: behind a value that may be outside the chunk.)
//
// It stays in range because write and overwrite put both into a block large
// enough.
func text(p unsafe.Pointer) (s []byte, size int) {
	if n := int(*(*byte)(p)); n != 0xFF {
		return unsafe.Slice((*byte)(unsafe.Add(p, 1)), n), 1 + n
	}
	n := int(binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(p, 1))[:]))
	return unsafe.Slice((*byte)(unsafe.Add(p, 5)), n), 5 + n
}

// An elem is an element taken apart. Its slices alias the block.
type elem struct {
	field []byte
	value []byte
	ttl   bool
	place uint32 // in due, when ttl
}

func (t *Table) elem(r slab.Ref) (e elem) {
	p := t.a.Ptr(r)
	field, n := text(unsafe.Add(p, keyOff))
	e.field = field
	q := unsafe.Add(p, keyOff+n)
	if *(*byte)(p)&hasTTL != 0 {
		e.ttl, e.place = true, getPlace(q)
		q = unsafe.Add(q, placeSize)
	}
	e.value, _ = text(q)
	return e
}

// expiry returns the element's expiry, 0 for none.
func (t *Table) expiry(e *elem) int64 {
	if !e.ttl {
		return 0
	}
	return t.due.at(int(e.place)).at
}

func getPlace(q unsafe.Pointer) uint32 {
	return binary.LittleEndian.Uint32((*[placeSize]byte)(q)[:])
}

// setPlace notes in the element r where due has it. r has hasTTL.
func setPlace(a *slab.Arena, r slab.Ref, i int) {
	p := unsafe.Add(a.Ptr(r), keyOff)
	_, n := text(p)
	binary.LittleEndian.PutUint32((*[placeSize]byte)(unsafe.Add(p, n))[:], uint32(i))
}

// find returns the element of a field, Nil when there is none, and its hash.
func (t *Table) find(field []byte) (r slab.Ref, hash uint64) {
	hash = t.dict.Hash(field)
	return t.dict.Find(hash, field), hash
}

// get is the way of HGET: one probe, one block.
func (t *Table) get(field []byte, now int64) (value []byte, ok bool) {
	r, _ := t.find(field)
	if r == slab.Nil {
		return nil, false
	}
	p := t.a.Ptr(r)
	q := unsafe.Add(p, keyOff+dict.KeySize(len(field)))
	if *(*byte)(p)&hasTTL != 0 {
		if due(t.due.at(int(getPlace(q))).at, now) {
			return nil, false
		}
		q = unsafe.Add(q, placeSize)
	}
	value, _ = text(q)
	return value, true
}

// elemSize returns the bytes of an element.
func elemSize(field, value int, ttl bool) int {
	n := keyOff + dict.KeySize(field) + dict.KeySize(value)
	if ttl {
		n += placeSize
	}
	return n
}

// write fills the block r with an element. The place, if any, stays undefined.
func (t *Table) write(r slab.Ref, field, value []byte, ttl bool) {
	b := t.a.Bytes(r, elemSize(len(field), len(value), ttl))
	b[0] = 0
	n := keyOff + dict.PutKey(b[keyOff:], field)
	if ttl {
		b[0] = hasTTL
		n += placeSize
	}
	dict.PutKey(b[n:], value)
}

// add puts in a field that is absent.
func (t *Table) add(field, value []byte, expiry int64) {
	t.insert(t.dict.Hash(field), field, value, expiry)
}

func (t *Table) insert(hash uint64, field, value []byte, expiry int64) {
	ttl := expiry != 0
	r := t.a.Alloc(elemSize(len(field), len(value), ttl))
	t.write(r, field, value, ttl)
	if ttl {
		t.due.push(expiry, r)
	}
	t.dict.Insert(hash, r)
}

func (t *Table) set(field, value []byte, now int64, keep bool) (created bool) {
	if invariants.Enabled {
		defer t.mustBeSound()
	}
	r, hash := t.find(field)
	if r == slab.Nil {
		t.insert(hash, field, value, 0)
		return true
	}
	ttl := *(*byte)(t.a.Ptr(r))&hasTTL != 0
	if ttl {
		e := t.elem(r)
		if created = due(t.expiry(&e), now); created || !keep {
			t.due.remove(int(e.place))
			ttl = false
		}
	}
	t.overwrite(hash, r, field, value, ttl)
	return created
}

// overwrite gives the element r a new value and layout, in its own block when
// that has the size for it. The value must not alias r's block; field may.
func (t *Table) overwrite(hash uint64, r slab.Ref, field, value []byte, ttl bool) {
	n := elemSize(len(field), len(value), ttl)
	if have := t.a.Cap(r); n <= have && (have <= 64 || slab.ClassSize(n) > have/2) {
		b := t.a.Bytes(r, n)
		p := keyOff + dict.KeySize(len(field))
		b[0] &^= hasTTL
		if ttl {
			b[0] |= hasTTL
			p += placeSize
		}
		dict.PutKey(b[p:], value)
		return
	}
	t.move(hash, r, field, value, ttl)
}

// move writes the element r anew into another block and returns that. An entry
// of due goes along when the element had one and keeps it. field and value may
// alias r's block.
func (t *Table) move(hash uint64, r slab.Ref, field, value []byte, ttl bool) slab.Ref {
	to := t.a.Alloc(elemSize(len(field), len(value), ttl))
	t.write(to, field, value, ttl)
	if e := t.elem(r); ttl && e.ttl {
		t.due.at(int(e.place)).ref = to
		setPlace(t.a, to, int(e.place))
	}
	t.dict.Replace(hash, r, to)
	t.a.Free(r)
	return to
}

func (t *Table) delete(field []byte, now int64) bool {
	r, hash := t.find(field)
	if r == slab.Nil {
		return false
	}
	e := t.elem(r)
	live := !due(t.expiry(&e), now)
	t.remove(hash, r, &e)
	return live
}

// remove takes the element r, of which e tells, out of everything.
func (t *Table) remove(hash uint64, r slab.Ref, e *elem) {
	if e.ttl {
		t.due.remove(int(e.place))
	}
	t.dict.Remove(hash, r)
	t.a.Free(r)
}

// setExpiry gives the element r an expiry, or with 0 takes it away.
func (t *Table) setExpiry(hash uint64, r slab.Ref, expiry int64) {
	if invariants.Enabled {
		defer t.mustBeSound()
	}
	e := t.elem(r)
	switch {
	case e.ttl && expiry != 0:
		t.due.update(int(e.place), expiry)
	case e.ttl:
		t.due.remove(int(e.place))
		t.shift(r, &e, false)
	case expiry != 0:
		if elemSize(len(e.field), len(e.value), true) <= t.a.Cap(r) {
			t.shift(r, &e, true)
		} else {
			r = t.move(hash, r, e.field, e.value, true)
		}
		t.due.push(expiry, r)
	}
}

// shift makes room for a place in the element r, which its block has, or
// closes the gap.
func (t *Table) shift(r slab.Ref, e *elem, ttl bool) {
	b := t.a.Bytes(r, max(elemSize(len(e.field), len(e.value), ttl), elemSize(len(e.field), len(e.value), e.ttl)))
	p := keyOff + dict.KeySize(len(e.field))
	if ttl {
		copy(b[p+placeSize:], b[p:])
		b[0] |= hasTTL
	} else {
		copy(b[p:], b[p+placeSize:])
		b[0] &^= hasTTL
	}
}

func (t *Table) forEach(now int64, yield func(field, value listpack.Value, expiry int64) bool) {
	t.dict.ForEach(func(r slab.Ref) bool {
		e := t.elem(r)
		at := t.expiry(&e)
		return due(at, now) || yield(listpack.Value{Str: e.field}, listpack.Value{Str: e.value}, at)
	})
}

func (t *Table) scan(cursor uint64, now int64, yield func(field, value listpack.Value, expiry int64)) uint64 {
	return t.dict.Scan(cursor, func(r slab.Ref) {
		e := t.elem(r)
		if at := t.expiry(&e); !due(at, now) {
			yield(listpack.Value{Str: e.field}, listpack.Value{Str: e.value}, at)
		}
	})
}

func (t *Table) memoryUsage(samples int) int64 {
	n, seen, sum := t.dict.Len(), 0, int64(0)
	t.dict.ForEach(func(r slab.Ref) bool {
		sum += int64(t.a.Cap(r))
		seen++
		return seen != samples
	})
	if seen > 0 {
		sum = sum * int64(n) / int64(seen)
	}
	return int64(unsafe.Sizeof(*t)) + t.dict.Bytes() + t.due.bytes() + sum
}
