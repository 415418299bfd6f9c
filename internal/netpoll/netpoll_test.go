package netpoll

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redweave/redweave/internal/invariants"
)

// check verifies what poller.go promises.
func (p *Poller) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := map[int32]bool{}
	for _, i := range p.free {
		if free[i] || p.slots[i] != nil {
			return fmt.Errorf("slot %d is free twice, or not free", i)
		}
		free[i] = true
	}
	listed := map[*source]int{}
	for _, s := range append(append([]*source(nil), p.held...), p.ready...) {
		listed[s]++
	}
	for i, s := range p.slots {
		switch {
		case s == nil && !free[int32(i)]:
			return fmt.Errorf("slot %d is lost", i)
		case s == nil:
		case s.slot != int32(i) || s.home.Load() != p:
			return fmt.Errorf("slot %d holds a source of slot %d", i, s.slot)
		case s.conn != nil && s.conn.place > len(p.live):
			return fmt.Errorf("place %d of %d", s.conn.place, len(p.live))
		}
	}
	for i, c := range p.live {
		if c.place != i+1 || c.home.Load() != p {
			return fmt.Errorf("live[%d] has place %d", i, c.place)
		}
	}
	for s, n := range listed {
		if n > 1 || !s.queued.Load() {
			return fmt.Errorf("a source is listed %d times, queued = %v", n, s.queued.Load())
		}
	}
	if int(p.told.Load()) != len(p.ready) {
		return fmt.Errorf("told %d, ready %d", p.told.Load(), len(p.ready))
	}
	return nil
}

// check verifies what mem.go promises.
func (p *pipe) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.r < 0 || p.r > len(p.buf) || len(p.buf)-p.r > pipeLimit || p.r == len(p.buf) && p.r != 0 {
		return fmt.Errorf("r = %d of %d", p.r, len(p.buf))
	}
	return nil
}

// hidden hides what a net.Conn or net.Listener really is, so that it gets bridged.
type hiddenConn struct{ net.Conn }

type hiddenListener struct{ net.Listener }

func (l hiddenListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return hiddenConn{nc}, nil
}

// A way is one of the ways to connect a client to a loop.
type way struct {
	name   string
	listen func(t testing.TB) (net.Listener, func() (net.Conn, error)) // nil listener: memory
}

var ways = []way{
	{"tcp", func(t testing.TB) (net.Listener, func() (net.Conn, error)) { return listenAt(t, "tcp", "127.0.0.1:0") }},
	{"unix", func(t testing.TB) (net.Listener, func() (net.Conn, error)) {
		dir, err := os.MkdirTemp("", "np") // t.TempDir is too long for a socket's path
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return listenAt(t, "unix", filepath.Join(dir, "s"))
	}},
	{"bridge", func(t testing.TB) (net.Listener, func() (net.Conn, error)) {
		ln, dial := listenAt(t, "tcp", "127.0.0.1:0")
		return hiddenListener{ln}, dial
	}},
	{"memory", nil},
}

func listenAt(t testing.TB, network, address string) (net.Listener, func() (net.Conn, error)) {
	t.Helper()
	ln, err := Listen(network, address, ListenOptions{})
	if err != nil {
		t.Skip(err)
	}
	return ln, func() (net.Conn, error) { return net.Dial(network, ln.Addr().String()) }
}

// A server is a loop that echoes, or does what onEvent says.
type server struct {
	t    testing.TB
	p    *Poller
	dial func() (net.Conn, error)
	done chan struct{}

	mu    sync.Mutex
	inbox []func() // run by the loop
	stop  bool
}

// session is what an echoing connection has not yet sent back.
type session struct{ pending []byte }

// post makes the loop run f.
func (s *server) post(f func()) {
	s.mu.Lock()
	s.inbox = append(s.inbox, f)
	s.mu.Unlock()
	s.p.Wake()
}

// do is post, and waits.
func (s *server) do(f func()) {
	done := make(chan struct{})
	s.post(func() { f(); close(done) })
	<-done
}

