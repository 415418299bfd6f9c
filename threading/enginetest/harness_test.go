package enginetest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/enginetest"
)

// patience is how long anything in these tests may take.
const patience = 2 * time.Minute

// open starts an engine of the model under test on the system's clock; params are names and values of
// parameters. It is closed when the test ends, and must leave no goroutine.
func open(t testing.TB, params ...string) engine {
	t.Helper()
	return openOn(t, nil, params...)
}

// openOn is open with a clock.
func openOn(t testing.TB, c clock.Clock, params ...string) engine {
	t.Helper()
	return openWith(t, c, "", params...)
}

// openWith is openOn with a redis.conf and what it names.
func openWith(t testing.TB, c clock.Clock, file string, params ...string) engine {
	t.Helper()
	args := []string{"--enable-debug-command", "yes"}
	for name, value := range under.params {
		args = append(args, "--"+name, value)
	}
	for i := 0; i < len(params); i += 2 {
		args = append(args, "--"+params[i], params[i+1])
	}
	conf := config.New(config.Options{})
	if err := conf.Load(config.Source{File: file, Options: config.ParseArgs(args).Options}); err != nil {
		t.Fatal(err)
	}
	users, err := acl.Start(acl.Options{}, conf.RequirePass, nil, conf.ACLFile)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	e := under.open(threading.Options{Config: conf, Clock: c, Stress: stress, Users: users})
	t.Cleanup(func() {
		e.Close()
		enginetest.NoMoreGoroutines(t, before)
	})
	return e
}

// listen serves a TCP port of the loopback interface.
func listen(t testing.TB, e engine) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, e, l)
	return l.Addr().String()
}

// listenUnix serves a unix socket.
func listenUnix(t testing.TB, e engine) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, e, l)
	return l.Addr().String()
}

func serve(t testing.TB, e engine, l net.Listener) {
	served := make(chan error, 1)
	go func() { served <- e.Serve(l) }()
	t.Cleanup(func() {
		e.Close()
		if err := <-served; err != threading.ErrClosed {
			t.Errorf("Serve: %v, want ErrClosed", err)
		}
	})
}

// A peer is a client as the test plays it.
type peer struct {
	t testing.TB
	net.Conn
	r *resp.Reader
}

func newPeer(t testing.TB, c net.Conn, err error) *peer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * patience)) // for a whole test
	return &peer{t, c, resp.NewReader(c)}
}

// dial connects in memory.
func dial(t testing.TB, e engine) *peer {
	t.Helper()
	c, err := e.Dial()
	return newPeer(t, c, err)
}

// connect connects over a socket, tcp or unix as the address looks.
func connect(t testing.TB, addr string) *peer {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, addr)
	return newPeer(t, c, err)
}

// everywhere runs the test over each kind of connection.
func everywhere(t *testing.T, test func(t *testing.T, e engine, enter func() *peer), params ...string) {
	everywhereOn(t, nil, test, params...)
}

// everywhereOn is everywhere with a clock.
func everywhereOn(t *testing.T, c clock.Clock, test func(t *testing.T, e engine, enter func() *peer), params ...string) {
	t.Run("memory", func(t *testing.T) {
		e := openOn(t, c, params...)
		test(t, e, func() *peer { return dial(t, e) })
	})
	t.Run("tcp", func(t *testing.T) {
		e := openOn(t, c, params...)
		addr := listen(t, e)
		test(t, e, func() *peer { return connect(t, addr) })
	})
	t.Run("unix", func(t *testing.T) {
		e := openOn(t, c, params...)
		path := listenUnix(t, e)
		test(t, e, func() *peer { return connect(t, path) })
	})
}

// words encodes a command.
func words(args ...string) string { return string(resp.AppendCommand(nil, args...)) }

// send writes raw bytes.
func (p *peer) send(raw string) {
	p.t.Helper()
	if _, err := io.WriteString(p, raw); err != nil {
		p.t.Fatalf("writing %.40q: %v", raw, err)
	}
}

// trySend writes raw bytes that the engine may not want.
func (p *peer) trySend(raw string) { io.WriteString(p, raw) }

// receive reads one reply.
func (p *peer) receive() resp.Value {
	p.t.Helper()
	v, err := p.r.Read()
	if err != nil {
		p.t.Fatalf("reading a reply: %v", err)
	}
	return v
}

// do sends a command and reads its reply.
func (p *peer) do(args ...string) resp.Value {
	p.t.Helper()
	p.send(words(args...))
	return p.receive()
}

// want sends a line's command and compares the reply's text: "OK", "12", "nil",
// or the text of an error.
func (p *peer) want(line, reply string) {
	p.t.Helper()
	p.send(words(strings.Fields(line)...))
	p.expect(line, reply)
}

