package asyncio

import (
	"fmt"
	"sync"
	"testing"

	"github.com/redweave/redweave/threading"
)

// More parcels lie in a ring than the main loop takes in a turn: it goes on with them, and does
// not sleep before they are served until its clock wakes it, once a second. The wires' patience
// is two minutes.
func TestLongRing(t *testing.T) {
	e := open(t, threading.Stress{Queue: 256, Batch: 1}, "--io-threads", "2", "--io-threads-always-active", "yes", "--hz", "1")
	var ws []*wire
	for range 120 {
		w := dial(t, e)
		w.want("+PONG\r\n", "PING")
		ws = append(ws, w)
	}
	for range 200 {
		x := e.Own() // so that they gather
		for _, w := range ws {
			w.Write([]byte("PING\r\n"))
		}
		eventually(t, "they lie in the ring", func() bool { return e.threads[0].ring.Len() >= 100 })
		e.ReleaseSet(x)
		for _, w := range ws {
			if got := w.next(); got != "+PONG\r\n" {
				t.Fatalf("%q", got)
			}
		}
	}
}

// Who gives a heavy client to a loop that has been sent away meanwhile has it given back.
func TestRelieveByOldHomes(t *testing.T) {
	e := open(t, threading.Stress{}, "--io-threads", "3", "--io-threads-always-active", "yes")
	var ws []*wire
	for range 6 {
		w := dial(t, e)
		w.want("+PONG\r\n", "PING")
		ws = append(ws, w)
	}
	old := e.Homes()
	ws[0].want("+OK\r\n", "CONFIG", "SET", "io-threads", "2")
	settled := func() bool { return fmt.Sprint(loads(e)) == "[0 6 0]" }
	eventually(t, "one loop has all", settled)
	for range 5 { // turns, until nobody looks again
		var all sync.WaitGroup
		for _, lp := range e.Loops() {
			all.Add(1)
			lp.Post(all.Done, all.Done)
		}
		all.Wait()
	}
	done := make(chan int)
	e.Loops()[1].Post(func() {
		from := e.threads[0]
		from.busy.Store(900)
		e.threads[1].busy.Store(0)
		from.relieve(old)
		done <- from.Load()
	}, nil)
	if n := <-done; n != 5 {
		t.Fatalf("%d clients are left, want 5", n)
	}
	for _, w := range ws {
		w.want("+PONG\r\n", "PING")
	}
	eventually(t, "one loop has all again", settled)
}
