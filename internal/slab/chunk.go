package slab

import (
	"fmt"
	"math/bits"
	"unsafe"
)

// A chunk describes 1 MiB of Refs. It lives in Go memory, apart from the bytes
// it describes: side by side in every chunk's first page, the descriptors of a
// large arena would crowd into a few sets of the cache.
type chunk struct {
	// What other goroutines read through a View. Written before the first block
	// of a span is handed out, not changed while one lives.
	huge  int          // bytes of a huge block, 0 for a chunk of spans
	class [slots]uint8 // at a span's first slot: its class
	head  [slots]uint8 // at each slot of a span: the first one
	shift uint8        // from granule in chunk to slot

	// What only the owner touches.
	run        uint8  // longest run of free slots = the list the chunk is in
	free       uint16 // bit n: slot n belongs to no span
	dirty      uint16 // bit n: slot n is free, but may hold memory
	sparse     uint16 // bit n: the span that begins at slot n is worth emptying
	index      uint32 // chunk number
	next, prev uint32 // in the list of that run, 0 = none
	spans      [slots]span
}

// A span is a run of slots given to one class. Offsets are granules from the
// start of its chunk.
//
// It is in one of three states, told apart by alarm, the count of live blocks at
// which Free has more to do than to link the block:
//
//	current   a class's bin points to it       alarm = never
//	waiting   in its class's ring, has room    alarm = 0              then: give the slots back
//	full      nobody points to it              alarm = blocks - 1     then: put it in the ring
type span struct {
	free  uint32 // first freed block, offset + 1; 0 = none
	bump  uint32 // first block never used
	end   uint32 // just past the last block
	size  uint32 // granules of a block
	live  uint16
	alarm uint16
	back  uint8 // at a slot that is not a span's first: slots back to that one
	slot  uint8
	slots uint8
	class uint8
	next  uint32 // ring of spans with room, id + 1; 0 = in no ring
	prev  uint32
}

const (
	never    = 1<<16 - 1 // more blocks than any span has
	hugeBack = 255       // back, at spans[0] of a huge block
)

var _ [32]byte = [unsafe.Sizeof(span{})]byte{}

// id names a span for the ring: chunk number and slot.
func (d *chunk) id(s *span) uint32 { return d.index*slots + uint32(s.slot) }

func (a *Arena) spanByID(id uint32) (*chunk, *span) {
	d := a.chunks[id/slots].desc
	return d, &d.spans[id%slots]
}

// headOf returns the first slot's span for a slot with back != 0; nil for a
// huge block.
func (d *chunk) headOf(s *span) *span {
	if s.back == hugeBack {
		return nil
	}
	return &d.spans[(s.slot-s.back)&(slots-1)]
}

// blocks returns how many blocks s is cut into.
func (s *span) blocks(d *chunk) uint32 { return (s.end - s.start(d)) / s.size }

func (s *span) start(d *chunk) uint32 { return uint32(s.slot) << d.shift }

// refill gives class c a current span with room: the longest waiting one, else
// a new one. The longest waiting has had most time to collect freed blocks, so
// under churn a refill is rare.
func (a *Arena) refill(c uint) {
	b := &a.bins[c]
	if s := b.span; s != nil {
		s.alarm = s.live - 1 // all its blocks are out: full
		b.span = nil
	}
	if b.ring != 0 {
		d, s := a.spanByID(b.ring - 1)
		a.unlink(d, s)
		a.makeCurrent(b, d, s)
		return
	}
	d, s := a.carve(c)
	a.makeCurrent(b, d, s)
}

func (a *Arena) makeCurrent(b *bin, d *chunk, s *span) {
	s.alarm = never
	d.sparse &^= 1 << s.slot
	b.span = s
	b.base = a.chunks[d.index].base
	b.ref = Ref(d.index) << chunkShift
}

// turn moves a span to its next state once live has come down to alarm.
func (a *Arena) turn(d *chunk, s *span) {
	if s.live != 0 {
		a.link(d, s)
		return
	}
	if s.next != 0 {
		a.unlink(d, s)
	}
	a.release(d, s)
}

