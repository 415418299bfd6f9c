package dict

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// put makes an element with that key, keyOff bytes into its block.
func put(a *slab.Arena, keyOff int, key []byte) slab.Ref {
	n := keyOff + KeySize(len(key))
	r := a.Alloc(n)
	PutKey(a.Bytes(r, n)[keyOff:], key)
	return r
}

func key15(i int) []byte { return fmt.Appendf(nil, "key:%011d", i) }

// A model is a Table beside the Go map it must agree with.
type model struct {
	t    *testing.T
	a    *slab.Arena
	tab  *Table
	off  int
	want map[string]slab.Ref
}

func newModel(t *testing.T, keyOff int, p policy) *model {
	a := slab.New(slab.Options{})
	t.Cleanup(a.Close)
	m := &model{t: t, a: a, tab: New(a, keyOff, maphash.MakeSeed()), off: keyOff, want: map[string]slab.Ref{}}
	m.tab.policy = p
	return m
}

func (m *model) insert(key []byte) {
	h := m.tab.Hash(key)
	r := m.tab.Find(h, key)
	if r != m.want[string(key)] {
		m.t.Fatalf("Find(%q) = %d, want %d", key, r, m.want[string(key)])
	}
	if r == slab.Nil {
		r = put(m.a, m.off, key)
		m.tab.Insert(h, r)
		m.want[string(key)] = r
	}
}

func (m *model) remove(key []byte) {
	h := m.tab.Hash(key)
	r := m.tab.Find(h, key)
	if r != m.want[string(key)] {
		m.t.Fatalf("Find(%q) = %d, want %d", key, r, m.want[string(key)])
	}
	if r != slab.Nil {
		m.tab.Remove(h, r)
		m.a.Free(r)
		delete(m.want, string(key))
	}
}

func (m *model) replace(key []byte) {
	if old := m.want[string(key)]; old != slab.Nil {
		r := put(m.a, m.off, key)
		m.tab.Replace(m.tab.Hash(key), old, r)
		m.a.Free(old)
		m.want[string(key)] = r
	}
}

func (m *model) check() {
	m.t.Helper()
	if err := m.tab.Check(); err != nil {
		m.t.Fatal(err)
	}
	if m.tab.Len() != len(m.want) {
		m.t.Fatalf("Len = %d, want %d", m.tab.Len(), len(m.want))
	}
	seen := 0
	for r := range m.tab.All() {
		if k := m.tab.KeyOf(r); m.want[string(k)] != r {
			m.t.Fatalf("All yields %d %q, want %d", r, k, m.want[string(k)])
		}
		seen++
	}
	if seen != len(m.want) {
		m.t.Fatalf("All yields %d elements of %d", seen, len(m.want))
	}
}

// run interprets data as operations, two bytes of key and one of what to do.
func (m *model) run(data []byte, checkEvery int) {
	for i := 0; len(data) >= 3; i, data = i+1, data[3:] {
		id := int(binary.LittleEndian.Uint16(data))
		key := fmt.Appendf(nil, "%d", id)
		if id%512 == 7 { // a long one
			key = append(key, make([]byte, 250+id%16)...)
		}
		switch op := data[2]; {
		case op < 140:
			m.insert(key)
		case op < 230:
			m.remove(key)
		case op < 250:
			m.replace(key)
		case op < 252: // everything away
			for k := range m.want {
				m.remove([]byte(k))
			}
		default:
			m.check()
		}
		if i%checkEvery == 0 {
			m.check()
		}
	}
	m.check()
	for _, r := range m.want {
		m.a.Free(r)
	}
	m.tab.Free()
	if u := m.a.Used(); u != 0 {
		m.t.Fatalf("%d bytes are still in use", u)
	}
}

var testPolicies = []policy{
	defaultPolicy,
	{maxLoad: 1.5, minLoad: 1, budget: 1e6},
	{maxLoad: 15, minLoad: 8, budget: 1e6},
}

