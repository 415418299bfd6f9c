package ranktree

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redweave/redweave/internal/ranking"
	"github.com/redweave/redweave/internal/slab"
)

// A model is a Tree beside the sorted slice it must agree with.
type model struct {
	*ranking.Model
	t    *testing.T
	a    *slab.Arena
	tree *Tree
}

// newModel makes a tree whose pages have at most full entries.
func newModel(t *testing.T, full int) *model {
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	tree := New(a, 1)
	tree.full = full
	return &model{Model: ranking.New(t, tree), t: t, a: a, tree: tree}
}

// pairs returns the members refs name.
func (m *model) pairs(refs []slab.Ref) (got []ranking.Pair) {
	for _, r := range refs {
		got = append(got, m.At(r))
	}
	return got
}

// seek asks for the position of the first element that is not before what is
// sought, and goes on from there both ways.
func (m *model) seek(what string, at Position, notBefore func(ranking.Pair) bool) {
	m.t.Helper()
	want := m.Rank(notBefore)
	if at.Rank != want {
		m.t.Fatalf("%s = rank %d, want %d", what, at.Rank, want)
	}
	m.walk(at)
}

// walk goes from at to both ends, in steps of different lengths.
func (m *model) walk(at Position) {
	m.t.Helper()
	var buf [7]slab.Ref
	start, to := at.Rank, at
	var got []ranking.Pair
	for n := m.tree.Fill(&to, buf[:1+start%7]); n > 0; n = m.tree.Fill(&to, buf[:]) {
		got = append(got, m.pairs(buf[:n])...)
	}
	if !slices.Equal(got, m.Want[start:]) || to.Rank != len(m.Want) {
		m.t.Fatalf("from %d to the end: %v, want %v", start, got, m.Want[start:])
	}
	for n := m.tree.FillBack(&to, buf[:]); n > 0; n = m.tree.FillBack(&to, buf[:1+to.Rank%7]) {
		for _, p := range m.pairs(buf[:n]) {
			if len(got) > 0 && p != got[len(got)-1] {
				m.t.Fatalf("back from the end: %v, want %v", p, got[len(got)-1])
			}
			got = got[:max(len(got)-1, 0)]
		}
	}
	for n := m.tree.FillBack(&at, buf[:1+start%7]); n > 0; n = m.tree.FillBack(&at, buf[:]) {
		for i, p := range m.pairs(buf[:n]) {
			if want := m.Want[at.Rank+n-1-i]; p != want {
				m.t.Fatalf("from %d to the start: %v, want %v", start, p, want)
			}
		}
	}
	if at.Rank != 0 {
		m.t.Fatalf("from %d to the start: ends at %d", start, at.Rank)
	}
}

func (m *model) seekScore(s float64, after bool) {
	m.t.Helper()
	m.seek(fmt.Sprintf("SeekScore(%v, %v)", s, after), m.tree.SeekScore(s, after), func(p ranking.Pair) bool {
		return p.Score > s || !after && p.Score == s
	})
}

func (m *model) seekMember(member string, after bool) {
	m.t.Helper()
	m.seek(fmt.Sprintf("SeekMember(%q, %v)", member, after), m.tree.SeekMember([]byte(member), after), func(p ranking.Pair) bool {
		return p.Member > member || !after && p.Member == member
	})
}

// agree compares everything.
func (m *model) agree() {
	m.t.Helper()
	if err := m.tree.Check(); err != nil {
		m.t.Fatal(err)
	}
	if m.tree.Len() != len(m.Want) {
		m.t.Fatalf("Len() = %d, want %d", m.tree.Len(), len(m.Want))
	}
	i := 0
	for r := range m.tree.All {
		p := m.Want[i]
		if m.At(r) != p || m.Refs[p.Member] != r || m.tree.Rank(r) != i || m.tree.ByRank(i) != r {
			m.t.Fatalf("at rank %d: member %d %v, rank %d; want %d %v", i, r, m.At(r), m.tree.Rank(r), m.Refs[p.Member], p)
		}
		i++
	}
	if i != len(m.Want) || m.tree.ByRank(-1) != slab.Nil || m.tree.ByRank(i) != slab.Nil {
		m.t.Fatal("something beyond the ends")
	}
}

// close gives everything back and looks for blocks left behind.
func (m *model) close(budget int) {
	m.t.Helper()
	for _, r := range m.Refs {
		m.a.Free(r)
	}
	b := slab.NewBatch(m.a.Snapshot())
	for n := 0; !m.tree.Release(b, budget); n++ {
		if b.Len() > (n+1)*budget {
			m.t.Fatalf("%d calls with budget %d released %d blocks", n+1, budget, b.Len())
		}
	}
	m.a.Splice(b)
	if m.a.Used() != 0 {
		m.t.Fatalf("%d bytes in use after Release(%d)", m.a.Used(), budget)
	}
}

