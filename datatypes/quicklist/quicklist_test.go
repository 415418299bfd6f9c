package quicklist

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

func newArena(t testing.TB) *slab.Arena {
	t.Helper()
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	return a
}

// all reads the list forwards, and checks that backwards is the reverse.
func all(t testing.TB, l *List) []string {
	t.Helper()
	var got, back []string
	for c, i := l.Seek(0), 0; ; i++ {
		v, ok := c.Next()
		if !ok {
			break
		}
		got = append(got, v.String())
	}
	for c := l.Seek(-1); ; {
		v, ok := c.Prev()
		if !ok {
			break
		}
		back = append(back, v.String())
	}
	var batch []string
	var buf [7]listpack.Value
	for c := l.Seek(0); ; {
		n := c.Fill(buf[:])
		if n == 0 {
			break
		}
		for _, v := range buf[:n] {
			batch = append(batch, v.String())
		}
	}
	if d := cmp.Diff(got, batch); d != "" {
		t.Fatalf("Next and Fill differ:\n%s", d)
	}
	slices.Reverse(back)
	if d := cmp.Diff(got, back); d != "" {
		t.Fatalf("forwards and backwards differ:\n%s", d)
	}
	return got
}

func check(t testing.TB, l *List, want []string) {
	t.Helper()
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	if l.Len() != len(want) {
		t.Fatalf("Len = %d, want %d", l.Len(), len(want))
	}
	if got := all(t, l); !slices.Equal(want, got) {
		t.Fatalf("content (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct{ fill, bytes, count int }{
		{-1, 4096, math.MaxInt}, {-2, 8192, math.MaxInt}, {-5, 65536, math.MaxInt}, {-9, 65536, math.MaxInt},
		{0, 8192, 1}, {1, 8192, 1}, {128, 8192, 128},
	} {
		b, n := Limits(c.fill)
		if b != c.bytes || n != c.count {
			t.Errorf("Limits(%d) = %d, %d, want %d, %d", c.fill, b, n, c.bytes, c.count)
		}
	}
}

func TestPushFillsNodes(t *testing.T) {
	for _, head := range []bool{false, true} {
		t.Run(fmt.Sprintf("head=%t", head), func(t *testing.T) {
			a := newArena(t)
			l := New(a, -1, 0)
			elem := bytes.Repeat([]byte("x"), 100)
			const n = 10000
			for range n {
				if head {
					l.PushHead(elem)
				} else {
					l.PushTail(elem)
				}
			}
			if err := l.Check(); err != nil {
				t.Fatal(err)
			}
			// 103 bytes an element: 39 fit into 4096.
			if want := (n + 38) / 39; l.Nodes() != want {
				t.Errorf("%d nodes, want %d", l.Nodes(), want)
			}
			if got := float64(a.Used()) / (n * 103); got > 1.06 {
				t.Errorf("%.3f bytes of blocks a byte of listpack", got)
			}
			l.Free()
			if a.Used() != 0 {
				t.Errorf("%d bytes used after Free", a.Used())
			}
		})
	}
}

func TestQueueSlides(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		a := newArena(t)
		l := New(a, -2, 0)
		var want []string
		for i := range 20000 {
			s := strconv.Itoa(i)
			if i%3 == 0 {
				s = "element:" + s
			}
			want = append(want, s)
			if reverse {
				l.PushHead([]byte(s))
			} else {
				l.PushTail([]byte(s))
			}
			if len(want) > 50 {
				v, _ := l.Head()
				if reverse {
					v, _ = l.Tail()
				}
				if v.String() != want[0] {
					t.Fatalf("step %d: popped %q, want %q", i, v, want[0])
				}
				if want = want[1:]; reverse {
					l.DropTail(1)
				} else {
					l.DropHead(1)
				}
			}
		}
		if reverse {
			slices.Reverse(want)
		}
		check(t, l, want)
		if l.Nodes() > 2 {
			t.Errorf("%d nodes for 50 short elements", l.Nodes())
		}
	}
}

func TestInsertSplitsAndMerges(t *testing.T) {
	l := New(newArena(t), 4, 0)
	var want []string
	for i := range 12 {
		s := "e" + strconv.Itoa(i)
		l.PushTail([]byte(s))
		want = append(want, s)
	}
	if l.Nodes() != 3 {
		t.Fatalf("%d nodes, want 3", l.Nodes())
	}
	// Into the middle of a full node: it is split.
	if !l.Insert([]byte("e5"), []byte("mid"), true) {
		t.Fatal("pivot not found")
	}
	want = slices.Insert(want, 6, "mid")
	check(t, l, want)
	if l.Nodes() != 4 {
		t.Errorf("%d nodes after a split, want 4", l.Nodes())
	}
	// Behind the last element of a full node: into the next one, not full now.
	if !l.Insert([]byte("e3"), []byte("edge"), true) {
		t.Fatal("pivot not found")
	}
	want = slices.Insert(want, 4, "edge")
	check(t, l, want)
	if l.Nodes() != 4 {
		t.Errorf("%d nodes, want 4", l.Nodes())
	}
	if l.Insert([]byte("absent"), []byte("x"), true) {
		t.Error("inserted next to an absent pivot")
	}
}

