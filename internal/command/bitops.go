package command

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// The work on bits that bitmap.go needs, on plain bytes and eight of them at a time.
// Bit 0 is the highest bit of byte 0, as Redis numbers them.

// onesIn counts the one bits from bit first to bit last, both included.
func onesIn(b []byte, first, last int64) int64 {
	if first > last {
		return 0
	}
	b = b[first>>3 : last>>3+1]
	n := onesCount(b)
	n -= int64(bits.OnesCount8(b[0] &^ (0xff >> (first & 7))))
	n -= int64(bits.OnesCount8(b[len(b)-1] & (1<<(7-last&7) - 1)))
	return n
}

// onesCount counts all one bits.
func onesCount(b []byte) int64 {
	n := 0
	for len(b) >= 32 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b)) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[8:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[16:])) +
			bits.OnesCount64(binary.LittleEndian.Uint64(b[24:]))
		b = b[32:]
	}
	for len(b) >= 8 {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return int64(n)
}

// firstBit returns the position of the first bit that is one, or zero, from bit
// first to bit last, both included, or -1.
func firstBit(b []byte, one bool, first, last int64) int64 {
	var invert byte
	if !one {
		invert = 0xff
	}
	at, end := first>>3, last>>3
	if c := (b[at] ^ invert) & (0xff >> (first & 7)); c != 0 {
		return within(at<<3+int64(bits.LeadingZeros8(c)), last)
	}
	at++
	skip := uint64(invert) * 0x0101010101010101
	for ; at+8 <= end; at += 8 {
		if w := binary.BigEndian.Uint64(b[at:]) ^ skip; w != 0 {
			return within(at<<3+int64(bits.LeadingZeros64(w)), last)
		}
	}
	for ; at <= end; at++ {
		if c := b[at] ^ invert; c != 0 {
			return within(at<<3+int64(bits.LeadingZeros8(c)), last)
		}
	}
	return -1
}

func within(pos, last int64) int64 {
	if pos > last {
		return -1
	}
	return pos
}

// bitField reads the n bits, 1 to 64, from bit off on. Beyond the end of b all bits
// are zero.
func bitField(b []byte, off uint64, n int) uint64 {
	at, shift := off>>3, off&7
	hi, lo := nineBytes(b, at)
	return (hi<<shift | uint64(lo)>>(8-shift)) >> (64 - n)
}

// nineBytes reads as many from b[at] on: enough for 64 bits that begin anywhere in
// the first.
func nineBytes(b []byte, at uint64) (hi uint64, lo byte) {
	n := uint64(len(b))
	if n >= 9 && at <= n-9 {
		b = b[at : at+9]
		return binary.BigEndian.Uint64(b), b[8]
	}
	var buf [9]byte
	if at < n {
		copy(buf[:], b[at:])
	}
	return binary.BigEndian.Uint64(buf[:]), buf[8]
}

// setBitField writes the low n bits of v from bit off on, which b is long enough for.
func setBitField(b []byte, off uint64, n int, v uint64) {
	at, shift := off>>3, off&7
	hi, lo := nineBytes(b, at)
	v <<= 64 - n
	mask := ^uint64(0) << (64 - n)
	hi = hi&^(mask>>shift) | v>>shift
	lo = lo&^byte(mask<<(8-shift)) | byte(v<<(8-shift))
	var buf [9]byte
	binary.BigEndian.PutUint64(buf[:], hi)
	buf[8] = lo
	end := (off + uint64(n) + 7) >> 3
	copy(b[at:end], buf[:])
}

// A bitOp is an operation of BITOP.
type bitOp uint8

const (
	bitAnd bitOp = iota
	bitOr
	bitXor
	bitNot
	bitDiff  // in the first and in none of the others
	bitDiff1 // in any of the others and not in the first
	bitAndOr // in the first and in any of the others
	bitOne   // in exactly one
)

// bitChunk is how much of the result is worked out at a time: what every source adds
// to it then stays in the nearest cache.
const bitChunk = 4096

// combine writes to dst the sources combined, as if those shorter than dst went on
// with zeros. dst may be one of them, for each part is written after it was read.
func combine(dst []byte, op bitOp, srcs [][]byte) {
	if op == bitOne {
		combineOne(dst, srcs)
		return
	}
	var acc [bitChunk]byte
	for off := 0; off < len(dst); off += bitChunk {
		a := acc[:min(bitChunk, len(dst)-off)]
		first := srcs[0]
		rest := srcs[1:]
		if op == bitDiff1 || op == bitAndOr {
			clear(a)
			for _, s := range rest {
				orBytes(a, part(s, off, len(a)))
			}
			if x := part(first, off, len(a)); op == bitAndOr {
				clear(a[len(x):])
				andBytes(a, x)
			} else {
				andNotBytes(a, x)
			}
			copy(dst[off:], a)
			continue
		}
		clear(a[copy(a, part(first, off, len(a))):])
		switch op {
		case bitNot:
			notBytes(a)
		case bitAnd:
			for _, s := range rest {
				x := part(s, off, len(a))
				clear(a[len(x):])
				andBytes(a, x)
			}
		case bitOr:
			for _, s := range rest {
				orBytes(a, part(s, off, len(a)))
			}
		case bitXor:
			for _, s := range rest {
				x := part(s, off, len(a))
				subtle.XORBytes(a, a, x)
			}
		case bitDiff:
			for _, s := range rest {
				andNotBytes(a, part(s, off, len(a)))
			}
		}
		copy(dst[off:], a)
	}
}

