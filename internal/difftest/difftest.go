// Package difftest sends random commands to two servers side by side and compares
// what they reply and what they then hold: ours, and a real redis-server that
// knows better.
//
//	difftest.Run(t, ours, transcript.Reference(t), difftest.Options{Commands: 10_000})
//
//	seed ──> generator ──> args ──┬──> ours ───────> reply ──┐
//	                              └──> reference ──> reply ──┴──> compare ──> dumps, now and then
//
// # The generator
//
// Commands are drawn from the table of internal/command/spec, and their arguments
// from its syntax: every option there is comes up, in any order, with values from
// small pools that hit the same few keys and members again and again, values at the
// limits, and values that make no sense. See gen.go and pools.go.
//
// # The comparison
//
// Replies must be the same, byte for byte, but for what compare.go allows a command
// (an order that means nothing, a random choice, a clock) and for what declared.go
// declares to be different, with the reason. Keyspace notifications may be compared
// too: see events.go. Every so often both keyspaces are
// dumped and compared, key by key, and by DEBUG DIGEST.
//
// # Repeating a run
//
// The seed is printed. The same seed gives the same commands, as far as replies do
// not steer them.
package difftest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/transcript"
)

// Options say what to run.
type Options struct {
	Commands int          // how many; 0 means 1000
	Seed     uint64       // 0 means any
	Proto    int          // 2 or 3; 0 means that the seed decides
	Groups   []spec.Group // families to draw from; nil means all there are
	Only     []string     // commands to draw from, by name; nil means all of the families
	Events   bool         // compare keyspace notifications as well
	MaxFails int          // stop after so many differences; 0 means 10
}

// dumpEvery is how many commands go by between dumps.
const dumpEvery = 250

// expireEvery is how many commands go by between keys that expire.
const expireEvery = 100

