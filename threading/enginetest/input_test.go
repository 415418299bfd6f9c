package enginetest_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
)

func testBadInput(t *testing.T) {
	long := strings.Repeat("1", 70_000)
	tests := []struct{ name, input, err string }{
		{"count of letters", "*abc\r\n", "invalid multibulk length"},
		{"count with a tail", "*3x\r\n", "invalid multibulk length"},
		{"count beyond 32 bits", "*99999999999\r\n", "invalid multibulk length"},
		{"count too long", "*" + long, "too big mbulk count string"},
		{"no dollar", "*3\r\n$3\r\nSET\r\n:1\r\n", "expected '$', got ':'"},
		{"negative length", "*1\r\n$-5\r\n", "invalid bulk length"},
		{"length of letters", "*1\r\n$abc\r\n", "invalid bulk length"},
		{"length of 1 GB", "*2\r\n$4\r\nECHO\r\n$1073741824\r\nabc", "invalid bulk length"},
		{"length too long", "*1\r\n$" + long, "too big bulk count string"},
		{"inline without end", strings.Repeat("a", 70_000), "too big inline request"},
		{"open quotes", "SET \"a b\r\n", "unbalanced quotes in request"},
		{"zero bytes", strings.Repeat("\x00", 70_000), "too big inline request"},
	}
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		for _, tt := range tests {
			p := enter()
			p.trySend("PING\r\n" + tt.input + "\r\nPING\r\n")
			p.expect(tt.name, "PONG", "ERR Protocol error: "+tt.err)
			p.wantEnd()
		}
	})
}

func testBadInputIsCountedOnce(t *testing.T) {
	e := open(t)
	p, q := dial(t, e), dial(t, e)
	p.trySend("*x\r\n")
	p.expect("*x", "ERR Protocol error: invalid multibulk length")
	if got := q.info("errorstat_ERR"); got != "count=1" {
		t.Errorf("errorstat_ERR:%s, want count=1", got)
	}
}

// Claims are free: what a client announces allocates nothing, what it sends twice
// as much at most.
func testClaimsAllocateNothing(t *testing.T) {
	const clients = 200
	claims := []string{
		"*1000000000\r\n$500000000\r\nx",
		"*2\r\n$4\r\nECHO\r\n$536870912\r\n" + strings.Repeat("x", 100),
		"*1\r\n$536870912\r\n",
		"*2147483647\r\n",
	}
	e := open(t)
	addr := listen(t, e)
	w := watch(t, connect(t, addr))
	before := heap()
	for i := range clients {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, claims[i%len(claims)])
	}
	p := connect(t, addr)
	eventually(t, "all connected", func() bool { return p.info("connected_clients") == fmt.Sprint(clients+2) })
	w.end(t)
	if used := heap() - before; used > clients*(40<<10) {
		t.Errorf("%d clients with claims hold %d bytes, want at most 40 KiB each", clients, used)
	}
}

// A line of many quoted words must not cost its length for each of them.
func testQuotedWordsAllocateTheirLine(t *testing.T) {
	e := open(t)
	p := dial(t, e)
	line := "ECHO " + strings.Repeat(`"" `, 20_000) + "\r\n"
	n := allocated(func() {
		p.send(line)
		p.expect("ECHO", "ERR wrong number of arguments for 'echo' command")
	})
	if n > 8<<20 {
		t.Errorf("a line of %d bytes allocated %d", len(line), n)
	}
}