// combineOne is combine for bits that exactly one source has: those that any has,
// less those that more than one has.
func combineOne(dst []byte, srcs [][]byte) {
	var any, many [bitChunk]byte
	for off := 0; off < len(dst); off += bitChunk {
		a := any[:min(bitChunk, len(dst)-off)]
		m := many[:len(a)]
		clear(a)
		clear(m)
		for _, s := range srcs {
			oneBytes(a, m, part(s, off, len(a)))
		}
		andNotBytes(a, m)
		copy(dst[off:], a)
	}
}

// part returns at most n bytes of s from off on.
func part(s []byte, off, n int) []byte {
	if off >= len(s) {
		return nil
	}
	return s[off:min(off+n, len(s))]
}

// The loops over bytes change as much of a as x has; a is not shorter.

func andBytes(a, x []byte) {
	a = a[:len(x)]
	for len(x) >= 32 && len(a) >= 32 {
		binary.LittleEndian.PutUint64(a, binary.LittleEndian.Uint64(a)&binary.LittleEndian.Uint64(x))
		binary.LittleEndian.PutUint64(a[8:], binary.LittleEndian.Uint64(a[8:])&binary.LittleEndian.Uint64(x[8:]))
		binary.LittleEndian.PutUint64(a[16:], binary.LittleEndian.Uint64(a[16:])&binary.LittleEndian.Uint64(x[16:]))
		binary.LittleEndian.PutUint64(a[24:], binary.LittleEndian.Uint64(a[24:])&binary.LittleEndian.Uint64(x[24:]))
		a, x = a[32:], x[32:]
	}
	for i, c := range x {
		a[i] &= c
	}
}

func orBytes(a, x []byte) {
	a = a[:len(x)]
	for len(x) >= 32 && len(a) >= 32 {
		binary.LittleEndian.PutUint64(a, binary.LittleEndian.Uint64(a)|binary.LittleEndian.Uint64(x))
		binary.LittleEndian.PutUint64(a[8:], binary.LittleEndian.Uint64(a[8:])|binary.LittleEndian.Uint64(x[8:]))
		binary.LittleEndian.PutUint64(a[16:], binary.LittleEndian.Uint64(a[16:])|binary.LittleEndian.Uint64(x[16:]))
		binary.LittleEndian.PutUint64(a[24:], binary.LittleEndian.Uint64(a[24:])|binary.LittleEndian.Uint64(x[24:]))
		a, x = a[32:], x[32:]
	}
	for i, c := range x {
		a[i] |= c
	}
}

func andNotBytes(a, x []byte) {
	a = a[:len(x)]
	for len(x) >= 32 && len(a) >= 32 {
		binary.LittleEndian.PutUint64(a, binary.LittleEndian.Uint64(a)&^binary.LittleEndian.Uint64(x))
		binary.LittleEndian.PutUint64(a[8:], binary.LittleEndian.Uint64(a[8:])&^binary.LittleEndian.Uint64(x[8:]))
		binary.LittleEndian.PutUint64(a[16:], binary.LittleEndian.Uint64(a[16:])&^binary.LittleEndian.Uint64(x[16:]))
		binary.LittleEndian.PutUint64(a[24:], binary.LittleEndian.Uint64(a[24:])&^binary.LittleEndian.Uint64(x[24:]))
		a, x = a[32:], x[32:]
	}
	for i, c := range x {
		a[i] &^= c
	}
}

func notBytes(a []byte) {
	for len(a) >= 8 {
		binary.LittleEndian.PutUint64(a, ^binary.LittleEndian.Uint64(a))
		a = a[8:]
	}
	for i := range a {
		a[i] = ^a[i]
	}
}

// oneBytes adds x to a, the bits seen in any source, and to many those seen in more.
func oneBytes(a, many, x []byte) {
	a, many = a[:len(x)], many[:len(x)]
	for len(x) >= 8 && len(a) >= 8 && len(many) >= 8 {
		v, w := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(x)
		binary.LittleEndian.PutUint64(many, binary.LittleEndian.Uint64(many)|v&w)
		binary.LittleEndian.PutUint64(a, v|w)
		a, many, x = a[8:], many[8:], x[8:]
	}
	for i, c := range x {
		many[i] |= a[i] & c
		a[i] |= c
	}
}