func startServer(t testing.TB, w way, onEvent func(s *server, ev Event)) *server {
	t.Helper()
	s := &server{t: t, p: New(), done: make(chan struct{})}
	if w.listen == nil {
		s.dial = func() (net.Conn, error) {
			client, conn := Pipe()
			s.post(func() { s.add(conn) })
			return client, nil
		}
	} else {
		nl, dial := w.listen(t)
		ln, err := NewListener(nl)
		if err != nil {
			t.Fatal(err)
		}
		s.dial = dial
		if err := s.p.AddListener(ln); err != nil {
			t.Fatal(err)
		}
	}
	go s.loop(onEvent)
	return s
}

func (s *server) add(c *Conn) {
	c.Data = &session{}
	if err := s.p.Add(c); err != nil {
		s.t.Error(err)
	}
}

func (s *server) loop(onEvent func(s *server, ev Event)) {
	defer close(s.done)
	for {
		events, err := s.p.Wait(time.Minute)
		if err != nil {
			s.t.Error(err)
			return
		}
		for _, ev := range events {
			if ev.Listener == nil {
				onEvent(s, ev)
				continue
			}
			for {
				c, err := ev.Listener.Accept()
				if err != nil {
					s.t.Error(err)
				}
				if c == nil {
					break
				}
				s.add(c)
			}
		}
		s.mu.Lock()
		inbox, stop := s.inbox, s.stop
		s.inbox = nil
		s.mu.Unlock()
		for _, f := range inbox {
			f()
		}
		if _, measured := s.t.(*testing.B); !measured {
			if err := s.p.check(); err != nil {
				s.t.Error(err)
				return
			}
		}
		if stop {
			s.p.Close()
			return
		}
	}
}

func (s *server) close() {
	s.mu.Lock()
	s.stop = true
	s.mu.Unlock()
	s.p.Wake()
	<-s.done
}

// echo reads into a buffer smaller than what comes, writes less than what it has, even where
// there is room for more, and holds the client back when there is none.
func echo(s *server, ev Event) {
	c, ss := ev.Conn, ev.Conn.Data.(*session)
	if ev.Ready&Readable != 0 && len(ss.pending) < 64<<10 {
		var buf [4096]byte
		n, err := c.Read(buf[:])
		if err != nil {
			c.Close()
			return
		}
		ss.pending = append(ss.pending, buf[:n]...)
	}
	if len(ss.pending) > 0 {
		n, err := c.Write(nil)
		if n != 0 || err != nil {
			s.t.Errorf("writing nothing: %d, %v", n, err)
		}
		n, err = c.Write(ss.pending[:(len(ss.pending)+1)/2])
		if err != nil {
			c.Close()
			return
		}
		ss.pending = ss.pending[:copy(ss.pending, ss.pending[n:])]
	}
	switch {
	case len(ss.pending) == 0:
		c.Want(Readable)
	case len(ss.pending) < 64<<10:
		c.Want(Readable | Writable)
	default:
		c.Want(Writable)
	}
}

func everyWay(t *testing.T, f func(t *testing.T, w way)) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) { f(t, w) })
	}
}

// noneLeft checks at the end of the test that it left no goroutine.
func noneLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for i := 0; runtime.NumGoroutine() > before; i++ {
			if i == 200 {
				buf := make([]byte, 1<<16)
				t.Errorf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

func TestEcho(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		s := startServer(t, w, echo)
		defer s.close()
		c, err := s.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, text := range []string{"hello", "x", "again"} {
			if _, err := c.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(text))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}

// More than any buffer holds, both ways at once, by several clients: each gets its own bytes back.
func TestEchoMuch(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		s := startServer(t, w, echo)
		defer s.close()
		var wg sync.WaitGroup
		for id := range 4 {
			wg.Go(func() {
				c, err := s.dial()
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				total := 6 << 20
				if invariants.Enabled {
					total = 1 << 20 // the race detector is slow
				}
				sent := make(chan []byte, 1)
				go func() {
					defer close(sent)
					rnd := rand.New(rand.NewPCG(uint64(id), 1))
					h := sha256.New()
					for left := total; left > 0; {
						b := make([]byte, min(1+rnd.IntN(200_000), left))
						for i := range b {
							b[i] = byte(rnd.Uint32())
						}
						h.Write(b)
						if _, err := c.Write(b); err != nil {
							t.Error(err)
							c.Close()
							return
						}
						left -= len(b)
					}
					sent <- h.Sum(nil)
				}()
				time.Sleep(10 * time.Millisecond) // let buffers fill
				h := sha256.New()
				if n, err := io.CopyN(h, c, int64(total)); err != nil {
					t.Error(n, err)
				}
				if !bytes.Equal(h.Sum(nil), <-sent) {
					t.Error("the bytes that came back differ")
				}
			})
		}
		wg.Wait()
	})
}

