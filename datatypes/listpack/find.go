package listpack

import (
	"bytes"
	"unsafe"
)

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
	for {
		if skip == 1 {
			p = n.walkPairs(lp, p)
		} else {
			p = n.walk(lp, p, skip)
		}
		if lp[p] == end {
			return -1
		}
		if n.is(lp, p) {
			return p
		}
		for k := skip; k >= 0 && lp[p] != end; k-- {
			p += size(lp, p)
		}
	}
}

// walk goes from p, record by record, to an element that looks like the
// needle, or to a record that it leaves to its caller: one near the end, or
// one that ends too early or holds a string of 4 KB or more.
//
// The two loads are unchecked: 0 <= p <= limit, so the byte at p and the word
// at p+at, which ends at most max(n.size, 8) behind p, lie inside lp.
func (n *needle) walk(lp []byte, p, skip int) int {
	limit := len(lp) - max(n.size, 8)
	first, word, mask, at := n.buf[0], n.word, n.mask, n.at
	base := unsafe.Pointer(unsafe.SliceData(lp))
	for p <= limit {
		w := le.Uint64((*[8]byte)(unsafe.Add(base, p+at))[:])
		if (w^word)&mask|uint64(*(*byte)(unsafe.Add(base, p))^first) == 0 {
			return p
		}
		q := p
		for k := skip; k >= 0; k-- {
			s := int(sizes[lp[q]])
			if s == 0 {
				if lp[q]&0xF0 != encStr12 {
					return p
				}
				s = str12Size(lp, q)
			}
			q += s
		}
		p = q
	}
	return p
}

// walkPairs is walk for records of two elements, faster where records are of
// one size.
//
// Where a record ends is known only from the first bytes of its elements, so
// a plain walk waits, element after element, for a load, a table and an
// addition. walkPairs guesses that a record is as long as the last one and
// checks that by a branch: predicted, the processor runs ahead from the guess,
// and a record costs its instructions instead of its latencies (see
// BenchmarkFind, "same" against "mixed"). It holds wherever fields are named by
// one pattern and values are of one kind. A wrong guess costs a misprediction,
// so after a few the plain walk takes over.
// (Value speculation, as told by Per Vognsen and Francesco Mazzoli.)
func (n *needle) walkPairs(lp []byte, p int) int {
	limit := len(lp) - max(n.size, 8)
	first, word, mask, at := n.buf[0], n.word, n.mask, n.at
	base := unsafe.Pointer(unsafe.SliceData(lp))
	for guess, wrong := 0, 0; p <= limit; {
		w := le.Uint64((*[8]byte)(unsafe.Add(base, p+at))[:])
		if (w^word)&mask|uint64(*(*byte)(unsafe.Add(base, p))^first) == 0 {
			return p
		}
		s := int(sizes[*(*byte)(unsafe.Add(base, p))])
		if s == 0 {
			break
		}
		q := p + s
		s = int(sizes[lp[q]])
		if s == 0 {
			break
		}
		q += s
		if q == p+guess {
			p += guess // not p = q: the point is that this needs no load
			continue
		}
		guess, p = q-p, q
		if wrong++; wrong > 4 {
			break
		}
	}
	return n.walk(lp, p, 1)
}

// str12Size is the size of the string of 64 to 4095 bytes at p.
func str12Size(lp []byte, p int) int {
	n := 2 + (int(lp[p]&15)<<8 | int(lp[p+1]))
	if n > 127 {
		return n + 2
	}
	return n + 1
}