func testClientsThatDie(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	e := open(t)
	addr, path := listen(t, e), listenUnix(t, e)
	w := watch(t, connect(t, addr))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for worker := range 4 {
		rnd := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for range n / 4 {
				var c net.Conn
				var err error
				switch rnd.IntN(3) {
				case 0:
					c, err = e.Dial()
				case 1:
					c, err = net.Dial("unix", path)
				default:
					if c, err = net.Dial("tcp", addr); err == nil {
						c.(*net.TCPConn).SetLinger(0) // the end is a reset
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				switch rnd.IntN(5) {
				case 0:
				case 1:
					c.Write([]byte("*3\r\n$3\r\nSE"))
				case 2:
					c.Write([]byte("PING\r\nPING\r\n"))
				case 3:
					c.Write([]byte("PING\r\n"))
					c.Read(make([]byte, 3))
				case 4:
					c.Write([]byte("*1\r\n$100000\r\n" + strings.Repeat("x", 20_000)))
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	p := connect(t, addr)
	eventually(t, "the dead are gone", func() bool { return p.info("connected_clients") == "2" })
	w.end(t)
	checkQuiet(t, e, "after all died")
}

func testQueryBufferLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p, q := enter(), enter()
		p.trySend("PING\r\n*2\r\n$4\r\nECHO\r\n$5000000\r\n" + strings.Repeat("x", 4<<20))
		p.expect("before the limit", "PONG")
		p.wantEnd()
		if got := q.info("client_query_buffer_limit_disconnections"); got != "1" {
			t.Errorf("client_query_buffer_limit_disconnections:%s, want 1", got)
		}
	}, "client-query-buffer-limit", "1mb")
}

func testMaxClients(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p, q := enter(), enter()
		p.want("PING", "PONG")
		q.want("PING", "PONG")
		r := enter()
		r.expect("one too many", "ERR max number of clients reached")
		r.wantEnd()
		if got := p.info("rejected_connections"); got != "1" {
			t.Errorf("rejected_connections:%s, want 1", got)
		}
		q.Close()
		eventually(t, "room again", func() bool { return p.info("connected_clients") == "2" })
		enter().want("PING", "PONG")
		p.want("CONFIG SET maxclients 10", "OK")
		enter().want("PING", "PONG")
	}, "maxclients", "3")
}

func testIdleClients(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m, "timeout", "10")
	idle, busy, uploading := dial(t, e), dial(t, e), dial(t, e)
	for _, p := range []*peer{idle, busy, uploading} {
		p.want("PING", "PONG")
	}
	id := uploading.id()
	qbuf := func() string { return fields(busy.do("CLIENT", "LIST", "ID", id).Text())["qbuf"] }
	uploading.send("*2\r\n$4\r\nECHO\r\n$20\r\n")
	eventually(t, "the command has begun", func() bool { return qbuf() != "0" })
	for range 3 {
		m.Advance(6 * time.Second)
		busy.want("PING", "PONG")
		before := qbuf()
		uploading.send("12345") // not a command yet, but not idle either
		eventually(t, "the bytes arrived", func() bool { return qbuf() != before })
	}
	idle.wantEnd()
	uploading.send("12345\r\n")
	uploading.expect("ECHO", "12345123451234512345")
	busy.want("PING", "PONG")
}

func testEvictedClients(t *testing.T) {
	m := clock.NewManual(time.Now())
	everywhereOn(t, m, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p, small, big, sacred := enter(), enter(), enter(), enter()
		sacred.want("CLIENT NO-EVICT on", "OK")
		hold := func(p *peer, n int) {
			p.want("PING", "PONG")
			// The claim bounds the room that is made for it.
			p.trySend(fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n", n+n/8) + strings.Repeat("x", n))
		}
		hold(sacred, 3<<20)
		hold(small, 100<<10)
		p.want("PING", "PONG")
		eventually(t, "the sacred one is big", func() bool {
			for _, line := range strings.Split(strings.TrimSpace(p.do("CLIENT", "LIST").Text()), "\n") {
				if n, _ := strconv.Atoi(fields(line)["qbuf"]); n >= 3<<20 {
					return true
				}
			}
			return false
		})
		p.want("CONFIG SET maxmemory-clients 8mb", "OK")
		hold(big, 12<<20)
		eventually(t, "somebody is evicted", func() bool {
			m.Advance(100 * time.Millisecond) // the loops take several looks at each other
			return p.info("evicted_clients") != "0"
		})
		big.wantEnd()
		m.Advance(time.Second)
		if got := p.info("evicted_clients"); got != "1" {
			t.Errorf("evicted_clients:%s, want 1", got)
		}
		p.want("PING", "PONG")
		if got := p.info("connected_clients"); got != "4" {
			t.Errorf("connected_clients:%s, want 4", got)
		}
	})
}
