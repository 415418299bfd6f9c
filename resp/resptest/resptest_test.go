package resptest_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/resp/resptest"
)

// ask sends a line and returns the reply.
func ask(t *testing.T, c net.Conn, line string) resp.Value {
	t.Helper()
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		t.Fatal(err)
	}
	v, err := resp.NewReader(c).Read()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A server that was used in every way leaves nothing behind.
func TestLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		s := resptest.NewServer(t)
		var conns []net.Conn
		for range 3 {
			mem, err := s.Dial()
			if err != nil {
				t.Fatal(err)
			}
			tcp, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, mem, tcp)
		}
		for _, c := range conns {
			if v := ask(t, c, "INCR n"); v.Err() != nil {
				t.Fatal(v.Err())
			}
		}
		s.Close()
		for _, c := range conns {
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("%d bytes from a closed server", n)
			}
			c.Close()
		}
		s.Close()
		if _, err := s.Dial(); err != redweave.ErrClosed {
			t.Errorf("Dial after Close: %v", err)
		}
	}
	for deadline := time.Now().Add(2 * time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestAddrIsOneAddress(t *testing.T) {
	s := resptest.NewServer(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	addrs := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			a := s.Addr()
			mu.Lock()
			addrs[a] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(addrs) != 1 {
		t.Errorf("addresses %v", addrs)
	}
	for a := range addrs {
		if host, _, err := net.SplitHostPort(a); err != nil || host != "127.0.0.1" {
			t.Errorf("address %q", a)
		}
	}
}

// Servers share nothing.
func TestServersAreStrangers(t *testing.T) {
	a, b := resptest.NewServer(t), resptest.NewServer(t)
	a.Do("SET", "k", "a")
	if v := b.Do("GET", "k"); !v.IsNull() {
		t.Errorf("b has a's key: %v", v)
	}
}

func TestStoppedClockFollows(t *testing.T) {
	start := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	s := resptest.NewServer(t, resptest.Options{Stopped: true, Start: start})
	now := func() string { return s.Do("TIME").Strings()[0] }
	want := func(at time.Time) {
		t.Helper()
		if got := now(); got != fmt.Sprint(at.Unix()) {
			t.Errorf("TIME %s, want %d", got, at.Unix())
		}
	}
	want(start)
	s.Do("SET", "k", "v", "EX", 3600)
	s.Advance(time.Hour)
	want(start.Add(time.Hour))
	if n := s.Do("DBSIZE").Int; n != 1 {
		t.Errorf("%d keys in the millisecond they end, want 1", n)
	}
	s.Advance(time.Millisecond)
	if n := s.Do("DBSIZE").Int; n != 0 {
		t.Errorf("%d keys after their time, want 0", n)
	}
	s.Do("SET", "k", "v", "EX", 3600)
	s.SetTime(start)
	want(start)
	if n := s.Do("TTL", "k").Int; n != 7200 {
		t.Errorf("TTL %d after the clock went back an hour, want 7200", n)
	}
	s.SetTime(start.AddDate(1, 0, 0))
	if n := s.Do("DBSIZE").Int; n != 0 {
		t.Errorf("%d keys a year later, want 0", n)
	}
}

// A long jump costs what a short one does.
func TestLongAdvance(t *testing.T) {
	s := resptest.NewServer(t, resptest.Options{Stopped: true})
	for i := range 1000 {
		s.Do("SET", fmt.Sprint("k:", i), "v", "EX", "10000000000")
	}
	begin := time.Now()
	s.Advance(10 * 365 * 24 * time.Hour)
	if took := time.Since(begin); took > 2*time.Minute {
		t.Errorf("ten years took %v", took)
	}
	if n := s.Do("DBSIZE").Int; n != 1000 {
		t.Errorf("%d keys, want 1000", n)
	}
}

// faults is a testing.TB that notes what would have failed.
type faults struct {
	testing.TB
	said []string
}

func (f *faults) Helper()        {}
func (f *faults) Cleanup(func()) {}
func (f *faults) Fatalf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
	panic(f)
}

// What is asked in vain fails the test, and says why.
func TestFaults(t *testing.T) {
	tests := []struct {
		name, want string
		do         func(t testing.TB)
	}{
		{"bad option", "no-such", func(t testing.TB) {
			resptest.NewServer(t, resptest.Options{Keyspace: redweave.Options{Config: map[string]string{"no-such": "1"}}})
		}},
		{"two options", "2 Options", func(t testing.TB) { resptest.NewServer(t, resptest.Options{}, resptest.Options{}) }},
		{"Advance of a running clock", "Stopped", func(t testing.TB) {
			s := resptest.NewServer(t)
			defer s.Close()
			s.Advance(time.Second)
		}},
		{"SetTime of a running clock", "Stopped", func(t testing.TB) {
			s := resptest.NewServer(t)
			defer s.Close()
			s.SetTime(time.Now())
		}},
		{"a command that fails", "WRONGTYPE", func(t testing.TB) {
			s := resptest.NewServer(t)
			defer s.Close()
			s.Do("RPUSH", "l", "x")
			s.Do("GET", "l")
		}},
	}
	for _, tt := range tests {
		f := &faults{TB: t}
		func() {
			defer func() {
				if r := recover(); r != nil && r != f {
					panic(r)
				}
			}()
			tt.do(f)
		}()
		if len(f.said) != 1 || !strings.Contains(f.said[0], tt.want) {
			t.Errorf("%s: said %q, want something with %q", tt.name, f.said, tt.want)
		}
	}
}
