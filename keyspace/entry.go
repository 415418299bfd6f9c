package keyspace

import (
	"encoding/binary"
	"unsafe"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
)

// An entry is one key with its value, in one block of the shard's arena:
//
//	 0      1        4       5       7      8
//	+------+--------+-------+-------+------+-----------+-------+-------------+------+
//	| kind |  lru   | flags | vlen  | klen | key bytes | [ttl] | value bytes | room |
//	+------+--------+-------+-------+------+-----------+-------+-------------+------+
//	  type   24 bit   ttl     u16     u8     255 in klen: i64    vlen bytes
//	  | enc           outline LE             u32 follows  LE
//
// The first four bytes are one aligned word, so that readers who share the shard
// can stamp the time of use (see shared.go). Nothing else changes under them.
//
// kind holds the type in the low and the encoding in the high four bits. The
// key stands in the form package dict prescribes, so the table compares keys
// without knowing the rest. A TTL is there only when the flag says so.
//
// The value bytes are one of
//
//   - the value itself: eight bytes for int, else a string, listpack or intset;
//   - outlined (flag): ref u64 | len u64 of a block of its own, when the value
//     outgrew maxInline, so that giving a key a TTL never copies megabytes;
//   - an object: u32, the index of a large value in the database's table.
//
// Worked example: SET a 5 takes 8 + 1 + 8 = 17 bytes, a block of 24.
//
// The entry's block moves when it grows; dict.Replace then points the tables
// at the new one. Nothing else holds its Ref across commands.
const (
	flagsOff   = 4
	keyOff     = 7
	headerSize = 8

	flagTTL     = 1 << 0
	flagOutline = 1 << 1

	// maxInline is the largest value kept in the entry's block. Beyond it the
	// extra cache miss is small change against walking the value.
	maxInline = 2048

	outlineSize = 16
	objectSize  = 4

	lruShift   = 8
	lruMask    = 1<<24 - 1
	flagsShift = 32
	vlenShift  = 40
)

// An Entry is a handle on one key's block, filled by [DB.Lookup], [DB.Create]
// and their kin. It is good until the key is deleted or the command ends. It
// implements [datatypes.Slot]; keep it in long-lived memory (the command
// context has some) and pass a pointer, so that no handle is allocated.
type Entry struct {
	db   *DB
	hash uint64
	ref  slab.Ref
	p    unsafe.Pointer // db.mem.Ptr(ref)
	koff uint32         // key bytes start here
	voff uint32         // value bytes start here
}

// bind points e at the block ref.
func (e *Entry) bind(db *DB, h uint64, ref slab.Ref) {
	e.db, e.hash, e.ref = db, h, ref
	e.p = db.mem.Ptr(ref)
	e.locate()
}

// locate finds where key and value begin in the block at e.p.
func (e *Entry) locate() {
	hdr := e.header()
	klen := uint32(hdr >> 56)
	koff := uint32(headerSize)
	if klen == 255 {
		klen, koff = e.longKeyLen(), headerSize+4
	}
	e.koff = koff
	e.voff = koff + klen + uint32(hdr>>flagsShift&flagTTL)*8
}

func (e *Entry) longKeyLen() uint32 {
	return binary.LittleEndian.Uint32(e.at(headerSize, 4))
}

// at returns n bytes of the block from offset off. Every caller stays below the
// length the block was allocated for: header, key, TTL and vlen say where it ends.
func (e *Entry) at(off uint32, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(e.p, off)), n)
}

func (e *Entry) header() uint64     { return binary.LittleEndian.Uint64(e.at(0, 8)) }
func (e *Entry) setHeader(h uint64) { binary.LittleEndian.PutUint64(e.at(0, 8), h) }
func (e *Entry) flags() byte        { return *(*byte)(unsafe.Add(e.p, flagsOff)) }
func (e *Entry) setFlags(f byte)    { *(*byte)(unsafe.Add(e.p, flagsOff)) = f }
func (e *Entry) vlen() int          { return int(binary.LittleEndian.Uint16(e.at(5, 2))) }
func (e *Entry) setVlen(n int)      { binary.LittleEndian.PutUint16(e.at(5, 2), uint16(n)) }

