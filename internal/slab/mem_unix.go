//go:build (darwin || dragonfly || freebsd || linux || netbsd || openbsd) && !race

package slab

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapsPartially says that a piece of a mapping can be unmapped by itself.
const mapsPartially = true

const hugePage = 2 << 20

// sysMap returns size bytes of fresh memory, page-aligned. With large set it
// asks for huge pages and aligns to them; size is then at least hugePage.
func sysMap(size int, large bool) unsafe.Pointer {
	if !large {
		return mmap(size)
	}
	p := mmap(size)
	if off := uintptr(p) % hugePage; off != 0 {
		munmap(p, size)
		const more = hugePage
		p = mmap(size + more)
		front := int(-uintptr(p) % hugePage)
		if front > 0 {
			munmap(p, front)
		}
		p = unsafe.Add(p, front)
		munmap(unsafe.Add(p, size), more-front)
	}
	adviseHuge(p, size&^(hugePage-1))
	return p
}

func mmap(size int) unsafe.Pointer {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, mapFlags)
	if err != nil {
		panic(fmt.Sprintf("slab: out of memory: mmap of %d bytes: %v", size, err))
	}
	return p
}

func munmap(p unsafe.Pointer, size int) bool {
	return size == 0 || unix.MunmapPtr(p, uintptr(size)) == nil
}

// sysUnmap gives size bytes back, and reports whether the system took them: to
// cut a mapping in two may exceed the number of mappings it allows.
func sysUnmap(p unsafe.Pointer, size int) bool { return munmap(p, size) }

// sysDiscard lets the system take the pages back but leaves them mapped; their
// contents are undefined from here on. It works through them piece by piece,
// since the whole address space is locked during each call.
func sysDiscard(p unsafe.Pointer, size int) {
	const piece = 8 << 20
	for b := unsafe.Slice((*byte)(p), size); len(b) > 0; {
		n := min(len(b), piece)
		_ = unix.Madvise(b[:n], adviceDiscard) // advice: nothing depends on it
		b = b[n:]
	}
}
