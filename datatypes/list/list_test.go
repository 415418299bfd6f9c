package list

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/quicklist"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

func newSlot(t testing.TB) *datatypes.MemSlot {
	t.Helper()
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	return datatypes.NewMemSlot(a, datatypes.Raw, nil)
}

// words splits on spaces, for short tests.
func words(s string) (b [][]byte) {
	for _, w := range strings.Fields(s) {
		b = append(b, []byte(w))
	}
	return b
}

func content(l List) string {
	var s []string
	l.ForEach(func(v Value) bool { s = append(s, v.String()); return true })
	return strings.Join(s, " ")
}

func wantEncoding(t *testing.T, l List, want datatypes.Encoding) {
	t.Helper()
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	if l.Encoding() != want || l.s.Encoding() != want {
		t.Fatalf("encoding %v (slot %v), want %v", l.Encoding(), l.s.Encoding(), want)
	}
}

func TestConversionByCount(t *testing.T) {
	lim := Limits{MaxListpackSize: 4}
	l := Create(newSlot(t), 0)
	l.PushTail(words("a b c d"), &lim)
	wantEncoding(t, l, datatypes.ListPack)
	l.PushTail(words("e"), &lim)
	wantEncoding(t, l, datatypes.QuickList)
	l.DropTail(1, &lim) // one node of four, more than half
	wantEncoding(t, l, datatypes.QuickList)
	l.DropHead(1, &lim)
	wantEncoding(t, l, datatypes.QuickList)
	l.DropHead(1, &lim)
	wantEncoding(t, l, datatypes.ListPack)
	if got := content(l); got != "c d" {
		t.Errorf("content %q", got)
	}
	if used := l.s.Arena().Used(); used != 0 {
		t.Errorf("%d bytes of the quicklist are left", used)
	}
}

func TestConversionBySize(t *testing.T) {
	lim := Limits{MaxListpackSize: -1}
	l := Create(newSlot(t), 0)
	elem := bytes.Repeat([]byte("x"), 1000)
	l.PushTail([][]byte{elem, elem, elem, elem}, &lim)
	wantEncoding(t, l, datatypes.ListPack) // 7+4·1000 before framing
	l.PushTail([][]byte{elem[:80]}, &lim)
	wantEncoding(t, l, datatypes.QuickList)
	if l.Nodes() != 2 {
		t.Errorf("%d nodes, want 2", l.Nodes())
	}
	l.DropHead(2, &lim)
	wantEncoding(t, l, datatypes.QuickList) // two nodes
	l.DropTail(1, &lim)
	wantEncoding(t, l, datatypes.ListPack)
	// One element past the limit by itself.
	l.Set(0, bytes.Repeat(elem, 5), &lim)
	wantEncoding(t, l, datatypes.QuickList)
	l.Set(0, []byte("small"), &lim)
	l.Remove(0, elem, &lim)
	wantEncoding(t, l, datatypes.ListPack)
	if got := content(l); got != "small" {
		t.Errorf("content %q", got)
	}
}

