package redweave_test

import (
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redweave/redweave"
)

// A model with several complete loops gets a listener for each of them at the same
// port, and still nobody else may listen there.
func TestListenForSeveralLoops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	open := func(model string) *redweave.Keyspace {
		ks, err := redweave.Open(redweave.Options{Model: model, Config: map[string]string{
			"bind": "127.0.0.1", "port": port, "server-threads": "3",
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ks.Close() })
		return ks
	}
	ls, err := open("multi-loop").Listen()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range ls {
		defer l.Close()
	}
	if runtime.GOOS == "linux" && len(ls) != 3 {
		t.Errorf("%d listeners, want 3", len(ls))
	}
	for _, model := range []string{"multi-loop", "single-loop"} {
		if _, err := open(model).Listen(); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s at a port that is taken: %v", model, err)
		}
	}
}

// TestNobodyIsCutOffAtTheStart: who is let in while the server begins to listen stays
// in. Finding out whether a port is free must not let anybody in.
func TestNobodyIsCutOffAtTheStart(t *testing.T) {
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().(*net.TCPAddr)
		l.Close()
		ks, err := redweave.Open(redweave.Options{Model: "multi-loop", Config: map[string]string{
			"bind": "127.0.0.1", "port": strconv.Itoa(addr.Port), "server-threads": "3",
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer ks.Close()
		early := make(chan net.Conn)
		go func() {
			for {
				if c, err := net.DialTCP("tcp", nil, addr); err == nil {
					early <- c
					return
				}
			}
		}()
		ls, err := ks.Listen()
		if err != nil {
			t.Fatal(err)
		}
		c := <-early
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a client of the first moment reads %v", err)
		}
		c.Close()
		for _, l := range ls {
			l.Close()
		}
	}
}
