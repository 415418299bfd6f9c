// Package slab is the memory below the keyspace: blocks of pointer-free bytes,
// named by small integers, outside the garbage collector's sight.
//
//	a := slab.New(slab.Options{})
//	defer a.Close()
//	r := a.Alloc(56)         // a Ref: 5 bytes wherever it is stored
//	copy(a.Bytes(r, 56), …)
//	a.Free(r)
//
// # From a Ref to a byte
//
// A Ref is a position, counted in granules of 8 bytes, in an address space of
// 8 TiB that belongs to one [Arena]. The space is cut into chunks of 1 MiB; a
// table says where in real memory each chunk lies.
//
//	Ref, 40 bits:  | chunk, 23 | slot, 4 | granule in slot, 13 |
//	                    │           └──────┐
//	                    ▼                  ▼
//	chunk table    | base desc | ──> desc: | span 0 | span 1 | … | span 15 |    32 B each,
//	               | base desc |                                                in Go memory
//	               |    …      |
//	                  │
//	                  ▼
//	chunk, mmap    | slot 0     | slot 1     | slot 2 … 4         | 5 free | …   16 of 64 KiB
//	                 56-B span    24-B span    a span of 3 slots
//
// A span is a run of slots given to one size class (see class.go): its blocks
// lie side by side, with nothing between them. So a block has no header, its
// size is known from its Ref, and what a value costs is its class size and no
// more. Blocks whose class size is a multiple of 64 lie on cache lines.
//
// Inside a span, blocks never used yet are taken from the front of the
// untouched rest (bump); freed blocks hang on a list threaded through their
// first bytes. The idea is mimalloc's (Leijen, Zorn, de Moura): a list a page
// long instead of a list per class keeps neighbours together, and tells when a
// page is empty.
//
//	span   | used | free ─┐| used | free ←┘| used | ····· untouched ····· |tail|
//	         ↑ first       └───────↗                ↑ bump            ↑ end
//
// Each class takes blocks from its current span; spans with room wait in a
// ring. A span whose last block is freed gives its slots back to the chunk,
// for any class to use. Chunks with free slots are kept in lists by the length
// of their longest free run, and the tightest fit is taken, so that wholly
// empty chunks are used last and can be given back to the system.
//
// # Small arenas, and large ones
//
// A test opens keyspaces by the thousand. The first 16 KiB of an arena, the
// nursery, is ordinary Go memory with slots of 1 KiB: an arena that stays
// inside it makes no system call and takes no page fault. It is chunk 0; Ref 0,
// its first granule, is [Nil].
//
// An arena that has grown past 8 MiB takes memory in larger pieces, aligned for
// huge pages where the system offers them: a fault then costs 2 MiB instead of
// 4 KiB, which is most of the cost of loading many keys.
//
// Blocks above 1 MiB have a mapping of their own under consecutive chunk
// numbers (huge.go), so [View.Bytes] is one slice at any size.
//
// # Who may call what
//
// An Arena has one owner at a time and locks nothing. Other goroutines may hold
// a [View], a picture of the chunk table that stays true for every block that
// existed, and is not freed, since it was taken; and may give blocks back
// through a [Batch], which the owner joins to the arena by [Arena.Splice].
//
// The table grows by copying to one twice as long, never by moving entries, and
// an entry changes only while no block lives in its chunk. A reader of live
// blocks therefore never meets a write, and needs no atomics: that it got the
// View through a channel or lock is enough.
//
// # Where mistakes show
//
// With [invariants.Enabled], freed blocks are poisoned, rest in quarantine
// before they are used again, and every Alloc and Free is checked: a double
// free, a free of something that is no block, and a write after free panic,
// telling the block, its class and span, and who freed it (guard.go).
package slab

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/redweave/redweave/internal/invariants"
)

// A Ref names a block: its position in the arena in granules of 8 bytes. A
// position inside a block may be computed from it (r+1 is 8 bytes further on)
// and given to Ptr and Bytes, but only the Ref that Alloc returned names the
// block to Free and Cap.
type Ref uint64

const (
	// Nil is no block.
	Nil Ref = 0

	// RefBytes is what PutRef writes.
	RefBytes = 5

	refBits = 40
)

// PutRef stores r in the first five bytes of b, little-endian.
func PutRef(b []byte, r Ref) {
	_ = b[4]
	b[0], b[1], b[2], b[3], b[4] = byte(r), byte(r>>8), byte(r>>16), byte(r>>24), byte(r>>32)
}

// GetRef reads what PutRef stored.
func GetRef(b []byte) Ref {
	_ = b[4]
	return Ref(b[0]) | Ref(b[1])<<8 | Ref(b[2])<<16 | Ref(b[3])<<24 | Ref(b[4])<<32
}

// A View finds blocks in memory. A copy of it (see [Arena.Snapshot]) may be
// used by other goroutines for blocks that were there when it was taken.
type View struct {
	chunks []entry
}

// entry is one chunk of the table. Both fields are nil while the chunk number
// is unused. The later chunks of a huge block have a base and no desc.
type entry struct {
	base unsafe.Pointer
	desc *chunk
}

// Ptr returns the address of r.
func (v *View) Ptr(r Ref) unsafe.Pointer {
	return unsafe.Add(v.chunks[r>>chunkShift].base, (r&chunkMask)<<granuleShift)
}

// Bytes returns n bytes from r on, with no capacity beyond them. They must lie
// within one block.
func (v *View) Bytes(r Ref, n int) []byte {
	return unsafe.Slice((*byte)(v.Ptr(r)), n)
}

