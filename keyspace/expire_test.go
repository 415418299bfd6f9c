package keyspace

import (
	"fmt"
	"testing"

	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/lazyfree"
)

// A key is alive in the millisecond it expires at, and gone in the next.
func TestExpiryToTheMillisecond(t *testing.T) {
	for _, how := range []string{"lookup", "exists", "shared", "random", "cycle", "scan"} {
		b := newBench(t, Options{})
		b.put(0, "k", "v", epoch+100)
		b.put(0, "h", big(5000), epoch+100)
		alive := func() bool {
			switch how {
			case "lookup":
				return b.s.DB(0).Lookup(&b.e, []byte("k"), Read)
			case "exists":
				return b.has(0, "k")
			case "shared":
				_, got := b.s.AppendShared(nil, 0, []byte("k"), fixedClock(b.s.Now()))
				return got == SharedHit
			case "random":
				return b.s.DB(0).RandomKey(&b.e)
			case "cycle":
				b.s.ExpireCycle(false)
				return b.s.Len() > 0
			}
			n := 0
			b.s.DB(0).Scan(0, &b.e, func(e *Entry) {
				if !e.Due() {
					n++
				}
			})
			return n > 0
		}
		for _, tt := range []struct {
			at   int64
			want bool
		}{{epoch, true}, {epoch + 99, true}, {epoch + 100, true}, {epoch + 101, false}, {epoch + 5000, false}} {
			b.s.Tick(tt.at)
			if got := alive(); got != tt.want {
				t.Errorf("%s, %d ms after: alive %v", how, tt.at-epoch-100, got)
			}
		}
		b.check()
	}
}

type fixedClock int64

func (c fixedClock) UnixMilli() int64 { return int64(c) }

// A field is gone in the millisecond it expires at, as package hash says.
func TestFieldExpiryToTheMillisecond(t *testing.T) {
	for _, n := range []int{3, 300} { // listpack, hash table
		b := newBench(t, Options{})
		b.ttlHash(0, "h", n, epoch+100)
		hash.Open(b.find(0, "h")).Persist([]byte("f0"), epoch)
		for _, tt := range []struct{ at, want int64 }{{epoch + 99, int64(n)}, {epoch + 100, 1}} {
			b.s.Tick(tt.at)
			b.s.ExpireCycle(false)
			if got := hash.Open(b.find(0, "h")).Len(); got != int(tt.want) {
				t.Errorf("%d fields at %d, want %d", got, tt.at-epoch, tt.want)
			}
			b.check()
		}
		if b.s.Volatile() != 0 || b.s.Stats.ExpiredFields != int64(n-1) {
			t.Errorf("%d volatile, %d fields expired", b.s.Volatile(), b.s.Stats.ExpiredFields)
		}
	}
}

// A hundred thousand keys that expired, among a million that live, are gone within
// few cycles: those with a TTL of their own make it harder, as the sample meets
// them too.
func TestCycleFindsTheFewAmongTheMany(t *testing.T) {
	dead, live := large(100_000), large(1_000_000)
	for _, tt := range []struct {
		effort, cycles int
		liveVolatile   bool
	}{{1, 12, false}, {1, 12, true}, {10, 8, true}} {
		// 80 ns a key looked at, more than it takes: the clock is looked at once in
		// sixteen samples of twenty keys or some more.
		clock := &ticks{step: 16 * 26 * 80}
		set := DefaultSettings()
		set.ExpireEffort = tt.effort
		b := newBench(t, Options{Settings: set, Nanos: clock.nanos, Databases: 1})
		for i := range live {
			at := int64(0)
			if tt.liveVolatile {
				at = epoch + 10_000_000
			}
			b.put(0, fmt.Sprint("live", i), "v", at)
			if i < dead {
				b.put(0, fmt.Sprint("dead", i), "v", epoch+1)
			}
		}
		b.s.Tick(epoch + 1000)
		cycles := 0
		for ; b.s.Stats.Expired < int64(dead)*9/10 && cycles < 1000; cycles++ {
			b.s.ExpireCycle(false)
		}
		left := float64(dead) - float64(b.s.Stats.Expired)
		for range cycles {
			b.s.ExpireCycle(false)
		}
		t.Logf("effort %d, live keys volatile %v: 90%% gone after %d cycles, %.1f%% left; after as many again %.1f%%", tt.effort, tt.liveVolatile,
			cycles, left*100/float64(dead), 100-float64(b.s.Stats.Expired)*100/float64(dead))
		if cycles > tt.cycles {
			t.Errorf("effort %d, live keys volatile %v: %d cycles", tt.effort, tt.liveVolatile, cycles)
		}
		if b.s.Len() < live {
			t.Errorf("%d keys left", b.s.Len())
		}
		b.check()
	}
}