var scores = []float64{0, math.Copysign(0, -1), 1, -1, 2, 2.5, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 3, 4, 5, 6, -7, 8}

// run turns bytes into operations: one byte says what, the next two with what.
// The first of all says how large pages are.
func run(t *testing.T, data []byte) {
	if len(data) == 0 {
		return
	}
	m := newModel(t, 4+int(data[0])%61)
	for data = data[1:]; len(data) >= 3; data = data[3:] {
		op, x, y := data[0], data[1], data[2]
		member := fmt.Sprint(int(x) + 256*int(y%4))
		if x%16 == 0 {
			member += string(bytes.Repeat([]byte{'m'}, int(x)+int(y)))
		}
		s := scores[y%16]
		switch op % 14 {
		default:
			m.Set(member, s)
		case 1, 2, 3:
			m.Set(member, float64(x)+float64(y)/256)
		case 6, 7:
			m.Delete(member)
		case 8:
			m.DeleteRange(int(x), int(y%32))
		case 9:
			m.seekScore(s, x&1 == 0)
		case 10: // one score for all, as the lexicographic commands want it
			if y < 32 {
				for _, p := range slices.Clone(m.Want) {
					m.Set(p.Member, 1)
				}
				m.seekMember(member, y&1 == 0)
			}
		case 11:
			m.walk(m.tree.Seek(int(x) % (len(m.Want) + 1)))
		case 12:
			if err := m.tree.Check(); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.agree()
	m.close(1 + len(m.Want)%5)
}

func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.NewChaCha8([32]byte{byte(seed)})
		data := make([]byte, 3*(20+40*int(seed)))
		rnd.Read(data)
		data[0] = byte(seed * seed)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { run(t, data) })
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x02\x00\x02\x02\x00\x03\x02\x08\x01\x01\x0a\x02\x02"))
	f.Fuzz(run)
}

// Many members, so that there are several levels, which go again.
func TestLarge(t *testing.T) {
	for _, full := range []int{4, 16, fullPage} {
		m := newModel(t, full)
		rnd := rand.New(rand.NewPCG(1, 2))
		const n = 6000
		var pairs []ranking.Pair
		for i := range n {
			p := ranking.Pair{Member: fmt.Sprint("member:", i), Score: float64(rnd.IntN(n / 2))}
			pairs = append(pairs, p)
			m.Refs[p.Member] = m.tree.Insert(p.Score, []byte(p.Member))
		}
		for i := range n / 2 {
			pairs[i].Score = rnd.NormFloat64() * n
			m.tree.UpdateScore(m.Refs[pairs[i].Member], pairs[i].Score)
		}
		slices.SortFunc(pairs, ranking.Compare)
		m.Want = pairs
		m.agree()
		for range 20 {
			m.seekScore(float64(rnd.IntN(n)), rnd.IntN(2) == 0)
		}
		for len(m.Want) > 0 {
			m.DeleteRange(rnd.IntN(len(m.Want)), 1+rnd.IntN(1000))
			if err := m.tree.Check(); err != nil {
				t.Fatal(err)
			}
		}
		m.agree()
		if m.tree.height != 0 || m.tree.Bytes() != 0 {
			t.Errorf("an empty tree of height %d and %d bytes", m.tree.height, m.tree.Bytes())
		}
		m.close(1)
	}
}

// Members that come in order, one way or the other, or leave in order.
func TestOrdered(t *testing.T) {
	for name, step := range map[string]float64{"ascending": 1, "descending": -1} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, 8)
			for i := range 1000 {
				m.Set(fmt.Sprintf("%04d", i), float64(i/3)*step)
			}
			m.agree()
			for i := range 990 {
				m.Delete(fmt.Sprintf("%04d", i))
			}
			m.agree()
			m.close(3)
		})
	}
}

