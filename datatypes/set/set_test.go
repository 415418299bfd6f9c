package set

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

var encodings = []datatypes.Encoding{datatypes.IntSet, datatypes.ListPack, datatypes.HashTable}

func newSlot(t testing.TB) *datatypes.MemSlot {
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	return datatypes.NewMemSlot(a, datatypes.IntSet, nil)
}

// of returns a set of those members.
func of(t testing.TB, enc datatypes.Encoding, members ...string) Set {
	t.Helper()
	lim := DefaultLimits()
	s := Init(newSlot(t), enc)
	for _, m := range members {
		s.Add([]byte(m), &lim)
	}
	if s.Encoding() != enc {
		t.Fatalf("set of %d members is a %v, not a %v", len(members), s.Encoding(), enc)
	}
	return s
}

// ints returns the decimals from lo up to hi-1.
func ints(lo, hi int) (s []string) {
	for i := lo; i < hi; i++ {
		s = append(s, strconv.Itoa(i))
	}
	return s
}

func members(s Set) []string {
	var m []string
	s.ForEach(func(v Value) bool {
		m = append(m, v.String())
		return true
	})
	slices.Sort(m)
	return m
}

// A model is a Set beside the map it must agree with, and the encoding that the
// rules, told once more and differently, ask for.
type model struct {
	t    *testing.T
	slot *datatypes.MemSlot
	s    Set
	lim  Limits
	want map[string]bool
	enc  datatypes.Encoding
	rnd  *rand.Rand
}

func (m *model) add(member string) {
	if got := m.s.Add([]byte(member), &m.lim); got == m.want[member] {
		m.t.Fatalf("Add(%q) = %v of %d members", member, got, len(m.want))
	}
	if m.want[member] {
		return
	}
	_, isInt := listpack.ParseInt([]byte(member))
	longest := len(member)
	for w := range m.want {
		longest = max(longest, len(w))
	}
	m.want[member] = true
	n := len(m.want)
	switch fitsListPack := n <= m.lim.ListPackEntries && len(member) <= m.lim.ListPackValue; {
	case m.enc == datatypes.HashTable:
	case m.enc == datatypes.IntSet && isInt:
		if n > m.lim.IntSetEntries {
			m.enc = datatypes.HashTable
		}
	case m.enc == datatypes.IntSet:
		m.enc = datatypes.ListPack
		if !fitsListPack || longest > m.lim.ListPackValue {
			m.enc = datatypes.HashTable
		}
	case !fitsListPack:
		m.enc = datatypes.HashTable
	}
}

func (m *model) remove(member string) {
	if got := m.s.Remove([]byte(member)); got != m.want[member] {
		m.t.Fatalf("Remove(%q) = %v of %d members", member, got, len(m.want))
	}
	delete(m.want, member)
}

func (m *model) pop() {
	got, ok := m.s.Pop(m.rnd, []byte("> "))
	if ok != (len(m.want) > 0) || ok && !m.want[string(got[2:])] || !bytes.HasPrefix(got, []byte("> ")) {
		m.t.Fatalf("Pop = %q, %v of %d members", got, ok, len(m.want))
	}
	delete(m.want, string(got[2:]))
}

func (m *model) popN(n int) {
	left := max(len(m.want)-n, 0)
	popped := 0
	m.s.PopN(m.rnd, n, &m.lim, func(v Value) {
		if !m.want[v.String()] {
			m.t.Fatalf("PopN(%d) yields %q", n, v)
		}
		delete(m.want, v.String())
		popped++
	})
	if len(m.want) != left {
		m.t.Fatalf("PopN(%d) popped %d and left %d, want %d", n, popped, len(m.want), left)
	}
	if m.enc == datatypes.HashTable && left*5 <= n && left <= m.lim.ListPackEntries {
		m.enc = datatypes.ListPack
		for w := range m.want {
			if len(w) > m.lim.ListPackValue {
				m.enc = datatypes.HashTable
			}
		}
	}
}

