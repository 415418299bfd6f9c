package command

import (
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// parse reads the only reply in a raw output.
func (b *bench) parse(raw string) resp.Value {
	b.t.Helper()
	v, n, err := resp.Parse([]byte(raw))
	if err != nil || n != len(raw) {
		b.t.Fatalf("reply %q: %d bytes of %d, %v", raw, n, len(raw), err)
	}
	return v
}

// ask runs line and returns its reply.
func (b *bench) ask(line string) resp.Value {
	b.t.Helper()
	return b.parse(b.do(line))
}

// wantAll runs lines of command and reply by turns.
func (b *bench) wantAll(lines ...string) {
	b.t.Helper()
	for i := 0; i < len(lines); i += 2 {
		b.want(lines[i], lines[i+1])
	}
}

// changes returns rdb_changes_since_last_save.
func (b *bench) changes() int64 { return b.x.dirty() }

func TestFlush(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"FLUSHALL", "FLUSHALL SYNC", "FLUSHALL async"} {
		b.do("DEL a")
		b.do("MSET a 1 b 2")
		b.do("SELECT 4")
		b.do("SET c 3")
		was := b.changes()
		b.wantAll(line, "+OK\r\n", "DBSIZE", ":0\r\n", "SELECT 0", "+OK\r\n", "DBSIZE", ":0\r\n")
		if got := b.changes() - was; got != 3 {
			t.Errorf("%s: %d changes, want 3", line, got)
		}
	}
	b.do("MSET a 1 b 2")
	b.do("SELECT 4")
	b.do("SET c 3")
	b.wantAll("FLUSHDB", "+OK\r\n", "DBSIZE", ":0\r\n", "SELECT 0", "+OK\r\n", "DBSIZE", ":2\r\n",
		"FLUSHDB SYNC", "+OK\r\n", "DBSIZE", ":0\r\n",
		"FLUSHDB ASYNC SYNC", "-ERR syntax error\r\n", "FLUSHALL NOW", "-ERR syntax error\r\n",
		"DBSIZE x", "-ERR wrong number of arguments for 'dbsize' command\r\n")
}

// flushes counts what a hook hears of databases being emptied.
type flushes struct {
	keyspace.Hook
	dbs []int
}

func (f *flushes) Flushed(db int) { f.dbs = append(f.dbs, db) }

func TestFlushIsAnnouncedAndObeysTheSetting(t *testing.T) {
	b := newBench(t)
	b.do("SET a 1")
	f := &flushes{}
	b.x.shards[0].SetHook(f)
	b.want("FLUSHDB", "+OK\r\n")
	if len(f.dbs) != 1 || f.dbs[0] != 0 {
		t.Errorf("flushed %v", f.dbs)
	}
	b.x.shards[0].SetHook(nil)
	c := b.x.typed(0)
	for _, test := range []struct {
		setting string
		args    []string
		async   bool
	}{
		{"no", nil, false}, {"yes", nil, true}, {"yes", []string{"SYNC"}, false}, {"no", []string{"ASYNC"}, true},
	} {
		b.want("CONFIG SET lazyfree-lazy-user-flush "+test.setting, "+OK\r\n")
		c.Args = [][]byte{[]byte("FLUSHALL")}
		for _, a := range test.args {
			c.Args = append(c.Args, []byte(a))
		}
		if async, ok := c.flushMode(); async != test.async || !ok {
			t.Errorf("%s %v: async %v, %v", test.setting, test.args, async, ok)
		}
	}
}

func TestSwapDB(t *testing.T) {
	b := newBench(t)
	b.do("SET a zero")
	b.do("SELECT 1")
	b.do("SET a one")
	was := b.changes()
	b.wantAll(
		"SWAPDB 0 1", "+OK\r\n", "GET a", "$4\r\nzero\r\n", "SELECT 0", "+OK\r\n", "GET a", "$3\r\none\r\n",
		"SWAPDB 0 0", "+OK\r\n", "GET a", "$3\r\none\r\n",
		"SWAPDB x 1", "-ERR invalid first DB index\r\n",
		"SWAPDB 1 x", "-ERR invalid second DB index\r\n",
		"SWAPDB 99999999999 1", "-ERR invalid first DB index\r\n",
		"SWAPDB 16 x", "-ERR invalid second DB index\r\n",
		"SWAPDB 0 16", "-ERR DB index is out of range\r\n",
		"SWAPDB -1 0", "-ERR DB index is out of range\r\n",
	)
	if got := b.changes() - was; got != 2 {
		t.Errorf("%d changes, want one for each SWAPDB", got)
	}
}

func TestTime(t *testing.T) {
	b := newBench(t)
	b.clock.Advance(1500 * time.Microsecond)
	b.want("TIME", "*2\r\n$10\r\n1700000000\r\n$4\r\n1500\r\n")
}

// endingHost counts how often it was told to end.
type endingHost struct {
	quietHost
	ended int
}

func (h *endingHost) Terminate() { h.ended++ }

func TestShutdown(t *testing.T) {
	for _, test := range []struct {
		line, reply string
		ends        bool
	}{
		{"SHUTDOWN", "", true},
		{"SHUTDOWN NOSAVE", "", true},
		{"SHUTDOWN nosave now force", "", true},
		{"SHUTDOWN SAVE FORCE", "", true},
		{"SHUTDOWN SAVE", "-ERR Errors trying to SHUTDOWN. Check logs.\r\n", false},
		{"SHUTDOWN NOPE", "-ERR syntax error\r\n", false},
		{"SHUTDOWN SAVE NOSAVE", "-ERR syntax error\r\n", false},
		{"SHUTDOWN ABORT", "-ERR No shutdown in progress.\r\n", false},
		{"SHUTDOWN ABORT NOW", "-ERR syntax error\r\n", false},
		{"SHUTDOWN NOW ABORT", "-ERR syntax error\r\n", false},
	} {
		b := newBench(t)
		h := &endingHost{}
		b.x.host = h
		b.x.config.DBFilename = "no such directory/dump.rdb"
		b.want(test.line, test.reply)
		if ends := h.ended == 1; ends != test.ends {
			t.Errorf("%s: ended %d times", test.line, h.ended)
		}
		if closing := b.cl.Flags&closeAfterReply != 0; closing != test.ends {
			t.Errorf("%s: closing the connection: %v", test.line, closing)
		}
	}
}

func TestLolwut(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"LOLWUT", "LOLWUT VERSION 5", "LOLWUT version 99", "LOLWUT VERSION 6 10 2", "LOLWUT nonsense"} {
		art := b.ask(line).Text()
		if !strings.HasSuffix(art, "Redis ver. 7.4.1\n") {
			t.Errorf("%s ends with %q", line, art[max(0, len(art)-30):])
		}
		for _, r := range art {
			if r > '~' {
				t.Fatalf("%s: %q is not ASCII", line, r)
			}
		}
	}
	if rows := strings.Split(b.ask("LOLWUT VERSION 1 10 3").Text(), "\n"); len(rows[0]) != 10 || rows[3] != "" {
		t.Errorf("10 columns and 3 rows became %q", rows)
	}
	b.want("LOLWUT VERSION x", "-ERR value is not an integer or out of range\r\n")
	b.cl.Out.Proto = 3
	if v := b.ask("LOLWUT"); v.Kind != resp.Verbatim {
		t.Errorf("a %c in protocol 3", v.Kind)
	}
}
