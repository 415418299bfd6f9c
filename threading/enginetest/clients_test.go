package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
)

// id returns a client's own number.
func (p *peer) id() string { p.t.Helper(); return text(p.do("CLIENT", "ID")) }

func testKillSelf(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p := enter()
		p.send(words("CLIENT", "KILL", "ID", p.id(), "SKIPME", "no") + "SET dead 1\r\nPING\r\n")
		p.expect("the kill", "1")
		p.wantEnd()
		q := enter()
		q.want("GET dead", "nil")
		q.want("CLIENT KILL ID "+q.id(), "0") // SKIPME is the default
		q.want("PING", "PONG")
	})
	t.Run("old form", func(t *testing.T) {
		e := open(t)
		p := connect(t, listen(t, e))
		p.send(words("CLIENT", "KILL", p.LocalAddr().String()))
		p.expect("the kill", "OK")
		p.wantEnd()
		connect(t, listen(t, e)).want("CLIENT KILL 1.2.3.4:5", "ERR No such client")
	})
}

func testKillByFilter(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	addr := listen(t, e)
	old := connect(t, addr)
	old.want("PING", "PONG")
	m.Advance(time.Minute)
	me := connect(t, addr)
	me.want("PING", "PONG")
	tests := []struct {
		name   string
		filter func(victim *peer) string
	}{
		{"ID", func(v *peer) string { return "ID " + v.id() }},
		{"ADDR", func(v *peer) string { return "ADDR " + v.LocalAddr().String() }},
		{"ID and ADDR", func(v *peer) string { return "ID " + v.id() + " ADDR " + v.LocalAddr().String() }},
		{"USER and ID", func(v *peer) string { return "USER default ID " + v.id() }},
		{"TYPE and ID", func(v *peer) string { return "TYPE normal ID " + v.id() + " SKIPME yes" }},
	}
	for _, tt := range tests {
		v, other := connect(t, addr), connect(t, addr)
		v.want("PING", "PONG") // some loop has accepted it
		me.want("CLIENT KILL "+tt.filter(v), "1")
		v.wantEnd()
		other.want("PING", "PONG")
		other.Close()
	}
	me.want("CLIENT KILL TYPE pubsub", "0")
	me.want("CLIENT KILL ADDR 1.2.3.4:5", "0")
	me.want("CLIENT KILL MAXAGE 30", "1") // the old one
	old.wantEnd()
	a, b := connect(t, addr), dial(t, e)
	a.want("PING", "PONG")
	b.want("PING", "PONG")
	me.want("CLIENT KILL LADDR "+addr, "1") // a: b came by memory, me is spared
	a.wantEnd()
	b.want("PING", "PONG")
	me.want("CLIENT KILL LADDR "+addr+" SKIPME no", "1")
	me.wantEnd()
	b.want("PING", "PONG")
}

func testKillFromInProcess(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		var ps []*peer
		for range 5 {
			p := enter()
			p.want("PING", "PONG")
			ps = append(ps, p)
		}
		if got := text(do(t, e, "CLIENT", "KILL", "TYPE", "normal")); got != "5" {
			t.Errorf("killed %s, want 5", got)
		}
		for _, p := range ps {
			p.wantEnd()
		}
		p := enter()
		if got := p.info("connected_clients"); got != "1" {
			t.Errorf("connected_clients:%s, want 1", got)
		}
	})
}

func testKillWithOutputPending(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		q, p := enter(), enter()
		q.send(words("SET", "big", pattern(8<<20)))
		q.expect("SET", "OK")
		id := p.id()
		p.send("GET big\r\n")
		q.want("PING", "PONG")
		q.want("CLIENT KILL ID "+id, "1")
		for err := error(nil); err == nil; {
			_, err = p.Read(make([]byte, 1<<20))
			if err != nil && !ended(err) {
				t.Errorf("the killed client sees %v", err)
			}
		}
		if got := q.info("connected_clients"); got != "2" {
			t.Errorf("connected_clients:%s, want 2", got)
		}
	})
}

// hold keeps the loops from looking at sockets until the returned function is
// called: what clients send meanwhile is found in one turn, in their order.
func hold(e engine) (release func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	for _, lp := range e.Loops() {
		all.Add(1)
		lp.Post(func() { all.Done(); <-over }, all.Done)
	}
	all.Wait()
	return func() { close(over) }
}