// The loop sees the end of a stream after its last byte, and the client sees that the loop
// closed after the last byte it wrote.
func TestEnds(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		var got bytes.Buffer
		ended := make(chan string, 1)
		s := startServer(t, w, func(s *server, ev Event) {
			var b [3]byte
			n, err := ev.Conn.Read(b[:])
			if got.Write(b[:n]); err != nil {
				ended <- fmt.Sprintf("%s, %v", got.Bytes(), err)
				ev.Conn.Close()
				if _, err := ev.Conn.Read(b[:]); err != net.ErrClosed {
					t.Errorf("Read after Close: %v", err)
				}
				if _, err := ev.Conn.Write(b[:]); err != net.ErrClosed {
					t.Errorf("Write after Close: %v", err)
				}
				ev.Conn.Close()
			}
			if bytes.HasSuffix(got.Bytes(), []byte("QUIT")) {
				ev.Conn.Write([]byte("bye"))
				ev.Conn.Close()
			}
		})
		defer s.close()
		c, err := s.dial()
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("some bytes"))
		c.Close()
		if got := <-ended; got != "some bytes, EOF" {
			t.Error(got)
		}
		if c, err = s.dial(); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("QUIT"))
		if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// A connection that is not read is in every Wait's events, unless it is not wanted.
func TestReadinessIsALevel(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		seen := make(chan struct{})
		n := 0
		s := startServer(t, w, func(s *server, ev Event) {
			switch n++; {
			case n == 5:
				ev.Conn.Want(0)
				close(seen)
			case n == 6:
				var b [10]byte
				if k, err := ev.Conn.Read(b[:]); string(b[:k]) != "abc" || err != nil {
					t.Errorf("%q, %v", b[:k], err)
				}
				if k, err := ev.Conn.Read(b[:]); k != 0 || err != nil {
					t.Errorf("read of nothing: %d, %v", k, err)
				}
				if ev.Conn.want != Readable|Writable || ev.Ready != Readable|Writable {
					t.Errorf("wants %d, ready %d", ev.Conn.want, ev.Ready)
				}
				ev.Conn.Write([]byte("done"))
				ev.Conn.Want(0)
			default:
				if ev.Ready != Readable {
					t.Errorf("event %d: %d", n, ev.Ready)
				}
			}
		})
		defer s.close()
		c, err := s.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("abc"))
		<-seen
		time.Sleep(20 * time.Millisecond)
		s.do(func() {
			if n != 5 {
				t.Errorf("%d events, the last of which nobody wanted", n)
			}
			for _, src := range s.p.slots {
				if src != nil && src.conn != nil {
					src.conn.Want(Readable | Writable)
				}
			}
		})
		var b [4]byte
		if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "done" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// Events of one Wait stay with their connections when the loop closes some and accepts others
// on the same descriptors.
func TestCloseAmongEvents(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		const clients = 20
		var conns []*Conn
		dead := 0
		s := startServer(t, w, func(s *server, ev Event) {
			if len(conns) == 0 {
				for _, src := range s.p.slots {
					if src != nil && src.conn != nil {
						conns = append(conns, src.conn)
					}
				}
				for i, c := range conns {
					if c != ev.Conn && i%2 == 0 {
						c.Close()
					}
				}
				if w.listen == nil { // slots are taken at once
					client, c := Pipe()
					s.add(c)
					defer client.Close()
				}
			}
			var b [16]byte
			if _, err := ev.Conn.Read(b[:]); err == net.ErrClosed {
				dead++
			} else if err != nil {
				ev.Conn.Close()
			} else {
				ev.Conn.Write([]byte("x"))
			}
		})
		defer s.close()
		var cs []net.Conn
		for range clients {
			c, err := s.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			cs = append(cs, c)
		}
		for joined := 0; joined < clients; {
			s.do(func() { joined = s.p.Len() })
		}
		s.do(func() {
			for _, c := range cs {
				c.Write([]byte("hello"))
			}
			time.Sleep(20 * time.Millisecond) // all of them ready in one Wait
		})
		answered, closed := 0, 0
		for _, c := range cs {
			c.SetReadDeadline(time.Now().Add(2 * time.Minute))
			var b [1]byte
			if _, err := c.Read(b[:]); err == nil {
				answered++
			} else if !errors.Is(err, os.ErrDeadlineExceeded) {
				closed++
			}
		}
		if answered+closed != clients || closed < clients/2-1 {
			t.Errorf("%d answered, %d closed", answered, closed)
		}
	})
}

