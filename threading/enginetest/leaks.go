package enginetest

import (
	"runtime"
	"testing"
	"time"
)

// NoMoreGoroutines fails the test if there are more goroutines than before, some seconds
// from now: those of the test itself may still be on their way out. It works inside a
// bubble of testing/synctest, whose time passes while everybody waits.
func NoMoreGoroutines(t testing.TB, before int) {
	t.Helper()
	for round := 0; runtime.NumGoroutine() > before; round++ {
		if round == 30_000 {
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			return
		}
		time.Sleep(time.Millisecond)
		if round%100 == 99 {
			runtime.GC() // takes time inside a bubble, too
		}
	}
}

// ComesToRest fails the test if loops never cease to go round more than most times in a
// window of time, as many more as it takes longer. What makes them spin must last as long:
// what is on its way may take a while, but does not last.
func ComesToRest(t testing.TB, what string, turns func() int64, window time.Duration, most int64) {
	t.Helper()
	for begin := time.Now(); ; {
		start, before := time.Now(), turns()
		time.Sleep(window)
		n, took := turns()-before, time.Since(start)
		if n <= most*int64(took)/int64(window) {
			return
		}
		if time.Since(begin) > patience/2 {
			t.Errorf("%s: the loops went round %d times in %v", what, n, took)
			return
		}
	}
}
