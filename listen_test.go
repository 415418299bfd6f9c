package redweave_test

import (
	"errors"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"

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
