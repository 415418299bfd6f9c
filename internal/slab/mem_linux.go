//go:build linux && !race

package slab

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mapFlags      = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE
	adviceDiscard = unix.MADV_DONTNEED
)

// adviseHuge asks for huge pages. A kernel without them says no, and 4 KiB pages
// do as well.
func adviseHuge(p unsafe.Pointer, size int) {
	_ = unix.Madvise(unsafe.Slice((*byte)(p), size), unix.MADV_HUGEPAGE)
}
