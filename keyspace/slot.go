package keyspace

import "bytes"

// Slots is the number of hash slots. A key's slot is a fact about the key, the same
// in every implementation of Redis's cluster: it decides on which node of a cluster
// the key lives, and here which of several shards has it.
const Slots = 16384

// Slot returns the hash slot of key: CRC-16 (XMODEM) of the key modulo [Slots]. Of a
// key with a tag, a part in braces that is not empty, only the tag is hashed, so that
// keys with the same tag share a slot:
//
//	user:{42}:name   user:{42}:mail     both the slot of 42
//	user:{}:name                        no tag: the whole key
func Slot(key []byte) int { return int(crc16(tagged(key)) & (Slots - 1)) }

// tagged returns the part of a key that is hashed.
func tagged(key []byte) []byte {
	open := bytes.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	if n := bytes.IndexByte(key[open+1:], '}'); n > 0 {
		return key[open+1 : open+1+n]
	}
	return key
}

// crcTables are for four bytes at a time: crcTables[k][b] is the checksum of the byte
// b followed by k zeros, and that of four bytes is the sum of one from each.
var crcTables = makeCRCTables()

func makeCRCTables() (t [4][256]uint16) {
	const poly = 0x1021
	for b := range 256 {
		crc := uint16(b) << 8
		for range 8 {
			if carry := crc & 0x8000; carry != 0 {
				crc = crc<<1 ^ poly
			} else {
				crc <<= 1
			}
		}
		t[0][b] = crc
	}
	for k := 1; k < len(t); k++ {
		for b := range 256 {
			prev := t[k-1][b]
			t[k][b] = prev<<8 ^ t[0][prev>>8]
		}
	}
	return t
}

// crc16 is CRC-16 with polynomial 0x1021, most significant bit first, from 0.
func crc16(b []byte) uint16 {
	var crc uint16
	t := &crcTables
	for len(b) >= 4 {
		crc = t[3][b[0]^byte(crc>>8)] ^ t[2][b[1]^byte(crc)] ^ t[1][b[2]] ^ t[0][b[3]]
		b = b[4:]
	}
	for _, c := range b {
		crc = crc<<8 ^ t[0][byte(crc>>8)^c]
	}
	return crc
}
