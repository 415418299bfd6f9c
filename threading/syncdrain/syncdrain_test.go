package syncdrain

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/threading"
)

func open(t *testing.T, args ...string) *Engine {
	t.Helper()
	conf := config.New(config.Options{})
	if err := conf.Load(config.Source{Options: config.ParseArgs(args).Options}); err != nil {
		t.Fatal(err)
	}
	e := New(threading.Options{Config: conf})
	t.Cleanup(func() { e.Close() })
	return e
}

// crowd has n clients send at the same moment, rounds times, and checks their replies.
func crowd(t *testing.T, e *Engine, n, rounds int) {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := e.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(2 * time.Minute))
		conns[i] = c
	}
	const line = "PING\r\nECHO hello\r\n"
	const want = "+PONG\r\n$5\r\nhello\r\n"
	for range rounds {
		// While the loop is held, all of them get ready.
		held, over := make(chan struct{}), make(chan struct{})
		e.Loops()[0].Post(func() { close(held); <-over }, func() {})
		<-held
		for _, c := range conns {
			if _, err := io.WriteString(c, line); err != nil {
				t.Fatal(err)
			}
		}
		close(over)
		for _, c := range conns {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
				t.Fatalf("%q, %v", got, err)
			}
		}
	}
}

// Many clients at once are dealt to all threads, each of which reads and writes its
// share; the statistics say who did what, and that somebody waited for it.
func TestAllThreadsHelp(t *testing.T) {
	e := open(t, "--io-threads", "3", "--io-threads-do-reads", "yes")
	crowd(t, e, 12, 50)
	if !e.IOActive() {
		t.Error("the I/O threads are not active after a crowd")
	}
	e.Close() // the last counters are published
	threads := e.Threads()
	if len(threads) != 3 {
		t.Fatalf("%d threads, want 3: %+v", len(threads), threads)
	}
	total := threading.ThreadStats{}
	for i, s := range threads {
		if s.Writes < 150 || s.Reads < 150 {
			t.Errorf("thread %d: %d reads, %d writes, want 200 or nearly so: %+v", i, s.Reads, s.Writes, s)
		}
		total.Reads += s.Reads
		total.Writes += s.Writes
	}
	if total.Reads != 600 || total.Writes != 600 {
		t.Errorf("%d reads and %d writes, want 600", total.Reads, total.Writes)
	}
	main := threads[0]
	if main.Commands != 1200 || main.HandOvers < 600 || main.HandOvers > 800 {
		t.Errorf("main: %+v", main)
	}
	if runtime.GOMAXPROCS(0) <= 3 && (main.Waits == 0 || main.Waited == 0) {
		t.Errorf("nobody waited at a barrier: %+v", main)
	}
}

// Fewer than two clients for each thread are the main thread's alone, and the others
// sleep.
func TestFewClientsAreServedAlone(t *testing.T) {
	e := open(t, "--io-threads", "4", "--io-threads-do-reads", "yes")
	crowd(t, e, 7, 30)
	if e.IOActive() {
		t.Error("the I/O threads are active for seven clients")
	}
	e.Close()
	for i, s := range e.Threads() {
		if i > 0 && (s.Reads != 0 || s.Writes != 0 || s.Turns != 0 || s.WakeUps != 1) { // the wake-up is the end
			t.Errorf("thread %d: %+v", i, s)
		}
		if i == 0 && (s.HandOvers != 0 || s.Waits > 5) {
			t.Errorf("main: %+v", s)
		}
	}
}

// Without io-threads-do-reads the I/O threads only write.
func TestReadsStay(t *testing.T) {
	e := open(t, "--io-threads", "2")
	crowd(t, e, 8, 30)
	e.Close()
	if s := e.Threads()[1]; s.Reads != 0 || s.Writes < 100 {
		t.Errorf("io-1: %+v", s)
	}
}

// A phase in which shares do not fit into a batch leaves clients to the next turn.
func TestSharesBeyondTheRoom(t *testing.T) {
	e := open(t, "--io-threads", "2", "--io-threads-do-reads", "yes")
	crowd(t, e, 8, 2) // they are active now
	var all sync.WaitGroup
	for id := range 8 {
		c, err := e.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(2 * time.Minute))
		all.Go(func() {
			value := strings.Repeat(fmt.Sprint(id), 30_000)
			r := bufio.NewReader(c)
			for range 50 {
				fmt.Fprintf(c, "*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", len(value), value)
				want := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
					t.Errorf("client %d: %.20q, %v", id, got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// A barrier lets through him who waits once all have arrived, however late.
func TestBarrier(t *testing.T) {
	for _, spins := range []int{0, 50} {
		b := barrier{spins: spins, done: make(chan struct{}, 1)}
		passed := 0
		for round := range 2000 {
			n := round % 5
			b.begin(n)
			var arrived sync.WaitGroup
			for range n {
				arrived.Go(func() {
					if round%7 == 0 {
						runtime.Gosched()
					}
					b.arrive()
				})
			}
			b.wait()
			if left := b.left.Load(); left != 0 {
				t.Fatalf("round %d: passed with %d to come", round, left)
			}
			arrived.Wait()
			passed++
			if len(b.done) != 0 || b.asleep.Load() {
				t.Fatalf("round %d: %d tokens are left, asleep %v", round, len(b.done), b.asleep.Load())
			}
		}
	}
}

// A phase ends when all helpers have done their part, once each, however long one of
// them, or the main thread, hesitates between what it says and whom it wakes.
func TestPhasesDoNotMix(t *testing.T) {
	const helpers, phases = 3, 20_000
	b := &barrier{done: make(chan struct{}, 1)}
	var all []*helper
	var over sync.WaitGroup
	for i := range helpers {
		h := newHelper(fmt.Sprint("helper-", i), 0, &threading.Stress{Yield: true}, b)
		all = append(all, h)
		over.Go(h.run)
	}
	for phase := int64(1); phase <= phases; phase++ {
		b.begin(helpers)
		for _, h := range all {
			h.ask(writing)
		}
		b.wait()
		for _, h := range all {
			if h.Turns != phase {
				t.Fatalf("%s has done %d tasks at the end of phase %d", h.Name, h.Turns, phase)
			}
		}
	}
	for _, h := range all {
		h.ask(stop)
	}
	over.Wait()
}
