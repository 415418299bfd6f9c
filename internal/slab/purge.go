package slab

import (
	"math/bits"
	"unsafe"
)

// Purge gives free memory back to the system until no more than keep bytes of
// it are kept, and returns how many bytes it gave back. Whole chunks and spare
// huge blocks are unmapped; then the pages of free slots in chunks still in use
// are discarded, which does not change Held. Room inside a span that has live
// blocks is beyond its reach.
func (a *Arena) Purge(keep int64) int64 { return a.PurgeSome(keep, 1<<62) }

// PurgeSome is Purge in pieces: it stops soon after it has given back atMost
// bytes, so that an owner can spread the system calls over many turns.
func (a *Arena) PurgeSome(keep, atMost int64) int64 {
	a.retire()
	give := min(a.idle()-keep, atMost)
	var done int64
	for len(a.spare) > 0 && done < give {
		last := len(a.spare) - 1
		r := a.spare[last]
		size := int64(a.Cap(r))
		a.spare = a.spare[:last]
		a.spareBytes -= size
		a.unmapHuge(r)
		done += size
	}
	for a.runs[slots] != 0 && done < give && a.drop(a.chunks[a.runs[slots]].desc) {
		done += chunkSize
	}
	for x := range a.chunks {
		if a.dirty == 0 || done >= give {
			break
		}
		if d := a.chunks[x].desc; d != nil && d.dirty != 0 {
			done += a.discard(d)
		}
	}
	return done
}

// Idle returns the bytes that Purge(0) could give back.
func (a *Arena) Idle() int64 {
	a.retire()
	return a.idle()
}

// idle is the memory of empty chunks, of spare huge blocks, and of dirty free
// slots in other chunks. It walks the empty chunks.
func (a *Arena) idle() int64 {
	n := a.spareBytes + int64(a.dirty)*slotSize
	for x := a.runs[slots]; x != 0; {
		d := a.chunks[x].desc
		n += int64(slots-bits.OnesCount16(d.dirty)) * slotSize
		x = d.next
	}
	return n
}

// retire releases current spans that have no live block.
func (a *Arena) retire() {
	if a.guard != nil {
		a.guard.flush(a)
	}
	for c := range a.bins {
		b := &a.bins[c]
		if s := b.span; s != nil && s.live == 0 {
			d := a.chunks[b.ref>>chunkShift].desc
			*b = bin{ring: b.ring}
			a.release(d, s)
		}
	}
}

// discard gives back the pages of d's dirty slots.
func (a *Arena) discard(d *chunk) (n int64) {
	for d.dirty != 0 {
		i := bits.TrailingZeros16(d.dirty)
		k := bits.TrailingZeros16(^(d.dirty >> i))
		sysDiscard(unsafe.Add(a.chunks[d.index].base, i*slotSize), k*slotSize)
		d.dirty &^= uint16(1<<k-1) << i
		a.dirty -= k
		n += int64(k) * slotSize
	}
	return n
}
