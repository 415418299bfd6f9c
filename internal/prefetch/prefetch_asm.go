//go:build amd64 || arm64

package prefetch

import "unsafe"

//go:noescape
func t0(p unsafe.Pointer)

//go:noescape
func pair(p unsafe.Pointer)