func (m *model) randomN(n int) {
	seen := map[string]bool{}
	m.s.RandomN(m.rnd, n, false, func(v Value) {
		if !m.want[v.String()] || seen[v.String()] {
			m.t.Fatalf("RandomN(%d) yields %q", n, v)
		}
		seen[v.String()] = true
	})
	if len(seen) != min(n, len(m.want)) {
		m.t.Fatalf("RandomN(%d) of %d yields %d", n, len(m.want), len(seen))
	}
	got := 0
	m.s.RandomN(m.rnd, n, true, func(v Value) {
		if got++; !m.want[v.String()] {
			m.t.Fatalf("RandomN(%d, repeat) yields %q", n, v)
		}
	})
	if v, ok := m.s.Random(m.rnd); ok != (len(m.want) > 0) || ok && (got != n || !m.want[v.String()]) {
		m.t.Fatalf("RandomN(%d, repeat) of %d yields %d, Random %q", n, len(m.want), got, v)
	}
}

func (m *model) check() {
	m.t.Helper()
	if err := m.s.Check(); err != nil {
		m.t.Fatal(err)
	}
	if m.s.Len() != len(m.want) || m.s.Encoding() != m.enc {
		m.t.Fatalf("%v of %d, want %v of %d", m.s.Encoding(), m.s.Len(), m.enc, len(m.want))
	}
	if got, want := members(m.s), slices.Sorted(maps.Keys(m.want)); !slices.Equal(got, want) {
		m.t.Fatalf("members %q, want %q", got, want)
	}
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		if cursor = m.s.Scan(cursor, func(v Value) { seen[v.String()] = true }); cursor == 0 {
			break
		}
	}
	if !maps.Equal(seen, m.want) {
		m.t.Fatalf("Scan sees %d of %d", len(seen), len(m.want))
	}
}

// run interprets data: a byte of what to do, a byte of with which member.
func run(t *testing.T, enc datatypes.Encoding, data []byte) {
	slot := newSlot(t)
	m := &model{
		t: t, slot: slot, s: Init(slot, enc), enc: enc, want: map[string]bool{},
		lim: Limits{IntSetEntries: 40, ListPackEntries: 30, ListPackValue: 12},
		rnd: rand.New(rand.NewPCG(1, 2)),
	}
	for ; len(data) >= 2; data = data[2:] {
		op, id := data[0], int(data[1])
		if enc == datatypes.HashTable { // more of them
			id += int(op&15) << 8
		}
		member := strconv.Itoa(id*id*id - 100_000)
		switch {
		case id%64 == 33 && enc != datatypes.IntSet:
			member = strings.Repeat("long", id%4+1)
		case id%3 == 1 && enc != datatypes.IntSet || id == 255:
			member = fmt.Sprintf("m%d", id)
		}
		switch {
		case op < 140:
			m.add(member)
		case op < 200:
			m.remove(member)
		case op < 210:
			m.pop()
		case op < 213:
			m.popN(id / 8)
		case op == 213:
			m.popN(len(m.want) * 9 / 10)
		case op < 220:
			m.randomN(id / 4)
		case op < 230:
			m.s.ConvertFor(id/4, &m.lim)
			m.enc = m.s.Encoding()
		case op < 240:
			m.check()
		}
		if got := m.s.Contains([]byte(member)); got != m.want[member] {
			t.Fatalf("Contains(%q) = %v", member, got)
		}
	}
	m.check()
	m.s.Free()
	if u := slot.Arena().Used(); u != 0 {
		t.Fatalf("%d bytes are still in use", u)
	}
}

func TestModel(t *testing.T) {
	for _, enc := range encodings {
		t.Run("enc="+enc.String(), func(t *testing.T) {
			for seed := range uint64(30) {
				rnd := rand.New(rand.NewPCG(seed, uint64(enc)))
				data := make([]byte, 2*(10+rnd.IntN(3000)))
				for i := range data {
					data[i] = byte(rnd.Uint32())
				}
				run(t, enc, data)
			}
		})
	}
}

func FuzzSet(f *testing.F) {
	for i := range encodings {
		f.Add(byte(i), []byte("\x00\x01\x00\x02\x00\x03\xf0\x00\xa0\x02\xd2\x30\xdc\x10"))
	}
	f.Fuzz(func(t *testing.T, enc byte, data []byte) {
		run(t, encodings[int(enc)%len(encodings)], data)
	})
}

