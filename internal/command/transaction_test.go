package command

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// What is queued is copied: the network's buffer is used again meanwhile.
func TestQueueIsACopy(t *testing.T) {
	b := newBench(t)
	p := b.peer()
	p.want("MULTI", "+OK\r\n")
	line := []byte("SET key value")
	args := [][]byte{line[:3], line[4:7], line[8:]}
	b.x.Do(p.cl, args)
	for i := range line {
		line[i] = 'x'
	}
	p.want("GET key", "+QUEUED\r\n")
	if n := p.cl.QueuedBytes(); n != len("SETkeyvalue"+"GETkey") {
		t.Errorf("%d bytes queued", n)
	}
	p.want("EXEC", "*2\r\n+OK\r\n$5\r\nvalue\r\n")
	if n := p.cl.QueuedBytes(); n != 0 {
		t.Errorf("%d bytes queued after", n)
	}
	p.want("GET key", "$5\r\nvalue\r\n")
}

// A transaction after the first costs no memory of Go, and a big one is not kept.
func TestTransactionAllocations(t *testing.T) {
	b := newBench(t)
	p := b.peer()
	var lines [][][]byte
	for _, line := range []string{"MULTI", "SET a 1", "INCR a", "LPUSH l x", "LRANGE l 0 -1", "LPOP l", "EXEC"} {
		var args [][]byte
		for _, f := range strings.Fields(line) {
			args = append(args, []byte(f))
		}
		lines = append(lines, args)
	}
	run := func() {
		b.x.Begin()
		p.cl.Out.Reset()
		for _, args := range lines {
			b.x.Do(p.cl, args)
		}
		b.x.Settle()
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
	p.do("MULTI")
	b.x.Do(p.cl, [][]byte{[]byte("SET"), []byte("a"), make([]byte, 1<<20)})
	if n := p.cl.MemoryBytes(); n < 1<<20 {
		t.Errorf("CLIENT LIST shows %d bytes", n)
	}
	p.do("EXEC")
	if n := p.cl.MemoryBytes(); n > 1<<14 {
		t.Errorf("a transaction of a megabyte leaves %d bytes", n)
	}
}

// Each command in a transaction is counted, and so is EXEC, whose time is that of all.
func TestTransactionIsCounted(t *testing.T) {
	b := newBench(t)
	p := b.peer()
	for _, line := range []string{"MULTI", "SET a x", "INCR a", "INCR n", "EXEC"} {
		p.do(line)
	}
	info := p.do("INFO everything")
	for _, want := range []string{"cmdstat_set:calls=1,", "cmdstat_incr:calls=2,", "cmdstat_exec:calls=1,", "cmdstat_multi:calls=1,", "errorstat_ERR:count=1"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %s", want)
		}
	}
	if !strings.Contains(info, "rejected_calls=0,failed_calls=1") {
		t.Error("the INCR that failed is not counted as such")
	}
}

func TestClientListInMulti(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	line := func() map[string]string {
		m := map[string]string{}
		for _, f := range strings.Fields(string(p.cl.appendInfo(nil, 0))) {
			name, v, _ := strings.Cut(f, "=")
			m[name] = v
		}
		return m
	}
	check := func(flags, multi, watch string) {
		t.Helper()
		m := line()
		if m["flags"] != flags || m["multi"] != multi || m["watch"] != watch {
			t.Errorf("flags=%s multi=%s watch=%s, want %s, %s, %s", m["flags"], m["multi"], m["watch"], flags, multi, watch)
		}
	}
	check("N", "-1", "0")
	p.do("WATCH a b a")
	check("N", "-1", "2")
	p.do("MULTI")
	check("x", "0", "2")
	p.do("SET a 1")
	check("x", "1", "2")
	if m := line(); m["multi-mem"] == "0" {
		t.Error("multi-mem=0")
	}
	info := q.do("INFO clients")
	if !strings.Contains(info, "total_watched_keys:2\r\n") {
		t.Errorf("INFO clients:\n%s", info)
	}
	q.do("SET b 1")
	check("xd", "1", "0")
	p.want("EXEC", "*-1\r\n")
	check("N", "-1", "0")
	if b.x.interests[0].shard != b.x.shards[0] || len(b.x.interests[0].watched) != 0 {
		t.Error("still watched")
	}
}

