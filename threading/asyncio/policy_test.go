package asyncio

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A story is spans of the same load, and how many I/O loops there are at its end.
type story struct {
	spans int
	load  load
	want  int
}

func TestPolicy(t *testing.T) {
	idle := load{}
	busy := load{main: 0.95, crowd: 20}           // main alone
	shared := load{main: 0.6, io: 0.6, crowd: 10} // one I/O loop, enough
	for _, c := range []struct {
		name  string
		most  int
		story []story
	}{
		{"idle", 7, []story{{1000, idle, 0}}},
		{"one client keeps main busy", 7, []story{{1000, load{main: 1, crowd: 1}, 0}}},
		{"a moment of load", 7, []story{{1, busy, 0}, {1, idle, 0}, {1, busy, 0}, {10, idle, 0}}},
		{"load", 7, []story{{2, busy, 1}, {1000, shared, 1}}},
		{"no spare processor", 0, []story{{1000, busy, 0}}},
		{"more, one by one", 3, []story{
			{2, busy, 1},
			{2, load{main: 0.5, io: 0.95, crowd: 20}, 2}, {2, load{main: 0.7, io: 1.9, crowd: 20}, 3},
			{100, load{main: 0.7, io: 2.9, crowd: 20}, 3},
		}},
		{"main is the limit", 7, []story{{2, busy, 1}, {100, load{main: 0.97, io: 0.95, crowd: 20}, 1}}},
		{"less, one a second", 7, []story{
			{2, busy, 1}, {2, load{main: 0.5, io: 1, crowd: 20}, 2}, {2, load{main: 0.5, io: 2, crowd: 20}, 3},
			{15, load{main: 0.1, io: 0.4, crowd: 9}, 3}, {10, load{main: 0.1, io: 0.4, crowd: 9}, 2},
			{25, load{main: 0.1, io: 0.4, crowd: 9}, 1}, {100, load{main: 0.1, io: 0.3, crowd: 9}, 1},
			{25, load{main: 0.1, io: 0.1, crowd: 9}, 0},
		}},
		{"only one client is left", 7, []story{{2, busy, 1}, {15, load{main: 0.5, io: 0.5, crowd: 1}, 1}, {10, load{main: 0.5, io: 0.5, crowd: 1}, 0}}},
		{"and comes back too soon", 7, []story{
			{2, busy, 1}, {25, load{main: 0.5, io: 0.5, crowd: 1}, 0}, {30, busy, 0}, {20, busy, 1},
			{25, load{main: 0.5, io: 0.5, crowd: 1}, 0}, {70, busy, 0}, {20, busy, 1},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p policy
			now := time.Duration(0)
			for i, s := range c.story {
				got := p.active
				for range s.spans {
					now += span
					got = p.decide(now, c.most, s.load)
				}
				if got != s.want {
					t.Fatalf("part %d: %d I/O loops, want %d", i, got, s.want)
				}
			}
		})
	}
}

// Whatever is measured, there are never more loops than allowed, they come and go one at a
// time, and not more than once a second they go.
func TestPolicyMoves(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var p policy
		now, fell := time.Duration(0), time.Duration(-time.Hour)
		for range 2000 {
			now += span
			most := 1 + int(seed%5)
			was := p.active
			n := p.decide(now, most, load{rnd.Float64(), rnd.Float64() * float64(was), 10 * rnd.Float64()})
			switch {
			case n < 0 || n > most || n > was+1 || n < was-1:
				t.Fatalf("seed %d: from %d to %d I/O loops, at most %d", seed, was, n, most)
			case n < was:
				if now-fell < calm {
					t.Fatalf("seed %d: less twice within %v", seed, now-fell)
				}
				fell = now
			}
		}
	}
}
