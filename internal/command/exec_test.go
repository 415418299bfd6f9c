package command

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
)

// quietHost is an engine without sockets.
type quietHost struct{}

func (quietHost) Disconnect(*Client)   {}
func (quietHost) Notify(*Client)       {}
func (quietHost) Unpaused()            {}
func (quietHost) Alarm(int64)          {}
func (quietHost) Terminate()           {}
func (quietHost) Net() NetStats        { return NetStats{} }
func (quietHost) CountShared()         {}
func (quietHost) Applied()             {}
func (quietHost) Model() (string, int) { return "single-loop", 1 }
func (quietHost) IOActive() bool       { return false }
func (quietHost) TCPPort() int         { return 0 }
func (quietHost) Threads() []ThreadStats {
	return []ThreadStats{{Name: "main", Clients: 1, Reads: 2, Waited: 1500}}
}
func (quietHost) Multiplexer() string { return "none" }

// A bench runs commands on an Exec of its own, with a clock that the test moves.
type bench struct {
	t     testing.TB
	x     *Exec
	clock *clock.Manual
	cl    *Client
}

func newBench(t testing.TB) *bench {
	m := clock.NewManual(time.UnixMilli(1_700_000_000_000))
	rec := lazyfree.New()
	settings := keyspace.DefaultSettings()
	shard := keyspace.New(keyspace.Options{Settings: settings, Nanos: m.Nanos, Reclaimer: rec})
	_, x := NewServer(Options{
		Clock: m, Config: config.New(config.Options{}), Log: slog.New(slog.DiscardHandler),
		Host: quietHost{}, Shards: []*keyspace.Shard{shard}, Settings: settings, Reclaimer: rec,
	})
	t.Cleanup(func() { rec.Close(); shard.Close() })
	b := &bench{t: t, x: x, clock: m, cl: &Client{}}
	x.Register(b.cl)
	return b
}

// do runs a command given as one line, split at spaces, and returns the raw reply.
func (b *bench) do(line string) string {
	var args [][]byte
	for _, f := range strings.Fields(line) {
		args = append(args, []byte(f))
	}
	return b.run(args...)
}

func (b *bench) run(args ...[]byte) string {
	b.x.Begin()
	b.cl.Out.Reset()
	b.x.Do(b.cl, args)
	b.x.Settle()
	return string(b.cl.Out.Bytes())
}

// want runs line and compares its raw reply.
func (b *bench) want(line, reply string) {
	b.t.Helper()
	if got := b.do(line); got != reply {
		b.t.Errorf("%s\n got %q\nwant %q", line, got, reply)
	}
}

func TestStrings(t *testing.T) {
	b := newBench(t)
	b.want("SET a 1", "+OK\r\n")
	b.want("INCRBY a 41", ":42\r\n")
	b.want("GET a", "$2\r\n42\r\n")
	b.want("APPEND a xyz", ":5\r\n")
	b.want("GETRANGE a 1 -2", "$3\r\n2xy\r\n")
	b.want("OBJECT ENCODING a", "$3\r\nraw\r\n")
	b.want("SET b v PX 100", "+OK\r\n")
	b.want("PTTL b", ":100\r\n")
	b.clock.Advance(101 * time.Millisecond)
	b.want("GET b", "$-1\r\n")
	b.want("DBSIZE", ":1\r\n")
	b.want("NOPE x", "-ERR unknown command 'NOPE', with args beginning with: 'x' \r\n")
	b.want("GET", "-ERR wrong number of arguments for 'get' command\r\n")
}

// TestZeroByteEndsErrorText: errors quoted arguments whole, where Redis stops at
// a zero byte.
func TestZeroByteEndsErrorText(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ line, want string }{
		{"NO\x00PE a\x00b cd", "ERR unknown command 'NO', with args beginning with: 'a' 'cd' "},
		{"OBJECT a\x00b", "ERR unknown subcommand 'a'. Try OBJECT HELP."},
		{"EXPIRE k 1 a\x00b", "ERR Unsupported option a"},
		{"HELLO 3 a\x00b", "ERR Syntax error in HELLO option 'a'"},
	} {
		b.want(c.line, "-"+c.want+"\r\n")
	}
}

// TestBrowserIsNotTalkedTo: POST and Host: were unknown commands, and what came behind
// them was run, as a page in a web browser may have it sent to a server of this machine.
func TestBrowserIsNotTalkedTo(t *testing.T) {
	b := newBench(t)
	for i, line := range []string{"POST / HTTP/1.1", "host: localhost", "Host:"} {
		cl := b.client(2)
		b := b.as(cl)
		if i > 0 {
			b.want("MULTI", "+OK\r\n")
		}
		b.want(line, "")
		if !cl.Closing() {
			t.Errorf("after %q the connection lives on", line)
		}
	}
}

// TestScanCountOfMax: a COUNT near the largest integer overflowed, and SCAN found
// nothing.
func TestScanCountOfMax(t *testing.T) {
	b := newBench(t)
	b.want("SET a 1", "+OK\r\n")
	b.want("SCAN 0 COUNT 9223372036854775807", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n")
}

// TestExpireTimeAtTheEndOfTime: rounding the last millisecond there is overflowed.
func TestExpireTimeAtTheEndOfTime(t *testing.T) {
	b := newBench(t)
	b.want("SET k v PXAT 9223372036854775807", "+OK\r\n")
	b.want("EXPIRETIME k", ":9223372036854776\r\n")
	b.want("PEXPIRETIME k", ":9223372036854775807\r\n")
}