func TestLargeElements(t *testing.T) {
	a := newArena(t)
	l := New(a, -1, 0)
	big := bytes.Repeat([]byte("big "), 5000)
	small := []byte("small")
	l.PushTail(small)
	l.PushTail(big)
	l.PushTail(small)
	check(t, l, []string{"small", string(big), "small"})
	if l.Nodes() != 3 {
		t.Fatalf("%d nodes, want 3", l.Nodes())
	}
	if !l.Set(1, []byte("17")) || !l.Set(0, big) || !l.Set(-1, big) {
		t.Fatal("Set found no element")
	}
	check(t, l, []string{string(big), "17", string(big)})
	if n := l.Remove(0, big); n != 2 {
		t.Errorf("removed %d, want 2", n)
	}
	check(t, l, []string{"17"})
	if l.Single() == nil {
		t.Error("Single is nil with one packed node")
	}
	l.SetPackedThreshold(5)
	l.PushHead(small)
	if l.Nodes() != 2 {
		t.Errorf("%d nodes: an element of the packed threshold shares a node", l.Nodes())
	}
	check(t, l, []string{"small", "17"})
}

func TestSetKeepsNodesBounded(t *testing.T) {
	l := New(newArena(t), -1, 0)
	var want []string
	for i := range 200 {
		l.PushTail([]byte(strconv.Itoa(i)))
		want = append(want, strconv.Itoa(i))
	}
	long := bytes.Repeat([]byte("y"), 3000)
	for i := range 200 {
		l.Set(i, long)
		want[i] = string(long)
	}
	check(t, l, want)
	l.EachNode(func(plain bool, b []byte) bool {
		if len(b) > 5*4096 {
			t.Errorf("a node of %d bytes", len(b))
		}
		return true
	})
}

func TestCompression(t *testing.T) {
	plainArena, arena := newArena(t), newArena(t)
	plain, l := New(plainArena, -2, 0), New(arena, -2, 1)
	var want []string
	for i := range 5000 {
		s := fmt.Sprintf("user:%06d:name", i)
		plain.PushTail([]byte(s))
		l.PushTail([]byte(s))
		want = append(want, s)
	}
	check(t, l, want)
	if l.Bytes() > plain.Bytes()/2 {
		t.Errorf("%d bytes compressed, %d not", l.Bytes(), plain.Bytes())
	}
	for len(want) > 10 {
		l.DropHead(7)
		l.DropTail(300)
		want = want[7:max(7, len(want)-300)]
		check(t, l, want)
	}
	l.Free()
	if arena.Used() != 0 {
		t.Errorf("%d bytes used after Free", arena.Used())
	}
}

func TestCloneAndNodes(t *testing.T) {
	a := newArena(t)
	for depth := range 3 {
		l := New(a, 8, depth)
		var want []string
		for i := range 500 {
			s := fmt.Sprintf("aaaaaaaaaaaaaaaaaaaa%d", i*i)
			l.PushHead([]byte(s))
			want = append([]string{s}, want...)
		}
		l.AppendPlain([]byte("last"))
		want = append(want, "last")
		c := l.Clone(a)
		check(t, c, want)
		built := New(a, 8, depth)
		l.EachNode(func(plain bool, b []byte) bool {
			if plain {
				built.AppendPlain(b)
			} else {
				built.AppendListpack(b)
			}
			return true
		})
		check(t, built, want)
		l.Free()
		check(t, c, want)
		c.Free()
		built.Free()
	}
	if a.Used() != 0 {
		t.Errorf("%d bytes used after Free", a.Used())
	}
}

func TestRelease(t *testing.T) {
	a := newArena(t)
	l := New(a, 2, 0)
	for i := range 1000 {
		l.PushTail([]byte(strconv.Itoa(i)))
	}
	if l.Effort() != 500 {
		t.Errorf("Effort = %d, want 500", l.Effort())
	}
	b := slab.NewBatch(a.Snapshot())
	steps := 1
	for ; !l.Release(b, 64); steps++ {
		if b.Len() > steps*64 {
			t.Fatalf("%d blocks after %d steps", b.Len(), steps)
		}
	}
	if b.Len() != 1000 {
		t.Errorf("%d blocks released, want 1000", b.Len())
	}
	a.Splice(b)
	if a.Used() != 0 {
		t.Errorf("%d bytes used after Splice", a.Used())
	}
}