// A killed client's commands are not executed, not even those that had arrived.
func testTheKilledDoNothingMore(t *testing.T) {
	e := open(t)
	q, p := dial(t, e), dial(t, e)
	q.want("PING", "PONG")
	id := p.id()
	release := hold(e)
	q.send(words("CLIENT", "KILL", "ID", id))
	p.send("SET dead 1\r\n")
	release()
	q.expect("the kill", "1")
	p.wantEnd()
	q.want("GET dead", "nil")
}

func testPauseAll(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p, q := enter(), enter()
		q.want("PING", "PONG")
		start := time.Now()
		p.send("SET a 1\r\nCLIENT PAUSE 100 ALL\r\nINCR a\r\nPING\r\n")
		p.expect("before the pause", "OK", "OK")
		q.send("INCR b\r\nGET b\r\n")
		p.expect("after", "2", "PONG")
		if took := time.Since(start); took < 100*time.Millisecond {
			t.Errorf("paused for %v, want 100ms", took)
		}
		q.expect("after", "1", "1")
	})
}

func testPauseWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p, q, r := enter(), enter(), enter()
		p.want("SET a 1", "OK")
		p.want("CLIENT PAUSE 60000 WRITE", "OK")
		p.want("GET a", "1")
		q.send("GET a\r\nINCR a\r\nGET a\r\n")
		q.expect("a read", "1")
		q.silent() // the read behind the write waits with it
		r.want("GET a", "1")
		p.want("CLIENT UNPAUSE", "OK")
		q.expect("after", "2", "2")
		r.want("INCR a", "3")
	})
}

// Whoever ended his side while his command was on its way into a pause is answered after it.
func testPausedHalfClosed(t *testing.T) {
	sockets(t, func(t *testing.T, e engine, enter func() *peer) {
		setup := enter()
		replies := map[string]int{}
		for range 10 {
			setup.want("CLIENT PAUSE 1000000 WRITE", "OK")
			var ps []*peer
			for range 50 {
				p := enter()
				p.send("INCR n\r\n")
				p.closeWrite()
				ps = append(ps, p)
			}
			setup.want("CLIENT UNPAUSE", "OK")
			for _, p := range ps {
				replies[text(p.receive())]++
				p.wantEnd()
			}
		}
		setup.want("GET n", "500")
		if len(replies) != 500 {
			t.Errorf("%d different replies to 500 increments", len(replies))
		}
	})
}

// Who is held goes on when the pause ends, not when his loop's periodic work is due: so many
// pauses would take longer than a test may.
func testManyPauses(t *testing.T) {
	e := open(t, "hz", "1")
	addr := listen(t, e)
	q := connect(t, addr)
	var ps []*peer
	for range 3 {
		ps = append(ps, connect(t, addr))
	}
	for range 300 {
		q.want("CLIENT PAUSE 2 WRITE", "OK")
		for _, p := range ps {
			p.send("SET a 1\r\n")
		}
		for _, p := range ps {
			p.expect("after a pause", "OK")
		}
	}
}

func testPauseOnASteppedClock(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	p, q := dial(t, e), dial(t, e)
	p.want("CLIENT PAUSE 1000 WRITE", "OK")
	p.want("CLIENT PAUSE 3000 WRITE", "OK") // extends
	p.want("CLIENT PAUSE 10 WRITE", "OK")   // does not shorten
	q.send("INCR a\r\n")
	m.Advance(2999 * time.Millisecond)
	q.silent()
	m.Advance(time.Millisecond)
	q.expect("after the pause", "1")

	p.want("CLIENT PAUSE 1000 WRITE", "OK")
	p.want("CLIENT PAUSE 10 ALL", "OK") // all, for the longer time
	q.send("PING\r\n")
	m.Advance(500 * time.Millisecond)
	q.silent()
	m.Advance(500 * time.Millisecond)
	q.expect("after the pause", "PONG")
}

