// Package listpack packs a sequence of short strings and integers into one run
// of bytes, in the format Redis calls a listpack.
//
//	lp := listpack.New()
//	lp = listpack.Append(lp, []byte("name"))
//	lp = listpack.Append(lp, []byte("42"))
//	p := listpack.Find(lp, listpack.First(lp), []byte("name"), 1)
//	v := listpack.Get(lp, listpack.Next(lp, p))   // v.IsInt, v.Int == 42
//
// Everything is a pure function over a []byte, used as Go uses append: an edit
// returns the slice to go on with, works in place when the capacity suffices,
// and moves to a larger array when it does not. The bytes are Redis's own, so
// they travel in DUMP payloads as they are.
//
// # Positions
//
// A position is the byte offset of an element, -1 standing for none. It stays
// good until the listpack is edited before or at it.
//
// # Costs
//
// [Append], [First], [Last], [Next], [Prev], [Get] and [Len] take constant
// time (Len walks beyond 65534 elements); [Find] and [Seek] walk; an edit in
// the middle moves the bytes behind it. Nothing here allocates unless a slice
// must grow.
//
// # Ownership
//
// Values handed out alias the listpack and are good until its next edit. An
// element passed in is copied and must not alias the listpack. Reading
// functions write nothing, so any number of goroutines may read at once.
//
// # Trust
//
// Functions trust that the bytes are a listpack. Bytes from outside go through
// [Validate] first; unvalidated bytes can make a function panic or answer
// nonsense, never write outside the slice.
package listpack

// A listpack is a header, elements, and an end byte:
//
//	 0        4     6                                        len-1
//	+--------+-----+---------+---------+-- … --+---------+----+
//	| total  | num | element | element |       | element | FF |
//	+--------+-----+---------+---------+-- … --+---------+----+
//	 u32 LE   u16 LE
//
//	total  bytes of the whole, header and end byte included
//	num    elements, or 65535 when there are that many or more (or were once):
//	       then they are counted by walking
//
// An element stands between its encoding and its own length, so that one can
// walk from either end:
//
//	+----------+------+---------+
//	| encoding | data | backlen |      backlen = bytes of encoding + data
//	+----------+------+---------+
//
//	0vvvvvvv                       integer 0 … 127            no data
//	10nnnnnn                       string of n ≤ 63           n bytes
//	110vvvvv vvvvvvvv              integer −4096 … 4095       high bits first
//	1110nnnn nnnnnnnn              string of n ≤ 4095         n bytes
//	F0 nnnnnnnn ×4                 string of n < 2³²          u32 LE, n bytes
//	F1, F2, F3, F4                 integer of 16, 24, 32, 64 bits, LE
//	FF                             the end
//
// backlen takes 1 to 5 bytes of seven bits, high group first; every byte but
// the first has its top bit set, which is how a reader coming from the right
// knows to go on:
//
//	   5  → 05                     300 = 2·128+44  → 02 AC
//
// The listpack of "hi", "300" and "7" takes 16 bytes:
//
//	10 00 00 00  03 00  82 68 69 03  C1 2C 02  07 01  FF
//	 total 16     num 3  2  h  i      300       7      end
//	                    └─ 3 ──┘ ┴   └ 2 ┘ ┴   1┘ ┴       ┴ = backlen
//
// # One content, one encoding
//
// A string that is the canonical decimal form of an int64 ("7", "-12", not
// "007", "+7" or "-0") is stored as that integer; every integer and string
// takes its shortest encoding. So equal contents have equal bytes, and Find
// compares bytes instead of decoding. Redis writes the same; Validate refuses
// anything else.
//
// Invariants, verified by Validate(lp, true):
//   - total = len(lp) ≥ 7, the last byte is FF
//   - elements fill exactly the bytes between header and end byte
//   - each element is in its shortest encoding and backlen tells its length
//   - num is the number of elements, or 65535

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/redweave/redweave/internal/invariants"
)

const (
	headerSize = 6
	end        = 0xFF

	// EmptySize is the size of a listpack without elements.
	EmptySize = headerSize + 1

	unknownLen = math.MaxUint16
)

var le = binary.LittleEndian

// New returns an empty listpack.
func New() []byte { return AppendEmpty(make([]byte, 0, 32)) }

// AppendEmpty appends the bytes of an empty listpack to dst. The result is a
// listpack only when dst was empty.
func AppendEmpty(dst []byte) []byte {
	return append(dst, EmptySize, 0, 0, 0, 0, 0, end)
}

