package threading

import "testing"

func TestDefaultThreads(t *testing.T) {
	for procs, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 6: 4, 8: 6, 12: 8, 16: 10, 24: 11, 32: 12, 128: 12} {
		if got := defaultThreads(procs); got != want {
			t.Errorf("%d processors: %d threads, want %d", procs, got, want)
		}
	}
	last := 0
	for procs := 1; procs < 200; procs++ {
		n := defaultThreads(procs)
		if n < last || n > procs {
			t.Errorf("%d processors: %d threads, %d with one less", procs, n, last)
		}
		last = n
	}
	if got := Threads(0, 1, 3); got != 3 {
		t.Errorf("wishes of 0, 1 and 3: %d", got)
	}
	if got := Threads(4, 3); got != 4 {
		t.Errorf("wishes of 4 and 3: %d", got)
	}
}
