package keyspace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/lazyfree"
)

// ticks is a monotonic clock that moves a fixed step with every look at it.
type ticks struct{ now, step int64 }

func (c *ticks) nanos() int64 {
	c.now += c.step
	return c.now
}

// The limit holds under a load of three times as much, whatever the policy, the
// sizes and the time there is.
func TestMemoryStaysUnderTheLimit(t *testing.T) {
	limit := int64(4 << 20)
	if invariants.Enabled {
		limit = 1 << 20
	}
	for p := NoEviction; p <= VolatileTTL; p++ {
		for _, sizes := range []string{"small", "mixed"} {
			for _, nanosPerLook := range []int64{0, 1_000_000} {
				t.Run(fmt.Sprintf("%v/%s/look=%dns", p, sizes, nanosPerLook), func(t *testing.T) {
					set := DefaultSettings()
					set.MaxMemory, set.Policy = limit, p
					b := newBench(t, Options{Settings: set, Nanos: (&ticks{step: nanosPerLook}).nanos})
					overload(t, b, sizes == "mixed")
				})
			}
		}
	}
}

func overload(t *testing.T, b *bench, mixed bool) {
	rnd := rand.New(rand.NewPCG(9, 9))
	p, limit := b.set.Policy, b.set.MaxMemory
	refused, worst := 0, int64(0)
	kept := map[string]string{} // what must not be evicted
	written, evictable := int64(0), false
	for i := 0; written < 3*limit; i++ {
		value := big(20 + rnd.IntN(200))
		if mixed && i%50 == 0 {
			value = big(rnd.IntN(int(limit) / 10))
		}
		written += int64(len(value))
		b.s.Tick(b.s.Now() + 1)
		before := b.s.Used()
		if b.s.Evict() == Full {
			if b.s.Used() > before {
				t.Fatal("Evict took memory")
			}
			refused++
			continue
		}
		if over := b.s.Over(); over > overLimit {
			t.Fatalf("write %d may begin %d bytes above the limit", i, over)
		}
		key, at := fmt.Sprint("key", i), b.s.Now()+10_000_000+rnd.Int64N(100_000)
		if i%20 == 3 {
			at = 0
		}
		b.put(i%3, key, value, at)
		if p == NoEviction || p.volatile() && at == 0 {
			kept[fmt.Sprint(i%3, key)] = value
		} else {
			evictable = true
		}
		worst = max(worst, b.s.Over()-int64(len(value))-int64(len(value)/8))
	}
	if worst > overLimit {
		t.Errorf("%d bytes above the limit", worst)
	}
	for where, value := range kept {
		b.want(int(where[0]-'0'), where[1:], value)
	}
	switch evicted := b.s.Stats.Evicted; {
	case p == NoEviction && (evicted != 0 || refused == 0):
		t.Errorf("%d evicted, %d refused", evicted, refused)
	case p != NoEviction && (evicted == 0 || refused != 0 || !evictable):
		t.Errorf("%d evicted, %d refused", evicted, refused)
	}
	b.check()
}

// When only keys without a TTL are left, the volatile policies have nothing to
// evict.
func TestVolatilePoliciesTouchOnlyVolatileKeys(t *testing.T) {
	for p := VolatileLRU; p <= VolatileTTL; p++ {
		set := DefaultSettings()
		set.Policy = p
		b := newBench(t, Options{Settings: set})
		for i := range 200 {
			b.put(i%4, fmt.Sprint("stays", i), big(100), 0)
			b.put(i%4, fmt.Sprint("goes", i), big(100), epoch+int64(i)+1000)
		}
		set.MaxMemory = 1
		b.s.Configured()
		if got := b.s.Evict(); got != Full {
			t.Errorf("%v: pressure %d", p, got)
		}
		if b.s.Len() != 200 || b.s.Volatile() != 0 || b.s.Stats.Evicted != 200 {
			t.Errorf("%v: %d keys left, %d of them volatile, %d evicted", p, b.s.Len(), b.s.Volatile(), b.s.Stats.Evicted)
		}
		b.check()
	}
}

