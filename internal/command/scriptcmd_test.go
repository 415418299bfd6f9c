package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/script"
)

// eval runs EVAL, whose script has spaces.
func (b *bench) eval(src string, args ...string) string {
	list := [][]byte{[]byte("EVAL"), []byte(src), []byte("0")}
	for _, a := range args {
		list = append(list, []byte(a))
	}
	return b.run(list...)
}

// TestPassingScriptsGo: of the scripts that only EVAL loaded, those not used for the
// longest time make room; those of SCRIPT LOAD stay.
func TestPassingScriptsGo(t *testing.T) {
	b := newBench(t)
	loaded := b.run([]byte("SCRIPT"), []byte("LOAD"), []byte("return 'stays'"))
	for i := range passingMost + 10 {
		b.eval(fmt.Sprintf("return %d", i))
		b.eval("return 0") // in use all the time
	}
	s := &b.x.scripts
	if len(s.cached) != passingMost+1 || s.evicted != 10 {
		t.Errorf("%d scripts, %d evicted", len(s.cached), s.evicted)
	}
	b.want("EVALSHA "+strings.Fields(loaded)[1]+" 0", "$5\r\nstays\r\n")
	sha := func(i int) string {
		return b.run([]byte("SCRIPT"), []byte("EXISTS"), shaOf(fmt.Sprintf("return %d", i)))
	}
	if sha(0) != "*1\r\n:1\r\n" || sha(1) != "*1\r\n:0\r\n" || sha(passingMost+9) != "*1\r\n:1\r\n" {
		t.Error("not the oldest went")
	}
	if got := b.do("INFO memory"); !strings.Contains(got, fmt.Sprintf("number_of_cached_scripts:%d", passingMost+1)) {
		t.Error("INFO does not know of them")
	}
	b.want("SCRIPT FLUSH", "+OK\r\n")
	if len(s.cached) != 0 || s.bytes != 0 || s.passing != 0 {
		t.Errorf("left after a flush: %d scripts, %d bytes, %d passing", len(s.cached), s.bytes, s.passing)
	}
}

func shaOf(src string) []byte { return []byte(script.SHA1(src)) }

// A busyBench is a host whose turn, while a script runs too long, is the test's.
type busyBench struct {
	quietHost
	turn  func()
	turns int
	over  int
}

func (h *busyBench) Meanwhile(*Exec) {
	h.turns++
	h.turn()
}
func (h *busyBench) Ending() bool { return h.turns > 1_000_000 }
func (h *busyBench) Unbusy()      { h.over++ }

// TestBusy: what others hear while a script runs too long, and that it goes on as if
// nobody had asked.
func TestBusy(t *testing.T) {
	b := newBench(t)
	other := &Client{}
	b.x.Register(other)
	ask := func(line string) string {
		var args [][]byte
		for _, f := range strings.Fields(line) {
			args = append(args, []byte(f))
		}
		other.Out.Reset()
		b.x.Do(other, args)
		return string(other.Out.Bytes())
	}
	h := &busyBench{}
	b.x.host = h
	b.do("CONFIG SET busy-reply-threshold 1")
	b.want("SET k 1", "+OK\r\n")
	want := func(line, reply string) {
		t.Helper()
		if got := ask(line); got != reply {
			t.Errorf("%s\n got %q\nwant %q", line, got, reply)
		}
	}
	h.turn = func() {
		if h.turns > 1 {
			return
		}
		for _, line := range []string{"GET k", "PING", "EVAL x 0", "DEL k", "INFO", "FUNCTION KILL", "SHUTDOWN"} {
			want(line, "-"+string(errBusyScript)+"\r\n")
		}
		want("MULTI", "+OK\r\n")
		want("DISCARD", "+OK\r\n")
		want("SCRIPT KILL", "+OK\r\n")
	}
	if got := b.eval("local ok = pcall(function() while true do redis.call('get', 'k') end end) return ok"); !strings.HasPrefix(got, "-ERR Script killed by user with SCRIPT KILL... script: ") {
		t.Errorf("killed: %q", got)
	}
	if h.over != 1 || b.x.ScriptRunning() {
		t.Error("it is not over")
	}
	h.turns = 0
	h.turn = func() {
		if h.turns == 1 {
			want("SCRIPT KILL", "-"+string(errUnkillable)+"\r\n")
		}
		if h.turns == 3 {
			want("GET k", "-"+string(errBusyScript)+"\r\n")
		}
	}
	if got := b.eval("redis.call('set', 'k', 2) local n = 0 while n < 3e6 do n = n + 1 end redis.call('incr', 'k') return redis.call('get', 'k')"); got != "$1\r\n3\r\n" {
		t.Errorf("it went on to %q", got)
	}
	if h.turns < 3 {
		t.Errorf("others had %d turns", h.turns)
	}
	b.want("SCRIPT KILL", "-"+string(errNotBusy)+"\r\n")
	want("GET k", "$1\r\n3\r\n")
}

