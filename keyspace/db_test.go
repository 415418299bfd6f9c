package keyspace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/lazyfree"
)

// large is how many keys a test makes that wants many.
func large(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 20
	}
	return n
}

// addSet makes a set of n members that is an object.
func (b *bench) addSet(db int, key string, n int) *Entry {
	d, e := b.s.DB(db), &b.e
	d.Lookup(e, []byte(key), Write)
	d.Create(e, []byte(key), datatypes.Set, datatypes.ListPack, nil, 0)
	s := set.Init(e, datatypes.HashTable)
	for i := range n {
		s.Add(fmt.Append(nil, "member", i), &setLimits)
	}
	return e
}

// A shard with a reclaimer of its own closes it first: its jobs read the memory.
func TestCloseWithWorkPending(t *testing.T) {
	for range 20 {
		s := New(Options{})
		s.Tick(epoch)
		b := bench{t: t, s: s, set: s.set}
		for i := range 50 {
			b.addSet(0, fmt.Sprint(i), 200)
		}
		if n := s.DB(0).Empty(true); n != 50 {
			t.Fatalf("%d keys", n)
		}
		s.Close()
	}
}

func TestObjectTableShrinks(t *testing.T) {
	b := newBench(t, Options{})
	n := large(20_000)
	for i := range n {
		b.addSet(0, fmt.Sprint(i), 1)
	}
	b.check()
	order := rand.New(rand.NewPCG(5, 5)).Perm(n)
	for _, i := range order[:n-5] {
		b.s.DB(0).Delete(b.find(0, fmt.Sprint(i)), lazyfree.Sync)
	}
	b.check()
	for _, i := range order[n-5:] {
		b.s.DB(0).Delete(b.find(0, fmt.Sprint(i)), lazyfree.Sync)
	}
	b.check()
	d := b.s.DB(0)
	if len(d.objects) != 0 || cap(d.objects) > 64 || cap(d.freeObjects) > 64 || b.s.Used() != 0 {
		t.Errorf("object table of %d, room for %d; free list of %d; %d bytes used", len(d.objects), cap(d.objects), cap(d.freeObjects), b.s.Used())
	}
	for i := range 100 { // and back
		b.addSet(0, fmt.Sprint(i), 1)
	}
	b.check()
}

func TestSwapKeepsEverythingInItsPlace(t *testing.T) {
	b := newBench(t, Options{})
	b.put(0, "a", "in 0", epoch+5)
	b.ttlHash(0, "h", 3, epoch+7)
	b.addSet(0, "s", 10)
	b.put(3, "a", "in 3", 0)
	b.s.Swap(0, 3)
	b.check()
	b.want(3, "a", "in 0")
	b.want(0, "a", "in 3")
	b.s.Swap(3, 3)
	b.check()
	b.want(3, "a", "in 0")
	if b.s.DB(3).id != 3 || b.s.DB(0).Len() != 1 || b.s.DB(3).Len() != 3 || b.s.DB(3).FieldVolatile() != 1 {
		t.Errorf("database 3 calls itself %d; %d and %d keys", b.s.DB(3).id, b.s.DB(0).Len(), b.s.DB(3).Len())
	}
	b.s.Swap(0, 9) // one never used
	b.check()
	b.want(9, "a", "in 3")
	if b.s.Len() != 4 || b.s.Volatile() != 2 {
		t.Errorf("%d keys, %d volatile", b.s.Len(), b.s.Volatile())
	}
}

