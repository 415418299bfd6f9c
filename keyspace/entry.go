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
// The room behind them is what the block's size class rounds up and what Grow
// took in advance. It is never used past maxInline, since vlen has 16 bits and
// the rounding of a block with a key of megabytes is more than that.
//
// Worked example: SET a 5 takes 8 + 1 + 8 = 17 bytes, a block of 24.
//
// The entry's block moves when it grows; dict.Replace then points the tables
// at the new one. Nothing else holds its Ref across commands. A block that is
// replaced is freed last of all, after whatever was copied out of it: so a value
// or key given to a method may alias the very entry that it changes.
const (
	flagsOff   = 4
	vlenOff    = 5
	keyOff     = 7
	headerSize = 8

	flagTTL     = 1 << 0 // a TTL stands before the value; the entry is in expires
	flagOutline = 1 << 1
	flagFields  = 1 << 2 // the entry is in fieldTTLs

	// maxInline is the largest value kept in the entry's block. Beyond it the
	// extra cache miss is small change against walking the value.
	maxInline = 2048

	outlineSize = 16
	objectSize  = 4

	lruShift   = 8
	lruMask    = 1<<24 - 1
	flagsShift = 32
	vlenShift  = 40
	klenShift  = 56
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
	klen := uint32(hdr >> klenShift)
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
func (e *Entry) vlen() int          { return int(binary.LittleEndian.Uint16(e.at(vlenOff, 2))) }
func (e *Entry) setVlen(n int)      { binary.LittleEndian.PutUint16(e.at(vlenOff, 2), uint16(n)) }

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
func (e *Entry) Key() []byte { return e.at(e.koff, int(e.keyEnd()-e.koff)) }

// keyEnd is the offset just past the key: of the TTL, or of the value.
func (e *Entry) keyEnd() uint32 { return e.voff - uint32(e.flags()&flagTTL)*8 }

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
	if e.outlined() {
		r, n := e.outline()
		return e.db.mem.Bytes(r, e.db.mem.Cap(r))[:n]
	}
	room := min(e.db.mem.Cap(e.ref)-int(e.voff), maxInline)
	return e.at(e.voff, room)[:e.vlen()]
}

// View returns the inline value for reading: [Entry.Bytes] without asking what
// room there is.
func (e *Entry) View() []byte {
	if e.outlined() {
		r, n := e.outline()
		return e.db.mem.Bytes(r, n)
	}
	return e.at(e.voff, e.vlen())
}

func (e *Entry) outlined() bool { return e.flags()&flagOutline != 0 }

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
	return e.grow(b, len(b)+n)
}

func (e *Entry) grow(b []byte, want int) []byte {
	if want <= maxInline && !e.outlined() {
		// A value that grew once grows again: an eighth of slack, beside what
		// the size class rounds up.
		e.resize(min(want+len(b)/8, maxInline))
		return e.Bytes()
	}
	// A string doubles up to a megabyte, then grows a megabyte at a time, as
	// Redis's sds does: appends stay linear and the waste bounded. Listpacks and
	// intsets are small, and take an eighth.
	slack := want / 8
	if e.Encoding() == datatypes.Raw {
		slack = min(want, 1<<20)
	}
	mem := e.db.mem
	r := mem.Alloc(want + slack)
	dst := mem.Bytes(r, mem.Cap(r))[:len(b)]
	copy(dst, b)
	e.moveOut(r, len(b))
	return dst
}

// moveOut makes the first n bytes of the block r, already filled, the value.
func (e *Entry) moveOut(r slab.Ref, n int) {
	if e.outlined() {
		old, _ := e.outline()
		e.setOutline(r, n)
		e.db.mem.Free(old)
		return
	}
	e.resize(outlineSize)
	e.setFlags(e.flags() | flagOutline)
	e.setVlen(outlineSize)
	e.setOutline(r, n)
}

// resize gives the entry a block with room for n value bytes and no more than
// its size class has, keeping what fits of the present ones.
func (e *Entry) resize(n int) {
	if slab.ClassSize(int(e.voff)+n) != e.db.mem.Cap(e.ref) {
		e.relocate(n)
	}
}

