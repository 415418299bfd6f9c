package redweave_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave"
)

// BenchmarkMix is what two goroutines of a program do at once on keys spread over the
// keyspace: a third each of Set, of Incr, and of HSET by Do.
//
//	go test -run xxx -bench Mix -cpu 2 -benchtime 40x .
//
// Where there is one shard they wait for each other; of several shards each has its
// owner. The engines take turns, as a machine may be faster at one minute than at the
// next, and of the turns of each the median counts: in nanoseconds a command, and as how
// many times the single loop's commands in the same time.
func BenchmarkMix(b *testing.B) {
	const turn = 40_000 // commands of each goroutine
	engines := []*mix{
		newMix(b, "single-loop", redweave.Options{Model: "single-loop"}),
		newMix(b, "sharded", redweave.Options{Model: "sharded"}),
		newMix(b, "2-shards", redweave.Options{Model: "sharded", Config: map[string]string{"shards": "2"}}),
		newMix(b, "8-shards", redweave.Options{Model: "sharded", Config: map[string]string{"shards": "8"}}),
	}
	for first := 0; b.Loop(); first++ {
		for i := range engines {
			engines[(first+i)%len(engines)].run(b, turn)
		}
	}
	base := engines[0].median()
	b.ReportMetric(0, "ns/op")
	for _, m := range engines {
		b.ReportMetric(float64(m.median())/(2*turn), m.name+"-ns")
		b.ReportMetric(float64(base)/float64(m.median()), m.name+"-x")
	}
}

// A mix is an engine with its keys, and how long its turns took.
type mix struct {
	name  string
	ks    *redweave.Keyspace
	keys  []string
	value []byte
	turns []time.Duration
}

func newMix(b *testing.B, name string, o redweave.Options) *mix {
	ks, err := redweave.Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ks.Close() })
	m := &mix{name: name, ks: ks, keys: make([]string, 1_000_000), value: []byte("0123456789012345678901234567890123456789")}
	for i := range m.keys {
		m.keys[i] = fmt.Sprintf("%c:%08d", "sih"[i%3], i)
		if err := m.do(m.keys[i], 30); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// do does one command.
func (m *mix) do(key string, length int) error {
	switch key[0] {
	case 's':
		return m.ks.Set(key, m.value[:length])
	case 'i':
		_, err := m.ks.Incr(key, 1)
		return err
	}
	_, err := m.ks.Do(context.Background(), "HSET", key, "field", m.value[:length])
	return err
}

// run has two goroutines do n commands each.
func (m *mix) run(b *testing.B, n int) {
	var wg sync.WaitGroup
	start := time.Now()
	for g := range 2 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), uint64(len(m.turns))))
			for range n {
				if err := m.do(m.keys[rnd.IntN(len(m.keys))], 20+rnd.IntN(20)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	m.turns = append(m.turns, time.Since(start))
}

func (m *mix) median() time.Duration {
	sorted := slices.Sorted(slices.Values(m.turns))
	return sorted[len(sorted)/2]
}
