// Package intset packs a set of integers into one sorted run of bytes, in the
// format Redis calls an intset.
//
//	s := intset.New()
//	s, added := intset.Add(s, 42)
//	intset.Contains(s, 42)
//
// Everything is a pure function over a []byte, used as Go uses append: an edit
// returns the slice to go on with, works in place when the capacity suffices,
// and moves to a larger array when it does not. The bytes are Redis's own, so
// they travel in DUMP payloads as they are.
//
// # Costs
//
// [Contains] and [Index] take O(log n), [At], [Len] and the ends O(1). [Add]
// and [Remove] find the place in O(log n) and move the bytes behind it, none
// when integers come in ascending order. Adding an integer too wide for the
// set rewrites it once; a set is rewritten at most twice in its life, since
// removing never narrows it.
//
// # Ownership and trust
//
// Reading functions write nothing: any number of goroutines may read at once.
// Bytes from outside go through [Validate] first; unvalidated bytes can make a
// function panic or answer nonsense, never write outside the slice.
package intset

// An intset is a header and integers of one width, ascending:
//
//	 0        4        8
//	+--------+--------+-------+-------+-- … --+-------+
//	| width  | length |  v₀   |  v₁   |       |       |    v₀ < v₁ < …
//	+--------+--------+-------+-------+-- … --+-------+
//	 u32 LE   u32 LE   width bytes each, LE, two's complement
//
// width is 2, 4 or 8: the least that holds every integer that was ever in. The
// set {-1, 5, 300}:
//
//	02 00 00 00  03 00 00 00  FF FF  05 00  2C 01
//
// Adding 70000, which needs four bytes, widens every integer. Being wider than
// all the others it is also larger or smaller than all of them, so its place
// is an end; and widening from the last integer to the first never overwrites
// one not yet read:
//
//	04 00 00 00  04 00 00 00  FF FF FF FF  05 00 00 00  2C 01 00 00  70 11 01 00
//
// Rejected: keeping the width per integer, as a listpack does. A fixed width
// gives binary search and SPOP, SRANDMEMBER by index in O(1), and most sets of
// small integers have one width anyway.
//
// Invariants, verified by Validate(b, true):
//   - width is 2, 4 or 8 and len(b) = 8 + length·width
//   - the integers ascend strictly

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/redweave/redweave/internal/invariants"
)

const headerSize = 8

// EmptySize is the size of a set without members.
const EmptySize = headerSize

var le = binary.LittleEndian

// New returns an empty set.
func New() []byte { return AppendEmpty(make([]byte, 0, 32)) }

// AppendEmpty appends the bytes of an empty set to dst. The result is an
// intset only when dst was empty.
func AppendEmpty(dst []byte) []byte { return append(dst, 2, 0, 0, 0, 0, 0, 0, 0) }

// Len returns the number of members.
func Len(b []byte) int { return int(le.Uint32(b[4:])) }

// Width returns the bytes a member takes: 2, 4 or 8.
func Width(b []byte) int { return int(b[0]) }

// At returns the member at index i of the ascending order, 0 ≤ i < Len.
func At(b []byte, i int) int64 {
	switch b[0] {
	case 2:
		return int64(int16(le.Uint16(b[headerSize+2*i:])))
	case 4:
		return int64(int32(le.Uint32(b[headerSize+4*i:])))
	}
	return int64(le.Uint64(b[headerSize+8*i:]))
}

// Contains reports whether v is a member.
func Contains(b []byte, v int64) bool {
	_, ok := Index(b, v)
	return ok
}

// Index returns the number of members below v, which is v's index when it is a
// member itself, as ok tells.
func Index(b []byte, v int64) (i int, ok bool) {
	n := Len(b)
	if n == 0 || v > At(b, n-1) {
		return n, false
	}
	// A search per width keeps the switch out of the loop. The comparison
	// moves lo or hi without a branch to mispredict.
	lo, body := 0, b[headerSize:]
	switch b[0] {
	case 2:
		for n > 1 {
			half := n >> 1
			if int64(int16(le.Uint16(body[2*(lo+half-1):]))) < v {
				lo += half
			}
			n -= half
		}
	case 4:
		for n > 1 {
			half := n >> 1
			if int64(int32(le.Uint32(body[4*(lo+half-1):]))) < v {
				lo += half
			}
			n -= half
		}
	default:
		for n > 1 {
			half := n >> 1
			if int64(le.Uint64(body[8*(lo+half-1):])) < v {
				lo += half
			}
			n -= half
		}
	}
	return lo, At(b, lo) == v
}

