package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// bitAt is the naive way to a bit.
func bitAt(b []byte, i int64) int {
	if i>>3 >= int64(len(b)) {
		return 0
	}
	return int(b[i>>3] >> (7 - i&7) & 1)
}

// bitHistory holds the loops of bitops.go to bit-by-bit ones.
func bitHistory(t *testing.T, data []byte, a, z uint16) {
	if len(data) == 0 {
		return
	}
	size := int64(len(data)) * 8
	first, last := int64(a)%size, int64(z)%size
	want, firstOf := int64(0), [2]int64{-1, -1}
	for i := first; i <= last; i++ {
		bit := bitAt(data, i)
		want += int64(bit)
		if firstOf[bit] < 0 {
			firstOf[bit] = i
		}
	}
	if got := onesIn(data, first, last); got != want {
		t.Fatalf("onesIn(%x, %d, %d) = %d, want %d", data, first, last, got, want)
	}
	if first <= last {
		for bit := range firstOf {
			if got := firstBit(data, bit == 1, first, last); got != firstOf[bit] {
				t.Fatalf("firstBit(%x, %d, %d, %d) = %d, want %d", data, bit, first, last, got, firstOf[bit])
			}
		}
	}
	fieldHistory(t, data, uint64(first), int(z)%64+1)
	for op := bitAnd; op <= bitOne; op++ {
		combineHistory(t, op, data, int(a), int(z))
	}
}

func fieldHistory(t *testing.T, data []byte, off uint64, n int) {
	t.Helper()
	var want uint64
	for i := range n {
		want = want<<1 | uint64(bitAt(data, int64(off)+int64(i)))
	}
	got := bitField(data, off, n)
	if got != want {
		t.Fatalf("bitField(%x, %d, %d) = %x, want %x", data, off, n, got, want)
	}
	b := append(bytes.Clone(data), make([]byte, 8)...)
	setBitField(b, off, n, ^got)
	for i := range int64(len(b)) * 8 {
		inside := i >= int64(off) && i < int64(off)+int64(n)
		if (bitAt(b, i) != bitAt(data, i)) != inside {
			t.Fatalf("setBitField(%x, %d, %d): bit %d is %d", data, off, n, i, bitAt(b, i))
		}
	}
}

// combineHistory splits data into sources of different lengths.
func combineHistory(t *testing.T, op bitOp, data []byte, a, z int) {
	t.Helper()
	n := 1
	if op != bitNot {
		n = 1 + a%5
	}
	var srcs [][]byte
	size := 0
	for i := range n {
		from := (i * z) % len(data)
		s := bytes.Clone(data[from:][:(a+i*i)%(len(data)-from+1)])
		srcs, size = append(srcs, s), max(size, len(s))
	}
	want := make([]byte, size)
	for i := range int64(size) * 8 {
		ones, rest := 0, 0
		for j, s := range srcs {
			ones += bitAt(s, i)
			if j > 0 {
				rest |= bitAt(s, i)
			}
		}
		x := bitAt(srcs[0], i)
		bit := map[bitOp]bool{
			bitAnd: ones == n, bitOr: ones > 0, bitXor: ones%2 == 1, bitNot: ones == 0,
			bitDiff: x == 1 && rest == 0, bitDiff1: x == 0 && rest == 1,
			bitAndOr: x == 1 && rest == 1, bitOne: ones == 1,
		}[op]
		if bit {
			want[i>>3] |= 1 << (7 - i&7)
		}
	}
	got := make([]byte, size)
	combine(got, op, srcs)
	if !bytes.Equal(got, want) {
		t.Fatalf("combine %d of %x = %x, want %x", op, srcs, got, want)
	}
	// In the place of a source.
	which := z % n
	place := make([]byte, size)
	copy(place, srcs[which])
	srcs[which] = place[:len(srcs[which])]
	combine(place, op, srcs)
	if !bytes.Equal(place, want) {
		t.Fatalf("combine %d in place = %x, want %x", op, place, want)
	}
}

func TestBitOps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		data := make([]byte, 1+rnd.IntN(120))
		switch fill := rnd.IntN(3); fill {
		case 0:
			for i := range data {
				data[i] = byte(rnd.Uint32())
			}
		case 1:
			for i := range data {
				data[i] = 0xff
			}
		}
		bitHistory(t, data, uint16(rnd.Uint32()), uint16(rnd.Uint32()))
	}
	big := make([]byte, 3*bitChunk+17)
	for i := range big {
		big[i] = byte(rnd.Uint32())
	}
	for op := bitAnd; op <= bitOne; op++ {
		combineHistory(t, op, big, len(big)-3, 7)
	}
}

func FuzzBitOps(f *testing.F) {
	f.Add([]byte("\xff\x00abc\x01\x00\x00\x00\x00\x80"), uint16(3), uint16(70))
	f.Fuzz(func(t *testing.T, data []byte, a, z uint16) {
		if len(data) < 300 {
			bitHistory(t, data, a, z)
		}
	})
}

// TestBitsDoNotAllocate: the commands work where the string is.
func TestBitsDoNotAllocate(t *testing.T) {
	b := newBench(t)
	b.do("SETBIT k 80000 1")
	b.do("SETBIT other 70000 1")
	b.do("BITOP OR dest k other")
	for _, line := range []string{
		"SETBIT k 5 1", "SETBIT k 5 0", "GETBIT k 5", "BITCOUNT k 3 700 BIT", "BITPOS k 1 5 -1",
		"BITOP AND dest k other", "BITOP ONE dest dest k", "BITFIELD k SET u8 #3 5 INCRBY i64 77 12 GET u63 1",
		"BITFIELD_RO k GET i5 3", "PFCOUNT h", "PFADD h 1 2 3", "PFADD h",
	} {
		args := bytes.Fields([]byte(line))
		b.x.Begin()
		b.x.Do(b.cl, args)
		got := testing.AllocsPerRun(20, func() {
			b.cl.Out.Reset()
			b.x.Do(b.cl, args)
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", line, got)
		}
	}
}

func BenchmarkBits(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		x, y := make([]byte, size), make([]byte, size)
		dst := make([]byte, size)
		bench := func(name string, f func()) {
			b.Run(fmt.Sprintf("%s/size=%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					f()
				}
			})
		}
		bench("count", func() { onesCount(x) })
		bench("pos", func() { firstBit(x, true, 0, int64(size)*8-1) })
		bench("and", func() { combine(dst, bitAnd, [][]byte{x, y}) })
		bench("xor", func() { combine(dst, bitXor, [][]byte{x, y}) })
		bench("one", func() { combine(dst, bitOne, [][]byte{x, y}) })
	}
}
