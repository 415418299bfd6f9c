package command

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
)

// A laggingClock lets time pass with every reading of the monotonic clock, so
// that each command takes a step.
type laggingClock struct {
	*clock.Manual
	step time.Duration
}

func (c *laggingClock) Nanos() int64 {
	c.Advance(c.step)
	return c.Manual.Nanos()
}

// addrConn is a connection of which nothing but the address is known.
type addrConn struct{ Conn }

func (addrConn) RemoteAddr() string { return "10.0.0.1:5555" }

// slowBench is a bench on which every command takes step.
func slowBench(t testing.TB, step time.Duration) (*bench, *laggingClock) {
	b := newBench(t)
	lag := &laggingClock{Manual: b.clock, step: step}
	b.x.clock = lag
	b.cl.Conn = addrConn{}
	return b, lag
}

func TestSlowlog(t *testing.T) {
	b, lag := slowBench(t, 0)
	b.wantAll(
		"SLOWLOG LEN", ":0\r\n", "SLOWLOG GET", "*0\r\n",
		"SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n",
		"SLOWLOG GET x", "-ERR count should be greater than or equal to -1\r\n",
		"SLOWLOG GET 1 2", "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n",
		"SLOWLOG NOPE", "-ERR unknown subcommand 'NOPE'. Try SLOWLOG HELP.\r\n",
		"CLIENT SETNAME bob", "+OK\r\n",
	)
	lag.step = 12 * time.Millisecond
	b.do("SET k v")
	lag.step = 9999 * time.Microsecond
	b.do("GET k") // the threshold is 10 ms
	lag.step = 10 * time.Millisecond
	b.do("GET k")
	lag.step = 0
	const second = "*6\r\n:1\r\n:1700000000\r\n:10000\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n$13\r\n10.0.0.1:5555\r\n$3\r\nbob\r\n"
	const first = "*6\r\n:0\r\n:1700000000\r\n:12000\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$13\r\n10.0.0.1:5555\r\n$3\r\nbob\r\n"
	b.wantAll(
		"SLOWLOG LEN", ":2\r\n", "SLOWLOG GET", "*2\r\n"+second+first, "SLOWLOG GET 1", "*1\r\n"+second,
		"SLOWLOG GET 0", "*0\r\n", "SLOWLOG GET -1", "*2\r\n"+second+first, "SLOWLOG GET 100", "*2\r\n"+second+first,
		"CONFIG SET slowlog-max-len 1", "+OK\r\n", "SLOWLOG GET -1", "*1\r\n"+second,
		"SLOWLOG RESET", "+OK\r\n", "SLOWLOG LEN", ":0\r\n",
	)
	lag.step = time.Second
	b.do("CONFIG SET slowlog-log-slower-than -1")
	b.do("GET k")
	b.want("SLOWLOG LEN", ":0\r\n")
	lag.step = 0
	b.do("CONFIG SET slowlog-log-slower-than 0")
	b.do("SLOWLOG RESET")
	b.want("SLOWLOG LEN", ":1\r\n") // SLOWLOG RESET itself
}

func TestSlowlogOfAnInProcessCaller(t *testing.T) {
	b := newBench(t)
	b.do("CONFIG SET slowlog-log-slower-than 0")
	b.do("SET k v")
	b.want("SLOWLOG GET 1", "*1\r\n*6\r\n:1\r\n:1700000000\r\n:0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$0\r\n\r\n$0\r\n\r\n")
}

