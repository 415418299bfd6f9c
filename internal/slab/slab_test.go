package slab

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/redweave/redweave/internal/invariants"
)

func mustCheck(t testing.TB, a *Arena) {
	t.Helper()
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestClasses(t *testing.T) {
	last := 0
	for c := uint(0); c < numClasses; c++ {
		size := classSize(c)
		if size <= last || last >= 128 && (size-last)*steps > last || size%8 != 0 {
			t.Errorf("class %d is %d bytes after %d", c, size, last)
		}
		for _, n := range []int{last + 1, size - 3, size} {
			if n > last && (classOf(n) != c || ClassSize(n) != size) {
				t.Errorf("classOf(%d) = %d, ClassSize = %d; want %d, %d", n, classOf(n), ClassSize(n), c, size)
			}
		}
		sh := shapes[c]
		if span := int(sh.slots) * slotSize; sh.blocks == 0 || int(sh.blocks)*size > span {
			t.Errorf("class %d (%d bytes): %d blocks in %d slots", c, size, sh.blocks, sh.slots)
		} else if tail := span - int(sh.blocks)*size; size < bigTailThreshold && tail*tailLimit > span || tail*bigTailLimit > span {
			t.Errorf("class %d (%d bytes): %d slots leave %d unused", c, size, sh.slots, tail)
		}
		last = size
	}
	if last != chunkSize {
		t.Errorf("the last class is %d bytes, want %d", last, chunkSize)
	}
	for _, n := range []int{chunkSize + 1, 3 << 20, 1<<28 + 1, 1<<30 + 1} {
		if got := ClassSize(n); got < n || (got-n)*steps > n {
			t.Errorf("ClassSize(%d) = %d", n, got)
		}
	}
}

func TestRefBytes(t *testing.T) {
	var b [RefBytes]byte
	for _, r := range []Ref{0, 1, 0x1234567890, 1<<refBits - 1} {
		PutRef(b[:], r)
		if got := GetRef(b[:]); got != r {
			t.Errorf("GetRef(PutRef(%#x)) = %#x", r, got)
		}
	}
}

func TestAlignmentToCacheLines(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	for _, n := range []int{64, 128, 192, 320, 1024, 4096, 73728, 2 << 20} {
		for range 40 {
			if p := uintptr(a.Ptr(a.Alloc(n))); p%64 != 0 {
				t.Fatalf("a block of %d bytes lies at %#x", n, p)
			}
		}
	}
}

func TestNewTakesNoMemory(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	if a.Held() != 0 {
		t.Errorf("Held = %d before the first Alloc", a.Held())
	}
	for range 30 {
		a.Alloc(56)
		a.Alloc(24)
		a.Alloc(200)
	}
	if a.Held() != nurserySize {
		t.Errorf("Held = %d for a few small blocks, want the nursery's %d", a.Held(), nurserySize)
	}
	mustCheck(t, a)
}

func TestCloseTwiceAndUseAgain(t *testing.T) {
	a := New(Options{})
	for range 2 {
		a.Alloc(100)
		a.Alloc(1 << 16)
		a.Alloc(3 << 20)
		mustCheck(t, a)
		a.Close()
		a.Close()
		if a.Used() != 0 || a.Held() != 0 {
			t.Fatalf("after Close: used %d, held %d", a.Used(), a.Held())
		}
	}
}

func TestHugeBlockIsOneSlice(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	a.Alloc(1)
	const n = 9<<20 + 12345
	r := a.Alloc(n)
	b := a.Bytes(r, n)
	b[0], b[n-1] = 1, 2
	for _, off := range []int{0, 1 << 20, 5<<20 + 8, n &^ 7} {
		if p := a.Ptr(r + Ref(off/8)); p != unsafe.Pointer(&b[off]) {
			t.Errorf("byte %d of the block is at %p by its slice, %p by its Ref", off, &b[off], p)
		}
	}
	if int(a.Used()) != 8+ClassSize(n) {
		t.Errorf("Used = %d", a.Used())
	}
	held := a.Held()
	a.Free(r)
	if a.Held() != held-int64(ClassSize(n)) {
		t.Errorf("a freed block of 9 MiB stays held: %d, was %d", a.Held(), held)
	}
	mustCheck(t, a)
}

func TestSpareHugeBlockIsUsedAgain(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	r := a.Alloc(2 << 20)
	a.Free(r)
	held := a.Held()
	if a.Alloc(2<<20) != r || a.Held() != held {
		t.Error("a second block of 2 MiB was mapped anew")
	}
	a.Free(r)
	for range 20 {
		refs := []Ref{a.Alloc(2 << 20), a.Alloc(3 << 20), a.Alloc(5 << 20)}
		for _, r := range refs {
			a.Free(r)
		}
		if a.Held() > spareLimit+nurserySize {
			t.Fatalf("held %d with nothing in use", a.Held())
		}
	}
	mustCheck(t, a)
	if a.Purge(0); a.Held() > nurserySize {
		t.Errorf("held %d after Purge(0)", a.Held())
	}
	mustCheck(t, a)
}

func TestRealloc(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	r := a.Alloc(20)
	copy(a.Bytes(r, 20), "abcdefghijklmnopqrst")
	if same := a.Realloc(r, 20, 24); same != r {
		t.Error("moved within its class")
	}
	for _, n := range []int{25, 3000, 2 << 20, 3000, 4} {
		r = a.Realloc(r, 20, n)
		k := min(n, 20)
		if got := string(a.Bytes(r, k)); got != "abcdefghijklmnopqrst"[:k] {
			t.Errorf("after Realloc to %d: %q", n, got)
		}
	}
	if a.Used() != 8 {
		t.Errorf("Used = %d", a.Used())
	}
}

func TestPurgeGivesChunksBack(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	var refs []Ref
	for range 600_000 {
		refs = append(refs, a.Alloc(56))
	}
	held := a.Held()
	if over := held - a.Used(); over > a.Used()/8 {
		t.Errorf("held %d for used %d", held, a.Used())
	}
	// What remains is the oldest tenth, dense in the lowest chunks.
	for _, r := range refs[60_000:] {
		a.Free(r)
	}
	mustCheck(t, a)
	if idle := a.Idle(); idle < held/2 {
		t.Errorf("idle %d of %d", idle, held)
	}
	if n := a.PurgeSome(4<<20, 2<<20); n < 2<<20 || n > 4<<20 {
		t.Errorf("PurgeSome gave %d back", n)
	}
	a.Purge(4 << 20)
	if a.Held() > 60_000*56+8<<20 || a.Idle() > 4<<20 {
		t.Errorf("after Purge(4 MiB): held %d, idle %d", a.Held(), a.Idle())
	}
	a.Purge(0)
	if a.Held() > 60_000*56+2<<20 || a.Idle() != 0 {
		t.Errorf("after Purge(0): held %d, idle %d", a.Held(), a.Idle())
	}
	mustCheck(t, a)
	for _, r := range refs[:60_000] {
		a.Free(r)
	}
	a.Purge(0)
	if a.Held() > nurserySize || a.Used() != 0 {
		t.Errorf("emptied: held %d, used %d", a.Held(), a.Used())
	}
	mustCheck(t, a)
}

func TestStatsAddUp(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	rnd := rand.New(rand.NewPCG(1, 2))
	var refs []Ref
	for range 5000 {
		refs = append(refs, a.Alloc(1+rnd.IntN(3000)))
	}
	refs = append(refs, a.Alloc(2<<20), a.Alloc(3<<20))
	for i, r := range refs {
		if i%3 == 0 || r == refs[len(refs)-1] {
			a.Free(r)
		}
	}
	st := a.Stats()
	if sum := st.Used + st.Slack + st.Dirty + st.Clean + st.Spare; sum != st.Held {
		t.Errorf("%+v: parts are %d", st, sum)
	}
	live := st.HugeBytes
	for _, c := range st.Classes {
		live += int64(c.Live) * int64(c.Size)
	}
	if live != st.Used || st.Used != a.Used() || st.HugeBlocks != 1 {
		t.Errorf("classes add up to %d, used %d, %d huge", live, st.Used, st.HugeBlocks)
	}
}

// The contents of each block are its own number over and over, so that blocks
// that overlap are found.
type model struct {
	t     testing.TB
	a     *Arena
	live  []block
	used  int64
	stamp uint64
	batch *Batch
	inB   []block
}

type block struct {
	r     Ref
	n     int
	stamp uint64
}

func (m *model) write(k block) {
	b := m.a.Bytes(k.r, k.n)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, k.stamp)
		b = b[min(len(b), 1<<10):]
	}
	for i := range b {
		b[i] = byte(k.stamp)
	}
}

