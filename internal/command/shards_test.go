package command

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
)

// newShardedServer returns a server of n shards that nobody owns.
func newShardedServer(t testing.TB, n int) *Server {
	rec := lazyfree.New()
	o := Options{
		Clock: clock.NewSystem(), Config: config.New(config.Options{}), Log: slog.New(slog.DiscardHandler), Host: quietHost{},
		Settings: keyspace.DefaultSettings(), Reclaimer: rec, Budget: keyspace.NewBudget(n),
	}
	for range n {
		o.Shards = append(o.Shards, keyspace.New(keyspace.Options{Settings: o.Settings, Reclaimer: rec, Budget: o.Budget}))
	}
	s, _ := NewServer(o)
	t.Cleanup(func() {
		rec.Close()
		for _, sh := range o.Shards {
			sh.Close()
		}
	})
	return s
}

func TestPlace(t *testing.T) {
	s := newShardedServer(t, 8)
	cl := &Client{}
	s.Register(cl)
	args := func(line string) (a [][]byte) {
		for _, w := range strings.Fields(line) {
			a = append(a, []byte(w))
		}
		return a
	}
	of := func(keys ...string) (set ShardSet) {
		for _, k := range keys {
			set |= 1 << s.ShardOf([]byte(k))
		}
		return set
	}
	const none, all = ShardSet(0), ShardSet(255)
	for _, c := range []struct {
		line    string
		set     ShardSet
		travels bool
	}{
		{"GET a", of("a"), true},
		{"set a 1", of("a"), true},
		{"GET", none, false},
		{"NOPE a", none, false},
		{"CONFIG NOPE", none, false},
		{"PING", none, false},
		{"SELECT 1", none, false},
		{"MULTI", none, false},
		{"OBJECT ENCODING a", of("a"), true},
		{"MGET a b c", of("a", "b", "c"), false},
		{"MGET {x}a {x}b", of("x"), true},
		{"MSET a 1 b 2", of("a", "b"), false},
		{"DEL a", of("a"), true},
		{"RENAME a b", of("a", "b"), false},
		{"ZUNIONSTORE d 2 a b WEIGHTS 1 2", of("d", "a", "b"), false},
		{"ZUNIONSTORE d x a b", all, false},
		{"LMOVE a b LEFT RIGHT", of("a", "b"), false},
		{"BLPOP a b 0", of("a", "b"), false},
		{"BLPOP a 0", of("a"), false},
		{"WATCH a", of("a"), false},
		{"SORT a", of("a"), false},
		{"SORT a STORE b", of("a", "b"), false},
		{"SORT a BY w_* GET x", all, false},
		{"DBSIZE", all, false},
		{"SCAN 0", all, false},
		{"RANDOMKEY", all, false},
		{"FLUSHALL", all, false},
		{"CLIENT LIST", all, false},
		{"INFO", all, false},
		{"EXEC", none, false},
	} {
		p := s.Place(cl, args(c.line))
		if p.Shards != c.set || p.Travels != c.travels {
			t.Errorf("%s: shards %b, travels %v; want %b, %v", c.line, p.Shards, p.Travels, c.set, c.travels)
		}
	}
	for _, f := range []ClientFlags{replyOff, replySkipNext, tracking, listening, inMulti} {
		cl.Flags = f
		if f == inMulti {
			cl.tx = &transaction{}
		}
		if s.Place(cl, args("GET a")).Travels {
			t.Errorf("a command of a client with flags %b travels", f)
		}
	}
	cl.Flags, cl.Authenticated = 0, false
	if s.Place(cl, args("GET a")).Travels {
		t.Error("a command of a client travels that has not said who it is")
	}
}

// EXEC owns what its queue needs and the keys watched, and no more.
func TestPlaceExec(t *testing.T) {
	s := newShardedServer(t, 8)
	cl := &Client{}
	s.Register(cl)
	x := s.Exec(0)
	do := func(line string) string {
		var args [][]byte
		for _, w := range strings.Fields(line) {
			args = append(args, []byte(w))
		}
		set := s.Place(cl, args).Shards
		if set == 0 {
			set = 1
		}
		x = s.Exec(set.First())
		if set.Single() {
			x.Begin()
		} else {
			x.BeginSet(set)
			defer x.EndSet()
		}
		cl.Out.Reset()
		v := x.Do(cl, args)
		x.Settle()
		return fmt.Sprint(v, " ", string(cl.Out.Bytes()))
	}
	for _, line := range []string{"WATCH {w}", "MULTI", "SET {a} 1", "PING", "MSET {b} 1 {c} 2"} {
		if got := do(line); strings.Contains(got, "-ERR") {
			t.Fatalf("%s: %s", line, got)
		}
	}
	exec := [][]byte{[]byte("EXEC")}
	var want ShardSet
	for _, k := range "wabc" {
		want |= 1 << s.ShardOf([]byte(string(k)))
	}
	if got := s.Place(cl, exec).Shards; got != want {
		t.Errorf("EXEC needs %b, want %b", got, want)
	}
	if got := do("EXEC"); got != "0 *3\r\n+OK\r\n+PONG\r\n+OK\r\n" {
		t.Errorf("EXEC: %q", got)
	}
	do("MULTI")
	do("DBSIZE")
	if got := s.Place(cl, exec).Shards; got != s.All() {
		t.Errorf("EXEC of DBSIZE needs %b", got)
	}
	if got := do("EXEC"); got != "0 *1\r\n:3\r\n" {
		t.Errorf("EXEC: %q", got)
	}
}

func BenchmarkPlace(b *testing.B) {
	s := newShardedServer(b, 8)
	cl := &Client{}
	s.Register(cl)
	for _, line := range []string{"GET key:000000012345", "PING", "MGET a b c d"} {
		var args [][]byte
		for _, w := range strings.Fields(line) {
			args = append(args, []byte(w))
		}
		b.Run(strings.Fields(line)[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Place(cl, args)
			}
		})
	}
}
