package singleloop

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
)

// A client that waits in a command sends so much while a script runs too long that it is not
// read any more. What was heard of it before the script is no sign then that it is broken.
func TestSatedInAScript(t *testing.T) {
	conf := config.New(config.Options{})
	if err := conf.Load(config.Source{Options: config.ParseArgs([]string{"--busy-reply-threshold", "10"}).Options}); err != nil {
		t.Fatal(err)
	}
	e := New(threading.Options{Config: conf})
	defer e.Close()
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := e.Dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(2 * time.Minute))
		return c, bufio.NewReader(c)
	}
	line := func(r *bufio.Reader, want string) {
		t.Helper()
		if got, err := r.ReadString('\n'); got != want+"\r\n" {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
	}
	runner, replies := dial()
	waiter, popped := dial()
	other, pushed := dial()
	fmt.Fprint(waiter, "PING\r\nBLPOP x 0\r\n")
	line(popped, "+PONG")

	// Both are heard of in one turn, the script's client first.
	begun, gate := make(chan struct{}), make(chan struct{})
	e.Loops()[0].Post(func() { close(begun); <-gate }, nil)
	<-begun
	script := `local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
		local start = now() while now() - start < 300 do end return 1`
	runner.Write(resp.AppendCommand([]byte(strings.Repeat("PING\r\n", 40)), "EVAL", script, "0"))
	fmt.Fprint(waiter, "PING\r\n")
	go fmt.Fprint(waiter, strings.Repeat("PING "+strings.Repeat("x", 1000)+"\r\n", 1500))
	close(gate)
	for range 40 {
		line(replies, "+PONG")
	}
	line(replies, ":1")

	fmt.Fprint(other, "RPUSH x 1\r\n")
	line(pushed, ":1")
	line(popped, "*2")
}
