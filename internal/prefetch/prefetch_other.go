//go:build !amd64 && !arm64

package prefetch

import "unsafe"

func t0(unsafe.Pointer) {}

func pair(unsafe.Pointer) {}