// fillTo writes keys until as many as n of the keys made before are gone.
func (b *bench) evictSome(n int) {
	b.t.Helper()
	b.set.MaxMemory = b.s.Used()
	b.s.Configured()
	for i := 0; b.s.Stats.Evicted < int64(n); i++ {
		if b.s.Evict() == Full {
			b.t.Fatal("full")
		}
		b.put(9, fmt.Sprint("new", i), big(40), epoch*2)
	}
}

// share is how many of the keys from to are still there.
func (b *bench) share(from, to int) float64 {
	left := 0
	for i := from; i < to; i++ {
		if b.has(0, fmt.Sprint("key", i)) {
			left++
		}
	}
	return float64(left) / float64(to-from)
}

// Of keys that were last used one after the other, the first half should go.
func TestLRUComesCloseToTrueLRU(t *testing.T) {
	for _, tt := range []struct {
		policy  Policy
		samples int
		least   float64
	}{{AllKeysLRU, 3, 0.77}, {AllKeysLRU, 5, 0.86}, {AllKeysLRU, 10, 0.93}, {VolatileLRU, 5, 0.86}} {
		set := DefaultSettings()
		set.Policy, set.Samples = tt.policy, tt.samples
		b := newBench(t, Options{Settings: set})
		n := large(20_000)
		for i := range n {
			b.put(0, fmt.Sprint("key", i), big(40), epoch*2)
		}
		for _, i := range rand.New(rand.NewPCG(3, 3)).Perm(n) {
			b.s.Tick(b.s.Now() + 1000)
			b.find(0, fmt.Sprint("key", i))
		}
		order := rand.New(rand.NewPCG(3, 3)).Perm(n)
		b.evictSome(n / 2)
		good := 0
		for pos, i := range order {
			if b.has(0, fmt.Sprint("key", i)) == (pos >= n/2) {
				good++
			}
		}
		if got := float64(good) / float64(n); got < tt.least-0.04 || got < tt.least && n >= 20_000 {
			t.Errorf("%v, %d samples: %.3f decided as true LRU does, want %.2f", tt.policy, tt.samples, got, tt.least)
		} else {
			t.Logf("%v, %d samples: %.3f decided as true LRU does", tt.policy, tt.samples, got)
		}
		b.check()
	}
}

// A hot set that came first lies in the first slots of the buckets, where the
// table's own samples begin: it must survive all the same.
func TestHotSetSurvives(t *testing.T) {
	for _, policy := range []Policy{AllKeysLRU, AllKeysLFU, VolatileLRU, VolatileLFU} {
		set := DefaultSettings()
		set.Policy = policy
		b := newBench(t, Options{Settings: set})
		n := large(10_000)
		hot := n * 6 / 10
		for i := range n {
			b.put(0, fmt.Sprint("key", i), big(40), epoch*2)
		}
		for range 12 {
			b.s.Tick(b.s.Now() + 10_000)
			for i := range hot {
				b.find(0, fmt.Sprint("key", i))
			}
		}
		b.evictSome((n - hot) / 2)
		chance := 1 / math.Sqrt(float64(n)) // checked builds have few keys, and seeds differ
		if warm, cold := b.share(0, hot), b.share(hot, n); warm < 0.985-chance || cold > 0.53+2*chance {
			t.Errorf("%v: %.3f of the hot set survived, %.3f of the rest", policy, warm, cold)
		}
	}
}

