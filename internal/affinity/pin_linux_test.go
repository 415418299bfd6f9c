package affinity_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/redweave/redweave/internal/affinity"
)

func TestPin(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	done := make(chan error)
	go func() { // whose thread ends with it
		err := affinity.Pin([]int{cpu})
		var now unix.CPUSet
		if err == nil {
			err = unix.SchedGetaffinity(0, &now)
		}
		if err == nil && (now.Count() != 1 || !now.IsSet(cpu)) {
			t.Errorf("the thread may run on %d processors", now.Count())
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
