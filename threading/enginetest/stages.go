package enginetest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
)

// A Listener is an engine that can be connected to over TCP: what connections in memory
// cannot do, such as being closed on one side only, is checked there.
type Listener interface {
	Addr() string
}

// A Stopper is an engine that ends when what has begun is done.
type Stopper interface {
	Shutdown(ctx context.Context) error
}

// patience is how long anything may take that must happen.
const patience = 2 * time.Minute

// A peer is one side of a connection, as a check plays it.
type peer struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func enter(t testing.TB, e Engine) *peer {
	t.Helper()
	c := dial(t, e)
	return &peer{c, t, bufio.NewReaderSize(c, 64<<10)}
}

// enterTCP is enter over a socket, if the engine has one.
func enterTCP(t testing.TB, e Engine) *peer {
	t.Helper()
	l, ok := e.(Listener)
	if !ok {
		t.Skip("the engine has no Addr")
	}
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * patience)) // for a whole check
	return &peer{c, t, bufio.NewReaderSize(c, 64<<10)}
}

// send sends a command without waiting for its reply.
func (p *peer) send(words ...string) {
	p.t.Helper()
	if _, err := p.Write(appendWords(nil, words...)); err != nil {
		p.t.Fatalf("sending %.40q: %v", words, err)
	}
}

// receive reads a reply.
func (p *peer) receive() string {
	p.t.Helper()
	raw, err := transcript.ReadRaw(p.r)
	if err != nil {
		p.t.Fatalf("reading a reply: %v", err)
	}
	return string(raw)
}

// do sends a command and returns its reply.
func (p *peer) do(words ...string) string {
	p.t.Helper()
	p.send(words...)
	return p.receive()
}

// want sends a command and compares its reply.
func (p *peer) want(reply string, words ...string) {
	p.t.Helper()
	if got := p.do(words...); got != reply {
		p.t.Fatalf("%.60q: %.100q, want %.100q", words, got, reply)
	}
}

// text is the reply to a command, without its form.
func (p *peer) text(words ...string) string {
	p.t.Helper()
	v, _, err := resp.Parse([]byte(p.do(words...)))
	if err != nil {
		p.t.Fatal(err)
	}
	return v.Text()
}

// ends reads until the connection ends, and fails when it does not.
func (p *peer) ends() {
	p.t.Helper()
	p.SetDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, p.r); errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Error("the connection does not end")
	}
}

// info returns a field of INFO.
func (p *peer) info(field string) string {
	p.t.Helper()
	for line := range strings.SplitSeq(p.text("INFO", "everything"), "\r\n") {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return value
		}
	}
	p.t.Fatalf("INFO has no %s", field)
	return ""
}

// alone waits until p is the only client.
func (p *peer) alone() {
	p.t.Helper()
	for start := time.Now(); p.info("connected_clients") != "1"; time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			p.t.Fatalf("connected_clients:%s, want 1:\n%s", p.info("connected_clients"), p.text("CLIENT", "LIST"))
		}
	}
}

// numbered is a pipeline whose replies are the numbers from first to last: INCR of a key
// of its own.
func numbered(key string, first, last int) (stream, replies []byte) {
	for i := first; i <= last; i++ {
		stream = appendWords(stream, "INCR", key)
		replies = fmt.Appendf(replies, ":%d\r\n", i)
	}
	return stream, replies
}

// runOrder has many clients with pipelines at once, cut into packets anywhere: each
// must get all its replies, in order, and none of another's.
func runOrder(t *testing.T, e Engine) {
	const clients, commands = 12, 3000
	var all sync.WaitGroup
	for id := range clients {
		c := dial(t, e)
		stream, want := numbered(fmt.Sprint("order:", id), 1, commands)
		all.Go(func() {
			for len(stream) > 0 {
				n := min(1+rand.IntN(1<<rand.IntN(14)), len(stream))
				if _, err := c.Write(stream[:n]); err != nil {
					t.Errorf("client %d: %v", id, err)
					return
				}
				stream = stream[n:]
				if rand.IntN(20) == 0 {
					runtime.Gosched()
				}
			}
		})
		all.Go(func() {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil {
				t.Errorf("client %d: %v", id, err)
				return
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("client %d, after %d bytes: %.40q, want %.40q", id, i, got[i:], want[i:])
					return
				}
			}
		})
	}
	all.Wait()
}