func TestModel(t *testing.T) {
	for i, p := range testPolicies {
		t.Run(fmt.Sprintf("load=%v", p.maxLoad), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			data := make([]byte, 3*40_000)
			for j := range data {
				data[j] = byte(rnd.Uint32())
			}
			// Fewer deletions in the first half, so that the table grows.
			for j := 2; j < len(data); j += 3 {
				if data[j] >= 250 && rnd.IntN(40) > 0 || j < len(data)/2 && rnd.IntN(2) > 0 {
					data[j] = byte(rnd.IntN(140))
				}
			}
			newModel(t, i*3, p).run(data, 1500)
		})
	}
}

// FuzzTable runs the model on whatever operations the fuzzer finds.
func FuzzTable(f *testing.F) {
	f.Add([]byte{}, byte(0))
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\xc8\x07\x00\x01\x07\x00\xf0\x00\x00\xfb"), byte(1))
	rnd := rand.New(rand.NewPCG(3, 4))
	long := make([]byte, 3*600)
	for i := range long {
		long[i] = byte(rnd.Uint32())
	}
	f.Add(long, byte(2))
	f.Fuzz(func(t *testing.T, data []byte, p byte) {
		newModel(t, int(p>>4), testPolicies[int(p)%len(testPolicies)]).run(data, 64)
	})
}

func TestKey(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 15, 16, 40, 41, 253, 254, 255, 256, 70_000} {
		key := bytes.Repeat([]byte{'k'}, n)
		b := make([]byte, KeySize(n)+3)
		if got := PutKey(b, key); got != KeySize(n) {
			t.Errorf("PutKey of %d bytes returns %d, want %d", n, got, KeySize(n))
		}
		got, size := Key(b)
		if !bytes.Equal(got, key) || size != KeySize(n) {
			t.Errorf("Key of %d bytes: %d bytes, size %d", n, len(got), size)
		}
		if cap(got) != n {
			t.Errorf("Key of %d bytes has room for %d", n, cap(got))
		}
	}
}

