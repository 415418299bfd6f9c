package listpack

import "bytes"

// A needle is a sought element, encoded once. Since one content has one
// encoding, an element is the needle exactly when its bytes are.
//
//	encoded    | hdr |  f i e l d : 0 0 1 2  |          size bytes
//	              ^           └─ word: last 8 ┘
//
// The first byte and one 8-byte word are compared first, both loads
// unconditional and their outcome one branch that is almost never taken: a
// branch on the first byte alone would be mispredicted wherever lengths vary.
// The word is the last 8 bytes, since field names share their beginning
// ("user:1000", "user:1001"), or the first bytes under a mask when the whole
// is not longer than 8.
type needle struct {
	word uint64
	mask uint64
	at   int // offset of word in the element
	size int // bytes of encoding and data
	head int // bytes of buf in use: all of an integer, the header of a string
	tail []byte
	buf  [16]byte
}

func (n *needle) init(elem []byte) {
	if v, ok := ParseInt(elem); ok {
		n.head = putIntData(n.buf[:], v)
	} else {
		n.head = putStringHeader(n.buf[:], len(elem))
		n.tail = elem
	}
	n.size = n.head + len(n.tail)
	switch {
	case len(n.tail) >= 8:
		n.word = le.Uint64(elem[len(elem)-8:])
		n.mask, n.at = ^uint64(0), n.size-8
	case n.size > 8: // a 64-bit integer
		n.word = le.Uint64(n.buf[1:])
		n.mask, n.at = ^uint64(0), 1
	default:
		copy(n.buf[n.head:], n.tail)
		n.word = le.Uint64(n.buf[:])
		n.mask = ^uint64(0) >> (64 - 8*uint(n.size))
	}
}

// is reports whether the element at p is the needle.
func (n *needle) is(lp []byte, p int) bool {
	return len(lp)-p > n.size &&
		string(lp[p:p+n.head]) == string(n.buf[:n.head]) &&
		bytes.Equal(lp[p+n.head:p+n.size], n.tail)
}

// Find returns the position of the first element equal to elem, looking at
// the one at p and then at every (skip+1)-th: skip is 1 to look at the fields
// of field, value pairs. It returns -1 when there is none.
func Find(lp []byte, p int, elem []byte, skip int) int {
	if p < 0 {
		return -1
	}
	var n needle
	n.init(elem)
	first := n.buf[0]
	// While p <= limit the word can be loaded, and p is not the end byte:
	// that is the last byte, and limit is at least 8 before it.
	limit := len(lp) - max(n.size, 8)
	for p <= limit {
		if (le.Uint64(lp[p+n.at:])^n.word)&n.mask|uint64(lp[p]^first) == 0 && n.is(lp, p) {
			return p
		}
		for k := skip; k >= 0; k-- {
			s := int(sizes[lp[p]])
			if s == 0 {
				if lp[p] == end {
					return -1
				}
				s = sizeSlow(lp, p)
			}
			p += s
		}
	}
	for lp[p] != end {
		if n.is(lp, p) {
			return p
		}
		for k := skip; k >= 0 && lp[p] != end; k-- {
			p += size(lp, p)
		}
	}
	return -1
}
