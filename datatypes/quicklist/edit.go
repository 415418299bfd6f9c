package quicklist

import (
	"math"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
)

// This file changes lists elsewhere than at their ends.

// Insert puts elem before or after the first element equal to pivot and reports
// whether there is one.
func (l *List) Insert(pivot, elem []byte, after bool) bool {
	var buf []byte
	for r := l.head; r != slab.Nil; {
		n := l.at(r)
		b := l.read(n, &buf)
		if !n.packed() {
			if string(b) == string(pivot) {
				l.insert(r, 0, elem, after)
				return true
			}
		} else if p := listpack.Find(b, headerSize, pivot, 0); p >= 0 {
			l.insert(r, p, elem, after)
			return true
		}
		r = n.next
	}
	return false
}

// insert puts elem next to the element at p of node r.
//
//	room in the node          insert there
//	outermost element         into the neighbour on that side, if it has room;
//	                          else a node of its own between the two
//	full, in the middle       split at that place, insert at one of the new
//	                          ends, merge what has become small
func (l *List) insert(r slab.Ref, p int, elem []byte, after bool) {
	n := l.at(r)
	q := p // where elem shall stand
	outer := true
	if n.packed() {
		l.unpack(n)
		b := l.content(n)
		if after {
			if q = listpack.Next(b, p); q < 0 {
				q = listpack.End(b)
			}
			outer = q == listpack.End(b)
		} else {
			outer = q == headerSize
		}
	}
	switch {
	case l.fits(n, len(elem)):
		l.insertAt(n, q, elem)
		l.settle(r)
	case outer && after:
		l.between(r, n.next, elem, true)
		l.settle(r)
	case outer:
		l.between(n.prev, r, elem, false)
		l.settle(r)
	default:
		right := l.split(r, q)
		l.between(r, right, elem, after)
		l.settle(right)
		l.merge(r)
	}
	l.verify()
}

// insertAt puts elem at position q of a packed, uncompressed node.
func (l *List) insertAt(n *node, q int, elem []byte) {
	if q == headerSize {
		l.prependTo(n, elem)
		return
	}
	need := listpack.MaxGrow(elem)
	if n.room()-int(n.off)-int(n.size) < need {
		l.makeRoom(n, need, false)
	}
	b := listpack.InsertBefore(l.content(n), q, elem)
	n.size = uint64(len(b))
	n.count++
	l.count++
}

// between puts elem between two neighbouring nodes, either of which may be
// none: into one that has room, the right one first when right is set, or into
// a node of its own.
func (l *List) between(prev, next slab.Ref, elem []byte, right bool) {
	canLeft := prev != slab.Nil && l.fits(l.at(prev), len(elem))
	canRight := next != slab.Nil && l.fits(l.at(next), len(elem))
	switch {
	case canRight && (right || !canLeft):
		n := l.at(next)
		l.unpack(n)
		l.prependTo(n, elem)
		l.settle(next)
	case canLeft:
		n := l.at(prev)
		l.unpack(n)
		l.appendTo(n, elem)
		l.settle(prev)
	default:
		l.newNode(prev, next, elem, false)
	}
}

// split moves the elements from position q on into a new node after r and
// returns that. q is neither the first element nor the end.
func (l *List) split(r slab.Ref, q int) slab.Ref {
	n := l.at(r)
	l.unpack(n)
	b := l.content(n)
	left := 0
	for p := headerSize; p < q; p = listpack.Next(b, p) {
		left++
	}
	moved := b[q : len(b)-1]
	m := l.link(r, n.next, listpack.EmptySize+len(moved))
	mb := listpack.AppendSpan(listpack.AppendEmpty(l.content(m)), moved, int(n.count)-left)
	m.size, m.count = uint64(len(mb)), n.count-uint32(left)

	b[q] = endByte
	n.size, n.count = uint64(q+1), uint32(left)
	putHeader(l.content(n), n.count)
	l.trim(n)
	return n.next
}

// merge joins the small nodes around r: the two before it, the two after it,
// then it with what is beside it.
func (l *List) merge(r slab.Ref) {
	n := l.at(r)
	if prev := n.prev; prev != slab.Nil {
		l.join(l.at(prev).prev, prev)
	}
	if next := n.next; next != slab.Nil {
		l.join(next, l.at(next).next)
	}
	if prev := n.prev; l.join(prev, r) {
		r = prev
	}
	l.join(r, l.at(r).next)
}

