package eventloop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/asyncio"
	"github.com/redweave/redweave/threading/enginetest"
	"github.com/redweave/redweave/threading/pipeline"
)

// engine is a model whose loops are couriers.
type engine interface {
	threading.Engine
	threading.Typed
	Own() *command.Exec
	Release()
}

// couriers are the models whose loops are, each as it is and with queues of two
// parcels, parcels of one client, and random yields at every hand-over.
var couriers = []struct {
	name   string
	open   func(o threading.Options) engine
	stress threading.Stress
}{
	{"async-io", func(o threading.Options) engine { return asyncio.New(o) }, threading.Stress{}},
	{"async-io/rough", func(o threading.Options) engine { return asyncio.New(o) }, rough},
	{"pipeline", func(o threading.Options) engine { return pipeline.New(o) }, threading.Stress{}},
	{"pipeline/rough", func(o threading.Options) engine { return pipeline.New(o) }, rough},
}

var rough = threading.Stress{Queue: 2, Batch: 1, Yield: true}

func everyCourier(t *testing.T, f func(t *testing.T, open func(params ...string) engine)) {
	for _, m := range couriers {
		t.Run(m.name, func(t *testing.T) {
			f(t, func(params ...string) engine { return open(t, m.open, m.stress, params...) })
		})
	}
}

// open starts an engine. It is closed when the test ends, and must leave no goroutine.
func open(t testing.TB, with func(o threading.Options) engine, stress threading.Stress, params ...string) engine {
	t.Helper()
	conf := config.New(config.Options{})
	args := append([]string{"--enable-debug-command", "yes", "--io-threads", "4", "--io-threads-always-active", "yes"}, params...)
	if err := conf.Load(config.Source{Options: config.ParseArgs(args).Options}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	e := with(threading.Options{Config: conf, Stress: stress})
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

func dial(t testing.TB, e engine) *wire {
	t.Helper()
	c, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, c)
}

func newWire(t testing.TB, c net.Conn) *wire {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	return &wire{c, t, bufio.NewReader(c)}
}

func words(b []byte, words ...string) []byte { return append(b, resp.AppendCommand(nil, words...)...) }

func (w *wire) send(b []byte) bool {
	if _, err := w.Write(b); err != nil {
		w.t.Errorf("sending: %v", err)
		return false
	}
	return true
}

// next returns the text of the next reply.
func (w *wire) next() (string, error) {
	raw, err := transcript.ReadRaw(w.r)
	if err != nil {
		return "", err
	}
	v, _, err := resp.Parse(raw)
	return text(v), err
}

func text(v resp.Value) string {
	switch {
	case v.Err() != nil:
		return v.Err().Error()
	case len(v.Elems) > 0:
		var all []string
		for _, x := range v.Elems {
			all = append(all, text(x))
		}
		return strings.Join(all, " ")
	}
	return v.Text()
}

func (w *wire) do(args ...string) string {
	w.send(words(nil, args...))
	s, err := w.next()
	if err != nil {
		w.t.Errorf("%v: %v", args, err)
	}
	return s
}

// rounds is how often a concurrent test does what it does.
func rounds(n int) int {
	if testing.Short() || invariants.Enabled {
		return n / 10
	}
	return n
}

// pipelines sends pipelines of counted increments and compares every reply, until all are
// done or the connection ends. It returns how many were right.
func pipelines(w *wire, key string, n int) (count int, err error) {
	rnd := rand.New(rand.NewPCG(uint64(len(key)), uint64(n)))
	for range n {
		k := 1 + rnd.IntN(60)
		var b []byte
		for range k {
			b = words(b, "INCR", key)
			b = words(b, "ECHO", key)
		}
		cut := rnd.IntN(len(b)) // somewhere within a command
		if _, err := w.Write(b[:cut]); err != nil {
			return count, err
		}
		if _, err := w.Write(b[cut:]); err != nil {
			return count, err
		}
		for range k {
			s, err := w.next()
			if err != nil {
				return count, err
			}
			if s != strconv.Itoa(count+1) {
				return count, fmt.Errorf("%s: %q after %d", key, s, count)
			}
			if s, err = w.next(); err == nil && s != key {
				err = fmt.Errorf("%s: the echo %q", key, s)
			}
			if count++; err != nil {
				return count, err
			}
		}
	}
	return count, nil
}

// broken reports whether err is a connection's end.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}

// Replies come in order, to everybody his own.
func TestOrder(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) { testOrder(t, open(), rounds(100)) })
}

