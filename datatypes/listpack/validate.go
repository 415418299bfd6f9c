package listpack

import (
	"errors"
	"fmt"
)

// ErrCorrupt is what every error of [Validate] wraps.
var ErrCorrupt = errors.New("listpack: corrupt")

func corrupt(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, a...))
}

// Validate checks bytes that came from outside. The shallow check looks at the
// header and the end byte only; the deep one at every element, and after it
// every function of this package is safe to call. It never panics.
func Validate(lp []byte, deep bool) error {
	switch {
	case len(lp) < EmptySize:
		return corrupt("%d bytes, fewer than an empty one", len(lp))
	case uint64(le.Uint32(lp)) != uint64(len(lp)):
		return corrupt("header tells %d bytes of %d", le.Uint32(lp), len(lp))
	case lp[len(lp)-1] != end:
		return corrupt("last byte is %#x", lp[len(lp)-1])
	case !deep:
		return nil
	}
	p, n := headerSize, 0
	for p < len(lp)-1 {
		size, err := validElement(lp[:len(lp)-1], p)
		if err != nil {
			return err
		}
		p += size
		n++
	}
	if told := int(le.Uint16(lp[4:])); told != unknownLen && told != n {
		return corrupt("header tells %d elements of %d", told, n)
	}
	return nil
}

// validElement checks the element at p of body, which ends before the end
// byte, and returns its size.
func validElement(body []byte, p int) (int, error) {
	room := len(body) - p
	need := 1
	switch c := body[p]; {
	case c&0xE0 == encInt13, c&0xF0 == encStr12:
		need = 2
	case c == encStr32:
		need = 5
	case c >= 0xF5:
		return 0, corrupt("byte %#x at %d begins no element", c, p)
	case c > encStr32:
		need = int(sizes[c]) - 1
	}
	if room < need {
		return 0, corrupt("element at %d cut short", p)
	}
	if c := body[p]; c == encStr32 && uint64(le.Uint32(body[p+1:])) > uint64(room) {
		return 0, corrupt("string at %d of %d bytes passes the end", p, le.Uint32(body[p+1:]))
	}
	total := size(body, p)
	if total > room {
		return 0, corrupt("element at %d of %d bytes passes the end", p, total)
	}
	data := 0 // bytes of encoding and data in the shortest encoding
	if v := Get(body, p); v.IsInt {
		data = intDataSize(v.Int)
	} else if _, ok := ParseInt(v.Str); ok {
		return 0, corrupt("string %q at %d is an integer", v.Str, p)
	} else {
		data = stringHeader(len(v.Str)) + len(v.Str)
	}
	if total != data+backlenSize(data) {
		return 0, corrupt("element at %d is not in its shortest encoding", p)
	}
	var back [5]byte
	putBacklen(back[:], data)
	if string(body[p+data:p+total]) != string(back[:total-data]) {
		return 0, corrupt("element at %d does not end in its length", p)
	}
	return total, nil
}
