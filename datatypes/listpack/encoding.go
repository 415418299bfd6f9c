package listpack

import "fmt"

// First bytes of the encodings; listpack.go draws them.
const (
	encStr6  = 0x80
	encInt13 = 0xC0
	encStr12 = 0xE0
	encStr32 = 0xF0
	encInt16 = 0xF1
	encInt24 = 0xF2
	encInt32 = 0xF3
	encInt64 = 0xF4
)

// sizes holds, for a first byte, the bytes the whole element takes, backlen
// included; 0 where the first byte alone does not tell (longer strings), or
// begins no element at all (F5 … FF).
var sizes = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case c < encStr6:
			t[c] = 1 + 1
		case c < encInt13:
			t[c] = uint8(1 + c&63 + 1)
		case c < encStr12:
			t[c] = 2 + 1
		}
	}
	t[encInt16], t[encInt24], t[encInt32], t[encInt64] = 3+1, 4+1, 5+1, 9+1
	return t
}()

// size returns the bytes the element at p takes, backlen included.
func size(lp []byte, p int) int {
	if n := sizes[lp[p]]; n != 0 {
		return int(n)
	}
	return sizeSlow(lp, p)
}

func sizeSlow(lp []byte, p int) int {
	switch c := lp[p]; {
	case c&0xF0 == encStr12:
		n := 2 + (int(c&15)<<8 | int(lp[p+1]))
		return n + backlenSize(n)
	case c == encStr32:
		n := 5 + int(le.Uint32(lp[p+1:]))
		return n + backlenSize(n)
	}
	panic(fmt.Sprintf("listpack: byte %#x at %d of %d begins no element", lp[p], p, len(lp)))
}

// Get returns the element at p.
func Get(lp []byte, p int) Value {
	if c := lp[p]; c&0xC0 == encStr6 {
		n := p + 1 + int(c&63)
		return Value{Str: lp[p+1 : n : n]}
	}
	return getSlow(lp, p)
}

func getSlow(lp []byte, p int) Value {
	switch c := lp[p]; {
	case c&0xF0 == encStr12:
		n := int(c&15)<<8 | int(lp[p+1])
		return Value{Str: lp[p+2 : p+2+n : p+2+n]}
	case c == encStr32:
		n := int(le.Uint32(lp[p+1:]))
		return Value{Str: lp[p+5 : p+5+n : p+5+n]}
	}
	v, _ := GetInt(lp, p)
	return Value{Int: v, IsInt: true}
}

// GetInt returns the integer at p; ok is false when the element is a string.
func GetInt(lp []byte, p int) (v int64, ok bool) {
	switch c := lp[p]; {
	case c < encStr6:
		return int64(c), true
	case c&0xE0 == encInt13:
		return int64(uint64(c)<<59|uint64(lp[p+1])<<51) >> 51, true
	case c == encInt16:
		return int64(int16(le.Uint16(lp[p+1:]))), true
	case c == encInt24:
		b := lp[p+1 : p+4]
		return int64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24) >> 8), true
	case c == encInt32:
		return int64(int32(le.Uint32(lp[p+1:]))), true
	case c == encInt64:
		return int64(le.Uint64(lp[p+1:])), true
	case c >= 0xF5:
		panic(fmt.Sprintf("listpack: byte %#x at %d of %d begins no element", c, p, len(lp)))
	}
	return 0, false
}

// intDataSize is the size of v's encoding and data.
func intDataSize(v int64) int {
	switch {
	case v >= 0 && v <= 127:
		return 1
	case v >= -1<<12 && v < 1<<12:
		return 2
	case v >= -1<<15 && v < 1<<15:
		return 3
	case v >= -1<<23 && v < 1<<23:
		return 4
	case v >= -1<<31 && v < 1<<31:
		return 5
	}
	return 9
}

func intSize(v int64) int { return intDataSize(v) + 1 }

// putInt writes v and its backlen into b, intSize(v) bytes.
func putInt(b []byte, v int64) {
	n := putIntData(b, v)
	b[n] = byte(n)
}

// putIntData writes v without backlen and returns the bytes it took.
func putIntData(b []byte, v int64) int {
	n := intDataSize(v)
	switch n {
	case 1:
		b[0] = byte(v)
	case 2:
		b[0], b[1] = encInt13|byte(v>>8)&31, byte(v)
	case 3:
		b[0] = encInt16
		le.PutUint16(b[1:], uint16(v))
	case 4:
		b[0], b[1], b[2], b[3] = encInt24, byte(v), byte(v>>8), byte(v>>16)
	case 5:
		b[0] = encInt32
		le.PutUint32(b[1:], uint32(v))
	default:
		b[0] = encInt64
		le.PutUint64(b[1:], uint64(v))
	}
	return n
}

// stringHeader is the size of the encoding of a string of n bytes.
func stringHeader(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<12:
		return 2
	}
	return 5
}

func stringSize(n int) int {
	if n < 1<<6 {
		return 1 + n + 1
	}
	n += stringHeader(n)
	return n + backlenSize(n)
}

// putString writes s and its backlen into b, stringSize(len(s)) bytes.
func putString(b, s []byte) {
	n := len(s)
	if n < 1<<6 {
		b[0] = encStr6 | byte(n)
		copy(b[1:], s)
		b[1+n] = byte(1 + n)
		return
	}
	h := putStringHeader(b, n)
	copy(b[h:], s)
	putBacklen(b[h+n:], h+n)
}

func putStringHeader(b []byte, n int) int {
	h := stringHeader(n)
	switch h {
	case 1:
		b[0] = encStr6 | byte(n)
	case 2:
		b[0], b[1] = encStr12|byte(n>>8), byte(n)
	default:
		b[0] = encStr32
		le.PutUint32(b[1:], uint32(n))
	}
	return h
}

// backlenSize returns the bytes backlen takes to tell n. From two bytes on the
// largest number of each size already goes into the next: so Redis writes it,
// and a reader that skips by computing this size must agree.
func backlenSize(n int) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<14-1:
		return 2
	case n < 1<<21-1:
		return 3
	case n < 1<<28-1:
		return 4
	}
	return 5
}

func putBacklen(b []byte, n int) {
	k := backlenSize(n)
	for i := k - 1; i > 0; i-- {
		b[i] = byte(n) | 128
		n >>= 7
	}
	b[0] = byte(n)
}

// ParseInt returns the integer whose canonical decimal form s is: what
// decides, here and in intset, whether a string is stored as an integer.
// "007", "+7", "-0", " 7" and anything beyond an int64 are not.
func ParseInt(s []byte) (v int64, ok bool) {
	if len(s) == 0 || s[0] > '9' || len(s) > 20 {
		return 0, false
	}
	return parseInt(s)
}

func parseInt(s []byte) (v int64, ok bool) {
	neg := s[0] == '-'
	if neg {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 19 {
		return 0, false
	}
	if s[0] == '0' {
		return 0, len(s) == 1 && !neg
	}
	var u uint64 // 19 digits fit without overflow
	for _, c := range s {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

func intLen(v int64) int {
	n, u := 1, uint64(v)
	if v < 0 {
		n, u = 2, -u
	}
	for u >= 10 {
		u /= 10
		n++
	}
	return n
}
