package asyncio

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/enginetest"
	"github.com/redweave/redweave/threading/eventloop"
)

// open starts an engine. It is closed when the test ends, and must leave no goroutine.
func open(t testing.TB, s threading.Stress, params ...string) *Engine {
	t.Helper()
	conf := config.New(config.Options{})
	args := append([]string{"--threading-model", Name}, params...)
	if err := conf.Load(config.Source{Options: config.ParseArgs(args).Options}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	e := New(threading.Options{Config: conf, Stress: s})
	t.Cleanup(func() {
		e.Close()
		enginetest.NoMoreGoroutines(t, before)
	})
	return e
}

// A wire is a client's side of a connection.
type wire struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, e *Engine) *wire {
	t.Helper()
	c, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	return &wire{c, t, bufio.NewReader(c)}
}

// do sends a command and returns its reply as it came.
func (w *wire) do(args ...string) string {
	w.Write(resp.AppendCommand(nil, args...))
	return w.next()
}

func (w *wire) next() string {
	raw, err := transcript.ReadRaw(w.r)
	if err != nil {
		w.t.Error(err)
	}
	return string(raw)
}

func (w *wire) want(reply string, args ...string) {
	w.t.Helper()
	if got := w.do(args...); got != reply {
		w.t.Errorf("%v: %q, want %q", args, got, reply)
	}
}

// count sends pipelines of n increments and compares the replies, until stop is closed.
func count(w *wire, key string, n int, stop <-chan struct{}) {
	one := resp.AppendCommand(nil, "INCR", key)
	all := []byte(strings.Repeat(string(one), n))
	for i := 0; ; {
		select {
		case <-stop:
			return
		default:
		}
		if _, err := w.Write(all); err != nil {
			w.t.Error(err)
			return
		}
		for range n {
			i++
			if got := w.next(); got != ":"+strconv.Itoa(i)+"\r\n" {
				w.t.Errorf("increment %d of %s: %q", i, key, got)
				return
			}
		}
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// loads returns how many clients each loop has.
func loads(e *Engine) (n []int) {
	for _, lp := range e.Loops() {
		n = append(n, lp.Load())
	}
	return n
}

// The number of threads changes while clients pipeline, listen and wait: nobody loses a
// reply, and all are where they should be soon.
func TestThreadsChangeLive(t *testing.T) {
	for _, s := range []threading.Stress{{}, {Queue: 2, Batch: 1, Yield: true}} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			e := open(t, s, "--io-threads", "2", "--io-threads-always-active", "yes")
			admin := dial(t, e)
			stop := make(chan struct{})
			var all sync.WaitGroup
			for i := range 10 {
				w := dial(t, e)
				all.Go(func() { count(w, fmt.Sprint("n", i), 1+i*3, stop) })
			}
			var listening sync.WaitGroup
			const messages = 200
			for range 5 {
				w := dial(t, e)
				w.do("SUBSCRIBE", "news")
				listening.Go(func() {
					for i := range messages {
						want := fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$%d\r\n%d\r\n", len(strconv.Itoa(i)), i)
						if got := w.next(); got != want {
							t.Errorf("message %d: %q", i, got)
							return
						}
					}
				})
			}
			waiting := dial(t, e)
			waiting.Write(resp.AppendCommand(nil, "BLPOP", "list", "0"))
			pause := 3 * time.Millisecond
			if invariants.Enabled {
				pause = 10 * time.Millisecond
			}
			for i, n := range []int{5, 1, 3, 2, 9, 4, 1, 2, 7, 3} {
				admin.want("+OK\r\n", "CONFIG", "SET", "io-threads", strconv.Itoa(n))
				admin.want(fmt.Sprintf("*2\r\n$10\r\nio-threads\r\n$1\r\n%d\r\n", n), "CONFIG", "GET", "io-threads")
				for k := range messages / 10 {
					admin.do("PUBLISH", "news", strconv.Itoa(i*messages/10+k))
				}
				time.Sleep(pause)
				if _, threads := e.Model(); threads != n {
					t.Errorf("Model: %d threads, want %d", threads, n)
				}
			}
			listening.Wait()
			admin.do("RPUSH", "list", "x")
			if got := waiting.next(); got != "*2\r\n$4\r\nlist\r\n$1\r\nx\r\n" {
				t.Errorf("who waited: %q", got)
			}
			close(stop)
			all.Wait()
			eventually(t, "all clients are on the two loops that serve", func() bool {
				admin.do("PING")
				n := loads(e)
				if len(n) != 9 || len(e.Threads()) != 9 {
					t.Fatalf("%d loops, %d threads", len(n), len(e.Threads()))
				}
				return n[1]+n[2] == 17
			})
		})
	}
}

// Where io-threads is not a parameter of the model's, it cannot be changed.
func TestThreadsOfOthersDoNot(t *testing.T) {
	c := config.New(config.Options{})
	if err := c.Set([]string{"io-threads", "3"}, config.Access{}); err == nil {
		t.Error("io-threads was changed under " + c.ThreadingModel)
	}
}

