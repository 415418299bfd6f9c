package enginetest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/threading"
)

// lasting is a script that runs for longer than busy-reply-threshold, by the real clock.
const lasting = `local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
local start = now()
while now() - start < 150 do end
return 'done'`

// untilBusy waits until clients are told that a script runs. Where the machine is too slow to
// see that before the script ends, what is to follow holds all the same.
func untilBusy(t *testing.T, e engine) {
	t.Helper()
	start := time.Now()
	cl := e.Attach()
	defer e.Detach(cl)
	eventually(t, "a script has run too long", func() bool {
		cl.Out.Truncate(0)
		if err := e.Do(t.Context(), cl, [][]byte{[]byte("PING")}); err != nil {
			t.Fatal(err)
		}
		return strings.HasPrefix(string(cl.Out.Bytes()), "-BUSY ") || time.Since(start) > 2*time.Second
	})
}

// Shutdown waits for the reply to a script, also if a loop hears of it in the middle of that.
func testShutdownInAScript(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		p := enter()
		p.want("PING", "PONG")
		p.send(words("EVAL", lasting, "0") + "PING\r\n")
		untilBusy(t, e)
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		p.expect("before the end", "done", "PONG")
		p.wantEnd()
	}, "busy-reply-threshold", "10")
}

// While a client's script runs its output is in use: messages that come meanwhile wait, and if
// they are more than it may have, it is closed when the script has ended.
func testFloodedByItsScript(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		flood := "PING\r\nCLIENT REPLY SKIP\r\n" + words("EVAL", `for i = 1, 100 do
			redis.call('PUBLISH', 'news', string.rep('x', 10000)) end `+lasting, "0") + words("SET", "a", "1")
		listener := func() *peer {
			p := enter()
			p.do("HELLO", "3")
			p.send("SUBSCRIBE news\r\n")
			p.receive()
			return p
		}
		other, p := enter(), listener()
		p.send(flood)
		messages, replies := 0, ""
		for messages+len(replies) < 100+len("PONG OK ") {
			if v := p.receive(); len(v.Elems) == 3 {
				messages++
			} else {
				replies += text(v) + " "
			}
		}
		if messages != 100 || replies != "PONG OK " {
			t.Errorf("%d messages, and replies %q", messages, replies)
		}
		p.Close()
		other.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100000 0 0")
		p = listener()
		p.send(flood)
		for err := error(nil); err == nil; {
			_, err = p.r.Read()
		}
		eventually(t, "it is not counted any more", func() bool { return other.info("connected_clients") == "1" })
	}, "busy-reply-threshold", "10")
}

// Who goes while another's script runs, and had just been to go on, is gone: what he sent is
// not executed.
func testGoneBeforeItGoesOn(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		runner, gone, other := enter(), enter(), enter()
		runner.send("BLPOP x 0\r\n" + strings.Repeat("PING\r\n", 40) + words("EVAL", lasting, "0"))
		gone.send("BLPOP y 0\r\nBLPOP z 0\r\n")
		eventually(t, "both wait", func() bool { return other.info("blocked_clients") == "2" })
		other.send("MULTI\r\nLPUSH x 1\r\nLPUSH y 1\r\nEXEC\r\n")
		untilBusy(t, e)
		gone.Close()
		other.expect("transaction", "OK", "QUEUED", "QUEUED")
		other.receive()
		runner.receive()
		for range 40 {
			runner.expect("pings", "PONG")
		}
		runner.expect("script", "done")
		eventually(t, "nobody waits", func() bool { return other.info("blocked_clients") == "0" })
		eventually(t, "he is not counted", func() bool { return other.info("connected_clients") == "2" })
	}, "busy-reply-threshold", "10")
}

// Close ends a script that runs in this process, and frees the keyspace only then.
func testCloseInAScript(t *testing.T) {
	for _, threshold := range []string{"5", "0"} {
		t.Run("threshold="+threshold, func(t *testing.T) {
			e := open(t, "busy-reply-threshold", threshold)
			do(t, e, "SET", "a", "1")
			cl := e.Attach()
			ended := make(chan error, 1)
			script := "redis.call('SET', 'b', '1') while true do pcall(redis.call, 'GET', 'a') end"
			go func() {
				ended <- e.Do(context.Background(), cl, [][]byte{[]byte("EVAL"), []byte(script), []byte("0")})
			}()
			if threshold != "0" {
				untilBusy(t, e)
			}
			e.Close()
			if err := <-ended; err != nil && err != threading.ErrClosed {
				t.Error(err)
			}
		})
	}
}

// Who waited for something that came before the end is told so.
func testUnblockedAtTheEnd(t *testing.T) {
	for range 10 {
		everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
			var waiting []*peer
			for range 5 {
				w := enter()
				w.send("BLPOP x 0\r\n")
				waiting = append(waiting, w)
			}
			p := enter()
			eventually(t, "all wait", func() bool { return p.info("blocked_clients") == "5" })
			p.send("MULTI\r\nRPUSH x 1 2 3 4 5\r\nSHUTDOWN NOSAVE\r\nEXEC\r\n" + "RPUSH x 1 2 3 4 5\r\nSHUTDOWN NOSAVE\r\n")
			for i, w := range waiting {
				if v, err := w.r.Read(); err != nil || len(v.Elems) != 2 {
					t.Fatalf("who waited as the %d.: %v, %v", i+1, v, err)
				}
				w.wantEnd()
			}
		})
	}
}