func TestPrune(t *testing.T) {
	for _, c := range []struct {
		in       string
		quota    int
		fromTail bool
		want     string
		removed  int
	}{
		{"abcabc", 9, false, "bcbc", 2},
		{"abcabc", 1, false, "bcabc", 1},
		{"abcabc", 1, true, "abcbc", 1},
		{"aaaa", 3, true, "a", 3},
		{"aaaa", 9, false, "", 4},
		{"bbba", 9, true, "bbb", 1},
		{"bcd", 9, false, "bcd", 0},
	} {
		lp := listpack.New()
		for _, r := range c.in {
			lp = listpack.Append(lp, []byte(string(r)))
		}
		lp, n := Prune(lp, []byte("a"), c.quota, c.fromTail)
		if err := listpack.Validate(lp, true); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		got := ""
		for _, v := range listpack.All(lp) {
			got += v.String()
		}
		if got != c.want || n != c.removed {
			t.Errorf("%+v: got %q, %d", c, got, n)
		}
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	l := New(newArena(t), -2, 0)
	elem := []byte("an element of a list")
	for range 5000 {
		l.PushTail(elem)
	}
	if n := testing.AllocsPerRun(100, func() {
		l.PushTail(elem)
		l.PushHead(elem)
		l.Head()
		l.Tail()
		l.Index(2000)
		for c, i := l.Seek(100), 0; i < 100; i++ {
			c.Next()
		}
		l.DropHead(1)
		l.DropTail(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// model runs the operations that data encodes on a List and on a slice.
func model(t *testing.T, data []byte) {
	if len(data) < 3 {
		return
	}
	fill := int(int8(data[0])) % 8
	depth := int(data[1]) % 3
	a := slab.New(slab.Options{})
	defer a.Close()
	l := New(a, fill, depth)
	if data[2]%4 == 0 {
		l.SetPackedThreshold(1 + int(data[2]))
	}
	var want []string
	r := rand.New(rand.NewPCG(uint64(len(data)), uint64(binary.LittleEndian.Uint16(data))))
	data = data[3:]
	elem := func(x byte) []byte {
		switch {
		case x < 100:
			return strconv.AppendInt(nil, int64(x%10), 10)
		case x < 130:
			return strconv.AppendInt(nil, int64(r.Uint64()>>(x%64)), 10)
		case x < 220:
			return bytes.Repeat([]byte{'a' + x%5}, int(x%40))
		case x < 245:
			return bytes.Repeat([]byte{'a' + x%5, x}, 40*int(x%40))
		}
		b := make([]byte, 1000*int(x%12))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	for step := 0; len(data) >= 3; step++ {
		op, x, y := data[0], data[1], data[2]
		data = data[3:]
		at := 0
		if len(want) > 0 {
			at = (int(x)<<8 | int(y)) % len(want)
		}
		e := elem(y)
		switch op % 12 {
		case 0, 1:
			l.PushTail(e)
			want = append(want, string(e))
		case 2, 3:
			l.PushHead(e)
			want = slices.Insert(want, 0, string(e))
		case 4:
			n := int(x) % 5
			l.DropHead(n)
			want = want[min(n, len(want)):]
		case 5:
			n := int(x) % 5
			l.DropTail(n)
			want = want[:max(0, len(want)-n)]
		case 6, 7:
			if len(want) == 0 {
				continue
			}
			pivot := want[at]
			i := slices.Index(want, pivot)
			if op%12 == 7 {
				i++
			}
			if !l.Insert([]byte(pivot), e, op%12 == 7) {
				t.Fatalf("step %d: pivot %.20q not found", step, pivot)
			}
			want = slices.Insert(want, i, string(e))
		case 8:
			if ok := l.Set(at, e); ok != (len(want) > 0) {
				t.Fatalf("step %d: Set(%d) = %t", step, at, ok)
			}
			if len(want) > 0 {
				want[at] = string(e)
			}
		case 9:
			if len(want) == 0 {
				continue
			}
			n := int(int8(x)) % 4
			k := l.Remove(n, []byte(want[at]))
			var m int
			if want, m = removeModel(want, n, want[at]); k != m {
				t.Fatalf("step %d: Remove(%d) = %d, want %d", step, n, k, m)
			}
		case 10:
			v, ok := l.Index(at)
			if ok != (len(want) > 0) || ok && v.String() != want[at] {
				t.Fatalf("step %d: Index(%d) = %.20q, %t", step, at, v, ok)
			}
		case 11: // many at once, so that there are many nodes
			for range int(x) % 32 {
				l.PushTail(e)
				want = append(want, string(e))
			}
		}
		if err := l.Check(); err != nil {
			t.Fatalf("step %d, op %d: %v", step, op%12, err)
		}
		if l.Len() != len(want) {
			t.Fatalf("step %d, op %d: Len = %d, want %d", step, op%12, l.Len(), len(want))
		}
	}
	check(t, l, want)
	l.Free()
	if a.Used() != 0 {
		t.Fatalf("%d bytes used after Free", a.Used())
	}
}

func removeModel(s []string, count int, elem string) ([]string, int) {
	quota := count
	if count < 0 {
		quota = -count
		slices.Reverse(s)
	} else if count == 0 {
		quota = len(s)
	}
	n := 0
	s = slices.DeleteFunc(s, func(e string) bool {
		if e == elem && n < quota {
			n++
			return true
		}
		return false
	})
	if count < 0 {
		slices.Reverse(s)
	}
	return s, n
}

func TestModel(t *testing.T) {
	seeds := uint64(300)
	if invariants.Enabled || testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { model(t, data) }) {
			return
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("\xfe\x00\x01" + "000111222333444555666777888999"))
	f.Add([]byte("\x03\x01\x04" + "0az2bz;zz;yy8az9aa6ab7cd"))
	f.Fuzz(model)
}
