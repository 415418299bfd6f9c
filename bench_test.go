package redweave_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/redweave/redweave"
)

// BenchmarkMix is what two goroutines of a program do at once on keys spread over the
// keyspace: a third each of Set, of Incr, and of HSET by Do.
//
//	go test -run xxx -bench Mix -cpu 2 -count 10 .
//
// Where there is one shard they wait for each other; of several shards each has its
// owner. 0 are as many as suit the processors.
func BenchmarkMix(b *testing.B) {
	for _, m := range []struct{ model, shards string }{
		{"single-loop", "0"}, {"sharded", "0"}, {"sharded", "2"}, {"sharded", "8"},
	} {
		b.Run(fmt.Sprintf("model=%s/shards=%s", m.model, m.shards), func(b *testing.B) {
			benchmarkMix(b, redweave.Options{Model: m.model, Config: map[string]string{"shards": m.shards}})
		})
	}
}

func benchmarkMix(b *testing.B, o redweave.Options) {
	const keys, goroutines = 100_000, 2
	ks, err := redweave.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	defer ks.Close()
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("%c:%08d", "sih"[i%3], i)
	}
	value := []byte("0123456789012345678901234567890123456789")
	ctx := context.Background()
	do := func(key string, length int) error {
		switch key[0] {
		case 's':
			return ks.Set(key, value[:length])
		case 'i':
			_, err := ks.Incr(key, 1)
			return err
		}
		_, err := ks.Do(ctx, "HSET", key, "field", value[:length])
		return err
	}
	for _, key := range names {
		if err := do(key, 30); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			for range b.N / goroutines {
				if err := do(names[rnd.IntN(keys)], 20+rnd.IntN(20)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
