package enginetest_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/threading"
)

// closeWrite ends a client's side of the conversation.
func (p *peer) closeWrite() {
	p.t.Helper()
	if err := p.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		p.t.Fatal(err)
	}
}

// sockets runs the test over the kinds of connection that can be half closed.
func sockets(t *testing.T, test func(t *testing.T, e engine, enter func() *peer), params ...string) {
	for _, kind := range []string{"tcp", "unix"} {
		t.Run(kind, func(t *testing.T) {
			e := open(t, params...)
			addr := ""
			if kind == "tcp" {
				addr = listen(t, e)
			} else {
				addr = listenUnix(t, e)
			}
			test(t, e, func() *peer { return connect(t, addr) })
		})
	}
}

// A client that has said all it has to say still gets its replies.
func testHalfClosed(t *testing.T) {
	sockets(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		big := pattern(20 << 20)
		setup := enter()
		if got := text(setup.do("SET", "big", big)); got != "OK" {
			t.Fatal(got)
		}
		t.Run("small", func(t *testing.T) {
			p := enter()
			p.send("PING\r\nPING\r\n")
			p.closeWrite()
			p.expect("pings", "PONG", "PONG")
			p.wantEnd()
		})
		t.Run("big", func(t *testing.T) {
			p := enter()
			p.send("GET big\r\nGET big\r\nPING\r\n")
			p.closeWrite()
			time.Sleep(50 * time.Millisecond) // the engine sees the end before we read
			p.expect("big replies", big, big, "PONG")
			p.wantEnd()
		})
		t.Run("stalled", func(t *testing.T) {
			p := enter()
			p.send(strings.Repeat("GET big\r\n", 8) + "PING\r\n")
			p.closeWrite()
			time.Sleep(50 * time.Millisecond)
			for range 8 {
				p.expect("big replies", big)
			}
			p.expect("the last", "PONG")
			p.wantEnd()
		})
		eventually(t, "the half closed are gone", func() bool { return setup.info("connected_clients") == "2" })
	})
}

func testSlowReader(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		want := pattern(3 << 20)
		p := enter()
		if got := text(p.do("SET", "big", want)); got != "OK" {
			t.Fatal(got)
		}
		p.send("GET big\r\nPING\r\n")
		head := "$" + strconv.Itoa(len(want)) + "\r\n"
		want = head + want + "\r\n+PONG\r\n"
		var got strings.Builder
		buf := make([]byte, 100_000)
		for got.Len() < len(want) {
			n, err := p.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(buf[:n])
			time.Sleep(time.Millisecond)
		}
		if got.String() != want {
			t.Error("the reply is not what was set")
		}
		p.want("PING", "PONG")
	})
}

// A client that pipelines and never reads holds a bounded amount of output, and
// gets everything once it reads.
func testNeverReads(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		w := watch(t, enter())
		const size, n = 1 << 20, 200
		value := pattern(size)
		p, q := enter(), enter()
		if got := text(q.do("SET", "big", value)); got != "OK" {
			t.Fatal(got)
		}
		p.want("CLIENT SETNAME hog", "OK")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			p.trySend(strings.Repeat("GET big\r\n", n))
		}()
		most := 0
		output := func() int {
			for _, line := range strings.Split(q.do("CLIENT", "LIST").Text(), "\n") {
				if f := fields(line); f["name"] == "hog" {
					n, _ := strconv.Atoi(f["tot-mem"])
					most = max(most, n)
					return n
				}
			}
			return 0
		}
		eventually(t, "the output stands at its ceiling", func() bool { return output() > threading.OutputCeiling-8<<20 })
		for range 20 {
			output()
			time.Sleep(time.Millisecond)
		}
		if limit := threading.OutputCeiling + 3*size; most > limit {
			t.Errorf("a client that never reads holds %d bytes, want at most %d", most, limit)
		}
		<-sent
		for range n {
			p.expect("at last", value)
		}
		p.want("PING", "PONG")
		w.end(t)
		checkQuiet(t, e, "after all is read")
	})
}

