// Package process asks the operating system about this process: what INFO and
// MEMORY report beside our own counters. Where the system does not tell, the
// answer is zero.
package process

import (
	"bytes"
	"os"
	"strconv"
)

// CPU are the CPU seconds used so far.
type CPU struct {
	User, System                 float64 // this process
	ChildrenUser, ChildrenSystem float64 // its ended children
}

// RSS returns the resident set size in bytes.
func RSS() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// SystemMemory returns the bytes of memory the machine has.
func SystemMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(b, []byte("MemTotal:"))
	if !ok {
		return 0
	}
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kb, _ := strconv.ParseInt(string(f[0]), 10, 64)
	return kb << 10
}
