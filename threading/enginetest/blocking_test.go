package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
)

// A call is a command in process that may take a while.
type call struct {
	cl  *command.Client
	err chan error
}

func begin(ctx context.Context, e engine, args ...string) *call {
	c := &call{e.Attach(), make(chan error, 1)}
	var bs [][]byte
	for _, a := range args {
		bs = append(bs, []byte(a))
	}
	go func() { c.err <- e.Do(ctx, c.cl, bs) }()
	return c
}

// wait waits for the end of the call and returns the reply.
func (c *call) wait(t testing.TB) string {
	t.Helper()
	select {
	case err := <-c.err:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("no reply")
	}
	v, _, err := resp.Parse(c.cl.Out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Elems) > 0 {
		return strings.Join(v.Strings(), " ")
	}
	return text(v)
}

// untilBlocked waits until so many clients are blocked.
func untilBlocked(t testing.TB, e engine, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got := fields(do(t, e, "INFO", "clients").Text())["blocked_clients"]
		if got == strconv.Itoa(n) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s clients are blocked, want %d", got, n)
		}
	}
}

// Callers of this process wait as clients do, and clients for them.
func testBlockingInProcess(t *testing.T) {
	e := open(t)
	p := dial(t, e)
	a := begin(t.Context(), e, "BLPOP", "k", "0")
	untilBlocked(t, e, 1)
	b := begin(t.Context(), e, "BRPOP", "k", "0")
	untilBlocked(t, e, 2)
	p.want("RPUSH k 1 2 3", "3")
	if got := a.wait(t); got != "k 1" {
		t.Errorf("the first got %s", got)
	}
	if got := b.wait(t); got != "k 3" {
		t.Errorf("the second got %s", got)
	}
	p.want("DEL k", "1")
	p.send("BLMOVE k dest LEFT LEFT 0\r\nPING\r\nLLEN dest\r\n")
	untilBlocked(t, e, 1)
	if got := text(do(t, e, "LPUSH", "k", "x")); got != "1" {
		t.Errorf("LPUSH: %s", got)
	}
	p.expect("what waits behind", "x", "PONG", "1")
}

// A context that ends takes the command back: nothing is lost to one who has gone.
func testBlockingCancelled(t *testing.T) {
	e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := begin(ctx, e, "BLPOP", "k", "other", "0")
	untilBlocked(t, e, 1)
	cancel()
	if err := <-a.err; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call returned %v", err)
	}
	untilBlocked(t, e, 0)
	do(t, e, "RPUSH", "k", "x")
	if got := text(do(t, e, "LLEN", "k")); got != "1" {
		t.Errorf("LLEN after: %s", got)
	}
	// Cancelling and serving at once: the element is either there or was received.
	do(t, e, "DEL", "k")
	received := 0
	const rounds = 200
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		a := begin(ctx, e, "BLPOP", "k", "0")
		go cancel()
		do(t, e, "RPUSH", "k", "x")
		if err := <-a.err; err == nil {
			received++
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		e.Detach(a.cl)
	}
	if left := text(do(t, e, "LLEN", "k")); left != strconv.Itoa(rounds-received) {
		t.Errorf("%d received and %s left of %d", received, left, rounds)
	}
}

func testBlockedWhenClosed(t *testing.T) {
	e := open(t)
	a := begin(t.Context(), e, "BLPOP", "k", "0")
	b := begin(t.Context(), e, "BLPOP", "k", "100")
	p := dial(t, e)
	p.send("BLPOP k 0\r\n")
	untilBlocked(t, e, 3)
	e.Close()
	for _, c := range []*call{a, b} {
		if err := <-c.err; err != threading.ErrClosed {
			t.Errorf("a call that was blocked when the engine closed returned %v", err)
		}
	}
	p.wantEnd()
}

func testBlockingOnASteppedClock(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	p := dial(t, e)
	a := begin(t.Context(), e, "BLPOP", "k", "1.5")
	untilBlocked(t, e, 1)
	p.send("BLPOP k 1\r\nBLPOP k 2\r\n")
	untilBlocked(t, e, 2)
	m.Advance(999 * time.Millisecond)
	p.silent()
	m.Advance(time.Millisecond)
	p.expect("after a second", "nil")
	untilBlocked(t, e, 2)
	m.Advance(500 * time.Millisecond)
	if got := a.wait(t); got != "nil" {
		t.Errorf("after a second and a half: %s", got)
	}
	m.Advance(time.Hour)
	p.expect("after all", "nil")
	untilBlocked(t, e, 0)
}