// setKind notes type and encoding.
func (e *Entry) setKind(t datatypes.Type, enc datatypes.Encoding) {
	*(*byte)(e.p) = byte(t) | byte(enc)<<4
}

// DB returns the database the entry stands in.
func (e *Entry) DB() *DB { return e.db }

// Type returns the value's type.
func (e *Entry) Type() datatypes.Type { return datatypes.Type(*(*byte)(e.p) & 15) }

// Encoding returns the value's encoding.
func (e *Entry) Encoding() datatypes.Encoding { return datatypes.Encoding(*(*byte)(e.p) >> 4) }

// Arena returns the memory the value lives in.
func (e *Entry) Arena() *slab.Arena { return e.db.mem }

// Key returns the key's bytes, inside the block: copy them before changing the
// entry.
func (e *Entry) Key() []byte {
	end := e.voff - uint32(e.flags()&flagTTL)*8
	return e.at(e.koff, int(end-e.koff))
}

// ExpireAt returns the absolute expiry in Unix milliseconds, and false for a
// key that does not expire.
func (e *Entry) ExpireAt() (ms int64, ok bool) {
	if e.flags()&flagTTL == 0 {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(e.at(e.voff-8, 8))), true
}

// Bytes returns the inline value: cap is the room it may grow into.
func (e *Entry) Bytes() []byte {
	n := e.vlen()
	if e.flags()&flagOutline != 0 {
		r, n := e.outline()
		return e.db.mem.Bytes(r, e.db.mem.Cap(r))[:n]
	}
	room := e.db.mem.Cap(e.ref) - int(e.voff)
	return e.at(e.voff, room)[:n]
}

// View returns the inline value for reading: [Entry.Bytes] without asking what
// room there is.
func (e *Entry) View() []byte {
	if e.flags()&flagOutline != 0 {
		r, n := e.outline()
		return e.db.mem.Bytes(r, n)
	}
	return e.at(e.voff, e.vlen())
}

func (e *Entry) outline() (slab.Ref, int) {
	b := e.at(e.voff, outlineSize)
	return slab.Ref(binary.LittleEndian.Uint64(b)), int(binary.LittleEndian.Uint64(b[8:]))
}

func (e *Entry) setOutline(r slab.Ref, n int) {
	b := e.at(e.voff, outlineSize)
	binary.LittleEndian.PutUint64(b, uint64(r))
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
}

// Int returns the value of an int-encoded string.
func (e *Entry) Int() int64 { return int64(binary.LittleEndian.Uint64(e.at(e.voff, 8))) }

// SetInt overwrites the value of an int-encoded string.
func (e *Entry) SetInt(n int64) { binary.LittleEndian.PutUint64(e.at(e.voff, 8), uint64(n)) }

// Grow returns the inline value with room for at least n bytes more, moving it
// if it must. A value that passes maxInline moves to a block of its own.
func (e *Entry) Grow(n int) []byte {
	b := e.Bytes()
	if cap(b)-len(b) >= n {
		return b
	}
	return e.grow(len(b), n)
}

func (e *Entry) grow(have, n int) []byte {
	mem := e.db.mem
	want := have + n
	if want > maxInline {
		// Doubling up to a megabyte, then a megabyte at a time: appends stay
		// linear and the waste bounded, as in Redis's sds.
		want += min(want, 1<<20)
		r := mem.Alloc(want)
		dst := mem.Bytes(r, mem.Cap(r))
		copy(dst, e.View())
		if e.flags()&flagOutline != 0 {
			old, _ := e.outline()
			mem.Free(old)
		} else {
			e.resize(outlineSize)
			e.setFlags(e.flags() | flagOutline)
			e.setVlen(outlineSize)
		}
		e.setOutline(r, have)
		return dst[:have]
	}
	// A value that grew once grows again: an eighth of slack, beside what
	// the size class rounds up.
	e.resize(want + have/8)
	return e.Bytes()
}

// resize moves the entry to a block with room for n value bytes, keeping what
// fits of the present ones.
func (e *Entry) resize(n int) {
	db := e.db
	keep := int(e.voff) + min(n, e.vlen())
	ref := db.mem.Alloc(int(e.voff) + n)
	copy(db.mem.Bytes(ref, keep), e.at(0, keep))
	e.moveTo(ref)
}

