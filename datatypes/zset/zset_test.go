package zset

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/slab"
)

// mp is a member and a score, comparable.
type mp struct {
	m string
	s float64
}

func comparePair(a, b mp) int { return cmp.Or(cmp.Compare(a.s, b.s), strings.Compare(a.m, b.m)) }

func pairOf(m Value, s float64) mp { return mp{m.String(), s} }

// A model is a sorted set beside the map it must agree with.
type model struct {
	t    *testing.T
	a    *slab.Arena
	slot *datatypes.MemSlot
	z    ZSet
	lim  Limits
	want map[string]float64
}

func newModel(t *testing.T, lim Limits) *model {
	m := &model{t: t, a: slab.New(slab.Options{}), lim: lim, want: map[string]float64{}}
	t.Cleanup(m.a.Close)
	m.slot = datatypes.NewMemSlot(m.a, datatypes.ListPack, nil)
	m.z = Init(m.slot, 1, 1, &m.lim)
	return m
}

// sorted returns the members in order.
func (m *model) sorted() []mp {
	all := make([]mp, 0, len(m.want))
	for k, s := range m.want {
		all = append(all, mp{k, s})
	}
	slices.SortFunc(all, comparePair)
	return all
}

func (m *model) is(what string, got, want any) {
	m.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		m.t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// add works out what ZADD promises.
func (m *model) add(member string, s float64, f Flags) {
	have, there := m.want[member]
	want, out := s, Added
	switch {
	case s != s:
		want, out = 0, NotANumber
	case !there && f.XX:
		want, out = 0, Skipped
	case there && f.NX:
		want, out = have, Skipped
	case there:
		if f.Incr {
			want += have
		}
		switch {
		case want != want:
			want, out = have, NotANumber
		case f.GT && want <= have, f.LT && want >= have:
			want, out = have, Skipped
		case want == have:
			out = Same
		default:
			out = Updated
		}
	}
	got, gotOut := m.z.Add([]byte(member), s, f, &m.lim)
	if got != want || gotOut != out {
		m.t.Fatalf("Add(%q, %v, %+v) with %v = %v, %v; want %v, %v", member, s, f, have, got, gotOut, want, out)
	}
	if out == Added || out == Updated {
		m.want[member] = want
	}
}

func (m *model) remove(member string) {
	_, there := m.want[member]
	m.is("Remove "+member, m.z.Remove([]byte(member)), there)
	delete(m.want, member)
}

func (m *model) lookup(member string) {
	want, there := m.want[member]
	got, ok := m.z.Score([]byte(member))
	m.is("Score "+member, fmt.Sprint(got, ok), fmt.Sprint(want, there))
	rank := slices.Index(m.sorted(), mp{member, want})
	r, s, ok := m.z.Rank([]byte(member), false)
	if there {
		m.is("Rank "+member, fmt.Sprint(r, s), fmt.Sprint(rank, want))
		r, _, _ = m.z.Rank([]byte(member), true)
		m.is("Rank from the end "+member, r, len(m.want)-1-rank)
	}
	m.is("Rank "+member, ok, there)
}

// cut applies a window to a list already in the direction wanted.
func cut(all []mp, w Window) []mp {
	if w.Reverse {
		slices.Reverse(all)
	}
	if w.Offset < 0 || w.Offset > len(all) {
		return nil
	}
	all = all[w.Offset:]
	if w.Count >= 0 {
		all = all[:min(w.Count, len(all))]
	}
	return all
}

// in filters the members in order.
func (m *model) in(keep func(mp) bool) []mp {
	return slices.DeleteFunc(m.sorted(), func(p mp) bool { return !keep(p) })
}

func (r ScoreRange) has(p mp) bool { return r.aboveMin(p.s) && r.belowMax(p.s) }
func (r LexRange) has(p mp) bool {
	v := Value{Str: []byte(p.m)}
	return r.aboveMin(v) && r.belowMax(v)
}

// collect returns what a walk yields, until it has got stop.
func collect(stop int, walk func(yield func(Value, float64) bool)) (got []mp) {
	walk(func(v Value, s float64) bool {
		got = append(got, pairOf(v, s))
		return len(got) != stop
	})
	return got
}

func (m *model) rangeByRank(start, n int, reverse bool) {
	var want []mp
	if start >= 0 && n > 0 {
		want = cut(m.sorted(), Window{start, n, reverse})
	}
	got := collect(-1, func(y func(Value, float64) bool) { m.z.Range(start, n, reverse, y) })
	m.is(fmt.Sprintf("Range(%d, %d, %v)", start, n, reverse), got, want)
}

func (m *model) byScore(r ScoreRange, w Window) {
	all := m.in(r.has)
	m.is(fmt.Sprintf("CountByScore(%+v)", r), m.z.CountByScore(r), len(all))
	want := cut(all, w)
	got := collect(-1, func(y func(Value, float64) bool) { m.z.RangeByScore(r, w, y) })
	m.is(fmt.Sprintf("RangeByScore(%+v, %+v)", r, w), got, want)
	if len(want) > 1 {
		got := collect(1, func(y func(Value, float64) bool) { m.z.RangeByScore(r, w, y) })
		m.is("RangeByScore stopped", got, want[:1])
	}
}

func (m *model) byLex(r LexRange, w Window) {
	all := m.in(r.has)
	m.is(fmt.Sprintf("CountByLex(%+v)", r), m.z.CountByLex(r), len(all))
	got := collect(-1, func(y func(Value, float64) bool) { m.z.RangeByLex(r, w, y) })
	m.is(fmt.Sprintf("RangeByLex(%+v, %+v)", r, w), got, cut(all, w))
}

// removed checks a removal that should have taken want.
func (m *model) removed(what string, n int, got, want []mp) {
	m.t.Helper()
	m.is(what, n, len(want))
	m.is(what, got, want)
	for _, p := range want {
		delete(m.want, p.m)
	}
}

// flatten gives all members the score 1, as the lexicographic commands want it.
func (m *model) flatten() {
	for k := range m.want {
		m.add(k, 1, Flags{})
	}
}

func (m *model) random(rnd *rand.Rand, count int) {
	v, s, ok := m.z.Random(rnd)
	m.is("Random", ok, len(m.want) > 0)
	if have, there := m.want[v.String()]; ok && (!there || have != s) {
		m.t.Fatalf("Random = %q %v, which is not there", v, s)
	}
	for _, repeat := range []bool{false, true} {
		seen := map[string]bool{}
		n := 0
		m.z.RandomN(rnd, count, repeat, func(v Value, s float64) {
			if have, there := m.want[v.String()]; !there || have != s {
				m.t.Fatalf("RandomN = %q %v, which is not there", v, s)
			}
			seen[v.String()] = true
			n++
		})
		want := count
		if len(m.want) == 0 || !repeat {
			want = min(count, len(m.want))
		}
		m.is("RandomN", n, want)
		if !repeat {
			m.is("RandomN distinct", len(seen), n)
		}
	}
}

func (m *model) scan() {
	seen := map[string]float64{}
	for cursor := uint64(0); ; {
		cursor = m.z.Scan(cursor, func(v Value, s float64) { seen[v.String()] = s })
		if cursor == 0 {
			break
		}
	}
	m.is("Scan", seen, m.want)
}

// agree compares everything.
func (m *model) agree() {
	m.t.Helper()
	if err := m.z.Check(); err != nil {
		m.t.Fatal(err)
	}
	m.is("Len", m.z.Len(), len(m.want))
	m.is("ForEach", collect(-1, m.z.ForEach), m.sorted())
	m.scan()
}

// copies checks CopyTo and Store.
func (m *model) copies() {
	to := datatypes.NewMemSlot(m.a, datatypes.ListPack, nil)
	m.z.CopyTo(to)
	c := &model{m.t, m.a, to, Open(to), m.lim, m.want}
	c.agree()
	m.is("encoding of the copy", to.Encoding(), m.slot.Encoding())
	c.drop()

	var pairs []Pair
	for k, s := range m.want {
		pairs = append(pairs, Pair{[]byte(k), s})
	}
	st := datatypes.NewMemSlot(m.a, datatypes.ListPack, nil)
	c = &model{m.t, m.a, st, Store(st, pairs, &m.lim), m.lim, m.want}
	c.agree()
	c.drop()
}

// drop gives back what the set holds, in small pieces.
func (m *model) drop() {
	if o := m.slot.Object(); o != nil {
		b := slab.NewBatch(m.a.Snapshot())
		for !o.Release(b, 7) {
		}
		m.a.Splice(b)
	}
	m.slot.SetBytes(datatypes.ListPack, nil)
}

var testScores = []float64{0, 1, 1, 2, -1, 2.5, -0.1, 3, 1e20, 1e-7, math.Inf(1), math.Inf(-1), 1 << 53, 5, 6, math.NaN()}

func bound(x, y byte) LexBound {
	switch y % 8 {
	case 0:
		return LexBound{Inf: -1}
	case 1:
		return LexBound{Inf: 1}
	}
	return LexBound{Member: []byte(fmt.Sprint(x)), Ex: y&8 != 0}
}

// run turns bytes into operations, four at a time: what, and with what.
func run(t *testing.T, data []byte, lim Limits) {
	m := newModel(t, lim)
	rnd := rand.New(rand.NewPCG(uint64(len(data)), 1))
	for ; len(data) >= 4; data = data[4:] {
		op, x, y, z := data[0], data[1], data[2], data[3]
		member := fmt.Sprint(x)
		if x%4 == 0 {
			member = strings.Repeat("m", int(x)/4) + member
		}
		s := testScores[y%16]
		sr := ScoreRange{s, testScores[z%15], x&1 != 0, x&2 != 0}
		if s != s {
			sr.Min = 0
		}
		w := Window{int(x>>4) % 5, int(y>>4) - 2, z&1 != 0}
		lr := LexRange{bound(x, z), bound(y, z>>2)}
		var got []mp
		keep := func(v Value, s float64) { got = append(got, pairOf(v, s)) }
		switch op % 24 {
		default:
			m.add(member, s, Flags{})
		case 8:
			m.add(member, s, Flags{z&1 != 0, z&2 != 0, z&4 != 0, z&8 != 0, z&16 != 0})
		case 9:
			m.add(member, s, Flags{Incr: true})
		case 10, 11:
			m.remove(member)
		case 12:
			m.lookup(member)
		case 13:
			m.rangeByRank(int(y)%40-2, int(z)%12, x&1 != 0)
		case 14:
			m.byScore(sr, w)
		case 15:
			m.flatten()
			m.byLex(lr, w)
		case 16:
			all := m.sorted()
			n := m.z.RemoveRange(int(y)%40, int(z)%4, keep)
			m.removed("RemoveRange", n, got, all[min(int(y)%40, len(all)):min(int(y)%40+int(z)%4, len(all))])
		case 17:
			sr.Max = sr.Min + 1
			want := m.in(sr.has)
			m.removed("RemoveByScore", m.z.RemoveByScore(sr, keep), got, want)
		case 18:
			m.flatten()
			lr.Max = LexBound{Member: append(bytes.Clone(lr.Min.Member), '~')}
			want := m.in(lr.has)
			m.removed("RemoveByLex", m.z.RemoveByLex(lr, keep), got, want)
		case 19:
			want := cut(m.sorted(), Window{0, int(z) % 4, x&1 != 0})
			m.removed("Pop", m.z.Pop(x&1 != 0, int(z)%4, keep), got, want)
		case 20:
			m.random(rnd, int(z)%20)
		case 21:
			m.scan()
		case 22:
			if z < 32 {
				m.copies()
			}
		}
	}
	m.agree()
	m.copies()
	m.drop()
	if m.a.Used() != 0 {
		t.Fatalf("%d bytes in use after all is gone", m.a.Used())
	}
}

// The same operations run on a listpack, on a skip list, and across the
// conversion.
var encodings = map[string]Limits{
	"listpack":   {1 << 20, 1 << 20},
	"skiplist":   {0, 0},
	"conversion": {30, 50},
}

func TestModel(t *testing.T) {
	for name, lim := range encodings {
		for seed := range uint64(25) {
			data := make([]byte, 4*(30+60*int(seed)))
			rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
			t.Run(fmt.Sprintf("enc=%s/seed=%d", name, seed), func(t *testing.T) { run(t, data, lim) })
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x00\x05\x02\x03\x0e\x01\x04\x07"), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, enc uint8) {
		run(t, data, encodings[[]string{"listpack", "skiplist", "conversion"}[enc%3]])
	})
}

func TestEncodings(t *testing.T) {
	lim := Limits{ListPackEntries: 3, ListPackValue: 5}
	for _, c := range []struct {
		members string
		want    datatypes.Encoding
	}{
		{"a b c", datatypes.ListPack},
		{"a b c c", datatypes.ListPack},
		{"a b c d", datatypes.SkipList},
		{"12345", datatypes.ListPack},
		{"123456", datatypes.SkipList},
	} {
		m := newModel(t, lim)
		for i, s := range strings.Fields(c.members) {
			m.add(s, float64(i), Flags{})
		}
		m.is(c.members, m.slot.Encoding(), c.want)
		m.agree()
		for s := range m.want { // never back
			m.remove(s)
		}
		m.is(c.members+", all removed", m.slot.Encoding(), c.want)
	}
	for _, c := range []struct {
		hint, longest int
		want          datatypes.Encoding
	}{{3, 5, datatypes.ListPack}, {4, 5, datatypes.SkipList}, {3, 6, datatypes.SkipList}} {
		if got := InitialEncoding(c.hint, c.longest, &lim); got != c.want {
			t.Errorf("InitialEncoding(%d, %d) = %v", c.hint, c.longest, got)
		}
	}
}

func TestListPackBytes(t *testing.T) {
	m := newModel(t, DefaultLimits())
	m.add("b", 2.5, Flags{})
	m.add("a", 1, Flags{})
	want := "\x14\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81b\x02\x832.5\x04\xff"
	if got := string(m.slot.Bytes()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A missing key reads as empty.
func TestZero(t *testing.T) {
	var z ZSet
	if _, ok := z.Score([]byte("a")); ok || z.Len() != 0 || z.CountByScore(ScoreRange{Max: 1}) != 0 || z.CountByLex(LexRange{LexBound{Inf: -1}, LexBound{Inf: 1}}) != 0 {
		t.Error("something in the zero ZSet")
	}
	_, _, ok := z.Rank(nil, false)
	_, _, ok2 := z.Random(nil)
	if ok || ok2 || z.Scan(0, nil) != 0 || z.Pop(false, 1, nil) != 0 {
		t.Error("something in the zero ZSet")
	}
	z.ForEach(func(Value, float64) bool { t.Error("yielded"); return true })
	z.RangeByScore(ScoreRange{Max: 1}, All(true), func(Value, float64) bool { t.Error("yielded"); return true })
	z.RangeByLex(LexRange{LexBound{Inf: -1}, LexBound{Inf: 1}}, All(false), func(Value, float64) bool { t.Error("yielded"); return true })
	z.RandomN(nil, 3, true, nil)
}

// A Cursor may be emptied in pieces of any size.
func TestCursor(t *testing.T) {
	for name, lim := range encodings {
		m := newModel(t, lim)
		for i := range 100 {
			m.add(fmt.Sprint(i), float64(i/2), Flags{})
		}
		sr := ScoreRange{Min: 3, Max: 40, MaxEx: true}
		for _, size := range []int{1, 5, 16, 40, 200} {
			buf := make([]Element, size)
			for _, w := range []Window{All(false), All(true), {7, 50, false}, {7, 50, true}} {
				for what, c := range map[string]struct {
					cur  Cursor
					want []mp
				}{
					"Seek":      {m.z.Seek(w.Offset, 60, w.Reverse), cut(m.sorted(), Window{w.Offset, 60, w.Reverse})},
					"SeekScore": {m.z.SeekScore(sr, w), cut(m.in(sr.has), w)},
				} {
					var got []mp
					for n := c.cur.Fill(buf); n > 0; n = c.cur.Fill(buf) {
						for _, e := range buf[:n] {
							got = append(got, pairOf(e.Member, e.Score))
						}
					}
					m.is(fmt.Sprintf("%s %v %+v by %d", name, what, w, size), got, c.want)
				}
			}
		}
	}
}

// Where scores differ, a range of members is what Redis makes of it, and nothing
// outside it is removed.
func TestLexAmongScores(t *testing.T) {
	for name, lim := range encodings {
		m := newModel(t, lim)
		for i, s := range []string{"c", "a", "x", "b"} {
			m.add(s, float64(i), Flags{})
		}
		r := LexRange{LexBound{Member: []byte("a")}, LexBound{Member: []byte("c")}}
		m.is(name, m.z.RemoveByLex(r, nil), 2) // c, a, and x ends the run
		m.is(name, m.z.CountByLex(LexRange{LexBound{Inf: -1}, LexBound{Member: []byte("a")}}), 0)
		m.is(name, m.z.Len(), 2)
	}
}

func TestConvertFor(t *testing.T) {
	m := newModel(t, Limits{3, 5})
	m.add("a", 1, Flags{})
	m.z.ConvertFor(3, &m.lim)
	m.is("for 3", m.slot.Encoding(), datatypes.ListPack)
	m.z.ConvertFor(4, &m.lim)
	m.is("for 4", m.slot.Encoding(), datatypes.SkipList)
	m.agree()
}

func TestNoAllocs(t *testing.T) {
	for _, lim := range []Limits{{1 << 20, 64}, {}} {
		m := newModel(t, lim)
		for i := range 100 {
			m.add(fmt.Sprint(i), float64(i)+0.5*float64(i%2), Flags{})
		}
		name := m.slot.Encoding().String()
		member := []byte("42")
		sum := 0.0
		yield := func(v Value, s float64) bool { sum += s; return true }
		lex := LexRange{LexBound{Member: []byte("3")}, LexBound{Inf: 1}}
		for what, f := range map[string]func(){
			"Score":        func() { m.z.Score(member) },
			"Rank":         func() { m.z.Rank(member, true) },
			"Add":          func() { m.z.Add(member, sum, Flags{Incr: true}, &m.lim); sum = -sum },
			"Range":        func() { m.z.Range(3, 50, false, yield) },
			"RangeByScore": func() { m.z.RangeByScore(ScoreRange{Min: 3, Max: 50}, Window{2, 9, true}, yield) },
			"RangeByLex":   func() { m.z.RangeByLex(lex, All(false), yield) },
			"Seek": func() {
				var buf [8]Element
				c := m.z.Seek(3, 50, true)
				c.Fill(buf[:])
			},
			"CountByScore": func() { m.z.CountByScore(ScoreRange{Min: 3, Max: 50}) },
			"ForEach":      func() { m.z.ForEach(yield) },
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s of a %s allocates %v times", what, name, n)
			}
		}
	}
}

// Sampling without repetition leaves nobody out and favours nobody.
func TestRandomFair(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, lim := range []Limits{{1 << 20, 64}, {}} {
		m := newModel(t, lim)
		for i := range 20 {
			m.add(fmt.Sprint(i), float64(i), Flags{})
		}
		for _, count := range []int{2, 10} {
			hits := map[string]int{}
			const rounds = 4000
			for range rounds {
				m.z.RandomN(rnd, count, false, func(v Value, _ float64) { hits[v.String()]++ })
			}
			for k := range m.want {
				if want := rounds * count / 20; math.Abs(float64(hits[k]-want)) > 0.25*float64(want) {
					t.Errorf("%v: %s drawn %d times in %d rounds of %d", m.slot.Encoding(), k, hits[k], rounds, count)
				}
			}
		}
	}
}

// RangeByScore yields the members in r, as far as w shows them.
func (z ZSet) RangeByScore(r ScoreRange, w Window, yield func(m Value, score float64) bool) {
	c := z.SeekScore(r, w)
	c.each(yield)
}

// RangeByLex yields the members in r, as far as w shows them.
func (z ZSet) RangeByLex(r LexRange, w Window, yield func(m Value, score float64) bool) {
	c := z.SeekLex(r, w)
	c.each(yield)
}