// Cap returns the usable bytes of block r: ClassSize of what was asked for.
func (v *View) Cap(r Ref) int {
	d := v.chunks[r>>chunkShift].desc
	if d.huge != 0 {
		return d.huge
	}
	return classSize(uint(d.class[d.head[uint32(r&chunkMask)>>(d.shift&31)&(slots-1)]&(slots-1)]))
}

// Options configure an Arena. The zero value is the default.
type Options struct {
	// NoHugePages keeps the arena from asking the system for huge pages.
	NoHugePages bool
}

// An Arena hands out blocks. Make one with New; it is used by one goroutine at
// a time.
type Arena struct {
	View

	used int64 // class bytes of live blocks
	bins [numClasses]bin

	// Chunks with free slots, in lists by their longest free run. The nursery
	// and huge blocks are in none of them.
	runs    [slots + 1]uint32 // chunk number of each list's head, 0 = empty list
	runMask uint32            // bit n: runs[n] is not empty

	nursery *chunk // chunk 0, once a block small enough was wanted

	taken []uint64 // bit n: chunk number n is in use
	low   int      // no word of taken below this one has a clear bit

	held  int64 // bytes taken from the system
	dirty int   // free slots, outside the nursery, that may hold memory

	spare      []Ref // freed huge blocks kept for the next one of their size
	spareBytes int64

	opt   Options
	guard *guard // nil unless invariants are checked
}

// bin is what Alloc needs to know of a class.
type bin struct {
	span *span          // the current span, nil at first; in no ring
	base unsafe.Pointer // of the current span's chunk
	ref  Ref            // of the current span's chunk
	ring uint32         // the spans with room, first one's id + 1; 0 = none
}

// New returns an empty arena. It takes no memory before the first Alloc.
func New(o Options) *Arena {
	a := &Arena{opt: o}
	if invariants.Enabled {
		a.guard = newGuard()
	}
	return a
}

// Alloc returns a block of at least n bytes, on an 8-byte boundary, with
// undefined contents. n must be at least 1.
func (a *Arena) Alloc(n int) Ref {
	g := uint(n-1) >> granuleShift
	e := uint(bits.Len(g|steps)-stepShift-1) & 63
	c := e<<stepShift + g>>e
	if c < numClasses {
		b := &a.bins[c]
		if s := b.span; s != nil {
			if f := s.free; f != 0 {
				s.free = *(*uint32)(unsafe.Add(b.base, uintptr(f-1)<<granuleShift))
				s.live++
				a.used += int64(s.size) << granuleShift
				r := b.ref + Ref(f-1)
				if invariants.Enabled {
					a.guard.alloc(a, r)
				}
				return r
			}
			if f := s.bump; f < s.end {
				s.bump = f + s.size
				s.live++
				a.used += int64(s.size) << granuleShift
				r := b.ref + Ref(f)
				if invariants.Enabled {
					a.guard.alloc(a, r)
				}
				return r
			}
		}
	}
	return a.allocSlow(n, c)
}

// allocSlow gives class c a current span with room and tries again, or makes a
// huge block.
func (a *Arena) allocSlow(n int, c uint) Ref {
	if n < 1 {
		panic(fmt.Sprintf("slab: Alloc of %d bytes", n))
	}
	if c >= numClasses {
		return a.allocHuge(n)
	}
	a.refill(c)
	return a.Alloc(n)
}

// Free gives block r back.
func (a *Arena) Free(r Ref) {
	if invariants.Enabled {
		if r = a.guard.free(a, r); r == Nil {
			return
		}
	}
	a.free(r)
}
func (a *Arena) free(r Ref) {
	t := &a.chunks[r>>chunkShift]
	d := t.desc
	off := uint32(r & chunkMask)
	s := &d.spans[off>>(d.shift&31)&(slots-1)]
	if s.back != 0 {
		if s = d.headOf(s); s == nil {
			a.freeHuge(r)
			return
		}
	}
	*(*uint32)(unsafe.Add(t.base, uintptr(off)<<granuleShift)) = s.free
	s.free = off + 1
	s.live--
	a.used -= int64(s.size) << granuleShift
	if s.live == s.alarm {
		a.turn(d, s)
	}
}

// Realloc returns a block of at least n bytes that begins with the first keep
// bytes of r: r itself if its class fits n, else a new one, and r is freed.
func (a *Arena) Realloc(r Ref, keep, n int) Ref {
	if ClassSize(n) == a.Cap(r) {
		return r
	}
	to := a.Alloc(n)
	k := min(keep, n)
	copy(a.Bytes(to, k), a.Bytes(r, k))
	a.Free(r)
	return to
}

// Used returns the sum of the class sizes of all live blocks.
func (a *Arena) Used() int64 {
	if invariants.Enabled {
		return a.used - a.guard.resting
	}
	return a.used
}

// Held returns the bytes taken from the system and not yet given back.
func (a *Arena) Held() int64 { return a.held }

// Snapshot returns the current View, for another goroutine.
func (a *Arena) Snapshot() View { return a.View }

// Close gives all memory back to the system: every Ref and every View of the
// arena is void. The arena is then as New made it, so Close may be called again,
// and closing is also the fast way to empty an arena.
func (a *Arena) Close() {
	a.unmapAll()
	*a = Arena{opt: a.opt}
	if invariants.Enabled {
		a.guard = newGuard()
	}
}