func (m *model) verify(k block) {
	m.t.Helper()
	b := m.a.Bytes(k.r, k.n)
	for len(b) >= 8 {
		if got := binary.LittleEndian.Uint64(b); got != k.stamp {
			m.t.Fatalf("block %#x of %d bytes: holds %#x, want %#x", uint64(k.r), k.n, got, k.stamp)
		}
		b = b[min(len(b), 1<<10):]
	}
	for i := range b {
		if b[i] != byte(k.stamp) {
			m.t.Fatalf("block %#x of %d bytes: tail holds %#x", uint64(k.r), k.n, b[i])
		}
	}
}

func (m *model) alloc(n int) {
	m.stamp += 0x9E3779B97F4A7C15
	k := block{m.a.Alloc(n), n, m.stamp}
	if k.r == Nil || k.r >= 1<<refBits || m.a.Cap(k.r) != ClassSize(n) {
		m.t.Fatalf("Alloc(%d) = %#x, Cap %d, want %d", n, uint64(k.r), m.a.Cap(k.r), ClassSize(n))
	}
	m.used += int64(ClassSize(n))
	m.write(k)
	m.live = append(m.live, k)
}

func (m *model) pick(i int) block {
	i %= len(m.live)
	k, last := m.live[i], len(m.live)-1
	m.live[i] = m.live[last]
	m.live = m.live[:last]
	m.verify(k)
	return k
}

