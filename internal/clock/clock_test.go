package clock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	_ Clock = (*System)(nil)
	_ Clock = (*Manual)(nil)
	_ Timer = (*time.Timer)(nil)
)

func TestSystemFollowsTheWallClock(t *testing.T) {
	c := NewSystem()
	for range 3 {
		before := time.Now().UnixMicro()
		got := c.UnixMicro()
		after := time.Now().UnixMicro()
		if got < before-1000 || got > after+1000 {
			t.Fatalf("UnixMicro = %d, want between %d and %d", got, before, after)
		}
		c.syncedAt.Store(c.Nanos() - 2*resyncNanos) // old: the next reading resyncs
	}
}

func TestSystemBelievesAClockThatWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewSystem()
		c.offset.Add(int64(time.Hour)) // as if the wall clock had been an hour ahead until now
		time.Sleep(time.Duration(resyncNanos) - 1)
		if got, want := c.UnixMilli(), time.Now().Add(time.Hour).UnixMilli(); got != want {
			t.Errorf("before the resync: UnixMilli = %d, want %d", got, want)
		}
		time.Sleep(time.Nanosecond)
		if got, want := c.UnixMilli(), time.Now().UnixMilli(); got != want {
			t.Errorf("after the resync: UnixMilli = %d, want %d", got, want)
		}
	})
}

func TestSystemInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewSystem()
		fired := make(chan int64, 1)
		start, startNanos := c.UnixMilli(), c.Nanos()
		c.AfterFunc(90*time.Minute, func() { fired <- c.UnixMilli() })
		if got, want := (<-fired)-start, int64(90*60*1000); got != want {
			t.Errorf("timer fired after %d ms, want %d", got, want)
		}
		if got, want := c.Nanos()-startNanos, int64(90*time.Minute); got != want {
			t.Errorf("Nanos moved by %d, want %d", got, want)
		}
		if got := c.Now().UnixMilli(); got != c.UnixMilli() {
			t.Errorf("Now says %d ms, UnixMilli %d", got, c.UnixMilli())
		}
	})
}

func TestSystemDoesNotAllocate(t *testing.T) {
	c := NewSystem()
	if n := testing.AllocsPerRun(100, func() { c.UnixMilli(); c.UnixMicro(); c.Nanos() }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

var epoch = time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC)

func TestManualStandsStill(t *testing.T) {
	c := NewManual(epoch)
	for range 2 {
		if got, want := c.UnixMilli(), epoch.UnixMilli(); got != want {
			t.Errorf("UnixMilli = %d, want %d", got, want)
		}
		if got, want := c.UnixMicro(), epoch.UnixMicro(); got != want {
			t.Errorf("UnixMicro = %d, want %d", got, want)
		}
		if got := c.Now(); !got.Equal(epoch) {
			t.Errorf("Now = %v, want %v", got, epoch)
		}
	}
}

func TestManualSet(t *testing.T) {
	c := NewManual(epoch)
	fired := 0
	c.AfterFunc(time.Hour, func() { fired++ })

	c.Set(epoch.Add(-24 * time.Hour)) // a wall clock set back
	if got, want := c.UnixMilli(), epoch.Add(-24*time.Hour).UnixMilli(); got != want {
		t.Errorf("set back: UnixMilli = %d, want %d", got, want)
	}
	if c.Nanos() != 0 || fired != 0 {
		t.Errorf("set back: Nanos = %d, fired = %d, want 0, 0", c.Nanos(), fired)
	}
	c.Set(epoch.Add(-23 * time.Hour))
	if c.Nanos() != int64(time.Hour) || fired != 1 {
		t.Errorf("set forwards by an hour: Nanos = %d, fired = %d, want %d, 1", c.Nanos(), fired, int64(time.Hour))
	}
}

func TestManualFiresInOrder(t *testing.T) {
	c := NewManual(epoch)
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, fmt.Sprintf("%s@%v", name, time.Duration(c.Nanos()))) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, note("a"))
	c.AfterFunc(3*time.Second, note("d")) // same moment as c, armed later
	c.AfterFunc(2*time.Second, func() {
		note("b")()
		c.AfterFunc(500*time.Millisecond, note("b2")) // still inside the same Advance
		c.AfterFunc(time.Minute, note("late"))
	})
	stopped := c.AfterFunc(time.Second, note("stopped"))
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop must be true once, then false")
	}
	moved := c.AfterFunc(time.Second, note("moved"))
	if !moved.Reset(4 * time.Second) {
		t.Error("Reset of an armed timer must be true")
	}
	c.AfterFunc(-time.Second, note("now"))
	if len(got) != 0 {
		t.Fatalf("fired before the clock moved: %v", got)
	}
	if d, ok := c.Next(); d != 0 || !ok {
		t.Errorf("Next = %v, %v, want 0, true", d, ok)
	}
	c.Advance(10 * time.Second)
	want := []string{"now@0s", "a@1s", "b@2s", "b2@2.5s", "c@3s", "d@3s", "moved@4s"}
	if !slices.Equal(got, want) {
		t.Errorf("fired %v\nwant  %v", got, want)
	}
	if d, ok := c.Next(); d != 52*time.Second || !ok {
		t.Errorf("Next = %v, %v, want 52s, true", d, ok)
	}
	if moved.Reset(0) {
		t.Error("Reset of a timer that has fired must be false")
	}
}

