package keyspace

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/lazyfree"
)

// growthKeys is how far BenchmarkGrowth goes. To 20 million:
//
//	go test ./keyspace -run '^$' -bench Growth -benchtime 1x -growth 20000000
var growthKeys = flag.Int("growth", 1_000_000, "keys of BenchmarkGrowth")

// key15 appends the i-th key of 15 bytes.
func key15(dst []byte, i int) []byte {
	n := len(dst)
	dst = append(dst, "key:00000000000"...)
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], int64(i), 10)
	copy(dst[n+15-len(d):], d)
	return dst
}

const benchKeys = 1_000_000

// loaded is a shard of n keys of 15 bytes with values of 32.
func loaded(b *testing.B, n int, settings *Settings) *bench {
	s := newBench(b, Options{Settings: settings})
	var key []byte
	value := String{Enc: datatypes.EmbStr, Bytes: []byte(big(32))}
	for i := range n {
		key = key15(key[:0], i)
		s.s.DB(0).Lookup(&s.e, key, Write)
		s.s.DB(0).SetString(&s.e, key, value, 0)
	}
	return s
}

// The baseline of Get and Set: a Go map, which neither copies values nor knows
// when a key was used.
func BenchmarkMap(b *testing.B) {
	m := make(map[string][]byte)
	for i := range benchKeys {
		m[string(key15(nil, i))] = []byte(big(32))
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	value := []byte(big(32))
	b.Run("op=get", func(b *testing.B) {
		b.ReportAllocs()
		var key []byte
		for b.Loop() {
			key = key15(key[:0], rnd.IntN(benchKeys))
			_ = m[string(key)]
		}
	})
	b.Run("op=set", func(b *testing.B) {
		b.ReportAllocs()
		var key []byte
		for b.Loop() {
			key = key15(key[:0], rnd.IntN(benchKeys))
			copy(m[string(key)], value)
		}
	})
}

func BenchmarkDB(b *testing.B) {
	s := loaded(b, benchKeys, nil)
	db, e := s.s.DB(0), &s.e
	rnd := rand.New(rand.NewPCG(1, 1))
	value, other := []byte(big(32)), []byte(big(100))
	var key, dst []byte
	for _, op := range []struct {
		name string
		run  func(i int)
	}{
		{"get", func(int) { db.Lookup(e, key, Read); dst = append(dst[:0], e.View()...) }},
		{"shared-get", func(int) { dst, _ = s.s.AppendShared(dst[:0], 0, key, fixedClock(epoch)) }},
		{"set", func(int) { db.Lookup(e, key, Write|NoTouch); db.SetString(e, key, StringOf(value), 0) }},
		{"set-resize", func(i int) {
			db.Lookup(e, key, Write|NoTouch)
			if i%2 == 0 {
				db.SetString(e, key, StringOf(other), 0)
			} else {
				db.SetString(e, key, StringOf(value), 0)
			}
		}},
		{"expire-persist", func(int) {
			db.Lookup(e, key, Write)
			db.SetExpire(e, epoch+1000)
			db.SetExpire(e, 0)
		}},
		{"delete-set", func(int) {
			db.Lookup(e, key, Write)
			db.Delete(e, lazyfree.UserDel)
			db.SetString(e, key, StringOf(value), 0)
		}},
		{"random-key", func(int) { db.RandomKey(e) }},
	} {
		b.Run("op="+op.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				key = key15(key[:0], rnd.IntN(benchKeys))
				op.run(i)
				i++
			}
		})
	}
}

// One eviction: the sample, the pool, the deletion and the write that made it
// necessary.
func BenchmarkEvict(b *testing.B) {
	for p := AllKeysLRU; p <= VolatileTTL; p++ {
		for _, samples := range []int{5, 10} {
			b.Run(fmt.Sprintf("policy=%v/samples=%d", p, samples), func(b *testing.B) {
				settings := DefaultSettings()
				settings.Policy, settings.Samples = p, samples
				s := loaded(b, 200_000, settings)
				if p.volatile() {
					var key []byte
					for i := range 200_000 {
						key = key15(key[:0], i)
						s.s.DB(0).Lookup(&s.e, key, Peek)
						s.s.DB(0).SetExpire(&s.e, epoch*2+int64(i))
					}
				}
				settings.MaxMemory = s.s.Used()
				s.s.Configured()
				b.ReportAllocs()
				var key []byte
				value := String{Enc: datatypes.EmbStr, Bytes: []byte(big(32))}
				i := 200_000
				for b.Loop() {
					s.s.Evict()
					key = key15(key[:0], i)
					s.s.DB(0).Lookup(&s.e, key, Write)
					s.s.DB(0).SetString(&s.e, key, value, epoch*2+int64(i))
					i++
				}
				b.ReportMetric(float64(s.s.Stats.Evicted)/float64(b.N), "evicted/op")
			})
		}
	}
}

// A cycle over a million volatile keys, of which none, some or all have expired.
func BenchmarkExpireCycle(b *testing.B) {
	for _, dead := range []int{0, 10, 100} {
		b.Run(fmt.Sprintf("expired=%d%%", dead), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s := newBench(b, Options{})
				var key []byte
				for i := range 200_000 {
					key = key15(key[:0], i)
					at := int64(epoch * 2)
					if i%100 < dead {
						at = epoch
					}
					s.s.DB(0).Lookup(&s.e, key, Write)
					s.s.DB(0).SetString(&s.e, key, StringOf(key), at)
				}
				s.s.Tick(epoch + 1)
				b.StartTimer()
				start := time.Now()
				s.s.ExpireCycle(false)
				b.ReportMetric(float64(time.Since(start))/float64(max(s.s.expire.total, 1)), "ns/key-looked-at")
			}
		})
	}
}

// The database grows to -growth keys: what the slowest insertion takes, and how
// many elements of the index one has moved at most.
func BenchmarkGrowth(b *testing.B) {
	for b.Loop() {
		s := newBench(b, Options{})
		db := s.s.DB(0)
		var key []byte
		value := String{Enc: datatypes.EmbStr, Bytes: []byte(big(32))}
		slowest, over := time.Duration(0), 0
		last := time.Now()
		for i := range *growthKeys {
			key = key15(key[:0], i)
			db.Lookup(&s.e, key, Write)
			db.SetString(&s.e, key, value, 0)
			now := time.Now()
			if took := now.Sub(last); took > slowest {
				slowest = took
			} else if took > time.Millisecond {
				over++
			}
			last = now
		}
		// The table counts, but tells nobody.
		moved := reflect.ValueOf(db.keys).Elem().FieldByName("maxMoved").Uint()
		if moved > 64 {
			b.Errorf("an insertion moved %d elements", moved)
		}
		b.ReportMetric(float64(moved), "moved-at-most")
		b.ReportMetric(float64(slowest.Microseconds()), "µs-slowest")
		b.ReportMetric(float64(over), "over-1ms")
		keys, _ := db.IndexBytes()
		b.ReportMetric(float64(keys)/float64(*growthKeys), "index-B/key")
	}
}
