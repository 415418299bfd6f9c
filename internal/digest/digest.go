// Package digest computes what DEBUG DIGEST and DEBUG DIGEST-VALUE answer: one
// number for a whole dataset, equal to Redis's for the same data.
//
//	var all digest.Sum                      // zero value: the empty dataset
//	all.StartDB(0)
//	var key digest.Sum
//	key.Mix([]byte("k"))                    // DIGEST-VALUE leaves this line out
//	key.StartValue(digest.String)
//	key.Mix([]byte("v"))
//	all.Add(key)
//
// # The algebra
//
// Two operations on 20 bytes, both built from SHA-1:
//
//	Xor   d ← d ⊕ sha1(x)          order does not matter, and twice is not at all
//	Mix   d ← sha1(d ⊕ sha1(x))    order matters
//
// What has an order (a list, the fields of a stream entry) is mixed. What has none (keys
// of a database, members of a set) gets a Sum of its own, which is then added by Xor. So the
// digest does not depend on encodings, on the order of hash tables, or on when
// things were inserted.
//
// A Sum is a value: no shared state, any goroutine.
package digest

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// A Sum is a digest on its way. The zero value is that of nothing.
type Sum [sha1.Size]byte

// A Type is the number that Redis gives a type of values.
type Type uint32

// The types whose values can be digested here.
const (
	String Type = 0
	List   Type = 1
	Set    Type = 2
	ZSet   Type = 3
	Hash   Type = 4
	Stream Type = 6
)

// Xor adds data as a member of a set.
func (d *Sum) Xor(data []byte) {
	h := sha1.Sum(data)
	for i := range d {
		d[i] ^= h[i]
	}
}

// Mix adds data as the next item of a list.
func (d *Sum) Mix(data []byte) {
	d.Xor(data)
	*d = sha1.Sum(d[:])
}

// Add adds the digest of a part: a key to a database, a pair to a hash.
func (d *Sum) Add(part Sum) { d.Xor(part[:]) }

// StartDB begins database number db. Databases that are empty are left out.
func (d *Sum) StartDB(db int) { d.mixUint32(uint32(db)) }

// StartValue begins a value.
func (d *Sum) StartValue(t Type) { d.mixUint32(uint32(t)) }

// The elements of values, each by the type it belongs to. An element of
// a string or a list is Mix, one of a set is Xor.

// ZSetMember adds a member of a sorted set.
func (d *Sum) ZSetMember(member []byte, score float64) {
	var part Sum
	part.Mix(member)
	var buf [32]byte
	part.Mix(appendScore(buf[:0], score))
	d.Add(part)
}

// HashField adds a field of a hash.
func (d *Sum) HashField(field, value []byte) {
	var part Sum
	part.Mix(field)
	part.Mix(value)
	d.Add(part)
}

// StreamID begins an entry of a stream; its fields and values follow by Mix.
func (d *Sum) StreamID(ms, seq uint64) {
	var buf [48]byte
	b := strconv.AppendUint(buf[:0], ms, 10)
	b = append(b, '.')
	d.Mix(strconv.AppendUint(b, seq, 10))
}

// Expires says that the key of this value has a time to live, whatever that is.
func (d *Sum) Expires() { d.Xor([]byte("!!expire!!")) }

// String returns the digest as DEBUG DIGEST shows it.
func (d Sum) String() string { return hex.EncodeToString(d[:]) }

func (d *Sum) mixUint32(n uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	d.Mix(b[:])
}

// appendScore writes a score as C's %.17g does.
func appendScore(b []byte, score float64) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, score, 'g', 17, 64)
	switch string(b[start:]) {
	case "+Inf":
		return append(b[:start], "inf"...)
	case "-Inf":
		return append(b[:start], "-inf"...)
	}
	return b
}