// run plays ops: each is two bytes, what to do and how much.
func (m *model) run(ops []byte) {
	m.a = New(Options{})
	defer m.a.Close()
	m.batch = NewBatch(m.a.Snapshot())
	sizes := [...]int{1, 8, 24, 56, 64, 100, 300, 1000, 1024, 4000, 9000, 40_000, 65_536, 73_000, 300_000, 1 << 20}
	for ; len(ops) >= 2; ops = ops[2:] {
		op, arg := ops[0], int(ops[1])
		switch {
		case op < 96:
			m.alloc(sizes[op%8] + arg%9)
		case op < 128:
			m.alloc(sizes[op%16] + arg)
		case op < 130:
			m.alloc(1<<20 + arg<<14)
		case op < 132: // many of one size, as a table would
			for range 300 {
				m.alloc(sizes[arg%8])
			}
		case op < 200:
			if len(m.live) > 0 {
				k := m.pick(arg * 7919)
				m.a.Free(k.r)
				m.used -= int64(ClassSize(k.n))
			}
		case op < 210: // a run of neighbours, so that spans become empty
			for i := 0; i < arg && len(m.live) > 0; i++ {
				k := m.pick(len(m.live) - 1)
				m.a.Free(k.r)
				m.used -= int64(ClassSize(k.n))
			}
		case op < 235:
			m.batch.SetView(m.a.Snapshot())
			for i := 0; i < arg && len(m.live) > 0; i++ {
				k := m.pick(arg * (i + 1))
				m.batch.Free(k.r)
				m.inB = append(m.inB, k)
			}
		case op < 245:
			m.splice(arg % 8)
		case op < 248:
			m.a.PurgeSome(int64(arg)<<14, int64(arg)<<16)
		case op < 252 && len(m.live) > 0:
			k := m.pick(arg)
			n := sizes[arg%12]
			m.used += int64(ClassSize(n) - ClassSize(k.n))
			k.r = m.a.Realloc(k.r, 0, n)
			k.n = n
			m.write(k)
			m.live = append(m.live, k)
		case op < 254:
			m.a.PlanMoves()
			for i, k := range m.live {
				if m.a.Sparse(k.r) {
					m.verify(k)
					m.live[i].r = m.a.Alloc(k.n)
					m.write(m.live[i])
					m.a.Free(k.r)
				}
			}
		default:
			m.check()
		}
		if m.a.Used() != m.used {
			m.t.Fatalf("op %d %d: Used = %d, want %d", op, arg, m.a.Used(), m.used)
		}
	}
	m.splice(0)
	for len(m.live) > 0 {
		m.a.Free(m.pick(len(m.live) / 2).r)
	}
	m.used = 0
	m.check()
	m.a.Purge(0)
	m.check()
	if m.a.Held() > nurserySize {
		m.t.Fatalf("empty and purged, %d held: %+v", m.a.Held(), m.a.Stats())
	}
}

