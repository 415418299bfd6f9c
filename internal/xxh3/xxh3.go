// Package xxh3 computes XXH3, the 64-bit hash by Yann Collet, with the standard secret
// and no seed: the digest that Redis shows by DIGEST and compares by IFDEQ.
//
//	xxh3.Sum64([]byte("Hello world"))   // 0xb6acb9d84a38ff74
//
// It follows the algorithm's specification (doc/xxhash_spec.md of the xxHash project).
// Inputs of different lengths go different ways; the longest ones go in stripes of 64
// bytes through eight accumulators:
//
//	length    0   1–3   4–8   9–16   17–128          129–240              241…
//	          a few multiplications  pairs of 16 bytes from both ends     stripes
//
// Functions keep nothing and may be called by any goroutine.
package xxh3

import (
	"encoding/binary"
	"math/bits"
)

const (
	prime32a = 0x9E3779B1
	prime32b = 0x85EBCA77
	prime32c = 0xC2B2AE3D
	prime64a = 0x9E3779B185EBCA87
	prime64b = 0xC2B2AE3D27D4EB4F
	prime64c = 0x165667B19E3779F9
	prime64d = 0x85EBCA77C2B2AE63
	prime64e = 0x27D4EB2F165667C5

	stripe = 64
	block  = 16 * stripe // as many stripes as the secret lasts for, 8 bytes a stripe
)

func u32(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) }
func u64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// fold multiplies to 128 bits and folds them to 64.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// avalanche spreads every bit over all.
func avalanche(h uint64) uint64 {
	h ^= h >> 37
	h *= 0x165667919E3779F9
	return h ^ h>>32
}

// avalanche64 is that of XXH64, for the shortest inputs.
func avalanche64(h uint64) uint64 {
	h ^= h >> 33
	h *= prime64b
	h ^= h >> 29
	h *= prime64c
	return h ^ h>>32
}

// Sum64 returns the hash of b.
func Sum64(b []byte) uint64 {
	n := uint64(len(b))
	switch {
	case n > 240:
		return long(b)
	case n > 128:
		return middle(b)
	case n > 16:
		return pairs(b)
	case n > 8:
		lo := u64(b) ^ u64(secret[24:]) ^ u64(secret[32:])
		hi := u64(b[n-8:]) ^ u64(secret[40:]) ^ u64(secret[48:])
		return avalanche(n + bits.ReverseBytes64(lo) + hi + fold(lo, hi))
	case n >= 4:
		h := u32(b[n-4:]) + u32(b)<<32 ^ u64(secret[8:]) ^ u64(secret[16:])
		h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
		h *= 0x9FB21C651E98DF25
		h ^= h>>35 + n
		h *= 0x9FB21C651E98DF25
		return h ^ h>>28
	case n > 0:
		h := uint64(b[0])<<16 | uint64(b[n>>1])<<24 | uint64(b[n-1]) | n<<8
		return avalanche64(h ^ u32(secret[:]) ^ u32(secret[4:]))
	}
	return avalanche64(u64(secret[56:]) ^ u64(secret[64:]))
}

// mix is what 16 bytes of input and of secret come to.
func mix(b, key []byte) uint64 { return fold(u64(b)^u64(key), u64(b[8:])^u64(key[8:])) }

// pairs takes 16 bytes from the front and 16 from the back, until they meet.
func pairs(b []byte) uint64 {
	n := len(b)
	h := uint64(n) * prime64a
	for i := (n - 1) / 32; i >= 0; i-- {
		h += mix(b[16*i:], secret[32*i:]) + mix(b[n-16*(i+1):], secret[32*i+16:])
	}
	return avalanche(h)
}

func middle(b []byte) uint64 {
	n := len(b)
	h := uint64(n) * prime64a
	for i := range 8 {
		h += mix(b[16*i:], secret[16*i:])
	}
	h = avalanche(h)
	for i := 8; i < n/16; i++ {
		h += mix(b[16*i:], secret[16*(i-8)+3:])
	}
	return avalanche(h + mix(b[n-16:], secret[136-17:]))
}

func long(b []byte) uint64 {
	acc := [8]uint64{prime32c, prime64a, prime64b, prime64c, prime64d, prime32b, prime64e, prime32a}
	n, rest := len(b), b
	for len(rest) > block {
		for i := range block / stripe {
			accumulate(&acc, rest[stripe*i:], secret[8*i:])
		}
		key := secret[len(secret)-stripe:]
		for i := range acc {
			a := acc[i]
			acc[i] = (a ^ a>>47 ^ u64(key[8*i:])) * prime32a
		}
		rest = rest[block:]
	}
	for i := range (len(rest) - 1) / stripe {
		accumulate(&acc, rest[stripe*i:], secret[8*i:])
	}
	accumulate(&acc, b[n-stripe:], secret[len(secret)-stripe-7:])
	h := uint64(n) * prime64a
	for i := 0; i < 8; i += 2 {
		key := secret[11+8*i:]
		h += fold(acc[i]^u64(key), acc[i+1]^u64(key[8:]))
	}
	return avalanche(h)
}

// accumulate takes in one stripe.
func accumulate(acc *[8]uint64, b, key []byte) {
	b, key = b[:stripe], key[:stripe]
	for i := 0; i < 8; i++ {
		v := u64(b[8*i:])
		k := v ^ u64(key[8*i:])
		acc[i^1] += v
		acc[i] += k & 0xffffffff * (k >> 32)
	}
}

// secret is the standard one.
var secret = [192]byte{
	0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
	0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
	0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
	0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
	0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
	0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
	0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
	0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
	0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
	0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
	0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
	0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
}