// link puts a span with room at the end of its class's ring.
func (a *Arena) link(d *chunk, s *span) {
	s.alarm = 0
	b, id := &a.bins[s.class], d.id(s)+1
	if b.ring == 0 {
		b.ring, s.next, s.prev = id, id, id
		return
	}
	_, first := a.spanByID(b.ring - 1)
	_, last := a.spanByID(first.prev - 1)
	s.next, s.prev = b.ring, first.prev
	first.prev, last.next = id, id
}

func (a *Arena) unlink(d *chunk, s *span) {
	b, id := &a.bins[s.class], d.id(s)+1
	if s.next == id {
		b.ring = 0
	} else {
		_, next := a.spanByID(s.next - 1)
		_, prev := a.spanByID(s.prev - 1)
		next.prev, prev.next = s.prev, s.next
		if b.ring == id {
			b.ring = s.next
		}
	}
	s.next, s.prev = 0, 0
}

// carve makes a span of class c out of free slots.
func (a *Arena) carve(c uint) (*chunk, *span) {
	sh := &shapes[c]
	if sh.nursery != 0 {
		if a.nursery == nil {
			a.addNursery()
		}
		if d := a.nursery; d.run >= sh.nursery {
			return d, a.cut(d, c, int(sh.nursery), uint32(sh.nurseryCount))
		}
	}
	n := int(sh.slots)
	if a.runMask>>n == 0 {
		a.grow()
	}
	n2 := n + bits.TrailingZeros32(a.runMask>>n)
	d := a.chunks[a.runs[n2]].desc
	return d, a.cut(d, c, n, uint32(sh.blocks))
}

// cut makes the first free run of n slots of d a span of class c.
func (a *Arena) cut(d *chunk, c uint, n int, blocks uint32) *span {
	first := firstRun(d.free, n)
	mask := uint16(1<<n-1) << first
	a.dirty -= bits.OnesCount16(d.dirty & mask)
	d.dirty &^= mask
	a.setFree(d, d.free&^mask)

	for i := range n {
		d.head[first+i] = uint8(first)
		d.spans[first+i] = span{back: uint8(i), slot: uint8(first + i)}
	}
	d.class[first] = uint8(c)
	s := &d.spans[first]
	start := uint32(first) << d.shift
	size := shapes[c].granules
	*s = span{
		bump: start, end: start + blocks*size, size: size,
		slot: uint8(first), slots: uint8(n), class: uint8(c),
	}
	return s
}

// release gives the slots of an empty span, which is in no ring, back.
func (a *Arena) release(d *chunk, s *span) {
	if a.guard != nil {
		a.guard.released(a, d, s)
	}
	mask := uint16(1<<s.slots-1) << s.slot
	if d.index != nurseryChunk {
		d.dirty |= mask
		a.dirty += int(s.slots)
	}
	a.setFree(d, d.free|mask)
	d.sparse &^= mask
	s.slots = 0
}

// setFree changes the free slots of d and moves it to the list of its longest
// run.
func (a *Arena) setFree(d *chunk, free uint16) {
	d.free = free
	run := longestRun(free)
	if run == d.run {
		return
	}
	if d.index == nurseryChunk {
		d.run = run
		return
	}
	a.unlist(d)
	d.run = run
	a.enlist(d)
}

// enlist puts d at the head of the list of its longest run.
func (a *Arena) enlist(d *chunk) {
	if d.run == 0 {
		return
	}
	d.prev, d.next = 0, a.runs[d.run]
	if d.next != 0 {
		a.chunks[d.next].desc.prev = d.index
	}
	a.runs[d.run] = d.index
	a.runMask |= 1 << d.run
}

func (a *Arena) unlist(d *chunk) {
	if d.run == 0 {
		return
	}
	if d.next != 0 {
		a.chunks[d.next].desc.prev = d.prev
	}
	if d.prev != 0 {
		a.chunks[d.prev].desc.next = d.next
	} else if a.runs[d.run] = d.next; d.next == 0 {
		a.runMask &^= 1 << d.run
	}
	d.next, d.prev = 0, 0
}

// longestRun returns the length of the longest run of ones. Each step shortens
// all runs by one.
func longestRun(m uint16) (n uint8) {
	for ; m != 0; m &= m << 1 {
		n++
	}
	return n
}

// firstRun returns the place of the lowest run of at least n ones.
func firstRun(m uint16, n int) int {
	for i := 1; i < n; i++ {
		m &= m >> 1
	}
	return bits.TrailingZeros16(m)
}