func TestVolatileTTLTakesTheNearest(t *testing.T) {
	set := DefaultSettings()
	set.Policy = VolatileTTL
	b := newBench(t, Options{Settings: set})
	n := large(20_000)
	for _, i := range rand.New(rand.NewPCG(4, 4)).Perm(n) {
		b.put(0, fmt.Sprint("key", i), big(40), epoch+1000+int64(i))
	}
	b.evictSome(n / 4)
	few := 20 / float64(n) // keys: samples differ with the table's seed
	if near, far := b.share(0, n/4), b.share(n/2, n); near > 0.4 || far < 1-few {
		t.Errorf("%.3f of the nearest quarter survived, %.4f of the farther half", near, far)
	}
}

func TestRandomPoliciesPlayNoFavourites(t *testing.T) {
	for _, policy := range []Policy{AllKeysRandom, VolatileRandom} {
		set := DefaultSettings()
		set.Policy = policy
		b := newBench(t, Options{Settings: set})
		n := large(20_000)
		for i := range n {
			b.s.Tick(b.s.Now() + 10)
			b.put(0, fmt.Sprint("key", i), big(40), epoch*2)
		}
		b.set.MaxMemory = b.s.Used() / 2
		b.s.Configured()
		if b.s.Evict() != Fits {
			t.Fatal("does not fit")
		}
		first, second := b.share(0, n/2), b.share(n/2, n)
		// Five standard deviations of the difference, and a little for the
		// neighbours that one sample brings.
		if math.Abs(first-second) > 0.02+5/math.Sqrt(float64(n)) || first < 0.3 || first > 0.7 {
			t.Errorf("%v: %.3f of the older half survived, %.3f of the newer", policy, first, second)
		}
	}
}

// The table of counts by hits and lfu-log-factor is in Redis's documentation of
// eviction, and in its redis.conf.
func TestLFUGrowth(t *testing.T) {
	hits := []int{100, 1000, 100_000, 1_000_000}
	for _, tt := range []struct {
		factor int
		want   [4]float64
	}{
		{0, [4]float64{104, 255, 255, 255}},
		{1, [4]float64{18, 49, 255, 255}},
		{10, [4]float64{10, 18, 142, 255}},
		{100, [4]float64{8, 11, 49, 143}},
	} {
		rnd := rand.New(rand.NewPCG(1, uint64(tt.factor)))
		var sums [4]float64
		const runs = 5
		for range runs {
			count := uint8(lfuInit)
			for i, k := 0, 0; k < len(hits); i++ {
				if i == hits[k] {
					sums[k] += float64(count)
					k++
				}
				count = lfuGrow(count, tt.factor, rnd.Float64())
			}
		}
		for k, want := range tt.want {
			if got := sums[k] / runs; math.Abs(got-want) > 2+want/10 {
				t.Errorf("factor %d: %d hits count %.1f, want about %.0f", tt.factor, hits[k], got, want)
			}
		}
	}
	for _, tt := range []struct {
		count  uint8
		factor int
		draw   float64
		want   uint8
	}{
		{0, 10, 0.999, 1}, {5, 10, 0.999, 6}, {6, 10, 1.0/11 - 1e-9, 7}, {6, 10, 1.0 / 11, 6},
		{105, 10, 1.0/1001 - 1e-9, 106}, {105, 10, 1.0 / 1001, 105}, {254, 0, 0.5, 255}, {255, 0, 0, 255},
	} {
		if got := lfuGrow(tt.count, tt.factor, tt.draw); got != tt.want {
			t.Errorf("lfuGrow(%d, %d, %v) = %d, want %d", tt.count, tt.factor, tt.draw, got, tt.want)
		}
	}
}

