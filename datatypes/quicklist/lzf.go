package quicklist

import "encoding/binary"

// LZF, the byte format of Marc Lehmann's LibLZF, which Redis uses for list
// nodes and in its dumps. A stream is a sequence of
//
//	000nnnnn  b0 … bn                    n+1 literal bytes (1 … 32)
//	lllooooo  oooooooo                   l+2 bytes (3 … 8) from o+1 back; l in 1 … 6
//	111ooooo  nnnnnnnn  oooooooo         n+9 bytes (9 … 264) from o+1 back
//
// where o has 13 bits, its high five first: a match lies at most 8192 bytes
// back. "aaaaaaaaaa" is 00 61 E0 00 00: a literal a, then 9 bytes from 1 back.
//
// The compressor remembers, by a hash of three bytes, where they stood last,
// takes the longest match that begins there, and never looks further.
const (
	lzfHashBits   = 12
	lzfMaxLiteral = 32
	lzfMaxOffset  = 8192
	lzfMaxMatch   = 264
	lzfMinMatch   = 3
)

// lzfCompress writes src compressed into dst and returns the bytes it took, 0
// when they would not fit.
func lzfCompress(dst, src []byte) int {
	var last [1 << lzfHashBits]int32 // position+1 by hash; 0 is none
	out, lit := 0, 0                 // lit: where the pending literals begin
	for i := 0; i+lzfMinMatch < len(src); {
		three := binary.LittleEndian.Uint32(src[i:]) & 0xFFFFFF
		h := three * 0x9E3779B1 >> (32 - lzfHashBits)
		ref := int(last[h]) - 1
		last[h] = int32(i + 1)
		off := i - ref - 1
		if ref < 0 || off >= lzfMaxOffset || binary.LittleEndian.Uint32(src[ref:])&0xFFFFFF != three {
			i++
			continue
		}
		n, most := lzfMinMatch, min(len(src)-i, lzfMaxMatch)
		for n < most && src[ref+n] == src[i+n] {
			n++
		}
		if out = lzfLiterals(dst, out, src[lit:i]); out < 0 || out+3 > len(dst) {
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
	return max(lzfLiterals(dst, out, src[lit:]), 0)
}

// lzfLiterals writes s as literal runs at out and returns where it ends, -1
// when dst is too short.
func lzfLiterals(dst []byte, out int, s []byte) int {
	for len(s) > 0 {
		n := min(len(s), lzfMaxLiteral)
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

// lzfExpand unpacks src into dst and returns the bytes written; ok is false
// when src is not LZF or dst is too short.
func lzfExpand(dst, src []byte) (out int, ok bool) {
	for i := 0; i < len(src); {
		c := int(src[i])
		i++
		if c < lzfMaxLiteral {
			n := c + 1
			if i+n > len(src) || out+n > len(dst) {
				return out, false
			}
			copy(dst[out:], src[i:i+n])
			i, out = i+n, out+n
			continue
		}
		n := c>>5 + 2
		if n == 9 {
			if i >= len(src) {
				return out, false
			}
			n += int(src[i])
			i++
		}
		if i >= len(src) {
			return out, false
		}
		from := out - (c&31)<<8 - int(src[i]) - 1
		i++
		if from < 0 || out+n > len(dst) {
			return out, false
		}
		for ; n > 0; n-- { // byte by byte: the match may run into itself
			dst[out] = dst[from]
			out, from = out+1, from+1
		}
	}
	return out, true
}
