package rdb

import (
	"slices"

	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/listpack"
)

// The compact forms of Redis before 7.0. They are made listpacks when read.

// A ziplist, by which lists, hashes and sorted sets were packed from 2.2 to 6.2:
//
//	| bytes u32 | tail u32 | entries u16 | entry … | FF |
//
//	entry   | size of the entry before, u8 or FE and u32 | encoding | data |
//
//	00nnnnnn                     string of n bytes
//	01nnnnnn nnnnnnnn            string, 14 bits, high ones first
//	10······ | u32 BE            string
//	C0 i16   D0 i32   E0 i64   F0 i24   FE i8      integers, little-endian
//	F1 … FD                      0 … 12
//
// entries is FFFF when there are as many or more.
const (
	zipHeader = 10
	zipEnd    = 0xFF
	zipBig    = 0xFE
)

// fromZiplist makes a ziplist a listpack. Every size in it is checked.
func fromZiplist(zl []byte) (lp []byte, ok bool) {
	if len(zl) < zipHeader+1 || uint64(le.Uint32(zl)) != uint64(len(zl)) || zl[len(zl)-1] != zipEnd {
		return nil, false
	}
	r := reader{b: zl[zipHeader : len(zl)-1]}
	lp = listpack.AppendEmpty(make([]byte, 0, len(zl)))
	n, before, last := 0, 0, zipHeader
	for len(r.b) > 0 {
		left := len(r.b)
		last = len(zl) - 1 - left
		if size := zipBefore(&r); size != before {
			return nil, false
		}
		lp = zipEntry(&r, lp)
		if r.bad {
			return nil, false
		}
		before = left - len(r.b)
		n++
	}
	told := int(le.Uint16(zl[8:]))
	return lp, int(le.Uint32(zl[4:])) == last && (told == n || told == 0xFFFF && n >= told)
}

// zipBefore reads the size of the entry before.
func zipBefore(r *reader) int {
	c := r.byte()
	if c != zipBig {
		return int(c)
	}
	if b := r.take(4); b != nil {
		return int(le.Uint32(b))
	}
	return -1
}

// zipEntry reads an entry from its encoding on, and appends it to lp.
func zipEntry(r *reader, lp []byte) []byte {
	c := r.byte()
	switch c >> 6 {
	case 0:
		return zipString(r, lp, uint64(c))
	case 1:
		return zipString(r, lp, uint64(c&0x3F)<<8|uint64(r.byte()))
	case 2:
		if b := r.take(4); b != nil {
			return zipString(r, lp, uint64(be.Uint32(b)))
		}
		return lp
	}
	switch {
	case c == 0xC0:
		return zipInt(r, lp, 2)
	case c == 0xD0:
		return zipInt(r, lp, 4)
	case c == 0xE0:
		return zipInt(r, lp, 8)
	case c == 0xF0:
		return zipInt(r, lp, 3)
	case c == 0xFE:
		return zipInt(r, lp, 1)
	case c >= 0xF1 && c <= 0xFD:
		return listpack.AppendInt(lp, int64(c&0xF)-1)
	}
	r.fail()
	return lp
}

func zipString(r *reader, lp []byte, n uint64) []byte {
	if b := r.take(n); !r.bad {
		return listpack.Append(lp, b)
	}
	return lp
}

func zipInt(r *reader, lp []byte, size int) []byte {
	var v uint64
	for i, c := range r.take(uint64(size)) {
		v |= uint64(c) << (8 * i)
	}
	shift := 64 - 8*size // the sign is the highest bit of size bytes
	return listpack.AppendInt(lp, int64(v<<shift)>>shift)
}

// A zipmap, by which hashes were packed up to 2.4:
//
//	| fields u8 | len | field | len | free u8 | value | free bytes | … | FF |
//
//	len     u8 up to 253, or FE and u32 LE
//
// fields is FE when there are more than 253.

// zipmap reads one, field by field, into a hash.
func (l *loader) zipmap() {
	b := slices.Clone(l.str(0)) // the strings in it have buffers of their own
	if l.bad || len(b) < 2 || b[len(b)-1] != zipEnd {
		l.fail()
		return
	}
	r := reader{b: b[1 : len(b)-1]}
	h := hash.Init(l.s)
	n := 0
	for ; len(r.b) > 0; n++ {
		field := r.take(zipmapLen(&r))
		size := zipmapLen(&r)
		free := r.byte()
		value := r.take(size)
		r.take(uint64(free))
		if r.bad || !h.Set(field, value, l.lim.Hash, 0) {
			l.fail()
			return
		}
	}
	if n == 0 || b[0] < zipBig && int(b[0]) != n {
		l.fail()
	}
}

func zipmapLen(r *reader) uint64 {
	switch c := r.byte(); c {
	case zipEnd:
		r.fail()
		return 0
	case zipBig:
		if b := r.take(4); b != nil {
			return uint64(le.Uint32(b))
		}
		return 0
	default:
		return uint64(c)
	}
}
