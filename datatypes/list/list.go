// Package list is Redis's list over a [datatypes.Slot]: a listpack in the
// key's own block while it is short, a quicklist beyond that.
//
//	l := list.Create(slot, 0)
//	l.PushTail([][]byte{[]byte("a"), []byte("b")}, &lim)
//	l = list.Open(slot)
//	v, ok := l.Index(-1)
//
// # Costs
//
// Pushing, popping and peeking take constant time at both ends of a quicklist
// and the time of moving at most a few kilobytes in a listpack; reaching an
// index walks from the nearer end. Nothing allocates Go memory but a change of
// encoding, and reading nodes that are compressed.
//
// # What the caller keeps
//
// A list that has become empty stays where it is: the owner of the slot deletes
// the key. A [List] is a short-lived value, good until its slot is changed by
// other means.
//
// Elements passed in are copied and must not alias the list. Values handed out
// do alias it and are good until its next change; those of a [Cursor] until
// its next step, if the list is compressed.
//
// One goroutine changes a list; any number may read one that nobody changes.
package list

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/quicklist"
)

// A list has one of two encodings:
//
//	ListPack    the slot's bytes are the listpack
//	QuickList   the slot's object is a *quicklist.List
//
// and moves between them as Redis 7.2 does. With the limits of
// list-max-listpack-size (bytes, or elements with at most 8 KB):
//
//	listpack → quicklist   before elements are added (push, insert, set) that
//	                       would take it past the limit: their lengths without
//	                       framing are reckoned, all elements of a push at once
//	quicklist → listpack   after elements went or shrank (pop, trim, remove,
//	                       set), when one packed node is left that is at most
//	                       half the limit, so that a list at the limit does not
//	                       go to and fro
//
// Invariants, verified by Check: those of the encoding.

// Limits are the settings a list obeys.
type Limits struct {
	MaxListpackSize int // list-max-listpack-size: -1 … -5 for 4 … 64 KB, or a number of elements
	CompressDepth   int // list-compress-depth: nodes at each end not compressed; 0 is off
	PackedThreshold int // DEBUG QUICKLIST-PACKED-THRESHOLD: bytes from which an element has a node of its own; 0 is the node's limit
}

// DefaultLimits are those of an unchanged redis.conf.
func DefaultLimits() Limits { return Limits{MaxListpackSize: -2} }

// A Cursor walks a list in one direction; see [quicklist.Cursor].
type Cursor = quicklist.Cursor

// Value is an element: bytes or an integer.
type Value = listpack.Value

// A List is the list in one slot.
type List struct {
	s datatypes.Slot
	q *quicklist.List // nil while the encoding is ListPack
}

// Create makes an empty list in a slot, over whatever bytes it held. room is
// how many bytes are about to be pushed, so that the slot grows once; 0 will do.
func Create(s datatypes.Slot, room int) List {
	const some = 512 // beyond that growing twice does not matter
	b := s.Grow(listpack.EmptySize + min(room, some))
	s.SetBytes(datatypes.ListPack, listpack.AppendEmpty(b[:0]))
	return List{s: s}
}

// Open returns the list in a slot whose type is List.
func Open(s datatypes.Slot) List {
	if s.Encoding() == datatypes.QuickList {
		return List{s, s.Object().(*quicklist.List)}
	}
	return List{s: s}
}

// LoadNodes makes a list in a slot out of the nodes that add hands over: from
// a dump. Whatever they were, the encoding is what their size asks for.
func LoadNodes(s datatypes.Slot, lim *Limits, add func(q *quicklist.List)) List {
	l := Create(s, 0)
	l.toQuicklist(lim)
	add(l.q)
	l.shrink(lim, 1)
	return l
}

// Copy makes a copy of the list in another slot.
func (l List) Copy(to datatypes.Slot) List {
	if l.q == nil {
		to.SetBytes(datatypes.ListPack, append([]byte(nil), l.s.Bytes()...))
		return List{s: to}
	}
	q := l.q.Clone(to.Arena())
	to.SetObject(datatypes.QuickList, q)
	return List{to, q}
}

// Len returns the number of elements.
func (l List) Len() int {
	if l.q != nil {
		return l.q.Len()
	}
	return listpack.Len(l.s.Bytes())
}

