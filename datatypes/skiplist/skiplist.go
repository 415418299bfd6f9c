// Package skiplist keeps members in order of a score, and of their bytes where
// scores are equal: the ordered half of a large sorted set in Redis.
//
// Here package zset uses a [ranktree.Tree] for that, which is measured against
// this: the benchmarks of package ranktree run both. Who wants to know Redis's
// structure finds it in this package.
//
//	l := skiplist.New(arena, seed)
//	r := l.Insert(1.5, []byte("ada"))
//	r, rank := l.SeekScore(1, false)      // the first with a score >= 1
//	for ; r != slab.Nil; r = l.Next(r) { … l.Member(r), l.Score(r) … }
//
// A node is one block of the arena. The same block serves as the element of a
// [dict.Table] with keyOff [KeyOff], so that a sorted set finds a member by its
// name without storing it twice.
//
// # Guarantees
//
// Insert, Delete, UpdateScore, Rank, ByRank and the seeks take O(log n) expected
// time, whatever the order of calls; Next, Prev, First and Last O(1). A node's
// Ref is good until it is deleted, however its score changes. A member of
// eleven bytes costs 40 bytes on average, itself included.
//
// A list holds fewer than 2^32 members. Scores may be infinite but not NaN.
// Members are not checked for being there twice: that is the dict's part.
//
// # Who may call, who owns
//
// One goroutine; any number of readers while nobody writes. Members passed in
// are copied. Members handed out alias the node, and are good until it is
// deleted.
//
// [ranktree.Tree]: https://pkg.go.dev/github.com/redweave/redweave/datatypes/ranktree#Tree
package skiplist

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// A List is a skip list (Pugh, CACM 1990) with spans, as in Redis: sorted
// chains, each a random quarter of the one below, and every link knows how
// many members it passes.
//
//	head
//	 3 ├──────────────── 5 ───────────────→ e ──────── 3 ────────→ ·   level 3
//	 2 ├───── 2 ────→ b ────── 3 ─────────→ e ──────── 3 ────────→ ·
//	 1 ├───── 2 ────→ b ── 1 ─→ c ─── 2 ──→ e ───── 2 ────→ g ─ 1 → ·
//	 0 ├→ a ⇄ b ⇄ c ⇄ d ⇄ e ⇄ f ⇄ g ⇄ h                                all, both ways
//
// A search starts at the top of head, goes right while the next node is before
// what it looks for, then a level down. It meets 3 nodes a level and log4(n)
// levels on average: the expected shape depends on the dice alone, never on
// the data. The spans of the links it followed add up to the rank.
//
// From a node, going forward by the highest link each time until the list ends
// adds up to the members behind it: [List.Rank] compares nothing.
//
// Changes need no second pass, and mostly no list of the links passed: whoever
// deletes a node knows its level, so links above it lose one from their span as
// the search goes by, and links to it are closed on the spot. Only a node that
// comes in with a tower of its own has to wait, at each level, for the rank it
// ends up with.
//
// p = 1/4 as in Redis: with p = 1/2 a seek among 100,000 members is a tenth
// faster and a change no faster, for 16 bytes more a member.
//
// Invariants, verified by Check:
//   - along level 0, (score, member) ascends strictly, and prev mirrors next
//   - level i chains exactly the nodes of level > i, in the same order
//   - a link's score, level and tower are those of the node it leads to
//   - a link's span is the distance in level 0, or to the last member where
//     there is no next; such a link's score is +Inf
//   - head has levels-1 links in use, the topmost not empty unless levels is 1
//   - len and tail are what a walk finds
type List struct {
	a      *slab.Arena
	head   slab.Ref
	tail   slab.Ref // the last node, Nil when there is none
	len    int
	levels int    // of the highest node, at least 1
	room   int    // levels that head's block has room for
	dice   uint64 // state of the random source
}

