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
// the order of calls, and move at most 48 entries of a page a level. Fill takes
// O(1) a member. A member's Ref is good until it is deleted, however its score
// changes. A member of eleven bytes costs about 38 bytes, itself included.
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

// maxHeight is far more than 2^32 members need: pages of four entries on average
// would do, and a root splits only when it is full.
const maxHeight = 16

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
	ref slab.Ref
	i   int
}

// A way has a step for each level, the root's first.
type way [maxHeight]step

// find goes to the place of (k, m): w tells how, and the last step which entry of
// the leaf is the first behind it.
func (t *Tree) find(k int64, m []byte, w *way) {
	r := t.root
	for d := 0; ; d++ {
		p := t.page(r)
		i := p.below(k)
		if i < p.n() && p.key(i) == k {
			i = t.upToTied(p, i, k, m, true)
		}
		if d == t.height {
			w[d] = step{r, i}
			return
		}
		i = max(i-1, 0)
		w[d] = step{r, i}
		r = p.child(i)
	}
}

// upToTied returns how many entries of p are not behind (k, m), when those from i
// on have the key k: it halves them, since each comparison may be a cache miss.
// Without orEqual an entry equal to m is not counted.
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
	for d := range t.height {
		p := t.page(q)
		i := p.n() - 1
		w[d] = step{q, i}
		addCount(p.counts(), i, 1)
		q = p.child(i)
	}
	w[t.height] = step{q, t.page(q).n()}
	t.len++
	t.insert(&w, t.height, &e)
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
	for d := range h {
		p := t.page(w[d].ref)
		addCount(p.counts(), w[d].i, 1)
		if w[h].i == 0 {
			p.setFirst(0, e.key, e.member)
		}
	}
	t.len++
	t.insert(w, h, e)
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

// resize moves the page at depth d to a block with room for n entries.
func (t *Tree) resize(w *way, d, n int) page {
	inner := d < t.height
	was := t.page(w[d].ref)
	p, r := t.newPage(n, inner)
	copyEntries(p, 0, was, 0, was.n(), inner)
	p.setN(was.n())
	t.freePage(w[d].ref)
	if w[d].ref = r; d == 0 {
		t.root = r
	} else {
		t.page(w[d-1].ref).setChild(w[d-1].i, r)
	}
	return p
}

// insert puts e where w leads in the page at depth d. Counts and first members on
// the way there have been seen to.
func (t *Tree) insert(w *way, d int, e *entry) {
	p, inner := t.page(w[d].ref), d < t.height
	if n := p.n(); n == p.cap() {
		if n == t.full {
			t.split(w, d, e)
			return
		}
		p = t.resize(w, d, n+1)
	}
	p.insert(w[d].i, inner, e)
}

// split puts e where w leads in the page at depth d, which is full: what comes
// behind the middle moves to a page of its own.
func (t *Tree) split(w *way, d int, e *entry) {
	p, i, inner := t.page(w[d].ref), w[d].i, d < t.height
	n := p.n()
	at := n / 2
	if i == n {
		at = n
	}
	q, r := t.newPage(n-at+1, inner)
	copyEntries(q, 0, p, at, n-at, inner)
	q.setN(n - at)
	if at < n {
		p.setN(at)
		p = t.resize(w, d, at+1)
	}
	if i > at || i == n {
		q.insert(i-at, inner, e)
	} else {
		p.insert(i, inner, e)
	}
	right := entry{key: q.key(0), member: q.member(0), child: r, count: q.total(inner)}
	if d > 0 {
		up := &w[d-1]
		addCount(t.page(up.ref).counts(), up.i, -right.count)
		up.i++
		t.insert(w, d-1, &right)
		return
	}
	left := entry{key: p.key(0), member: p.member(0), child: t.root, count: p.total(inner)}
	if t.height++; t.height >= maxHeight {
		panic(fmt.Sprintf("ranktree: height %d with %d members", t.height, t.len))
	}
	p, t.root = t.newPage(2, true)
	p.set(0, true, &left)
	p.set(1, true, &right)
	p.setN(2)
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
	k := keyOf(t.Score(r))
	q := t.root
	for d := range t.height {
		p := t.page(q)
		i := t.childWith(p, r, k)
		w[d] = step{q, i}
		q = p.child(i)
	}
	w[t.height] = step{q, t.indexOf(t.page(q), r, k)}
}

// childWith returns the child of p that has member r, whose key is k.
func (t *Tree) childWith(p page, r slab.Ref, k int64) int {
	i := p.below(k)
	if i < p.n() && p.key(i) == k {
		i = t.upToTied(p, i, k, t.Member(r), true)
	}
	return max(i-1, 0)
}