// Len returns the number of elements.
func Len(lp []byte) int {
	if n := le.Uint16(lp[4:]); n != unknownLen {
		return int(n)
	}
	n := 0
	for p := First(lp); p >= 0; p = Next(lp, p) {
		n++
	}
	return n
}

// Bytes returns the size in bytes, as the header tells it.
func Bytes(lp []byte) int { return int(le.Uint32(lp)) }

// First returns the position of the first element, -1 when there is none.
func First(lp []byte) int {
	if lp[headerSize] == end {
		return -1
	}
	return headerSize
}

// Last returns the position of the last element, -1 when there is none.
func Last(lp []byte) int { return Prev(lp, len(lp)-1) }

// End returns the position behind the last element: a place to insert before,
// and to walk back from with [Prev].
func End(lp []byte) int { return len(lp) - 1 }

// Next returns the position of the element after the one at p, -1 when that is
// the last.
func Next(lp []byte, p int) int {
	p += size(lp, p)
	if lp[p] == end {
		return -1
	}
	return p
}

// Prev returns the position of the element before p, -1 when p is the first.
func Prev(lp []byte, p int) int {
	if p <= headerSize {
		return -1
	}
	if n := lp[p-1]; n < 128 {
		return p - 1 - int(n)
	}
	return prevSlow(lp, p)
}

func prevSlow(lp []byte, p int) int {
	n, shift, b := 0, 0, p
	for {
		b--
		n |= int(lp[b]&127) << shift
		shift += 7
		if lp[b] < 128 || shift > 28 {
			return b - n
		}
	}
}

// Seek returns the position of the element at index, -1 when there is none. A
// negative index counts from the tail, -1 being the last element. It walks
// from the nearer end.
func Seek(lp []byte, index int) int {
	if n := int(le.Uint16(lp[4:])); n != unknownLen {
		if index < 0 {
			index += n
		}
		if index < 0 || index >= n {
			return -1
		}
		if index > n/2 {
			index -= n
		}
	}
	if index < 0 {
		p := Last(lp)
		for ; p >= 0 && index < -1; index++ {
			p = Prev(lp, p)
		}
		return p
	}
	p := First(lp)
	for ; p >= 0 && index > 0; index-- {
		p = Next(lp, p)
	}
	return p
}

// Skip returns the position n elements after p, -1 when the listpack ends
// before.
func Skip(lp []byte, p, n int) int {
	for ; n > 0 && p >= 0; n-- {
		p = Next(lp, p)
	}
	return p
}

// All walks the elements in order. The listpack must not be edited meanwhile.
func All(lp []byte) iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		for p := First(lp); p >= 0; p = Next(lp, p) {
			if !yield(p, Get(lp, p)) {
				return
			}
		}
	}
}

// A Value is one element: bytes, or an integer when the bytes were the
// canonical form of one.
type Value struct {
	Str   []byte // aliases the listpack; nil when IsInt
	Int   int64
	IsInt bool
}

// Append appends the element's text to dst.
func (v Value) Append(dst []byte) []byte {
	if v.IsInt {
		return strconv.AppendInt(dst, v.Int, 10)
	}
	return append(dst, v.Str...)
}

// Len returns the length of the element's text.
func (v Value) Len() int {
	if v.IsInt {
		return intLen(v.Int)
	}
	return len(v.Str)
}

func (v Value) String() string { return string(v.Append(nil)) }

// Append adds elem behind the last element.
func Append(lp, elem []byte) []byte {
	if v, ok := ParseInt(elem); ok {
		return AppendInt(lp, v)
	}
	p := len(lp) - 1
	lp = open(lp, p, 0, stringSize(len(elem)))
	putString(lp[p:], elem)
	return count(lp, 1)
}

// AppendInt adds an integer behind the last element.
func AppendInt(lp []byte, v int64) []byte {
	p := len(lp) - 1
	lp = open(lp, p, 0, intSize(v))
	putInt(lp[p:], v)
	return count(lp, 1)
}

// Prepend adds elem before the first element.
func Prepend(lp, elem []byte) []byte { return InsertBefore(lp, headerSize, elem) }

// InsertBefore adds elem before the element at p, or at the end when p is
// [End]; elem then stands at p.
func InsertBefore(lp []byte, p int, elem []byte) []byte {
	return count(splice(lp, p, 0, elem), 1)
}

// InsertAfter adds elem after the element at p.
func InsertAfter(lp []byte, p int, elem []byte) []byte {
	return InsertBefore(lp, p+size(lp, p), elem)
}

// InsertInt adds an integer before the element at p, or at the end when p is
// [End].
func InsertInt(lp []byte, p int, v int64) []byte {
	return count(spliceInt(lp, p, 0, v), 1)
}

