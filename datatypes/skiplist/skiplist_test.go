package skiplist

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

// A model is a List beside the sorted slice it must agree with.
type model struct {
	*ranking.Model
	t *testing.T
	a *slab.Arena
	l *List
}

func newModel(t *testing.T, seed uint64) *model {
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	l := New(a, seed)
	return &model{Model: ranking.New(t, l), t: t, a: a, l: l}
}

// seek asks for the first element that is not before what is sought.
func (m *model) seek(what string, r slab.Ref, rank int, notBefore func(ranking.Pair) bool) {
	m.t.Helper()
	want := m.Rank(notBefore)
	if rank != want || (r == slab.Nil) != (want == len(m.Want)) || r != slab.Nil && m.At(r) != m.Want[want] {
		m.t.Fatalf("%s = %d, rank %d, want rank %d", what, r, rank, want)
	}
}

func (m *model) seekScore(s float64, after bool) {
	m.t.Helper()
	r, rank := m.l.SeekScore(s, after)
	m.seek(fmt.Sprintf("SeekScore(%v, %v)", s, after), r, rank, func(p ranking.Pair) bool {
		return p.Score > s || !after && p.Score == s
	})
}

func (m *model) seekMember(member string, after bool) {
	m.t.Helper()
	r, rank := m.l.SeekMember([]byte(member), after)
	m.seek(fmt.Sprintf("SeekMember(%q, %v)", member, after), r, rank, func(p ranking.Pair) bool {
		return p.Member > member || !after && p.Member == member
	})
}

// agree compares everything both ways.
func (m *model) agree() {
	m.t.Helper()
	if err := m.l.Check(); err != nil {
		m.t.Fatal(err)
	}
	if m.l.Len() != len(m.Want) {
		m.t.Fatalf("Len() = %d, want %d", m.l.Len(), len(m.Want))
	}
	r := m.l.First()
	for i, p := range m.Want {
		if m.At(r) != p || m.Refs[p.Member] != r || m.l.Rank(r) != i || m.l.ByRank(i) != r {
			m.t.Fatalf("at rank %d: node %d %v, rank %d; want %d %v", i, r, m.At(r), m.l.Rank(r), m.Refs[p.Member], p)
		}
		r = m.l.Next(r)
	}
	r = m.l.Last()
	for i := range m.Want {
		if p := m.Want[len(m.Want)-1-i]; m.At(r) != p {
			m.t.Fatalf("%d from the end: %v, want %v", i, m.At(r), p)
		}
		r = m.l.Prev(r)
	}
	if r != slab.Nil || m.l.ByRank(-1) != slab.Nil || m.l.ByRank(len(m.Want)) != slab.Nil {
		m.t.Fatal("something beyond the ends")
	}
}

// close frees the list and looks for blocks left behind.
func (m *model) close(budget int) {
	m.t.Helper()
	if budget == 0 {
		m.l.Free()
	} else {
		b := slab.NewBatch(m.a.Snapshot())
		for n := 0; !m.l.Release(b, budget); n++ {
			if b.Len() > (n+1)*budget {
				m.t.Fatalf("%d calls with budget %d released %d blocks", n+1, budget, b.Len())
			}
		}
		m.a.Splice(b)
	}
	if m.a.Used() != 0 {
		m.t.Fatalf("%d bytes in use after Release(%d)", m.a.Used(), budget)
	}
}

var scores = []float64{0, math.Copysign(0, -1), 1, -1, 2, 2.5, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 3, 4, 5, 6, 7, 8}

// run turns bytes into operations: one byte says what, the next two with what.
func run(t *testing.T, data []byte) {
	m := newModel(t, uint64(len(data)))
	for len(data) >= 3 {
		op, x, y := data[0], data[1], data[2]
		data = data[3:]
		member := fmt.Sprint(x)
		if x%16 == 0 {
			member += string(bytes.Repeat([]byte{'m'}, int(x)+int(y)))
		}
		s := scores[y%16]
		switch op % 12 {
		default:
			m.Set(member, s)
		case 6, 7:
			m.Delete(member)
		case 8:
			m.DeleteRange(int(x), int(y%32))
		case 9:
			m.seekScore(s, x&1 == 0)
		case 10, 11: // one score for all, as the lexicographic commands want it
			for _, p := range slices.Clone(m.Want) {
				m.Set(p.Member, 1)
			}
			m.seekMember(member, y&1 == 0)
		}
	}
	m.agree()
	m.close(len(m.Want) % 5)
}

