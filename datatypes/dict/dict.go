// Package dict is the hash table under everything large: the keyspace itself
// and the big sets, hashes and sorted sets inside it.
//
//	t := dict.New(arena, 0, seed)
//	h := t.Hash(key)
//	r := t.Find(h, key)          // slab.Nil when absent
//	t.Insert(h, newBlock)        // newBlock's key is not in the table
//	t.Remove(h, r); arena.Free(r)
//
// # Elements
//
// An element is a block of a [slab.Arena] that carries its key at a fixed
// offset, chosen when the table is made:
//
//	         keyOff
//	| whatever | klen | key bytes | whatever |      klen u8, 0..254
//	| whatever | 0xFF | klen u32  | key bytes …     longer keys
//
// The table stores 40-bit Refs of blocks, never their bytes, and never frees an
// element. Keys passed in are only read, and not kept.
//
// # Guarantees
//
// Find, Insert and Remove touch one cache line of the index and the element;
// for about one element in twelve a second line. Absent keys are mostly known
// from the first line alone. No single Insert moves more than 64 elements,
// whatever the size, and no table is ever held twice. From about a thousand
// elements on the index costs at most 10 bytes a key while the table grows, and
// 17 while it shrinks, unless elements go in the order of Scan: then the index may
// stay five times too large until most have gone. One to ten elements take 64
// bytes, none take nothing.
//
// Iteration comes in three strengths:
//
//   - [Table.Scan] may be interrupted and the table changed at will between two
//     calls: an element present from the first to the last is seen at least once.
//   - [Table.ForEach] and [Table.All] see each element exactly once, and demand
//     that nothing is inserted or removed meanwhile (Replace is allowed).
//   - [Table.Random] is fair, [Table.Sample] is cheap.
//
// # Who may call
//
// One goroutine, with one exception: while nobody writes, any number of
// goroutines may Find, since Find writes nothing at all.
package dict

import (
	"encoding/binary"
	"unsafe"
)

// longKey in the length byte says that a four-byte length follows.
const longKey = 0xFF

// KeySize returns the bytes that a key of n bytes takes in an element, its
// length included.
func KeySize(n int) int {
	if n < longKey {
		return 1 + n
	}
	return 5 + n
}

// PutKey writes the length and key to the start of b, which has room for
// KeySize(len(key)), and returns the bytes written.
func PutKey(b []byte, key []byte) int {
	if len(key) < longKey {
		b[0] = byte(len(key))
		return 1 + copy(b[1:], key)
	}
	b[0] = longKey
	binary.LittleEndian.PutUint32(b[1:], uint32(len(key)))
	return 5 + copy(b[5:], key)
}

// Key reads what PutKey wrote: the key, as a slice of b, and the bytes taken
// with its length.
func Key(b []byte) (key []byte, size int) {
	if n := int(b[0]); n < longKey {
		return b[1 : 1+n : 1+n], 1 + n
	}
	n := int(binary.LittleEndian.Uint32(b[1:]))
	return b[5 : 5+n : 5+n], 5 + n
}

// keyAt is Key for an element's block, whose length the table does not know.
// It stays in range because the block's owner wrote the key with PutKey.
func keyAt(p unsafe.Pointer) []byte {
	if n := int(*(*byte)(p)); n < longKey {
		return unsafe.Slice((*byte)(unsafe.Add(p, 1)), n)
	}
	n := int(binary.LittleEndian.Uint32((*[4]byte)(unsafe.Add(p, 1))[:]))
	return unsafe.Slice((*byte)(unsafe.Add(p, 5)), n)
}
