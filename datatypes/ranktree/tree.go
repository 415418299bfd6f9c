// Package ranktree keeps members in order of a score, and of their bytes where
// scores are equal, and knows the rank of each: the ordered half of a large
// sorted set, where Redis has a skip list.
//
//	t := ranktree.New(arena, seed)
//	r := t.Insert(1.5, []byte("ada"))
//	at := t.SeekScore(1, false)             // the first with a score >= 1
//	var refs [16]slab.Ref
//	for n := t.Fill(&at, refs[:]); n > 0; n = t.Fill(&at, refs[:]) { … t.At(refs[0]) … }
//
// A member is one block of the arena. The same block serves as the element of a
// [dict.Table] with keyOff [KeyOff], so that a sorted set finds a member by its
// name without storing it twice.
//
// # Guarantees
//
// Insert, Delete, UpdateScore, Rank and the seeks take O(log n) time, whatever
// the order of calls, and move at most 64 entries of a page a level. Fill takes
// O(1) a member. A member's Ref is good until it is deleted, however its score
// changes. A member of eleven bytes costs about 39 bytes, itself included.
//
// A tree holds fewer than 2^32 members. Scores may be infinite but not NaN.
// Members are not checked for being there twice: that is the dict's part.
//
// # Who may call, who owns
//
// One goroutine; any number of readers while nobody writes. Members passed in
// are copied. Members handed out alias their block, and are good until it is
// deleted. A [Position] is good until the tree changes.
package ranktree