// In-process callers wait as clients do, and no longer than their context.
func testPausedInProcess(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	call := func(ctx context.Context, args ...string) error {
		cl := e.Attach()
		defer e.Detach(cl)
		var bs [][]byte
		for _, a := range args {
			bs = append(bs, []byte(a))
		}
		return e.Do(ctx, cl, bs)
	}
	background := func(ctx context.Context, args ...string) chan error {
		c := make(chan error, 1)
		go func() { c <- call(ctx, args...) }()
		return c
	}
	pending := func(c chan error) {
		t.Helper()
		select {
		case err := <-c:
			t.Fatalf("a paused call returned %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	do(t, e, "CLIENT", "PAUSE", "1000", "WRITE")
	if got := text(do(t, e, "GET", "a")); got != "nil" {
		t.Errorf("a read during a pause for writes: %s", got)
	}
	a := background(t.Context(), "INCR", "a")
	pending(a)
	do(t, e, "CLIENT", "PAUSE", "5000", "WRITE")
	m.Advance(2 * time.Second) // the first pause would be over
	pending(a)
	ctx, cancel := context.WithCancel(t.Context())
	b := background(ctx, "INCR", "b")
	pending(b)
	cancel()
	if err := <-b; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call returned %v", err)
	}
	m.Advance(3 * time.Second)
	if err := <-a; err != nil {
		t.Error(err)
	}
	do(t, e, "CLIENT", "PAUSE", "100000", "WRITE")
	a = background(t.Context(), "INCR", "a")
	pending(a)
	do(t, e, "CLIENT", "UNPAUSE")
	if err := <-a; err != nil {
		t.Error(err)
	}
	do(t, e, "CLIENT", "PAUSE", "100000", "ALL")
	a = background(t.Context(), "GET", "a")
	pending(a)
	e.Close()
	if err := <-a; err != threading.ErrClosed {
		t.Errorf("a call paused when the engine closed returned %v", err)
	}
}

// Typed calls that write wait as well, those that read do not.
func testPausedTyped(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	do(t, e, "CLIENT", "PAUSE", "1000", "WRITE")
	read := e.OwnTyped([]byte("a"), false)
	if read.Exists(0, []byte("a")) {
		t.Error("a key that nobody set")
	}
	e.ReleaseSet(read)
	incr := func() chan int64 {
		c := make(chan int64, 1)
		go func() {
			x := e.OwnTyped([]byte("a"), true)
			if x == nil {
				c <- -1
				return
			}
			n, _ := x.Incr(0, []byte("a"), 1)
			e.ReleaseSet(x)
			c <- n
		}()
		return c
	}
	pending := func(c chan int64) {
		t.Helper()
		select {
		case n := <-c:
			t.Fatalf("a paused call returned %d", n)
		case <-time.After(20 * time.Millisecond):
		}
	}
	a := incr()
	pending(a)
	m.Advance(time.Second)
	if n := <-a; n != 1 {
		t.Errorf("after the pause: %d", n)
	}
	do(t, e, "CLIENT", "PAUSE", "1000000", "WRITE")
	b := incr()
	pending(b)
	do(t, e, "CLIENT", "UNPAUSE")
	if n := <-b; n != 2 {
		t.Errorf("after UNPAUSE: %d", n)
	}
	do(t, e, "CLIENT", "PAUSE", "1000000", "ALL")
	c := incr()
	pending(c)
	e.Close()
	if n := <-c; n != -1 {
		t.Errorf("after Close: %d", n)
	}
}

// While clients are paused nothing expires and nothing is evicted.
func testNothingExpiresInAPause(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	p := dial(t, e)
	p.want("SET a 1 PX 100", "OK")
	p.want("CLIENT PAUSE 10000 WRITE", "OK")
	m.Advance(time.Second)
	p.want("DBSIZE", "1")
	m.Advance(10 * time.Second)
	p.want("DBSIZE", "0")
}

func testReplyModes(t *testing.T) {
	tests := []struct{ name, stream, replies string }{
		{"off and on", "PING\r\nCLIENT REPLY OFF\r\nPING\r\nSET a 1\r\nNOPE\r\nCLIENT REPLY ON\r\nGET a\r\n",
			"+PONG\r\n+OK\r\n$1\r\n1\r\n"},
		{"skip", "CLIENT REPLY SKIP\r\nINCR n\r\nINCR n\r\nCLIENT REPLY SKIP\r\nNOPE\r\nPING\r\n", ":2\r\n+PONG\r\n"},
		{"skip skip", "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n", "+PONG\r\n"},
		{"skip while off", "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n"},
		{"reset", "CLIENT REPLY OFF\r\nPING\r\nRESET\r\nPING\r\n", "+RESET\r\n+PONG\r\n"},
		{"quit", "CLIENT REPLY OFF\r\nQUIT\r\n", ""},
		{"protocol error", "PING\r\nCLIENT REPLY OFF\r\nPING\r\n*x\r\n", "+PONG\r\n"},
	}
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		for _, tt := range tests {
			p := enter()
			p.want("DEL n", "0")
			p.send(tt.stream)
			p.expectRaw(tt.name, tt.replies)
			switch tt.name {
			case "quit", "protocol error":
				p.wantEnd()
			default:
				p.silent()
				p.want("DEL n", map[bool]string{true: "1", false: "0"}[strings.Contains(tt.stream, "INCR n")])
			}
		}
	})
}

