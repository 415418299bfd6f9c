// Package hyperloglog estimates how many different elements a set has seen, in a
// string of at most 12 KB, in the byte format of Redis: what its PFADD, PFMERGE and
// PFCOUNT make of a string, these functions do, byte for byte.
//
//	h := hyperloglog.Append(nil)
//	h, changed, err := hyperloglog.Add(h, []byte("element"), 3000)
//	n, err := hyperloglog.Count(h)
//
// # The idea
//
// An element is hashed. The low 14 bits of the hash choose one of 16384 registers;
// in the other 50 the run of zeros at the low end is measured, plus one. A register
// keeps the longest run it has seen. Long runs are rare: a register at n tells of
// about 2^n different elements, and the 16384 of them together of the whole number,
// with a standard error of 0.81 %.
//
//	hash   50 bits … x x x 1 0 0 0 0 | 14 bits      register[index] = max(…, 5)
//	                         ^^^^^^^^   ^^^^^^^
//	                         run + 1    index
//
// # The bytes
//
//	 0      4     5       8          16
//	+------+-----+-------+----------+------------------------------
//	| HYLL | enc | 0 0 0 | count    | registers …
//	+------+-----+-------+----------+------------------------------
//	        0 dense       u64 LE; its highest bit says that it is out of date
//	        1 sparse
//
// Dense registers have 6 bits each, the lowest first, 12288 bytes in all. Sparse
// ones are runs of equal registers, from the first to the last:
//
//	00llllll                  l+1 registers at zero
//	01llllll llllllll         l+1 registers at zero, up to 16384
//	1vvvvvll                  l+1 registers at v+1
//
// A value over 32 or a string over a threshold turns sparse to dense, for good.
// Worked example: one element with run 4 at register 1000 is
//
//	43 e7 | 90 | 7c 16        1000 zeros, one register at 5 … of 16384
//
// # Rules
//
// Functions that change a HyperLogLog edit it in place where cap(b) suffices and
// return the slice to use from then on, as append does. Bytes may come from outside:
// [Check] looks at the head alone, and whatever walks the registers reports
// [ErrCorrupt] rather than trust them. A caller must have passed Check before any
// other call.
//
// Single-threaded, as all of datatypes; readers that write nothing, [Count] and
// [Registers.Merge], may run side by side.
//
// Ideas: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007); Otmar Ertl, "New
// cardinality estimation algorithms for HyperLogLog sketches" (2017), whose estimator
// needs no tables; Salvatore Sanfilippo's run-length encoding for Redis.
package hyperloglog

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

const (
	indexBits = 14
	runBits   = 64 - indexBits

	// Size is the number of registers.
	Size = 1 << indexBits

	// DenseBytes is the length of a dense HyperLogLog.
	DenseBytes = headSize + Size*6/8

	headSize  = 16
	encOff    = 4
	countOff  = 8
	staleOff  = 15 // the byte with the bit that says so
	staleBit  = 1 << 7
	encDense  = 0
	encSparse = 1

	sparseMaxValue = 32
)

// ErrCorrupt says that the registers are not what the head promises.
var ErrCorrupt = errors.New("hyperloglog: corrupt")

// Check reports whether b begins as a HyperLogLog does. Registers of a sparse one
// may still turn out to be corrupt.
func Check(b []byte) bool {
	return len(b) >= headSize && string(b[:4]) == "HYLL" && b[encOff] <= encSparse &&
		(b[encOff] != encDense || len(b) == DenseBytes)
}

