package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/enginetest"
)

func testCloseTwice(t *testing.T) {
	for _, started := range []bool{false, true} {
		e := open(t)
		if started {
			dial(t, e).want("PING", "PONG")
		}
		for range 2 {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			select {
			case <-e.Done():
			default:
				t.Error("Close returned before Done")
			}
		}
		if _, err := e.Dial(); err != threading.ErrClosed {
			t.Errorf("Dial after Close: %v", err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Serve(l); err != threading.ErrClosed {
			t.Errorf("Serve after Close: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve after Close left its listener open: %v", err)
		}
		cl := e.Attach()
		if err := e.Do(t.Context(), cl, [][]byte{[]byte("PING")}); err != threading.ErrClosed {
			t.Errorf("Do after Close: %v", err)
		}
		e.Detach(cl)
		if _, _, err := e.AppendGet(nil, 0, []byte("a")); err != threading.ErrClosed {
			t.Errorf("AppendGet after Close: %v", err)
		}
		if e.Own() != nil {
			t.Error("Own after Close owns")
		}
		if err := e.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown after Close: %v", err)
		}
	}
}

// Close comes while everything else goes on, in every order.
func testCloseAmidst(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for range rounds {
		before := runtime.NumGoroutine()
		e := open(t)
		var wg sync.WaitGroup
		var served atomic.Int32
		wg.Go(func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			wg.Go(func() {
				for range 3 {
					c, err := net.Dial("tcp", l.Addr().String())
					if err != nil {
						return
					}
					io.WriteString(c, "PING\r\nDEBUG SLEEP 0\r\n")
					io.Copy(io.Discard, c) // must end
					c.Close()
				}
			})
			if err := e.Serve(l); err != threading.ErrClosed {
				t.Errorf("Serve: %v", err)
			}
			served.Add(1)
		})
		for g := range 3 {
			wg.Go(func() {
				cl := e.Attach()
				defer e.Detach(cl)
				for i := 0; ; i++ {
					cl.Reset(3)
					err := e.Do(context.Background(), cl, [][]byte{[]byte("RPUSH"), fmt.Append(nil, g), []byte("x")})
					if err == threading.ErrClosed {
						return
					} else if err != nil {
						t.Error(err)
						return
					}
					if x := e.OwnTyped([]byte("s"), true); x != nil {
						x.Set(0, []byte("s"), []byte("v"), time.Minute, false, false, false)
						e.ReleaseSet(x)
					}
					e.AppendGet(nil, 0, []byte("s"))
				}
			})
		}
		wg.Go(func() {
			for {
				c, err := e.Dial()
				if err != nil {
					return
				}
				io.WriteString(c, "PING\r\n")
				io.Copy(io.Discard, io.LimitReader(c, 7))
				if i := turns(e); i%2 == 0 {
					c.Close()
				} else {
					go io.Copy(io.Discard, c) // must end
				}
			}
		})
		time.Sleep(time.Duration(turns(e)%5) * time.Millisecond)
		for range 2 {
			wg.Go(func() {
				e.Close()
				<-e.Done()
			})
		}
		wg.Wait()
		enginetest.NoMoreGoroutines(t, before)
	}
}