// Eviction and expiry by the cron change what is watched.
func TestWatchedKeysThatGo(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	q.do("SET a 1 PX 50")
	p.do("WATCH a")
	b.clock.Advance(100 * time.Millisecond)
	b.x.Begin()
	b.x.CatchUp()
	p.do("MULTI")
	p.want("EXEC", "*-1\r\n")

	q.do("SET a 1")
	p.do("WATCH a")
	q.do("CONFIG SET maxmemory-policy allkeys-lru")
	q.do("CONFIG SET maxmemory 1")
	q.do("PING")
	q.do("CONFIG SET maxmemory 0")
	q.want("EXISTS a", ":0\r\n")
	p.do("MULTI")
	p.want("EXEC", "*-1\r\n")

	// Typed calls too.
	p.do("WATCH t")
	b.x.Begin()
	b.x.Set(0, []byte("t"), []byte("v"), 0, false, false, false)
	p.do("MULTI")
	p.want("EXEC", "*-1\r\n")
}

// What one caller of a pooled client watched or queued is not the next one's.
func TestResetForgets(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	p.do("WATCH a")
	p.do("MULTI")
	p.do("SET a 1")
	p.cl.Reset(3)
	p.want("EXEC", "-ERR EXEC without MULTI\r\n")
	if n := len(b.x.interests[0].watched); n != 0 {
		t.Errorf("%d keys are still watched", n)
	}
	q.do("SET a 2")
	p.do("MULTI")
	p.want("EXEC", "*0\r\n")
}

// A user who lost a right since he queued a command does not run it.
func TestRightsLostBeforeExec(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	p.cl.Flags &^= inProcess
	q.do("ACL SETUSER bob on nopass ~* +@all")
	p.do("AUTH bob x")
	p.do("MULTI")
	p.want("SET a 1", "+QUEUED\r\n")
	p.want("GET a", "+QUEUED\r\n")
	q.do("ACL SETUSER bob -set")
	p.want("EXEC", "*2\r\n-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "+
		"This command is no longer allowed for the following reason: no permission to execute the command or subcommand\r\n$-1\r\n")
	p.do("MULTI")
	p.want("SET a 1", "-NOPERM User bob has no permissions to run the 'set' command\r\n")
	p.want("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
	p.do("MULTI")
	q.do("ACL SETUSER bob -exec")
	p.want("EXEC", "-EXECABORT Transaction discarded because of: NOPERM User bob has no permissions to run the 'exec' command\r\n")
	p.want("DISCARD", "-ERR DISCARD without MULTI\r\n")
}

// A pause for writes holds an EXEC that writes, and no other; what is queued as well.
func TestPausedTransactions(t *testing.T) {
	b := newBench(t)
	p, q, r := b.peer(), b.peer(), b.peer()
	p.do("MULTI")
	p.do("SET a 1")
	q.do("MULTI")
	q.do("GET a")
	r.want("CLIENT PAUSE 1000 WRITE", "+OK\r\n")
	q.want("EXEC", "*1\r\n$-1\r\n")
	verdict := func(line string) Verdict {
		b.x.Begin()
		var args [][]byte
		for _, f := range strings.Fields(line) {
			args = append(args, []byte(f))
		}
		p.cl.Out.Reset()
		return b.x.Do(p.cl, args)
	}
	if v := verdict("EXEC"); v != Paused {
		t.Errorf("EXEC of a write: %v", v)
	}
	if v := verdict("INCR n"); v != Paused {
		t.Errorf("a write to be queued: %v", v)
	}
	b.clock.Advance(time.Second)
	p.want("EXEC", "*1\r\n+OK\r\n")
	// It begins when the transaction ends.
	r.do("MULTI")
	r.do("CLIENT PAUSE 1000 WRITE")
	r.do("SET a 2")
	r.want("EXEC", "*2\r\n+OK\r\n+OK\r\n")
}

// TestWatchModel plays random watches and changes by several clients, and compares what
// EXEC says with sets of the simplest kind.
func TestWatchModel(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		b := newBench(t)
		control := b.peer()
		type model struct {
			watched map[string]bool
			changed bool
		}
		var peers []*peer
		var models []*model
		for range 5 {
			peers = append(peers, b.peer())
			models = append(models, &model{watched: map[string]bool{}})
		}
		there := map[string]bool{}
		change := func(keys ...string) {
			for _, m := range models {
				for _, k := range keys {
					m.changed = m.changed || m.watched[k]
				}
			}
		}
		key := func() string { return fmt.Sprintf("k%d", rnd.IntN(5)) }
		for range 600 {
			i := rnd.IntN(len(peers))
			p, m := peers[i], models[i]
			switch rnd.IntN(9) {
			case 0, 1, 2:
				k, l := key(), key()
				p.want("WATCH "+k+" "+l, "+OK\r\n")
				if !m.changed {
					m.watched[k], m.watched[l] = true, true
				}
			case 3:
				p.want("UNWATCH", "+OK\r\n")
				*m = model{watched: map[string]bool{}}
			case 4, 5:
				want := "*0\r\n"
				if m.changed {
					want = "*-1\r\n"
				}
				p.do("MULTI")
				if got := p.do("EXEC"); got != want {
					t.Fatalf("seed %d: EXEC says %q, want %q", seed, got, want)
				}
				*m = model{watched: map[string]bool{}}
			case 6:
				k := key()
				control.do("SET " + k + " x")
				there[k] = true
				change(k)
			case 7:
				k := key()
				control.do("DEL " + k)
				if there[k] {
					change(k)
				}
				delete(there, k)
			case 8:
				if rnd.IntN(4) == 0 {
					control.do("FLUSHDB")
					for k := range there {
						change(k)
					}
					clear(there)
				}
			}
		}
	}
}