// TestConversions walks the rules of OBJECT ENCODING with Redis's defaults.
func TestConversions(t *testing.T) {
	long := strings.Repeat("x", 65)
	lim := DefaultLimits()
	type step struct {
		add  []string
		want datatypes.Encoding
	}
	for name, steps := range map[string][]step{
		"integers":               {{ints(0, 512), datatypes.IntSet}, {ints(0, 512), datatypes.IntSet}, {ints(512, 513), datatypes.HashTable}},
		"text in a small intset": {{ints(0, 127), datatypes.IntSet}, {[]string{"a"}, datatypes.ListPack}, {[]string{"b"}, datatypes.HashTable}},
		"text in a large intset": {{ints(0, 128), datatypes.IntSet}, {[]string{"a"}, datatypes.HashTable}},
		"long text in an intset": {{ints(0, 1), datatypes.IntSet}, {[]string{long}, datatypes.HashTable}},
		"text of the limit":      {{ints(0, 1), datatypes.IntSet}, {[]string{long[1:]}, datatypes.ListPack}},
		"not canonical":          {{[]string{"1", "01"}, datatypes.ListPack}, {[]string{"+1", "-0", ""}, datatypes.ListPack}},
		"extremes":               {{[]string{"9223372036854775807", "-9223372036854775808"}, datatypes.IntSet}, {[]string{"9223372036854775808"}, datatypes.ListPack}},
		"listpack by count":      {{append(ints(0, 127), "a"), datatypes.ListPack}, {[]string{"5"}, datatypes.ListPack}, {[]string{"x"}, datatypes.HashTable}},
		"listpack by length":     {{[]string{"a"}, datatypes.ListPack}, {[]string{long}, datatypes.HashTable}},
	} {
		s := Create(newSlot(t), []byte(steps[0].add[0]), 1, &lim)
		for i, st := range steps {
			for _, m := range st.add {
				s.Add([]byte(m), &lim)
			}
			if s.Encoding() != st.want {
				t.Errorf("%s: step %d makes a %v, want %v", name, i, s.Encoding(), st.want)
			}
		}
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n := s.Len()
		for _, m := range members(s)[1:] {
			s.Remove([]byte(m))
		}
		if want := steps[len(steps)-1].want; s.Encoding() != want || s.Len() != 1 {
			t.Errorf("%s: after removing %d it is a %v of %d", name, n-1, s.Encoding(), s.Len())
		}
	}
}

func TestInitialEncoding(t *testing.T) {
	lim := DefaultLimits()
	for _, c := range []struct {
		member string
		hint   int
		want   datatypes.Encoding
	}{
		{"1", 1, datatypes.IntSet},
		{"1", 512, datatypes.IntSet},
		{"1", 513, datatypes.HashTable},
		{"a", 128, datatypes.ListPack},
		{"a", 129, datatypes.HashTable},
		{"01", 1, datatypes.ListPack},
	} {
		if got := InitialEncoding([]byte(c.member), c.hint, &lim); got != c.want {
			t.Errorf("InitialEncoding(%q, %d) = %v, want %v", c.member, c.hint, got, c.want)
		}
	}
	none := Limits{}
	if got := InitialEncoding([]byte("1"), 1, &none); got != datatypes.HashTable {
		t.Errorf("without limits: %v", got)
	}
}

func TestConvertFor(t *testing.T) {
	lim := DefaultLimits()
	for _, c := range []struct {
		enc  datatypes.Encoding
		n    int
		want datatypes.Encoding
	}{
		{datatypes.IntSet, 512, datatypes.IntSet},
		{datatypes.IntSet, 513, datatypes.HashTable},
		{datatypes.ListPack, 128, datatypes.ListPack},
		{datatypes.ListPack, 129, datatypes.HashTable},
		{datatypes.HashTable, 1, datatypes.HashTable},
	} {
		s := of(t, c.enc, "5", "6")
		s.ConvertFor(c.n, &lim)
		if s.Encoding() != c.want || !slices.Equal(members(s), []string{"5", "6"}) {
			t.Errorf("%v.ConvertFor(%d): %v %q", c.enc, c.n, s.Encoding(), members(s))
		}
	}
}