// On one processor nobody makes progress who waits for another without letting go.
func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	everyCourier(t, func(t *testing.T, open func(...string) engine) { testOrder(t, open(), rounds(30)) })
}

func testOrder(t *testing.T, e engine, n int) {
	var all sync.WaitGroup
	for i := range 12 {
		w := dial(t, e)
		all.Go(func() {
			if _, err := pipelines(w, fmt.Sprint("k", i), n); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// Clients are killed wherever their commands may be: being read, on the way, executed, on
// the way back, written. The others do not notice, and nobody is left in the registry.
func TestKilledOnTheWay(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		var all sync.WaitGroup
		for i := range 4 {
			w := dial(t, e)
			w.do("CLIENT", "SETNAME", "good")
			all.Go(func() {
				if _, err := pipelines(w, fmt.Sprint("good", i), rounds(100)); err != nil {
					t.Error(err)
				}
			})
		}
		stop := make(chan struct{})
		var victims sync.WaitGroup
		for i := range 4 {
			victims.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					w := dial(t, e)
					key := fmt.Sprint("bad", i, ":", n)
					w.Write(words(nil, "CLIENT", "SETNAME", "bad"))
					if _, err := w.next(); err != nil { // killed by then
						continue
					}
					if _, err := pipelines(w, key, 1<<30); !broken(err) {
						t.Errorf("a victim: %v", err)
					}
					w.Close()
				}
			})
		}
		killer := dial(t, e)
		rnd := rand.New(rand.NewPCG(1, 2))
		kills := 0
		for range rounds(2000) {
			for line := range strings.Lines(killer.do("CLIENT", "LIST")) {
				if strings.Contains(line, "name=bad ") && rnd.IntN(2) == 0 {
					kills++
					killer.do("CLIENT", "KILL", "ID", strings.TrimPrefix(strings.Fields(line)[0], "id="))
				}
			}
		}
		all.Wait()
		close(stop)
		gone := make(chan struct{})
		go func() { victims.Wait(); close(gone) }()
		for over := false; !over; {
			killer.do("CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")
			select {
			case <-gone:
				over = true
			case <-time.After(time.Millisecond):
			}
		}
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
			if n := strings.Count(killer.do("CLIENT", "LIST"), "\n"); n <= 1 {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("%d clients are left", n)
			}
		}
		t.Logf("%d kills", kills)
	})
}

// Who ends his side, or both, has his commands executed, and his replies if he still reads.
func TestHalfClosedOnTheWay(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- e.Serve(l) }()
		t.Cleanup(func() {
			e.Close()
			<-served
		})
		var all sync.WaitGroup
		var sent atomic.Int64
		for i := range 8 {
			all.Go(func() {
				for n := range rounds(50) {
					c, err := net.Dial("tcp", l.Addr().String())
					if err != nil {
						t.Error(err)
						return
					}
					w := newWire(t, c)
					var b []byte
					k := 1 + (n*7+i)%90
					for range k {
						b = words(b, "INCR", "n")
					}
					w.send(b)
					if n%3 == 0 {
						c.Close() // and what becomes of them does not matter
						continue
					}
					c.(*net.TCPConn).CloseWrite()
					sent.Add(int64(k))
					for range k {
						if _, err := w.next(); err != nil {
							t.Errorf("after the end of what it sent: %v", err)
							break
						}
					}
					if _, err := w.next(); err == nil || !broken(err) {
						t.Errorf("after the last reply: %v", err)
					}
					c.Close()
				}
			})
		}
		all.Wait()
		w := dial(t, e)
		if n, _ := strconv.ParseInt(w.do("GET", "n"), 10, 64); n < sent.Load() {
			t.Errorf("%d increments, %d were answered", n, sent.Load())
		}
	})
}