type unixConn struct{ Conn }

func (unixConn) LocalAddr() string { return "/tmp/socket:0" }

func TestMonitorLines(t *testing.T) {
	b := newBench(t)
	m, p := b.peer(), b.peer()
	m.want("MONITOR", "-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n") // it is in process
	m.cl.Conn, m.cl.Flags = addrConn{}, m.cl.Flags&^inProcess
	m.want("MONITOR", "+OK\r\n")
	m.want("MONITOR", "")
	if f := m.cl.flagLetters(); f != "O" {
		t.Errorf("flags %s", f)
	}
	p.cl.Conn, p.cl.Flags = addrConn{}, p.cl.Flags&^inProcess
	want := func(line string) {
		t.Helper()
		got, _ := m.cl.Mail.Take(nil)
		if string(got) != line {
			t.Errorf("monitor shows %q, want %q", got, line)
		}
	}
	p.do("SELECT 2")
	want("+1700000000.000000 [2 10.0.0.1:5555] \"SELECT\" \"2\"\r\n")
	b.clock.Advance(1_000_042 * time.Microsecond)
	b.run([]byte("set"), []byte("a\"\\"), []byte("\r\n\t\a\b\x00\xff~\x7f "))
	want("+1700000001.000042 [0 in-process] \"set\" \"a\\\"\\\\\" \"\\r\\n\\t\\a\\b\\x00\\xff~\\x7f \"\r\n")
	p.do("CONFIG GET x")
	p.do("CLIENT LIST")
	p.do("GET")
	p.do("NOPE")
	want("")
	p.do("HELLO 2 AUTH default secret")
	want("+1700000001.000042 [2 10.0.0.1:5555] \"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\"\r\n")
	p.cl.Flags |= isUnix
	p.cl.Conn = unixConn{}
	p.do("PING")
	want("+1700000001.000042 [2 unix:/tmp/socket] \"PING\"\r\n")
	// Its own commands it is shown behind their replies.
	m.want("PING", "+PONG\r\n+1700000001.000042 [0 10.0.0.1:5555] \"PING\"\r\n")
	p.do("MULTI")
	p.do("GET a")
	p.do("EXEC")
	got, _ := m.cl.Mail.Take(nil)
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(string(got)), "\r\n") {
		_, name, _ := strings.Cut(line, "] ")
		names = append(names, name)
	}
	if s := strings.Join(names, ","); s != `"MULTI","GET" "a","EXEC"` {
		t.Errorf("a transaction is shown as %s", s)
	}
	b.x.Unregister(m.cl)
	if b.x.monitored() {
		t.Error("somebody monitors who is gone")
	}
}