func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.NewChaCha8([32]byte{byte(seed)})
		data := make([]byte, 3*(20+40*int(seed)))
		rnd.Read(data)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { run(t, data) })
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x00\x02\x02\x00\x03\x02\x08\x01\x01\x0b\x02\x02"))
	f.Fuzz(run)
}

// Many members, so that towers are high and head moves.
func TestLarge(t *testing.T) {
	m := newModel(t, 7)
	rnd := rand.New(rand.NewPCG(1, 2))
	const n = 5000
	var pairs []ranking.Pair
	for i := range n {
		p := ranking.Pair{Member: fmt.Sprint("member:", i), Score: float64(rnd.IntN(n / 2))}
		pairs = append(pairs, p)
		m.Refs[p.Member] = m.l.Insert(p.Score, []byte(p.Member))
	}
	for i := range n / 2 {
		pairs[i].Score = rnd.NormFloat64() * n
		m.l.UpdateScore(m.Refs[pairs[i].Member], pairs[i].Score)
	}
	slices.SortFunc(pairs, ranking.Compare)
	m.Want = pairs
	m.agree()
	for range 200 {
		m.seekScore(float64(rnd.IntN(n)), rnd.IntN(2) == 0)
	}
	for len(m.Want) > 0 {
		m.DeleteRange(rnd.IntN(len(m.Want)), 1+rnd.IntN(400))
	}
	m.agree()
	if m.l.levels != 1 {
		t.Errorf("an empty list of %d levels", m.l.levels)
	}
	m.close(0)
}

func TestLoader(t *testing.T) {
	for _, had := range []int{0, 1, 100} {
		for _, n := range []int{0, 1, 2, 1000} {
			m := newModel(t, uint64(n))
			for i := range had {
				m.Set(fmt.Sprint(i), float64(-i))
			}
			w := m.l.Loader()
			for i := range n {
				p := ranking.Pair{Member: fmt.Sprintf("%04d", i), Score: float64(i / 3)}
				if had > 0 {
					p.Score++
				}
				m.Refs[p.Member] = w.Append(p.Score, []byte(p.Member))
				m.Want = append(m.Want, p)
			}
			m.agree()
			for i := range min(had, 10) {
				m.Set(fmt.Sprint(i), float64(5*i))
			}
			m.agree()
			m.close(3)
		}
	}
}

// The levels drawn are a quarter each of the ones below.
func TestLevels(t *testing.T) {
	l := &List{dice: 1}
	var n [maxLevel + 1]int
	const all = 1 << 20
	for range all {
		n[l.roll()]++
	}
	for lev, share := 1, 0.75; lev < 6; lev, share = lev+1, share/4 {
		if got := float64(n[lev]) / all; math.Abs(got/share-1) > 0.1 {
			t.Errorf("level %d drawn with frequency %v, want %v", lev, got, share)
		}
	}
}

func TestNaN(t *testing.T) {
	m := newModel(t, 1)
	m.Set("a", 1)
	for name, f := range map[string]func(){
		"Insert":      func() { m.l.Insert(math.NaN(), []byte("b")) },
		"UpdateScore": func() { m.l.UpdateScore(m.Refs["a"], math.NaN()) },
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

// A corrupted list does not pass Check.
func TestCheckFinds(t *testing.T) {
	for name, harm := range map[string]func(*List){
		"score":  func(l *List) { setScore(l.a.Ptr(l.ByRank(50)), 1e9) },
		"prev":   func(l *List) { setPrev(l.a.Ptr(l.ByRank(50)), l.First()) },
		"len":    func(l *List) { l.len++ },
		"tail":   func(l *List) { l.tail = l.First() },
		"span":   func(l *List) { at(tower(l.a.Ptr(l.head)), 1).span++ },
		"cached": func(l *List) { at(tower(l.a.Ptr(l.head)), 1).score-- },
		"top":    func(l *List) { at(tower(l.a.Ptr(l.head)), l.levels-1).to = 0 },
	} {
		m := newModel(t, 3)
		for i := range 100 {
			m.Set(fmt.Sprint(i), float64(i))
		}
		m.agree()
		harm(m.l)
		if m.l.Check() == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