// TestMatches compares the word-wide search for tags with a loop.
func TestMatches(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		var p bucket
		for i := range slots {
			p[i] = byte(rnd.IntN(4)) * byte(rnd.IntN(86)) // many zeros, neighbours and repeats
		}
		p[offN], p[offO] = byte(rnd.IntN(11)), byte(rnd.Uint32())
		tag := byte(1 + rnd.IntN(255))
		if rnd.IntN(2) > 0 {
			tag = max(p[rnd.IntN(slots)], 1)
		}
		var got, want []int
		for m, _ := p.matches(tag); m != 0; m &= m - 1 {
			got = append(got, slotOf(m))
		}
		slices.Sort(got)
		for i := range slots {
			if p[i] == tag {
				want = append(want, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("% x: tag %#x at %v, want %v", p[:slots], tag, got, want)
		}
	}
}

// TestLocate counts buckets up and holds locate to the picture at Table.
func TestLocate(t *testing.T) {
	var start, seg uint64
	shift := uint(minShift)
	for b := range uint64(1 << 20) {
		if b-start == 1<<shift {
			start, seg = b, seg+1
			if seg >= 2*perDoubling && seg%perDoubling == 0 && shift < maxShift {
				shift++
			}
		}
		if i, s := locate(b); i != seg || s != shift {
			t.Fatalf("locate(%d) = %d, %d, want %d, %d", b, i, s, seg, shift)
		}
	}
}

// TestSmall: ten elements cost one cache line, none cost nothing.
func TestSmall(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	for i := range 10 {
		if m.insert(key15(i)); m.tab.Bytes() != 64 {
			t.Errorf("%d elements take %d bytes of index", i+1, m.tab.Bytes())
		}
	}
	for i := range 10 {
		m.remove(key15(i))
	}
	if m.tab.Bytes() != 0 || m.a.Used() != 0 {
		t.Errorf("an empty table takes %d bytes, the arena %d", m.tab.Bytes(), m.a.Used())
	}
	m.check()
}

// TestBytesPerKey holds a growing table to its promises: 10 bytes a key once
// it has left the smallest sizes, and at most 64 elements moved by any insertion.
func TestBytesPerKey(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	n := 300_000
	if testing.Short() || invariants.Enabled {
		n = 30_000
	}
	worst := 0.0
	for i := range n {
		key := key15(i)
		m.tab.Insert(m.tab.Hash(key), put(m.a, 0, key))
		if i >= 1500 {
			worst = max(worst, float64(m.tab.Bytes())/float64(i+1))
		}
	}
	t.Logf("at worst %.2f B a key; one insertion moved at most %d elements", worst, m.tab.maxMoved)
	if worst > 10 {
		t.Errorf("%.2f B a key", worst)
	}
	if m.tab.maxMoved > 64 {
		t.Errorf("an insertion moved %d elements", m.tab.maxMoved)
	}
}

// TestShrink takes a large table down to nothing: its memory follows.
func TestShrink(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	const n = 50_000
	for i := range n {
		m.insert(key15(i))
	}
	for i := range n {
		m.remove(key15(i))
		if left := n - i - 1; left >= 1000 && m.tab.Bytes() > int64(17*left) {
			t.Fatalf("%d bytes of index for %d elements", m.tab.Bytes(), left)
		}
		if i%10_000 == 0 {
			m.check()
		}
	}
	m.check()
	if m.a.Used() != 0 {
		t.Errorf("%d bytes left", m.a.Used())
	}
}

// TestScan grows and shrinks a table wildly between the steps of an iteration:
// all that stays must be seen.
func TestScan(t *testing.T) {
	seeds := uint64(60)
	if invariants.Enabled {
		seeds = 9
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(7, seed))
		m := newModel(t, 0, testPolicies[seed%3])
		stay := 1 + rnd.IntN(2000)
		for i := range stay {
			m.insert(key15(i))
		}
		seen := map[string]int{}
		next, steps, cursor := stay, 0, uint64(0)
		var coming []int
		for {
			cursor = m.tab.Scan(cursor, func(r slab.Ref) { seen[string(m.tab.KeyOf(r))]++ })
			if cursor == 0 {
				break
			}
			if steps++; steps > 1_000_000 {
				t.Fatalf("seed %d: no end after %d steps of %d elements", seed, steps, m.tab.Len())
			}
			switch rnd.IntN(40) {
			case 0:
				for range rnd.IntN(4 * stay) {
					m.insert(key15(next))
					coming = append(coming, next)
					next++
				}
			case 1, 2:
				for range rnd.IntN(len(coming) + 1) {
					i := rnd.IntN(len(coming))
					m.remove(key15(coming[i]))
					coming[i] = coming[len(coming)-1]
					coming = coming[:len(coming)-1]
				}
			}
		}
		for i := range stay {
			if seen[string(key15(i))] == 0 {
				t.Fatalf("seed %d: %q was not seen in %d steps", seed, key15(i), steps)
			}
		}
		m.check()
	}
}

// TestScanStill: without changes, Scan sees each element exactly once.
func TestScanStill(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	for i := range 5000 {
		m.insert(key15(i))
		if i%613 != 0 {
			continue
		}
		seen, cursor := map[slab.Ref]bool{}, uint64(0)
		for {
			cursor = m.tab.Scan(cursor, func(r slab.Ref) {
				if seen[r] {
					t.Fatalf("element %d of %d comes twice", r, m.tab.Len())
				}
				seen[r] = true
			})
			if cursor == 0 {
				break
			}
		}
		if len(seen) != m.tab.Len() {
			t.Fatalf("%d elements of %d seen", len(seen), m.tab.Len())
		}
	}
}

// TestScanRemove empties a table from within Scan, as the expire cycle may.
func TestScanRemove(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	for i := range 3000 {
		m.insert(key15(i))
	}
	for cursor := uint64(0); ; {
		cursor = m.tab.Scan(cursor, func(r slab.Ref) { m.remove(bytes.Clone(m.tab.KeyOf(r))) })
		if cursor == 0 {
			break
		}
	}
	if m.tab.Len() != 0 {
		t.Errorf("%d elements left", m.tab.Len())
	}
	m.check()
}