// splice gives the Batch back, in pieces of n spans if n is not 0.
func (m *model) splice(n int) {
	var sum int64
	for _, k := range m.inB {
		sum += int64(ClassSize(k.n))
	}
	if m.batch.Len() != len(m.inB) || m.batch.Bytes() != sum {
		m.t.Fatalf("Batch has %d blocks, %d bytes, want %d, %d", m.batch.Len(), m.batch.Bytes(), len(m.inB), sum)
	}
	if n == 0 {
		m.a.Splice(m.batch)
	} else {
		for !m.a.SpliceSome(m.batch, n) {
		}
	}
	m.used -= sum
	m.inB = m.inB[:0]
	if m.batch.Len() != 0 || m.batch.Bytes() != 0 || m.batch.spans() != 0 {
		m.t.Fatalf("spliced Batch has %d blocks, %d bytes, %d spans", m.batch.Len(), m.batch.Bytes(), m.batch.spans())
	}
}

func (m *model) check() {
	m.t.Helper()
	mustCheck(m.t, m.a)
	for _, k := range m.live {
		m.verify(k)
	}
	st := m.a.Stats()
	if sum := st.Used + st.Slack + st.Dirty + st.Clean + st.Spare; sum != st.Held || st.Used != m.used {
		m.t.Fatalf("parts add up to %d, used %d should be %d: %+v", sum, st.Used, m.used, st)
	}
}

func TestModel(t *testing.T) {
	rounds, size := 40, 4000
	if testing.Short() || invariants.Enabled {
		rounds, size = 8, 2000
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			ops := make([]byte, size)
			for i := range ops {
				ops[i] = byte(rnd.Uint32())
			}
			(&model{t: t}).run(ops)
		})
	}
}

func FuzzArena(f *testing.F) {
	f.Add([]byte{0, 0, 130, 1, 205, 255, 246, 0, 220, 99, 240, 3, 255, 0})
	f.Add([]byte{128, 200, 129, 3, 130, 7, 131, 2, 140, 1, 246, 1, 220, 255, 240, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 2000 {
			ops = ops[:2000]
		}
		(&model{t: t}).run(ops)
	})
}

