package sharded

import (
	"testing"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
)

// What comes back to a loop while it looks at what is back, and runs a script for that which
// runs too long, is not left for later: nobody would wake the loop for it.
func TestBackInAScript(t *testing.T) {
	e := open(t, 2, options{NoLending: true}, "--busy-reply-threshold", "10")
	a, b, c := dial(t, e), dial(t, e), dial(t, e) // dealt to the loops in turn
	for _, w := range []*wire{a, b, c} {
		w.do("PING")
	}
	var nobody command.Client
	foreign := "x"
	for e.keepers[0].has(e.Place(&nobody, [][]byte{[]byte("GET"), []byte(foreign)}).Shards) {
		foreign += "x"
	}
	k := e.keepers[0]
	// on has the first loop do something, on its own goroutine.
	on := func(do func()) {
		done := make(chan struct{})
		e.Loops()[0].Post(func() { do(); close(done) }, func() { close(done) })
		<-done
	}
	x := e.OwnSet(e.keepers[1].set) // so that nothing comes back
	script := `local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
		local start = now() while now() - start < 100 do end return 1`
	for i, w := range []*wire{a, c} {
		b := resp.AppendCommand(nil, "GET", foreign)
		if i == 0 {
			b = resp.AppendCommand(b, "EVAL", script, "0")
		}
		w.send(b)
		eventually(t, "it is sent", func() bool {
			sent := 0
			on(func() { sent = k.peers[1].sent })
			return sent == i+1
		})
	}
	late := 0
	on(func() {
		e.ReleaseSet(x)
		eventually(t, "both are back", func() bool { return k.peers[1].in.len() == 2 })
		k.receive()
		late = len(k.late)
	})
	if late > 0 {
		t.Errorf("%d messages that are back are left for later", late)
	}
	for _, w := range []*wire{a, a, c} {
		w.receive()
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("not within two minutes: %s", what)
			return
		}
	}
}