// runAtomic has writers set several keys to one value, and readers see whether they ever
// differ; and transfers between accounts, whose sum must stay.
func runAtomic(t *testing.T, e Engine) {
	const accounts, rounds = 10, 300
	p := enter(t, e)
	for i := range accounts {
		p.want("+OK\r\n", "SET", fmt.Sprint("account:", i), "100")
	}
	p.want("+OK\r\n", "MSET", "a", "0", "b", "0", "c", "0")
	var all sync.WaitGroup
	for id := range 3 {
		w, r := enter(t, e), enter(t, e)
		all.Go(func() {
			for i := range rounds {
				v := fmt.Sprint(id, "-", i)
				if got := w.do("MSET", "a", v, "b", v, "c", v); got != "+OK\r\n" {
					t.Errorf("MSET: %q", got)
					return
				}
				from, to, n := rand.IntN(accounts), rand.IntN(accounts), strconv.Itoa(1+rand.IntN(5))
				b := appendWords(nil, "MULTI")
				b = appendWords(b, "DECRBY", fmt.Sprint("account:", from), n)
				b = appendWords(b, "INCRBY", fmt.Sprint("account:", to), n)
				w.Write(appendWords(b, "EXEC"))
				for range 4 {
					if got := w.receive(); got[0] == '-' {
						t.Errorf("a transfer: %q", got)
						return
					}
				}
			}
		})
		all.Go(func() {
			names := []string{"MGET"}
			for i := range accounts {
				names = append(names, fmt.Sprint("account:", i))
			}
			for range rounds {
				v := elements(t, r.do("MGET", "a", "b", "c"))
				if len(v) != 3 || v[0] != v[1] || v[1] != v[2] {
					t.Errorf("MGET between two MSETs: %v", v)
					return
				}
				sum := 0
				for _, n := range elements(t, r.do(names...)) {
					k, _ := strconv.Atoi(n)
					sum += k
				}
				if sum != accounts*100 {
					t.Errorf("the accounts sum up to %d in the middle of a transfer, want %d", sum, accounts*100)
					return
				}
			}
		})
	}
	all.Wait()
}

func elements(t testing.TB, reply string) (texts []string) {
	v, _, err := resp.Parse([]byte(reply))
	if err != nil {
		t.Error(err)
	}
	for _, x := range v.Elems {
		texts = append(texts, x.Text())
	}
	return texts
}

// stages are where a client can be on its way when something happens to it.
var stages = []struct {
	name  string
	enter func(p *peer)
}{
	{"idle", func(p *peer) {}},
	{"inside a command", func(p *peer) { io.WriteString(p, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc") }},
	{"inside a big argument", func(p *peer) {
		io.WriteString(p, "*2\r\n$4\r\nECHO\r\n$10000000\r\n"+strings.Repeat("x", 100_000))
	}},
	{"with a pipeline on its way", func(p *peer) {
		stream, _ := numbered("stage", 1, 10_000)
		go p.Write(stream)
	}},
	{"replying", func(p *peer) {
		p.Write(bytes.Repeat(appendWords(nil, "GET", "big"), 10))
	}},
	{"stalled", func(p *peer) {
		go p.Write(bytes.Repeat(appendWords(nil, "GET", "big"), 200))
	}},
	{"waiting for a key", func(p *peer) { p.send("BLPOP", "nothing", "0") }},
	{"waiting, with more to do", func(p *peer) {
		stream, _ := numbered("behind", 1, 100)
		p.Write(append(appendWords(nil, "BLPOP", "nothing", "0"), stream...))
	}},
	{"in a transaction", func(p *peer) {
		p.send("MULTI")
		p.send("INCR", "never")
	}},
	{"subscribed", func(p *peer) { p.send("SUBSCRIBE", "news") }},
}

// runKills kills clients at every stage of their way. Their connections end, they are
// forgotten, and others notice nothing.
func runKills(t *testing.T, e Engine) { runEnds(t, e, kill) }

func kill(t *testing.T, me, victim *peer, id string) {
	if got := me.do("CLIENT", "KILL", "ID", id); got != ":1\r\n" {
		t.Errorf("CLIENT KILL: %q", got)
	}
	victim.ends()
}

// runDeaths has clients go at every stage of their way, without a word.
func runDeaths(t *testing.T, e Engine) {
	runEnds(t, e, func(t *testing.T, me, victim *peer, id string) { victim.Close() })
}

func runEnds(t *testing.T, e Engine, end func(t *testing.T, me, victim *peer, id string)) {
	me := enter(t, e)
	me.want("+OK\r\n", "SET", "big", strings.Repeat("big", 1<<20/3))
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			for round := range rounds {
				me.t = t
				victim := enter(t, e)
				id := victim.text("CLIENT", "ID")
				s.enter(victim)
				switch round % 3 { // at once, in the middle, when it has settled
				case 1:
					me.want("+PONG\r\n", "PING")
				case 2:
					time.Sleep(5 * time.Millisecond)
				}
				end(t, me, victim, id)
				me.alone()
			}
			me.want("$-1\r\n", "GET", "never")
			me.want(":0\r\n", "PUBLISH", "news", "hello")
			me.do("RPUSH", "nothing", "something") // is taken by nobody
			me.want("$9\r\nsomething\r\n", "LPOP", "nothing")
		})
	}
}