func TestSlowlogHidesSecrets(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"AUTH p", "AUTH (redacted)"},
		{"AUTH u p", "AUTH (redacted) (redacted)"},
		{"AUTH u p too many", "AUTH (redacted) (redacted) (redacted) (redacted)"},
		{"HELLO 3 AUTH default p SETNAME n", "HELLO 3 AUTH (redacted) (redacted) SETNAME n"},
		{"hello 2 setname n auth u p", "hello 2 setname n auth (redacted) (redacted)"},
		{"HELLO 3", "HELLO 3"},
		{"CONFIG SET requirepass x hz 10", "CONFIG SET requirepass (redacted) hz 10"},
		{"config set hz 10 RequirePass x", "config set hz 10 RequirePass (redacted)"},
		{"CONFIG SET nothing x", "CONFIG SET nothing x"},
		{"CONFIG GET requirepass", "CONFIG GET requirepass"},
		{"SET auth requirepass", "SET auth requirepass"},
		{"ACL SETUSER bob on >p ~*", "ACL SETUSER (redacted) (redacted) (redacted) (redacted)"},
		{"ACL DELUSER bob", "ACL DELUSER bob"},
		{"MIGRATE h 1 k 0 1 AUTH p COPY", "MIGRATE h 1 k 0 1 AUTH (redacted) COPY"},
		{"migrate h 1 k 0 1 copy auth2 u p replace", "migrate h 1 k 0 1 copy auth2 (redacted) (redacted) replace"},
		{"MIGRATE h 1 k 0 1 AUTH2 keys auth KEYS a", "MIGRATE h 1 k 0 1 AUTH2 (redacted) (redacted) KEYS a"},
		{"MIGRATE h 1 k 0 1 AUTH", "MIGRATE h 1 k 0 1 AUTH"},
		{"MIGRATE h 1 k 0 1 AUTH p COPY KEYS auth k", "MIGRATE h 1 k 0 1 AUTH (redacted) COPY KEYS auth k"},
	} {
		b := newBench(t)
		b.do("CONFIG SET slowlog-log-slower-than 0")
		b.do("SLOWLOG RESET")
		b.do(test.line)
		for e := range b.x.slow.Newest() {
			if got := strings.Join(e.Args, " "); got != test.want {
				t.Errorf("%s: logged as %s", test.line, got)
			}
			break
		}
	}
}

func TestSlowCommandsAreLatencyEvents(t *testing.T) {
	b, lag := slowBench(t, 0)
	const off = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance."
	if got := b.ask("LATENCY DOCTOR").Text(); !strings.HasPrefix(got, off) {
		t.Errorf("LATENCY DOCTOR: %s", got)
	}
	lag.step = 5 * time.Second
	b.do("KEYS *")
	lag.step = 0
	b.want("LATENCY LATEST", "*0\r\n") // the threshold is 0: none
	b.do("CONFIG SET slowlog-log-slower-than -1 latency-monitor-threshold 20")
	lag.step = 19999 * time.Microsecond
	b.do("GET k")
	lag.step = 20 * time.Millisecond
	b.do("GET k")
	lag.step = 1500 * time.Millisecond
	b.do("KEYS *")
	lag.step = 0
	b.wantAll(
		"LATENCY LATEST", "*2\r\n*4\r\n$7\r\ncommand\r\n:1700000013\r\n:1500\r\n:1500\r\n*4\r\n$12\r\nfast-command\r\n:1700000010\r\n:20\r\n:20\r\n",
		"LATENCY HISTORY fast-command", "*1\r\n*2\r\n:1700000010\r\n:20\r\n",
		"LATENCY HISTORY nothing", "*0\r\n",
		"LATENCY GRAPH nothing", "-ERR No samples available for event 'nothing'\r\n",
		"SLOWLOG LEN", ":1\r\n", // of before
	)
	if got := b.ask("LATENCY GRAPH command").Text(); !strings.HasPrefix(got, "command - high 1500 ms, low 1500 ms (all time high 1500 ms)\n") {
		t.Errorf("LATENCY GRAPH: %q", got)
	}
	b.wantAll("LATENCY RESET nothing COMMAND", ":1\r\n", "LATENCY RESET", ":1\r\n", "LATENCY RESET", ":0\r\n", "LATENCY LATEST", "*0\r\n")
	b.cl.Out.Proto = 3
	if got := b.do("LATENCY DOCTOR"); !strings.HasPrefix(got, "=") {
		t.Errorf("LATENCY DOCTOR in protocol 3: %q", got)
	}
}

// TestThresholdsAtTheEndOfTime: in nanoseconds they overflowed, and so every command was
// timed by itself, and looked at.
func TestThresholdsAtTheEndOfTime(t *testing.T) {
	for _, c := range []struct{ slowlogUs, latencyMs, want int64 }{
		{10_000, 0, 10_000_000},
		{-1, 0, math.MaxInt64},
		{0, 5, 0},
		{-1, 5, 5_000_000},
		{math.MaxInt64, 0, math.MaxInt64},
		{math.MaxInt64 / 1000, 0, math.MaxInt64 / 1000 * 1000},
		{math.MaxInt64/1000 + 1, math.MaxInt64, math.MaxInt64},
		{-1, math.MaxInt64/nanosPerMs + 1, math.MaxInt64},
	} {
		if got := slowestUnnoticed(c.slowlogUs, c.latencyMs); got != c.want {
			t.Errorf("slowestUnnoticed(%d, %d) = %d, want %d", c.slowlogUs, c.latencyMs, got, c.want)
		}
	}
}