func TestBothEncodings(t *testing.T) {
	for enc, lim := range map[datatypes.Encoding]Limits{
		datatypes.ListPack:  DefaultLimits(),
		datatypes.QuickList: {MaxListpackSize: 2},
	} {
		t.Run(enc.String(), func(t *testing.T) {
			make := func() List {
				l := Create(newSlot(t), 100)
				l.PushTail(words("a 1 b 1 c 1 d"), &lim)
				wantEncoding(t, l, enc)
				return l
			}
			type op struct {
				name string
				do   func(*List) any
				ret  any
				want string
			}
			for _, c := range []op{
				{"PushHead", func(l *List) any { l.PushHead(words("x y"), &lim); return nil }, nil, "y x a 1 b 1 c 1 d"},
				{"Index", func(l *List) any { v, ok := l.Index(-2); return fmt.Sprint(v.Int, ok) }, "1 true", "a 1 b 1 c 1 d"},
				{"Index out of range", func(l *List) any { _, ok := l.Index(7); return ok }, false, "a 1 b 1 c 1 d"},
				{"Set", func(l *List) any { return l.Set(-1, []byte("z"), &lim) }, true, "a 1 b 1 c 1 z"},
				{"Set out of range", func(l *List) any { return l.Set(7, []byte("z"), &lim) }, false, "a 1 b 1 c 1 d"},
				{"InsertBefore", func(l *List) any { return l.InsertBefore([]byte("1"), []byte("z"), &lim) }, true, "a z 1 b 1 c 1 d"},
				{"InsertAfter", func(l *List) any { return l.InsertAfter([]byte("1"), []byte("z"), &lim) }, true, "a 1 z b 1 c 1 d"},
				{"InsertAfter last", func(l *List) any { return l.InsertAfter([]byte("d"), []byte("z"), &lim) }, true, "a 1 b 1 c 1 d z"},
				{"Insert absent", func(l *List) any { return l.InsertAfter([]byte("q"), []byte("z"), &lim) }, false, "a 1 b 1 c 1 d"},
				{"Remove first two", func(l *List) any { return l.Remove(2, []byte("1"), &lim) }, 2, "a b c 1 d"},
				{"Remove last two", func(l *List) any { return l.Remove(-2, []byte("1"), &lim) }, 2, "a 1 b c d"},
				{"Remove all", func(l *List) any { return l.Remove(0, []byte("1"), &lim) }, 3, "a b c d"},
				{"Remove min int", func(l *List) any { return l.Remove(math.MinInt, []byte("1"), &lim) }, 3, "a b c d"},
				{"Trim", func(l *List) any { l.Trim(1, -2, &lim); return nil }, nil, "1 b 1 c 1"},
				{"Trim to nothing", func(l *List) any { l.Trim(5, 2, &lim); return nil }, nil, ""},
				{"Trim beyond", func(l *List) any { l.Trim(-100, 100, &lim); return nil }, nil, "a 1 b 1 c 1 d"},
				{"PopHead", func(l *List) any { return pop(l.PopHead, 2, &lim) }, "a 1", "b 1 c 1 d"},
				{"PopTail", func(l *List) any { return pop(l.PopTail, 2, &lim) }, "d 1", "a 1 b 1 c"},
				{"PopTail more than all", func(l *List) any { return pop(l.PopTail, 20, &lim) }, "d 1 c 1 b 1 a", ""},
				{"Range", func(l *List) any { return ranged(l.Range, 1, 3) }, "1 b 1", "a 1 b 1 c 1 d"},
				{"Range empty", func(l *List) any { return ranged(l.Range, 4, 3) }, "", "a 1 b 1 c 1 d"},
				{"Range negative", func(l *List) any { return ranged(l.Range, -100, -5) }, "a 1 b", "a 1 b 1 c 1 d"},
				{"RangeReverse", func(l *List) any { return ranged(l.RangeReverse, 1, 3) }, "1 b 1", "a 1 b 1 c 1 d"},
				{"Pos all", func(l *List) any { return pos(l, "1", 1, 0, 0) }, "[1 3 5]", "a 1 b 1 c 1 d"},
				{"Pos rank", func(l *List) any { return pos(l, "1", 2, 1, 0) }, "[3]", "a 1 b 1 c 1 d"},
				{"Pos back", func(l *List) any { return pos(l, "1", -1, 2, 0) }, "[5 3]", "a 1 b 1 c 1 d"},
				{"Pos maxlen", func(l *List) any { return pos(l, "1", 1, 0, 4) }, "[1 3]", "a 1 b 1 c 1 d"},
				{"Pos back maxlen", func(l *List) any { return pos(l, "1", -2, 0, 4) }, "[3]", "a 1 b 1 c 1 d"},
				{"Pos absent", func(l *List) any { return pos(l, "01", 1, 0, 0) }, "[]", "a 1 b 1 c 1 d"},
			} {
				l := make()
				if ret := c.do(&l); ret != c.ret {
					t.Errorf("%s: returned %v, want %v", c.name, ret, c.ret)
				}
				if got := content(l); got != c.want {
					t.Errorf("%s: left %q, want %q", c.name, got, c.want)
				}
				if err := l.Check(); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		})
	}
}

func pop(f func(int, *Limits, func(Value)), n int, lim *Limits) string {
	var s []string
	f(n, lim, func(v Value) { s = append(s, v.String()) })
	return strings.Join(s, " ")
}

func ranged(f func(int, int, func(Value) bool), start, stop int) string {
	var s []string
	f(start, stop, func(v Value) bool { s = append(s, v.String()); return true })
	return strings.Join(s, " ")
}

func pos(l *List, elem string, rank, count, maxlen int) string {
	got := []int{}
	l.Pos([]byte(elem), rank, count, maxlen, func(i int) bool { got = append(got, i); return true })
	return fmt.Sprint(got)
}

func TestDumpAndCopy(t *testing.T) {
	for _, lim := range []Limits{DefaultLimits(), {MaxListpackSize: 3, CompressDepth: 1, PackedThreshold: 4000}} {
		l := Create(newSlot(t), 0)
		var elems [][]byte
		for i := range 100 {
			elems = append(elems, bytes.Repeat([]byte(strconv.Itoa(i)), 1+i%7*(i%5)*30))
		}
		l.PushTail(elems, &lim)
		want := content(l)

		other := newSlot(t)
		c := l.Copy(other)
		if d := cmp.Diff(want, content(c)); d != "" {
			t.Errorf("copy:\n%s", d)
		}
		if err := c.Check(); err != nil {
			t.Error(err)
		}
		slot := newSlot(t)
		r := LoadNodes(slot, &lim, func(q *quicklist.List) {
			l.EachNode(func(plain bool, b []byte) bool {
				if plain {
					q.AppendPlain(b)
				} else {
					q.AppendListpack(b)
				}
				return true
			})
		})
		wantEncoding(t, r, l.Encoding())
		if d := cmp.Diff(want, content(r)); d != "" {
			t.Errorf("loaded:\n%s", d)
		}
	}
}

func TestReadsAndPushesDoNotAllocate(t *testing.T) {
	lim := DefaultLimits()
	for _, n := range []int{50, 5000} {
		slot := newSlot(t)
		l := Create(slot, 0)
		elem := []byte("some element")
		for range n {
			l.PushTail([][]byte{elem}, &lim)
		}
		slot.Grow(1000)
		if a := testing.AllocsPerRun(100, func() {
			l := Open(slot)
			e := [1][]byte{elem}
			l.PushTail(e[:], &lim)
			l.PushHead(e[:], &lim)
			total := 0
			l.Range(0, 99, func(v Value) bool { total += v.Len(); return true })
			l.Index(20)
			l.DropHead(1, &lim)
			l.DropTail(1, &lim)
		}); a != 0 {
			t.Errorf("%v: %v allocations", l.Encoding(), a)
		}
	}
}

// model runs the operations that data encodes on a List and on a slice of
// strings.
func model(t *testing.T, lim Limits, data []byte) {
	a := slab.New(slab.Options{})
	defer a.Close()
	slot := datatypes.NewMemSlot(a, datatypes.Raw, nil)
	Create(slot, 0)
	var want []string
	elem := func(x byte) []byte {
		switch {
		case x < 100:
			return strconv.AppendInt(nil, int64(x%8), 10)
		case x < 120:
			return strconv.AppendInt(nil, math.MinInt64>>(x%64), 10)
		case x < 235:
			return bytes.Repeat([]byte{'a' + x%4}, int(x%80))
		}
		return bytes.Repeat([]byte{'a' + x%4}, 500*int(x%20))
	}
	for step := 0; len(data) >= 3; step++ {
		op, x, y := data[0]%16, data[1], data[2]
		data = data[3:]
		e := elem(y)
		at := 0
		if len(want) > 0 {
			at = int(x) % len(want)
		}
		l := Open(slot)
		fail := func(got, want any) {
			t.Helper()
			if got != want {
				t.Fatalf("step %d, op %d(%d, %d): got %v, want %v", step, op, x, y, got, want)
			}
		}
		switch op {
		case 0, 1, 2:
			var es [][]byte
			for i := range 1 + int(x)%20 {
				es = append(es, elem(y+byte(i)))
				want = append(want, string(elem(y+byte(i))))
			}
			l.PushTail(es, &lim)
		case 3, 4:
			es := [][]byte{e, elem(x)}
			l.PushHead(es, &lim)
			want = slices.Insert(want, 0, string(es[1]), string(es[0]))
		case 5:
			n := min(int(x)%8, len(want))
			fail(pop(l.PopHead, n, &lim), strings.Join(want[:n], " "))
			want = want[n:]
		case 6:
			n := min(int(x)%8, len(want))
			part := slices.Clone(want[len(want)-n:])
			slices.Reverse(part)
			fail(pop(l.PopTail, n, &lim), strings.Join(part, " "))
			want = want[:len(want)-n]
		case 7:
			fail(l.Set(at, e, &lim), len(want) > 0)
			if len(want) > 0 {
				want[at] = string(e)
			}
		case 8, 9:
			i := slices.Index(want, string(elem(x)))
			if op == 8 {
				fail(l.InsertBefore(elem(x), e, &lim), i >= 0)
			} else {
				fail(l.InsertAfter(elem(x), e, &lim), i >= 0)
			}
			if i >= 0 {
				want = slices.Insert(want, i+int(op-8), string(e))
			}
		case 10:
			count := int(int8(x)) % 4
			fail(l.Remove(count, e, &lim), removeModel(&want, count, string(e)))
		case 11:
			start, stop := int(int8(x)), int(int8(y))
			l.Trim(start, stop, &lim)
			want = cut(want, start, stop)
		case 12:
			start, stop := int(int8(x)), int(int8(y))
			part := cut(want, start, stop)
			fail(ranged(l.Range, start, stop), strings.Join(part, " "))
			part = slices.Clone(part)
			slices.Reverse(part)
			fail(ranged(l.RangeReverse, start, stop), strings.Join(part, " "))
		case 13:
			rank := int(int8(x))%3*2 + 1
			count, maxlen := int(x)%3, int(y)%50
			fail(pos(&l, string(e), rank, count, maxlen), posModel(want, string(e), rank, count, maxlen))
		case 14:
			v, ok := l.Index(at)
			fail(ok, len(want) > 0)
			if ok {
				fail(v.String(), want[at])
			}
		case 15:
			h, ok := l.Head()
			fail(ok, len(want) > 0)
			if ok {
				fail(h.String(), want[0])
				v, _ := l.Tail()
				fail(v.String(), want[len(want)-1])
			}
		}
		l = Open(slot)
		if err := l.Check(); err != nil {
			t.Fatalf("step %d, op %d(%d, %d): %v", step, op, x, y, err)
		}
		fail(l.Len(), len(want))
		if step%8 == 0 || len(data) < 3 {
			fail(content(l), strings.Join(want, " "))
		}
	}
	if q, ok := slot.Object().(*quicklist.List); ok {
		b := slab.NewBatch(a.Snapshot())
		for !q.Release(b, 10) {
		}
		a.Splice(b)
	}
	if a.Used() != 0 {
		t.Fatalf("%d bytes used at the end", a.Used())
	}
}

func cut(s []string, start, stop int) []string {
	n := len(s)
	if start < 0 {
		start = max(0, start+n)
	}
	if stop < 0 {
		stop += n
	}
	if stop = min(stop, n-1); start > stop {
		return nil
	}
	return s[start : stop+1]
}

func removeModel(s *[]string, count int, elem string) int {
	quota, n := count, 0
	if count < 0 {
		quota = -count
		slices.Reverse(*s)
	} else if count == 0 {
		quota = len(*s)
	}
	*s = slices.DeleteFunc(*s, func(e string) bool {
		hit := e == elem && n < quota
		if hit {
			n++
		}
		return hit
	})
	if count < 0 {
		slices.Reverse(*s)
	}
	return n
}

func posModel(s []string, elem string, rank, count, maxlen int) string {
	got, seen := []int{}, 0
	for k := range s {
		i := k
		if rank < 0 {
			i = len(s) - 1 - k
		}
		if maxlen > 0 && k >= maxlen || count > 0 && len(got) == count {
			break
		}
		if s[i] == elem {
			if seen++; seen >= max(rank, -rank) {
				got = append(got, i)
			}
		}
	}
	return fmt.Sprint(got)
}

var modelLimits = []Limits{
	{MaxListpackSize: -5},                   // mostly a listpack
	{MaxListpackSize: 1},                    // always a quicklist
	{MaxListpackSize: 5},                    // to and fro, many splits
	{MaxListpackSize: -1, CompressDepth: 1}, // compressed
	{MaxListpackSize: 16, CompressDepth: 2, PackedThreshold: 30}, // plain nodes
}

func TestModel(t *testing.T) {
	seeds := uint64(60)
	if invariants.Enabled || testing.Short() {
		seeds = 10
	}
	for i, lim := range modelLimits {
		for seed := range seeds {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			data := make([]byte, 900)
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			if !t.Run(fmt.Sprintf("limits=%d/seed=%d", i, seed), func(t *testing.T) { model(t, lim, data) }) {
				return
			}
		}
	}
}

func FuzzModel(f *testing.F) {
	for i := range modelLimits {
		f.Add(byte(i), []byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		model(t, modelLimits[int(which)%len(modelLimits)], data)
	})
}

// What commands make of cursors and drops:

// PopHead yields the first n elements, first to last, and removes them.
func (l *List) PopHead(n int, lim *Limits, yield func(Value)) {
	c := l.Seek(0)
	for range n {
		v, ok := c.Next()
		if !ok {
			break
		}
		yield(v)
	}
	l.DropHead(n, lim)
}

// PopTail yields the last n elements, last to first, and removes them.
func (l *List) PopTail(n int, lim *Limits, yield func(Value)) {
	c := l.Seek(-1)
	for range n {
		v, ok := c.Prev()
		if !ok {
			break
		}
		yield(v)
	}
	l.DropTail(n, lim)
}

// RangeReverse yields what Range does, last to first.
func (l List) RangeReverse(start, stop int, yield func(Value) bool) {
	first, n := l.Count(start, stop)
	if n == 0 {
		return
	}
	c := l.Seek(first + n - 1)
	for range n {
		v, ok := c.Prev()
		if !ok || !yield(v) {
			return
		}
	}
}