// TestScanRemoveMany empties large tables in the order of Scan, all or but for a
// few. That order ends with buckets whose lowest bits are equal: they are full
// while the rest of the table is empty, and shrinking would pour them into ever
// fewer, until one held hundreds (and its count of overflow entries ran over).
func TestScanRemoveMany(t *testing.T) {
	n := 120_000
	if testing.Short() || invariants.Enabled {
		n = 20_000
	}
	for _, stay := range []int{0, 1, 500} {
		m := newModel(t, 0, defaultPolicy)
		for i := range n {
			r := put(m.a, 0, key15(i))
			m.tab.Insert(m.tab.Hash(key15(i)), r)
			m.want[string(key15(i))] = r
		}
		most := max(mergeMax, m.tab.longest) // by chance, filling has made one longer
		kept, steps := map[slab.Ref]bool{}, 0
		for i := range stay {
			kept[m.want[string(key15(i))]] = true
		}
		for cursor := uint64(0); ; steps++ {
			cursor = m.tab.Scan(cursor, func(r slab.Ref) {
				if !kept[r] {
					m.remove(bytes.Clone(m.tab.KeyOf(r)))
				}
			})
			if cursor == 0 {
				break
			}
			if steps%4000 == 0 {
				m.check()
			}
		}
		m.check()
		if m.tab.longest > most {
			t.Errorf("a bucket held %d elements", m.tab.longest)
		}
		t.Logf("stay %d: %d bytes of index for %d elements", stay, m.tab.Bytes(), m.tab.Len())
		calls := 0
		for ; calls < 10_000 && m.tab.count < m.tab.lower; calls++ {
			m.tab.Shrink(100)
		}
		if most := 17*stay + 64; m.tab.Bytes() > int64(most) || stay == 0 && m.tab.Bytes() != 0 {
			t.Errorf("stay %d: %d bytes of index for %d elements after %d calls of Shrink", stay, m.tab.Bytes(), m.tab.Len(), calls)
		}
		m.check()
	}
}

// TestRandomIsFair counts draws and compares with a uniform distribution.
func TestRandomIsFair(t *testing.T) {
	for _, n := range []int{1, 3, 11, 150, 700} {
		for _, p := range testPolicies {
			m := newModel(t, 0, p)
			for i := range n {
				m.insert(key15(i))
			}
			rnd := rand.New(rand.NewPCG(8, uint64(n)))
			draws := 200 * n
			count := map[slab.Ref]int{}
			for range draws {
				count[m.tab.Random(rnd)]++
			}
			chi := 0.0
			for _, r := range m.want {
				d := float64(count[r]) - 200
				chi += d * d / 200
			}
			// Mean n-1, variance 2(n-1); six deviations and some for small n.
			if limit := float64(n-1) + 6*math.Sqrt(2*float64(n-1)) + 15; chi > limit {
				t.Errorf("n=%d load=%v: chi square %.0f > %.0f", n, p.maxLoad, chi, limit)
			}
		}
	}
}

func TestRandomOfNone(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	rnd := rand.New(rand.NewPCG(1, 1))
	if r := m.tab.Random(rnd); r != slab.Nil {
		t.Errorf("Random = %d", r)
	}
	if s := m.tab.Sample(rnd, nil, 5); len(s) != 0 {
		t.Errorf("Sample = %v", s)
	}
	if c := m.tab.Scan(12345, func(slab.Ref) { t.Error("yields") }); c != 0 {
		t.Errorf("Scan = %d", c)
	}
	if m.tab.Find(m.tab.Hash(nil), nil) != slab.Nil {
		t.Error("found")
	}
}

func TestSample(t *testing.T) {
	m := newModel(t, 0, defaultPolicy)
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 400; n++ {
		m.insert(key15(n))
		for _, want := range []int{1, 5, 16, 1000} {
			s := m.tab.Sample(rnd, make([]slab.Ref, 0, 1000), want)
			if len(s) != min(want, n) {
				t.Fatalf("Sample of %d from %d returns %d", want, n, len(s))
			}
			slices.Sort(s)
			if len(slices.Compact(s)) != min(want, n) {
				t.Fatalf("Sample of %d from %d repeats itself", want, n)
			}
		}
	}
}

