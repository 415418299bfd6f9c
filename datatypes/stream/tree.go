package stream

import (
	"fmt"
	"unsafe"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// A tree is an ordered table from IDs to values of a fixed size: a B+ tree (Bayer
// and McCreight, 1972) whose pages are blocks. A stream has several of them: one
// over its nodes, one over what each group has pending, one for each consumer.
//
//	                | 5-0 | 90-0 | 97-3 |                inner page
//	          ┌────────┘      │       └───────┐
//	| 5-0  8-0  8-1  70-0 |   …   | 97-3  99-0  99-1 |   leaves
//	| val  val  val  val  |       | val   val   val  |
//
// A page is a header and two columns, each with room for cap entries:
//
//	0     2     4     8                8+16c
//	|  n  | cap |     | keys …         | values …                 |
//	  u16   u16         ms u64 seq u64   child Ref u64, or width bytes
//
// Keys stand side by side, so that a search within a page meets few cache lines.
// Entries come nearly always behind all others and go in front of all others:
// streams are read in order. A page that is full when an entry belongs behind
// its last keeps what it has, and the new entry begins the next page; so leaves
// of such trees are full. Elsewhere a full page splits in halves. A page with few
// entries left joins a neighbour that has room for them.
//
// The tree itself is plain data without pointers: it lies in the block of whom it
// belongs to, and methods are told the arena.
//
// Leaves are not chained; whoever walks past the end of one seeks the key behind
// its last, once in some sixty steps.
//
// Invariants, verified by check:
//   - all leaves are at the same depth; no page is empty or has more than full
//     entries; a root that is an inner page has at least two
//   - keys ascend strictly along a page and from leaf to leaf
//   - key i of an inner page is above all keys under child i-1, and not above any
//     under child i
//   - len is the number of entries in leaves, bytes the size of all pages
type tree struct {
	root   slab.Ref // Nil when there are no entries
	len    int64
	bytes  int64
	height int32  // of the inner pages: with 0 the root is a leaf
	stamp  uint32 // moves on with every put of a new key and every delete
	width  uint16 // bytes of a leaf's value, a multiple of 8
	full   uint16 // entries a page may have: fullPage, fewer in builds that check themselves
}

const (
	pageHeader = 8
	keyBytes   = 16
	childBytes = 8
	fullPage   = 64

	// maxHeight is more than 2^40 entries need at a quarter of a full page each.
	maxHeight = 12
)

// newTree returns an empty tree with values of width bytes.
func newTree(width int) tree {
	t := tree{width: uint16(width), full: fullPage}
	if invariants.Enabled {
		t.full = 5
	}
	return t
}

// A page is the address of one. Methods that take an index trust that it is below
// cap: what they touch then lies in the block, whose size cap was reckoned from.
type page struct{ p unsafe.Pointer }

func (p page) n() int       { return int(*(*uint16)(p.p)) }
func (p page) cap() int     { return int(*(*uint16)(unsafe.Add(p.p, 2))) }
func (p page) setN(n int)   { *(*uint16)(p.p) = uint16(n) }
func (p page) setCap(c int) { *(*uint16)(unsafe.Add(p.p, 2)) = uint16(c) }

func (p page) keyPtr(i int) unsafe.Pointer { return unsafe.Add(p.p, pageHeader+keyBytes*i) }
func (p page) key(i int) ID                { return *(*ID)(p.keyPtr(i)) }
func (p page) setKey(i int, id ID)         { *(*ID)(p.keyPtr(i)) = id }

// val returns the address of value i, of w bytes; of no bytes, that of the page, as the
// column behind the keys may be where the block ends.
func (p page) val(i, w int) unsafe.Pointer {
	if w == 0 {
		return p.p
	}
	return unsafe.Add(p.p, pageHeader+keyBytes*p.cap()+w*i)
}

func (p page) child(i int) slab.Ref       { return *(*slab.Ref)(p.val(i, childBytes)) }
func (p page) setChild(i int, r slab.Ref) { *(*slab.Ref)(p.val(i, childBytes)) = r }

// above returns how many keys of p are not behind id: the index of the first that
// is.
func (p page) above(id ID) int {
	lo, hi := 0, p.n()
	if k := p.key(hi - 1); !id.Less(k) {
		return hi // behind all others, as nearly always
	}
	for hi--; lo < hi; {
		mid := int(uint(lo+hi) >> 1)
		if id.Less(p.key(mid)) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// below returns how many keys of p are before id.
func (p page) below(id ID) int {
	i := p.above(id)
	if i > 0 && p.key(i-1) == id {
		return i - 1
	}
	return i
}

// move copies n entries from index j of q to index i of p, with values of w bytes;
// they may overlap.
func (p page) move(i int, q page, j, n, w int) {
	if n == 0 {
		return
	}
	copy(unsafe.Slice((*byte)(p.keyPtr(i)), n*keyBytes), unsafe.Slice((*byte)(q.keyPtr(j)), n*keyBytes))
	if w > 0 {
		copy(unsafe.Slice((*byte)(p.val(i, w)), n*w), unsafe.Slice((*byte)(q.val(j, w)), n*w))
	}
}

// open makes room for an entry at index i.
func (p page) open(i, w int) {
	n := p.n()
	if i < n {
		p.move(i+1, p, i, n-i, w)
	}
	p.setN(n + 1)
}

// close takes entry i out.
func (p page) close(i, w int) {
	n := p.n()
	if i+1 < n {
		p.move(i, p, i+1, n-i-1, w)
	}
	p.setN(n - 1)
}

// A place is an entry of a leaf, the zero place being none. It is good until the
// tree's keys change.
type place struct {
	page page
	i    int
}

func (at place) ok() bool { return at.page.p != nil }
func (at place) id() ID   { return at.page.key(at.i) }

// val returns the address of the value at a place.
func (t *tree) val(at place) unsafe.Pointer { return at.page.val(at.i, int(t.width)) }

// find returns the address of id's value, nil when there is no such entry.
func (t *tree) find(v *slab.View, id ID) unsafe.Pointer {
	if t.root == slab.Nil {
		return nil
	}
	p := page{v.Ptr(t.root)}
	for range t.height {
		p = page{v.Ptr(p.child(max(p.above(id)-1, 0)))}
	}
	if i := p.above(id) - 1; i >= 0 && p.key(i) == id {
		return p.val(i, int(t.width))
	}
	return nil
}

// seek returns the first entry whose key is not before id.
func (t *tree) seek(v *slab.View, id ID) place {
	if t.root == slab.Nil {
		return place{}
	}
	p := page{v.Ptr(t.root)}
	var right page // the lowest page on the way with a child behind the one taken …
	var ri int     // … and that child
	depth := int32(0)
	for d := range t.height {
		i := max(p.above(id)-1, 0)
		if i+1 < p.n() {
			right, ri, depth = p, i+1, d
		}
		p = page{v.Ptr(p.child(i))}
	}
	if i := p.below(id); i < p.n() {
		return place{p, i}
	}
	if right.p == nil {
		return place{}
	}
	p = page{v.Ptr(right.child(ri))}
	for range t.height - depth - 1 {
		p = page{v.Ptr(p.child(0))}
	}
	return place{p, 0}
}

// seekBack returns the last entry whose key is not behind id.
func (t *tree) seekBack(v *slab.View, id ID) place {
	if t.root == slab.Nil {
		return place{}
	}
	p := page{v.Ptr(t.root)}
	var left page
	var li int
	depth := int32(0)
	for d := range t.height {
		i := max(p.above(id)-1, 0)
		if i > 0 {
			left, li, depth = p, i-1, d
		}
		p = page{v.Ptr(p.child(i))}
	}
	if i := p.above(id) - 1; i >= 0 {
		return place{p, i}
	}
	if left.p == nil {
		return place{}
	}
	p = page{v.Ptr(left.child(li))}
	for range t.height - depth - 1 {
		p = page{v.Ptr(p.child(p.n() - 1))}
	}
	return place{p, p.n() - 1}
}

func (t *tree) first(v *slab.View) place { return t.seek(v, ID{}) }
func (t *tree) last(v *slab.View) place  { return t.seekBack(v, MaxID) }

// next returns the place behind at.
func (t *tree) next(v *slab.View, at place) place {
	if at.i+1 < at.page.n() {
		return place{at.page, at.i + 1}
	}
	id, ok := at.id().Next()
	if !ok {
		return place{}
	}
	return t.seek(v, id)
}

// prev returns the place before at.
func (t *tree) prev(v *slab.View, at place) place {
	if at.i > 0 {
		return place{at.page, at.i - 1}
	}
	id, ok := at.id().Prev()
	if !ok {
		return place{}
	}
	return t.seekBack(v, id)
}

// A step is a page on the way from the root to a leaf, and the entry taken there.
type step struct {
	ref slab.Ref
	i   int
}

// A way has a step for each level, the root's first.
type way [maxHeight]step

func (t *tree) widthAt(d int) int {
	if d < int(t.height) {
		return childBytes
	}
	return int(t.width)
}

// newPage makes an empty page with room for n entries, or some more.
func (t *tree) newPage(a *slab.Arena, n, w int) (page, slab.Ref) {
	each := keyBytes + w
	c := (slab.ClassSize(pageHeader+n*each) - pageHeader) / each
	c = max(n, min(c, int(t.full)))
	r := a.Alloc(pageHeader + c*each)
	t.bytes += int64(a.Cap(r))
	p := page{a.Ptr(r)}
	p.setN(0)
	p.setCap(c)
	return p, r
}

func (t *tree) freePage(a *slab.Arena, r slab.Ref) {
	t.bytes -= int64(a.Cap(r))
	a.Free(r)
}

// resize moves the page at depth d of the way to a block with room for n entries.
func (t *tree) resize(a *slab.Arena, w *way, d, n int) page {
	width := t.widthAt(d)
	was := page{a.Ptr(w[d].ref)}
	p, r := t.newPage(a, n, width)
	p.move(0, was, 0, was.n(), width)
	p.setN(was.n())
	t.freePage(a, w[d].ref)
	if w[d].ref = r; d == 0 {
		t.root = r
	} else {
		page{a.Ptr(w[d-1].ref)}.setChild(w[d-1].i, r)
	}
	return p
}

// put returns the address of id's value. When id is new, added is true and the
// value is for the caller to write.
func (t *tree) put(a *slab.Arena, id ID) (val unsafe.Pointer, added bool) {
	width := int(t.width)
	if t.root == slab.Nil {
		p, r := t.newPage(a, 1, width)
		p.setN(1)
		p.setKey(0, id)
		t.root, t.height, t.len = r, 0, 1
		t.stamp++
		return p.val(0, width), true
	}
	var w way
	r := t.root
	for d := range int(t.height) {
		p := page{a.Ptr(r)}
		i := p.above(id) - 1
		if i < 0 {
			i = 0
			p.setKey(0, id) // the lowest under it from now on
		}
		w[d] = step{r, i}
		r = p.child(i)
	}
	p := page{a.Ptr(r)}
	i := p.above(id)
	if i > 0 && p.key(i-1) == id {
		return p.val(i-1, width), false
	}
	t.len++
	t.stamp++
	w[t.height] = step{r, i}
	p, i = t.insert(a, &w, int(t.height), id)
	if invariants.Enabled {
		t.mustBeSound(&a.View)
	}
	return p.val(i, width), true
}

// insert makes an entry with the key id where w leads in the page at depth d, and
// returns where it came to stand.
func (t *tree) insert(a *slab.Arena, w *way, d int, id ID) (page, int) {
	p, i, width := page{a.Ptr(w[d].ref)}, w[d].i, t.widthAt(d)
	if n := p.n(); n == p.cap() {
		if n == int(t.full) {
			return t.split(a, w, d, id)
		}
		p = t.resize(a, w, d, min(n+n/2+1, int(t.full)))
	}
	p.open(i, width)
	p.setKey(i, id)
	return p, i
}

// split is insert for a full page: what comes behind the middle moves to a page of
// its own, or nothing does when the entry belongs behind all.
func (t *tree) split(a *slab.Arena, w *way, d int, id ID) (page, int) {
	p, i, width := page{a.Ptr(w[d].ref)}, w[d].i, t.widthAt(d)
	n := p.n()
	at := n / 2
	if i == n {
		at = n
	}
	q, r := t.newPage(a, int(t.full), width)
	q.move(0, p, at, n-at, width)
	q.setN(n - at)
	p.setN(at)
	into, where := p, i
	if i > at || i == n {
		into, where = q, i-at
	}
	into.open(where, width)
	into.setKey(where, id)
	key := q.key(0)
	if d == 0 {
		left := t.root
		root, rr := t.newPage(a, 2, childBytes)
		if t.height++; t.height >= maxHeight {
			panic(fmt.Sprintf("stream: tree of height %d over %d entries", t.height, t.len))
		}
		root.setN(2)
		root.setKey(0, p.key(0))
		root.setChild(0, left)
		root.setKey(1, key)
		root.setChild(1, r)
		t.root = rr
		return into, where
	}
	w[d-1].i++
	up, j := t.insert(a, w, d-1, key)
	up.setChild(j, r)
	return into, where
}

// delete takes the entry id out and reports whether it was there.
func (t *tree) delete(a *slab.Arena, id ID) bool {
	if t.root == slab.Nil {
		return false
	}
	var w way
	r := t.root
	for d := range int(t.height) {
		p := page{a.Ptr(r)}
		i := max(p.above(id)-1, 0)
		w[d] = step{r, i}
		r = p.child(i)
	}
	p := page{a.Ptr(r)}
	i := p.above(id) - 1
	if i < 0 || p.key(i) != id {
		return false
	}
	w[t.height] = step{r, i}
	t.len--
	t.stamp++
	t.removeAt(a, &w, int(t.height))
	if invariants.Enabled {
		t.mustBeSound(&a.View)
	}
	return true
}

// removeAt takes the entry that w leads to out of the page at depth d.
func (t *tree) removeAt(a *slab.Arena, w *way, d int) {
	p, width := page{a.Ptr(w[d].ref)}, t.widthAt(d)
	p.close(w[d].i, width)
	n := p.n()
	switch {
	case n == 0:
		t.freePage(a, w[d].ref)
		if d == 0 {
			t.root, t.height = slab.Nil, 0
		} else {
			t.removeAt(a, w, d-1)
		}
		return
	case d == 0 && d < int(t.height) && n == 1:
		t.lower(a)
		return
	}
	if n >= int(t.full)/4 || d > 0 && t.join(a, w, d) {
		return
	}
	if p.cap() > 4*n+4 {
		t.resize(a, w, d, 2*n)
	}
}

// lower takes away roots that have only one child.
func (t *tree) lower(a *slab.Arena) {
	for t.height > 0 {
		p := page{a.Ptr(t.root)}
		if p.n() > 1 {
			return
		}
		dead := t.root
		t.root = p.child(0)
		t.height--
		t.freePage(a, dead)
	}
}

// join moves the entries of the page at depth d and of a neighbour into one page,
// if that leaves room for some more.
func (t *tree) join(a *slab.Arena, w *way, d int) bool {
	up := page{a.Ptr(w[d-1].ref)}
	for i := max(w[d-1].i-1, 0); i <= w[d-1].i && i+1 < up.n(); i++ {
		if (page{a.Ptr(up.child(i))}).n()+(page{a.Ptr(up.child(i + 1))}).n() <= int(t.full)*3/4 {
			t.joinAt(a, w, d, i)
			return true
		}
	}
	return false
}

// joinAt moves the entries of child i+1 of the page above depth d to child i.
func (t *tree) joinAt(a *slab.Arena, w *way, d, i int) {
	up, width := page{a.Ptr(w[d-1].ref)}, t.widthAt(d)
	left, right := up.child(i), up.child(i+1)
	p, q := page{a.Ptr(left)}, page{a.Ptr(right)}
	w[d-1].i, w[d].ref = i, left
	n, more := p.n(), q.n()
	if p.cap() < n+more {
		p = t.resize(a, w, d, min(n+more+more/2, int(t.full)))
	}
	p.move(n, q, 0, more, width)
	p.setN(n + more)
	t.freePage(a, right)
	w[d-1].i = i + 1
	t.removeAt(a, w, d-1)
}

// release gives pages back through b until about budget blocks are in it that were
// not before, and reports whether none are left. f, unless nil, is called for the
// value of every entry. It may run on another goroutine than the former owner's.
func (t *tree) release(b *slab.Batch, budget int, f func(v unsafe.Pointer)) (done bool) {
	for stop := b.Len() + budget; t.root != slab.Nil && b.Len() < stop; {
		// The last page of the lowest level that is left goes, and the page above
		// forgets it.
		r, up := t.root, page{}
		d := 0
		for ; d < int(t.height); d++ {
			p := page{b.View().Ptr(r)}
			if p.n() == 0 {
				break
			}
			r, up = p.child(p.n()-1), p
		}
		if d == int(t.height) && f != nil {
			p := page{b.View().Ptr(r)}
			for i := range p.n() {
				f(p.val(i, int(t.width)))
			}
		}
		b.Free(r)
		if up.p == nil {
			t.root = slab.Nil
		} else {
			up.setN(up.n() - 1)
		}
	}
	return t.root == slab.Nil
}

// free gives all pages back at once.
func (t *tree) free(a *slab.Arena) {
	if t.root != slab.Nil {
		t.freeUnder(a, t.root, int(t.height))
	}
	t.root, t.height, t.len, t.bytes = slab.Nil, 0, 0, 0
	t.stamp++
}

func (t *tree) freeUnder(a *slab.Arena, r slab.Ref, height int) {
	if p := (page{a.Ptr(r)}); height > 0 {
		for i := range p.n() {
			t.freeUnder(a, p.child(i), height-1)
		}
	}
	a.Free(r)
}