func testOutputLimits(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p, q := enter(), enter()
		value := pattern(8 << 20)
		if got := text(q.do("SET", "big", value)); got != "OK" {
			t.Fatal(got)
		}
		p.want("PING", "PONG")
		if got := text(q.do("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0")); got != "OK" {
			t.Fatal(got)
		}
		p.send("PING\r\n")
		p.expect("below the limit", "PONG")
		p.send("GET big\r\n")
		io.Copy(io.Discard, p)
		if got := q.info("client_output_buffer_limit_disconnections"); got != "1" {
			t.Errorf("client_output_buffer_limit_disconnections:%s, want 1", got)
		}
		if got := q.info("connected_clients"); got != "2" {
			t.Errorf("connected_clients:%s, want 2", got)
		}
	})
}

// seesOutput waits until a client has more than so many bytes of output pending.
func (p *peer) seesOutput(bytes int) {
	p.t.Helper()
	eventually(p.t, "output is pending", func() bool {
		for _, line := range strings.Split(strings.TrimSpace(p.do("CLIENT", "LIST").Text()), "\n") {
			if n, _ := strconv.Atoi(fields(line)["omem"]); n > bytes {
				return true
			}
		}
		return false
	})
}

func testOutputSoftLimit(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	q, p := dial(t, e), dial(t, e)
	if got := text(q.do("SET", "big", pattern(8<<20))); got != "OK" {
		t.Fatal(got)
	}
	if got := text(q.do("CONFIG", "SET", "client-output-buffer-limit", "normal 0 1mb 5")); got != "OK" {
		t.Fatal(got)
	}
	p.send("GET big\r\n")
	q.seesOutput(1 << 20)
	m.Advance(4 * time.Second)
	if got := q.info("connected_clients"); got != "2" {
		t.Fatalf("connected_clients:%s before the soft limit's time is over, want 2", got)
	}
	m.Advance(3 * time.Second)
	if got := q.info("connected_clients"); got != "1" {
		t.Errorf("connected_clients:%s after the soft limit's time, want 1", got)
	}
	if got := q.info("client_output_buffer_limit_disconnections"); got != "1" {
		t.Errorf("client_output_buffer_limit_disconnections:%s, want 1", got)
	}
}

// A client whose output fell below the soft limit in between starts anew.
func testOutputSoftLimitForgets(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	q, p := dial(t, e), dial(t, e)
	value := pattern(8 << 20)
	if got := text(q.do("SET", "big", value)); got != "OK" {
		t.Fatal(got)
	}
	if got := text(q.do("CONFIG", "SET", "client-output-buffer-limit", "normal 0 1mb 5")); got != "OK" {
		t.Fatal(got)
	}
	for range 3 {
		p.send("GET big\r\n")
		q.seesOutput(1 << 20)
		m.Advance(4 * time.Second)
		p.expect("GET big", value)
	}
}

// A client that waits for the end of a pause, its output partly or wholly
// written, must not keep the loop busy.
func testPausedWithOutputDoesNotSpin(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		value := pattern(8 << 20)
		q, p := enter(), enter()
		if got := text(q.do("SET", "big", value)); got != "OK" {
			t.Fatal(got)
		}
		q.want("CLIENT PAUSE 600000 WRITE", "OK")
		p.send("GET big\r\nSET a 1\r\nGET a\r\n")
		p.expect("a read during the pause", value)
		checkQuiet(t, e, "a held client whose output is written")
		q.want("CLIENT UNPAUSE", "OK")
		p.expect("after the pause", "OK", "1")
	})
}

// The same for one who dies while held: unix sockets tell at once.
func testPausedAndGoneDoesNotSpin(t *testing.T) {
	m := clock.NewManual(time.Now())
	everywhereOn(t, m, func(t *testing.T, e engine, enter func() *peer) {
		q, p := enter(), enter()
		p.want("PING", "PONG")
		q.want("CLIENT PAUSE 400 ALL", "OK")
		p.send("PING\r\nPING\r\n")
		time.Sleep(20 * time.Millisecond)
		if c, ok := p.Conn.(*net.TCPConn); ok {
			c.SetLinger(0)
		}
		p.Close()
		checkQuiet(t, e, "a held client that is gone")
		m.Advance(time.Second)
		q.want("PING", "PONG")
		eventually(t, "it is gone", func() bool { return q.info("connected_clients") == "1" })
	})
}
