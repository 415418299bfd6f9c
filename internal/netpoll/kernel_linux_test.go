package netpoll

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// acceptOne makes p watch a listener and returns a connected pair.
func acceptOne(t *testing.T, p *Poller) (net.Conn, *Conn) {
	t.Helper()
	nl, dial := listenAt(t, "tcp", "127.0.0.1:0")
	ln, err := NewListener(nl)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	for range 60_000 {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if c != nil {
			if err := p.Add(c); err != nil {
				t.Fatal(err)
			}
			return client, c
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no client came")
	return nil, nil
}

// A copy of a descriptor, as in a child process before exec, keeps it registered with epoll
// after Close. Its events must not reach the connection that has its slot by then.
func TestStaleEventsAreDropped(t *testing.T) {
	p := New()
	defer p.Close()
	client, c := acceptOne(t, p)
	slot := c.slot
	dup, err := unix.Dup(c.FD())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	client2, c2 := acceptOne(t, p)
	if c2.slot != slot {
		t.Fatalf("slot %d, want %d", c2.slot, slot)
	}
	client.Write([]byte("for the old one"))
	for range 20 {
		if events, err := p.Wait(5 * time.Millisecond); len(events) > 0 || err != nil {
			t.Fatalf("%+v, %v", events, err)
		}
	}
	unix.Close(dup)
	client2.Write([]byte("x"))
	for {
		if events, _ := p.Wait(time.Minute); len(events) > 0 {
			if events[0].Conn != c2 {
				t.Error("an event of another connection")
			}
			break
		}
	}
}

// Deadlines of sleeps are re-used, but never make a sleep longer than it should be.
func TestSleepLengths(t *testing.T) {
	p := New()
	defer p.Close()
	acceptOne(t, p)
	for _, timeout := range []time.Duration{30, 5, 40, 5, 5, 20, 1, 0, 10} {
		timeout *= time.Millisecond
		start := time.Now()
		for time.Since(start) < timeout {
			if _, err := p.Wait(timeout - time.Since(start)); err != nil {
				t.Fatal(err)
			}
		}
		if over := time.Since(start) - timeout; over > 2*time.Minute { // the machine may have other things to do
			t.Errorf("%v longer than %v", over, timeout)
		}
	}
	p.kernel.arm(time.Hour)
	p.kernel.arm(time.Second)
	if left := time.Until(p.kernel.until); left > 2*time.Second {
		t.Errorf("%v left after a shorter timeout", left)
	}
	kept := p.kernel.until
	p.kernel.arm(time.Hour)
	p.kernel.arm(time.Second)
	if p.kernel.until != kept {
		t.Error("the deadline was set again")
	}
	p.kernel.arm(-7)
	if !p.kernel.until.IsZero() {
		t.Error("a sleep without end has a deadline")
	}
	go func() {
		time.Sleep(5 * time.Millisecond)
		p.Wake()
	}()
	p.Wait(-1)
}

func TestTuneTCP(t *testing.T) {
	p := New()
	defer p.Close()
	_, c := acceptOne(t, p)
	for opt, want := range map[int]int{unix.TCP_NODELAY: 1, unix.TCP_KEEPIDLE: 300, unix.TCP_KEEPINTVL: 100, unix.TCP_KEEPCNT: 3} {
		if got, err := unix.GetsockoptInt(c.FD(), unix.IPPROTO_TCP, opt); got != want || err != nil {
			t.Errorf("option %d is %d, want %d (%v)", opt, got, want, err)
		}
	}
	if got, err := unix.GetsockoptInt(c.FD(), unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != 1 || err != nil {
		t.Errorf("keep-alive is %d (%v)", got, err)
	}
}

// While some goroutine can always run, Go's scheduler does not look at the network for
// milliseconds. Who sleeps here is roused all the same, but only if there is something for it.
func TestRouse(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := New()
	defer p.Close()
	client, _ := acceptOne(t, p)
	var woke atomic.Bool
	done := make(chan int)
	go func() {
		events, _ := p.Wait(time.Minute)
		woke.Store(true)
		done <- len(events)
	}()
	for p.state.Load() != asleep {
		runtime.Gosched()
	}
	for range 1000 {
		p.Rouse()
		runtime.Gosched()
	}
	if woke.Load() {
		t.Fatal("roused for nothing")
	}
	client.Write([]byte("x"))
	turns := 0
	for !woke.Load() && turns < 1000 {
		p.Rouse()
		runtime.Gosched()
		turns++
	}
	if turns == 1000 {
		t.Error("not roused")
	}
	if n := <-done; n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// next waits for an event of c and returns what it is ready for.
func next(t *testing.T, p *Poller, c *Conn) Ready {
	t.Helper()
	for {
		events, err := p.Wait(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			if ev.Conn == c {
				return ev.Ready
			}
		}
	}
}

// quiet fails when something is ready.
func quiet(t *testing.T, p *Poller) {
	t.Helper()
	for range 3 {
		if events, err := p.Wait(0); len(events) > 0 || err != nil {
			t.Fatalf("%+v, %v", events, err)
		}
	}
}

// The kernel tells of a change once. Whoever has not read everything by then hears of it again
// all the same, and nobody else.
func TestLevelsFromEdges(t *testing.T) {
	read := func(t *testing.T, c *Conn, size int, want string, wantErr error) {
		t.Helper()
		b := make([]byte, size)
		if n, err := c.Read(b); string(b[:n]) != want || err != wantErr {
			t.Fatalf("%q, %v, want %q, %v", b[:n], err, want, wantErr)
		}
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn)
	}{
		{"a read that fills its buffer", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			client.Write([]byte("abcd"))
			next(t, p, c)
			read(t, c, 2, "ab", nil)
			next(t, p, c)
			read(t, c, 2, "cd", nil)
			next(t, p, c) // as far as is known
			read(t, c, 2, "", nil)
			quiet(t, p)
			client.Write([]byte("ef"))
			next(t, p, c)
			read(t, c, 9, "ef", nil)
			quiet(t, p)
		}},
		{"the end behind a short read", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			client.Write([]byte("abc"))
			client.CloseWrite()
			for !c.ended {
				next(t, p, c)
			}
			read(t, c, 9, "abc", nil)
			next(t, p, c)
			read(t, c, 9, "", io.EOF)
			next(t, p, c)
			c.Want(0)
			quiet(t, p)
			c.Want(Readable)
			next(t, p, c)
		}},
		{"what came while nobody wanted it", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			c.Want(0)
			client.Write([]byte("abc"))
			for c.seen == 0 {
				if events, err := p.Wait(time.Minute); len(events) > 0 || err != nil {
					t.Fatalf("%+v, %v", events, err)
				}
			}
			quiet(t, p)
			c.Want(Readable)
			if r := next(t, p, c); r != Readable {
				t.Fatal(r)
			}
			read(t, c, 9, "abc", nil)
			quiet(t, p)
		}},
		{"a connection that broke", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			c.Want(0)
			client.SetLinger(0)
			client.Close()
			next(t, p, c)
			if r := next(t, p, c); r != Readable {
				t.Fatal(r)
			}
			p.Remove(c)
			quiet(t, p)
			if err := p.Add(c); err != nil {
				t.Fatal(err)
			}
			next(t, p, c)
			read(t, c, 9, "", unix.ECONNRESET)
			c.Close()
			quiet(t, p)
		}},
		{"room", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			c.Want(Writable)
			for range 3 { // there is some for as long as it is not used up
				if r := next(t, p, c); r != Writable {
					t.Fatal(r)
				}
				c.Write([]byte("a"))
			}
			sent := 3
			b := make([]byte, 64<<10)
			for n := len(b); n == len(b); sent += n {
				n, _ = c.Write(b)
			}
			quiet(t, p)
			go io.CopyN(io.Discard, client, int64(sent))
			if r := next(t, p, c); r != Writable {
				t.Fatal(r)
			}
			c.Want(Readable)
			quiet(t, p)
		}},
		{"a read that ends at an urgent byte", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			raw, err := client.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			client.Write([]byte("abc"))
			raw.Control(func(fd uintptr) { err = unix.Sendto(int(fd), []byte("!"), unix.MSG_OOB, nil) })
			if err != nil {
				t.Skip(err)
			}
			client.Write([]byte("def"))
			got := ""
			for got != "abcdef" {
				next(t, p, c)
				b := make([]byte, 9)
				n, err := c.Read(b)
				if got += string(b[:n]); err != nil {
					t.Fatalf("%q, %v", got, err)
				}
			}
		}},
		{"another Poller", func(t *testing.T, p *Poller, client *net.TCPConn, c *Conn) {
			client.Write([]byte("abc"))
			next(t, p, c)
			p.Remove(c)
			quiet(t, p)
			q := New()
			defer q.Close()
			if err := q.Add(c); err != nil {
				t.Fatal(err)
			}
			next(t, q, c)
			read(t, c, 9, "abc", nil)
			quiet(t, q)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := New()
			defer p.Close()
			client, c := acceptOne(t, p)
			tc.do(t, p, client.(*net.TCPConn), c)
			if err := p.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A client on the same machine needs no control of congestion.
func TestCongestionControl(t *testing.T) {
	p := New()
	defer p.Close()
	_, c := acceptOne(t, p)
	if got, err := unix.GetsockoptString(c.FD(), unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != "reno" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
