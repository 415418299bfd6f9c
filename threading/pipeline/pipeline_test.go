package pipeline

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/eventloop"
)

func open(t *testing.T, s threading.Stress, params ...string) *Engine {
	t.Helper()
	conf := config.New(config.Options{})
	if err := conf.Load(config.Source{Options: config.ParseArgs(params).Options}); err != nil {
		t.Fatal(err)
	}
	e := New(threading.Options{Config: conf, Stress: s})
	t.Cleanup(func() { e.Close() })
	return e
}

// Who does what: main accepts, the I/O loops have the clients, the worker executes.
func TestRoles(t *testing.T) {
	e := open(t, threading.Stress{}, "--io-threads", "4")
	if name, n := e.Model(); name != Name || n != 4 {
		t.Errorf("%s with %d threads, want 4", name, n)
	}
	var all sync.WaitGroup
	for range 6 {
		c, err := e.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all.Go(func() {
			buf := make([]byte, 7)
			for range 100 {
				fmt.Fprint(c, "PING\r\n")
				if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "+PONG\r\n" {
					t.Errorf("%q, %v", buf, err)
					return
				}
			}
		})
	}
	all.Wait()
	var names []string
	var loops int64
	deadline := time.Now().Add(2 * time.Minute)
	for ; loops != 600 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		names, loops = nil, 0
		for i, s := range e.Threads() {
			names = append(names, s.Name)
			switch {
			case s.Name == "worker":
				if s.Batches == 0 || s.Batches > 600 || s.Reads != 0 || s.Clients != 0 || s.Owning == 0 {
					t.Errorf("the worker: %+v", s)
				}
			case i == 0:
				if s.Clients != 0 || s.Reads != 0 || s.Commands != 0 || s.HandOvers != 6 {
					t.Errorf("main: %+v", s)
				}
			default:
				loops += s.Commands
				if s.Clients != 2 {
					t.Errorf("%s has %d clients, want 2", s.Name, s.Clients)
				}
			}
		}
	}
	if got := strings.Join(names, " "); got != "main io-1 io-2 io-3 worker" || loops != 600 {
		t.Errorf("threads %s; %d commands, want 600", got, loops)
	}
}

// A thread that found the queue full is woken when there is room, even if nothing of
// its own is in the queue.
func TestFullQueue(t *testing.T) {
	// A machine that is busy may be late once: not every time.
	took := time.Hour
	for n := 0; n < 20 && took > 400*time.Millisecond; n++ {
		took = min(took, fullQueue(t))
	}
	if took > 400*time.Millisecond {
		t.Errorf("%v, as if nobody had woken the loops but their clocks", took)
	}
}

// fullQueue returns how long it takes until all are answered who waited for room.
func fullQueue(t *testing.T) time.Duration {
	e := open(t, threading.Stress{Queue: 2, Batch: 1}, "--io-threads", "4")
	ping := func(c net.Conn) {
		fmt.Fprint(c, "PING\r\n")
		if _, err := io.ReadFull(c, make([]byte, 7)); err != nil {
			t.Error(err)
		}
	}
	var clients []net.Conn
	for range 24 { // on three loops; two parcels fit the queue
		c, err := e.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(2 * time.Minute))
		ping(c)
		clients = append(clients, c)
	}
	if e.Own() == nil {
		t.Fatal("closed")
	}
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() { ping(c) })
	}
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	e.Release()
	all.Wait()
	return time.Since(start)
}

// However the worker is roused, it is roused once, and never for ever asleep.
func TestRouse(t *testing.T) {
	e := open(t, threading.Stress{Yield: true}, "--io-threads", "3")
	w := &e.worker
	const n = 20_000
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range n {
				for !w.queue.Push(&eventloop.Parcel{}) {
					w.rouse()
					time.Sleep(time.Microsecond)
				}
				w.rouse()
			}
		})
	}
	for got := 0; got < 3*n; {
		w.await()
		for _, ok := w.queue.Pop(); ok; _, ok = w.queue.Pop() {
			got++
		}
	}
	all.Wait()
	if len(w.wake) != 0 || w.asleep.Load() {
		t.Errorf("%d tokens left, asleep %v", len(w.wake), w.asleep.Load())
	}
}

// What was returned and had no room is brought when there is some, also if the loop made it,
// and said so, when the worker was about to sleep and nothing else will ever come.
func TestReturnsThatHadNoRoom(t *testing.T) {
	e := open(t, threading.Stress{Queue: 2}, "--io-threads", "2")
	c, err := e.Dial() // so that there are loops
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	e.Close()
	e.quiet.Store(0) // the test is the loop, and the worker
	loop, w := e.threads[0], &e.worker
	full := func() {
		for range 3 {
			(&eventloop.Parcel{Batch: threading.NewParcel(), From: loop.Courier}).Return()
		}
		loop.Courier.Publish()
		if !loop.Returning() {
			t.Fatal("there was room for three")
		}
	}
	slept := func() chan bool {
		woke := make(chan bool)
		go func() {
			w.await()
			close(woke)
		}()
		return woke
	}
	check := func(woke chan bool) {
		t.Helper()
		select {
		case <-woke:
		case <-time.After(2 * time.Minute):
			t.Fatal("the worker sleeps on what it has to return")
		}
		w.take(&w.pile)
		if loop.Returning() || loop.Collect() {
			t.Error("it is not returned, or twice")
		}
	}

	full()
	if !loop.Collect() {
		t.Fatal("a full queue is not crowded")
	}
	w.rouse() // it does not sleep yet
	check(slept())

	full()
	woke := slept()
	for !w.asleep.Load() { // there is no room: it may
		time.Sleep(time.Millisecond)
	}
	if !loop.Collect() {
		t.Fatal("a full queue is not crowded")
	}
	w.rouse()
	check(woke)
}
