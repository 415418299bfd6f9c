package slab

import "unsafe"

// A Batch collects blocks that another goroutine than the owner gives back. It
// threads them, span by span, into chains through their own first bytes, the
// way a span's list of free blocks runs, so that the owner joins a whole chain
// by changing its two ends:
//
//	Batch           ┌ head ──> | · | ──> | · | ──> | · |   ┐ tail
//	Arena.Splice    span.free ─┘                       └──> what span.free was
//
// It needs memory per span touched, 16 to 32 bytes, and none per block.
//
// A Batch belongs to one goroutine at a time: the one that frees, then the one
// that splices. Passing it on through a channel or lock is all they need; the
// parts of a chunk's description it reads do not change while a block lives.
type Batch struct {
	v     View
	n     int
	bytes int64
	touch int // chains in use

	last   int     // chain of the last Free
	chains []chain // open addressing, linear probing, length a power of two
	next   int     // where Splice is

	huge  []Ref
	guard *batchGuard // nil unless invariants are checked
}

// chain is the blocks of one span.
type chain struct {
	id   uint32 // span id + 1, 0 = unused
	n    uint32
	head uint32 // offset in chunk + 1
	tail uint32
}

const batchMin = 64 // chains a Batch starts with

// NewBatch returns an empty Batch for blocks that v knows.
func NewBatch(v View) *Batch {
	b := &Batch{v: v, chains: make([]chain, batchMin)}
	b.guard = newBatchGuard()
	return b
}

// View returns the View to read blocks with.
func (b *Batch) View() *View { return &b.v }

// SetView makes v, a later Snapshot of the same arena, the View of b.
func (b *Batch) SetView(v View) { b.v = v }

// Len returns how many blocks are in b.
func (b *Batch) Len() int { return b.n }

// Bytes returns the sum of their class sizes.
func (b *Batch) Bytes() int64 { return b.bytes }

// spans returns how many pieces Splice has to join.
func (b *Batch) spans() int { return b.touch + len(b.huge) }

// Free puts block r into b.
func (b *Batch) Free(r Ref) {
	t := &b.v.chunks[r>>chunkShift]
	d := t.desc
	if b.guard != nil {
		b.guard.free(b, r)
	}
	if d.huge != 0 {
		b.freeHuge(r, t)
		return
	}
	off := uint32(r & chunkMask)
	first := d.head[off>>(d.shift&31)&(slots-1)] & (slots - 1)
	id := uint32(r>>chunkShift)*slots + uint32(first) + 1
	c := &b.chains[b.last]
	if c.id != id {
		c = b.chain(id)
	}
	if c.n == 0 {
		c.tail = off + 1
	}
	*(*uint32)(unsafe.Add(t.base, uintptr(off)<<granuleShift)) = c.head
	c.head = off + 1
	c.n++
	b.n++
	b.bytes += int64(classSize(uint(d.class[first])))
}

// freeHuge notes a huge block. Giving its pages back is the costly part, so it
// is done here and not by the owner.
func (b *Batch) freeHuge(r Ref, t *entry) {
	sysDiscard(t.base, t.desc.huge)
	b.huge = append(b.huge, r)
	b.n++
	b.bytes += int64(t.desc.huge)
}

// chain finds the chain of a span, or starts one.
func (b *Batch) chain(id uint32) *chain {
	i := b.slot(id)
	if b.chains[i].id == 0 {
		if b.touch >= len(b.chains)/4*3 {
			b.growChains()
			i = b.slot(id)
		}
		b.touch++
		b.chains[i].id = id
	}
	b.last = i
	return &b.chains[i]
}

func (b *Batch) slot(id uint32) int {
	mask := len(b.chains) - 1
	i := int(id*0x9E3779B1>>7) & mask
	for b.chains[i].id != id && b.chains[i].id != 0 {
		i = (i + 1) & mask
	}
	return i
}

func (b *Batch) growChains() {
	old := b.chains
	b.chains = make([]chain, 2*len(old))
	for _, c := range old {
		if c.id != 0 {
			b.chains[b.slot(c.id)] = c
		}
	}
}

// Splice joins the blocks of b to the arena's free ones, in time proportional to
// the spans they lie in, and leaves b empty for use again.
func (a *Arena) Splice(b *Batch) { a.SpliceSome(b, b.spans()) }

// SpliceSome is Splice in pieces: it joins at most n spans or huge blocks and
// reports whether b is empty. Until it is, nothing may be freed into b.
func (a *Arena) SpliceSome(b *Batch, n int) (done bool) {
	for ; n > 0 && len(b.huge) > 0; n-- {
		last := len(b.huge) - 1
		r := b.huge[last]
		b.huge = b.huge[:last]
		if a.guard != nil {
			a.guard.spliceHuge(a, b, r)
		}
		size := a.Cap(r)
		b.n--
		b.bytes -= int64(size)
		a.used -= int64(size)
		a.unmapHuge(r)
	}
	for ; n > 0 && b.touch > 0; b.next++ {
		if c := &b.chains[b.next]; c.id != 0 {
			a.join(b, c)
			*c = chain{}
			b.touch--
			n--
		}
	}
	if b.spans() > 0 {
		return false
	}
	b.reset()
	return true
}

// join gives the blocks of c back to their span.
func (a *Arena) join(b *Batch, c *chain) {
	d, s := a.spanByID(c.id - 1)
	if a.guard != nil {
		a.guard.splice(a, b, d, s, c)
	}
	bytes := int64(c.n) * int64(s.size) << granuleShift
	a.used -= bytes
	b.bytes -= bytes
	b.n -= int(c.n)
	s.live -= uint16(c.n)
	current := s.alarm == never
	if s.live == 0 && !current {
		if s.next != 0 {
			a.unlink(d, s)
		}
		a.release(d, s)
		return
	}
	p := unsafe.Add(a.chunks[d.index].base, uintptr(c.tail-1)<<granuleShift)
	*(*uint32)(p) = s.free
	s.free = c.head
	if !current && s.next == 0 {
		a.link(d, s)
	}
}

// reset makes b as NewBatch did, but keeps the table unless it has grown large.
func (b *Batch) reset() {
	const large = 1 << 14
	if len(b.chains) > large {
		b.chains = make([]chain, batchMin)
	}
	b.n, b.bytes, b.last, b.next = 0, 0, 0, 0
	if b.guard != nil {
		clear(b.guard.seen)
	}
}
