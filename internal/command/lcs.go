package command

import (
	"math"
	"math/bits"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// The longest common subsequence of a and b, by the usual table: L(i, j) is its
// length for the first i bytes of a and the first j of b. Redis keeps the table, four
// bytes a cell. Within a row the length grows by one or not at all from cell to cell:
// so here a cell is a bit, and a row is worked out 64 cells at a time.
//
//	row i, bit j   0 if L(i, j+1) = L(i, j) + 1, else 1
//	row i+1        (row + (row & match)) | (row &^ match)      match: where b has a[i]
//
// The bits are also all that the way back through the table asks for: where the last
// bytes differ, L(i, j) comes from above if the row grows into it, else from the left.
//
// Ideas: Maxime Crochemore and others, "A fast and practical bit-vector algorithm for
// the longest common subsequence problem" (2001); Heikki Hyyrö, "Bit-parallel LCS-length
// computation revisited" (2004).

var lcsHandlers = handlers{"lcs": cmdLCS}

const (
	errLCSType    resp.Error = "ERR The specified keys must contain string values"
	errLCSBoth    resp.Error = "ERR If you want both the length and indexes, please just use IDX."
	errLCSTooLong resp.Error = "ERR String too long for LCS"
	errLCSMemory  resp.Error = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
)

// lcsOptions are what LCS may be asked for.
type lcsOptions struct {
	length, indexes, withLen bool
	minLen                   int64
}

func cmdLCS(c *Ctx) {
	first, found1 := c.lookup(c.Args[1], keyspace.Read)
	second, found2 := c.lookup(c.Args[2], keyspace.Read) // whatever the first holds, as in Redis: a miss is told
	a, ok := c.lcsString(first, found1)
	if !ok {
		return
	}
	b, ok := c.lcsString(second, found2)
	if !ok {
		return
	}
	o, ok := c.lcsOptions()
	if !ok {
		return
	}
	if max(uint64(len(a)), uint64(len(b))) >= math.MaxUint32-1 {
		c.Fail(errLCSTooLong)
		return
	}
	// What Redis would take for its table: the same strings are too long for both.
	if cells, of := uint64(len(a)+1), uint64(len(b)+1); cells > uint64(c.maxBulk)/4/of {
		c.Fail(errLCSMemory)
		return
	}
	t := newLCSTable(a, b, !o.length)
	switch {
	case o.length:
		c.Out.Int(int64(t.length()))
	case o.indexes:
		c.lcsIndexes(t, o)
	default:
		c.Out.BulkBytes(t.common())
	}
}

// lcsString returns the string at a key, nothing if there is none.
func (c *Ctx) lcsString(e *keyspace.Entry, found bool) ([]byte, bool) {
	switch {
	case !found:
		return nil, true
	case e.Type() != datatypes.String:
		c.Fail(errLCSType)
		return nil, false
	case e.Encoding() == datatypes.Int:
		return keyspace.AppendInt(nil, e.Int()), true // both may be
	}
	return e.View(), true
}

func (c *Ctx) lcsOptions() (o lcsOptions, ok bool) {
	for i := 3; i < len(c.Args); i++ {
		switch {
		case c.is(i, "IDX"):
			o.indexes = true
		case c.is(i, "LEN"):
			o.length = true
		case c.is(i, "WITHMATCHLEN"):
			o.withLen = true
		case c.is(i, "MINMATCHLEN") && i+1 < len(c.Args):
			i++
			if o.minLen, ok = c.int(i); !ok {
				return o, false
			}
		default:
			c.Fail(errSyntax)
			return o, false
		}
	}
	if o.indexes && o.length {
		c.Fail(errLCSBoth)
		return o, false
	}
	return o, true
}

// lcsIndexes replies where the common parts are, the last ones first.
func (c *Ctx) lcsIndexes(t *lcsTable, o lcsOptions) {
	out, n := c.Out, 0
	out.MapHeader(2)
	out.BulkString("matches")
	mark := out.ReserveArray(8)
	t.ranges(func(i, j, size int) {
		if int64(size) < o.minLen {
			return
		}
		n++
		if o.withLen {
			out.ArrayHeader(3)
		} else {
			out.ArrayHeader(2)
		}
		for _, start := range [2]int{i, j} {
			out.ArrayHeader(2)
			out.Int(int64(start))
			out.Int(int64(start + size - 1))
		}
		if o.withLen {
			out.Int(int64(size))
		}
	})
	out.SetLen(mark, n)
	out.BulkString("len")
	out.Int(int64(t.length()))
}

// An lcsTable is the table of a and b: its rows 1 to len(a), of stride words each, or
// the last one alone.
type lcsTable struct {
	a, b   []byte
	stride int
	rows   []uint64
}

// newLCSTable works the table out. With all set, every row is kept for the way back.
func newLCSTable(a, b []byte, all bool) *lcsTable {
	t := &lcsTable{a: a, b: b, stride: (len(b) + 63) / 64}
	n := t.stride
	if len(a) == 0 || n == 0 {
		return t
	}
	masks, of := lcsMasks(a, b, n)
	kept := 1
	if all {
		kept = len(a)
	}
	t.rows = make([]uint64, kept*n)
	row := make([]uint64, n)
	for w := range row {
		row[w] = math.MaxUint64
	}
	for i, ch := range a {
		match, next := masks[int(of[ch])*n:][:n], t.rows[:n]
		if all {
			next = t.rows[i*n:][:n]
		}
		lcsStep(next, row, match)
		row = next
	}
	return t
}

// lcsStep works out the row after row, in place if next is the same.
func lcsStep(next, row, match []uint64) {
	carry := uint64(0)
	row, match = row[:len(next)], match[:len(next)]
	for w := range next {
		v, m := row[w], match[w]
		var sum uint64
		sum, carry = bits.Add64(v, v&m, carry)
		next[w] = sum | v&^m
	}
}

// lcsMasks returns, for the bytes that a has, where in b they are: masks holds n words
// for each, of tells whose are where.
func lcsMasks(a, b []byte, n int) (masks []uint64, of [256]uint8) {
	var has [256]bool
	kinds := 0
	for _, ch := range a {
		if !has[ch] {
			has[ch], of[ch] = true, uint8(kinds)
			kinds++
		}
	}
	masks = make([]uint64, kinds*n)
	for j, ch := range b {
		if has[ch] {
			masks[int(of[ch])*n+j/64] |= 1 << (j % 64)
		}
	}
	return masks, of
}

// length returns L(len(a), len(b)): the zeros of the last row.
func (t *lcsTable) length() int {
	if len(t.rows) == 0 {
		return 0
	}
	n := 0
	last := t.rows[len(t.rows)-t.stride:]
	for w, v := range last {
		v = ^v
		if left := len(t.b) - 64*w; left < 64 {
			v &= 1<<left - 1
		}
		n += bits.OnesCount64(v)
	}
	return n
}

// common returns the subsequence.
func (t *lcsTable) common() []byte {
	s := make([]byte, t.length())
	end := len(s)
	t.ranges(func(i, _, size int) {
		end -= size
		copy(s[end:], t.a[i:i+size])
	})
	return s
}

// ranges goes back through the table and yields the parts that are in a from i on, in
// b from j on, as long as they go without a gap, last ones first.
func (t *lcsTable) ranges(yield func(i, j, size int)) {
	i, j, size := len(t.a), len(t.b), 0
	for i > 0 && j > 0 {
		if t.a[i-1] == t.b[j-1] {
			i, j, size = i-1, j-1, size+1
			continue
		}
		if size > 0 {
			yield(i, j, size)
			size = 0
		}
		if t.rows[(i-1)*t.stride+(j-1)/64]>>((j-1)%64)&1 == 0 {
			i--
		} else {
			j--
		}
	}
	if size > 0 {
		yield(i, j, size)
	}
}