// maxLevel is enough for as many nodes as a 40-bit Ref can name: 4^20 = 2^40.
const maxLevel = 20

const firstRoom = 4 // levels that head starts with

// New returns an empty list, whose nodes will be blocks of a. Levels are drawn
// from a sequence that seed determines.
func New(a *slab.Arena, seed uint64) *List {
	l := new(List)
	l.Init(a, seed)
	return l
}

// Init makes l an empty list, as New does.
func (l *List) Init(a *slab.Arena, seed uint64) {
	*l = List{a: a, levels: 1, dice: seed}
	l.newHead(firstRoom)
}

// newHead moves the head to a block with room for more levels.
func (l *List) newHead(room int) {
	n := nodeSize(0, room)
	r := l.a.Alloc(n)
	b := l.a.Bytes(r, n)
	if l.head == slab.Nil {
		clear(b)
	} else {
		copy(b, l.a.Bytes(l.head, nodeSize(0, l.levels)))
		l.a.Free(l.head)
	}
	l.head, l.room = r, room
}

// Len returns the number of members.
func (l *List) Len() int { return l.len }

// Score returns the score of node r.
func (l *List) Score(r slab.Ref) float64 { return score(l.a.Ptr(r)) }

// Member returns the member of node r.
func (l *List) Member(r slab.Ref) []byte { return member(l.a.Ptr(r)) }

// At returns the member and the score of node r.
func (l *List) At(r slab.Ref) ([]byte, float64) {
	p := l.a.Ptr(r)
	return member(p), score(p)
}

// First returns the first node, Nil when there is none.
func (l *List) First() slab.Ref { return next(l.a.Ptr(l.head)) }

// Last returns the last node, Nil when there is none.
func (l *List) Last() slab.Ref { return l.tail }

// Next returns the node after r, Nil when r is the last.
func (l *List) Next(r slab.Ref) slab.Ref { return next(l.a.Ptr(r)) }

// Prev returns the node before r, Nil when r is the first.
func (l *List) Prev(r slab.Ref) slab.Ref { return prev(l.a.Ptr(r)) }

// Insert adds a member and returns its node. The caller knows that the member
// is not there.
func (l *List) Insert(s float64, m []byte) slab.Ref {
	lev := l.roll()
	r, p := l.newNode(s, m, lev)
	l.place(r, p, s, member(p), lev)
	if invariants.Enabled {
		l.mustBeSound("Insert")
	}
	return r
}

// roll draws a level, n with the probability 3/4 · (1/4)^(n-1): one more than
// half the zeros that a random number begins with. The numbers are SplitMix64's
// (Steele, Lea, Flood).
func (l *List) roll() int {
	l.dice += 0x9E3779B97F4A7C15
	z := l.dice
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return 1 + min(bits.LeadingZeros64(z)/2, maxLevel-1)
}

// newNode makes a node that is in no chain yet.
func (l *List) newNode(s float64, m []byte, lev int) (slab.Ref, unsafe.Pointer) {
	if s != s || uint64(l.len) >= math.MaxUint32 {
		panic(fmt.Sprintf("skiplist: score %v for member %d", s, l.len))
	}
	if lev > l.levels {
		l.raise(lev)
	}
	n := nodeSize(len(m), lev)
	r := l.a.Alloc(n)
	p := l.a.Ptr(r)
	setScore(p, s)
	*(*uint8)(unsafe.Add(p, levelAt)) = uint8(lev)
	dict.PutKey(l.a.Bytes(r, n)[KeyOff:], m)
	return r, p
}

// raise makes head as high as a node of level lev: links that lead nowhere yet.
func (l *List) raise(lev int) {
	if lev > l.room {
		l.newHead(min(max(lev, 2*l.room), maxLevel))
	}
	t := tower(l.a.Ptr(l.head))
	for ; l.levels < lev; l.levels++ {
		*at(t, l.levels) = link{score: math.Inf(1), span: uint32(l.len)}
	}
}