// runHalfCloses ends one side of a conversation at several stages: what was asked is
// answered all the same.
func runHalfCloses(t *testing.T, e Engine) {
	me := enterTCP(t, e)
	big := strings.Repeat("big", 1<<20/3)
	me.want("+OK\r\n", "SET", "big", big)
	for _, n := range []int{1, 3, 200} {
		for range 5 {
			p := enterTCP(t, e)
			me.do("DEL", "half")
			stream, want := numbered("half", 1, n)
			stream = append(stream, bytes.Repeat(appendWords(nil, "GET", "big"), n%100)...)
			want = append(want, bytes.Repeat(fmt.Appendf(nil, "$%d\r\n%s\r\n", len(big), big), n%100)...)
			p.Write(stream)
			p.Conn.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(p.r)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d commands and the end: %d bytes of replies, %v; want %d", n, len(got), err, len(want))
			}
		}
	}
	me.alone()
}

// runLimits has a client that never reads run into the limit on its output, and others
// beside it that do.
func runLimits(t *testing.T, e Engine) {
	me := enter(t, e)
	me.want("+OK\r\n", "SET", "big", strings.Repeat("big", 1<<20/3))
	me.want("+OK\r\n", "CONFIG", "SET", "client-output-buffer-limit", "normal 3mb 0 0")
	for i := range 10 {
		hog := enter(t, e)
		go hog.Write(bytes.Repeat(appendWords(nil, "GET", "big"), 50))
		for start := time.Now(); me.info("client_output_buffer_limit_disconnections") != strconv.Itoa(i+1); {
			if time.Since(start) > patience {
				t.Fatalf("a client that never reads is still there:\n%s", me.text("CLIENT", "LIST"))
			}
		}
		hog.ends()
	}
	me.alone()
	me.want("+OK\r\n", "CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0")
}

// runShutdown ends an engine while commands are on their way: each client gets replies
// to the first so many of its commands, whole, and then the end.
func runShutdown(t *testing.T, open func(t testing.TB) Engine) {
	rounds, commands := 5, 20_000
	if testing.Short() {
		rounds, commands = 3, 5_000
	}
	const clients = 8
	for round := range rounds {
		e := open(t)
		s, ok := e.(Stopper)
		if !ok {
			t.Skip("the engine has no Shutdown")
		}
		var all sync.WaitGroup
		begun := make(chan struct{}, clients)
		for id := range clients {
			c := dial(t, e)
			stream, want := numbered(fmt.Sprint("shutdown:", id), 1, commands)
			all.Go(func() {
				for len(stream) > 0 {
					n := min(1000, len(stream))
					if _, err := c.Write(stream[:n]); err != nil {
						return // the end
					}
					stream = stream[n:]
				}
			})
			all.Go(func() {
				first := make([]byte, 1)
				io.ReadFull(c, first)
				begun <- struct{}{}
				rest, err := io.ReadAll(c)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("client %d: the connection does not end", id)
				}
				got := append(first, rest...)
				if len(got) > len(want) || !bytes.Equal(got, want[:len(got)]) || !bytes.HasSuffix(got, []byte("\r\n")) {
					t.Errorf("client %d: %d bytes of replies that end in %.20q", id, len(got), got[max(len(got)-20, 0):])
				}
			})
		}
		for range clients {
			<-begun
		}
		time.Sleep(time.Duration(round) * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		cancel()
		all.Wait()
		if c, err := e.Dial(); err == nil {
			c.SetDeadline(time.Now().Add(time.Second))
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("%d bytes from an engine that has shut down", n)
			}
			c.Close()
		}
	}
}

// onOneProcessor runs a check with a single processor: whoever waits there by looking
// again and again waits for somebody who cannot run.
func onOneProcessor(t *testing.T, check func(t *testing.T)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	start := time.Now()
	check(t)
	t.Logf("on one processor: %v", time.Since(start))
}

// leavesNothing runs a check and then waits for the goroutines that it and its engines
// started to be gone.
func leavesNothing(t *testing.T, check func(t *testing.T)) {
	before := runtime.NumGoroutine()
	t.Run("engine", check)
	NoMoreGoroutines(t, before)
}