// The reclaimer reads a database that was emptied while the owner goes on, fills
// and purges memory.
func TestEmptyInTheBackgroundWhileOwnerWorks(t *testing.T) {
	b := newBench(t, Options{})
	rounds := 20
	if invariants.Enabled {
		rounds = 4
	}
	for round := range rounds {
		for i := range 300 {
			key := fmt.Sprint("k", i)
			switch i % 6 {
			case 0:
				b.put(0, key, big(20+i*100), epoch+100)
			case 1:
				b.addSet(0, key, i)
			case 2:
				b.ttlHash(0, key, 1+i%300, epoch+1000)
			case 3:
				b.put(0, key, big(1<<20+i), 0)
			default:
				b.put(0, key, "v", 0)
			}
			if i%50 == 0 {
				b.s.Arena().Purge(0)
				b.s.Collect()
			}
		}
		if round%5 == 0 {
			b.check()
		}
		if n := b.s.DB(0).Empty(true); n != 300 || b.s.Len() != 0 || b.s.Volatile() != 0 {
			t.Fatalf("emptied %d, left %d, %d", n, b.s.Len(), b.s.Volatile())
		}
		if n := b.s.DB(0).Empty(true); n != 0 {
			t.Fatalf("emptied %d more", n)
		}
	}
	b.settle()
	b.check()
	if b.s.Used() != 0 {
		t.Errorf("%d bytes used", b.s.Used())
	}
}

func TestUnlinkOfLargeValuesWhileOwnerPurges(t *testing.T) {
	b := newBench(t, Options{})
	for i := range 40 {
		b.addSet(0, "s", 100+i*97)
		b.s.DB(0).Delete(&b.e, lazyfree.Async)
		b.s.Arena().Purge(0)
		b.put(0, "other", big(i*5000), 0)
		b.s.Collect()
	}
	b.settle()
	b.s.DB(0).Delete(b.find(0, "other"), lazyfree.Sync)
	b.check()
	if b.s.Used() != 0 || b.rec.Freed() != 40 {
		t.Errorf("%d bytes used, %d objects freed", b.s.Used(), b.rec.Freed())
	}
}

// SCAN's guarantee: who is there from the first step to the last is yielded,
// however the database grows, shrinks and expires between steps.
func TestScanGuarantee(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, Options{Rand: rand.New(rand.NewPCG(seed, 2))})
		want := map[string]bool{}
		for i := range 500 {
			key := fmt.Sprint("stays", i)
			b.put(0, key, "v", []int64{0, epoch + 1_000_000}[i%2])
			want[key] = true
		}
		// grow: 0 adds keys, 1 takes them away, 2 lets them expire.
		trend, next, gone := seed%3, 0, 0
		if trend != 0 {
			for range large(20_000) {
				b.put(0, fmt.Sprint("comes", next), "v", epoch+int64(rnd.IntN(3000)))
				next++
			}
		}
		var e Entry
		steps := 0
		for cursor := uint64(0); ; steps++ {
			cursor = b.s.DB(0).Scan(cursor, &e, func(e *Entry) {
				delete(want, string(e.Key()))
			})
			if cursor == 0 {
				break
			}
			for range rnd.IntN(200) {
				switch trend {
				case 0:
					if next < large(40_000) {
						b.put(0, fmt.Sprint("comes", next), "v", 0)
						next++
					}
				case 1:
					if b.s.DB(0).Lookup(&b.e, fmt.Append(nil, "comes", gone), Peek) {
						b.s.DB(0).Delete(&b.e, lazyfree.Sync)
					}
					gone++
				}
			}
			if trend == 2 {
				b.s.Tick(b.s.Now() + int64(rnd.IntN(20)))
				b.s.ExpireCycle(false)
			}
		}
		b.check()
		if len(want) != 0 {
			t.Errorf("seed %d: after %d steps and %d keys, %d were missed", seed, steps, b.s.Len(), len(want))
		}
	}
}

