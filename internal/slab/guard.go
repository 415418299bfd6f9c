package slab

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"

	"github.com/redweave/redweave/internal/invariants"
)

// A guard watches over the blocks of one arena in builds that check themselves.
// Beside the chunks it keeps two bits for each granule a block may begin at:
//
//	live      the block is in its user's hands
//	poisoned  the block is free, and full of poison but for its link
//
// A block travels through
//
//	Alloc ──> live, filled with fresh ──> Free ──> in quarantine, all poison
//	  ↑                                                   │ the oldest, when there are too many
//	  └──── still all poison? ── in the span's list, link over the first 4 bytes
//
// Quarantine delays the next use of a block, so that whoever writes to it after
// freeing it writes on poison and not on the next user's bytes.
type guard struct {
	bits  []*guardBits // by chunk number
	huge  map[Ref]bool // live huge blocks
	sites map[Ref]site // who freed a block last

	rest    [restMax]Ref // quarantine, a ring
	first   int
	count   int
	resting int64 // bytes in quarantine
}

type guardBits struct{ live, poisoned []uint64 }

const (
	restMax   = 64
	restBytes = 256 << 10
	siteMax   = 1 << 15 // sites remembered; then all are forgotten

	poisonByte  = 0xDF     // freed
	freshByte   = 0xC5     // allocated, not written yet
	poisonBytes = 16 << 10 // of larger blocks only this much is poisoned
	linkBytes   = 4
)

func newGuard() *guard {
	return &guard{huge: map[Ref]bool{}, sites: map[Ref]site{}}
}

func (g *guard) addChunk(x int) {
	for len(g.bits) <= x {
		g.bits = append(g.bits, nil)
	}
	n := chunkGranules / 64
	if x == nurseryChunk {
		n = nurserySize / 8 / 64
	}
	g.bits[x] = &guardBits{make([]uint64, n), make([]uint64, n)}
}

func (g *guard) dropChunk(x int) {
	if x < len(g.bits) {
		g.bits[x] = nil
	}
}

// site is the stack of a call that freed a block.
type site [6]uintptr

func here(skip int) (s site) {
	runtime.Callers(skip+1, s[:])
	return s
}

