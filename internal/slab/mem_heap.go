//go:build race || !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package slab

import "unsafe"

// Where there is no mmap, chunks are pointer-free slices of the Go heap. So they
// are under the race detector, which sees no other memory.

// mapsPartially says that a piece of a mapping can be unmapped by itself. Here a
// pointer into a slice would keep all of it.
const mapsPartially = false

func sysMap(size int, _ bool) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, size/8)))
}

// sysUnmap has nothing to do: the garbage collector takes the chunk once the
// table no longer points to it.
func sysUnmap(unsafe.Pointer, int) bool { return true }

func sysDiscard(unsafe.Pointer, int) {}
