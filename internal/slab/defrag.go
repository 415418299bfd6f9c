package slab

import (
	"cmp"
	"slices"
)

// Defragmentation. After many frees at random, spans are left with few blocks
// each, and none is empty. Only those who hold Refs can move blocks; the arena
// tells which to move, and where to:
//
//	spans of a class with room, by live blocks
//
//	fullest  ████████░   █████░░░░   ████░░░░░ │ ██░░░░░░░   █░░░░░░░░  sparse
//	               └─ room for these: ─────────┘ └── Sparse says: move ──┘
//
// The line is drawn as far left as the room left of it lasts. Alloc takes the
// fullest spans first, so a block that is allocated anew, copied and freed has
// moved to the left, and when all have, the spans on the right are empty. Among
// spans about as full, those of low chunk number stand left, in every class, so
// that whole chunks become empty.

// PlanMoves finds the spans worth emptying, by which Sparse then answers, and
// returns how many bytes of slots emptying all of them would free. The plan grows
// stale as blocks come and go, but never wrong. It takes time in proportion to
// the number of spans with room.
func (a *Arena) PlanMoves() (gain int64) {
	if a.guard != nil {
		a.guard.flush(a)
	}
	for _, t := range a.chunks {
		if t.desc != nil {
			t.desc.sparse = 0
		}
	}
	for c := range a.bins {
		gain += a.planClass(&a.bins[c])
	}
	return gain
}

// Sparse reports whether moving block r helps to empty a span.
func (a *Arena) Sparse(r Ref) bool {
	d := a.chunks[r>>chunkShift].desc
	return d.sparse>>(d.head[uint32(r&chunkMask)>>(d.shift&31)&(slots-1)])&1 != 0
}

// planClass marks the sparse spans of a class and puts its ring in order.
func (a *Arena) planClass(b *bin) (gain int64) {
	type place struct {
		d       *chunk
		s       *span
		room    int
		eighths int // of the span that are room
	}
	var ring []place
	room := 0
	for b.ring != 0 {
		d, s := a.spanByID(b.ring - 1)
		n := int(s.blocks(d)) - int(s.live)
		ring = append(ring, place{d, s, n, 8 * n / int(s.blocks(d))})
		room += n
		a.unlink(d, s)
	}
	slices.SortFunc(ring, func(x, y place) int {
		return cmp.Or(cmp.Compare(x.eighths, y.eighths), cmp.Compare(x.d.id(x.s), y.d.id(y.s)))
	})
	for _, p := range ring {
		a.link(p.d, p.s)
	}
	for _, p := range slices.Backward(ring) {
		room -= p.room // the room of those before p
		if int(p.s.live) > room {
			break
		}
		room -= int(p.s.live)
		p.d.sparse |= 1 << p.s.slot
		if p.d.index != nurseryChunk {
			gain += int64(p.s.slots) * slotSize
		}
	}
	return gain
}
