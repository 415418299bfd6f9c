package slab

import (
	"fmt"
	"math/bits"
)

// Check recounts the whole arena and compares it with what the arena believes.
// It returns the first difference found. The rules:
//
//   - a chunk number is taken iff the table has a base for it, and held is the
//     sum of the mappings
//   - the slots of a chunk are either free or belong to exactly one span
//   - in a span, blocks are live, or in its list of free ones, or beyond bump,
//     and the three add up; no block is in the list twice
//   - a span is its class's current one, or waits in its class's ring and has
//     live blocks and room, or is full
//   - a chunk is in the list of its longest run of free slots
//   - used is the class sizes of the live blocks
func (a *Arena) Check() error {
	if a.guard != nil {
		a.guard.flush(a)
	}
	c := checker{a: a, waiting: map[*span]bool{}, listed: map[*chunk]uint8{}}
	for _, step := range []func() error{c.rings, c.lists, c.table, c.spares} {
		if err := step(); err != nil {
			return err
		}
	}
	if c.used != a.used || c.held != a.held || c.dirty != a.dirty {
		return fmt.Errorf("slab: counted used %d, held %d, dirty slots %d; noted %d, %d, %d",
			c.used, c.held, c.dirty, a.used, a.held, a.dirty)
	}
	return nil
}

type checker struct {
	a       *Arena
	waiting map[*span]bool
	listed  map[*chunk]uint8

	used, held int64
	dirty      int
}

// rings walks the ring of each class.
func (c *checker) rings() error {
	for class := range c.a.bins {
		ring := c.a.bins[class].ring
		for id := ring; id != 0; {
			_, s := c.a.spanByID(id - 1)
			if c.waiting[s] || int(s.class) != class || s.slots == 0 {
				return fmt.Errorf("slab: ring of class %d: span %d (class %d, %d slots, seen before: %v)",
					class, id-1, s.class, s.slots, c.waiting[s])
			}
			c.waiting[s] = true
			if _, n := c.a.spanByID(s.next - 1); n.prev != id {
				return fmt.Errorf("slab: ring of class %d: after %d comes %d, before which comes %d", class, id, s.next, n.prev)
			}
			if id = s.next; id == ring {
				break
			}
		}
	}
	return nil
}

// lists walks the lists of chunks with free slots.
func (c *checker) lists() error {
	for run, x := range c.a.runs {
		if (x != 0) != (c.a.runMask>>run&1 != 0) {
			return fmt.Errorf("slab: list %d begins with chunk %d, mask %b", run, x, c.a.runMask)
		}
		for prev := uint32(0); x != 0; {
			d := c.a.chunks[x].desc
			if _, twice := c.listed[d]; twice || d.prev != prev || d.index != x {
				return fmt.Errorf("slab: list %d: chunk %d (calls itself %d) after %d, prev says %d", run, x, d.index, prev, d.prev)
			}
			c.listed[d] = uint8(run)
			prev, x = x, d.next
		}
	}
	return nil
}