// Min returns the smallest member of a set that is not empty.
func Min(b []byte) int64 { return At(b, 0) }

// Max returns the largest member of a set that is not empty.
func Max(b []byte) int64 { return At(b, Len(b)-1) }

// All walks the members in ascending order. The set must not be edited
// meanwhile.
func All(b []byte) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := range Len(b) {
			if !yield(At(b, i)) {
				return
			}
		}
	}
}

// MaxGrow returns the most bytes that adding v can add.
func MaxGrow(b []byte, v int64) int {
	w := max(Width(b), width(v))
	return w + (w-Width(b))*Len(b)
}

// Add makes v a member and reports whether it was none before.
func Add(b []byte, v int64) ([]byte, bool) {
	if w := width(v); w > Width(b) {
		return checked(widen(b, v, w)), true
	}
	i, ok := Index(b, v)
	if ok {
		return b, false
	}
	w := Width(b)
	p, have := headerSize+i*w, len(b)
	b = extend(b, w)
	copy(b[p+w:], b[p:have])
	put(b, i, v)
	le.PutUint32(b[4:], le.Uint32(b[4:])+1)
	return checked(b), true
}

// Remove ends v's membership and reports whether it was a member.
func Remove(b []byte, v int64) ([]byte, bool) {
	if width(v) > Width(b) {
		return b, false
	}
	i, ok := Index(b, v)
	if !ok {
		return b, false
	}
	return RemoveAt(b, i), true
}

// RemoveAt removes the member at index i, 0 ≤ i < Len.
func RemoveAt(b []byte, i int) []byte {
	w := Width(b)
	p := headerSize + i*w
	b = b[:p+copy(b[p:], b[p+w:])]
	le.PutUint32(b[4:], le.Uint32(b[4:])-1)
	return checked(b)
}

// widen rewrites b with members of w bytes and adds v, which is outside the
// range of the old width and so goes to one end.
func widen(b []byte, v int64, w int) []byte {
	n, old := Len(b), b[0]
	b = extend(b, headerSize+(n+1)*w-len(b))
	shift, place := 0, n
	if v < 0 {
		shift, place = 1, 0
	}
	for i := n - 1; i >= 0; i-- {
		b[0] = old
		m := At(b, i)
		b[0] = byte(w)
		put(b, i+shift, m)
	}
	b[0] = byte(w)
	put(b, place, v)
	le.PutUint32(b[4:], uint32(n+1))
	return b
}

// extend lengthens b by n bytes of undefined content.
func extend(b []byte, n int) []byte {
	if n > cap(b)-len(b) {
		b = append(b, make([]byte, n)...)[:len(b)]
	}
	return b[:len(b)+n]
}

func put(b []byte, i int, v int64) {
	switch b[0] {
	case 2:
		le.PutUint16(b[headerSize+2*i:], uint16(v))
	case 4:
		le.PutUint32(b[headerSize+4*i:], uint32(v))
	default:
		le.PutUint64(b[headerSize+8*i:], uint64(v))
	}
}

// width is the least width that holds v.
func width(v int64) int {
	switch {
	case v == int64(int16(v)):
		return 2
	case v == int64(int32(v)):
		return 4
	}
	return 8
}

func checked(b []byte) []byte {
	if invariants.Enabled {
		if err := Validate(b, true); err != nil {
			panic(err)
		}
	}
	return b
}

// ErrCorrupt is what every error of [Validate] wraps.
var ErrCorrupt = errors.New("intset: corrupt")

func corrupt(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, a...))
}

// Validate checks bytes that came from outside. The shallow check looks at the
// sizes, after which every function here is safe to call; the deep one at the
// order too, after which they are also right. It never panics.
func Validate(b []byte, deep bool) error {
	if len(b) < headerSize {
		return corrupt("%d bytes, fewer than a header", len(b))
	}
	w, n := le.Uint32(b), le.Uint32(b[4:])
	if w != 2 && w != 4 && w != 8 {
		return corrupt("members of %d bytes", w)
	}
	if uint64(len(b)-headerSize) != uint64(n)*uint64(w) {
		return corrupt("%d members of %d bytes in %d", n, w, len(b))
	}
	if !deep {
		return nil
	}
	last := int64(math.MinInt64)
	for i := range int(n) {
		v := At(b, i)
		if i > 0 && v <= last {
			return corrupt("member %d is %d, after %d", i, v, last)
		}
		last = v
	}
	return nil
}
