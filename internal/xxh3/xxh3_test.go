package xxh3

import (
	"fmt"
	"testing"
)

// TestSum64 has the lengths at which the algorithm changes its ways. The sums are
// those of another implementation.
func TestSum64(t *testing.T) {
	b := make([]byte, 5000)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13)
	}
	for _, c := range []struct {
		n    int
		want uint64
	}{
		{0, 0x2d06800538d394c2},
		{1, 0xc44bdff4074eecdb},
		{3, 0xc3489259e968ad9e},
		{4, 0xd3d60c1519014e89},
		{8, 0xb88dee77f6bf6980},
		{9, 0x3688dcad730d826},
		{16, 0x9da23836adf2be1e},
		{17, 0xf34c3c9cf5a112d1},
		{32, 0x99cb9ad0f1a11fbe},
		{33, 0xc077b45492d29cde},
		{64, 0x6efb76ff16f37561},
		{65, 0x2640848e9137156b},
		{96, 0x764d2d5db92942df},
		{97, 0x77acb7e5f4fd940},
		{128, 0x65f3c2c00fa93185},
		{129, 0x28065c6ec25f5b25},
		{160, 0xcc592da68fea2254},
		{240, 0x4917a75c0ef8eed7},
		{241, 0x541b19226f0052e8},
		{256, 0xff5a1cefade75bb9},
		{1024, 0xcbeb9f3a1aeccda2},
		{1025, 0xd95859bed3193f4f},
		{1088, 0x934c09a2e974e726},
		{2048, 0x8d032ce04bf3e086},
		{2049, 0xc9f1d11d16eef6f1},
		{5000, 0x80c417de53bda261},
	} {
		if got := Sum64(b[:c.n]); got != c.want {
			t.Errorf("%d bytes: %#x, want %#x", c.n, got, c.want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { Sum64(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleSum64() {
	// As Redis's page on DIGEST has it.
	fmt.Printf("%016x\n", Sum64([]byte("Hello world")))
	// Output:
	// b6acb9d84a38ff74
}

func BenchmarkSum64(b *testing.B) {
	buf := make([]byte, 1<<16)
	for _, n := range []int{8, 64, 1 << 10, 1 << 16} {
		b.Run(fmt.Sprintf("size=%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Sum64(buf[:n])
			}
		})
	}
}
