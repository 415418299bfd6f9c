package enginetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/transcript"
)

// runBusy: while a script runs too long, all others are told so, wherever their sockets
// and their keys are, and one of them may end it. The clock stands still: a script's
// time is real.
func runBusy(t *testing.T, e Engine) {
	me := enter(t, e)
	me.want("+OK\r\n", "CONFIG", "SET", "busy-reply-threshold", "20")
	others := make([]*peer, 12)
	for i := range others {
		others[i] = enter(t, e)
		others[i].want("+OK\r\n", "SET", fmt.Sprint("key:", i), "v")
	}
	runner := enter(t, e)
	runner.send("EVAL", "while true do end", "0")
	for start := time.Now(); !isBusy(enter(t, e)); {
		if time.Since(start) > patience {
			t.Fatal("a script runs for ever, and nobody is told")
		}
	}
	for round := range 3 {
		for i, p := range others {
			got := p.do("GET", fmt.Sprint("key:", (i+round)%len(others)))
			if !strings.HasPrefix(got, "-BUSY ") {
				t.Fatalf("client %d, round %d: %q, want BUSY", i, round, got)
			}
		}
	}
	others[0].want("+OK\r\n", "SCRIPT", "KILL")
	if got := runner.receive(); !strings.HasPrefix(got, "-ERR Error running script") && !strings.HasPrefix(got, "-ERR ") {
		t.Errorf("the script that was killed replied %q", got)
	}
	for i, p := range others {
		p.want("$1\r\nv\r\n", "GET", fmt.Sprint("key:", i))
	}
}

// isBusy asks until it is told that a script runs. Who is not answered is in one batch
// with the script: he waits as long as it runs, and is of no use.
func isBusy(p *peer) bool {
	for {
		p.send("PING")
		p.SetReadDeadline(time.Now().Add(time.Second))
		reply, err := transcript.ReadRaw(p.r)
		if err != nil || strings.HasPrefix(string(reply), "-BUSY ") {
			return err == nil
		}
	}
}