// relocate is resize that moves the entry in any case.
func (e *Entry) relocate(n int) {
	ref, dst := e.block(n)
	copy(dst, e.at(e.voff, min(n, e.vlen())))
	e.moveTo(ref)
}

// block returns a new block that begins as the entry's does, up to the value,
// and the n bytes for that.
func (e *Entry) block(n int) (ref slab.Ref, value []byte) {
	mem, head := e.db.mem, int(e.voff)
	ref = mem.Alloc(head + n)
	b := mem.Bytes(ref, head+n)
	copy(b, e.at(0, head))
	return ref, b[head:]
}

// moveTo makes ref, a block already filled, the entry's block.
func (e *Entry) moveTo(ref slab.Ref) {
	db, old := e.db, e.ref
	db.keys.Replace(e.hash, old, ref)
	if e.flags()&flagTTL != 0 {
		db.expires.Replace(e.hash, old, ref)
	}
	if e.flags()&flagFields != 0 {
		db.fieldTTLs.Replace(e.hash, old, ref)
	}
	e.ref, e.p = ref, db.mem.Ptr(ref)
	db.mem.Free(old)
}

// SetBytes stores b as the inline value under enc. A slice that Grow or Bytes
// returned, edited in place and resliced, is only measured; any other is copied.
func (e *Entry) SetBytes(enc datatypes.Encoding, b []byte) {
	if e.Encoding().IsObject() {
		e.db.dropObject(e)
		e.setVlen(0)
		e.setKind(e.Type(), datatypes.Raw)
	}
	cur := e.Bytes()
	e.setKind(e.Type(), enc)
	switch {
	case cap(cur) > 0 && unsafe.SliceData(b) == unsafe.SliceData(cur):
		e.measure(len(b), cur)
	case len(b) <= cap(cur):
		e.measure(copy(cur[:len(b)], b), cur)
	case len(b) <= maxInline:
		e.moveIn(b)
	default:
		r := e.db.mem.Alloc(len(b))
		copy(e.db.mem.Bytes(r, len(b)), b)
		e.moveOut(r, len(b))
	}
}

// measure notes that the value, cur till now, has n bytes, and gives memory back
// when it has become much smaller.
func (e *Entry) measure(n int, cur []byte) {
	room := cap(cur) - n
	switch shrunk := n < len(cur); {
	case !e.outlined():
		e.setVlen(n)
		if shrunk && room > 64 && room > n {
			e.resize(n)
		}
	case shrunk && room/3 >= n && n <= maxInline/2:
		e.moveIn(cur[:n])
	case shrunk && room/3 >= n:
		r := e.db.mem.Alloc(n)
		copy(e.db.mem.Bytes(r, n), cur[:n])
		e.moveOut(r, n)
	default:
		r, _ := e.outline()
		e.setOutline(r, n)
	}
}

// moveIn makes b, at most maxInline bytes, the value, in a new block of the entry.
// It may alias what is freed.
func (e *Entry) moveIn(b []byte) {
	ref, dst := e.block(len(b))
	copy(dst, b)
	out := slab.Nil
	if e.outlined() {
		out, _ = e.outline()
	}
	e.moveTo(ref)
	e.setFlags(e.flags() &^ flagOutline)
	e.setVlen(len(b))
	if out != slab.Nil {
		e.db.mem.Free(out)
	}
}

// Object returns the large value, or nil when the value is inline.
func (e *Entry) Object() datatypes.Object {
	if !e.Encoding().IsObject() {
		return nil
	}
	return e.db.objects[e.objectIndex()]
}

func (e *Entry) objectIndex() uint32 { return binary.LittleEndian.Uint32(e.at(e.voff, objectSize)) }

// SetObject makes o the value, in place of the inline bytes. It frees no object
// that it replaces.
func (e *Entry) SetObject(enc datatypes.Encoding, o datatypes.Object) {
	if e.Encoding().IsObject() {
		e.db.objects[e.objectIndex()] = o
		e.setKind(e.Type(), enc)
		return
	}
	if e.outlined() {
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
	if e.outlined() {
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