func TestManualTimerRearmsItself(t *testing.T) {
	c := NewManual(epoch)
	n := 0
	var cron Timer
	cron = c.AfterFunc(100*time.Millisecond, func() {
		n++
		cron.Reset(100 * time.Millisecond)
	})
	c.Advance(time.Second)
	if n != 10 {
		t.Errorf("a cron of 10 Hz ran %d times in a second", n)
	}
}

// TestManualAgainstAList arms, moves and stops timers at random and compares with
// a plain list that is sorted on every step.
func TestManualAgainstAList(t *testing.T) {
	type entry struct {
		at    int64
		id    int
		timer Timer
	}
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, seed))
	c := NewManual(epoch)
	var model []entry
	var got []int
	for id := range 2000 {
		switch rnd.IntN(4) {
		case 0, 1:
			d := time.Duration(rnd.IntN(50))
			model = append(model, entry{c.Nanos() + int64(d), id, c.AfterFunc(d, func() { got = append(got, id) })})
		case 2:
			if len(model) > 0 {
				i := rnd.IntN(len(model))
				if !model[i].timer.Stop() {
					t.Fatalf("seed %d, step %d: timer %d was not armed", seed, id, model[i].id)
				}
				model = slices.Delete(model, i, i+1)
			}
		case 3:
			d := time.Duration(rnd.IntN(30))
			goal := c.Nanos() + int64(d)
			slices.SortStableFunc(model, func(a, b entry) int { return int(a.at - b.at) })
			var want []int
			for len(model) > 0 && model[0].at <= goal {
				want = append(want, model[0].id)
				model = model[1:]
			}
			got = nil
			c.Advance(d)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d: fired %v, want %v", seed, id, got, want)
			}
		}
	}
}

func TestManualFromManyGoroutines(t *testing.T) {
	c := NewManual(epoch)
	var mu sync.Mutex
	fired := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c.AfterFunc(time.Millisecond, func() { mu.Lock(); fired++; mu.Unlock() })
				c.Advance(time.Millisecond)
				c.UnixMilli()
			}
		})
	}
	wg.Wait()
	if got, want := c.Nanos(), int64(800*time.Millisecond); got != want {
		t.Errorf("Nanos = %d, want %d: an Advance was lost", got, want)
	}
	c.Advance(time.Millisecond)
	if fired != 800 {
		t.Errorf("%d timers fired, want 800", fired)
	}
}

func BenchmarkNow(b *testing.B) {
	c := NewSystem()
	b.Run("op=UnixMilli", func(b *testing.B) {
		for b.Loop() {
			c.UnixMilli()
		}
	})
	b.Run("op=Nanos", func(b *testing.B) {
		for b.Loop() {
			c.Nanos()
		}
	})
	b.Run("op=time.Now", func(b *testing.B) {
		for b.Loop() {
			time.Now().UnixMilli()
		}
	})
}

func TestManualOnStep(t *testing.T) {
	c := NewManual(epoch)
	var got []string
	stop := c.OnStep(func() { got = append(got, fmt.Sprintf("step@%v", time.Duration(c.Nanos()))) })
	c.AfterFunc(2*time.Second, func() { got = append(got, "timer") })
	c.Advance(time.Second)
	c.Advance(time.Hour)
	c.Set(epoch) // back
	stop()
	c.Advance(time.Second)
	want := []string{"step@1s", "timer", "step@1h0m1s", "step@1h0m1s"}
	if !slices.Equal(got, want) {
		t.Errorf("called %v, want %v", got, want)
	}
}
