package resptest_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/resp/resptest"
)

// The tests here are examples: each shows one way to use a server in a test of
// one's own.

// A visits counts visits a user makes in a minute: what is tested below. It takes
// a dialer, as client libraries do.
type visits struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	addr string
}

func (v visits) count(ctx context.Context, user string) (int64, error) {
	conn, err := v.dial(ctx, "tcp", v.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "INCR visits:%s\r\nEXPIRE visits:%s 60 NX\r\n", user, user)
	replies := resp.NewReader(conn)
	n, err := replies.Read()
	if err != nil {
		return 0, err
	}
	if _, err := replies.Read(); err != nil {
		return 0, err
	}
	return n.Int, n.Err()
}

// A server is there for one test, in memory: no port, nothing to clean up.
func TestInMemory(t *testing.T) {
	s := resptest.NewServer(t)
	v := visits{dial: s.DialContext}
	for want := int64(1); want <= 3; want++ {
		if n, err := v.count(t.Context(), "ann"); n != want || err != nil {
			t.Errorf("visit %d: %d, %v", want, n, err)
		}
	}
}

// Addr is for clients that insist on a port.
func TestWithPort(t *testing.T) {
	s := resptest.NewServer(t)
	v := visits{dial: new(net.Dialer).DialContext, addr: s.Addr()}
	if n, err := v.count(t.Context(), "ann"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// What the code under test finds, and what it leaves, is written and read beside
// the wire.
func TestBesideTheWire(t *testing.T) {
	s := resptest.NewServer(t)
	s.Do("SET", "visits:ann", 41)
	if n, err := (visits{dial: s.DialContext}).count(t.Context(), "ann"); n != 42 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if ttl := s.Do("TTL", "visits:ann"); ttl.Int < 59 || ttl.Int > 60 {
		t.Errorf("TTL %v", ttl)
	}
	if value, _, _ := s.Keyspace().Get("visits:ann"); string(value) != "42" {
		t.Errorf("%s is stored", value)
	}
}

// A stopped clock moves when the test says so: nobody sleeps.
func TestStoppedClock(t *testing.T) {
	start := time.Date(2030, 12, 31, 23, 59, 0, 0, time.UTC)
	s := resptest.NewServer(t, resptest.Options{Stopped: true, Start: start})
	v := visits{dial: s.DialContext}
	ctx := t.Context()

	v.count(ctx, "ann")
	s.Advance(59 * time.Second)
	if n, _ := v.count(ctx, "ann"); n != 2 {
		t.Errorf("within the minute: %d", n)
	}
	s.Advance(2 * time.Second)
	if n, _ := v.count(ctx, "ann"); n != 1 {
		t.Errorf("in the next minute: %d", n)
	}
	if now := s.Do("TIME").Strings()[0]; now != "1924992001" {
		t.Errorf("TIME says %s in the new year", now)
	}
}

// Inside a bubble of testing/synctest the time is the bubble's: it passes when all
// goroutines wait.
func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := resptest.NewServer(t)
		v := visits{dial: s.DialContext}
		v.count(t.Context(), "ann")
		time.Sleep(59 * time.Second)
		if n, _ := v.count(t.Context(), "ann"); n != 2 {
			t.Errorf("within the minute: %d", n)
		}
		time.Sleep(2 * time.Second)
		if n, _ := v.count(t.Context(), "ann"); n != 1 {
			t.Errorf("in the next minute: %d", n)
		}
	})
}

// The keyspace's options make trouble on purpose: here, memory that runs out.
func TestOutOfMemory(t *testing.T) {
	s := resptest.NewServer(t, resptest.Options{Keyspace: redweave.Options{MaxMemory: 1}})
	s.Keyspace().Set("first", []byte("fits: the limit was kept until now"))
	_, err := visits{dial: s.DialContext}.count(t.Context(), "ann")
	if want := resp.Error("OOM command not allowed when used memory > 'maxmemory'."); err != want {
		t.Errorf("%v, want %v", err, want)
	}
}