// addNursery makes chunk 0. Its first slot is never used, so that no block has
// the name Nil.
func (a *Arena) addNursery() {
	d := &chunk{shift: nurseryShift, index: nurseryChunk, free: 1<<slots - 2}
	d.run = longestRun(d.free)
	mem := make([]uint64, nurserySize/8)
	a.take(nurseryChunk, 1)
	a.chunks[nurseryChunk] = entry{unsafe.Pointer(&mem[0]), d}
	a.nursery = d
	a.held += nurserySize
	if a.guard != nil {
		a.guard.addChunk(nurseryChunk)
	}
}

// growth returns how many chunks to map at once: one while the arena is small,
// later a sixteenth of what it holds, in pairs.
func (a *Arena) growth() int {
	const small, most = 8 << 20, 32
	if !mapsPartially || a.held < small {
		return 1
	}
	return min(int(a.held/chunkSize/16)&^1+2, most)
}

// grow maps more chunks. The first of them heads the list of empty ones.
func (a *Arena) grow() {
	n := a.growth()
	p := sysMap(n*chunkSize, n > 1 && !a.opt.NoHugePages)
	a.held += int64(n) * chunkSize
	for i := n - 1; i >= 0; i-- {
		x := a.reserve(1)
		d := &chunk{shift: slotShift, index: uint32(x), free: 1<<slots - 1, run: slots}
		a.chunks[x] = entry{unsafe.Add(p, i*chunkSize), d}
		a.enlist(d)
		if a.guard != nil {
			a.guard.addChunk(x)
		}
	}
}

// drop unmaps chunk d, which is empty. It reports false if the system refused.
func (a *Arena) drop(d *chunk) bool {
	if !sysUnmap(a.chunks[d.index].base, chunkSize) {
		return false
	}
	a.unlist(d)
	a.dirty -= bits.OnesCount16(d.dirty)
	a.held -= chunkSize
	a.vacate(int(d.index), 1)
	return true
}

// reserve finds n consecutive unused chunk numbers, lowest first, and marks
// them used. Chunk 0 is the nursery's alone.
func (a *Arena) reserve(n int) int {
	first := a.findRun(n)
	if first+n > 1<<(refBits-chunkShift) {
		panic(fmt.Sprintf("slab: arena full: %d chunks in a row wanted, %d in use", n, len(a.chunks)))
	}
	a.take(first, n)
	return first
}

func (a *Arena) findRun(n int) int {
	run := 0
	for w := a.low; w < len(a.taken); w++ {
		m := a.taken[w]
		if m == ^uint64(0) {
			if run = 0; w == a.low {
				a.low++
			}
			continue
		}
		for i := range 64 {
			if m>>i&1 != 0 || w+i == 0 {
				run = 0
			} else if run++; run == n {
				return w*64 + i + 1 - n
			}
		}
	}
	return max(len(a.taken)*64-run, 1)
}

// take marks n chunk numbers from first on as used, and makes the table long
// enough for them. Older Views keep the table they have.
func (a *Arena) take(first, n int) {
	for len(a.taken)*64 < first+n {
		a.taken = append(a.taken, 0)
	}
	for x := first; x < first+n; x++ {
		a.taken[x/64] |= 1 << (x % 64)
	}
	if first+n <= len(a.chunks) {
		return
	}
	if first+n > cap(a.chunks) {
		t := make([]entry, len(a.chunks), max(4, 2*cap(a.chunks), first+n))
		copy(t, a.chunks)
		a.chunks = t
	}
	a.chunks = a.chunks[:first+n]
}

// vacate clears n chunk numbers from first on for reuse.
func (a *Arena) vacate(first, n int) {
	for x := first; x < first+n; x++ {
		a.taken[x/64] &^= 1 << (x % 64)
		a.chunks[x] = entry{}
	}
	a.low = min(a.low, first/64)
	if a.guard != nil {
		a.guard.dropChunk(first)
	}
}

// unmapAll gives every mapping back.
func (a *Arena) unmapAll() {
	for x, t := range a.chunks {
		switch {
		case t.desc == nil || x == nurseryChunk:
		case t.desc.huge != 0:
			sysUnmap(t.base, t.desc.huge)
		default:
			sysUnmap(t.base, chunkSize)
		}
	}
}