// Moving the blocks that Sparse names, and no others, frees the chunks.
func TestMovingSparseBlocks(t *testing.T) {
	a := New(Options{})
	defer a.Close()
	rnd := rand.New(rand.NewPCG(3, 4))
	var live []block
	for i := range 200_000 {
		k := block{a.Alloc(40 + i%3*20), 40 + i%3*20, rnd.Uint64()}
		binary.LittleEndian.PutUint64(a.Bytes(k.r, 8), k.stamp)
		live = append(live, k)
	}
	rnd.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
	for _, k := range live[40_000:] {
		a.Free(k.r)
	}
	live = live[:40_000]
	a.Purge(0)
	before := a.Held()
	if before < 3*a.Used() {
		t.Fatalf("held %d for used %d: nothing to defragment", before, a.Used())
	}
	gain := a.PlanMoves()
	mustCheck(t, a)
	moves := 0
	for i := range live {
		k := &live[i]
		if a.Sparse(k.r) {
			to := a.Alloc(k.n)
			copy(a.Bytes(to, k.n), a.Bytes(k.r, k.n))
			a.Free(k.r)
			k.r = to
			moves++
		}
	}
	mustCheck(t, a)
	st := a.Stats()
	if st.Dirty < gain || moves == len(live) {
		t.Errorf("%d of %d blocks moved, free slots are %d bytes, promised %d", moves, len(live), st.Dirty, gain)
	}
	if a.Purge(0); a.Held() > before*2/5 {
		t.Errorf("held %d before, %d after, used %d", before, a.Held(), a.Used())
	}
	if gain = a.PlanMoves(); gain > 3*slotSize {
		t.Errorf("a second plan would gain %d", gain)
	}
	for _, k := range live {
		if got := binary.LittleEndian.Uint64(a.Bytes(k.r, 8)); got != k.stamp {
			t.Fatalf("block %#x holds %#x, want %#x", k.r, got, k.stamp)
		}
	}
}

// A View taken early reads its blocks while the owner goes on and the table
// grows under it; a Batch frees them meanwhile.
func TestReadersBesideTheOwner(t *testing.T) {
	const n = 20_000
	a := New(Options{})
	defer a.Close()
	var refs []Ref
	for i := range n {
		size := 16 + i%500
		if i%1000 == 0 {
			size = 2 << 20
		}
		r := a.Alloc(size)
		*(*uint64)(a.Ptr(r)) = uint64(i)
		refs = append(refs, r)
	}
	used := a.Used()
	done := make(chan *Batch)
	go func(v View) {
		b := NewBatch(v)
		for i, r := range refs {
			if got := *(*uint64)(b.View().Ptr(r)); got != uint64(i) {
				t.Errorf("block %d holds %d", i, got)
			}
			b.Free(r)
		}
		done <- b
	}(a.Snapshot())
	var mine []Ref
	var batch *Batch
	for batch == nil {
		for range 100 {
			r := a.Alloc(16 + len(mine)%700)
			clear(a.Bytes(r, 16))
			mine = append(mine, r)
		}
		if len(mine) > 30_000 {
			for _, r := range mine {
				a.Free(r)
			}
			mine = mine[:0]
			a.Purge(0)
		}
		select {
		case batch = <-done:
		default:
		}
	}
	if batch.Len() != n || batch.Bytes() != used {
		t.Errorf("Batch of %d blocks, %d bytes, want %d, %d", batch.Len(), batch.Bytes(), n, used)
	}
	a.Splice(batch)
	mustCheck(t, a)
	for _, r := range mine {
		a.Free(r)
	}
	mustCheck(t, a)
	if a.Used() != 0 {
		t.Errorf("Used = %d", a.Used())
	}
}

