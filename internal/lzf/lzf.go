// Package lzf compresses bytes quickly, in the format of Marc Lehmann's LibLZF, which
// Redis uses for the nodes of long lists and for strings in database files.
//
//	n := lzf.Compress(dst, src)      // 0: it does not fit
//	ok := lzf.Expand(back, dst[:n])  // len(back) == len(src)
//
// A stream is a sequence of
//
//	000nnnnn  b0 … bn                    n+1 literal bytes (1 … 32)
//	lllooooo  oooooooo                   l+2 bytes (3 … 8) from o+1 back; l in 1 … 6
//	111ooooo  nnnnnnnn  oooooooo         n+9 bytes (9 … 264) from o+1 back
//
// where o has 13 bits, its high five first: a match lies at most 8192 bytes
// back. "aaaaaaaaaa" is 00 61 E0 00 00: a literal a, then 9 bytes from 1 back.
//
// A stream does not say how long it is, nor what it expands to: both stand beside it,
// and what comes from outside is held against [Most] before room is made for it.
//
// The functions may be called by anybody at once. They keep nothing, and nothing is
// allocated.
package lzf

import "encoding/binary"

const (
	hashBits   = 12
	maxLiteral = 32
	maxOffset  = 8192
	minMatch   = 3
	maxMatch   = 264
)

// Most returns the most bytes that a stream of n can stand for: three make 264.
func Most(n int) uint64 { return (uint64(n)/3 + 1) * maxMatch }

// Compress writes src compressed into dst and returns the bytes it took, 0
// when they would not fit.
//
// It remembers, by a hash of three bytes, where they stood last, takes the longest
// match that begins there, and never looks further.
func Compress(dst, src []byte) int {
	var last [1 << hashBits]int32 // position+1 by hash; 0 is none
	out, lit := 0, 0              // lit: where the pending literals begin
	for i := 0; i+minMatch < len(src); {
		three := binary.LittleEndian.Uint32(src[i:]) & 0xFFFFFF
		h := three * 0x9E3779B1 >> (32 - hashBits)
		ref := int(last[h]) - 1
		last[h] = int32(i + 1)
		off := i - ref - 1
		if ref < 0 || off >= maxOffset || binary.LittleEndian.Uint32(src[ref:])&0xFFFFFF != three {
			i++
			continue
		}
		n, most := minMatch, min(len(src)-i, maxMatch)
		for n < most && src[ref+n] == src[i+n] {
			n++
		}
		if out = literals(dst, out, src[lit:i]); out < 0 || out+3 > len(dst) {
			return 0
		}
		if l := n - 2; l < 7 {
			dst[out] = byte(l<<5 | off>>8)
			out++
		} else {
			dst[out], dst[out+1] = byte(7<<5|off>>8), byte(l-7)
			out += 2
		}
		dst[out] = byte(off)
		out++
		i += n
		lit = i
	}
	return max(literals(dst, out, src[lit:]), 0)
}

// literals writes s as literal runs at out and returns where it ends, -1
// when dst is too short.
func literals(dst []byte, out int, s []byte) int {
	for len(s) > 0 {
		n := min(len(s), maxLiteral)
		if out+1+n > len(dst) {
			return -1
		}
		dst[out] = byte(n - 1)
		copy(dst[out+1:], s[:n])
		out += 1 + n
		s = s[n:]
	}
	return out
}

// Expand unpacks src, which must fill dst exactly. It reports false when it does not, or
// is no LZF; then dst holds anything.
func Expand(dst, src []byte) bool {
	out := 0
	for i := 0; i < len(src); {
		c := int(src[i])
		i++
		if c < maxLiteral {
			n := c + 1
			if i+n > len(src) || out+n > len(dst) {
				return false
			}
			copy(dst[out:], src[i:i+n])
			i, out = i+n, out+n
			continue
		}
		n := c>>5 + 2
		if n == 9 {
			if i == len(src) {
				return false
			}
			n += int(src[i])
			i++
		}
		if i == len(src) {
			return false
		}
		from := out - (c&31)<<8 - int(src[i]) - 1
		i++
		if from < 0 || out+n > len(dst) {
			return false
		}
		if from+n <= out {
			copy(dst[out:out+n], dst[from:])
			out += n
			continue
		}
		for ; n > 0; n-- { // byte by byte: the match runs into itself
			dst[out] = dst[from]
			out, from = out+1, from+1
		}
	}
	return out == len(dst)
}