// Append appends an empty HyperLogLog, sparse.
func Append(dst []byte) []byte {
	dst = append(dst, "HYLL"...)
	dst = append(dst, encSparse, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	return append(dst, 0x40|(Size-1)>>8, (Size-1)&0xff)
}

// Dense reports whether b is dense.
func Dense(b []byte) bool { return b[encOff] == encDense }

// Cached returns the count that was last stored in b, unless it is out of date.
func Cached(b []byte) (n uint64, ok bool) {
	return binary.LittleEndian.Uint64(b[countOff:]), b[staleOff]&staleBit == 0
}

// SetCached stores a count.
func SetCached(b []byte, n uint64) { binary.LittleEndian.PutUint64(b[countOff:], n) }

// Invalidate notes that the count stored is out of date.
func Invalidate(b []byte) { b[staleOff] |= staleBit }

// place returns the register an element belongs to and what it says there.
func place(elem []byte) (index int, run byte) {
	h := murmur(elem)
	rest := h>>indexBits | 1<<runBits
	return int(h & (Size - 1)), byte(bits.TrailingZeros64(rest) + 1)
}

// GrowAdd is the most bytes that [Add] makes a sparse HyperLogLog longer by, as long
// as it stays sparse.
const GrowAdd = 3

// Add counts an element in. sparseMax is the longest, in bytes with the head, that a
// HyperLogLog may become while sparse. changed says that a register has.
func Add(b, elem []byte, sparseMax int) (out []byte, changed bool, err error) {
	index, run := place(elem)
	if b[encOff] == encDense {
		return b, raise(b[headSize:DenseBytes], index, run), nil
	}
	at := start
	return addSparse(b, &at, index, run, sparseMax)
}

// ToDense makes b dense, in new memory unless it is.
func ToDense(b []byte) ([]byte, error) {
	if Dense(b) {
		return b, nil
	}
	d := make([]byte, DenseBytes)
	copy(d, b[:headSize])
	d[encOff] = encDense
	regs, i := d[headSize:], 0
	for p := headSize; p < len(b); {
		val, run, size := op(b, p)
		if size == 0 || i+run > Size {
			return b, ErrCorrupt
		}
		if val != 0 {
			for j := range run {
				raise(regs, i+j, val)
			}
		}
		i, p = i+run, p+size
	}
	if i != Size {
		return b, ErrCorrupt
	}
	return d, nil
}

// Decode appends the opcodes of a sparse HyperLogLog in words: z and Z for the two
// kinds of runs of zeros, v for a value and its run.
func Decode(dst, b []byte) ([]byte, error) {
	i := 0
	for p := headSize; p < len(b); {
		val, run, size := op(b, p)
		if size == 0 || i+run > Size {
			return dst, ErrCorrupt
		}
		switch {
		case val != 0:
			dst = appendInt(append(appendInt(append(dst, "v:"...), int(val)), ','), run)
		case size == 2:
			dst = appendInt(append(dst, "Z:"...), run)
		default:
			dst = appendInt(append(dst, "z:"...), run)
		}
		dst = append(dst, ' ')
		i, p = i+run, p+size
	}
	if i != Size {
		return dst, ErrCorrupt
	}
	return dst[:len(dst)-1], nil
}

// Registers are all registers of one or more HyperLogLogs, unpacked. The zero value
// is that of an empty one.
type Registers [Size]byte

// Merge raises registers to those of b where they are higher. After an error some
// may have been.
func (r *Registers) Merge(b []byte) error {
	if Dense(b) {
		r.mergeDense(b[headSize:DenseBytes])
		return nil
	}
	i := 0
	for p := headSize; p < len(b); {
		val, run, size := op(b, p)
		if size == 0 || i+run > Size {
			return ErrCorrupt
		}
		if val != 0 {
			for j := i; j < i+run; j++ {
				r[j] = max(r[j], val)
			}
		}
		i, p = i+run, p+size
	}
	if i != Size {
		return ErrCorrupt
	}
	return nil
}

// Store raises the registers of b to those of r, in their order. b may turn dense.
func (r *Registers) Store(b []byte, sparseMax int) (out []byte, err error) {
	at := start
	for i, val := range r {
		switch {
		case val == 0:
		case b[encOff] == encDense:
			raise(b[headSize:DenseBytes], i, val)
		default:
			if b, _, err = addSparse(b, &at, i, val, sparseMax); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}

// Get returns register i of a dense HyperLogLog.
func Get(b []byte, i int) byte { return register(b[headSize:DenseBytes], i) }

// A cursor is an opcode to search from: where it is, where the one before it is, or
// itself if it is the first, and the first register of its run.
type cursor struct{ p, prev, first int }

var start = cursor{headSize, headSize, 0}

// addSparse raises register index to val. The steps, as in Redis, so that the same
// bytes come out: find the run that holds the register; replace it by up to three
// opcodes; merge neighbours around them that have the same value.
//
//	before   ………| Z 16384                          |……       one opcode, up to 2 bytes
//	after    ………| Z first…index-1 | v 1 | Z …last  |……       three, up to 5
//
// The search begins at the cursor at, which must not be behind the register. It is
// left at the opcode before the run found: what is changed comes after that, or is
// merged into it, so that its place and its first register stay. If the run found is
// that at the cursor itself, which may be merged into the one before, it goes back to
// the start.
func addSparse(b []byte, at *cursor, index int, val byte, sparseMax int) (out []byte, changed bool, err error) {
	if val > sparseMaxValue {
		return promote(b, index, val)
	}
	p, prev, first := at.p, at.prev, at.first
	before := start
	var old byte
	var run, size int
	for {
		if p >= len(b) {
			return b, false, ErrCorrupt
		}
		if old, run, size = op(b, p); size == 0 {
			return b, false, ErrCorrupt
		}
		if index < first+run {
			break
		}
		before = cursor{p, prev, first}
		prev, p, first = p, p+size, first+run
	}
	*at = before
	switch {
	case old >= val:
		return b, false, nil
	case run == 1 && size == 1:
		b[p] = valOp(val, 1)
	default:
		var seq [5]byte
		n := splitRun(&seq, old, index-first, val, first+run-1-index)
		if n > size && len(b)+n-size > sparseMax {
			return promote(b, index, val)
		}
		b = replace(b, p, size, seq[:n])
	}
	b = mergeVals(b, prev)
	Invalidate(b)
	return b, true, nil
}

// splitRun writes the opcodes of a run at old with one register in it raised to
// val, and returns their length.
func splitRun(seq *[5]byte, old byte, before int, val byte, after int) int {
	n := 0
	put := func(run int) {
		switch {
		case run == 0:
		case old != 0:
			seq[n] = valOp(old, run)
			n++
		case run <= 64:
			seq[n] = byte(run - 1)
			n++
		default:
			seq[n], seq[n+1] = 0x40|byte((run-1)>>8), byte(run-1)
			n += 2
		}
	}
	put(before)
	seq[n] = valOp(val, 1)
	n++
	put(after)
	return n
}

// replace puts seq in the place of the size bytes at p.
func replace(b []byte, p, size int, seq []byte) []byte {
	n := len(b)
	if d := len(seq) - size; d > 0 {
		b = slices.Grow(b, d)[:n+d]
		copy(b[p+len(seq):], b[p+size:n])
	} else if d < 0 {
		copy(b[p+len(seq):], b[p+size:n])
		b = b[:n+d]
	}
	copy(b[p:], seq)
	return b
}

// mergeVals joins values that are equal and stand side by side, among the five
// opcodes from p on: one before the run that was replaced, at most three in its
// place, one after.
func mergeVals(b []byte, p int) []byte {
	for range 5 {
		if p >= len(b) {
			break
		}
		v1, l1, size := op(b, p)
		if v1 == 0 {
			p += max(size, 1)
			continue
		}
		if p+1 < len(b) && b[p+1]&0x80 != 0 {
			v2, l2, _ := op(b, p+1)
			if v1 == v2 && l1+l2 <= 4 {
				b[p+1] = valOp(v1, l1+l2)
				copy(b[p:], b[p+1:])
				b = b[:len(b)-1]
				continue // the next may join as well
			}
		}
		p++
	}
	return b
}

// promote makes b dense and raises a register.
func promote(b []byte, index int, val byte) (out []byte, changed bool, err error) {
	if b, err = ToDense(b); err != nil {
		return b, false, err
	}
	return b, raise(b[headSize:], index, val), nil
}

// op reads the opcode at p: the value of its registers, their number, and its
// length, 0 when the second byte is missing.
func op(b []byte, p int) (val byte, run, size int) {
	c := b[p]
	switch {
	case c&0x80 != 0:
		return c>>2&31 + 1, int(c&3) + 1, 1
	case c&0x40 == 0:
		return 0, int(c) + 1, 1
	case p+1 < len(b):
		return 0, (int(c&63)<<8 | int(b[p+1])) + 1, 2
	}
	return 0, 0, 0
}

func valOp(val byte, run int) byte { return 0x80 | (val-1)<<2 | byte(run-1) }

// register returns one of the dense registers: bits 6i to 6i+5, low bits first, in
// one byte or two.
//
//	byte   7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0   7 6 5 4 3 2 1 0
//	       1 1 0 0 0 0 0 0   2 2 2 2 1 1 1 1   3 3 3 3 3 3 2 2     register
func register(regs []byte, i int) byte {
	at, shift := i*6/8, uint(i*6%8)
	w := uint(regs[at])
	if shift > 2 {
		w |= uint(regs[at+1]) << 8 // the last register ends with its byte
	}
	return byte(w >> shift & 63)
}

// raise sets a dense register if that makes it higher, and reports whether it did.
func raise(regs []byte, i int, val byte) bool {
	if register(regs, i) >= val {
		return false
	}
	at, shift := i*6/8, uint(i*6%8)
	regs[at] = regs[at]&^(63<<shift) | val<<shift
	if shift > 2 {
		regs[at+1] = regs[at+1]&^(63>>(8-shift)) | val>>(8-shift)
	}
	return true
}

// mergeDense is Merge of packed registers, eight at a time: they are six bytes.
// Packed, they are spread out to a byte each; then in all bytes at once the larger
// is chosen, by the bit that a subtraction leaves standing where it did not borrow.
//
//	packed             76543210 of 6 bits, 48 in all
//	halves, quarters   7654 3210, 76 54 32 10, 7 6 5 4 3 2 1 0
func (r *Registers) mergeDense(regs []byte) {
	const high = 0x8080808080808080
	i := 0
	for ; len(regs) >= 8; regs = regs[6:] {
		w := binary.LittleEndian.Uint64(regs)
		w = w&0xffffff | w<<8&(0xffffff<<32)
		w = w&0x00000fff_00000fff | w<<4&0x0fff0000_0fff0000
		w = w&0x003f003f_003f003f | w<<2&0x3f003f00_3f003f00
		to := r[i : i+8 : i+8]
		had := binary.LittleEndian.Uint64(to)
		keep := ((had | high) - w) & high >> 7 * 0xff
		binary.LittleEndian.PutUint64(to, had&keep|w&^keep)
		i += 8
	}
	for j := i; j < Size; j++ {
		r[j] = max(r[j], register(regs, j-i))
	}
}

func appendInt(dst []byte, n int) []byte {
	var buf [5]byte
	i := len(buf)
	for {
		i--
		buf[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(dst, buf[i:]...)
		}
	}
}