// expect reads replies and compares their texts.
func (p *peer) expect(what string, replies ...string) {
	p.t.Helper()
	for _, want := range replies {
		if got := text(p.receive()); got != want {
			p.t.Fatalf("%s: got %.200q, want %.200q", what, got, want)
		}
	}
}

// text is a reply in a form to compare.
func text(v resp.Value) string {
	switch {
	case v.Err() != nil:
		return v.Err().Error()
	case v.IsNull():
		return "nil"
	}
	return v.Text()
}

// wantEnd reads up to the end of the connection and fails if there was more.
func (p *peer) wantEnd() {
	p.t.Helper()
	if v, err := p.r.Read(); err == nil {
		p.t.Fatalf("got %.100q, want the end of the connection", text(v))
	} else if !ended(err) {
		p.t.Fatalf("the connection ended with %v", err)
	}
}

// ended reports whether err is a way for a connection to end.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.EPIPE)
}

// silent fails the test if something arrives within a moment.
func (p *peer) silent() {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if v, err := p.r.Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("got %.100q, %v, want silence", text(v), err)
	}
	p.SetReadDeadline(time.Now().Add(2 * patience))
}

// fields reads a line of CLIENT LIST or a section of INFO.
func fields(s string) map[string]string {
	m := map[string]string{}
	for _, f := range strings.Fields(s) {
		if i := strings.IndexAny(f, "=:"); i > 0 {
			m[f[:i]] = f[i+1:]
		}
	}
	return m
}

// info reads a field of INFO.
func (p *peer) info(field string) string {
	p.t.Helper()
	v, ok := fields(p.do("INFO", "everything").Text())[field]
	if !ok {
		p.t.Fatalf("INFO has no %s", field)
	}
	return v
}

// do runs a command in process.
func do(t testing.TB, e engine, args ...string) resp.Value {
	t.Helper()
	cl := e.Attach()
	defer e.Detach(cl)
	bs := make([][]byte, len(args))
	for i, a := range args {
		bs[i] = []byte(a)
	}
	if err := e.Do(t.Context(), cl, bs); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	v, _, err := resp.Parse(cl.Out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A bystander is a client that pings all the time, and must always be answered.
type bystander struct {
	stop chan struct{}
	done sync.WaitGroup
	n    int
	max  time.Duration
	err  error
}

// watch starts a bystander, once it has been answered: it is a client by then. It
// reports when the test ends, or before by end.
func watch(t testing.TB, p *peer) *bystander {
	p.want("PING", "PONG")
	b := &bystander{stop: make(chan struct{})}
	b.done.Go(func() {
		for {
			select {
			case <-b.stop:
				if b.n > 0 { // once at least, however short the test
					return
				}
			default:
			}
			start := time.Now()
			p.SetDeadline(start.Add(patience))
			if _, b.err = io.WriteString(p, "PING\r\n"); b.err != nil {
				return
			}
			var v resp.Value
			if v, b.err = p.r.Read(); b.err == nil && text(v) != "PONG" {
				b.err = fmt.Errorf("PING: %q", text(v))
			}
			if b.err != nil {
				return
			}
			b.n++
			b.max = max(b.max, time.Since(start))
			time.Sleep(100 * time.Microsecond)
		}
	})
	t.Cleanup(func() { b.end(t) })
	return b
}

func (b *bystander) end(t testing.TB) {
	t.Helper()
	select {
	case <-b.stop:
		return
	default:
	}
	close(b.stop)
	b.done.Wait()
	if b.err != nil || b.n == 0 {
		t.Errorf("a bystander was disturbed after %d pings: %v", b.n, b.err)
	}
	t.Logf("%d pings beside it, the longest %v", b.n, b.max)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// allocated returns the bytes that f allocates in all.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// heap returns the bytes that are in use after a collection.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// turns returns how often the loops have gone round.
func turns(e engine) (n int64) {
	for _, t := range e.Threads() {
		n += t.Turns
	}
	return n
}

// checkQuiet fails the test if the loop never ceases to go round more often than its
// cron explains.
func checkQuiet(t testing.TB, e engine, what string) {
	t.Helper()
	enginetest.ComesToRest(t, what, func() int64 { return turns(e) }, 100*time.Millisecond, 10)
}

// pattern returns n bytes that differ from place to place.
func pattern(n int) string {
	b := make([]byte, n)
	const period = 23 * 3 * 997
	for i := range min(n, period) {
		b[i] = byte('a' + i%23 + i/997%3)
	}
	for done := period; done < n; done *= 2 {
		copy(b[done:], b[:done])
	}
	return string(b)
}
