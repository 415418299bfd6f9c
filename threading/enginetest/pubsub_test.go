package enginetest_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
)

// A subscriber that does not read is closed at its own class's limit, and costs the
// others nothing.
func testSubscriberLimits(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		slow, good, q := enter(), enter(), enter()
		if got := text(q.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 0 0")); got != "OK" {
			t.Fatal(got)
		}
		for _, p := range []*peer{slow, good} {
			p.do("SUBSCRIBE", "c")
		}
		message := pattern(256 << 10)
		for range 128 { // more than any socket takes
			q.do("PUBLISH", "c", message)
			if v := good.receive(); len(v.Elems) != 3 || v.Elems[2].Str != message {
				t.Fatal("a message is not what was published")
			}
		}
		io.Copy(io.Discard, slow) // to its end
		eventually(t, "the slow one is gone", func() bool { return q.info("pubsub_clients") == "1" })
		if got := q.info("client_output_buffer_limit_disconnections"); got != "1" {
			t.Errorf("client_output_buffer_limit_disconnections:%s, want 1", got)
		}
		good.send("PING\r\n")
		if v := good.receive(); v.Elems[0].Str != "pong" {
			t.Errorf("PING: %v", v)
		}
	})
}

// Subscribers are not idle clients, however long nothing is published.
func testSubscribersAreNotIdle(t *testing.T) {
	m := clock.NewManual(time.Now())
	e := openOn(t, m, "timeout", "10")
	sub, idle, q := dial(t, e), dial(t, e), dial(t, e)
	sub.do("SUBSCRIBE", "c")
	idle.want("PING", "PONG")
	for range 4 {
		m.Advance(5 * time.Second)
		q.want("PING", "PONG")
	}
	idle.wantEnd()
	if got := text(q.do("PUBLISH", "c", "x")); got != "1" {
		t.Fatalf("%s listeners, want 1", got)
	}
	if v := sub.receive(); !strings.HasPrefix(v.Elems[2].Str, "x") {
		t.Errorf("%v", v)
	}
}