// Run compares ours with the reference. Neither may have other clients; both are
// emptied.
func Run(t testing.TB, ours, reference transcript.Server, o Options) {
	t.Helper()
	if o.Commands == 0 {
		o.Commands = 1000
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if o.MaxFails == 0 {
		o.MaxFails = 10
	}
	t.Logf("seed %d", o.Seed)
	rnd := rand.New(rand.NewPCG(o.Seed, 1))
	if o.Proto == 0 {
		o.Proto = 2 + rnd.IntN(2)
	}
	r := &run{t: t, o: o, ours: open(t, ours), ref: open(t, reference)}
	r.reset()
	r.settings(rnd)
	common := r.common()
	r.transactions = common["multi"] && common["exec"]
	r.gen = newGenerator(rnd, o, common)
	if o.Events {
		r.listen(ours, reference)
	}
	for i := range o.Commands {
		if r.transactions && r.gen.one(50) {
			r.transaction()
		} else {
			r.step(r.gen.next())
		}
		if o.Events && len(r.history) > 0 {
			r.compareEvents(r.history[len(r.history)-1])
		}
		if i%expireEvery == 0 {
			r.expire(pick(r.gen, poolKeys()))
		}
		if i%dumpEvery == dumpEvery-1 || i == o.Commands-1 {
			r.compareDumps()
		}
		if r.fails >= o.MaxFails {
			t.Errorf("seed %d: gave up after %d differences and %d commands", o.Seed, r.fails, i+1)
			return
		}
	}
}

// run is one comparison under way.
type run struct {
	t         testing.TB
	o         Options
	gen       *generator
	ours, ref side
	history   [][][]byte // commands since the servers were empty
	fails     int

	transactions bool // both have MULTI and EXEC
	ears         [2]ear
}

// patience is how long a reply may take, on a machine that does other things as well.
const patience = 2 * time.Minute

// side is one of the two servers.
type side struct {
	t      testing.TB
	conn   transcript.Conn
	server string // its type, for errors
}

func open(t testing.TB, s transcript.Server) side {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return side{t, conn, fmt.Sprintf("%T", s)}
}

// do runs a command and returns its reply.
func (s side) do(args ...[]byte) transcript.Reply {
	s.t.Helper()
	err := s.conn.Send(args)
	if err == nil {
		var raw []byte
		if raw, err = s.conn.Receive(patience); err == nil {
			var v transcript.Reply
			if v, err = transcript.Decode(raw); err == nil {
				return v
			}
		}
	}
	s.t.Fatalf("%s to %s: %v", show(args), s.server, err)
	return transcript.Reply{}
}

func (s side) words(words ...string) transcript.Reply {
	s.t.Helper()
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return s.do(args...)
}

// both runs a command on both sides.
func (r *run) both(words ...string) {
	r.ours.words(words...)
	r.ref.words(words...)
}

// reset makes both keyspaces empty and the connections new.
func (r *run) reset() {
	r.history = r.history[:0]
	r.both("RESET")
	r.both("FLUSHALL", "SYNC")
	r.both("SCRIPT", "FLUSH")
	r.both("FUNCTION", "FLUSH")
	r.both("HELLO", fmt.Sprint(r.o.Proto))
}

// settings draws the thresholds between encodings, which both must have.
func (r *run) settings(rnd *rand.Rand) {
	for _, s := range []struct {
		name   string
		values []string
	}{
		{"hash-max-listpack-entries", []string{"128", "4", "0"}},
		{"hash-max-listpack-value", []string{"64", "5"}},
		{"list-max-listpack-size", []string{"-2", "3", "16"}},
		{"list-compress-depth", []string{"0", "1"}},
		{"set-max-intset-entries", []string{"512", "6"}},
		{"zset-max-listpack-entries", []string{"128", "4", "0"}},
		{"zset-max-listpack-value", []string{"64", "5"}},
		{"stream-node-max-entries", []string{"100", "4", "10"}},
		{"stream-node-max-bytes", []string{"4096", "200"}},
		{"hll-sparse-max-bytes", []string{"3000", "100", "0"}},
	} {
		v := s.values[0]
		if rnd.IntN(2) == 0 {
			v = s.values[rnd.IntN(len(s.values))]
		}
		r.t.Logf("%s %s", s.name, v)
		r.both("CONFIG", "SET", s.name, v)
	}
}

// common returns the commands that both sides have, by name.
func (r *run) common() map[string]bool {
	all := map[string]int{}
	for _, s := range []side{r.ours, r.ref} {
		for _, name := range s.words("COMMAND", "LIST").Elems {
			all[name.Text]++
		}
	}
	both := map[string]bool{}
	for name, n := range all {
		both[name] = n == 2
	}
	return both
}

// step runs one command on both sides and compares.
func (r *run) step(c call) {
	r.history = append(r.history, c.args)
	ours, ref, same := rules[c.cmd.Name].play(r, c)
	if same || declared(c, ours, ref) {
		return
	}
	r.fail(c.args, "ours      "+ours.String(), "reference "+ref.String())
}

// command steps a command without arguments.
func (r *run) command(name string) {
	r.step(call{spec.ByName(name), [][]byte{[]byte(name)}})
}

// expire lets a key expire on both sides.
func (r *run) expire(key string) {
	args := [][]byte{[]byte("PEXPIRE"), []byte(key), []byte("1")}
	r.history = append(r.history, args)
	r.ours.do(args...)
	if r.ref.do(args...).Text == "1" {
		time.Sleep(3 * time.Millisecond)
	}
	if r.o.Events { // a millisecond may be over before the command looks: then it deletes
		r.heard(r.ours, &r.ears[0])
		r.heard(r.ref, &r.ears[1])
	}
}

// fail reports a difference with what led to it, and starts anew.
func (r *run) fail(args [][]byte, lines ...string) {
	r.t.Helper()
	r.fails++
	r.t.Errorf("seed %d: %s\n%s\nafter\n%s", r.o.Seed, show(args), strings.Join(lines, "\n"), r.story(args))
	r.reset()
}

// story lists the last commands that share an argument with these.
func (r *run) story(args [][]byte) string {
	const most = 20
	var lines []string
	for i := len(r.history) - 1; i >= 0 && len(lines) < most; i-- {
		h := r.history[i]
		if sharesKey(h, args) || strings.EqualFold(string(h[0]), "select") {
			lines = append(lines, "  "+show(h))
		}
	}
	slices.Reverse(lines)
	return strings.Join(lines, "\n")
}

// sharesKey reports whether two commands have an argument in common that looks
// like a key of the pools.
func sharesKey(a, b [][]byte) bool {
	for _, x := range a[1:] {
		if !isPoolKey(x) {
			continue
		}
		for _, y := range b[1:] {
			if string(x) == string(y) {
				return true
			}
		}
	}
	return false
}

// show prints a command so that it can be pasted into redis-cli.
func show(args [][]byte) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = string(a)
		if words[i] == "" || strings.ContainsFunc(words[i], func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			words[i] = fmt.Sprintf("%q", a)
		}
	}
	return strings.Join(words, " ")
}