// lower drops the levels that have become empty.
func (l *List) lower() {
	t := tower(l.a.Ptr(l.head))
	for l.levels > 1 && at(t, l.levels-1).to == 0 {
		l.levels--
	}
}

// A step is a link that is to lead to a new node, and the rank of the node the
// link belongs to (head's being 0, the first member's 1).
type step struct {
	k    *link
	rank uint32
}

// place puts a node of level lev, with the score s and the member m already in
// it, where it belongs. lev <= l.levels.
func (l *List) place(r slab.Ref, n unsafe.Pointer, s float64, m []byte, lev int) {
	var path [maxLevel]step
	var rank uint32
	var k *link
	x := slab.Nil
	p := l.a.Ptr(l.head)
	t := tower(p)
	for i := l.levels - 1; i > 0; i-- {
		for k = at(t, i); ; k = at(t, i) {
			if k.score >= s && (k.score > s || k.to == 0 || !l.before(k.next(), m)) {
				break
			}
			rank += k.span
			x = k.next()
			p, t = l.follow(k)
		}
		if i >= lev {
			k.span++
		} else {
			path[i] = step{k, rank}
		}
	}
	l.placeFlat(r, n, x, p, s, m, &rank)
	if lev > 1 {
		l.join(r, n, s, lev, rank, &path)
	}
	l.len++
}

// placeFlat puts a node into level 0, going right from the node x at p (Nil for
// head). It adds what it passes to rank.
func (l *List) placeFlat(r slab.Ref, n unsafe.Pointer, x slab.Ref, p unsafe.Pointer, s float64, m []byte, rank *uint32) {
	f := next(p)
	for f != slab.Nil {
		q := l.a.Ptr(f)
		if t := score(q); t >= s && (t > s || bytes.Compare(member(q), m) >= 0) {
			setPrev(q, r)
			break
		}
		p, x = q, f
		f = next(q)
		*rank++
	}
	if f == slab.Nil {
		l.tail = r
	}
	setNext(p, r)
	setNext(n, f)
	setPrev(n, x)
}

// join puts a node into the levels above 0, whose links path holds. rank is
// that of the node before it.
func (l *List) join(r slab.Ref, n unsafe.Pointer, s float64, lev int, rank uint32, path *[maxLevel]step) {
	t := tower(n)
	off := uint32(uintptr(t) - uintptr(n))
	for i := 1; i < lev; i++ {
		k := path[i].k
		passed := rank - path[i].rank
		own := at(t, i)
		*own = *k
		own.span -= passed
		*k = link{score: s, to: toNode(r, lev), span: passed + 1, tower: off}
	}
}

// Delete removes node r and frees its block.
func (l *List) Delete(r slab.Ref) {
	p := l.a.Ptr(r)
	l.unlink(r, p)
	l.a.Free(r)
	l.lower()
	if invariants.Enabled {
		l.mustBeSound("Delete")
	}
}

// unlink takes node r, at n, out of all its chains.
func (l *List) unlink(r slab.Ref, n unsafe.Pointer) {
	lev, s, m := level(n), score(n), member(n)
	own := towerOf(n, lev)
	t := tower(l.a.Ptr(l.head))
	for i := l.levels - 1; i > 0; i-- {
		k := at(t, i)
		for k.score <= s && k.to != 0 && k.next() != r && (k.score < s || l.before(k.next(), m)) {
			_, t = l.follow(k)
			k = at(t, i)
		}
		if i >= lev {
			k.span--
		} else {
			k.bypass(at(own, i))
		}
	}
	l.unlinkFlat(n)
	l.len--
}

// bypass makes k, which leads to the node that own belongs to, lead where own
// does.
func (k *link) bypass(own *link) {
	span := k.span
	*k = *own
	k.span += span - 1
}