func testShutdownDrains(t *testing.T) {
	sockets(t, func(t *testing.T, e engine, enter func() *peer) {
		idle, p := enter(), enter()
		idle.want("PING", "PONG")
		value := pattern(20 << 20)
		p.send(words("SET", "big", value))
		p.expect("SET", "OK")
		p.send("GET big\r\nPING\r\n")
		idle.seesOutput(1 << 20)
		done := make(chan error, 1)
		go func() { done <- e.Shutdown(t.Context()) }()
		idle.wantEnd()
		select {
		case err := <-done:
			t.Fatalf("Shutdown returned %v before its replies were read", err)
		case <-time.After(20 * time.Millisecond):
		}
		p.expect("what had begun", value, "PONG")
		p.wantEnd()
		if err := <-done; err != nil {
			t.Error(err)
		}
		<-e.Done()
	})
	t.Run("gives up", func(t *testing.T) {
		e := open(t)
		p := dial(t, e)
		p.send(words("SET", "big", pattern(8<<20)))
		p.expect("SET", "OK")
		p.send("GET big\r\n")
		dial(t, e).seesOutput(1 << 20)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if err := e.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		select {
		case <-e.Done():
		default:
			t.Error("Shutdown returned before the engine's end")
		}
	})
	t.Run("twice", func(t *testing.T) {
		e := open(t)
		p := dial(t, e)
		p.want("PING", "PONG")
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := e.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p.wantEnd()
	})
	t.Run("nobody there", func(t *testing.T) {
		if err := open(t).Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What was executed before SHUTDOWN is answered, whoever carries the replies.
func testShutdownCommand(t *testing.T) {
	for range 5 {
		everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
			p, q := enter(), enter()
			q.want("PING", "PONG")
			p.send("SET a 1\r\nSHUTDOWN NOSAVE\r\nSET a 2\r\n")
			p.expect("before it", "OK")
			p.wantEnd()
			q.wantEnd()
			select {
			case <-e.Done():
			case <-time.After(patience):
				t.Error("SHUTDOWN did not end the engine")
			}
		})
	}
	t.Run("in process", func(t *testing.T) {
		e := open(t)
		listen(t, e) // whose Serve must end
		cl := e.Attach()
		if err := e.Do(t.Context(), cl, [][]byte{[]byte("SHUTDOWN")}); err != nil {
			t.Error(err)
		}
		<-e.Done()
	})
}

func testSeveralListeners(t *testing.T) {
	e := open(t)
	var addrs []string
	for i, listen := range []func(testing.TB, engine) string{listen, listen, listenUnix} {
		addrs = append(addrs, listen(t, e))
		p := connect(t, addrs[i])
		p.want("PING", "PONG")
		if got := p.info("connected_clients"); got != fmt.Sprint(i+1) {
			t.Errorf("connected_clients:%s, want %d", got, i+1)
		}
	}
	_, port, _ := net.SplitHostPort(addrs[0])
	if got := dial(t, e).info("tcp_port"); got != port {
		t.Errorf("tcp_port:%s, want %s", got, port)
	}
	e.Close()
	for _, a := range addrs {
		network := "tcp"
		if strings.HasPrefix(a, "/") {
			network = "unix"
		}
		if c, err := net.Dial(network, a); err == nil {
			c.Close()
			t.Errorf("%s is still listened on", a)
		}
	}
}

// A listener of no known kind is served all the same, and one that is broken is
// closed.
func testOtherListeners(t *testing.T) {
	e := open(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, e, struct{ net.Listener }{inner})
	p := connect(t, inner.Addr().String())
	p.want("PING", "PONG")
	e.Close()
	p.wantEnd()
	if _, err := inner.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is still open: %v", err)
	}

	e = open(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if err := e.Serve(closed); err == nil || err == threading.ErrClosed {
		t.Errorf("Serve of a closed listener: %v", err)
	}
	dial(t, e).want("PING", "PONG")
}

func testServeAfterShutdownBegan(t *testing.T) {
	e := open(t)
	p, idle := dial(t, e), dial(t, e)
	p.send(words("SET", "big", pattern(8<<20)))
	p.expect("SET", "OK")
	p.send("GET big\r\n")
	idle.seesOutput(1 << 20)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Shutdown(ctx) }()
	idle.wantEnd() // it has begun
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Serve(l); err != threading.ErrClosed {
		t.Errorf("Serve: %v", err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("the listener is still open")
	}
	late := dial(t, e)
	late.wantEnd()
	cancel()
	<-done
}

func testCounters(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p := enter()
		in, out := 0, 0
		do := func(stream, replies string) {
			p.send(stream)
			p.expectRaw(stream, replies)
			in, out = in+len(stream), out+len(replies)
		}
		do("PING\r\nPING\r\n", "+PONG\r\n+PONG\r\n")
		do("SET a 1\r\n", "+OK\r\n")
		const info = "INFO stats\r\n"
		p.send(info)
		v := p.receive().Text()
		in += len(info)
		f := fields(v)
		for name, want := range map[string]int{
			"total_net_input_bytes": in, "total_net_output_bytes": out, "total_reads_processed": 3,
			"total_writes_processed": 2, "total_connections_received": 1, "rejected_connections": 0,
			"total_commands_processed": 3,
		} {
			if f[name] != fmt.Sprint(want) {
				t.Errorf("%s:%s, want %d", name, f[name], want)
			}
		}
		p.want("CONFIG RESETSTAT", "OK")
		p.want("PING", "PONG")
		if got := p.info("total_connections_received"); got != "0" {
			t.Errorf("total_connections_received:%s after RESETSTAT, want 0", got)
		}
		p.want("PING", "PONG")
		eventually(t, "the turn is over", func() bool { return sum(e).Commands == 8 })
		got := sum(e)
		if got.Clients != 1 || got.Reads < 6 || got.Reads > 8 || got.Writes < 6 || got.Batches < 6 || got.Owning <= 0 || got.BytesIn < int64(in) {
			t.Errorf("Threads: %+v", got)
		}
		if under.name == "single-loop" && (got.Name != "main" || got.Batches != got.Reads || got.Turns < got.Batches || got.HandOvers != 0) {
			t.Errorf("Threads: %+v", got)
		}
	})
}

