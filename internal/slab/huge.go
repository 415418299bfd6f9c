package slab

import "unsafe"

// Huge blocks. A block above 1 MiB is a mapping of its own, of exactly its class
// size, under as many consecutive chunk numbers as it takes:
//
//	table   | base desc | base  –  | base  –  |      one desc, at the first
//	           │           │          │
//	memory  [ · · 1 MiB · · · 1 MiB · · · ¼ ]        one contiguous mapping
//
// Pages nobody wrote to cost nothing, so neither does the rounding to a class.
// A freed block goes back to the system at once, except that a few (spareLimit
// bytes in all) wait for the next block of their size: a value of some
// megabytes that is set again and again should not fault in its pages each time.

const (
	spareLimit  = 8 << 20
	hugeAdvised = 4 << 20 // huge pages are asked for from this size on
)

// hugeChunks returns how many chunk numbers a huge block takes.
func hugeChunks(size int) int { return (size + chunkSize - 1) / chunkSize }

func (a *Arena) allocHuge(n int) Ref {
	size := ClassSize(n)
	a.used += int64(size)
	r := a.takeSpare(size)
	if r == Nil {
		r = a.mapHuge(size)
	}
	if a.guard != nil {
		a.guard.allocHuge(r)
	}
	return r
}

func (a *Arena) mapHuge(size int) Ref {
	p := sysMap(size, size >= hugeAdvised && !a.opt.NoHugePages)
	k := hugeChunks(size)
	first := a.reserve(k)
	d := &chunk{huge: size, index: uint32(first), shift: slotShift}
	d.spans[0].back = hugeBack
	for i := range k {
		a.chunks[first+i].base = unsafe.Add(p, i*chunkSize)
	}
	a.chunks[first].desc = d
	a.held += int64(size)
	return Ref(first) << chunkShift
}

func (a *Arena) takeSpare(size int) Ref {
	for i, r := range a.spare {
		if a.Cap(r) == size {
			last := len(a.spare) - 1
			a.spare[i] = a.spare[last]
			a.spare = a.spare[:last]
			a.spareBytes -= int64(size)
			return r
		}
	}
	return Nil
}

func (a *Arena) freeHuge(r Ref) {
	size := int64(a.Cap(r))
	a.used -= size
	if a.spareBytes+size <= spareLimit {
		a.spare = append(a.spare, r)
		a.spareBytes += size
		return
	}
	a.unmapHuge(r)
}

func (a *Arena) unmapHuge(r Ref) {
	t := a.chunks[r>>chunkShift]
	size := t.desc.huge
	if !sysUnmap(t.base, size) {
		sysDiscard(t.base, size) // stays mapped, unknown to us and empty
	}
	a.held -= int64(size)
	a.vacate(int(r>>chunkShift), hugeChunks(size))
}

// isHuge reports whether r may be a huge block: it begins one, or would if it
// were not freed already.
func (a *Arena) isHuge(r Ref) bool {
	x := r >> chunkShift
	if x >= Ref(len(a.chunks)) || r&chunkMask != 0 {
		return false
	}
	t := a.chunks[x]
	return t.base == nil || t.desc != nil && t.desc.huge != 0
}