func TestRandomKeyIsFairAndAlive(t *testing.T) {
	b := newBench(t, Options{})
	for i := range 1000 {
		b.put(0, fmt.Sprint("dead", i), "v", epoch+1)
	}
	const n = 30
	for i := range n {
		b.put(0, fmt.Sprint("live", i), "v", 0)
	}
	b.s.Tick(epoch + 2)
	seen := map[string]int{}
	const draws = 30_000
	for range draws {
		if !b.s.DB(0).RandomKey(&b.e) {
			t.Fatal("no key")
		}
		seen[string(b.e.Key())]++
	}
	if len(seen) != n {
		t.Fatalf("%d keys drawn: %v", len(seen), seen)
	}
	for key, got := range seen {
		if got < draws/n*8/10 || got > draws/n*12/10 {
			t.Errorf("%s drawn %d times of %d", key, got, draws)
		}
	}
	b.check()
	empty := b.s.DB(1)
	if empty.RandomKey(&b.e) {
		t.Error("a key of an empty database")
	}
	b.put(2, "dead", "v", epoch+2)
	b.s.Tick(epoch + 3)
	if b.s.DB(2).RandomKey(&b.e) || b.s.DB(2).Len() != 0 {
		t.Error("a key that has expired")
	}
}

// recorder is a hook that writes down what it is told.
type recorder struct{ lines []string }

func (r *recorder) Modified(db int, key []byte) { r.add("modified", db, key) }
func (r *recorder) Event(db int, class EventClass, event string, key []byte) {
	r.add(event, db, key)
}
func (r *recorder) Flushed(db int) { r.add("flushed", db, nil) }
func (r *recorder) add(what string, db int, key []byte) {
	r.lines = append(r.lines, fmt.Sprintf("%s %d %s", what, db, key))
}

func (r *recorder) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(r.lines, lines) {
		t.Errorf("told %q, want %q", r.lines, lines)
	}
	r.lines = nil
}

func TestHookHearsOfChanges(t *testing.T) {
	b := newBench(t, Options{})
	r := &recorder{}
	b.s.SetHook(r)
	b.put(1, "k", "v", epoch+5)
	r.want(t)
	b.s.DB(1).Modified([]byte("k"))
	b.s.DB(1).Event(EventString, "set", []byte("k"))
	r.want(t, "modified 1 k", "set 1 k")
	b.s.Tick(epoch + 6)
	if b.s.DB(1).Lookup(&b.e, []byte("k"), Read) {
		t.Error("found")
	}
	r.want(t, "expired 1 k", "modified 1 k", "keymiss 1 k")
	b.put(1, "k", "v", epoch+7)
	b.s.Tick(epoch + 8)
	b.s.ExpireCycle(false)
	r.want(t, "expired 1 k", "modified 1 k")
	b.ttlHash(1, "h", 2, epoch+9)
	b.s.Tick(epoch + 9)
	b.s.ExpireCycle(false)
	r.want(t, "modified 1 h", "hexpired 1 h", "del 1 h")
	b.put(1, "k", "v", 0)
	b.set.MaxMemory, b.set.Policy = 1, AllKeysLRU
	b.s.Configured()
	b.s.Evict()
	r.want(t, "modified 1 k", "evicted 1 k")
	b.s.Swap(1, 2)
	r.want(t, "flushed 1 ", "flushed 2 ")
	b.s.Empty(false)
	r.want(t, "flushed 1 ", "flushed 2 ")
	b.s.SetHook(nil)
	if got := b.s.Stats; got.Expired != 2 || got.ExpiredFields != 2 || got.Evicted != 1 || got.Misses != 1 || got.Dirty != 2 {
		t.Errorf("stats %+v", got)
	}
	b.s.ResetStats()
	if got := b.s.Stats; got != (Stats{Dirty: 2}) {
		t.Errorf("stats after the reset %+v", got)
	}
}