// table walks all chunks.
func (c *checker) table() error {
	a := c.a
	for x, t := range a.chunks {
		if taken := a.taken[x/64]>>(x%64)&1 != 0; taken != (t.base != nil) && x != nurseryChunk {
			return fmt.Errorf("slab: chunk %d: taken %v, base %p", x, taken, t.base)
		}
		d := t.desc
		if d == nil {
			continue
		}
		if int(d.index) != x {
			return fmt.Errorf("slab: chunk %d calls itself %d", x, d.index)
		}
		var err error
		switch {
		case d.huge != 0:
			c.held += int64(d.huge)
			c.used += int64(d.huge)
		case x == nurseryChunk:
			c.held += nurserySize
			err = c.chunk(d, 1)
		default:
			c.held += chunkSize
			err = c.chunk(d, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunk walks the slots of d; those in never belong to nobody.
func (c *checker) chunk(d *chunk, never uint16) error {
	run, isListed := c.listed[d]
	if want := longestRun(d.free); want != d.run || isListed && run != want || d.index != nurseryChunk && isListed != (want != 0) {
		return fmt.Errorf("slab: chunk %d: free %016b, run noted %d, in list %d", d.index, d.free, d.run, run)
	}
	if d.sparse&d.free != 0 || d.dirty&^d.free != 0 || d.index == nurseryChunk && d.dirty != 0 {
		return fmt.Errorf("slab: chunk %d: dirty %016b, sparse %016b, free %016b", d.index, d.dirty, d.sparse, d.free)
	}
	c.dirty += bits.OnesCount16(d.dirty)
	for i := 0; i < slots; {
		if (d.free|never)>>i&1 != 0 {
			i++
			continue
		}
		s := &d.spans[i]
		if s.slots == 0 || s.back != 0 || int(s.slot) != i || i+int(s.slots) > slots {
			return fmt.Errorf("slab: chunk %d: no span at used slot %d: %+v", d.index, i, *s)
		}
		for k := range int(s.slots) {
			if int(d.head[i+k]) != i || int(d.spans[i+k].back) != k || d.free>>(i+k)&1 != 0 {
				return fmt.Errorf("slab: chunk %d: slot %d, number %d of the span at %d: head %d, back %d, free %016b",
					d.index, i+k, k, i, d.head[i+k], d.spans[i+k].back, d.free)
			}
		}
		if err := c.span(d, s); err != nil {
			return fmt.Errorf("slab: chunk %d, span at slot %d: %w", d.index, i, err)
		}
		i += int(s.slots)
	}
	return nil
}

func (c *checker) span(d *chunk, s *span) error {
	sh := shapes[s.class]
	if s.size != sh.granules || d.class[s.slot] != s.class {
		return fmt.Errorf("class %d, readers see %d; block %d granules", s.class, d.class[s.slot], s.size)
	}
	if start := s.start(d); s.bump < start || s.bump > s.end || (s.bump-start)%s.size != 0 ||
		s.end > start+uint32(s.slots)<<d.shift {
		return fmt.Errorf("bump %d, end %d from start %d, block %d", s.bump, s.end, start, s.size)
	}
	free, err := c.freeList(d, s)
	if err != nil {
		return err
	}
	live, blocks := uint32(s.live), s.blocks(d)
	if live+free+(s.end-s.bump)/s.size != blocks {
		return fmt.Errorf("%d live + %d free + %d untouched ≠ %d", live, free, (s.end-s.bump)/s.size, blocks)
	}
	c.used += int64(live) * int64(s.size) * 8

	current := c.a.bins[s.class].span == s
	if d.sparse>>s.slot&1 != 0 && current {
		return fmt.Errorf("current span marked sparse")
	}
	switch {
	case current:
		if s.alarm != never || c.waiting[s] {
			return fmt.Errorf("current span: alarm %d, in ring %v", s.alarm, c.waiting[s])
		}
	case c.waiting[s]:
		if s.alarm != 0 || live == 0 || live == blocks {
			return fmt.Errorf("waiting span: alarm %d, %d of %d live", s.alarm, live, blocks)
		}
	default:
		if live != blocks || uint32(s.alarm) != blocks-1 || s.next != 0 {
			return fmt.Errorf("full span: alarm %d, %d of %d live, next %d", s.alarm, live, blocks, s.next)
		}
	}
	return c.liveBits(d, s)
}

// freeList counts the free blocks of s.
func (c *checker) freeList(d *chunk, s *span) (n uint32, err error) {
	start := s.start(d)
	seen := make([]bool, s.blocks(d))
	for f := s.free; f != 0; n++ {
		off := f - 1
		if off < start || off >= s.bump || (off-start)%s.size != 0 || seen[(off-start)/s.size] {
			return 0, fmt.Errorf("free block %d leads to %d, no free block of a span from %d to %d, or one met before", n, off, start, s.bump)
		}
		seen[(off-start)/s.size] = true
		f = *(*uint32)(c.a.Ptr(Ref(d.index)<<chunkShift + Ref(off)))
	}
	return n, nil
}

// liveBits compares the guard's bits with the count, and looks for writes to
// free blocks.
func (c *checker) liveBits(d *chunk, s *span) error {
	g := c.a.guard
	if g == nil {
		return nil
	}
	gb, live := g.bits[d.index], 0
	for off := s.start(d); off < s.end; off += s.size {
		r := Ref(d.index)<<chunkShift + Ref(off)
		if gb.isLive(off) {
			live++
		} else if gb.isPoisoned(off) {
			g.mustBePoison(&c.a.View, r, poisonOf(&c.a.View, r, int(s.size)*8), linkBytes)
		}
	}
	if live != int(s.live) {
		return fmt.Errorf("guard sees %d live blocks, the count is %d", live, s.live)
	}
	return nil
}

// spares checks the huge blocks kept for reuse; table counted them as live.
func (c *checker) spares() error {
	var sum int64
	for _, r := range c.a.spare {
		sum += int64(c.a.Cap(r))
	}
	if sum != c.a.spareBytes || sum > spareLimit {
		return fmt.Errorf("slab: spare huge blocks: %d bytes, noted %d", sum, c.a.spareBytes)
	}
	c.used -= sum
	return nil
}
