package rdb

// LZF is Marc Lehmann's compression. A stream is a sequence of
//
//	000nnnnn  b0 … bn                    n+1 literal bytes (1 … 32)
//	lllooooo  oooooooo                   l+2 bytes (3 … 8) from o+1 back; l in 1 … 6
//	111ooooo  nnnnnnnn  oooooooo         n+9 bytes (9 … 264) from o+1 back

// lzfMost returns the most bytes that n of LZF can stand for: three make 264.
func lzfMost(n int) uint64 { return (uint64(n)/3 + 1) * 264 }

// lzfExpand unpacks src, which must fill dst exactly.
func lzfExpand(dst, src []byte) bool {
	out := 0
	for i := 0; i < len(src); {
		c := int(src[i])
		i++
		if c < 32 {
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
		for ; n > 0; n-- { // the match runs into itself
			dst[out] = dst[from]
			out, from = out+1, from+1
		}
	}
	return out == len(dst)
}