// TestFair draws from each encoding, with and without repetition and by popping.
func TestFair(t *testing.T) {
	const n, draws = 20, 4000
	lim := DefaultLimits()
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, enc := range encodings {
		s := of(t, enc, ints(0, n)...)
		for name, draw := range map[string]func(func(Value)){
			"Random":        func(f func(Value)) { v, _ := s.Random(rnd); f(v) },
			"RandomN":       func(f func(Value)) { s.RandomN(rnd, 5, false, f) },
			"RandomN most":  func(f func(Value)) { s.RandomN(rnd, 15, false, f) },
			"RandomN again": func(f func(Value)) { s.RandomN(rnd, 5, true, f) },
			"PopN":          func(f func(Value)) { s.CopyTo(newSlot(t)).PopN(rnd, 4, &lim, f) },
			"PopN most":     func(f func(Value)) { s.CopyTo(newSlot(t)).PopN(rnd, 17, &lim, f) },
			"Pop": func(f func(Value)) {
				b, _ := s.CopyTo(newSlot(t)).Pop(rnd, nil)
				f(Value{Str: b})
			},
		} {
			count, total := map[string]int{}, 0.0
			for range draws / 10 {
				draw(func(v Value) { count[v.String()]++; total++ })
			}
			chi := 0.0
			for _, m := range ints(0, n) {
				d := float64(count[m]) - total/n
				chi += d * d / (total / n)
			}
			if chi > 70 { // 19 degrees of freedom
				t.Errorf("%v: %s: chi square %.1f of %v", enc, name, chi, count)
			}
		}
	}
}

