package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// # Design
//
// One decoder serves both [Parse], which has all the bytes it will get, and [Reader], which can
// fetch more:
//
//	buf   | consumed | reply so far … |  free  |
//	                 ^r               ^w            fill reads into what is free, or says errShort when there is no source
//
// The decoder asks for a line or for n bytes and builds the tree by recursion. Claims are
// believed step by step: room for n bytes doubles as they arrive, and a list of n elements
// grows as elements arrive.

// Bounds of what a [Reader] accepts. They are there to stop nonsense, not to be tuned: Redis's
// own replies stay far below.
const (
	maxDepth     = 128       // of aggregates in one another
	maxReplyBulk = 1 << 30   // bytes of a string
	maxElems     = 1 << 30   // elements of an aggregate
	maxReplyLine = 64 << 10  // bytes of a line: statuses, errors, numbers
	readerBuffer = 16 << 10  // bytes asked for at once
	keepBuffer   = 256 << 10 // a larger buffer is given up once it is empty
)

// ErrProtocol is matched by what [Parse] and [Reader.Read] return for bytes that are no reply.
var ErrProtocol = errors.New("resp: malformed reply")

// errShort: the bytes end before the reply does.
var errShort = errors.New("resp: incomplete reply")

// A Reader reads replies from a stream.
type Reader struct {
	src  io.Reader // nil: there is no more than buf
	buf  []byte
	r, w int
}

// NewReader returns a Reader of what src gives.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Parse reads one reply from the start of buf and returns it with its size. When it is not
// complete, n is 0 and so is err.
func Parse(buf []byte) (v Value, n int, err error) {
	r := Reader{buf: buf, w: len(buf)}
	v, err = r.value(0)
	switch err {
	case nil:
		return v, r.r, nil
	case errShort:
		return Value{}, 0, nil
	}
	return Value{}, 0, err
}

// Read returns the next reply. io.EOF means that the stream ended between two replies,
// io.ErrUnexpectedEOF that it ended inside one.
func (r *Reader) Read() (Value, error) {
	if r.r == r.w {
		r.r, r.w = 0, 0
		if cap(r.buf) > keepBuffer {
			r.buf = nil
		}
		if err := r.fill(1); err != nil {
			return Value{}, err
		}
	}
	v, err := r.value(0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return v, err
}

// Buffered returns how many bytes have been read from the stream and not yet returned as replies.
func (r *Reader) Buffered() int { return r.w - r.r }

// fill waits until n bytes are in buf behind r. It asks for room by doubling, so that a claim
// alone costs nothing.
func (r *Reader) fill(n int) error {
	for r.w-r.r < n {
		if r.src == nil {
			return errShort
		}
		if r.r > 0 {
			r.w = copy(r.buf, r.buf[r.r:r.w])
			r.r = 0
		}
		if r.w == len(r.buf) {
			r.buf = slices.Grow(r.buf, max(readerBuffer, len(r.buf)))
			r.buf = r.buf[:cap(r.buf)]
		}
		k, err := r.src.Read(r.buf[r.w:])
		r.w += k
		if k == 0 && err != nil {
			return err
		}
	}
	return nil
}

// line takes a line without its end. It stays valid until the next fill.
func (r *Reader) line() ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(r.buf[r.r+seen:r.w], '\n'); i >= 0 {
			line := r.buf[r.r : r.r+seen+i]
			r.r += seen + i + 1
			if len(line) == 0 || line[len(line)-1] != '\r' {
				return nil, malformed("a line ends without a carriage return")
			}
			return line[:len(line)-1], nil
		}
		seen = r.w - r.r
		if seen > maxReplyLine {
			return nil, malformed("a line is too long")
		}
		if err := r.fill(seen + 1); err != nil {
			return nil, err
		}
	}
}

// bulk takes n bytes and the line end behind them.
func (r *Reader) bulk(n int) (string, error) {
	if err := r.fill(n + 2); err != nil {
		return "", err
	}
	b := r.buf[r.r : r.r+n+2]
	if b[n] != '\r' || b[n+1] != '\n' {
		return "", malformed("a string is longer than announced")
	}
	r.r += n + 2
	return string(b[:n]), nil
}

// value reads one value of the tree, with the attributes before it.
func (r *Reader) value(depth int) (v Value, err error) {
	if depth > maxDepth {
		return v, malformed("values lie too deep in one another")
	}
	line, err := r.line()
	if err != nil {
		return v, err
	}
	if len(line) == 0 {
		return v, malformed("a value without a type")
	}
	v.Kind = Kind(line[0])
	line = line[1:]
	switch v.Kind {
	case SimpleString, SimpleError:
		v.Str = string(line)
	case Integer:
		v.Int, err = integer(line)
	case Double:
		v.Str = string(line)
		if v.Float, err = strconv.ParseFloat(v.Str, 64); errors.Is(err, strconv.ErrRange) {
			err = nil // the nearest is ±Inf or 0
		}
	case BigNumber:
		if v.Str = string(line); !isDecimal(v.Str) {
			err = malformed("not a number")
		}
	case Boolean:
		if len(line) != 1 || line[0] != 't' && line[0] != 'f' {
			err = malformed("not a boolean")
		} else if line[0] == 't' {
			v.Int = 1
		}
	case Null:
		if len(line) != 0 {
			err = malformed("a null with something in it")
		}
	case BulkString, BulkError, Verbatim:
		var n int
		if n, err = length(line, maxReplyBulk, v.Kind == BulkString); n < 0 {
			v.Kind = Null
		} else if err == nil {
			v.Str, err = r.bulk(n)
		}
		if err == nil && v.Kind == Verbatim && (len(v.Str) < 4 || v.Str[3] != ':') {
			err = malformed("verbatim text without a format")
		}
	case Array, Set, Push, Map, '|':
		var n int
		if n, err = length(line, maxElems, v.Kind == Array); n < 0 {
			v.Kind = NullArray
		} else if err == nil {
			if v.Kind == Map || v.Kind == '|' {
				n *= 2
			}
			v.Elems, err = r.elems(n, depth)
		}
	default:
		err = malformed(fmt.Sprintf("no type begins with %q", byte(v.Kind)))
	}
	switch {
	case err == nil && v.Kind == '|': // what it says belongs to the value that follows
		attr := v.Elems
		v, err = r.value(depth + 1)
		v.Attr = append(attr, v.Attr...)
	case errors.Is(err, strconv.ErrSyntax):
		err = malformed("not a number")
	}
	return v, err
}

// elems reads n values. The list grows with them.
func (r *Reader) elems(n, depth int) ([]Value, error) {
	list := make([]Value, 0, min(n, 16))
	for range n {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// integer reads a number; a plus sign is allowed.
func integer(line []byte) (int64, error) {
	v, ok := ParseInt(bytes.TrimPrefix(line, []byte("+")))
	if !ok {
		return 0, malformed("not an integer")
	}
	return v, nil
}

// length reads the size of a string or an aggregate. -1 is null, where there is such a thing.
func length(line []byte, limit int64, null bool) (int, error) {
	v, ok := ParseInt(line)
	if v == -1 && null {
		return -1, nil
	}
	if !ok || v < 0 || v > limit {
		return 0, malformed("not a length")
	}
	return int(v), nil
}

// isDecimal tells whether s is a sign, or none, and digits.
func isDecimal(s string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// malformed wraps ErrProtocol with what is wrong.
func malformed(what string) error { return fmt.Errorf("%w: %s", ErrProtocol, what) }