// With little to do the main loop does everything; under load I/O loops come; and they go
// again.
func TestActivation(t *testing.T) {
	if invariants.Enabled || testing.Short() {
		t.Skip("slow")
	}
	e := open(t, threading.Stress{}, "--io-threads", "4")
	e.procs = 2 // one I/O loop, however many processors there are
	w := dial(t, e)
	for range 100 {
		w.do("PING")
	}
	if len(e.Loops()) != 1 || e.Active() != 0 {
		t.Fatalf("%d loops, %d active, before there is anything to do", len(e.Loops()), e.Active())
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 24 {
		w := dial(t, e)
		all.Go(func() { count(w, fmt.Sprint("n", i), 64, stop) })
	}
	eventually(t, "an I/O loop serves all", func() bool { n := loads(e); return len(n) == 2 && n[1] == 25 })
	close(stop)
	all.Wait()
	eventually(t, "it has gone", func() bool { n := loads(e); return e.Active() == 0 && n[1] == 0 && n[0] == 25 })
	w.want("+PONG\r\n", "PING")
}

// When loops are added each has its share, and a loop with heavy clients gives one away.
func TestBalance(t *testing.T) {
	e := open(t, threading.Stress{}, "--io-threads", "2", "--io-threads-always-active", "yes")
	var ws []*wire
	for range 40 {
		w := dial(t, e)
		w.do("PING")
		ws = append(ws, w)
	}
	ws[0].want("+OK\r\n", "CONFIG", "SET", "io-threads", "5")
	eventually(t, "each loop has ten", func() bool {
		for _, w := range ws {
			w.do("PING")
		}
		return fmt.Sprint(loads(e)) == "[0 10 10 10 10]"
	})
}

// However fast the number of loops changes, in the end each has its share and nobody is
// left on a loop that is not to serve.
func TestBalanceSettles(t *testing.T) {
	e := open(t, threading.Stress{Yield: true}, "--io-threads", "2", "--io-threads-always-active", "yes")
	var ws []*wire
	for range 40 {
		ws = append(ws, dial(t, e))
	}
	rounds := 200
	if testing.Short() || invariants.Enabled {
		rounds = 40
	}
	for range rounds {
		for _, n := range []int{9, 3, 9, 5} {
			ws[0].want("+OK\r\n", "CONFIG", "SET", "io-threads", strconv.Itoa(n))
			for _, w := range ws[1:8] {
				w.want("+PONG\r\n", "PING")
			}
		}
		eventually(t, "four loops have ten each", func() bool {
			n := loads(e)
			return fmt.Sprint(n[:5]) == "[0 10 10 10 10]"
		})
	}
}

func TestRelieve(t *testing.T) {
	e := open(t, threading.Stress{}, "--io-threads", "3", "--io-threads-always-active", "yes")
	var ws []*wire
	for range 10 {
		w := dial(t, e)
		w.do("PING")
		ws = append(ws, w)
	}
	from, to := e.Loops()[1], e.Loops()[2]
	if n := loads(e); n[1] != 5 || n[2] != 5 {
		t.Fatalf("clients: %v", n)
	}
	// on has a loop do something, on its own goroutine.
	on := func(lp *eventloop.Loop, do func()) {
		done := make(chan struct{})
		lp.Post(func() { do(); close(done) }, func() { close(done) })
		<-done
	}
	for i, lp := range []*eventloop.Loop{from, to} {
		s := &e.threads[i].scale
		on(lp, func() { s.at += time.Hour }) // does not weigh by itself in between
	}
	// relieve has the first of the two give work away.
	relieve := func(busy, other int64) {
		on(from, func() {
			e.threads[0].busy.Store(busy)
			e.threads[1].busy.Store(other)
			e.threads[0].relieve(e.Homes())
		})
	}
	heft := []int{800, 400, 300, 20, 10} // KiB
	work := func() {
		for i, kib := range heft {
			for range kib / 10 {
				ws[2*i].do("ECHO", strings.Repeat("x", 5<<10))
			}
		}
	}
	for i := range heft {
		ws[2*i].want("+OK\r\n", "CLIENT", "SETNAME", fmt.Sprint("heft-", heft[i]))
	}
	relieve(0, 0) // weighs them
	for _, c := range []struct {
		busy, other int64
		gone        string // the client that goes; "" for none
	}{
		{900, 700, ""},         // not unequal enough
		{900, 300, "heft-400"}, // a third: 510 KiB
		{900, 0, "heft-300"},   // half of what is left: 565 KiB
		{900, 600, "heft-20"},  // a sixth: 138 KiB
		{900, 0, "heft-10"},    // half: 405 KiB
		{900, 0, ""},           // one client has all of it
		{100, 0, ""},           // not worth it
	} {
		work()
		before := from.Load()
		relieve(c.busy, c.other)
		moved := before - from.Load()
		if c.gone == "" && moved != 0 || c.gone != "" && moved != 1 {
			t.Fatalf("%d and %d busy: %d clients moved, want %q", c.busy, c.other, moved, c.gone)
		}
		for i := range heft {
			if c.gone == fmt.Sprint("heft-", heft[i]) {
				heft[i] = 0
				ws[2*i].want("+PONG\r\n", "PING")
			}
		}
	}
	if from.Load() != 1 || to.Load() != 9 {
		t.Errorf("%v", loads(e))
	}
}

// Parcels with few commands have their lookups prepared together.
func TestPreview(t *testing.T) {
	e := open(t, threading.Stress{}, "--io-threads", "4", "--io-threads-always-active", "yes")
	w := dial(t, e)
	for i := range 1000 { // a database that is worth the while
		w.do("SET", fmt.Sprint("k", i), strconv.Itoa(i))
	}
	var all sync.WaitGroup
	for i := range 20 {
		w := dial(t, e)
		all.Go(func() {
			w.do("SELECT", strconv.Itoa(i%2))
			for k := range 200 {
				want := "$-1\r\n"
				if s := strconv.Itoa(k); i%2 == 0 {
					want = fmt.Sprintf("$%d\r\n%s\r\n", len(s), s)
				}
				w.want(want, "GET", fmt.Sprint("k", k))
			}
		})
	}
	all.Wait()
}