// Encoding returns ListPack or QuickList.
func (l List) Encoding() datatypes.Encoding {
	if l.q != nil {
		return datatypes.QuickList
	}
	return datatypes.ListPack
}

// PushTail adds elements behind the last, in their order.
func (l *List) PushTail(elems [][]byte, lim *Limits) {
	if l.q == nil {
		bytes, room := weigh(elems)
		if !l.outgrows(bytes, len(elems), lim) {
			lp := l.s.Grow(room)
			for _, e := range elems {
				lp = listpack.Append(lp, e)
			}
			l.s.SetBytes(datatypes.ListPack, lp)
			return
		}
		l.toQuicklist(lim)
	}
	l.q.SetPackedThreshold(lim.PackedThreshold)
	for _, e := range elems {
		l.q.PushTail(e)
	}
}

// PushHead adds elements before the first, one after the other, so that the
// last of them is first in the list.
func (l *List) PushHead(elems [][]byte, lim *Limits) {
	if l.q == nil {
		bytes, room := weigh(elems)
		if !l.outgrows(bytes, len(elems), lim) {
			lp := l.s.Grow(room)
			for _, e := range elems {
				lp = listpack.Prepend(lp, e)
			}
			l.s.SetBytes(datatypes.ListPack, lp)
			return
		}
		l.toQuicklist(lim)
	}
	l.q.SetPackedThreshold(lim.PackedThreshold)
	for _, e := range elems {
		l.q.PushHead(e)
	}
}

// weigh returns the bytes of elems, and the room a listpack needs for them.
func weigh(elems [][]byte) (bytes, room int) {
	for _, e := range elems {
		bytes += len(e)
		room += listpack.MaxGrow(e)
	}
	return bytes, room
}

// Head returns the first element; ok is false when the list is empty.
func (l List) Head() (v Value, ok bool) {
	if l.q != nil {
		return l.q.Head()
	}
	return at(l.s.Bytes(), 0)
}

// Tail returns the last element; ok is false when the list is empty.
func (l List) Tail() (v Value, ok bool) {
	if l.q != nil {
		return l.q.Tail()
	}
	return at(l.s.Bytes(), -1)
}

// Index returns the element at index i, from the tail when negative; ok is
// false when there is none.
func (l List) Index(i int) (v Value, ok bool) {
	if l.q != nil {
		return l.q.Index(i)
	}
	return at(l.s.Bytes(), i)
}

func at(lp []byte, i int) (v Value, ok bool) {
	p := listpack.Seek(lp, i)
	if p < 0 {
		return v, false
	}
	return listpack.Get(lp, p), true
}

// DropHead removes the first n elements, all when there are fewer. With Head,
// or with a [Cursor] for several, it is a pop.
func (l *List) DropHead(n int, lim *Limits) {
	if n <= 0 {
		return
	}
	if l.q != nil {
		l.q.DropHead(n)
		l.shrink(lim, 2)
		return
	}
	lp := l.s.Bytes()
	if p := listpack.First(lp); p >= 0 {
		l.s.SetBytes(datatypes.ListPack, listpack.Delete(lp, p, n))
	}
}

// DropTail removes the last n elements, all when there are fewer.
func (l *List) DropTail(n int, lim *Limits) {
	if n <= 0 {
		return
	}
	if l.q != nil {
		l.q.DropTail(n)
		l.shrink(lim, 2)
		return
	}
	lp := l.s.Bytes()
	if n = min(n, listpack.Len(lp)); n > 0 {
		l.s.SetBytes(datatypes.ListPack, listpack.Delete(lp, listpack.Seek(lp, -n), n))
	}
}

// Set replaces the element at index i, from the tail when negative, and reports
// whether there is one. Like Redis it settles on the encoding first, for an
// index out of range too.
func (l *List) Set(i int, elem []byte, lim *Limits) bool {
	if l.q == nil {
		if !l.outgrows(len(elem), 1, lim) {
			p := listpack.Seek(l.s.Bytes(), i)
			if p < 0 {
				return false
			}
			lp := l.s.Grow(listpack.MaxGrow(elem))
			l.s.SetBytes(datatypes.ListPack, listpack.Replace(lp, p, elem))
			return true
		}
		l.toQuicklist(lim)
	}
	l.q.SetPackedThreshold(lim.PackedThreshold)
	if !l.q.Set(i, elem) {
		return false
	}
	l.shrink(lim, 2)
	return true
}