func TestAppend(t *testing.T) {
	for _, had := range []int{0, 1, 100} {
		for _, n := range []int{0, 1, 2, 1000} {
			m := newModel(t, fullPage)
			for i := range had {
				m.Set(fmt.Sprint(i), float64(-i))
			}
			for i := range n {
				p := ranking.Pair{Member: fmt.Sprintf("%04d", i), Score: float64(i / 3)}
				if had > 0 {
					p.Score++
				}
				m.Refs[p.Member] = m.tree.Append(p.Score, []byte(p.Member))
				m.Want = append(m.Want, p)
			}
			m.agree()
			if pages := float64(m.tree.Bytes()) / leafWidth / fullPage; n == 1000 && pages > float64(n+had)/fullPage*1.2 {
				t.Errorf("%d members take %v full pages", n+had, pages)
			}
			for i := range min(had, 10) {
				m.Set(fmt.Sprint(i), float64(5*i))
			}
			m.agree()
			m.close(3)
		}
	}
}

// Keys are in the order of scores.
func TestKeys(t *testing.T) {
	ordered := []float64{math.Inf(-1), -math.MaxFloat64, -1e10, -1, -math.SmallestNonzeroFloat64, 0,
		math.SmallestNonzeroFloat64, 1e-300, 1, 1.5, 2, 1e10, math.MaxFloat64, math.Inf(1)}
	for i, s := range ordered[1:] {
		if keyOf(ordered[i]) >= keyOf(s) {
			t.Errorf("the key of %v is not below that of %v", ordered[i], s)
		}
	}
	if keyOf(math.Copysign(0, -1)) != keyOf(0) {
		t.Error("the zeros differ")
	}
}

// Pages grow and shrink with what they hold.
func TestBytes(t *testing.T) {
	m := newModel(t, fullPage)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 20000 {
		m.set2(i, float64(rnd.IntN(1e6)))
	}
	if per := float64(m.tree.Bytes()) / 20000; per > 16 {
		t.Errorf("%.1f bytes of pages a member", per)
	}
	for i := range 19000 {
		m.tree.Delete(m.Refs[fmt.Sprint(i)])
		delete(m.Refs, fmt.Sprint(i))
	}
	if per := float64(m.tree.Bytes()) / 1000; per > 24 {
		t.Errorf("%.1f bytes of pages a member after most have gone", per)
	}
	if err := m.tree.Check(); err != nil {
		t.Error(err)
	}
	m.close(10)
}

// set2 is set without a model.
func (m *model) set2(i int, s float64) {
	name := fmt.Sprint(i)
	m.Refs[name] = m.tree.Insert(s, []byte(name))
}

func TestNaN(t *testing.T) {
	m := newModel(t, fullPage)
	m.Set("a", 1)
	for name, f := range map[string]func(){
		"Insert":      func() { m.tree.Insert(math.NaN(), []byte("b")) },
		"UpdateScore": func() { m.tree.UpdateScore(m.Refs["a"], math.NaN()) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took NaN", name)
				}
			}()
			f()
		}()
	}
	m.agree()
}

// A corrupted tree does not pass Check.
func TestCheckFinds(t *testing.T) {
	for name, harm := range map[string]func(*Tree){
		"score":  func(t *Tree) { setScore(t.a.Ptr(t.ByRank(50)), 1e9) },
		"len":    func(t *Tree) { t.len++ },
		"bytes":  func(t *Tree) { t.bytes++ },
		"count":  func(t *Tree) { p := t.page(t.root); p.setCount(1, p.count(1)+1) },
		"key":    func(t *Tree) { p := t.page(t.root); p.setKey(1, p.key(1)-1) },
		"first":  func(t *Tree) { p := t.page(t.root); p.setFirst(1, p.key(1), p.member(0)) },
		"height": func(t *Tree) { t.height++ },
		"empty":  func(t *Tree) { t.page(t.page(t.root).child(0)).setN(0) },
		"cap":    func(t *Tree) { t.page(t.root).setCap(200) },
	} {
		m := newModel(t, 16)
		for i := range 100 {
			m.Set(fmt.Sprint(i), float64(i))
		}
		m.agree()
		harm(m.tree)
		func() {
			defer func() { recover() }()
			if m.tree.Check() == nil {
				t.Errorf("%s: not found", name)
			}
		}()
	}
}

func TestNoAllocs(t *testing.T) {
	m := newModel(t, fullPage)
	for i := range 1000 {
		m.set2(i, float64(i))
	}
	s := 0.0
	var buf [16]slab.Ref
	for name, f := range map[string]func(){
		"UpdateScore": func() { s += 77; m.tree.UpdateScore(m.Refs["500"], s) },
		"Fill": func() {
			at := m.tree.SeekScore(500, true)
			m.tree.Fill(&at, buf[:])
			m.tree.FillBack(&at, buf[:])
		},
		"Rank":   func() { m.tree.Rank(m.Refs["400"]) },
		"ByRank": func() { m.tree.ByRank(700) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