func TestLookupModes(t *testing.T) {
	b := newBench(t, Options{})
	for _, tt := range []struct {
		mode                  Mode
		touches, hits, misses int64
	}{
		{Read, 1, 1, 1}, {Write, 1, 0, 0}, {NoTouch, 0, 1, 1}, {Peek, 0, 0, 0},
	} {
		b.s.ResetStats()
		b.put(0, "k", "v", 0)
		b.s.Tick(b.s.Now() + 5000)
		if !b.s.DB(0).Lookup(&b.e, []byte("k"), tt.mode) || b.e.TypeOf() != datatypes.String {
			t.Fatal("not found")
		}
		if idle := b.e.IdleMs(); (idle == 0) != (tt.touches == 1) {
			t.Errorf("mode %d: idle for %d ms", tt.mode, idle)
		}
		if b.s.DB(0).Lookup(&b.e, []byte("none"), tt.mode) || b.e.TypeOf() != datatypes.None {
			t.Fatal("found")
		}
		if b.s.Stats.Hits != tt.hits || b.s.Stats.Misses != tt.misses {
			t.Errorf("mode %d: %d hits, %d misses", tt.mode, b.s.Stats.Hits, b.s.Stats.Misses)
		}
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checked builds allocate")
	}
	b := newBench(t, Options{})
	d, e := b.s.DB(0), &b.e
	key, value, other, number := []byte("some key"), []byte("some value"), []byte(big(300)), []byte("n")
	b.put(0, "n", "17", 0)
	b.put(0, "some key", "v", 0)
	i := int64(0)
	for name, f := range map[string]func(){
		"set and get": func() {
			d.Lookup(e, key, Write)
			d.SetString(e, key, StringOf(value), 0)
			d.Lookup(e, key, Read)
		},
		"set of another size": func() {
			i++
			d.Lookup(e, key, Write)
			d.SetString(e, key, StringOf(other[:100+i%2*150]), 0)
		},
		"expire and persist": func() {
			d.Lookup(e, key, Write)
			d.SetExpire(e, epoch+1000)
			d.SetExpire(e, 0)
		},
		"delete and create": func() {
			if d.Lookup(e, key, Write) {
				d.Delete(e, lazyfree.UserDel)
			}
			d.SetString(e, key, StringOf(value), epoch+1000)
		},
		"append": func() {
			d.Lookup(e, key, Write)
			e.SetBytes(datatypes.Raw, append(e.Grow(len(value)), value...))
			e.SetBytes(datatypes.Raw, e.Bytes()[:4])
		},
		"exists":  func() { d.Exists(key) },
		"expired": func() { b.s.ExpireCycle(false) },
		"increment": func() {
			d.Lookup(e, number, Write)
			e.SetInt(e.Int() + 1)
		},
	} {
		f()
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestParseInt(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"7", 7, true}, {"-1", -1, true}, {"10", 10, true}, {"-10", -10, true},
		{"9223372036854775807", 1<<63 - 1, true}, {"-9223372036854775808", -1 << 63, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false},
		{"18446744073709551616", 0, false}, {"99999999999999999999", 0, false}, {"18446744073709551615", 0, false},
		{"", 0, false}, {"-", 0, false}, {"-0", 0, false}, {"00", 0, false}, {"01", 0, false}, {"+1", 0, false},
		{" 1", 0, false}, {"1 ", 0, false}, {"1.0", 0, false}, {"1e3", 0, false}, {"a", 0, false}, {"--1", 0, false},
		{"/", 0, false}, {":", 0, false}, {"1:", 0, false}, {"123456789012345678901", 0, false},
	} {
		if got, ok := ParseInt([]byte(tt.in)); got != tt.want || ok != tt.ok {
			t.Errorf("ParseInt(%q) = %d, %v, want %d, %v", tt.in, got, ok, tt.want, tt.ok)
		}
		if tt.ok {
			if got := string(AppendInt(nil, tt.want)); got != tt.in {
				t.Errorf("AppendInt(%d) = %q", tt.want, got)
			}
		}
	}
}

func TestPolicyNames(t *testing.T) {
	for p := NoEviction; p <= VolatileTTL; p++ {
		if got, ok := ParsePolicy(p.String()); got != p || !ok {
			t.Errorf("ParsePolicy(%q) = %v, %v", p, got, ok)
		}
	}
	if _, ok := ParsePolicy("lru"); ok {
		t.Error("a policy named lru")
	}
	if !AllKeysLFU.LFU() || AllKeysLRU.LFU() {
		t.Error("LFU")
	}
}