func TestLFUDecay(t *testing.T) {
	const minute = 60_000
	for _, tt := range []struct {
		decay   int
		count   uint8
		passed  int64 // ms
		want    uint8
		comment string
	}{
		{1, 100, 0, 100, "at once"},
		{1, 100, minute, 99, "a minute"},
		{1, 100, 10 * minute, 90, "ten minutes"},
		{1, 100, 100 * minute, 0, "all of it"},
		{1, 100, 30 * 24 * 60 * minute, 0, "a month"},
		{5, 100, 14 * minute, 98, "slower"},
		{0, 100, 1000 * minute, 100, "never"},
		{1, 100, -3 * minute, 100, "clock set back"},
		{1, 100, 65536 * minute, 100, "once around"},
	} {
		set := DefaultSettings()
		set.Policy, set.LFUDecayMinutes = AllKeysLFU, tt.decay
		b := newBench(t, Options{Settings: set})
		for _, start := range []int64{epoch, 65535 * minute, 65536*minute - 1} {
			b.s.Tick(start / minute * minute)
			b.put(0, "k", "v", 0)
			b.s.DB(0).Lookup(&b.e, []byte("k"), Peek)
			b.e.SetFreq(tt.count)
			b.s.Tick(b.s.Now() + tt.passed)
			if got := b.e.Freq(); got != tt.want {
				t.Errorf("%s: %d became %d, want %d", tt.comment, tt.count, got, tt.want)
			}
		}
	}
	set := DefaultSettings()
	set.Policy = AllKeysLFU
	b := newBench(t, Options{Settings: set})
	b.put(0, "k", "v", 0)
	if got := b.find(0, "k").Freq(); got < lfuInit || got > lfuInit+1 {
		t.Errorf("a new key counts %d", got)
	}
	b.e.SetFreq(200)
	b.put(0, "k", "w", 0) // in place
	if got := b.e.Freq(); got < 200 {
		t.Errorf("an overwritten key counts %d", got)
	}
	b.e.SetFreq(200)
	b.put(0, "k", big(200), epoch*2) // moved
	if got := b.e.Freq(); got < 200 {
		t.Errorf("an overwritten key counts %d", got)
	}
}

func TestIdleTime(t *testing.T) {
	b := newBench(t, Options{})
	for _, start := range []int64{epoch, (1<<24 - 3) * 1000, 0} {
		b.s.Tick(start)
		b.put(0, "k", "v", 0)
		b.s.DB(0).Lookup(&b.e, []byte("k"), Peek)
		for _, tt := range []struct{ passed, want int64 }{
			{0, 0}, {999, 0}, {1000, 1000}, {3_600_500, 3_600_000}, {-5000, 0}, {100 * 24 * 3_600_000, 100 * 24 * 3_600_000},
		} {
			b.s.Tick(start + tt.passed)
			if got := b.e.IdleMs(); got != tt.want {
				t.Errorf("%d ms after use: idle for %d, want %d", tt.passed, got, tt.want)
			}
		}
		b.s.Tick(start)
		b.e.SetIdle(77)
		if got := b.e.IdleMs(); got != 77_000 {
			t.Errorf("SetIdle(77): idle for %d", got)
		}
	}
}

// A clock set back must not make the keys used last seem the longest unused.
func TestClockSetBackKeepsHotKeys(t *testing.T) {
	for _, policy := range []Policy{AllKeysLRU, AllKeysLFU} {
		set := DefaultSettings()
		set.Policy = policy
		b := newBench(t, Options{Settings: set})
		for i := range 1000 {
			b.put(0, fmt.Sprint("key", i), big(40), 0)
		}
		b.s.Tick(epoch + 600_000)
		for range 10 {
			for i := range 500 {
				b.find(0, fmt.Sprint("key", i))
			}
		}
		b.s.Tick(epoch + 400_000)
		b.evictSome(250)
		if hot := b.share(0, 500); hot < 0.99 {
			t.Errorf("%v: %.3f of the hot keys survived", policy, hot)
		}
	}
}