import (
	"bytes"
	"fmt"
	"math"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// A Tree is a B+ tree (Bayer and McCreight, 1972) that counts: an inner page
// knows of each child how many members are under it and which is the first.
//
//	            | a: 5 | f: 4 | m: 6 |                      inner pages
//	         ┌─────┘      │       └──────────┐
//	| a b c d e |   | f g h k |   | m n o p q r |           leaves
//	  │ │ │ │ │       …                                     Refs of the members
//
// A search goes from the root to a leaf and compares keys that stand side by
// side, so it meets a cache line or two a page; the members themselves are
// touched only where scores are equal. A rank is the sum of the counts to the
// left of the way, and a way by rank subtracts them.
//
// Leaves are not chained. Whoever walks past the end of one descends anew by
// rank, once in some forty members, and pages may move without telling their
// neighbours: they are always as small as their entries allow (page.go).
//
// A skip list with spans, as Redis has it, takes twice as long for an update and
// three times as long for a range of ten among 100,000 members (BenchmarkUpdate
// and BenchmarkRange10 run both): each of its some twenty steps is a cache miss
// that tells where the next will be.
//
// # Growing and shrinking
//
// A page that is full when an entry is to be added splits in two halves, or, when
// the entry belongs behind all others, keeps its entries and has the new one
// begin a page: so members that come in order fill their leaves. A page with
// few entries left joins a neighbour that has room for them. There is no further
// balancing, as a page pays only for what it has.
//
// Invariants, verified by Check:
//   - all leaves are at the same depth; no page is empty, and none has more than
//     full entries; a root that is an inner page has at least two
//   - (key, member) ascends strictly along each page and from leaf to leaf
//   - a leaf's keys are those of its members' scores
//   - an inner page's entry has the key and the Ref of the first member under it,
//     and their number
//   - len is what a walk finds, bytes the size of all pages
type Tree struct {
	a      *slab.Arena
	root   slab.Ref // Nil when there are no members
	height int      // of the inner pages: with 0 the root is a leaf
	len    int
	bytes  int64
	full   int // entries a page may have: fullPage, fewer in builds that check themselves
}

// maxHeight is far more than 2^32 members need: pages of 3 entries on average
// would do, and a root splits only when it has 64 children.
const maxHeight = 24

// New returns an empty tree, whose members and pages will be blocks of a.
func New(a *slab.Arena, seed uint64) *Tree {
	t := new(Tree)
	t.Init(a, seed)
	return t
}

// Init makes t an empty tree, as New does. The seed decides how large pages are
// in builds that check themselves, and nothing else.
func (t *Tree) Init(a *slab.Arena, seed uint64) {
	*t = Tree{a: a, full: fullPage}
	if invariants.Enabled {
		t.full = 4 + int(seed%(fullPage-3))
	}
}

// Len returns the number of members.
func (t *Tree) Len() int { return t.len }

// Bytes returns the memory of the pages: what the tree takes beside the members.
func (t *Tree) Bytes() int64 { return t.bytes }

// Score returns the score of member r.
func (t *Tree) Score(r slab.Ref) float64 { return score(t.a.Ptr(r)) }

// Member returns the name of member r.
func (t *Tree) Member(r slab.Ref) []byte { return memberAt(t.a.Ptr(r)) }

// At returns the name and the score of member r.
func (t *Tree) At(r slab.Ref) ([]byte, float64) {
	p := t.a.Ptr(r)
	return memberAt(p), score(p)
}

func (t *Tree) page(r slab.Ref) page { return page{t.a.Ptr(r)} }

// A step is a page on the way from the root to a leaf, and the entry taken: a
// child, or in the leaf the place of a member.
type step struct {
	page
	i int
}

// A way has a step for each level, the root's first.
type way [maxHeight]step

// find goes to the place of (k, m): w tells how, and the last step which entry of
// the leaf is the first behind it.
func (t *Tree) find(k int64, m []byte, w *way) {
	r := t.root
	for d := 0; ; d++ {
		p := t.page(r)
		i := t.upTo(p, k, m)
		if d == t.height {
			w[d] = step{p, i}
			return
		}
		i = max(i-1, 0)
		w[d] = step{p, i}
		r = p.child(i)
	}
}

// upTo returns how many entries of p are not behind (k, m).
func (t *Tree) upTo(p page, k int64, m []byte) int {
	i := p.below(k)
	if i < p.n() && p.key(i) == k {
		return t.upToTied(p, i, k, m, true)
	}
	return i
}

// upToTied is upTo where entries from i on have the key k: it halves them, since
// each comparison may be a cache miss. Without orEqual an entry equal to m is
// not counted.
func (t *Tree) upToTied(p page, i int, k int64, m []byte, orEqual bool) int {
	j := p.n()
	if p.key(j-1) != k {
		j = p.below(k + 1) // keys end before those of NaNs, far from overflow
	}
	col := p.members()
	for i < j {
		mid := int(uint(i+j) / 2)
		c := bytes.Compare(t.Member(refAt(col, mid)), m)
		if c < 0 || c == 0 && orEqual {
			i = mid + 1
		} else {
			j = mid
		}
	}
	return i
}

// Insert adds a member and returns its block. The caller knows that it is not
// there.
func (t *Tree) Insert(s float64, m []byte) slab.Ref {
	r := t.newMember(s, m)
	t.place(r, keyOf(s), m)
	if invariants.Enabled {
		t.mustBeSound("Insert")
	}
	return r
}

// Append is Insert for a member that comes behind all others.
func (t *Tree) Append(s float64, m []byte) slab.Ref {
	r := t.newMember(s, m)
	e := entry{key: keyOf(s), member: r}
	if t.root == slab.Nil {
		t.plant(&e)
		return r
	}
	var w way
	q := t.root
	for d := 0; d < t.height; d++ {
		p := t.page(q)
		i := p.n() - 1
		w[d] = step{p, i}
		addCount(p.counts(), i, 1)
		q = p.child(i)
	}
	leaf := t.page(q)
	w[t.height] = step{leaf, leaf.n()}
	t.len++
	t.insert(&w, t.height, leaf.n(), &e)
	return r
}

// newMember makes a member that is in no page yet.
func (t *Tree) newMember(s float64, m []byte) slab.Ref {
	if s != s || uint64(t.len) >= math.MaxUint32 {
		panic(fmt.Sprintf("ranktree: score %v for member %d", s, t.len))
	}
	n := KeyOff + dict.KeySize(len(m))
	r := t.a.Alloc(n)
	b := t.a.Bytes(r, n)
	dict.PutKey(b[KeyOff:], m)
	setScore(t.a.Ptr(r), s)
	return r
}

// place puts member r where (k, m) belongs.
func (t *Tree) place(r slab.Ref, k int64, m []byte) {
	e := entry{key: k, member: r}
	if t.root == slab.Nil {
		t.plant(&e)
		return
	}
	var w way
	t.find(k, m, &w)
	t.placeAt(&w, &e)
}

// plant makes e the only member.
func (t *Tree) plant(e *entry) {
	p, r := t.newPage(1, false)
	p.insert(0, false, e)
	t.root, t.height, t.len = r, 0, 1
}

// placeAt puts e where w leads. Only on the way of first entries does it become
// the first of a leaf, and so of all pages above.
func (t *Tree) placeAt(w *way, e *entry) {
	h := t.height
	i := w[h].i
	for d := range h {
		addCount(w[d].counts(), w[d].i, 1)
		if i == 0 {
			w[d].setFirst(0, e.key, e.member)
		}
	}
	t.len++
	t.insert(w, h, i, e)
}

// room returns how many entries fit the block that n need.
func (t *Tree) room(n int, inner bool) int {
	c := (slab.ClassSize(header+n*width(inner)) - header) / width(inner)
	return max(n, min(c, t.full))
}

// newPage makes an empty page with room for n entries, or some more.
func (t *Tree) newPage(n int, inner bool) (page, slab.Ref) {
	c := t.room(n, inner)
	r := t.a.Alloc(header + c*width(inner))
	t.bytes += int64(t.a.Cap(r))
	p := t.page(r)
	p.setN(0)
	p.setCap(c)
	return p, r
}

func (t *Tree) freePage(r slab.Ref) {
	t.bytes -= int64(t.a.Cap(r))
	t.a.Free(r)
}

// ref returns the Ref of the page at depth d of a way.
func (t *Tree) ref(w *way, d int) slab.Ref {
	if d == 0 {
		return t.root
	}
	return w[d-1].child(w[d-1].i)
}

// setRef tells the page above, or the tree, that the page at depth d moved.
func (t *Tree) setRef(w *way, d int, r slab.Ref) {
	if d == 0 {
		t.root = r
	} else {
		w[d-1].setChild(w[d-1].i, r)
	}
}

// resize moves the page at depth d to a block with room for n entries.
func (t *Tree) resize(w *way, d, n int) {
	inner := d < t.height
	old, was := t.ref(w, d), w[d].page
	p, r := t.newPage(n, inner)
	copyEntries(p, 0, was, 0, was.n(), inner)
	p.setN(was.n())
	w[d].page = p
	t.setRef(w, d, r)
	t.freePage(old)
}

// insert puts e at index i of the page at depth d. Counts and first members on
// the way there have been seen to.
func (t *Tree) insert(w *way, d, i int, e *entry) {
	n, inner := w[d].n(), d < t.height
	if n == w[d].cap() {
		if n == t.full {
			t.split(w, d, i, e)
			return
		}
		t.resize(w, d, n+1)
	}
	w[d].page.insert(i, inner, e)
}

// split puts e at index i of the page at depth d, which is full: what comes
// behind the middle moves to a page of its own.
func (t *Tree) split(w *way, d, i int, e *entry) {
	p, inner := w[d].page, d < t.height
	n := p.n()
	at := n / 2
	if i == n {
		at = n
	}
	var q page
	var r slab.Ref
	if i > at || i == n {
		q, r = t.newPage(n-at+1, inner)
		copyEntries(q, 0, p, at, n-at, inner)
		q.setN(n - at)
		q.insert(i-at, inner, e)
		p.setN(at)
		if at < n {
			t.resize(w, d, at)
		}
	} else {
		q, r = t.newPage(n-at, inner)
		copyEntries(q, 0, p, at, n-at, inner)
		q.setN(n - at)
		p.setN(at)
		t.resize(w, d, at+1)
		w[d].page.insert(i, inner, e)
	}
	right := entry{key: q.key(0), member: q.member(0), child: r, count: q.total(inner)}
	if d > 0 {
		up := &w[d-1]
		addCount(up.counts(), up.i, -right.count)
		t.insert(w, d-1, up.i+1, &right)
		return
	}
	p = w[0].page
	left := entry{key: p.key(0), member: p.member(0), child: t.root, count: p.total(inner)}
	if t.height++; t.height >= maxHeight {
		panic(fmt.Sprintf("ranktree: height %d with %d members", t.height, t.len))
	}
	p, t.root = t.newPage(2, true)
	p.insert(0, true, &left)
	p.insert(1, true, &right)
}

// Delete removes member r and frees its block.
func (t *Tree) Delete(r slab.Ref) {
	var w way
	t.findMember(r, &w)
	t.remove(&w, 1)
	t.a.Free(r)
	if invariants.Enabled {
		t.mustBeSound("Delete")
	}
}

// findMember goes to member r itself.
func (t *Tree) findMember(r slab.Ref, w *way) {
	p := t.a.Ptr(r)
	t.find(keyOf(score(p)), memberAt(p), w)
	leaf := &w[t.height]
	if leaf.i--; leaf.i < 0 || leaf.member(leaf.i) != r {
		panic(fmt.Sprintf("ranktree: member %d is not in the tree of %d", r, t.len))
	}
}

// remove takes n members out of the leaf that w leads to, from its place on.
func (t *Tree) remove(w *way, n int) {
	for d := range t.height {
		addCount(w[d].counts(), w[d].i, -uint32(n))
	}
	t.len -= n
	t.removeAt(w, t.height, n)
}

// removeAt takes n entries out of the page at depth d, from its place on.
func (t *Tree) removeAt(w *way, d, n int) {
	p, inner := w[d].page, d < t.height
	p.remove(w[d].i, n, inner)
	left := p.n()
	switch {
	case left == 0:
		t.freePage(t.ref(w, d))
		if d == 0 {
			t.root, t.height = slab.Nil, 0
		} else {
			t.removeAt(w, d-1, 1)
		}
		return
	case d == 0 && inner && left == 1:
		t.lower()
		return
	case w[d].i == 0:
		t.newFirst(w, d)
	}
	if d > 0 && left < t.full/4 && t.join(w, d) {
		return
	}
	if p.cap()-left > t.full/4 {
		t.resize(w, d, left+t.full/16)
	}
}

// newFirst tells the pages above that the first member of the page at depth d is
// another one.
func (t *Tree) newFirst(w *way, d int) {
	k, r := w[d].key(0), w[d].member(0)
	for d--; d >= 0; d-- {
		w[d].setFirst(w[d].i, k, r)
		if w[d].i != 0 {
			return
		}
	}
}

// lower takes away roots that have only one child.
func (t *Tree) lower() {
	for t.height > 0 {
		p := t.page(t.root)
		if p.n() > 1 {
			return
		}
		dead := t.root
		t.root = p.child(0)
		t.height--
		t.freePage(dead)
	}
}

// join moves the entries of the page at depth d and of a neighbour into one page,
// if that leaves room for some more.
func (t *Tree) join(w *way, d int) bool {
	up := &w[d-1]
	for _, i := range [2]int{up.i - 1, up.i} { // with the left one, else the right one
		if i < 0 || i+1 >= up.n() {
			continue
		}
		if t.page(up.child(i)).n()+t.page(up.child(i+1)).n() > t.full*3/4 {
			continue
		}
		t.joinAt(w, d, i)
		return true
	}
	return false
}

// joinAt moves the entries of child i+1 of the page above depth d to child i.
func (t *Tree) joinAt(w *way, d, i int) {
	up, inner := &w[d-1], d < t.height
	from := up.child(i + 1)
	q := t.page(from)
	up.i = i
	w[d].page = t.page(up.child(i))
	n, more := w[d].n(), q.n()
	if w[d].cap() < n+more {
		t.resize(w, d, n+more)
	}
	copyEntries(w[d].page, n, q, 0, more, inner)
	w[d].setN(n + more)
	addCount(up.counts(), i, up.count(i+1))
	t.freePage(from)
	up.i = i + 1
	t.removeAt(w, d-1, 1)
}

// UpdateScore gives member r another score and moves it to its new place. A
// member that keeps its neighbours, or at least its leaf, is moved there alone.
func (t *Tree) UpdateScore(r slab.Ref, s float64) {
	if s != s {
		panic("ranktree: score NaN")
	}
	var w way
	t.findMember(r, &w)
	p := t.a.Ptr(r)
	k, m := keyOf(s), memberAt(p)
	setScore(p, s)
	if leaf := &w[t.height]; !t.moveWithin(leaf, r, k, m) {
		t.remove(&w, 1)
		t.place(r, k, m)
	}
	if invariants.Enabled {
		t.mustBeSound("UpdateScore")
	}
}

// moveWithin moves the member that leaf leads to to the place of (k, m), if both
// are inside the leaf and neither is its end: nobody else need hear of it.
func (t *Tree) moveWithin(leaf *step, r slab.Ref, k int64, m []byte) bool {
	p, from, last := leaf.page, leaf.i, leaf.n()-1
	if from == 0 || k <= p.key(0) || k >= p.key(last) {
		return false
	}
	// The member still stands where it was, maybe with the very key k.
	to := p.below(k)
	if p.key(to) == k && !(to == from && p.key(to+1) != k) {
		return false
	}
	switch {
	case to > from+1: // those between move down
		to--
		copyEntries(p, from, p, from+1, to-from, false)
	case to < from: // those between move up
		copyEntries(p, to+1, p, to, from-to, false)
	default:
		to = from
	}
	p.setFirst(to, k, r)
	return true
}

// DeleteRange removes n members from the given rank on, fewer when the tree ends
// before, and returns how many. f, unless nil, is called for each member before
// its block is freed; it must not touch the tree otherwise.
func (t *Tree) DeleteRange(rank, n int, f func(r slab.Ref)) int {
	if n = min(n, t.len-rank); n <= 0 {
		return 0
	}
	for left := n; left > 0; {
		var w way
		t.findRank(rank, &w)
		leaf := &w[t.height]
		k := min(left, leaf.n()-leaf.i)
		for i := range k {
			r := leaf.member(leaf.i + i)
			if f != nil {
				f(r)
			}
			t.a.Free(r)
		}
		t.remove(&w, k)
		left -= k
	}
	if invariants.Enabled {
		t.mustBeSound("DeleteRange")
	}
	return n
}

// Release gives about budget pages back through b and reports whether none are
// left. The members are the dict's to give back. It may run on another goroutine
// than the tree's former owner.
func (t *Tree) Release(b *slab.Batch, budget int) (done bool) {
	for ; budget > 0 && t.root != slab.Nil; budget-- {
		// The last page of the lowest level that is left goes, and the page above
		// forgets it.
		r, up := t.root, page{}
		for range t.height {
			p := page{b.View().Ptr(r)}
			if p.n() == 0 {
				break
			}
			r, up = p.child(p.n()-1), p
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
