package slab

import "math/bits"

// Size classes. Sizes count in granules of 8 bytes. Up to 32 granules every
// count is a class of its own; from there each doubling is cut into sixteen equal
// steps, so the next class is never more than a sixteenth larger:
//
//	bytes   8 16 24 … 128 │ 136 144 … 256 │ 272 288 … 512 │ 544 … 1024 │ …
//	class   0  1  2 …  15 │  16  17 …  31 │  32  33 …  47 │  48 …   63 │ …
//
// A class number is a tiny floating-point number, four bits of mantissa under
// an exponent. With g the size in granules less one, and e the place of its
// leading bit above the fourth (0 for g < 32):
//
//	class = 16e + g>>e         size = (g>>e + 1) << e granules
//
// Both hold from one byte to the largest block there can be, without a table
// and without a branch.
//
// Eight steps a doubling would need half the spans and waste twice the bytes: a
// million hashes of eight short fields (internal/measure) took 8 bytes more each.

const (
	granuleShift = 3
	stepShift    = 4 // log2 of the steps a doubling is cut into
	steps        = 1 << stepShift

	chunkShift    = 20 - granuleShift // in granules: a chunk spans 1 MiB of Refs
	chunkSize     = 1 << 20
	chunkGranules = 1 << chunkShift
	chunkMask     = chunkGranules - 1

	slots            = 16 // a chunk is cut into this many slots
	slotShift        = chunkShift - 4
	slotSize         = chunkSize / slots // 64 KiB
	nurseryChunk     = 0
	nurseryShift     = 7 // 1 KiB slots in the nursery
	nurserySlotSize  = 1 << (nurseryShift + granuleShift)
	nurserySize      = slots * nurserySlotSize
	nurseryMaxSlots  = 8
	numClasses       = 224 // classes up to chunkSize; larger blocks have a mapping of their own
	tailLimit        = 32  // a span of small blocks leaves at most 1/32 of itself unused
	bigTailLimit     = 8   // … and one of blocks from 32 KiB on, 1/8 (pages nobody touches)
	bigTailThreshold = 32 << 10
)

// ClassSize returns the bytes that Alloc(n) takes: n rounded up to its size
// class. n must be at least 1.
func ClassSize(n int) int {
	g := uint(n-1) >> granuleShift
	e := uint(bits.Len(g|steps) - stepShift - 1)
	return int((g>>e+1)<<e) << granuleShift
}

// classOf returns the class of n bytes. Alloc repeats it in line.
func classOf(n int) uint {
	g := uint(n-1) >> granuleShift
	e := uint(bits.Len(g|steps) - stepShift - 1)
	return e<<stepShift + g>>e
}

// classSize is the size of class c in bytes.
func classSize(c uint) int {
	if c < steps {
		return int(c+1) << granuleShift
	}
	return int((c&(steps-1)+steps+1)<<(c>>stepShift-1)) << granuleShift
}

// A shape says how spans of one class are cut.
type shape struct {
	granules     uint32 // of a block
	slots        uint8  // of a span
	blocks       uint16 // in a span
	nursery      uint8  // slots of a span in the nursery, 0 if the class has no place there
	nurseryCount uint16
}

// shapes is computed once and never changes.
var shapes = makeShapes()

func makeShapes() (t [numClasses]shape) {
	for c := range t {
		size := classSize(uint(c))
		sh := &t[c]
		sh.granules = uint32(size >> granuleShift)
		sh.slots = spanSlots(size)
		sh.blocks = uint16(int(sh.slots) * slotSize / size)
		if n := (size + nurserySlotSize - 1) / nurserySlotSize; n <= nurseryMaxSlots {
			sh.nursery = uint8(n)
			sh.nurseryCount = uint16(n * nurserySlotSize / size)
		}
	}
	return t
}

// spanSlots returns the least number of slots whose unused tail is small
// enough. There always is one, as a test shows.
func spanSlots(size int) uint8 {
	limit := tailLimit
	if size >= bigTailThreshold {
		limit = bigTailLimit
	}
	for n := 1; n < slots; n++ {
		span := n * slotSize
		if span >= size && span%size <= span/limit {
			return uint8(n)
		}
	}
	return slots
}
