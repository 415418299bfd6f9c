package multiloop

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/threading"
)

func open(t *testing.T, args ...string) *Engine {
	t.Helper()
	conf := config.New(config.Options{})
	if err := conf.Load(config.Source{Options: config.ParseArgs(args).Options}); err != nil {
		t.Fatal(err)
	}
	e := New(threading.Options{Config: conf})
	t.Cleanup(func() { e.Close() })
	return e
}

func ping(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	got := make([]byte, 7)
	if _, err := io.WriteString(c, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "+PONG\r\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

// Clients are spread evenly over the loops, which serve them each on their own.
func TestClientsAreSpread(t *testing.T) {
	e := open(t, "--server-threads", "4")
	var conns []net.Conn
	for range 22 {
		c, err := e.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ping(t, c)
		conns = append(conns, c)
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		even := true
		for _, s := range e.Threads() {
			even = even && (s.Clients == 5 || s.Clients == 6)
		}
		if even {
			break
		}
		if time.Since(start) > 2*time.Minute {
			t.Fatalf("22 clients on 4 loops: %+v", e.Threads())
		}
	}
	for _, c := range conns { // when some have gone, those who come fill the gaps
		if c != conns[0] {
			c.Close()
		}
	}
	ping(t, conns[0])
	e.Close()
	for _, s := range e.Threads() {
		if s.Reads < 5 || s.Reads != s.Writes || s.Commands != s.Reads || s.Batches == 0 {
			t.Errorf("%+v", s)
		}
	}
}

// A loop that has to wait for the ownership says so.
func TestWaitsAreCounted(t *testing.T) {
	e := open(t, "--server-threads", "2")
	c, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ping(t, c)
	x := e.Own()
	released := make(chan struct{})
	time.AfterFunc(20*time.Millisecond, func() { e.ReleaseSet(x); close(released) })
	ping(t, c)
	<-released
	e.Close()
	waits, waited := int64(0), time.Duration(0)
	for _, s := range e.Threads() {
		waits += s.Waits
		waited += s.Waited
	}
	if waits == 0 || waited < time.Millisecond {
		t.Errorf("%d waits, %v", waits, waited)
	}
}

func TestThreads(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"--server-threads", "3"}, 3},
		{[]string{"--io-threads", "5"}, 5},
		{[]string{"--io-threads", "5", "--server-threads", "2"}, 2},
		{nil, threading.Threads()},
	} {
		e := open(t, tt.args...)
		if _, n := e.Model(); n != tt.want || len(e.Threads()) != tt.want {
			t.Errorf("%v: %d loops, %d counted, want %d", tt.args, n, len(e.Threads()), tt.want)
		}
	}
}