func testBlockingInRealTime(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p := enter()
		p.want("PING", "PONG")
		start := time.Now()
		p.want("BLPOP k 0.05", "nil")
		if took := time.Since(start); took < 50*time.Millisecond {
			t.Errorf("BLPOP of 50 ms took %v", took)
		}
	})
}

// CLIENT KILL, the end of a connection and CLIENT UNBLOCK free the place in the queue.
func testBlockedClientsGo(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		q := enter()
		p := enter()
		id := p.id()
		p.send("BLPOP k 0\r\n")
		untilBlocked(t, e, 1)
		if f := fields(q.do("CLIENT", "LIST", "ID", id).Text()); f["flags"] != "b" && f["flags"] != "bU" || f["cmd"] != "blpop" {
			t.Errorf("CLIENT LIST: flags=%s cmd=%s", f["flags"], f["cmd"])
		}
		q.want("CLIENT KILL ID "+id, "1")
		q.want("RPUSH k x", "1")
		q.want("LLEN k", "1")
		p.wantEnd()

		q.want("DEL k", "1")
		p = enter()
		p.send("BLPOP k 0\r\n")
		untilBlocked(t, e, 1)
		p.Close()
		untilBlocked(t, e, 0)
		q.want("RPUSH k x", "1")
		q.want("LLEN k", "1")

		q.want("DEL k", "1")
		p = enter()
		id = p.id()
		p.send("BLPOP k 0\r\nPING\r\n")
		untilBlocked(t, e, 1)
		q.want("CLIENT UNBLOCK "+id+" ERROR", "1")
		p.expect("unblocked", "UNBLOCKED client unblocked via CLIENT UNBLOCK", "PONG")

		// Those who watch and go are forgotten as well.
		p = enter()
		p.want("WATCH a b c", "OK")
		if n := q.info("total_watched_keys"); n != "3" {
			t.Errorf("%s keys are watched", n)
		}
		p.Close()
		for deadline := time.Now().Add(patience); q.info("total_watched_keys") != "0"; {
			if time.Now().After(deadline) {
				t.Fatal("keys are watched by nobody")
			}
		}
	})
}

// A pause holds what a client sends after it was served, and not that it is served.
func testBlockedInAPause(t *testing.T) {
	e := open(t)
	p, q := dial(t, e), dial(t, e)
	p.send("BLPOP k 0\r\nSET a 1\r\n")
	untilBlocked(t, e, 1)
	q.send("MULTI\r\nRPUSH k x\r\nCLIENT PAUSE 100000 WRITE\r\nEXEC\r\n")
	q.expect("the pause", "OK", "QUEUED", "QUEUED", "")
	if got := strings.Join(p.receive().Strings(), " "); got != "k x" {
		t.Errorf("served: %s", got)
	}
	p.silent()
	q.want("CLIENT UNPAUSE", "OK")
	p.expect("after the pause", "OK")
}

// A job queue: a thousand workers wait for jobs that come one by one and in batches,
// some with a time limit. Every job is done once, and whoever waited longest gets the
// next.
func testThousandBlocked(t *testing.T) {
	const workers = 1000
	jobs := 20_000
	if testing.Short() || invariants.Enabled {
		jobs = 4000
	}
	e := open(t)
	var mu sync.Mutex
	done := map[string]int{}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range workers {
		c, err := e.Dial()
		p := newPeer(t, c, err)
		p.SetDeadline(time.Now().Add(5 * patience))
		command := words("BLPOP", "queue:high", "queue:low", "0")
		if w%4 == 0 {
			command = words("BLPOP", "queue:high", "queue:low", "0.05")
		}
		wg.Go(func() {
			for {
				if _, err := p.Write([]byte(command)); err != nil {
					return
				}
				v, err := p.r.Read()
				if err != nil {
					return
				}
				if v.IsNull() {
					select {
					case <-stop:
						return
					default:
						continue
					}
				}
				mu.Lock()
				done[v.Elems[1].Text()]++
				mu.Unlock()
			}
		})
	}
	q := dial(t, e)
	q.SetDeadline(time.Now().Add(5 * patience))
	sent := 0
	for sent < jobs {
		args := []string{"RPUSH", []string{"queue:high", "queue:low"}[sent%2]}
		for range min(1+sent%7, jobs-sent) {
			args = append(args, strconv.Itoa(sent))
			sent++
		}
		if v := q.do(args...); v.Err() != nil {
			t.Fatal(v.Err())
		}
	}
	for deadline := time.Now().Add(5 * patience); ; time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		n := len(done)
		mu.Unlock()
		if n == jobs {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d jobs are done", n, jobs)
		}
	}
	mu.Lock()
	for job, n := range done {
		if n != 1 {
			t.Errorf("job %s was done %d times", job, n)
		}
	}
	mu.Unlock()
	close(stop)
	e.Close() // most still wait: its end is theirs
	wg.Wait()
}