// join moves all of b into a, its left neighbour, if both are packed and fit
// into one node, and reports whether it did.
func (l *List) join(a, b slab.Ref) bool {
	if a == slab.Nil || b == slab.Nil {
		return false
	}
	na, nb := l.at(a), l.at(b)
	size := l.sizeOf(na) + l.sizeOf(nb) - listpack.EmptySize
	if !na.packed() || !nb.packed() || size > l.maxBytes || int(na.count)+int(nb.count) > l.maxCount {
		return false
	}
	l.unpack(na)
	l.unpack(nb)
	if na.room()-int(na.off) < size {
		l.move(na, max(size, na.room()), 0)
	}
	c := listpack.Concat(l.content(na), l.content(nb))
	na.size = uint64(len(c))
	na.count += nb.count
	l.count += int(nb.count) // unlink takes them off again
	l.unlink(b)
	l.settle(a)
	return true
}

// Set replaces the element at index i, from the tail when negative, and reports
// whether there is one.
func (l *List) Set(i int, elem []byte) bool {
	r, k := l.find(i)
	if r == slab.Nil {
		return false
	}
	n := l.at(r)
	large := len(elem) >= l.large
	if !n.packed() {
		l.setPlain(r, n, elem, large)
		l.verify()
		return true
	}
	l.unpack(n)
	b := l.content(n)
	p := listpack.Seek(b, k)
	need := listpack.MaxGrow(elem)
	// Like Redis, a replacement may take a node past its limit; unlike it,
	// not without end.
	if !large && (len(b)+need <= 4*l.maxBytes || n.count == 1) {
		if n.room()-int(n.off)-len(b) < need {
			l.makeRoom(n, need, false)
			b = l.content(n)
		}
		b = listpack.Replace(b, p, elem)
		l.shrunk(r, n, b, 0)
		l.verify()
		return true
	}
	// A node of its own: split behind the element, drop it, put the new
	// node in its place.
	if n.count == 1 {
		l.newNode(r, n.next, elem, false)
		l.remove(r)
	} else {
		if q := listpack.Next(b, p); q >= 0 {
			l.split(r, q)
		}
		l.newNode(r, n.next, elem, false)
		l.unpack(n) // newNode may have packed it, being interior now
		b = l.content(n)
		last := listpack.Last(b)
		mid := n.next
		l.shrunk(r, n, listpack.Delete(b, last, 1), 1)
		l.merge(mid)
	}
	l.verify()
	return true
}

// setPlain replaces the element of the plain node r.
func (l *List) setPlain(r slab.Ref, n *node, elem []byte, large bool) {
	if !large {
		l.between(r, n.next, elem, true)
		l.remove(r)
		return
	}
	l.freeData(n)
	data, class := l.alloc(len(elem))
	n.data, n.room8, n.off = data, uint32(class/8), 0
	n.size, n.flags = uint64(len(elem)), flagPlain
	copy(l.content(n), elem)
	l.settle(r)
}

// Remove deletes elements equal to elem: the first count of them, the last
// -count when count is negative, all when it is 0. It returns how many.
func (l *List) Remove(count int, elem []byte) int {
	quota, removed := count, 0
	r := l.head
	if count < 0 {
		quota, r = -count, l.tail
	}
	if quota <= 0 { // 0, or the most negative int
		quota = math.MaxInt
	}
	var buf []byte
	for r != slab.Nil && removed < quota {
		n := l.at(r)
		next := n.next
		if count < 0 {
			next = n.prev
		}
		b := l.read(n, &buf)
		switch {
		case !n.packed():
			if string(b) == string(elem) {
				l.remove(r)
				removed++
			}
		case listpack.Find(b, headerSize, elem, 0) >= 0:
			l.unpack(n)
			b, k := Prune(l.content(n), elem, quota-removed, count < 0)
			l.shrunk(r, n, b, k)
			removed += k
		}
		r = next
	}
	l.verify()
	return removed
}

// Prune deletes at most quota elements equal to elem from a listpack, the last
// ones when fromTail is set, moving the bytes between them once. It returns the
// listpack, edited in place, and how many were deleted.
func Prune(lp, elem []byte, quota int, fromTail bool) ([]byte, int) {
	skip := 0
	if fromTail {
		total := 0
		for p := listpack.First(lp); p >= 0; p = listpack.Next(lp, p) {
			if p = listpack.Find(lp, p, elem, 0); p < 0 {
				break
			}
			total++
		}
		skip = max(total-quota, 0)
	}
	// w is where kept bytes go, from where they begin now.
	w, from, removed, count := 0, 0, 0, listpack.Len(lp)
	for p := listpack.First(lp); p >= 0 && removed < quota; {
		if p = listpack.Find(lp, p, elem, 0); p < 0 {
			break
		}
		next := listpack.Next(lp, p)
		if skip > 0 {
			skip--
		} else {
			if removed == 0 {
				w = p
			} else {
				w += copy(lp[w:], lp[from:p])
			}
			from = listpack.End(lp)
			if next >= 0 {
				from = next
			}
			removed++
		}
		p = next
	}
	if removed == 0 {
		return lp, 0
	}
	w += copy(lp[w:], lp[from:])
	lp = lp[:w]
	putHeader(lp, uint32(count-removed))
	return lp, removed
}