// testQuitLeavesNothing: once QUIT is answered, nobody finds the client's subscriptions
// any more, whichever loop looks.
func testQuitLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		q := enter()
		for range 50 {
			p := enter()
			p.send("SUBSCRIBE ch\r\nQUIT\r\n")
			p.expectRaw("quit", "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n+OK\r\n")
			q.want("PUBLISH ch m", "0")
			p.wantEnd()
		}
	})
}

func testNoTouch(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m)
	p := dial(t, e)
	p.want("SET a 1", "OK")
	p.want("CLIENT NO-TOUCH on", "OK")
	m.Advance(10 * time.Second)
	p.want("GET a", "1")
	p.want("OBJECT IDLETIME a", "10")
	p.want("TOUCH a", "1") // TOUCH does, all the same
	p.want("OBJECT IDLETIME a", "0")
	m.Advance(10 * time.Second)
	p.want("CLIENT NO-TOUCH off", "OK")
	p.want("GET a", "1")
	p.want("OBJECT IDLETIME a", "0")
}

func testClientList(t *testing.T) {
	m := clock.NewManual(time.Now()) // stands still: nobody grows older
	everywhereOn(t, m, func(t *testing.T, e engine, enter func() *peer) {
		p, q := enter(), enter()
		q.want("SELECT 3", "OK")
		q.want("CLIENT SETNAME q", "OK")
		q.want("CLIENT SETINFO lib-name redcli", "OK")
		q.want("CLIENT NO-EVICT on", "OK")
		id := q.id()
		q.send("*2\r\n$4\r\nECHO\r\n$100\r\nabc") // begins another
		list := ""
		eventually(t, "its bytes are there", func() bool {
			list = p.do("CLIENT", "LIST", "ID", id).Text()
			return fields(list)["qbuf"] != "0"
		})
		f := fields(list)
		for name, want := range map[string]string{
			"id": id, "name": "q", "age": "0", "idle": "0", "flags": "e", "db": "3", "sub": "0", "psub": "0",
			"ssub": "0", "multi": "-1", "watch": "0", "qbuf": "23", "obl": "0", "oll": "0", "omem": "0",
			"events": "r", "cmd": "client|id", "user": "default", "redir": "-1", "resp": "2",
			"lib-name": "redcli", "lib-ver": "", "laddr": f["laddr"], "addr": f["addr"],
		} {
			if name == "flags" && strings.HasPrefix(q.LocalAddr().Network(), "unix") {
				want = "Ue"
			}
			if got, ok := f[name]; !ok || got != want {
				t.Errorf("%s=%s, want %s, in\n%s", name, got, want, list)
			}
		}
		const order = "id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf qbuf-free argv-mem " +
			"multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp lib-name lib-ver"
		var names []string
		for _, s := range strings.Fields(list) {
			name, _, _ := strings.Cut(s, "=")
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != order {
			t.Errorf("fields\n%s\nwant\n%s", got, order)
		}
		if q.LocalAddr().Network() == "tcp" && (f["addr"] != q.LocalAddr().String() || f["laddr"] != q.RemoteAddr().String()) {
			t.Errorf("addr=%s laddr=%s, want %s, %s", f["addr"], f["laddr"], q.LocalAddr(), q.RemoteAddr())
		}
		own := fields(p.do("CLIENT", "INFO").Text())
		if own["id"] != p.id() || own["cmd"] != "client|info" {
			t.Errorf("CLIENT INFO: %v", own)
		}
		if n := strings.Count(p.do("CLIENT", "LIST", "TYPE", "normal").Text(), "\n"); n != 2 {
			t.Errorf("%d clients listed, want 2", n)
		}
	})
}

func testSelectIsTheClients(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p, q := enter(), enter()
		p.send("SET a 0\r\nSELECT 1\r\nSET a 1\r\nSELECT 16\r\nGET a\r\nSELECT 0\r\nGET a\r\nSELECT 1\r\n")
		p.expect("a pipeline", "OK", "OK", "OK", "ERR DB index is out of range", "1", "OK", "0", "OK")
		q.want("GET a", "0")
		p.want("GET a", "1")
		p.want("RESET", "RESET")
		p.want("GET a", "0")
	})
}