func TestWake(t *testing.T) {
	p := New()
	defer p.Close()
	waits := func(kind string) {
		t.Helper()
		p.Wait(0)
		start := time.Now()
		if events, err := p.Wait(30 * time.Millisecond); len(events) > 0 || err != nil || time.Since(start) < 30*time.Millisecond {
			t.Errorf("%s: %v, %v after %v", kind, events, err, time.Since(start))
		}
		p.Wake()
		p.Wake()
		start = time.Now()
		p.Wait(time.Hour)
		go func() {
			time.Sleep(5 * time.Millisecond)
			p.Wake()
		}()
		p.Wait(time.Hour)
		if took := time.Since(start); took > 30*time.Minute {
			t.Errorf("%s: woke after %v", kind, took)
		}
		// Many wakers, none lost: each announces its work before it wakes.
		var mu sync.Mutex
		work, wakers := 0, 4
		for range wakers {
			go func() {
				for range 2000 {
					mu.Lock()
					work++
					mu.Unlock()
					p.Wake()
				}
			}()
		}
		for done := false; !done; {
			start := time.Now()
			p.Wait(5 * time.Minute)
			if time.Since(start) > 4*time.Minute {
				t.Fatalf("%s: a Wake was lost", kind)
			}
			mu.Lock()
			done = work == 2000*wakers
			mu.Unlock()
		}
	}
	waits("without descriptors")
	nl, _ := listenAt(t, "tcp", "127.0.0.1:0")
	ln, err := NewListener(nl)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AddListener(ln); err != nil {
		t.Fatal(err)
	}
	waits("with descriptors")
}

// A connection moves between loops while its client goes on sending.
func TestMove(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		b := startServer(t, way{}, echo)
		defer b.close()
		var a *server
		var onEvent func(s *server, ev Event)
		moves := 0
		onEvent = func(s *server, ev Event) {
			echo(s, ev)
			if c := ev.Conn; !c.closed {
				other := a
				if s == a {
					other = b
				}
				moves++
				s.p.Remove(c)
				other.post(func() {
					want := c.want
					other.p.Add(c)
					c.Want(want)
				})
			}
		}
		a = startServer(t, w, onEvent)
		defer a.close()
		a.do(func() {}) // a socket orders events, but not memory: from here on the loops see a
		c, err := a.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for i := range 50 {
			text := fmt.Sprint("message ", i)
			c.Write([]byte(text))
			got := make([]byte, len(text))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}

// Close of a Poller closes what it watches, bridged connections in the middle of a write included.
func TestPollerClose(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		noneLeft(t)
		s := startServer(t, w, func(s *server, ev Event) {
			ev.Conn.Want(0)
			for n := 1; n > 0; { // until nothing goes in any more
				n, _ = ev.Conn.Write(make([]byte, 1<<16))
			}
		})
		c, err := s.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("go"))
		var b [1]byte
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatal(err)
		}
		s.close()
		if s.p.Close() != nil || s.p.Len() != 0 {
			t.Error("closed twice: not empty, or an error")
		}
		s.p.Wake()
		_, conn := Pipe()
		if err := s.p.Add(conn); err != net.ErrClosed {
			t.Errorf("Add after Close: %v", err)
		}
		c.SetReadDeadline(time.Now().Add(2 * time.Minute))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the client does not see the end")
		}
		if w.listen != nil {
			if c, err := s.dial(); err == nil {
				c.Close()
				t.Error("still listening")
			}
		}
	})
}

