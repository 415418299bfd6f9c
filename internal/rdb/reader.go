package rdb

import (
	"math"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/lzf"
)

// A reader takes a value apart. The first thing that is wrong sets bad and empties
// b; from then on everything is zero, so that loops end by themselves and callers
// look at bad once.
type reader struct {
	b    []byte
	bad  bool
	bufs [2][]byte // for strings that are not in b as they are
}

func (r *reader) fail() { r.bad, r.b = true, nil }

// take returns the next n bytes.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// uint64 reads eight bytes, little-endian.
func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// What stands in the place of a length before a string in another form.
const (
	stringInt8  = 0
	stringInt16 = 1
	stringInt32 = 2
	stringLZF   = 3
)

// head reads a length; special says that it is the form of a string instead.
func (r *reader) head() (n uint64, special bool) {
	c := r.byte()
	switch c >> 6 {
	case 0:
		return uint64(c), false
	case 1:
		return uint64(c&0x3F)<<8 | uint64(r.byte()), false
	case 3:
		return uint64(c & 0x3F), true
	}
	switch c {
	case 0x80:
		if b := r.take(4); b != nil {
			return uint64(be.Uint32(b)), false
		}
	case 0x81:
		if b := r.take(8); b != nil {
			return be.Uint64(b), false
		}
	}
	r.fail()
	return 0, false
}

// number reads a length that may be any number.
func (r *reader) number() uint64 {
	n, special := r.head()
	if special {
		r.fail()
	}
	return n
}

// count reads the number of elements of at least size bytes each, which must fit
// into what is left.
func (r *reader) count(size int) int {
	n := r.number()
	if n > uint64(len(r.b)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

// str reads a string. It is good until the same buffer, 0 or 1, is used again.
func (r *reader) str(buf int) []byte {
	n, special := r.head()
	if !special {
		return r.take(n)
	}
	var v int64
	switch n {
	case stringInt8:
		v = int64(int8(r.byte()))
	case stringInt16:
		if b := r.take(2); b != nil {
			v = int64(int16(le.Uint16(b)))
		}
	case stringInt32:
		if b := r.take(4); b != nil {
			v = int64(int32(le.Uint32(b)))
		}
	case stringLZF:
		return r.expand(buf)
	default:
		r.fail()
	}
	if r.bad {
		return nil
	}
	r.bufs[buf] = listpack.Value{Int: v, IsInt: true}.Append(r.bufs[buf][:0])
	return r.bufs[buf]
}

// expand reads a compressed string.
func (r *reader) expand(buf int) []byte {
	packed := r.number()
	n := r.number()
	src := r.take(packed)
	if r.bad || n > lzf.Most(len(src)) {
		r.fail()
		return nil
	}
	if uint64(cap(r.bufs[buf])) < n {
		r.bufs[buf] = make([]byte, n)
	}
	dst := r.bufs[buf][:n]
	if !lzf.Expand(dst, src) {
		r.fail()
		return nil
	}
	return dst
}

// double reads a score of eight bytes.
func (r *reader) double() float64 { return r.score(math.Float64frombits(r.uint64())) }

// score refuses what is no number.
func (r *reader) score(f float64) float64 {
	if f != f {
		r.fail()
		return 0
	}
	return f
}