func TestPoolFollowsSwap(t *testing.T) {
	set := DefaultSettings()
	set.Policy = VolatileTTL
	b := newBench(t, Options{Settings: set})
	for i := range 40 {
		b.put(0, fmt.Sprint(i), "near", epoch+int64(i)+10)
		b.put(1, fmt.Sprint(i), "far", epoch+1_000_000)
	}
	b.set.MaxMemory = b.s.Used() - 1
	b.s.Configured()
	b.s.Evict() // fills the pool
	b.s.Swap(0, 1)
	for range 10 {
		b.set.MaxMemory = b.s.Used() - 1
		b.s.Configured()
		b.s.Evict()
	}
	if b.s.DB(0).Len() != 40 || b.s.DB(1).Len() != 40-11 {
		t.Errorf("%d and %d keys left", b.s.DB(0).Len(), b.s.DB(1).Len())
	}
}

func TestPoolIsEmptiedWithThePolicy(t *testing.T) {
	set := DefaultSettings()
	set.Policy = VolatileTTL
	b := newBench(t, Options{Settings: set})
	for i := range 40 {
		b.put(0, fmt.Sprint("near", i), "v", epoch+10)
	}
	evictOne := func() {
		b.set.MaxMemory = b.s.Used() - 1
		b.s.Configured()
		b.s.Evict()
	}
	evictOne()
	if b.s.evictor.n == 0 {
		t.Fatal("the pool is empty")
	}
	set.Policy = AllKeysLRU
	b.s.Configured()
	if b.s.evictor.n != 0 {
		t.Errorf("%d candidates of another policy", b.s.evictor.n)
	}
}

// A candidate that was used, or made anew, after it was sampled is no candidate
// any more.
func TestCandidatesAreScoredAgain(t *testing.T) {
	set := DefaultSettings()
	set.Policy, set.Samples = AllKeysLRU, 64
	b := newBench(t, Options{Settings: set})
	for i := range 16 {
		b.put(0, fmt.Sprint("old", i), "v", 0)
	}
	b.s.Tick(epoch + 50_000)
	for i := range 16 {
		b.put(0, fmt.Sprint("newer", i), "v", 0)
	}
	b.s.Tick(epoch + 100_000)
	b.set.MaxMemory = b.s.Used() - 1
	b.s.Configured()
	b.s.Evict()
	if b.s.evictor.n < 8 {
		t.Fatalf("%d candidates", b.s.evictor.n)
	}
	for i := range 16 {
		if b.s.DB(0).Lookup(&b.e, fmt.Append(nil, "old", i), Read) && i%2 == 0 {
			b.s.DB(0).Delete(&b.e, lazyfree.Sync)
			b.put(0, fmt.Sprint("old", i), "made anew", 0)
		}
	}
	set.Samples = 8
	for range 8 {
		b.set.MaxMemory = b.s.Used() - 1
		b.s.Configured()
		b.s.Evict()
	}
	left := 0
	for i := range 16 {
		if b.has(0, fmt.Sprint("old", i)) {
			left++
		}
	}
	if left < 14 {
		t.Errorf("%d of 15 keys that were just used are left", left)
	}
}

func TestPoolOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	b := newBench(t, Options{})
	db := b.s.DB(0)
	var v evictor
	best := map[uint64]uint64{} // of a key, its latest score
	for i := range 3000 {
		score, hash := rnd.Uint64N(50), rnd.Uint64N(40)
		v.offer(score, db, hash, fmt.Append(nil, hash))
		best[hash] = score
		seen := map[uint64]bool{}
		for j := range v.n {
			c := v.pool[j]
			if j > 0 && v.pool[j-1].score > c.score || seen[c.hash] || string(c.key) != fmt.Sprint(c.hash) || c.score != best[c.hash] {
				t.Fatalf("after %d offers: place %d of %d: %+v", i, j, v.n, c)
			}
			seen[c.hash] = true
		}
		if rnd.IntN(5) == 0 {
			v.n--
		}
	}
}

// A zero Settings is not useful, but must not hang.
func TestEvictWithZeroSamples(t *testing.T) {
	b := newBench(t, Options{Settings: &Settings{Policy: AllKeysLRU, MaxMemory: 1}})
	b.put(0, "k", "v", 0)
	if got := b.s.Evict(); got != Fits || b.s.Len() != 0 {
		t.Errorf("pressure %d, %d keys", got, b.s.Len())
	}
	b.s.ExpireCycle(false)
}