// Whoever waited longest is served first, over connections of every kind.
func testBlockedInOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		const n = 50
		var peers []*peer
		for i := range n {
			p := enter()
			p.send(words("BLPOP", "k", "0"))
			untilBlocked(t, e, i+1)
			peers = append(peers, p)
		}
		q := enter()
		args := []string{"RPUSH", "k"}
		for i := range n {
			args = append(args, fmt.Sprint(i))
		}
		q.send("MULTI\r\n" + words(args[:n/2]...) + words(slices.Concat(args[:2], args[n/2:])...) + "EXEC\r\n")
		q.expect("pushing", "OK", "QUEUED", "QUEUED", "")
		for i, p := range peers {
			if v := p.receive(); len(v.Elems) != 2 || v.Elems[1].Text() != fmt.Sprint(i) {
				t.Fatalf("client %d got %v", i, v.Strings())
			}
		}
		q.want("EXISTS k", "0")
	})
}

// Monitors see what all others do, whoever runs it.
func testMonitor(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		m, p := enter(), enter()
		m.want("MONITOR", "OK")
		p.want("SET a 1", "OK")
		do(t, e, "GET", "a")
		p.send("MULTI\r\nINCR a\r\nEXEC\r\n")
		p.expect("the transaction", "OK", "QUEUED", "")
		for _, want := range []string{` "SET" "a" "1"`, `in-process] "GET" "a"`, ` "MULTI"`, ` "INCR" "a"`, ` "EXEC"`} {
			if got := text(m.receive()); !strings.HasSuffix(got, want) {
				t.Errorf("monitor shows %q, want …%s", got, want)
			}
		}
		m.want("RESET", "RESET")
		p.want("PING", "PONG")
		m.want("PING", "PONG")
	})
}

// Increments under WATCH by many clients at once: none is lost.
func testWatchedIncrements(t *testing.T) {
	rounds := 100
	if testing.Short() || invariants.Enabled {
		rounds = 30
	}
	e := open(t)
	const clients = 8
	var wg sync.WaitGroup
	for range clients {
		p := dial(t, e)
		wg.Go(func() {
			for done := 0; done < rounds; {
				p.send("WATCH n other\r\nGET n\r\n")
				p.receive()
				n, _ := strconv.Atoi(text(p.receive()))
				p.send("MULTI\r\nSET n " + strconv.Itoa(n+1) + "\r\nINCR total\r\nEXEC\r\n")
				p.receive()
				p.receive()
				p.receive()
				if v := p.receive(); !v.IsNull() {
					done++
				}
			}
		})
	}
	wg.Wait()
	for _, key := range []string{"n", "total"} {
		if got := text(do(t, e, "GET", key)); got != strconv.Itoa(clients*rounds) {
			t.Errorf("%s = %s, want %d", key, got, clients*rounds)
		}
	}
}

// What is queued counts for what a client may send without its being done.
func testQueueIsLimited(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p := enter()
		p.want("MULTI", "OK")
		for range 3 {
			p.send(words("SET", "a", pattern(300<<10)))
			p.expect("within the limit", "QUEUED")
		}
		p.trySend(words("SET", "a", pattern(300<<10)))
		for {
			if _, err := p.r.Read(); err != nil {
				if !ended(err) {
					t.Errorf("the connection ended with %v", err)
				}
				break
			}
		}
		q := enter()
		q.want("EXISTS a", "0")
		q.want("MULTI", "OK")
		q.send(words("SET", "a", pattern(600<<10)))
		q.expect("within the limit", "QUEUED")
		q.want("EXEC", "")
		q.send(words("SET", "a", pattern(600<<10)))
		q.expect("after EXEC nothing is queued", "OK")
	}, "client-query-buffer-limit", "1mb")
}
