package skiplist

import (
	"math"
	"unsafe"

	"github.com/redweave/redweave/internal/slab"
)

// A Loader adds members that come in order, each behind all that are in the
// list, without searching. Nothing else may change the list meanwhile.
type Loader struct {
	l    *List
	path [maxLevel]step // the last link of each level
}

// Loader returns a Loader for l.
func (l *List) Loader() Loader {
	w := Loader{l: l}
	p, rank := l.a.Ptr(l.head), uint32(0)
	t := tower(p)
	for i := l.levels - 1; i > 0; i-- {
		k := at(t, i)
		for k.to != 0 {
			rank += k.span
			_, t = l.follow(k)
			k = at(t, i)
		}
		w.path[i] = step{k, rank}
	}
	return w
}

// Append adds a member and returns its node.
func (w *Loader) Append(s float64, m []byte) slab.Ref {
	l := w.l
	was := l.levels
	lev := l.roll()
	r, n := l.newNode(s, m, lev)
	if l.levels > was {
		w.rise()
	}
	l.appendFlat(r, n)
	t := towerOf(n, lev)
	off := uint32(uintptr(t) - uintptr(n))
	for i := 1; i < l.levels; i++ {
		k := w.path[i].k
		k.span++
		if i < lev {
			k.score, k.to, k.tower = s, toNode(r, lev), off
			own := at(t, i)
			*own = link{score: math.Inf(1)}
			w.path[i].k = own
			w.path[i].rank = uint32(l.len) + 1
		}
	}
	l.len++
	return r
}

// rise follows head, which has new levels and may have moved.
func (w *Loader) rise() {
	t := tower(w.l.a.Ptr(w.l.head))
	for i := 1; i < w.l.levels; i++ {
		if w.path[i].rank == 0 {
			w.path[i].k = at(t, i)
		}
	}
}

// appendFlat puts a node behind the last of level 0.
func (l *List) appendFlat(r slab.Ref, n unsafe.Pointer) {
	last := l.tail
	if last == slab.Nil {
		last = l.head
	}
	setNext(l.a.Ptr(last), r)
	setNext(n, slab.Nil)
	setPrev(n, l.tail)
	l.tail = r
}