// unlinkFlat takes the node at n out of level 0.
func (l *List) unlinkFlat(n unsafe.Pointer) {
	f, b := next(n), prev(n)
	if f != slab.Nil {
		setPrev(l.a.Ptr(f), b)
	} else {
		l.tail = b
	}
	if b == slab.Nil {
		b = l.head
	}
	setNext(l.a.Ptr(b), f)
}

// UpdateScore gives node r another score and moves it to its new place. A node
// that has no tower and keeps its place is only written to.
func (l *List) UpdateScore(r slab.Ref, s float64) {
	if s != s {
		panic("skiplist: score NaN")
	}
	n := l.a.Ptr(r)
	lev := level(n)
	if lev == 1 && l.staysWith(n, s) {
		setScore(n, s)
		return
	}
	l.unlink(r, n)
	setScore(n, s)
	l.place(r, n, s, member(n), lev)
	if invariants.Enabled {
		l.mustBeSound("UpdateScore")
	}
}

// staysWith reports whether the node at n is where the score s belongs.
func (l *List) staysWith(n unsafe.Pointer, s float64) bool {
	if f := next(n); f != slab.Nil && score(l.a.Ptr(f)) <= s {
		return false
	}
	b := prev(n)
	return b == slab.Nil || score(l.a.Ptr(b)) < s
}

// DeleteRange removes n nodes from the given rank on, fewer when the list ends
// before, and returns how many. f, unless nil, is called for each node before
// its block is freed; it must not touch the list otherwise.
func (l *List) DeleteRange(rank, n int, f func(r slab.Ref)) int {
	if n = min(n, l.len-rank); n <= 0 {
		return 0
	}
	var path [maxLevel]*link
	left := uint32(rank)
	p := l.a.Ptr(l.head)
	t := tower(p)
	for i := l.levels - 1; i > 0; i-- {
		k := at(t, i)
		for k.span <= left && k.to != 0 {
			left -= k.span
			p, t = l.follow(k)
			k = at(t, i)
		}
		path[i] = k
	}
	for ; left > 0; left-- {
		p = l.a.Ptr(next(p))
	}
	for range n {
		r := next(p)
		l.cut(r, &path, f)
	}
	l.lower()
	if invariants.Enabled {
		l.mustBeSound("DeleteRange")
	}
	return n
}

// cut deletes node r, the first behind all the links of path.
func (l *List) cut(r slab.Ref, path *[maxLevel]*link, f func(r slab.Ref)) {
	p := l.a.Ptr(r)
	lev := level(p)
	own := towerOf(p, lev)
	for i := 1; i < l.levels; i++ {
		if i < lev {
			path[i].bypass(at(own, i))
		} else {
			path[i].span--
		}
	}
	l.unlinkFlat(p)
	l.len--
	if f != nil {
		f(r)
	}
	l.a.Free(r)
}

// Free gives all blocks back. The list must not be used again.
func (l *List) Free() {
	for r := l.First(); r != slab.Nil; {
		dead := r
		r = l.Next(r)
		l.a.Free(dead)
	}
	l.a.Free(l.head)
	*l = List{}
}

// Release gives about budget blocks back through b and reports whether none
// are left. It may run on another goroutine than the list's former owner.
func (l *List) Release(b *slab.Batch, budget int) (done bool) {
	if l.head == slab.Nil {
		return true
	}
	head := b.View().Ptr(l.head)
	r := next(head)
	for ; r != slab.Nil && budget > 0; budget-- {
		dead := r
		r = next(b.View().Ptr(r))
		b.Free(dead)
	}
	setNext(head, r)
	if r == slab.Nil {
		l.ReleaseHead(b)
	}
	return r == slab.Nil
}

// ReleaseHead gives back what the list owns beside its nodes. It is the end of
// a Release in which somebody else, such as a dict over the nodes, has given
// back those.
func (l *List) ReleaseHead(b *slab.Batch) {
	if l.head != slab.Nil {
		b.Free(l.head)
		*l = List{}
	}
}