func TestEvictLimit(t *testing.T) {
	for tenacity, want := range map[int]int64{0: 0, 1: 50_000, 10: 500_000, 11: 575_000, 50: 133_931_773, 100: math.MaxInt64} {
		if got := evictLimit(tenacity); math.Abs(float64(got-want)) > float64(want)*1e-6 {
			t.Errorf("tenacity %d: %d ns, want %d", tenacity, got, want)
		}
	}
}

// Lowering the limit stops nobody for long: each call has its time, and memory
// only goes down.
func TestLoweredLimitIsReachedByAndBy(t *testing.T) {
	clock := &ticks{step: 100_000}
	set := DefaultSettings()
	set.Policy = AllKeysRandom
	b := newBench(t, Options{Settings: set, Nanos: clock.nanos})
	for i := range 60_000 {
		b.put(0, fmt.Sprint("key", i), big(100), 0)
	}
	set.MaxMemory = 1 << 20
	b.s.Configured()
	if b.s.Over() < 2*overLimit {
		t.Fatalf("only %d above the limit", b.s.Over())
	}
	calls, last := 0, b.s.Over()
	for b.s.Evict() == Evicting {
		calls++
		if over := b.s.Over(); over >= last {
			t.Fatalf("call %d: %d above the limit, %d before", calls, over, last)
		} else if last = over; calls < 10 && last < overLimit {
			t.Fatalf("reached after %d calls", calls)
		}
		b.put(0, fmt.Sprint("more", calls), big(1000), 0)
		last = b.s.Over()
	}
	if calls < 100 {
		t.Errorf("%d calls", calls)
	}
	// Now it holds: big values are made room for, whatever the time.
	for i := range 30 {
		b.s.Evict()
		if over := b.s.Over(); over > overLimit {
			t.Fatalf("%d bytes above the limit", over)
		}
		b.put(0, fmt.Sprint("big", i), big(700_000), 0)
	}
}

// Memory that is on its way back is waited for before a write is refused, and
// before more is evicted than must.
func TestEvictAwaitsReclaimer(t *testing.T) {
	for _, policy := range []Policy{NoEviction, VolatileLRU} {
		b := newBench(t, Options{})
		b.addSet(0, "set", 5000)
		b.put(0, "k", "v", 0)
		b.set.Policy, b.set.MaxMemory = policy, 100_000
		b.s.Configured()
		if got := b.s.Evict(); got != Full {
			t.Fatalf("pressure %d", got)
		}
		b.s.DB(0).Delete(b.find(0, "set"), lazyfree.Async)
		if got := b.s.Evict(); got != Fits || b.s.Over() > 0 {
			t.Errorf("%v: pressure %d, %d above the limit", policy, got, b.s.Over())
		}
		b.want(0, "k", "v")
	}
}

func TestLazyEviction(t *testing.T) {
	for _, lazy := range []bool{false, true} {
		b := newBench(t, Options{})
		b.set.Lazy.Eviction = lazy
		for i := range 30 {
			b.addSet(i%2, fmt.Sprint("set", i), 1000)
		}
		b.set.Policy, b.set.MaxMemory = AllKeysLRU, b.s.Used()/2
		b.s.Configured()
		if got := b.s.Evict(); got != Fits {
			t.Fatalf("pressure %d", got)
		}
		b.settle()
		b.check()
		if (b.rec.Freed() > 0) != lazy {
			t.Errorf("lazy %v: %d freed in the background", lazy, b.rec.Freed())
		}
		var e Entry
		b.s.DB(0).ForEach(&e, func(e *Entry) bool {
			if n := set.Open(e).Len(); n != 1000 {
				t.Errorf("a set of %d members", n)
			}
			return true
		})
	}
}
