package rdb

import (
	"encoding/binary"
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/datatypes/zset"
)

var le, be = binary.LittleEndian, binary.BigEndian

// Append appends the type and value of what is in s to dst, and returns the version
// of the format that it takes to read it. Fields of a hash that are due by now are
// left out. The value's bytes are copied as they are where Redis has the same:
//
//	string, set of a listpack or table   strings
//	list                                 its nodes, a small list being one
//	intset                               the intset
//	hash, sorted set                     the listpack; of a table, strings and doubles
//	hash with TTLs                       our own
//	stream                               its nodes, groups and what is pending
func Append(dst []byte, t datatypes.Type, s datatypes.Slot, nowMs int64) (payload []byte, version uint16) {
	switch t {
	case datatypes.String:
		return appendScalar(append(dst, typeString), s), version70
	case datatypes.List:
		return appendList(dst, list.Open(s)), version70
	case datatypes.Set:
		return appendSet(dst, s), version70
	case datatypes.ZSet:
		return appendZSet(dst, s), version70
	case datatypes.Hash:
		return appendHash(dst, s, nowMs)
	case datatypes.Stream:
		return appendStream(dst, s.Object().(*stream.Stream)), version70
	}
	panic("rdb: no such type: " + t.String())
}

func appendLen(dst []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return append(dst, byte(0x40|n>>8), byte(n))
	case n <= math.MaxUint32:
		return be.AppendUint32(append(dst, 0x80), uint32(n))
	}
	return be.AppendUint64(append(dst, 0x81), n)
}

// appendBlob appends a string as it is.
func appendBlob(dst, b []byte) []byte {
	return append(appendLen(dst, uint64(len(b))), b...)
}

// appendString appends a string, a short number as such.
func appendString(dst, b []byte) []byte {
	const longest = 11 // -2147483648
	if len(b) <= longest {
		if n, ok := listpack.ParseInt(b); ok && int64(int32(n)) == n {
			return appendInt(dst, n)
		}
	}
	return appendBlob(dst, b)
}

// appendInt appends a number as a string.
func appendInt(dst []byte, n int64) []byte {
	switch {
	case int64(int8(n)) == n:
		return append(dst, 0xC0, byte(n))
	case int64(int16(n)) == n:
		return le.AppendUint16(append(dst, 0xC1), uint16(n))
	case int64(int32(n)) == n:
		return le.AppendUint32(append(dst, 0xC2), uint32(n))
	}
	var buf [20]byte
	return appendBlob(dst, listpack.Value{Int: n, IsInt: true}.Append(buf[:0]))
}

func appendValue(dst []byte, v *listpack.Value) []byte {
	if v.IsInt {
		return appendInt(dst, v.Int)
	}
	return appendString(dst, v.Str)
}

func appendScalar(dst []byte, s datatypes.Slot) []byte {
	if s.Encoding() == datatypes.Int {
		return appendInt(dst, int64(le.Uint64(s.Bytes())))
	}
	return appendString(dst, s.Bytes())
}

// What a node of a list holds.
const (
	nodePlain  = 1 // one element
	nodePacked = 2 // a listpack
)

func appendList(dst []byte, l list.List) []byte {
	dst = appendLen(append(dst, typeQuicklist2), uint64(l.Nodes()))
	l.EachNode(func(plain bool, content []byte) bool {
		kind := byte(nodePacked)
		if plain {
			kind = nodePlain
		}
		dst = appendBlob(append(dst, kind), content)
		return true
	})
	return dst
}

func appendSet(dst []byte, s datatypes.Slot) []byte {
	if s.Encoding() == datatypes.IntSet {
		return appendBlob(append(dst, typeIntset), s.Bytes())
	}
	members := set.Open(s)
	dst = appendLen(append(dst, typeSet), uint64(members.Len()))
	members.ForEach(func(v set.Value) bool {
		dst = appendValue(dst, &v)
		return true
	})
	return dst
}

// appendZSet writes the highest scores of a tree first: so Redis reads it fastest.
func appendZSet(dst []byte, s datatypes.Slot) []byte {
	if s.Encoding() == datatypes.ListPack {
		return appendBlob(append(dst, typeZSetPack), s.Bytes())
	}
	z := zset.Open(s)
	dst = appendLen(append(dst, typeZSet2), uint64(z.Len()))
	z.Range(0, z.Len(), true, func(m zset.Value, score float64) bool {
		dst = appendString(dst, m.Str)
		dst = le.AppendUint64(dst, math.Float64bits(score))
		return true
	})
	return dst
}

func appendHash(dst []byte, s datatypes.Slot, nowMs int64) ([]byte, uint16) {
	h := hash.Open(s)
	ttls := h.HasTTL()
	if !ttls && s.Encoding() == datatypes.ListPack {
		return appendBlob(append(dst, typeHashPack), s.Bytes()), version70
	}
	kind, version := byte(typeHash), uint16(version70)
	if ttls {
		kind, version = typeHashTTL, versionTTL
	}
	dst = appendLen(append(dst, kind), uint64(h.Live(nowMs)))
	h.ForEach(nowMs, func(field, value listpack.Value, expiry int64) bool {
		dst = appendValue(appendValue(dst, &field), &value)
		if ttls {
			dst = le.AppendUint64(dst, uint64(expiry))
		}
		return true
	})
	return dst, version
}