// Replace puts elem in place of the element at p. When both are of one size no
// other byte changes.
func Replace(lp []byte, p int, elem []byte) []byte {
	return count(splice(lp, p, size(lp, p), elem), 0)
}

// ReplaceInt puts an integer in place of the element at p.
func ReplaceInt(lp []byte, p int, v int64) []byte {
	return count(spliceInt(lp, p, size(lp, p), v), 0)
}

// Delete removes n elements from p on, fewer when the listpack ends before.
// The element that followed then stands at p, or p is the end.
func Delete(lp []byte, p, n int) []byte {
	q, removed := p, 0
	for removed < n && lp[q] != end {
		q += size(lp, q)
		removed++
	}
	return count(open(lp, p, q-p, 0), -removed)
}

// Concat appends the elements of src to lp. src must not alias lp.
func Concat(lp, src []byte) []byte {
	return AppendSpan(lp, src[headerSize:len(src)-1], Len(src))
}

// Span returns the bytes that the n elements from p on take, fewer when the
// listpack ends before. lp[p:p+Span(lp, p, n)] can go into another listpack by
// [InsertSpan].
func Span(lp []byte, p, n int) int {
	q := p
	for ; n > 0 && lp[q] != end; n-- {
		q += size(lp, q)
	}
	return q - p
}

// InsertSpan adds n elements already encoded before the element at p, or at
// the end when p is [End]. span must not alias lp.
func InsertSpan(lp []byte, p int, span []byte, n int) []byte {
	lp = open(lp, p, 0, len(span))
	copy(lp[p:], span)
	return count(lp, n)
}

// AppendSpan is InsertSpan at the end.
func AppendSpan(lp, span []byte, n int) []byte { return InsertSpan(lp, End(lp), span, n) }

// Encode writes elem to the beginning of dst as it stands in a listpack, and returns how
// many bytes that took: at most MaxGrow(elem), for which there must be room. It is for
// those who build a listpack, or a span of one, in a place of their own.
func Encode(dst, elem []byte) int {
	if v, ok := ParseInt(elem); ok {
		putInt(dst, v)
		return intSize(v)
	}
	putString(dst, elem)
	return stringSize(len(elem))
}

// MaxGrow returns the most bytes that adding elem, or putting it in place of
// another, can add.
func MaxGrow(elem []byte) int { return stringSize(len(elem)) }

// MaxGrowInt is the most bytes that adding any integer can add.
const MaxGrowInt = 10

// Equal reports whether the element at p is elem.
func Equal(lp []byte, p int, elem []byte) bool {
	have := Get(lp, p)
	if have.IsInt {
		v, ok := ParseInt(elem)
		return ok && v == have.Int
	}
	return bytes.Equal(have.Str, elem)
}

func splice(lp []byte, p, old int, elem []byte) []byte {
	if v, ok := ParseInt(elem); ok {
		return spliceInt(lp, p, old, v)
	}
	lp = open(lp, p, old, stringSize(len(elem)))
	putString(lp[p:], elem)
	return lp
}

func spliceInt(lp []byte, p, old int, v int64) []byte {
	lp = open(lp, p, old, intSize(v))
	putInt(lp[p:], v)
	return lp
}

// open replaces the old bytes at p by n bytes of undefined content, moving
// what stands behind them, and notes the new total.
func open(lp []byte, p, old, n int) []byte {
	have, d := len(lp), n-old
	if d == 0 {
		return lp
	}
	if d > cap(lp)-have {
		lp = grow(lp, d)
	}
	whole := lp[:max(have, have+d)]
	if p+old == have-1 {
		whole[p+n] = end
	} else {
		copy(whole[p+n:], whole[p+old:have])
	}
	lp = whole[:have+d]
	le.PutUint32(lp, uint32(len(lp)))
	return lp
}

//go:noinline
func grow(lp []byte, d int) []byte {
	if uint64(len(lp))+uint64(d) > math.MaxUint32 {
		panic(fmt.Sprintf("listpack: %d bytes and %d more pass what the header can tell", len(lp), d))
	}
	return append(lp, make([]byte, d)...)[:len(lp)]
}

// count notes that d elements came. Once unknown a number stays so: only a
// walk could tell it, and readers write nothing.
func count(lp []byte, d int) []byte {
	if n := int(le.Uint16(lp[4:])); n != unknownLen {
		le.PutUint16(lp[4:], uint16(min(n+d, unknownLen)))
	}
	if invariants.Enabled {
		if err := Validate(lp, len(lp) < 4096); err != nil {
			panic(err)
		}
	}
	return lp
}
