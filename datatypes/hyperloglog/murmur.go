package hyperloglog

import "encoding/binary"

const seed = 0xadc83b19

// murmur is MurmurHash64A by Austin Appleby, with the seed that Redis uses: part of
// the format, since the registers of two HyperLogLogs can only be merged if the same
// element went to the same place in both.
func murmur(b []byte) uint64 {
	const (
		m = 0xc6a4a7935bd1e995
		r = 47
	)
	h := uint64(seed) ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	if len(b) > 0 {
		var k uint64
		for i := len(b) - 1; i >= 0; i-- {
			k = k<<8 | uint64(b[i])
		}
		h = (h ^ k) * m
	}
	h ^= h >> r
	h *= m
	return h ^ h>>r
}