func TestAddresses(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		var local, remote string
		s := startServer(t, w, func(s *server, ev Event) {
			local, remote = ev.Conn.LocalAddr().String(), ev.Conn.RemoteAddr().String()
			ev.Conn.Close()
		})
		defer s.close()
		c, err := s.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("x"))
		io.Copy(io.Discard, c)
		s.do(func() {
			if local != c.RemoteAddr().String() {
				t.Errorf("local %s, the client says %s", local, c.RemoteAddr())
			}
			if w.name != "unix" && remote != c.LocalAddr().String() {
				t.Errorf("remote %s, the client says %s", remote, c.LocalAddr())
			}
		})
	})
}

// NewConn takes over a connection that someone else accepted.
func TestNewConn(t *testing.T) {
	for _, hide := range []bool{false, true} {
		noneLeft(t)
		s := startServer(t, way{}, echo)
		nl, dial := listenAt(t, "tcp", "127.0.0.1:0")
		c, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		nc, err := nl.Accept()
		if err != nil {
			t.Fatal(err)
		}
		nl.Close()
		if hide {
			nc = hiddenConn{nc}
		}
		conn, err := NewConn(nc)
		if err != nil {
			t.Fatal(err)
		}
		if (conn.FD() >= 0) != (!hide && runtime.GOOS == "linux") {
			t.Errorf("hidden %v: descriptor %d", hide, conn.FD())
		}
		s.post(func() { s.add(conn) })
		c.Write([]byte("hello"))
		var b [5]byte
		if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
		c.Close()
		s.close()
	}
	// One that is never added leaves nothing behind.
	a, b := net.Pipe()
	conn, err := NewConn(a)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the other end: %v", err)
	}
}

func TestReusePort(t *testing.T) {
	a, err := Listen("tcp", "127.0.0.1:0", ListenOptions{ReusePort: true})
	if err != nil {
		t.Skip(err)
	}
	defer a.Close()
	b, err := Listen("tcp", a.Addr().String(), ListenOptions{ReusePort: true})
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}

// The memory way sleeps on Go's own primitives: time in a bubble goes on when everyone waits.
func TestMemoryInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, way{}, echo)
		defer s.close()
		c, _ := s.dial()
		defer c.Close()
		start := time.Now()
		c.SetReadDeadline(start.Add(time.Hour))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		c.SetReadDeadline(time.Time{})
		c.Write([]byte("hello"))
		var b [5]byte
		if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// A net.Conn of any kind works in a bubble too, if it can itself.
func TestBridgeInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, way{}, echo)
		defer s.close()
		a, c := net.Pipe()
		defer c.Close()
		conn, err := NewConn(a)
		if err != nil {
			t.Fatal(err)
		}
		s.post(func() { s.add(conn) })
		c.Write([]byte("hello"))
		var b [5]byte
		if _, err := io.ReadFull(c, b[:]); err != nil || string(b[:]) != "hello" {
			t.Errorf("%q, %v", b, err)
		}
	})
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := Pipe()
		full := make([]byte, pipeLimit)
		if n, err := c.Write(full); n != len(full) || err != nil {
			t.Fatal(n, err)
		}
		start := time.Now()
		// Passed already; to come; moved while someone waits; taken back.
		c.SetDeadline(start)
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(n, err)
		}
		if ne, ok := error(os.ErrDeadlineExceeded).(net.Error); !ok || !ne.Timeout() {
			t.Error("not a timeout")
		}
		c.SetWriteDeadline(start.Add(time.Second))
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Error(n, err, time.Since(start))
		}
		c.SetReadDeadline(start.Add(10 * time.Second))
		go func() {
			time.Sleep(time.Second)
			c.SetReadDeadline(start.Add(5 * time.Second))
		}()
		if _, err := c.Read(full); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Error(err, time.Since(start))
		}
		c.SetReadDeadline(start.Add(6 * time.Second))
		c.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			s.Write([]byte("late"))
		}()
		if n, err := c.Read(full); string(full[:n]) != "late" || err != nil {
			t.Errorf("%q, %v", full[:n], err)
		}
		// Closing frees whoever waits.
		c.SetWriteDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			c.Close()
		}()
		if _, err := c.Read(full); err != net.ErrClosed {
			t.Error(err)
		}
		if _, err := c.Write(full); err != net.ErrClosed {
			t.Error(err)
		}
		if err := c.SetDeadline(start); err != net.ErrClosed {
			t.Error(err)
		}
	})
}

