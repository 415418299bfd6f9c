package resp

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// # Design
//
// A reply is appended to a slice of bytes, element by element. What is written most often is
// short: a header of one to three digits, a bulk of some tens of bytes. Headers therefore come
// from a table: one 64-bit word holds the text and its length,
//
//	small[42]    '4' '2' '\r' '\n'  .   .   4   .        byte 6: how many bytes count
//	<<8 | '$'    '$' '4' '2' '\r' '\n'  .   .   4        one store of eight bytes writes any small header
//
// and every method first makes sure of room for header, body and the word's spare bytes, with a
// single test.
//
// Protocol 2 has no maps, sets, doubles, and so on. Each method writes what Redis writes for it
// there: a map as an array of twice the length, a double as a bulk, true as 1. A command
// handler never asks which version it serves.

// A Writer builds replies. The zero value is an empty one that speaks protocol 2.
type Writer struct {
	Proto int // 3 selects RESP3; anything else is RESP2
	buf   []byte
}

// smallLimit is how many numbers have their header in the table.
const smallLimit = 1000

// small holds "n\r\n" in its low bytes, and the length of that in byte 6.
var small = func() (t [smallLimit]uint64) {
	for n := range t {
		var b [8]byte
		s := append(strconv.AppendInt(b[:0], int64(n), 10), '\r', '\n')
		b[6] = byte(len(s))
		t[n] = binary.LittleEndian.Uint64(b[:])
	}
	return t
}()

// slack is the room a header and a trailing "\r\n" may take: a sign, 19 digits, a type byte,
// twice "\r\n".
const slack = 32

// Bytes returns what has been written. It is part of the Writer's buffer: the next method may
// change or move it.
func (w *Writer) Bytes() []byte { return w.buf }

// Len returns how many bytes have been written.
func (w *Writer) Len() int { return len(w.buf) }

// Truncate takes back everything after the first n bytes: a reply that was begun and then failed.
func (w *Writer) Truncate(n int) { w.buf = w.buf[:n] }

// Reset empties the Writer and keeps its buffer.
func (w *Writer) Reset() { w.buf = w.buf[:0] }

// Attach makes the Writer append to buf, which it owns from now on.
func (w *Writer) Attach(buf []byte) { w.buf = buf }

// Detach hands the buffer out. The Writer is empty and has none.
func (w *Writer) Detach() []byte { b := w.buf; w.buf = nil; return b }

// Grow makes room for n more bytes, so that writing them does not move the buffer.
func (w *Writer) Grow(n int) {
	if cap(w.buf)-len(w.buf) < n {
		w.buf = slices.Grow(w.buf, n)
	}
}

// Raw appends bytes that are replies already.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// RawString appends text that is replies already.
func (w *Writer) RawString(s string) { w.buf = append(w.buf, s...) }

// OK writes the simple string OK.
func (w *Writer) OK() { w.buf = append(w.buf, "+OK\r\n"...) }

// SimpleString writes a status. Line breaks inside it become spaces, as one would end it.
func (w *Writer) SimpleString(s string) {
	w.buf = append(w.buf, '+')
	w.line(s)
}

// Error writes a failure: its code, a space and its message. Line breaks at its ends go, others
// become spaces.
func (w *Writer) Error(e Error) {
	w.buf = append(w.buf, '-')
	w.line(strings.Trim(string(e), "\r\n"))
}

// line writes s up to the end of a line.
func (w *Writer) line(s string) {
	at := len(w.buf)
	w.buf = append(w.buf, s...)
	for i, c := range w.buf[at:] {
		if c == '\r' || c == '\n' {
			w.buf[at+i] = ' '
		}
	}
	w.buf = append(w.buf, '\r', '\n')
}

// head writes a type byte, a number and the end of the line. It is the body of every header.
func (w *Writer) head(kind byte, n int64) {
	if uint64(n) >= smallLimit || cap(w.buf)-len(w.buf) < 8 {
		w.headSlow(kind, n)
		return
	}
	word := small[n]<<8 | uint64(kind)
	i := len(w.buf)
	binary.LittleEndian.PutUint64(w.buf[i:i+8], word)
	w.buf = w.buf[:i+1+int(word>>56)]
}

// headSlow is head for any number, with or without room.
func (w *Writer) headSlow(kind byte, n int64) {
	w.Grow(slack)
	w.buf = strconv.AppendInt(append(w.buf, kind), n, 10)
	w.buf = append(w.buf, '\r', '\n')
}

// Int writes an integer.
func (w *Writer) Int(n int64) { w.head(':', n) }

// ArrayHeader announces an array of n elements, which follow.
func (w *Writer) ArrayHeader(n int) { w.head('*', int64(n)) }

// MapHeader announces a map of n pairs: n times a key, then its value. Protocol 2 sees an array of both.
func (w *Writer) MapHeader(n int) {
	if w.Proto == 3 {
		w.head('%', int64(n))
		return
	}
	w.head('*', 2*int64(n))
}

// SetHeader announces a set of n elements, which protocol 2 sees as an array.
func (w *Writer) SetHeader(n int) { w.head(w.kind('~'), int64(n)) }

// PushHeader announces a message of n elements that answers no request. Protocol 2 sees an array.
func (w *Writer) PushHeader(n int) { w.head(w.kind('>'), int64(n)) }

// AttributeHeader announces n pairs that say something about the reply after them. Protocol 2
// has nothing of the kind: the caller leaves header and pairs out there.
func (w *Writer) AttributeHeader(n int) { w.head('|', int64(n)) }

// kind returns the type byte of an aggregate that is an array in protocol 2.
func (w *Writer) kind(k byte) byte {
	if w.Proto == 3 {
		return k
	}
	return '*'
}