// moveTo makes ref, a block already filled, the entry's block.
func (e *Entry) moveTo(ref slab.Ref) {
	db, old := e.db, e.ref
	e.reindex(ref)
	e.ref, e.p = ref, db.mem.Ptr(ref)
	db.mem.Free(old)
}

// reindex points every table that knows the entry at its new block.
func (e *Entry) reindex(ref slab.Ref) {
	db := e.db
	db.keys.Replace(e.hash, e.ref, ref)
	if e.flags()&flagTTL != 0 {
		db.expires.Replace(e.hash, e.ref, ref)
	}
	if db.fieldTTLs.Len() > 0 && db.inFieldTTLs(e) {
		db.fieldTTLs.Replace(e.hash, e.ref, ref)
	}
}

// SetBytes stores b as the inline value under enc. A slice that Grow or Bytes
// returned, edited in place and resliced, is only measured; any other is copied.
func (e *Entry) SetBytes(enc datatypes.Encoding, b []byte) {
	if e.Encoding().IsObject() {
		e.db.dropObject(e)
		e.setVlen(0)
		e.setKind(e.Type(), datatypes.Raw)
		e.SetBytes(enc, b)
		return
	}
	cur := e.Bytes()
	if unsafe.SliceData(b) != unsafe.SliceData(cur) {
		if cap(cur) < len(b) {
			cur = e.Grow(len(b) - len(cur))
		}
		b = cur[:copy(cur[:len(b)], b)]
	}
	e.setKind(e.Type(), enc)
	if e.flags()&flagOutline != 0 {
		r, _ := e.outline()
		e.setOutline(r, len(b))
		e.shrinkOutline(r, len(b))
		return
	}
	e.setVlen(len(b))
	if room := cap(b) - len(b); room > 64 && room > len(b) {
		e.resize(len(b))
	}
}

// shrinkOutline gives memory back when a value of its own block became small.
func (e *Entry) shrinkOutline(r slab.Ref, n int) {
	mem := e.db.mem
	have := mem.Cap(r)
	if have/4 < n {
		return
	}
	b := mem.Bytes(r, n)
	if n <= maxInline/2 {
		e.setFlags(e.flags() &^ flagOutline)
		e.setVlen(0)
		e.resize(n)
		e.setVlen(copy(e.at(e.voff, n), b))
	} else {
		nr := mem.Alloc(n)
		copy(mem.Bytes(nr, n), b)
		e.setOutline(nr, n)
	}
	mem.Free(r)
}

// Object returns the large value, or nil when the value is inline.
func (e *Entry) Object() datatypes.Object {
	if !e.Encoding().IsObject() {
		return nil
	}
	return e.db.objects[e.objectIndex()]
}

func (e *Entry) objectIndex() uint32 { return binary.LittleEndian.Uint32(e.at(e.voff, objectSize)) }

// SetObject makes o the value, in place of the inline bytes.
func (e *Entry) SetObject(enc datatypes.Encoding, o datatypes.Object) {
	if e.Encoding().IsObject() {
		e.db.objects[e.objectIndex()] = o
		e.setKind(e.Type(), enc)
		return
	}
	if e.flags()&flagOutline != 0 {
		r, _ := e.outline()
		e.db.mem.Free(r)
		e.setFlags(e.flags() &^ flagOutline)
	}
	e.setVlen(0)
	e.resize(objectSize)
	e.setVlen(objectSize)
	binary.LittleEndian.PutUint32(e.at(e.voff, objectSize), e.db.addObject(o))
	e.setKind(e.Type(), enc)
}

// Size returns the bytes of the entry's own blocks: header, key and inline
// value. An object weighs for itself.
func (e *Entry) Size() int {
	n := e.db.mem.Cap(e.ref)
	if e.flags()&flagOutline != 0 {
		r, _ := e.outline()
		n += e.db.mem.Cap(r)
	}
	return n
}

// entrySize is the block a key of klen bytes needs for n value bytes.
func entrySize(klen, n int, ttl bool) int {
	size := keyOff + dict.KeySize(klen) + n
	if ttl {
		size += 8
	}
	return size
}