func testQuit(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p := enter()
		p.send("SET a 1\r\nQUIT\r\nSET a 2\r\nPING\r\n")
		p.expect("up to QUIT", "OK", "OK")
		p.wantEnd()
		q := enter()
		q.want("GET a", "1")
		if got := q.info("connected_clients"); got != "1" {
			t.Errorf("connected_clients:%s, want 1", got)
		}
	})
}

func testHelloSwitchesThere(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p := enter()
		p.send("GET none\r\nHELLO 3\r\nGET none\r\nHELLO 2\r\nGET none\r\nHELLO 4\r\nHELLO 3 SETNAME x\r\nRESET\r\nGET none\r\n")
		id := p.idOf()
		hello := func(kind string, n, proto int) string {
			return fmt.Sprintf("%s%d\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$%d\r\n%s\r\n$5\r\nproto\r\n:%d\r\n"+
				"$2\r\nid\r\n:%s\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
				kind, n, len(command.DefaultVersion), command.DefaultVersion, proto, id)
		}
		p.expectRaw("both protocols", "$-1\r\n"+hello("%", 7, 3)+"_\r\n"+hello("*", 14, 2)+"$-1\r\n"+
			"-NOPROTO unsupported protocol version\r\n"+hello("%", 7, 3)+"+RESET\r\n$-1\r\n")
	})
}

// idOf returns the number of the only client.
func (p *peer) idOf() string { return "1" }

func testAuthentication(t *testing.T) {
	many := words(strings.Fields("MGET 1 2 3 4 5 6 7 8 9 10")...) // 11 arguments
	long := words("ECHO", strings.Repeat("x", 16<<10+1))
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		refused := func(stream string, replies ...string) {
			t.Helper()
			p := enter()
			p.trySend(stream + "PING\r\n")
			p.expect("a stranger", replies...)
			p.wantEnd()
		}
		const noAuth = "NOAUTH Authentication required."
		refused("PING\r\n"+many, noAuth, "ERR Protocol error: unauthenticated multibulk length")
		refused(long, "ERR Protocol error: unauthenticated bulk length")
		p := enter()
		p.send("GET a\r\nAUTH wrong\r\nAUTH secret\r\n" + many + long + "PING\r\n")
		p.expect("AUTH in a pipeline", noAuth,
			"WRONGPASS invalid username-password pair or user is disabled.", "OK")
		if v := p.receive(); len(v.Elems) != 10 {
			t.Errorf("MGET: %v", v)
		}
		p.expect("and on", strings.Repeat("x", 16<<10+1), "PONG")
		p.send("HELLO 3 AUTH default secret\r\nRESET\r\nPING\r\n")
		p.receive()
		p.expect("RESET forgets", "RESET", noAuth)
		q := enter()
		q.send("HELLO 3 AUTH default secret\r\n" + many)
		q.receive()
		if v := q.receive(); len(v.Elems) != 10 {
			t.Errorf("MGET: %v", v)
		}
		q.want("CONFIG SET requirepass \"\"", "OK")
		if got := text(do(t, e, "PING")); got != "PONG" {
			t.Errorf("in process: %s", got)
		}
	}, "requirepass", "secret")
	t.Run("lifted", func(t *testing.T) {
		e := open(t, "requirepass", "secret")
		p := dial(t, e)
		p.want("PING", "NOAUTH Authentication required.")
		if got := text(do(t, e, "CONFIG", "SET", "requirepass", "")); got != "OK" {
			t.Fatal(got)
		}
		p.want("PING", "PONG")
		eventually(t, "limits are lifted", func() bool { return p.do("PING").Err() == nil })
		p.send(many)
		if v := p.receive(); len(v.Elems) != 10 {
			t.Errorf("MGET: %v", v)
		}
	})
}