// Writes of several goroutines do not mix, also when they are larger than the buffer.
func TestPipeWritesDoNotMix(t *testing.T) {
	c, s := Pipe()
	const each, writers = 3*pipeLimit + 7, 3
	for i := range writers {
		go c.Write(bytes.Repeat([]byte{byte('a' + i)}, each))
	}
	var got []byte
	buf := make([]byte, 10_000)
	for len(got) < each*writers {
		n, err := s.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			runtime.Gosched()
		}
		got = append(got, buf[:n]...)
	}
	for i := range writers {
		part := got[i*each : (i+1)*each]
		if bytes.Count(part, part[:1]) != each {
			t.Fatal("the bytes of two writes are mixed")
		}
	}
}

// A pipe is a queue of bytes: the model is a bytes.Buffer.
func testPipe(t testing.TB, ops []byte) {
	c, s := Pipe()
	p := s.out
	var model bytes.Buffer
	next := byte(0)
	for i := 0; i+1 < len(ops); i += 2 {
		size := int(ops[i+1])
		if ops[i]&2 != 0 {
			size *= 1000
		}
		switch ops[i] & 1 {
		case 0:
			b := make([]byte, size)
			for j := range b {
				next++
				b[j] = next
			}
			n, err := s.Write(b)
			if want := min(size, pipeLimit-model.Len()); n != want || err != nil {
				t.Fatalf("op %d: Write of %d = %d, %v; want %d", i, size, n, err, want)
			}
			next -= byte(size - n)
			model.Write(b[:n])
		case 1:
			if model.Len() == 0 {
				continue
			}
			var got []byte
			if ops[i]&4 != 0 {
				taken, err := p.take(make([]byte, 10))
				if err != nil {
					t.Fatal(err)
				}
				got = taken
			} else {
				got = make([]byte, size)
				n, err := c.Read(got)
				if err != nil {
					t.Fatal(err)
				}
				got = got[:n]
			}
			if want := model.Next(len(got)); !bytes.Equal(got, want) {
				t.Fatalf("op %d: read %d other bytes", i, len(got))
			}
			if len(got) == 0 && size > 0 {
				t.Fatalf("op %d: read nothing of %d", i, model.Len())
			}
		}
		if err := p.check(); err != nil {
			t.Fatalf("op %d: %v", i, err)
		}
	}
}

func TestPipeModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(rnd.Uint32())
		}
		testPipe(t, ops)
	}
}

func FuzzPipe(f *testing.F) {
	f.Add([]byte{0, 100, 1, 50, 2, 255, 2, 255, 1, 10, 5, 0, 0, 9, 3, 255})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) < 2000 {
			testPipe(t, ops)
		}
	})
}

func TestAllocatesNothing(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		p := New()
		defer p.Close()
		var conns []*Conn
		var c net.Conn
		if w.listen == nil {
			client, conn := Pipe()
			c = client
			p.Add(conn)
		} else {
			nl, dial := w.listen(t)
			ln, err := NewListener(nl)
			if err != nil {
				t.Fatal(err)
			}
			p.AddListener(ln)
			if c, err = dial(); err != nil {
				t.Fatal(err)
			}
			for len(conns) == 0 {
				if events, _ := p.Wait(time.Minute); len(events) > 0 {
					conn, err := ln.Accept()
					if err != nil {
						t.Fatal(err)
					}
					p.Add(conn)
					conns = append(conns, conn)
				}
			}
		}
		defer c.Close()
		buf, msg := make([]byte, 1024), []byte("hello")
		round := func() {
			c.Write(msg)
			for got := 0; got < len(msg); {
				events, err := p.Wait(time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					n, err := ev.Conn.Read(buf)
					if err != nil {
						t.Fatal(err)
					}
					got += n
					ev.Conn.Write(append(buf[:n], msg...))
				}
			}
			if _, err := io.ReadFull(c, buf[:2*len(msg)]); err != nil {
				t.Fatal(err)
			}
		}
		round()
		if got := testing.AllocsPerRun(200, round); got > 0 {
			t.Errorf("%v allocations a round", got)
		}
	})
}