// sum returns the counters of all threads together, with the name of the last.
func sum(e engine) (all threading.ThreadStats) {
	for _, t := range e.Threads() {
		all.Name = t.Name
		all.Clients += t.Clients
		all.Reads += t.Reads
		all.Writes += t.Writes
		all.BytesIn += t.BytesIn
		all.BytesOut += t.BytesOut
		all.Commands += t.Commands
		all.Turns += t.Turns
		all.Batches += t.Batches
		all.HandOvers += t.HandOvers
		all.Owning += t.Owning
	}
	return all
}

// Shared reads are counted by the time somebody looks.
func testSharedReadsAreCounted(t *testing.T) {
	e := open(t)
	do(t, e, "SET", "a", "1")
	for range 3 {
		e.AppendGet(nil, 0, []byte("a"))
	}
	e.AppendGet(nil, 0, []byte("b"))
	stats := func() (hits, misses string) {
		f := fields(do(t, e, "INFO", "stats").Text())
		return f["keyspace_hits"], f["keyspace_misses"]
	}
	if h, m := stats(); h != "3" || m != "1" {
		t.Errorf("keyspace_hits:%s, keyspace_misses:%s, want 3, 1", h, m)
	}
	e.AppendGet(nil, 0, []byte("a"))
	do(t, e, "CONFIG", "RESETSTAT")
	if h, m := stats(); h != "0" || m != "0" {
		t.Errorf("after CONFIG RESETSTAT keyspace_hits:%s, keyspace_misses:%s", h, m)
	}
}

// The reclaimer's goroutine ends with its work, and with the engine.
func testReclaimerEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	e := open(t)
	cl := e.Attach()
	fill := [][]byte{[]byte("SADD"), []byte("big")}
	for i := range 5000 {
		fill = append(fill, fmt.Append(nil, "member:", i))
	}
	for range 3 {
		if err := e.Do(t.Context(), cl, fill); err != nil {
			t.Fatal(err)
		}
		do(t, e, "UNLINK", "big")
	}
	eventually(t, "the reclaimer ends", func() bool { return runtime.NumGoroutine() <= before })
	if err := e.Do(t.Context(), cl, fill); err != nil {
		t.Fatal(err)
	}
	do(t, e, "UNLINK", "big")
	e.Close()
	enginetest.NoMoreGoroutines(t, before)
}

// What UNLINK frees comes back without anybody's help, however much it is.
func testMemoryComesBack(t *testing.T) {
	for _, looping := range []bool{false, true} {
		e := open(t)
		if looping {
			dial(t, e)
		}
		memoryComesBack(t, e)
	}
}

func memoryComesBack(t *testing.T, e engine) {
	used := func() (n int64) {
		fmt.Sscan(fields(do(t, e, "INFO", "memory").Text())["used_memory"], &n)
		return n
	}
	empty := used()
	cl := e.Attach()
	thousands := 300
	if testing.Short() || invariants.Enabled {
		thousands = 30
	}
	for i := range thousands {
		fill := [][]byte{[]byte("SADD"), []byte("big")}
		for j := range 1000 {
			fill = append(fill, fmt.Append(nil, "member:", i*1000+j))
		}
		cl.Reset(2)
		if err := e.Do(t.Context(), cl, fill); err != nil {
			t.Fatal(err)
		}
	}
	do(t, e, "UNLINK", "big")
	eventually(t, "memory is back", func() bool {
		time.Sleep(50 * time.Millisecond)
		return used() < empty+100_000
	})
}

func testUnixSocketIsRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	e := open(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err) // the path may be too long
	}
	serve(t, e, l)
	connect(t, path).want("PING", "PONG")
	e.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}