// indexOf returns the index of member r, with the key k, in a leaf that has it.
// Where no other member has the key, nothing but keys is looked at.
func (t *Tree) indexOf(leaf page, r slab.Ref, k int64) int {
	i, n := leaf.below(k), leaf.n()
	if i+1 < n && leaf.key(i+1) == k {
		col := leaf.members()
		for refAt(col, i) != r && i+1 < n && leaf.key(i+1) == k {
			i++
		}
	}
	if invariants.Enabled && (i == n || leaf.member(i) != r) {
		panic(fmt.Sprintf("ranktree: member %d is not in the tree of %d", r, t.len))
	}
	return i
}

// remove takes n members out of the leaf that w leads to, from its place on.
func (t *Tree) remove(w *way, n int) {
	for d := range t.height {
		addCount(t.page(w[d].ref).counts(), w[d].i, -uint32(n))
	}
	t.len -= n
	t.removeAt(w, t.height, n)
}

// removeAt takes n entries out of the page at depth d, from its place on.
func (t *Tree) removeAt(w *way, d, n int) {
	p, inner := t.page(w[d].ref), d < t.height
	p.remove(w[d].i, n, inner)
	left := p.n()
	switch {
	case left == 0:
		t.freePage(w[d].ref)
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
	if t.stays(p, left) || d > 0 && left < t.full/4 && t.join(w, d) {
		return
	}
	if p.cap()-left > t.full/4 {
		t.resize(w, d, left+t.full/16)
	}
}

// stays reports whether a page remains in its block when n entries are left.
func (t *Tree) stays(p page, n int) bool {
	return n >= t.full/4 && n > 0 && p.cap()-n <= t.full/4
}

// newFirst tells the pages above that the first member of the page at depth d is
// another one.
func (t *Tree) newFirst(w *way, d int) {
	p := t.page(w[d].ref)
	k, r := p.key(0), p.member(0)
	for d--; d >= 0; d-- {
		t.page(w[d].ref).setFirst(w[d].i, k, r)
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

// join moves the entries of the page at depth d and of a neighbour, the left one
// or the right one, into one page, if that leaves room for some more.
func (t *Tree) join(w *way, d int) bool {
	up := t.page(w[d-1].ref)
	for i := max(w[d-1].i-1, 0); i <= w[d-1].i && i+1 < up.n(); i++ {
		if t.page(up.child(i)).n()+t.page(up.child(i+1)).n() <= t.full*3/4 {
			t.joinAt(w, d, i)
			return true
		}
	}
	return false
}

// joinAt moves the entries of child i+1 of the page above depth d to child i.
func (t *Tree) joinAt(w *way, d, i int) {
	up, inner := t.page(w[d-1].ref), d < t.height
	left, right := up.child(i), up.child(i+1)
	p, q := t.page(left), t.page(right)
	w[d-1].i, w[d].ref = i, left
	n, more := p.n(), q.n()
	if p.cap() < n+more {
		p = t.resize(w, d, n+more)
	}
	copyEntries(p, n, q, 0, more, inner)
	p.setN(n + more)
	addCount(up.counts(), i, up.count(i+1))
	t.freePage(right)
	w[d-1].i = i + 1
	t.removeAt(w, d-1, 1)
}

// UpdateScore gives member r another score and moves it to its new place.
func (t *Tree) UpdateScore(r slab.Ref, s float64) {
	if s != s {
		panic("ranktree: score NaN")
	}
	// Both ways are looked for before anything changes: neither waits for the
	// other's cache misses.
	var from, to way
	p := t.a.Ptr(r)
	m := memberAt(p)
	e := entry{key: keyOf(s), member: r}
	t.find(e.key, m, &to)
	t.findMember(r, &from)
	setScore(p, s)
	leaf := t.page(from[t.height].ref)
	switch {
	case from[t.height].ref == to[t.height].ref && leaf.reorder(from[t.height].i, to[t.height].i, &e):
	case from[t.height].ref != to[t.height].ref && t.stays(leaf, leaf.n()-1):
		t.remove(&from, 1) // the other way stays as it is
		t.placeAt(&to, &e)
	default:
		t.remove(&from, 1)
		t.place(r, e.key, m)
	}
	if invariants.Enabled {
		t.mustBeSound("UpdateScore")
	}
}

// reorder moves entry i of a leaf before what is entry j, and makes it e, unless
// another one would become the first.
func (p page) reorder(i, j int, e *entry) bool {
	if i == 0 || j == 0 {
		return false
	}
	switch {
	case j > i+1: // those between move down
		j--
		copyEntries(p, i, p, i+1, j-i, false)
	case j < i: // those between move up
		copyEntries(p, j+1, p, j, i-j, false)
	default:
		j = i
	}
	p.set(j, false, e)
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
		place := w[t.height]
		leaf := t.page(place.ref)
		k := min(left, leaf.n()-place.i)
		for i := range k {
			r := leaf.member(place.i + i)
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
