package intset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var seed = flag.Uint64("seed", 1, "seed of the random histories")

func build(vs ...int64) []byte {
	b := New()
	for _, v := range vs {
		b, _ = Add(b, v)
	}
	return b
}

func TestDrawing(t *testing.T) {
	tests := []struct {
		b    []byte
		want string
	}{
		{New(), "02 00 00 00 00 00 00 00"},
		{build(300, -1, 5), "02 00 00 00 03 00 00 00 ff ff 05 00 2c 01"},
		{build(300, -1, 5, 70000), "04 00 00 00 04 00 00 00 ff ff ff ff 05 00 00 00 2c 01 00 00 70 11 01 00"},
	}
	for _, tt := range tests {
		if got := fmt.Sprintf("% x", tt.b); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestWidths(t *testing.T) {
	for _, tt := range []struct {
		v    int64
		want int
	}{
		{0, 2}, {math.MaxInt16, 2}, {math.MinInt16, 2}, {math.MaxInt16 + 1, 4}, {math.MinInt16 - 1, 4},
		{math.MaxInt32, 4}, {math.MinInt32, 4}, {math.MaxInt32 + 1, 8}, {math.MinInt32 - 1, 8},
		{math.MaxInt64, 8}, {math.MinInt64, 8},
	} {
		b := build(1, 2, 3)
		grow := MaxGrow(b, tt.v)
		was := len(b)
		b, added := Add(b, tt.v)
		if !added || Width(b) != tt.want || !Contains(b, tt.v) || len(b)-was != grow {
			t.Errorf("%d: width %d, want %d; grew %d, MaxGrow %d", tt.v, Width(b), tt.want, len(b)-was, grow)
		}
		if b, _ = Remove(b, tt.v); Width(b) != tt.want {
			t.Errorf("%d: removing it narrowed the set", tt.v)
		}
	}
}

func TestInPlace(t *testing.T) {
	b := append(make([]byte, 0, 1024), build(1, 5, 9)...)
	base := &b[0]
	if n := testing.AllocsPerRun(100, func() {
		b, _ = Add(b, 7)
		b, _ = Remove(b, 7)
	}); n != 0 || &b[0] != base {
		t.Errorf("%v allocations", n)
	}
	b, _ = Add(b, 1<<40)
	if &b[0] != base || !slices.Equal(slices.Collect(All(b)), []int64{1, 5, 9, 1 << 40}) {
		t.Errorf("widened in place: %v", slices.Collect(All(b)))
	}
}

func TestValidate(t *testing.T) {
	for _, b := range [][]byte{
		nil, make([]byte, 7), {3, 0, 0, 0, 0, 0, 0, 0}, {2, 0, 0, 1, 0, 0, 0, 0},
		{2, 0, 0, 0, 1, 0, 0, 0}, {2, 0, 0, 0, 0, 0, 0, 0, 1},
		{8, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8},
		{2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0}, {2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0},
	} {
		if err := Validate(b, true); !errors.Is(err, ErrCorrupt) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

// history runs a set and a sorted slice through the operations that data
// spells: nine bytes each, an operation and a shifted integer.
func history(t *testing.T, data []byte) {
	b := New()
	var model []int64
	data = data[:min(len(data), 4000)]
	for ; len(data) >= 4; data = data[4:] {
		v := int64(int16(binary.LittleEndian.Uint16(data[1:])))
		switch data[3] % 16 {
		case 14:
			v <<= 16 + data[3]>>4
		case 15:
			v <<= 32 + data[3]>>4
		default:
			v %= 64
		}
		at, has := slices.BinarySearch(model, v)
		if i, ok := Index(b, v); i != at || ok != has || Contains(b, v) != has {
			t.Fatalf("Index(%d) = %d %v, want %d %v", v, i, ok, at, has)
		}
		switch data[0] % 4 {
		case 0, 1:
			room, was, added := MaxGrow(b, v), len(b), false
			if b, added = Add(b, v); added == has || len(b)-was > room {
				t.Fatalf("Add(%d) = %v, grew %d of %d", v, added, len(b)-was, room)
			}
			if !has {
				model = slices.Insert(model, at, v)
			}
		case 2:
			removed := false
			if b, removed = Remove(b, v); removed != has {
				t.Fatalf("Remove(%d) = %v", v, removed)
			}
			if has {
				model = slices.Delete(model, at, at+1)
			}
		case 3:
			if at < len(model) {
				b = RemoveAt(b, at)
				model = slices.Delete(model, at, at+1)
			}
		}
		if err := Validate(b, true); err != nil {
			t.Fatal(err)
		}
		if Len(b) != len(model) || !slices.Equal(slices.Collect(All(b)), model) {
			t.Fatalf("got %v, want %v", slices.Collect(All(b)), model)
		}
		if n := len(model); n > 0 && (Min(b) != model[0] || Max(b) != model[n-1]) {
			t.Fatalf("ends %d, %d of %v", Min(b), Max(b), model)
		}
	}
}

func TestHistory(t *testing.T) {
	for s := *seed; s < *seed+100; s++ {
		rnd := rand.New(rand.NewPCG(s, 0))
		data := make([]byte, 2000)
		for i := range data {
			data[i] = byte(rnd.Uint32())
			if i%4 == 3 && rnd.IntN(int(20*(s%5)+1)) > 0 {
				data[i] = 0 // some sets stay narrow for long
			}
		}
		if !t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) { history(t, data) }) {
			return
		}
	}
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 2, 0, 14, 0, 3, 0, 15, 2, 1, 0, 0})
	f.Fuzz(history)
}

// FuzzCorrupt feeds arbitrary bytes: Validate never panics, and what passes it
// can be read and edited, what passes the shallow check without a panic.
func FuzzCorrupt(f *testing.F) {
	f.Add(build(1, 2, 3), int64(2))
	f.Add(build(1, 1<<40), int64(-1<<40))
	f.Fuzz(func(t *testing.T, b []byte, v int64) {
		if Validate(b, false) == nil {
			Index(b, v)
			_ = slices.Collect(All(b))
		}
		if Validate(b, true) != nil {
			return
		}
		had := Contains(b, v)
		was := bytes.Clone(b)
		b, added := Add(b, v)
		b, removed := Remove(b, v)
		if added == had || !removed {
			t.Errorf("%d: had %v, added %v, removed %v", v, had, added, removed)
		}
		if !had && Width(b) == Width(was) && !bytes.Equal(b, was) {
			t.Errorf("% x became % x", was, b)
		}
	})
}

func BenchmarkContains(b *testing.B) {
	for _, n := range []int{8, 128, 512} {
		s, rnd := New(), rand.New(rand.NewPCG(1, 2))
		for Len(s) < n {
			s, _ = Add(s, int64(rnd.IntN(30000)))
		}
		probes := make([]int64, 1024)
		for i := range probes {
			probes[i] = At(s, rnd.IntN(n))
		}
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if !Contains(s, probes[i&1023]) {
					b.Fatal("lost")
				}
				i++
			}
		})
	}
}
