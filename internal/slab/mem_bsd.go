//go:build (darwin || dragonfly || freebsd || netbsd || openbsd) && !race

package slab

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mapFlags      = unix.MAP_ANON | unix.MAP_PRIVATE
	adviceDiscard = unix.MADV_FREE
)

// adviseHuge has no counterpart here: these systems choose page sizes by
// themselves.
func adviseHuge(unsafe.Pointer, int) {}
