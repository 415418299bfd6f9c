// Package datatypes names what the data types share: the types and encodings
// a Redis user sees, the place a value lives in, and the contract of a value
// too large for one block.
//
// # Small and large
//
// A small value (a string, a listpack, an intset) is a run of bytes inside its
// key's one block of memory. A large value is an [Object]: one small Go object
// whose tables and nodes are pointer-free blocks of a [slab.Arena], so that the
// garbage collector sees one object a large value and none an element.
//
//	Slot ── small ──> | header | key | bytes … room |      one block
//	     └─ large ──> Object ──> tables and nodes          many blocks
//
// The packages hash, set, zset and list each implement one logical type over a
// [Slot] and move it from the small encoding to the large one when a threshold
// is crossed. None of them knows keys, commands or the clock.
//
// Nothing here locks: a value has one owner at a time.
package datatypes

import "github.com/redweave/redweave/internal/slab"

// Type is a value's logical type, as TYPE names it.
type Type uint8

// The types a key can hold. None is the type of a missing key.
const (
	None Type = iota
	String
	List
	Set
	ZSet
	Hash
	Stream
)

var typeNames = [...]string{"none", "string", "list", "set", "zset", "hash", "stream"}

// String returns the name TYPE answers with.
func (t Type) String() string { return typeNames[t] }

// Encoding is the way a value's bytes are laid out, as OBJECT ENCODING names it.
type Encoding uint8

// The encodings. Up to IntSet they are runs of bytes; from HashTable on they
// are Objects.
const (
	Int        Encoding = iota // eight bytes, a little-endian int64
	EmbStr                     // a string of at most 44 bytes, not modified since it was set
	Raw                        // any other string
	ListPack                   // datatypes/listpack
	ListPackEx                 // a listpack of field, value, expiry triples (a hash with field TTLs)
	IntSet                     // datatypes/intset
	HashTable                  // a dict.Table of elements
	QuickList                  // datatypes/quicklist
	SkipList                   // a ranktree and a dict over the same members, in Redis a skip list
	StreamTree                 // datatypes/stream
)

var encodingNames = [...]string{
	"int", "embstr", "raw", "listpack", "listpackex", "intset",
	"hashtable", "quicklist", "skiplist", "stream",
}

// String returns the name OBJECT ENCODING answers with.
func (e Encoding) String() string { return encodingNames[e] }

// IsObject reports whether a value of this encoding is an [Object] rather than
// inline bytes.
func (e Encoding) IsObject() bool { return e >= HashTable }

// An Object is a large value. Its owner uses it through its concrete type; the
// keyspace needs only to know what it weighs and how to be rid of it.
type Object interface {
	// Effort is the work of freeing the value, in Redis's units: elements of a
	// hash table or skiplist, nodes of a quicklist. Lazy freeing applies above
	// 64.
	Effort() int

	// Release gives about budget blocks back through b and reports whether
	// none are left. It is called after the owner let go of the object, by one
	// goroutine, again and again until done; it may read memory only through
	// b.View().
	Release(b *slab.Batch, budget int) (done bool)
}

// A Slot is the place of one value. The keyspace's entry is one; [MemSlot] is
// one for tests and temporary values.
//
// Slices handed out by Bytes and Grow point into the slot's block: they are
// valid until the next call of Grow, SetBytes or SetObject on any slot of the
// same arena's owner.
type Slot interface {
	Encoding() Encoding

	// Bytes returns the inline value. len is exact, cap the room it may grow
	// into without moving.
	Bytes() []byte

	// Grow returns the inline value with room for at least n bytes more,
	// moving the block if it must.
	Grow(n int) []byte

	// SetBytes makes b the inline value. When b is what Grow or Bytes returned,
	// edited in place and resliced, nothing is copied.
	SetBytes(enc Encoding, b []byte)

	// Object returns the large value, nil when the encoding is a small one.
	Object() Object

	// SetObject makes o the value, in place of the inline bytes.
	SetObject(enc Encoding, o Object)

	// Arena is where an Object made for this slot takes its blocks from.
	Arena() *slab.Arena
}

// MemSlot is a Slot over ordinary Go memory.
type MemSlot struct {
	Mem *slab.Arena
	enc Encoding
	b   []byte
	o   Object
}

// NewMemSlot returns a slot holding b under enc.
func NewMemSlot(a *slab.Arena, enc Encoding, b []byte) *MemSlot {
	return &MemSlot{Mem: a, enc: enc, b: b}
}

func (s *MemSlot) Encoding() Encoding { return s.enc }
func (s *MemSlot) Bytes() []byte      { return s.b }
func (s *MemSlot) Object() Object     { return s.o }
func (s *MemSlot) Arena() *slab.Arena { return s.Mem }

func (s *MemSlot) Grow(n int) []byte {
	if cap(s.b)-len(s.b) < n {
		s.b = append(make([]byte, 0, len(s.b)+n), s.b...)
	}
	return s.b
}

func (s *MemSlot) SetBytes(enc Encoding, b []byte)  { s.enc, s.b, s.o = enc, b, nil }
func (s *MemSlot) SetObject(enc Encoding, o Object) { s.enc, s.b, s.o = enc, nil, o }