// Without a time limit one cycle finds all but a hundredth.
func TestCycleWithoutClock(t *testing.T) {
	b := newBench(t, Options{})
	for i := range 20_000 {
		b.put(i%5, fmt.Sprint(i), "v", epoch+int64(i%2)*1000)
	}
	b.s.Tick(epoch + 500)
	b.s.ExpireCycle(false)
	if b.s.Len() > 10_000+300 {
		t.Errorf("%d keys left", b.s.Len())
	}
	if mean := b.s.DB(0).MeanTTL(); mean < 490 || mean > 500 {
		t.Errorf("mean TTL %d ms", mean)
	}
	b.s.Tick(epoch + 5000)
	b.s.ExpireCycle(false)
	if b.s.Len() != 0 {
		t.Errorf("%d keys left", b.s.Len())
	}
	b.s.ExpireCycle(false)
	if mean := b.s.DB(0).MeanTTL(); mean != 0 {
		t.Errorf("mean TTL of no key: %d ms", mean)
	}
	b.check()
}

func TestCycleTimeLimits(t *testing.T) {
	for _, tt := range []struct {
		hz, effort int
		fast       bool
		limit      int64 // ns
	}{
		{10, 1, false, 25_000_000}, {10, 10, false, 43_000_000}, {100, 1, false, 2_500_000}, {1, 1, false, 250_000_000},
		{10, 1, true, 1_000_000}, {10, 5, true, 2_000_000}, {500, 10, true, 3_250_000},
	} {
		clock := &ticks{}
		set := DefaultSettings()
		set.Hz, set.ExpireEffort = tt.hz, tt.effort
		b := newBench(t, Options{Settings: set, Nanos: clock.nanos})
		n := large(200_000)
		for i := range n {
			b.put(0, fmt.Sprint(i), "v", epoch)
		}
		b.s.Tick(epoch + 1)
		clock.now, clock.step = 1_000_000_000, tt.limit/5
		b.s.expire.capped = tt.fast // else a fast cycle has no reason
		start := clock.now
		if !b.s.ExpireCycle(tt.fast) || b.s.Stats.ExpireTimeCapped != 1 {
			t.Errorf("%+v: not capped", tt)
		}
		if took := clock.now - start; took < tt.limit || took > tt.limit*9/5 {
			t.Errorf("%+v: took %d", tt, took)
		}
		if b.s.Len() == 0 || b.s.Len() == n {
			t.Errorf("%+v: %d of %d keys left", tt, b.s.Len(), n)
		}
		if got := b.s.Stats.ExpireCycleNanos; got < tt.limit || got > tt.limit*9/5 {
			t.Errorf("%+v: %d ns noted", tt, got)
		}
	}
}

// A fast cycle runs only after one that ran out of time, and not too often.
func TestFastCycles(t *testing.T) {
	clock := &ticks{now: 1_000_000_000, step: 5_000_000}
	b := newBench(t, Options{Nanos: clock.nanos})
	for i := range large(200_000) {
		b.put(0, fmt.Sprint(i), "v", epoch)
	}
	b.s.Tick(epoch + 1)
	if b.s.ExpireCycle(true) || b.s.Stats.Expired != 0 {
		t.Error("a fast cycle without need")
	}
	if !b.s.ExpireCycle(false) {
		t.Fatal("not capped")
	}
	before := b.s.Stats.Expired
	clock.step = 400_000
	if !b.s.ExpireCycle(true) || b.s.Stats.Expired == before {
		t.Error("no fast cycle after one that ran out of time")
	}
	before = b.s.Stats.Expired
	clock.now = b.s.expire.lastFast + 1_500_000 - clock.step
	if b.s.ExpireCycle(true) || b.s.Stats.Expired != before {
		t.Error("two fast cycles in a row")
	}
	clock.now = b.s.expire.lastFast + 2_500_000
	if b.s.ExpireCycle(true); b.s.Stats.Expired == before {
		t.Error("no fast cycle after a while")
	}
	b.s.ActiveExpireOff = true
	before = b.s.Stats.Expired
	if b.s.ExpireCycle(false); b.s.Stats.Expired != before {
		t.Error("a cycle that was switched off")
	}
}

// All databases have their turn, the more so after a call that ran out of time.
func TestCycleVisitsAllDatabases(t *testing.T) {
	b := newBench(t, Options{Databases: 50})
	for i := range 50 {
		b.put(i, "k", "v", epoch)
	}
	b.s.Tick(epoch + 1)
	for want := 50 - 16; want > -16; want -= 16 {
		b.s.ExpireCycle(false)
		if got := b.s.Len(); got != max(want, 0) {
			t.Errorf("%d keys left, want %d", got, max(want, 0))
		}
	}
	for i := range 50 {
		b.put(i, "k", "v", epoch)
	}
	b.s.expire.capped = true
	b.s.ExpireCycle(false)
	if got := b.s.Len(); got != 0 {
		t.Errorf("%d keys left", got)
	}
}