// InsertBefore puts elem before the first element equal to pivot and reports
// whether there is one.
func (l *List) InsertBefore(pivot, elem []byte, lim *Limits) bool {
	return l.insert(pivot, elem, false, lim)
}

// InsertAfter puts elem after the first element equal to pivot and reports
// whether there is one.
func (l *List) InsertAfter(pivot, elem []byte, lim *Limits) bool {
	return l.insert(pivot, elem, true, lim)
}

func (l *List) insert(pivot, elem []byte, after bool, lim *Limits) bool {
	if l.q == nil {
		if !l.outgrows(len(elem), 1, lim) {
			lp := l.s.Bytes()
			p := listpack.Find(lp, listpack.First(lp), pivot, 0)
			if p < 0 {
				return false
			}
			lp = l.s.Grow(listpack.MaxGrow(elem))
			if after {
				lp = listpack.InsertAfter(lp, p, elem)
			} else {
				lp = listpack.InsertBefore(lp, p, elem)
			}
			l.s.SetBytes(datatypes.ListPack, lp)
			return true
		}
		l.toQuicklist(lim)
	}
	l.q.SetPackedThreshold(lim.PackedThreshold)
	return l.q.Insert(pivot, elem, after)
}

// Remove deletes elements equal to elem: the first count, the last -count when
// count is negative, all when it is 0. It returns how many.
func (l *List) Remove(count int, elem []byte, lim *Limits) int {
	if l.q != nil {
		n := l.q.Remove(count, elem)
		if n > 0 {
			l.shrink(lim, 2)
		}
		return n
	}
	quota := count
	if quota < 0 {
		quota = -quota
	}
	if quota <= 0 { // 0, or the most negative int
		quota = math.MaxInt
	}
	lp, n := quicklist.Prune(l.s.Bytes(), elem, quota, count < 0)
	if n > 0 {
		l.s.SetBytes(datatypes.ListPack, lp)
	}
	return n
}

// Trim keeps the elements from start to stop, both included and from the tail
// when negative. An empty range empties the list.
func (l *List) Trim(start, stop int, lim *Limits) {
	n := l.Len()
	start, stop, ok := clamp(start, stop, n)
	if !ok {
		start, stop = n, n-1
	}
	// The tail first: the indices of start stay good.
	if l.q != nil {
		l.q.DropTail(n - 1 - stop)
		l.q.DropHead(start)
		l.shrink(lim, 2)
		return
	}
	l.DropTail(n-1-stop, lim)
	l.DropHead(start, lim)
}

// Count returns how many elements Range would yield, and the index of the first
// of them: the range clamped to the list.
func (l List) Count(start, stop int) (first, n int) {
	start, stop, ok := clamp(start, stop, l.Len())
	if !ok {
		return 0, 0
	}
	return start, stop - start + 1
}

// clamp turns the indices of a command into 0 <= start <= stop < n; ok is false
// when the range is empty.
func clamp(start, stop, n int) (int, int, bool) {
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	return start, stop, start <= stop && start < n
}

// Seek returns a cursor whose first step yields the element at index i, from
// the tail when negative. Count, Seek and [Cursor.Fill] are the fastest way to
// read a range.
func (l List) Seek(i int) Cursor {
	if l.q != nil {
		return l.q.Seek(i)
	}
	return quicklist.SeekIn(l.s.Bytes(), i)
}

// Range yields the elements from start to stop, both included and from the
// tail when negative, until yield returns false.
func (l List) Range(start, stop int, yield func(Value) bool) {
	first, n := l.Count(start, stop)
	if n == 0 {
		return
	}
	var buf [32]Value
	for c := l.Seek(first); n > 0; {
		k := c.Fill(buf[:min(n, len(buf))])
		for _, v := range buf[:k] {
			if !yield(v) {
				return
			}
		}
		if n -= k; k == 0 {
			return
		}
	}
}

// ForEach yields all elements until yield returns false.
func (l List) ForEach(yield func(Value) bool) { l.Range(0, -1, yield) }