// BulkBytes writes a string of any bytes.
func (w *Writer) BulkBytes(b []byte) {
	if len(b) >= smallLimit || cap(w.buf)-len(w.buf) < len(b)+slack {
		w.bulkSlow(len(b))
		w.buf = append(append(w.buf, b...), '\r', '\n')
		return
	}
	word := small[len(b)]<<8 | '$'
	i := len(w.buf)
	out := w.buf[i : i+len(b)+slack]
	binary.LittleEndian.PutUint64(out, word)
	k := 1 + int(word>>56)
	k += copy(out[k:], b)
	out[k], out[k+1] = '\r', '\n'
	w.buf = w.buf[:i+k+2]
}

// BulkString is [Writer.BulkBytes] for a string.
func (w *Writer) BulkString(s string) {
	if len(s) >= smallLimit || cap(w.buf)-len(w.buf) < len(s)+slack {
		w.bulkSlow(len(s))
		w.buf = append(append(w.buf, s...), '\r', '\n')
		return
	}
	word := small[len(s)]<<8 | '$'
	i := len(w.buf)
	out := w.buf[i : i+len(s)+slack]
	binary.LittleEndian.PutUint64(out, word)
	k := 1 + int(word>>56)
	k += copy(out[k:], s)
	out[k], out[k+1] = '\r', '\n'
	w.buf = w.buf[:i+k+2]
}

// bulkSlow makes room for a bulk of n bytes and writes its header.
func (w *Writer) bulkSlow(n int) {
	w.Grow(n + slack)
	w.head('$', int64(n))
}

// BulkInt writes an integer as a string.
func (w *Writer) BulkInt(n int64) {
	var b [20]byte
	w.BulkBytes(strconv.AppendInt(b[:0], n, 10))
}

// Null writes the absence of a value: protocol 2's null bulk.
func (w *Writer) Null() {
	if w.Proto == 3 {
		w.buf = append(w.buf, "_\r\n"...)
		return
	}
	w.buf = append(w.buf, "$-1\r\n"...)
}

// NullArray writes the absence of a list: protocol 2's null array.
func (w *Writer) NullArray() {
	if w.Proto == 3 {
		w.buf = append(w.buf, "_\r\n"...)
		return
	}
	w.buf = append(w.buf, "*-1\r\n"...)
}

// Bool writes true or false, which protocol 2 sees as 1 or 0.
func (w *Writer) Bool(b bool) {
	switch {
	case w.Proto == 3 && b:
		w.buf = append(w.buf, "#t\r\n"...)
	case w.Proto == 3:
		w.buf = append(w.buf, "#f\r\n"...)
	case b:
		w.buf = append(w.buf, ":1\r\n"...)
	default:
		w.buf = append(w.buf, ":0\r\n"...)
	}
}

// Double writes a floating-point number as [AppendDouble] spells it, in protocol 2 as a string.
func (w *Writer) Double(f float64) {
	if w.Proto == 3 {
		w.buf = AppendDouble(append(w.buf, ','), f)
		w.buf = append(w.buf, '\r', '\n')
		return
	}
	var b [32]byte
	w.BulkBytes(AppendDouble(b[:0], f))
}

// BigNumber writes an integer of any size, given as decimal text; in protocol 2 as a string.
func (w *Writer) BigNumber(decimal string) {
	if w.Proto != 3 {
		w.BulkString(decimal)
		return
	}
	w.buf = append(w.buf, '(')
	w.line(decimal)
}

// Verbatim writes text with a format of exactly three bytes, such as "txt" or "mkd"; protocol 2
// sees the text alone.
func (w *Writer) Verbatim(format, text string) {
	if w.Proto != 3 {
		w.BulkString(text)
		return
	}
	w.Grow(len(text) + slack)
	w.head('=', int64(len(text)+4))
	w.buf = append(append(w.buf, format[:3]...), ':')
	w.buf = append(append(w.buf, text...), '\r', '\n')
}

// A Mark is the place of a header whose number is not known yet.
type Mark struct {
	at     int // of its type byte
	digits int // of the guess that stands there
	per    int // what one element of the announced kind counts: 2 for a map that protocol 2 sees as an array
}

// ReserveArray leaves room for the header of an array whose length [Writer.SetLen] will tell.
// expect is a guess at it: when it has as many digits as the length, nothing has to move; else
// everything behind it moves by the difference. Nothing may be read from the Writer in between.
func (w *Writer) ReserveArray(expect int) Mark { return w.reserve('*', expect, 1) }

// ReserveMap is ReserveArray for a map; expect and the length to tell are numbers of pairs.
func (w *Writer) ReserveMap(expect int) Mark {
	if w.Proto == 3 {
		return w.reserve('%', expect, 1)
	}
	return w.reserve('*', expect, 2)
}

// ReserveSet is ReserveArray for a set.
func (w *Writer) ReserveSet(expect int) Mark { return w.reserve(w.kind('~'), expect, 1) }

// reserve writes the header with the guess for a number.
func (w *Writer) reserve(kind byte, expect, per int) Mark {
	at := len(w.buf)
	w.head(kind, int64(max(expect, 0)*per))
	return Mark{at: at, digits: len(w.buf) - at - 3, per: per}
}

// SetLen tells the number of elements (or pairs) that followed the reserved header. Of headers
// one inside another, the inner one comes first.
func (w *Writer) SetLen(m Mark, n int) {
	var b [20]byte
	text := strconv.AppendInt(b[:0], int64(n*m.per), 10)
	first, last := m.at+1, m.at+1+m.digits
	if len(text) != m.digits {
		w.buf = slices.Replace(w.buf, first, last, text...)
		return
	}
	copy(w.buf[first:last], text)
}
