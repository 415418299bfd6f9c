// Package rdb writes and reads values in the format of Redis's database files:
// what DUMP answers and RESTORE takes.
//
//	payload, version := rdb.Append(nil, e.Type(), e, nowMs)
//	payload = rdb.Seal(payload, version)
//
//	value, err := rdb.Open(payload)
//	t, err := rdb.Load(value, slot, &limits, nowMs)
//
// # What is written
//
// The oldest form that says all there is to say, so that servers from Redis 7.0
// on read it: see [Append]. Strings are not compressed; servers that get them
// do not mind.
//
// # What is read
//
// Every form that Redis wrote since 2.0, up to 7.2: see [Load]. The types that 7.4
// added for hashes whose fields expire are not publicly described; they are
// refused. Such a hash has a type of our own here, which other servers refuse.
//
// # Trust
//
// A payload may come from anywhere. Reading never panics, and refuses whatever
// would break an invariant of the value: listpacks with wrong lengths, members
// that come twice, sorted sets out of order. Each length is held against the bytes
// that are left before anything is allocated, so memory is bounded by the
// payload's size; compressed strings grow at most by 88.
//
// Nothing is kept of what is passed in. Functions are pure but for the slot and
// its arena.
package rdb

import (
	"encoding/binary"
	"errors"
	"hash/crc64"

	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
)

// A payload is a type, the value in that type's form, and a footer:
//
//	+------+---------- … ----------+---------+----------+
//	| type |         value         | version |  CRC-64  |
//	+------+---------- … ----------+---------+----------+
//	   u8                            u16 LE    u64 LE, over all before it
//
// The version is the least whose readers know the type; readers take it and any
// below their own. A value is made of lengths, strings and bytes:
//
//	00nnnnnn                            length n
//	01nnnnnn nnnnnnnn                   length, 14 bits, high ones first
//	80 | u32 BE        81 | u64 BE      length
//	length | bytes                      string
//	C0 | i8   C1 | i16 LE   C2 | i32 LE string: the number in decimal
//	C3 | length | length n | bytes      string: n bytes, compressed by LZF
//
// SET greeting hello; DUMP greeting:
//
//	00  05 68 65 6C 6C 6F  0A 00  63 72 DF 76 65 34 20 0A
//	string  h  e  l  l  o   10     CRC-64
//
// Aggregates are a length and so many strings, or one string that holds a listpack,
// intset or, from older servers, ziplist or zipmap.

// The types of values.
const (
	typeString     = 0
	typeList       = 1
	typeSet        = 2
	typeZSet       = 3 // scores as text
	typeHash       = 4
	typeZSet2      = 5
	typeZipmap     = 9
	typeZiplist    = 10 // a list
	typeIntset     = 11
	typeZSetZip    = 12
	typeHashZip    = 13
	typeQuicklist  = 14 // of ziplists
	typeStream1    = 15
	typeHashPack   = 16
	typeZSetPack   = 17
	typeQuicklist2 = 18
	typeStream2    = 19
	typeSetPack    = 20
	typeStream3    = 21

	// typeHashTTL is ours: length | (field | value | expiry i64 LE in ms, or 0) …
	typeHashTTL = 0xE0
)

// The versions of the format: that of Redis 7.0, the greatest that is read (7.4's),
// and what goes with typeHashTTL.
const (
	version70  = 10
	versionMax = 12
	versionTTL = versionMax
)

const footerSize = 10

var (
	// ErrFooter says that a payload's version or checksum is wrong.
	ErrFooter = errors.New("rdb: wrong version or checksum")
	// ErrFormat says that a value is not in a form that is known.
	ErrFormat = errors.New("rdb: bad format")
)

// Limits are the thresholds between encodings that what is read must obey.
type Limits struct {
	Hash *hash.Limits
	List *list.Limits
	Set  *set.Limits
	ZSet *zset.Limits
}

// jones is the polynomial of Redis's CRC-64, David T. Jones's, low bit first.
var jones = crc64.MakeTable(0x95AC9329AC4BC9B5)

// Checksum returns the CRC-64 of p. Unlike those of package crc64 it begins with
// zero and is not inverted.
func Checksum(p []byte) uint64 { return ^crc64.Update(^uint64(0), jones, p) }

// Seal appends the footer to a payload whose value is complete.
func Seal(payload []byte, version uint16) []byte {
	payload = binary.LittleEndian.AppendUint16(payload, version)
	return binary.LittleEndian.AppendUint64(payload, Checksum(payload))
}

// Open checks a payload's footer, its checksum only if asked for, and returns the
// value before it.
func Open(payload []byte, checksum bool) (value []byte, err error) {
	n := len(payload) - footerSize
	if n < 0 || binary.LittleEndian.Uint16(payload[n:]) > versionMax {
		return nil, ErrFooter
	}
	if checksum && Checksum(payload[:n+2]) != binary.LittleEndian.Uint64(payload[n+2:]) {
		return nil, ErrFooter
	}
	return payload[:n], nil
}
