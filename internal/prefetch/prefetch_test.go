package prefetch

import (
	"testing"
	"unsafe"
)

func TestAnyAddress(t *testing.T) {
	var x [64]byte
	T0(unsafe.Pointer(&x))
	T0(nil)
	Pair(unsafe.Pointer(&x))
	Pair(nil)
	if x != [64]byte{} {
		t.Errorf("prefetching changed memory: %v", x)
	}
}

func BenchmarkT0(b *testing.B) {
	var x [64]byte
	for b.Loop() {
		T0(unsafe.Pointer(&x))
	}
}