// TestAlgebra compares with maps, over all mixtures of encodings.
func TestAlgebra(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	lim := Limits{IntSetEntries: 30, ListPackEntries: 20, ListPackValue: 8}
	for round := range 400 {
		sets := make([]Set, 1+rnd.IntN(4))
		plain := make([]map[string]bool, len(sets))
		for i := range sets {
			plain[i] = map[string]bool{}
			if rnd.IntN(12) == 0 {
				continue // a missing key
			}
			sets[i] = Init(newSlot(t), datatypes.IntSet)
			texts := rnd.IntN(3) == 0
			for range rnd.IntN(60) {
				m := strconv.Itoa(rnd.IntN(50))
				if texts && rnd.IntN(2) == 0 {
					m = "t" + m
				}
				sets[i].Add([]byte(m), &lim)
				plain[i][m] = true
			}
		}
		if round%10 == 0 && len(sets) > 1 {
			sets[1], plain[1] = sets[0], plain[0]
		}
		union, inter, diff := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, p := range plain {
			maps.Copy(union, p)
		}
		for m := range union {
			in := 0
			for _, p := range plain {
				if p[m] {
					in++
				}
			}
			if in == len(plain) {
				inter[m] = true
			}
			if in == 1 && plain[0][m] {
				diff[m] = true
			}
		}
		for name, c := range map[string]struct {
			f    func(datatypes.Slot, []Set, *Limits) Set
			want map[string]bool
		}{"Inter": {Inter, inter}, "Union": {Union, union}, "Diff": {Diff, diff}} {
			res := c.f(newSlot(t), slices.Clone(sets), &lim)
			if got, want := members(res), slices.Sorted(maps.Keys(c.want)); !slices.Equal(got, want) {
				t.Fatalf("%s: %q, want %q", name, got, want)
			}
			allInts := !slices.ContainsFunc(members(res), func(m string) bool { return m[0] == 't' })
			if res.Len() > 0 && allInts && res.Len() <= lim.IntSetEntries && res.Encoding() != datatypes.IntSet && name != "Diff" {
				t.Errorf("%s of %d integers is a %v", name, res.Len(), res.Encoding())
			}
			if err := res.Check(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			dst := datatypes.NewMemSlot(res.slot.Arena(), datatypes.IntSet, nil)
			if moved := res.MoveTo(dst); moved.Len() != len(c.want) {
				t.Errorf("%s: moved, it has %d members", name, moved.Len())
			}
			Open(dst).Free()
			if u := dst.Arena().Used(); u != 0 {
				t.Errorf("%s: %d bytes still in use", name, u)
			}
		}
		if got := InterCard(slices.Clone(sets), 0); got != len(inter) {
			t.Errorf("InterCard = %d, want %d", got, len(inter))
		}
		if got := InterCard(slices.Clone(sets), 2); got != min(2, len(inter)) {
			t.Errorf("InterCard to 2 = %d, want %d", got, min(2, len(inter)))
		}
	}
}

// TestDiffBothWays: the two algorithms agree.
func TestDiffBothWays(t *testing.T) {
	lim := DefaultLimits()
	large, small := of(t, datatypes.HashTable, ints(0, 1000)...), of(t, datatypes.IntSet, ints(10, 900)[:500]...)
	if sets := []Set{large, small, small}; diffByLookup(sets) {
		res := Diff(newSlot(t), sets, &lim)
		if res.Len() != 500 {
			t.Errorf("by lookup: %d", res.Len())
		}
	}
	many := []Set{large, small}
	for range 5 {
		many = append(many, of(t, datatypes.IntSet, "3"))
	}
	if diffByLookup(many) {
		t.Error("many small sets are looked up in")
	}
	if res := Diff(newSlot(t), many, &lim); res.Len() != 499 {
		t.Errorf("by removal: %d", res.Len())
	}
}

func TestCopyTo(t *testing.T) {
	for _, enc := range encodings {
		s, lim := of(t, enc, ints(0, 100)...), DefaultLimits()
		c := s.CopyTo(newSlot(t))
		s.Remove([]byte("5"))
		c.Add([]byte("1000"), &lim)
		if c.Encoding() != enc || c.Len() != 101 || s.Len() != 99 {
			t.Errorf("%v: the copy is a %v of %d beside %d", enc, c.Encoding(), c.Len(), s.Len())
		}
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestRelease(t *testing.T) {
	s := of(t, datatypes.HashTable, ints(0, 5000)...)
	o, a := s.slot.Object(), s.slot.Arena()
	if o.Effort() != 5000 {
		t.Errorf("Effort = %d", o.Effort())
	}
	b := slab.NewBatch(a.Snapshot())
	steps := 1
	for !o.Release(b, 256) {
		steps++
	}
	a.Splice(b)
	if steps < 10 || a.Used() != 0 {
		t.Errorf("%d steps leave %d bytes", steps, a.Used())
	}
}

func TestMemoryUsage(t *testing.T) {
	for _, enc := range encodings {
		s := of(t, enc, ints(0, 100)...)
		all, some := s.MemoryUsage(0), s.MemoryUsage(5)
		if enc != datatypes.HashTable {
			if all != 0 {
				t.Errorf("%v: %d", enc, all)
			}
			continue
		}
		if used := s.slot.Arena().Used(); all < used || all > used+1000 || some != all {
			t.Errorf("%v: %d, by five %d, of the arena %d", enc, all, some, used)
		}
	}
}

func TestValidate(t *testing.T) {
	twice := listpack.Append(listpack.Append(listpack.New(), []byte("a")), []byte("a"))
	if err := Validate(datatypes.ListPack, twice); err == nil {
		t.Error("a member twice is not found")
	}
	for _, enc := range encodings[:2] {
		s := of(t, enc, ints(0, 20)...)
		if err := Validate(enc, s.slot.Bytes()); err != nil {
			t.Error(err)
		}
		if err := Validate(enc, s.slot.Bytes()[:10]); err == nil {
			t.Errorf("%v cut short is not found", enc)
		}
	}
}

func TestMissing(t *testing.T) {
	var s Set
	s.ForEach(func(Value) bool { t.Error("yields"); return true })
	if s.Len() != 0 || s.Contains([]byte("a")) || s.ContainsValue(Value{IsInt: true}) {
		t.Error("a missing set has members")
	}
}

func TestAllocs(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checks allocate")
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	lim := DefaultLimits()
	for _, enc := range encodings {
		s := of(t, enc, ints(0, 100)...)
		b, none := []byte("50"), []byte("-7")
		buf := make([]byte, 0, 64)
		n := testing.AllocsPerRun(100, func() {
			Open(s.slot).Contains(b)
			s.Contains(none)
			s.Remove(b)
			s.Add(b, &lim)
			s.Add(b, &lim)
			s.Random(rnd)
			s.ForEach(func(v Value) bool { return !v.IsInt })
			m, _ := s.Pop(rnd, buf)
			s.Add(m, &lim)
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", enc, n)
		}
	}
}