// Who does not read is closed at his limit, and the others go on.
func TestOutputLimitOnTheWay(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open("--client-output-buffer-limit", "normal", "300000", "0", "0")
		good := dial(t, e)
		good.do("SET", "long", strings.Repeat("x", 50_000))
		var all sync.WaitGroup
		for range 4 {
			w := dial(t, e)
			all.Go(func() {
				b := words(nil, "GET", "long")
				for {
					if _, err := w.Write(b); err != nil {
						return
					}
				}
			})
		}
		if _, err := pipelines(good, "good", rounds(100)); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
}

// Shutdown lets what has been read be answered, whatever stage it is at; Close ends at
// once, and leaves nothing.
func TestEndOnTheWay(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		for n := range max(rounds(40), 6) {
			e := open()
			var all sync.WaitGroup
			for i := range 5 {
				w := dial(t, e)
				all.Go(func() {
					if _, err := pipelines(w, fmt.Sprint("k", i), 1<<30); !broken(err) {
						t.Error(err)
					}
				})
			}
			time.Sleep(time.Duration(n%7) * time.Millisecond)
			if n%2 == 0 {
				e.Close()
			} else {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
				if err := e.Shutdown(ctx); err != nil {
					t.Errorf("Shutdown: %v", err)
				}
				cancel()
			}
			all.Wait()
		}
	})
}

// Subscribers, clients that block and monitors are served by their loops like all others,
// beside traffic and calls in process.
func TestSpecialClients(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		n := rounds(300)
		var all sync.WaitGroup
		ready := make(chan struct{}, 100)
		for range 6 {
			w := dial(t, e)
			all.Go(func() {
				w.do("SUBSCRIBE", "news")
				ready <- struct{}{}
				for k := range n {
					if s, err := w.next(); err != nil || !strings.HasSuffix(s, fmt.Sprint("news ", k)) {
						t.Errorf("message %d: %q, %v", k, s, err)
						return
					}
				}
			})
		}
		for i := range 4 {
			w := dial(t, e)
			all.Go(func() {
				ready <- struct{}{}
				for k := range n {
					if s := w.do("BLPOP", fmt.Sprint("list", i), "0"); s != fmt.Sprint("list", i, " ", k) {
						t.Errorf("element %d: %q", k, s)
						return
					}
				}
			})
		}
		for range 10 {
			<-ready
		}
		monitor := dial(t, e)
		monitor.do("MONITOR")
		all.Go(func() {
			for seen := 0; seen < n; {
				s, err := monitor.next()
				if err != nil {
					t.Errorf("the monitor: %v", err)
					return
				}
				if strings.Contains(s, "\"PUBLISH\"") {
					seen++
				}
			}
		})
		w := dial(t, e)
		cl := e.Attach()
		defer e.Detach(cl)
		for k := range n {
			w.do("PUBLISH", "news", strconv.Itoa(k))
			for i := range 4 {
				args := [][]byte{[]byte("RPUSH"), []byte(fmt.Sprint("list", i)), []byte(strconv.Itoa(k))}
				if err := e.Do(t.Context(), cl, args); err != nil {
					t.Error(err)
				}
				cl.Out.Reset()
			}
		}
		all.Wait()
	})
}

// A transaction that watches is as atomic as it is anywhere.
func TestWatched(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		var all sync.WaitGroup
		var done atomic.Int64
		for range 4 {
			w := dial(t, e)
			all.Go(func() {
				for range rounds(100) {
					w.do("WATCH", "n")
					n, _ := strconv.Atoi(w.do("GET", "n"))
					w.do("MULTI")
					w.do("SET", "n", strconv.Itoa(n+1))
					w.send(words(nil, "EXEC"))
					raw, err := transcript.ReadRaw(w.r)
					if err != nil {
						t.Error(err)
						return
					}
					if slices.Contains([]string{"*-1\r\n", "_\r\n"}, string(raw)) {
						continue
					}
					done.Add(1)
				}
			})
		}
		all.Wait()
		if got := dial(t, e).do("GET", "n"); got != fmt.Sprint(done.Load()) {
			t.Errorf("%s after %d transactions", got, done.Load())
		}
	})
}

