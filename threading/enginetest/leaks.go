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
