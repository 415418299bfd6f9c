package keyspace

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/lazyfree"
)

func TestAppendShared(t *testing.T) {
	for _, policy := range []Policy{NoEviction, AllKeysLFU} {
		settings := DefaultSettings()
		settings.Policy = policy
		b := newBench(t, Options{Settings: settings})
		long := big(300)
		for key, value := range map[string]string{
			"int": "-9223372036854775808", "zero": "0", "short": "v", "empty": "", "44": big(44), "raw": big(2000),
			"outlined": big(100_000), "": "of the empty key", long: "of a long key", big(254): "254", big(255): "255",
		} {
			for _, at := range []int64{0, epoch + 10} {
				b.put(2, key, value, at)
				got, how := b.s.AppendShared([]byte("> "), 2, []byte(key), fixedClock(epoch+10))
				if how != SharedHit || string(got) != "> "+value {
					t.Errorf("key %.20q: %d, %.40q, want %.40q", key, how, got, value)
				}
			}
			if got, how := b.s.AppendShared(nil, 2, []byte(key), fixedClock(epoch+11)); how != SharedVolatile || got != nil {
				t.Errorf("key %.20q, expired: %d, %.40q", key, how, got)
			}
		}
		b.addSet(2, "set", 3)
		b.ttlHash(2, "hash", 3, epoch+10)
		for _, tt := range []struct {
			db   int
			key  string
			want Shared
		}{{2, "none", SharedMiss}, {3, "int", SharedMiss}, {2, "set", SharedWrongType}, {2, "hash", SharedWrongType}} {
			if got, how := b.s.AppendShared([]byte("x"), tt.db, []byte(tt.key), fixedClock(0)); how != tt.want || string(got) != "x" {
				t.Errorf("database %d, key %q: %d, %q", tt.db, tt.key, how, got)
			}
		}
		if b.s.Peek(3) != nil {
			t.Error("reading made a database")
		}
		if b.s.Stats.Hits+b.s.Stats.Misses != 0 {
			t.Error("hits or misses counted")
		}
		b.check()
	}
}

// A shared read stamps the time of use, and nothing else.
func TestAppendSharedStampsUse(t *testing.T) {
	b := newBench(t, Options{})
	b.put(0, "k", "v", epoch*2)
	b.s.DB(0).Lookup(&b.e, []byte("k"), Peek)
	before := b.e.header()
	b.s.Tick(epoch + 9000)
	if got := b.e.IdleMs(); got != 9000 {
		t.Fatalf("idle for %d ms", got)
	}
	b.s.AppendShared(nil, 0, []byte("k"), fixedClock(epoch))
	if got := b.e.IdleMs(); got != 0 {
		t.Errorf("idle for %d ms after a shared read", got)
	}
	b.e.SetIdle(9)
	if b.e.setAccess(before >> lruShift & lruMask); b.e.header() != before {
		t.Errorf("header %#x, was %#x", b.e.header(), before)
	}
	b.set.Policy = AllKeysLFU
	b.s.Configured()
	b.e.SetFreq(7)
	for range 2000 {
		b.s.AppendShared(nil, 0, []byte("k"), fixedClock(epoch))
	}
	if got := b.e.Freq(); got < 12 || got > 40 {
		t.Errorf("2000 shared reads counted %d", got)
	}
}

func TestAppendSharedDoesNotAllocate(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checked builds allocate")
	}
	b := newBench(t, Options{})
	b.put(0, "k", "value", epoch+5)
	b.put(0, "n", "12345", 0)
	dst, k, n := make([]byte, 0, 100), []byte("k"), []byte("n")
	var now interface{ UnixMilli() int64 } = fixedClock(epoch)
	if got := testing.AllocsPerRun(100, func() {
		b.s.AppendShared(dst, 0, k, now)
		b.s.AppendShared(dst, 0, n, now)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// Many readers share the shard while an owner now and then has it alone.
func TestReadersShareWithAnOwner(t *testing.T) {
	const keys, readers, rounds = 200, 8, 300
	for _, policy := range []Policy{AllKeysLRU, AllKeysLFU} {
		settings := DefaultSettings()
		settings.Policy = policy
		b := newBench(t, Options{Settings: settings})
		var mu sync.RWMutex
		var wg sync.WaitGroup
		stop := make(chan struct{})
		name := func(i int) string { return fmt.Sprint("key", i%keys) }
		for r := range readers {
			wg.Go(func() {
				var dst []byte
				for i := r; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					key := name(i)
					mu.RLock()
					got, how := b.s.AppendShared(dst[:0], 0, []byte(key), fixedClock(b.s.Now()))
					mu.RUnlock()
					runtime.Gosched()
					// A value is its key, repeated.
					if how == SharedHit && (len(got)%len(key) != 0 || len(got) > 0 && string(got[len(got)-len(key):]) != key) {
						t.Errorf("%s holds %.60q", key, got)
						return
					}
					dst = got
				}
			})
		}
		for i := range rounds {
			key := name(i * 7)
			value := ""
			for range i % 5 * (1 + i%300) {
				value += key
			}
			mu.Lock()
			b.s.Tick(b.s.Now() + 700)
			switch i % 9 {
			case 0:
				if b.s.DB(0).Lookup(&b.e, []byte(key), Write) {
					b.s.DB(0).Delete(&b.e, lazyfree.UserDel)
				}
			case 1:
				b.s.ExpireCycle(false)
			case 2:
				b.addSet(1, fmt.Sprint("set", i), 100)
				b.s.DB(1).Delete(&b.e, lazyfree.Async)
				b.s.Collect()
			default:
				b.put(0, key, value, b.s.Now()+int64(i%4000))
			}
			mu.Unlock()
		}
		close(stop)
		wg.Wait()
		b.settle()
		b.check()
	}
}