// What a client sends while its commands are away neither keeps the loop busy nor is lost.
func TestFloodWhileAway(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		w := dial(t, e)
		w.do("PING")
		if e.Own() == nil {
			t.Fatal("closed")
		}
		for range 50 {
			w.send(words(nil, "INCR", "n"))
			time.Sleep(time.Millisecond)
		}
		enginetest.ComesToRest(t, "nobody could do anything", func() int64 { return turns(e) }, 50*time.Millisecond, 20)
		e.Release()
		for i := range 50 {
			if s, err := w.next(); s != strconv.Itoa(i+1) {
				t.Fatalf("reply %d: %q, %v", i, s, err)
			}
		}
	})
}

func turns(e engine) (n int64) {
	for _, t := range e.Threads() {
		n += t.Turns
	}
	return n
}

// While a script runs too long others are told so, whatever loop they are on, and one of
// them can end it.
func TestBusyScript(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open("--busy-reply-threshold", "20")
		script := dial(t, e)
		var others []*wire
		for range 5 {
			w := dial(t, e)
			w.do("PING")
			others = append(others, w)
		}
		for range 2 {
			script.send(words(nil, "EVAL", "while true do end", "0"))
			for begin := time.Now(); !isBusy(dial(t, e)); {
				if time.Since(begin) > time.Minute {
					t.Fatal("a script runs for ever, and nobody is told")
				}
			}
			for _, w := range others {
				if s := w.do("GET", "a"); !strings.HasPrefix(s, "BUSY") {
					t.Fatalf("while a script runs: %q", s)
				}
			}
			if s := others[3].do("SCRIPT", "KILL"); s != "OK" {
				t.Fatalf("SCRIPT KILL: %q", s)
			}
			if s, err := script.next(); err != nil || !strings.Contains(s, "killed by user") {
				t.Errorf("the script: %q, %v", s, err)
			}
			if s := others[1].do("SET", "a", "1"); s != "OK" {
				t.Errorf("afterwards: %q", s)
			}
		}
	})
}

// isBusy asks until it is told that a script runs. Who is not answered shares a parcel
// with the script: he waits as long as it runs, and is of no use.
func isBusy(w *wire) bool {
	for {
		w.send(words(nil, "PING"))
		w.SetReadDeadline(time.Now().Add(time.Second))
		if s, err := w.next(); err != nil || strings.HasPrefix(s, "BUSY") {
			return err == nil
		}
	}
}

// An idle engine sleeps.
func TestIdle(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		for range 20 {
			dial(t, e).do("PING")
		}
		enginetest.ComesToRest(t, "nobody could do anything", func() int64 { return turns(e) }, 500*time.Millisecond, 15)
	})
}

// The statistics tell the way of a command: who read it, who executed it, how it got there.
func TestCounted(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(...string) engine) {
		e := open()
		w := dial(t, e)
		for range 100 {
			w.do("INCR", "n")
		}
		var all threading.ThreadStats
		for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			all = threading.ThreadStats{}
			for _, s := range e.Threads() {
				all.Commands += s.Commands
				all.Batches += s.Batches
				all.HandOvers += s.HandOvers
				all.Handed += s.Handed
				all.WakeUps += s.WakeUps
				all.Owning += s.Owning
				all.Idle += s.Idle
			}
			if all.Commands == 100 && all.Batches == 100 {
				break
			}
		}
		if all.Commands != 100 || all.Batches != 100 || all.Handed != 100 || all.HandOvers < 100 || all.HandOvers > 102 ||
			all.WakeUps == 0 || all.Owning == 0 || all.Idle == 0 {
			t.Errorf("%+v", all)
		}
	})
}