func TestHotPathsAllocateNothing(t *testing.T) {
	if invariants.Enabled {
		t.Skip("guards allocate")
	}
	a := New(Options{})
	defer a.Close()
	a.Alloc(100)
	b := NewBatch(a.Snapshot())
	if n := testing.AllocsPerRun(100, func() {
		a.Free(a.Alloc(100))
		b.Free(a.Alloc(100))
		a.Splice(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// mustPanic runs f and returns what it panics with.
func mustPanic(t *testing.T, f func()) (story string) {
	t.Helper()
	defer func() {
		t.Helper()
		story = fmt.Sprint(recover())
		if story == "<nil>" {
			t.Error("no panic")
		}
	}()
	f()
	return
}

func TestMistakesTellTheirStory(t *testing.T) {
	if !invariants.Enabled {
		t.Skip("needs -tags invariants or -race")
	}
	tests := []struct {
		name string
		do   func(a *Arena)
		want []string
	}{
		{"double free", func(a *Arena) {
			r := a.Alloc(56)
			a.Free(r)
			a.Free(r)
		}, []string{"double free", "class 6 (56 bytes)", "freed at:", "slab_test.go"}},
		{"double free after quarantine", func(a *Arena) {
			r := a.Alloc(56)
			a.Free(r)
			for range 2 * restMax {
				a.Free(a.Alloc(40))
			}
			a.Free(r)
		}, []string{"double free", "slab_test.go"}},
		{"free of the inside", func(a *Arena) { a.Free(a.Alloc(56) + 1) }, []string{"no block", "byte 8 of it"}},
		{"free of nothing", func(a *Arena) { a.Alloc(1); a.Free(1 << 30) }, []string{"no chunk 8192"}},
		{"free of Nil", func(a *Arena) { a.Alloc(1); a.Free(Nil) }, []string{"no block"}},
		{"double free of a huge block", func(a *Arena) {
			r := a.Alloc(20 << 20)
			a.Free(r)
			a.Free(r)
		}, []string{"double free", "slab_test.go"}},
		{"write after free", func(a *Arena) {
			r := a.Alloc(56)
			b := a.Bytes(r, 56)
			a.Free(r)
			b[20] = 1
			for range restMax {
				a.Free(a.Alloc(56))
			}
		}, []string{"written after it was freed, at byte 20", "slab_test.go"}},
		{"write after free, found by Check", func(a *Arena) {
			r := a.Alloc(56)
			a.Alloc(56)
			b := a.Bytes(r, 56)
			a.Free(r)
			_ = a.Check()
			b[55] = 1
			_ = a.Check()
		}, []string{"written after it was freed, at byte 55"}},
		{"link overwritten", func(a *Arena) {
			x, y, z := a.Alloc(8), a.Alloc(8), a.Alloc(8)
			a.Alloc(8)
			b := a.Bytes(z, 8)
			a.Free(x)
			a.Free(y)
			a.Free(z)
			a.guard.flush(a)
			b[0] ^= 0x40
			a.Alloc(8)
		}, []string{"link overwritten", "slab_test.go"}},
		{"double free in a batch", func(a *Arena) {
			r := a.Alloc(56)
			b := NewBatch(a.Snapshot())
			b.Free(r)
			b.Free(r)
		}, []string{"double free in a Batch", "slab_test.go"}},
		{"free before a batch", func(a *Arena) {
			r := a.Alloc(56)
			b := NewBatch(a.Snapshot())
			a.Free(r)
			b.Free(r)
			a.Splice(b)
		}, []string{"double free, found by Splice"}},
		{"write after a batch", func(a *Arena) {
			r := a.Alloc(56)
			a.Alloc(56)
			b := NewBatch(a.Snapshot())
			b.Free(r)
			a.Bytes(r, 56)[9] = 1
			a.Splice(b)
		}, []string{"written after it was freed, at byte 9"}},
		{"free of the inside in a batch", func(a *Arena) {
			NewBatch(a.Snapshot()).Free(a.Alloc(56) + 2) // no view, no chunk
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := New(Options{})
			defer a.Close()
			story := mustPanic(t, func() { tt.do(a) })
			for _, want := range tt.want {
				if !strings.Contains(story, want) {
					t.Errorf("story lacks %q:\n%s", want, story)
				}
			}
		})
	}
}

func TestAllocOfNothingPanics(t *testing.T) {
	for _, n := range []int{0, -1, -1 << 31} {
		story := mustPanic(t, func() { New(Options{}).Alloc(n) })
		if !strings.Contains(story, "slab: Alloc of") {
			t.Errorf("Alloc(%d): %s", n, story)
		}
	}
}