// TestRelease gives a table back from another goroutine, bit by bit.
func TestRelease(t *testing.T) {
	for _, n := range []int{0, 1, 10, 11, 5000} {
		m := newModel(t, 0, testPolicies[n%3])
		for i := range n {
			m.insert(key15(i))
		}
		b := slab.NewBatch(m.a.Snapshot())
		done := make(chan int)
		go func() {
			steps := 0
			for before := 0; ; before = b.Len() {
				steps++
				if m.tab.Release(b, 100, b.Free) {
					break
				}
				if got := b.Len() - before; got < 100 || got > 200 {
					t.Errorf("a step with a budget of 100 gave %d blocks back", got)
				}
			}
			done <- steps
		}()
		steps := <-done
		m.a.Splice(b)
		if u := m.a.Used(); u != 0 || m.tab.Len() != 0 {
			t.Errorf("n=%d: %d bytes left after %d steps, Len %d", n, u, steps, m.tab.Len())
		}
	}
}

// TestInsertKeepsPromises: a second element with the same key, and a wrong
// hash, are caught in checked builds.
func TestInsertKeepsPromises(t *testing.T) {
	if !invariants.Enabled {
		t.Skip("needs -tags invariants")
	}
	m := newModel(t, 0, defaultPolicy)
	m.insert([]byte("a"))
	for name, f := range map[string]func(){
		"twice":      func() { m.tab.Insert(m.tab.Hash([]byte("a")), put(m.a, 0, []byte("a"))) },
		"wrong hash": func() { m.tab.Insert(m.tab.Hash([]byte("a")), put(m.a, 0, []byte("b"))) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestCheckFinds breaks tables on purpose.
func TestCheckFinds(t *testing.T) {
	// some returns a bucket of two elements or more, from b on.
	some := func(t *Table, b uint64) *bucket {
		for t.at(b).n() < 2 {
			b++
		}
		return t.at(b)
	}
	for name, f := range map[string]func(*Table){
		"count": func(t *Table) { t.count++ },
		"size":  func(t *Table) { t.size += 8 },
		"mask":  func(t *Table) { t.mask = t.mask<<1 | 1 },
		"tag":   func(t *Table) { some(t, 0)[0] ^= 0x55 },
		"n":     func(t *Table) { some(t, 0)[offN]-- },
		"ref":   func(t *Table) { some(t, 0).setRef(0, some(t, 64).ref(0)) },
		"twice": func(t *Table) { p := some(t, 0); p.setRef(0, p.ref(1)); p[0] = p[1] },
		"sieve": func(t *Table) { t.at(0).setSieve(t.at(0).sieve() ^ 1) },
		"dir":   func(t *Table) { t.dir = t.dir[:len(t.dir)-1] },
	} {
		m := newModel(t, 0, defaultPolicy)
		for i := range 1000 {
			m.insert(key15(i))
		}
		if f(m.tab); m.tab.Check() == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestAllocs(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checks allocate")
	}
	m := newModel(t, 0, defaultPolicy)
	for i := range 5000 {
		m.insert(key15(i))
	}
	rnd := rand.New(rand.NewPCG(1, 3))
	buf := make([]slab.Ref, 0, 16)
	key, none := key15(77), []byte("none")
	n := testing.AllocsPerRun(100, func() {
		h := m.tab.Hash(key)
		r := m.tab.Find(h, key)
		m.tab.Find(m.tab.Hash(none), none)
		m.tab.Remove(h, r)
		m.tab.Insert(h, r)
		m.tab.Replace(h, r, r)
		m.tab.Scan(0, func(slab.Ref) {})
		m.tab.Random(rnd)
		m.tab.Sample(rnd, buf, 16)
		m.tab.ForEach(func(slab.Ref) bool { return false })
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