// Pos yields the indices of elements equal to elem, as LPOS does. rank 1 begins
// at the first match, 2 at the second, -1 at the last going towards the head; it
// is not 0. At most count matches are yielded and maxlen elements compared; 0
// is no limit for either. Pos stops when yield returns false.
func (l List) Pos(elem []byte, rank, count, maxlen int, yield func(index int) bool) {
	n := l.Len()
	if n == 0 {
		return
	}
	if count == 0 {
		count = math.MaxInt
	}
	if maxlen == 0 || maxlen > n {
		maxlen = n
	}
	m := match{elem: elem}
	m.number, m.isInt = listpack.ParseInt(elem)
	if rank < 0 {
		c := l.Seek(n - 1)
		for i := n - 1; i >= n-maxlen; i-- {
			v, _ := c.Prev()
			if !m.is(&v) {
				continue
			}
			if rank++; rank >= 0 {
				if count--; !yield(i) || count == 0 {
					return
				}
			}
		}
		return
	}
	var buf [32]Value
	c := l.Seek(0)
	for i := 0; i < maxlen; {
		k := c.Fill(buf[:min(maxlen-i, len(buf))])
		for j := range buf[:k] {
			if !m.is(&buf[j]) {
				continue
			}
			if rank--; rank <= 0 {
				if count--; !yield(i+j) || count == 0 {
					return
				}
			}
		}
		i += k
	}
}

// A match is a sought element. An integer is always stored as one, so integers
// and strings never equal each other, except in a plain node, whose bytes are
// as they came.
type match struct {
	elem   []byte
	number int64
	isInt  bool
}

func (m *match) is(v *Value) bool {
	if v.IsInt {
		return m.isInt && v.Int == m.number
	}
	return string(v.Str) == string(m.elem)
}

// EachNode yields the list as a dump stores it: each node's listpack, or the
// bytes of one large element. A short list is one node.
func (l List) EachNode(yield func(plain bool, content []byte) bool) {
	if l.q != nil {
		l.q.EachNode(yield)
		return
	}
	yield(false, l.s.Bytes())
}

// Nodes returns the number of nodes, 1 for a listpack.
func (l List) Nodes() int {
	if l.q != nil {
		return l.q.Nodes()
	}
	return 1
}

// MemoryUsage returns the bytes of the value: exact, so that the number of
// samples MEMORY USAGE was given does not matter. A listpack is counted
// without the slot around it.
func (l List) MemoryUsage(samples int) int64 {
	if l.q != nil {
		return l.q.Bytes()
	}
	return int64(len(l.s.Bytes()))
}

// Check verifies the invariants of the encoding.
func (l List) Check() error {
	if l.q != nil {
		return l.q.Check()
	}
	return listpack.Validate(l.s.Bytes(), true)
}

// outgrows reports whether a listpack must become a quicklist before n elements
// of together size bytes are added to it.
func (l *List) outgrows(size, n int, lim *Limits) bool {
	lp := l.s.Bytes()
	return exceeds(lim, len(lp)+size, listpack.Len(lp)+n)
}

func exceeds(lim *Limits, size, n int) bool {
	maxBytes, maxCount := quicklist.Limits(lim.MaxListpackSize)
	return size > maxBytes || n > maxCount
}

// toQuicklist changes the encoding of a listpack.
func (l *List) toQuicklist(lim *Limits) {
	q := quicklist.New(l.s.Arena(), lim.MaxListpackSize, lim.CompressDepth)
	q.AppendListpack(l.s.Bytes())
	l.s.SetObject(datatypes.QuickList, q)
	l.q = q
}

// shrink makes a quicklist a listpack again if it has one packed node of at
// most a part-th of the limit. Only the limit that was set counts here, not the
// 8 KB that bound a node whose limit is a number of elements.
func (l *List) shrink(lim *Limits, part int) {
	if l.q.Nodes() != 1 {
		return
	}
	l.shrinkSlow(lim, part)
}

func (l *List) shrinkSlow(lim *Limits, part int) {
	lp := l.q.Single()
	if lp == nil {
		return
	}
	maxBytes, maxCount := quicklist.Limits(lim.MaxListpackSize)
	if lim.MaxListpackSize >= 0 {
		maxBytes = math.MaxInt
	}
	if len(lp) > maxBytes/part || l.q.Len() > maxCount/part {
		return
	}
	// Setting the slot's bytes may allocate from the arena and must not be
	// handed a slice of a block that is freed next: hence a copy.
	lp = append([]byte(nil), lp...)
	q := l.q
	l.q = nil
	l.s.SetBytes(datatypes.ListPack, lp)
	q.Free()
}