func (s site) String() string {
	var b strings.Builder
	for frames := runtime.CallersFrames(s[:]); ; {
		f, more := frames.Next()
		if f.Function != "" {
			fmt.Fprintf(&b, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}

// story tells all that is known of block r.
func (g *guard) story(v *View, what string, r Ref) string {
	s := what + " " + describe(v, r)
	if at, ok := g.sites[r]; ok {
		return s + "\nfreed at:" + at.String()
	}
	return s
}

// describe places r in chunk, span and class.
func describe(v *View, r Ref) string {
	x := int(r >> chunkShift)
	if x >= len(v.chunks) || v.chunks[x].base == nil {
		return fmt.Sprintf("block %#x: no chunk %d", uint64(r), x)
	}
	d := v.chunks[x].desc
	switch {
	case d == nil:
		return fmt.Sprintf("block %#x: inside a huge block, chunk %d", uint64(r), x)
	case d.huge != 0:
		return fmt.Sprintf("block %#x: chunk %d, a huge block of %d bytes", uint64(r), x, d.huge)
	}
	off := uint32(r & chunkMask)
	i := off >> d.shift
	if i >= slots {
		return fmt.Sprintf("block %#x: past the end of chunk %d", uint64(r), x)
	}
	first := d.head[i]
	size := shapes[d.class[first]].granules
	at := off - uint32(first)<<d.shift
	return fmt.Sprintf("block %#x: chunk %d, span at slot %d, class %d (%d bytes), block %d, byte %d of it",
		uint64(r), x, first, d.class[first], size*8, at/size, at%size*8)
}

// find returns the bits and the size in bytes of the block that begins at r; ok
// is false if none can begin there.
func (g *guard) find(a *Arena, r Ref) (gb *guardBits, off uint32, size int, ok bool) {
	x := r >> chunkShift
	if x >= Ref(len(a.chunks)) || a.chunks[x].desc == nil || a.chunks[x].desc.huge != 0 {
		return nil, 0, 0, false
	}
	d := a.chunks[x].desc
	off = uint32(r & chunkMask)
	i := off >> d.shift
	if i >= slots || d.free>>i&1 != 0 {
		return nil, 0, 0, false
	}
	s := &d.spans[d.head[i]]
	if s.size == 0 || off >= s.end || (off-s.start(d))%s.size != 0 {
		return nil, 0, 0, false
	}
	return g.bits[x], off, int(s.size) * 8, true
}

func (gb *guardBits) isLive(off uint32) bool     { return gb.live[off/64]>>(off%64)&1 != 0 }
func (gb *guardBits) isPoisoned(off uint32) bool { return gb.poisoned[off/64]>>(off%64)&1 != 0 }

func (gb *guardBits) set(off uint32, live, poisoned bool) {
	gb.live[off/64] &^= 1 << (off % 64)
	gb.poisoned[off/64] &^= 1 << (off % 64)
	if live {
		gb.live[off/64] |= 1 << (off % 64)
	}
	if poisoned {
		gb.poisoned[off/64] |= 1 << (off % 64)
	}
}

func fill(b []byte, with byte) {
	w := uint64(with) * 0x0101010101010101
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, w)
	}
	for i := range b {
		b[i] = with
	}
}

// poisonOf returns the part of a block that is poisoned.
func poisonOf(v *View, r Ref, size int) []byte { return v.Bytes(r, min(size, poisonBytes)) }

// mustBePoison panics if b, from skip bytes into block r on, was written to.
func (g *guard) mustBePoison(v *View, r Ref, b []byte, skip int) {
	for i, c := range b[skip:] {
		if c != poisonByte {
			end := min(len(b), skip+i+16)
			panic(g.story(v, fmt.Sprintf("slab: written after it was freed, at byte %d (% x):", skip+i, b[skip+i:end]), r))
		}
	}
}

// alloc checks and fills the block that Alloc is about to return.
func (g *guard) alloc(a *Arena, r Ref) {
	gb, off, size, ok := g.find(a, r)
	switch {
	case !ok:
		panic(g.story(&a.View, "slab: a list of free blocks leads to no block, it was overwritten:", r))
	case gb.isLive(off):
		panic(g.story(&a.View, "slab: a list of free blocks leads to a live block, it was overwritten:", r))
	case gb.isPoisoned(off):
		g.mustBePoison(&a.View, r, poisonOf(&a.View, r, size), linkBytes)
		if next := a.bins[classOf(size)].span.free; next != 0 {
			to := r&^chunkMask + Ref(next-1)
			if _, o, n, ok := g.find(a, to); !ok || n != size || !gb.isPoisoned(o) {
				panic(g.story(&a.View, fmt.Sprintf("slab: link overwritten after the block was freed (leads to %#x):", uint64(to)), r))
			}
		}
	}
	fill(poisonOf(&a.View, r, size), freshByte)
	gb.set(off, true, false)
}

// free checks and poisons r, puts it into quarantine, and returns a block that
// leaves quarantine for it, if any.
func (g *guard) free(a *Arena, r Ref) Ref {
	if a.isHuge(r) {
		g.freeHuge(&a.View, r)
		return r
	}
	gb, off, size, ok := g.find(a, r)
	if !ok {
		panic(g.story(&a.View, "slab: Free of something that is no block:", r))
	}
	if !gb.isLive(off) {
		panic(g.story(&a.View, "slab: double free:", r))
	}
	gb.set(off, false, true)
	fill(poisonOf(&a.View, r, size), poisonByte)
	g.remember(r, here(3))

	g.rest[(g.first+g.count)%restMax] = r
	g.count++
	g.resting += int64(size)
	if g.count < restMax && g.resting < restBytes {
		return Nil
	}
	return g.leave(a)
}

// leave takes the oldest block out of quarantine.
func (g *guard) leave(a *Arena) Ref {
	r := g.rest[g.first]
	g.first = (g.first + 1) % restMax
	g.count--
	size := a.Cap(r)
	g.resting -= int64(size)
	g.mustBePoison(&a.View, r, poisonOf(&a.View, r, size), 0)
	return r
}

// flush empties the quarantine.
func (g *guard) flush(a *Arena) {
	for g.count > 0 {
		a.free(g.leave(a))
	}
}

func (g *guard) remember(r Ref, s site) {
	if len(g.sites) >= siteMax {
		clear(g.sites)
	}
	g.sites[r] = s
}

func (g *guard) allocHuge(r Ref) { g.huge[r] = true }

func (g *guard) freeHuge(v *View, r Ref) {
	if !g.huge[r] {
		panic(g.story(v, "slab: double free:", r))
	}
	delete(g.huge, r)
	g.remember(r, here(4))
}

// released checks the blocks of a span that is given back, and forgets them.
func (g *guard) released(a *Arena, d *chunk, s *span) {
	gb := g.bits[d.index]
	for off := s.start(d); off < s.end; off += s.size {
		r := Ref(d.index)<<chunkShift + Ref(off)
		if gb.isLive(off) {
			panic(g.story(&a.View, "slab: live block in a span counted empty:", r))
		}
		if gb.isPoisoned(off) {
			g.mustBePoison(&a.View, r, poisonOf(&a.View, r, int(s.size)*8), linkBytes)
		}
		gb.set(off, false, false)
	}
}

// splice checks the blocks of a chain as free does, but does not keep them in
// quarantine.
func (g *guard) splice(a *Arena, b *Batch, d *chunk, s *span, c *chain) {
	base := Ref(d.index) << chunkShift
	next := c.head
	for i := range c.n {
		if next == 0 {
			panic(fmt.Sprintf("slab: a Batch's chain has %d blocks, not %d: it was overwritten", i, c.n))
		}
		r := base + Ref(next-1)
		gb, off, size, ok := g.find(a, r)
		if !ok || off < s.start(d) || off >= s.end {
			panic(g.story(&a.View, "slab: a Batch's chain leads to no block of its span, it was overwritten:", r))
		}
		if !gb.isLive(off) {
			panic(g.story(&a.View, "slab: double free, found by Splice:", r))
		}
		p := poisonOf(&a.View, r, size)
		g.remember(r, b.guard.seen[r])
		g.mustBePoison(&a.View, r, p, linkBytes)
		gb.set(off, false, true)
		if i+1 == c.n && next != c.tail {
			panic(g.story(&a.View, "slab: a Batch's chain ends at the wrong block:", r))
		}
		next = binary.LittleEndian.Uint32(a.Bytes(r, linkBytes))
	}
}

func (g *guard) spliceHuge(a *Arena, b *Batch, r Ref) {
	g.freeHuge(&a.View, r)
	g.remember(r, b.guard.seen[r])
}

// batchGuard is the part of a guard that a Batch can play on its own goroutine:
// it knows what was freed into this Batch, and not what else was.
type batchGuard struct {
	seen map[Ref]site
}

func newBatchGuard() *batchGuard {
	if !invariants.Enabled {
		return nil
	}
	return &batchGuard{seen: map[Ref]site{}}
}

// free checks and poisons r.
func (g *batchGuard) free(b *Batch, r Ref) {
	v := &b.v
	if at, ok := g.seen[r]; ok {
		panic("slab: double free in a Batch: " + describe(v, r) + "\nfreed at:" + at.String())
	}
	d := v.chunks[r>>chunkShift].desc
	if d == nil {
		panic("slab: Free in a Batch of something that is no block: " + describe(v, r))
	}
	g.seen[r] = here(3)
	if d.huge != 0 {
		return
	}
	off := uint32(r & chunkMask)
	first := d.head[off>>d.shift]
	if (off-uint32(first)<<d.shift)%shapes[d.class[first]].granules != 0 {
		panic("slab: Free in a Batch of something that is no block: " + describe(v, r))
	}
	fill(poisonOf(v, r, v.Cap(r)), poisonByte)
}