// TestScriptsInsideTransactions: a script inside EXEC sees what was queued before it, and
// selects a database for itself alone.
func TestScriptsInsideTransactions(t *testing.T) {
	b := newBench(t)
	b.want("MULTI", "+OK\r\n")
	b.want("SET k 41", "+QUEUED\r\n")
	b.eval("redis.call('incr', 'k') redis.call('select', 3) redis.call('set', 'k', 'other') return redis.call('blpop', 'none', 0)")
	b.want("GET k", "+QUEUED\r\n")
	b.want("EXEC", "*3\r\n+OK\r\n$-1\r\n$2\r\n42\r\n")
	b.want("SELECT 3", "+OK\r\n")
	b.want("GET k", "$5\r\nother\r\n")
}

// TestRestoreLibrariesOrNone: one library that cannot be loaded undoes all of them.
func TestRestoreLibrariesOrNone(t *testing.T) {
	b := newBench(t)
	load := func(code string) { b.run([]byte("FUNCTION"), []byte("LOAD"), []byte(code)) }
	load("#!lua name=a\nredis.register_function('fa', function() return 'a' end)")
	load("#!lua name=b\nredis.register_function('fb', function() return 'b' end)")
	payload := b.do("FUNCTION DUMP")
	_, payload, _ = strings.Cut(payload, "\r\n")
	restore := func(policy string) string {
		return b.run([]byte("FUNCTION"), []byte("RESTORE"), []byte(strings.TrimSuffix(payload, "\r\n")), []byte(policy))
	}
	b.want("FUNCTION DELETE a", "+OK\r\n")
	if got := restore("APPEND"); got != "-ERR Library b already exists\r\n" {
		t.Error(got)
	}
	b.want("FCALL fa 0", "-ERR Function not found\r\n")
	if got := restore("REPLACE"); got != "+OK\r\n" {
		t.Error(got)
	}
	b.want("FCALL FA 0", "$1\r\na\r\n")
	b.want("FUNCTION FLUSH", "+OK\r\n")
	load("#!lua name=c\nredis.register_function('fb', function() return 'c' end)")
	if got := restore("REPLACE"); got != "-ERR Function fb already exists\r\n" {
		t.Error(got)
	}
	b.want("FCALL fb 0", "$1\r\nc\r\n")
	b.want("FCALL fa 0", "-ERR Function not found\r\n")
	if got := restore("FLUSH"); got != "+OK\r\n" {
		t.Error(got)
	}
	b.want("FCALL fb 0", "$1\r\nb\r\n")
}

// TestReturnedErrorFailsTheScript: a script that returned an error, as opposed to raising
// it, counted as one that went well.
func TestReturnedErrorFailsTheScript(t *testing.T) {
	for _, c := range []struct {
		src    string
		failed bool
		errors string // in all
	}{
		{"return redis.pcall('get', 'l')", true, "1"},
		{"return {1, redis.pcall('get', 'l')}", true, "1"},
		{"redis.pcall('get', 'l') return 1", false, "1"},
		{"return redis.error_reply('MY e')", true, "1"},
		{"return {err = 'x'}", true, "1"},
		{"redis.pcall('get', 'l') return {err = 'x'}", true, "2"},
		{"return redis.pcall('nope')", true, "1"},
		{"return redis.call('get', 'l')", true, "1"},
	} {
		b := newBench(t)
		b.do("LPUSH l 1")
		b.eval(c.src)
		if got := strings.HasSuffix(b.info("commandstats")["cmdstat_eval"], ",failed_calls=1"); got != c.failed {
			t.Errorf("%s: failed %t, want %t", c.src, got, c.failed)
		}
		if got := b.info("stats")["total_error_replies"]; got != c.errors {
			t.Errorf("%s: %s errors, want %s", c.src, got, c.errors)
		}
	}
}