// Fields of many hashes, and many fields of one, go as fast as keys do.
func TestCycleFindsFields(t *testing.T) {
	hashes, huge := large(20_000), large(200_000)
	clock := &ticks{step: 20 * 500}
	b := newBench(t, Options{Nanos: clock.nanos, Databases: 2})
	for i := range hashes {
		at := int64(epoch + 10)
		if i%2 == 0 {
			at = epoch + 1_000_000
		}
		b.ttlHash(0, fmt.Sprint("h", i), 4, at)
	}
	e := b.ttlHash(1, "huge", huge, epoch+10)
	h := hash.Open(e)
	h.Persist([]byte("f7"), epoch)
	b.s.Tick(epoch + 10)
	cycles := 0
	for ; b.s.Stats.ExpiredFields < int64(hashes*2+huge)*98/100 && cycles < 500; cycles++ {
		b.s.ExpireCycle(false)
	}
	t.Logf("%d cycles", cycles)
	if cycles > 40 {
		t.Errorf("%d cycles for %d of %d fields", cycles, b.s.Stats.ExpiredFields, hashes*2+huge)
	}
	b.check()
	for range 400 {
		b.s.ExpireCycle(false)
	}
	if got := b.s.DB(0).Len(); got < hashes/2 || got > hashes/2+hashes/80+2 {
		t.Errorf("%d hashes left of %d", got, hashes)
	}
	if got := hash.Open(b.find(1, "huge")).Len(); got != 1 || b.s.DB(1).FieldVolatile() != 0 {
		t.Errorf("%d fields left, %d hashes with a TTL", got, b.s.DB(1).FieldVolatile())
	}
	b.check()
}

// Keys that take all the time must not keep fields from expiring.
func TestFieldsHaveTheirTurn(t *testing.T) {
	clock := &ticks{step: 10_000_000}
	b := newBench(t, Options{Nanos: clock.nanos, Databases: 1})
	for i := range large(200_000) {
		b.put(0, fmt.Sprint(i), "v", epoch)
	}
	for i := range 40 {
		b.ttlHash(0, fmt.Sprint("h", i), 2, epoch+1)
	}
	b.s.Tick(epoch + 1)
	for range 5 {
		if !b.s.ExpireCycle(false) {
			t.Fatal("not capped")
		}
	}
	if b.s.Stats.ExpiredFields != 80 {
		t.Errorf("%d fields expired", b.s.Stats.ExpiredFields)
	}
}

// Large values that expire go where the setting says.
func TestLazyExpiry(t *testing.T) {
	for _, lazy := range []bool{false, true} {
		b := newBench(t, Options{})
		b.set.Lazy = lazyfree.Settings{Expire: lazy}
		for i := range 10 {
			e := b.addSet(0, fmt.Sprint(i), 65)
			e.DB().SetExpire(e, epoch+1)
		}
		b.s.Tick(epoch + 2)
		b.s.ExpireCycle(false)
		b.settle()
		if b.s.Len() != 0 || b.s.Used() != 0 || b.rec.Freed() != map[bool]int64{true: 10}[lazy] {
			t.Errorf("lazy %v: %d keys, %d bytes, %d freed in the background", lazy, b.s.Len(), b.s.Used(), b.rec.Freed())
		}
	}
}

// A command that forgets to say that the last field TTL is gone does no lasting
// harm.
func TestForgottenTrackFields(t *testing.T) {
	b := newBench(t, Options{})
	for _, n := range []int{3, 300} {
		b.ttlHash(0, "h", n, epoch+10)
		h := hash.Open(b.find(0, "h"))
		for i := range n {
			h.Persist(fmt.Appendf(nil, "f%d", i), epoch)
		}
		b.s.ExpireCycle(false)
		b.check()
		b.s.Empty(false)
	}
}

func TestExpiryChurn(t *testing.T) {
	if invariants.Enabled {
		t.Skip("the model does as much")
	}
	b := newBench(t, Options{})
	for i := range 200_000 {
		b.put(0, fmt.Sprint(i), "v", epoch+int64(i/10))
		if i%100 == 0 {
			b.s.Tick(epoch + int64(i/10) - 50)
			b.s.ExpireCycle(false)
		}
	}
	if n := b.s.Len(); n > 1200 {
		t.Errorf("%d keys left where 500 live", n)
	}
	b.check()
}
