package command

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/datatypes"
)

// A peer is one of several clients of a bench.
type peer struct {
	b  *bench
	cl *Client
}

func (b *bench) peer() *peer {
	p := &peer{b, &Client{}}
	b.x.Register(p.cl)
	return p
}

// do runs a command and returns the reply, "blocked" when there is none yet.
func (p *peer) do(line string) string {
	p.b.t.Helper()
	var args [][]byte
	for _, f := range strings.Fields(line) {
		args = append(args, []byte(f))
	}
	p.b.x.Begin()
	p.cl.Out.Reset()
	v := p.b.x.Do(p.cl, args)
	p.b.x.Settle()
	p.b.checkInterests()
	if v == Blocked {
		if len(p.cl.Out.Bytes()) > 0 {
			p.b.t.Errorf("%s: blocked, and replied %q", line, p.cl.Out.Bytes())
		}
		return "blocked"
	}
	return string(p.cl.Out.Bytes())
}

func (p *peer) want(line, reply string) {
	p.b.t.Helper()
	if got := p.do(line); got != reply {
		p.b.t.Errorf("%s\n got %q\nwant %q", line, got, reply)
	}
}

// answer returns the reply to the command that the client was blocked in, "" when there
// is none yet.
func (p *peer) answer() string {
	b, unblocked := p.cl.Mail.Take(nil)
	if len(b) > 0 && !unblocked {
		p.b.t.Errorf("mail %q that answers nothing", b)
	}
	return string(b)
}

func (p *peer) wantAnswer(reply string) {
	p.b.t.Helper()
	if got := p.answer(); got != reply {
		p.b.t.Errorf("answered %q, want %q", got, reply)
	}
}

// timeOut moves the clock and does what the alarm does.
func (b *bench) timeOut(d time.Duration) {
	b.t.Helper()
	b.clock.Advance(d)
	b.x.Begin()
	b.x.TimeOut()
	b.checkInterests()
}

func (b *bench) checkInterests() {
	b.t.Helper()
	if err := b.x.Server.checkInterests(); err != nil {
		b.t.Fatal(err)
	}
}

// checkInterests verifies what transaction.go and blocked.go say of their lists.
func (s *Server) checkInterests() error {
	places, watches := 0, 0
	for _, in := range s.interests {
		for at, q := range in.waiting {
			if q.at != at || q.in != in || q.first == nil {
				return fmt.Errorf("queue of %v: it is that of %v, or empty", at, q.at)
			}
			gone := 0
			var prev *place
			for p := q.first; p != nil; prev, p = p, p.next {
				if p.q != q || p.prev != prev || p.b.cl.blocked != p.b || p.b.cl.Flags&isBlocked == 0 {
					return fmt.Errorf("queue of %v: a place that is none", at)
				}
				if p.b.gone {
					gone++
				}
				places++
			}
			if q.last != prev || q.gone != gone {
				return fmt.Errorf("queue of %v: %d wait for it to go away, want %d; or a wrong end", at, q.gone, gone)
			}
		}
		for q := in.firstReady; q != nil; q = q.nextReady {
			if !q.ready || q.nextReady == nil && in.lastReady != q {
				return fmt.Errorf("queue of %v is on the list of ready ones and does not know", q.at)
			}
		}
		for at, w := range in.watched {
			var prev *watch
			for ; w != nil; prev, w = w, w.next {
				if w.at != at || w.in != in || w.prev != prev || w.touched {
					return fmt.Errorf("watch of %v: wrong list", at)
				}
				watches++
			}
		}
	}
	for id, cl := range s.blocked {
		if cl.ID != id || cl.Flags&isBlocked == 0 || len(cl.blocked.places) == 0 {
			return fmt.Errorf("client %d is entered as blocked", id)
		}
		places -= len(cl.blocked.places)
	}
	if places != 0 {
		return fmt.Errorf("%d places of clients that are not blocked", places)
	}
	for i, b := range s.deadlines {
		if b.index != i || i > 0 && b.deadline < s.deadlines[(i-1)/2].deadline || s.blocked[b.cl.ID] != b.cl {
			return fmt.Errorf("deadline %d: not in order", i)
		}
	}
	return nil
}

func TestTimeouts(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	for _, c := range []struct{ arg, reply string }{
		{"-1", "-ERR timeout is negative\r\n"},
		{"-0.0001", "*-1\r\n"}, // rounds to 0
		{"-0.002", "-ERR timeout is negative\r\n"},
		{"abc", "-ERR timeout is not a float or out of range\r\n"},
		{"nan", "-ERR timeout is not a float or out of range\r\n"},
		{"1_0", "-ERR timeout is not a float or out of range\r\n"},
		{"inf", "-ERR timeout is out of range\r\n"},
		{"1e400", "-ERR timeout is out of range\r\n"},
		{"1e16", "-ERR timeout is out of range\r\n"},
		{"9223372036854775.807", "-ERR timeout is out of range\r\n"},
		{"9223371000000000", "-ERR timeout is out of range\r\n"}, // now is beyond
		{"1e-400", "*-1\r\n"},
		{"1e-5000", "-ERR timeout is not a float or out of range\r\n"},
		{"1e4900", "-ERR timeout is out of range\r\n"},
		{"1e5000", "-ERR timeout is not a float or out of range\r\n"},
		{"-1e4900", "-ERR timeout is negative\r\n"},
		{"0x1p-3", "*-1\r\n"},
	} {
		if strings.HasPrefix(c.reply, "-") {
			p.want("BLPOP k "+c.arg, c.reply)
		} else if got := p.do("BLPOP k " + c.arg); got != "blocked" {
			t.Errorf("BLPOP k %s: %q", c.arg, got)
		} else {
			b.timeOut(time.Hour)
			if got := p.answer(); got != c.reply {
				b.x.Abandon(p.cl) // for ever
			}
		}
	}
	// To the millisecond, rounded up; and the nearest comes first.
	p.want("BLPOP k 1.0001", "blocked")
	q.want("BLPOP k 0.5", "blocked")
	b.timeOut(499 * time.Millisecond)
	q.wantAnswer("")
	b.timeOut(time.Millisecond)
	q.wantAnswer("*-1\r\n")
	b.timeOut(500 * time.Millisecond)
	p.wantAnswer("")
	b.timeOut(time.Millisecond)
	p.wantAnswer("*-1\r\n")
	// What was served has no deadline any more.
	p.want("BLPOP k 1", "blocked")
	q.want("RPUSH k x", ":1\r\n")
	p.wantAnswer(bulks("k", "x"))
	b.timeOut(time.Hour)
	p.wantAnswer("")
	if n := len(b.x.deadlines); n != 0 {
		t.Errorf("%d deadlines of nobody", n)
	}
}

// alarms is an engine that notes when it shall call TimeOut.
type alarms struct {
	quietHost
	at []int64
}

func (h *alarms) Alarm(at int64) { h.at = append(h.at, at) }

func TestAlarm(t *testing.T) {
	b := newBench(t)
	h := &alarms{}
	b.x.Server.host = h
	p, q, r := b.peer(), b.peer(), b.peer()
	p.do("BLPOP k 2")
	q.do("BLPOP k 1")
	r.do("BLPOP k 0")
	if want := []int64{2e9, 1e9, 1e9}; !slices.Equal(h.at, want) {
		t.Errorf("alarms at %v, want %v", h.at, want)
	}
	h.at = nil
	b.timeOut(time.Second)
	if want := []int64{2e9}; !slices.Equal(h.at, want) {
		t.Errorf("then at %v, want %v", h.at, want)
	}
}

func TestUnblock(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	unblock := func(how, reply string) {
		t.Helper()
		q.want(fmt.Sprintf("CLIENT UNBLOCK %d%s", p.cl.ID, how), reply)
	}
	unblock("", ":0\r\n")
	for _, c := range []struct{ how, reply string }{
		{"", "*-1\r\n"}, {" timeout", "*-1\r\n"}, {" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"},
	} {
		p.want("BLMOVE a b LEFT LEFT 0", "blocked")
		unblock(" nope", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n")
		unblock(c.how, ":1\r\n")
		unblock(c.how, ":0\r\n")
		p.wantAnswer(c.reply)
	}
	q.want("RPUSH a x", ":1\r\n")
	q.want("LLEN a", ":1\r\n")
	if got := q.do("INFO commandstats"); !strings.Contains(got, "cmdstat_blmove:calls=3,") || !strings.Contains(got, "failed_calls=1") {
		t.Errorf("commandstats\n%s", got)
	}
}

func TestAbandon(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	p.want("BLPOP a b 10", "blocked")
	if !b.x.Abandon(p.cl) || b.x.Abandon(p.cl) {
		t.Error("a blocked command can be taken back, once")
	}
	b.checkInterests()
	q.want("RPUSH a x", ":1\r\n")
	p.wantAnswer("")
	p.want("BLPOP a b 10", bulks("a", "x"))
	// And the connection's end takes back whatever there is.
	p.want("BLPOP a b 10", "blocked")
	q.do("WATCH a c")
	if !p.cl.Entangled() || !q.cl.Entangled() {
		t.Error("who waits or watches is known to others")
	}
	b.x.Unregister(p.cl)
	b.x.Unregister(q.cl)
	b.checkInterests()
	in := b.x.interests[0]
	if len(in.waiting) != 0 || len(in.watched) != 0 || len(b.x.Server.blocked) != 0 || len(b.x.deadlines) != 0 {
		t.Errorf("left behind: %d queues, %d watched keys, %d clients", len(in.waiting), len(in.watched), len(b.x.Server.blocked))
	}
}

func TestBlockedReplyModes(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	p.do("CLIENT REPLY SKIP")
	p.want("BLPOP k 0", "blocked")
	q.do("RPUSH k x")
	if got, unblocked := p.cl.Mail.Take(nil); len(got) != 0 || !unblocked {
		t.Errorf("a reply to be skipped: %q, %v", got, unblocked)
	}
	p.want("PING", "+PONG\r\n")
	p.cl.SetProto(3)
	p.want("BLPOP k 1", "blocked")
	b.timeOut(time.Second)
	p.wantAnswer("_\r\n")
}

// A command that blocks is counted when it is done, and shown as waiting until then.
func TestBlockedIsCountedOnce(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	p.want("BLPOP k 0", "blocked")
	info := q.do("INFO everything")
	for _, want := range []string{"blocked_clients:1\r\n", "total_blocking_keys:1\r\n", "total_blocking_keys_on_nokey:0\r\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO lacks %s", want)
		}
	}
	if strings.Contains(info, "cmdstat_blpop") {
		t.Error("counted before it is done")
	}
	if l := p.cl.flagLetters(); l != "b" {
		t.Errorf("flags %s", l)
	}
	q.do("RPUSH k x")
	if info := q.do("INFO everything"); !strings.Contains(info, "cmdstat_blpop:calls=1,") || !strings.Contains(info, "blocked_clients:0\r\n") {
		t.Error("not counted when it was done")
	}
}

// Waiting for a key where others wait costs no memory once the room is there.
func TestBlockingAllocations(t *testing.T) {
	b := newBench(t)
	for range 100 {
		b.peer().do("BLPOP k other 0")
	}
	p := b.peer()
	args := [][]byte{[]byte("BLPOP"), []byte("k"), []byte("other"), []byte("10")}
	run := func() {
		b.x.Begin()
		if b.x.Do(p.cl, args) != Blocked || !b.x.Abandon(p.cl) {
			t.Fatal("not blocked")
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Under a stalled queue of thousands one that is served does not look at the others.
func BenchmarkServeOneOf(bb *testing.B) {
	for _, n := range []int{1, 10_000} {
		bb.Run(fmt.Sprintf("waiting=%d", n), func(bb *testing.B) {
			b := newBench(bb)
			for range n {
				b.peer().do("BLPOP k 0")
			}
			pop := [][]byte{[]byte("BLPOP"), []byte("k"), []byte("0")}
			push := [][]byte{[]byte("RPUSH"), []byte("k"), []byte("x")}
			q := b.peer()
			bb.ReportAllocs()
			for bb.Loop() {
				first := b.x.interests[0].waiting[dbKey{0, "k"}].first.b.cl
				b.x.Do(q.cl, push)
				q.cl.Out.Reset()
				first.Mail.Take(nil)
				b.x.Do(first, pop)
			}
		})
	}
}

// TestBlockingModel plays random commands of several clients, some of which wait, and
// compares with lists and queues of the simplest kind.
func TestBlockingModel(t *testing.T) {
	for seed := range uint64(40) {
		m := newBlockingModel(t, seed)
		for range 400 {
			m.step()
		}
	}
}

// A blockingModel is lists under a few keys, and who waits for them, oldest first.
type blockingModel struct {
	t       *testing.T
	seed    uint64
	rnd     *rand.Rand
	b       *bench
	control *peer
	peers   []*peer
	lists   map[string][]string
	waits   []*modelWait
	pushed  int
}

type modelWait struct {
	p    *peer
	keys []string
	to   string // "" for BLPOP
}

func newBlockingModel(t *testing.T, seed uint64) *blockingModel {
	m := &blockingModel{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 1)), b: newBench(t), lists: map[string][]string{}}
	m.control = m.b.peer()
	for range 6 {
		m.peers = append(m.peers, m.b.peer())
	}
	return m
}

func (m *blockingModel) key() string { return fmt.Sprintf("k%d", m.rnd.IntN(4)) }

func (m *blockingModel) waiting(p *peer) *modelWait {
	for _, w := range m.waits {
		if w.p == p {
			return w
		}
	}
	return nil
}

func (m *blockingModel) step() {
	p := m.peers[m.rnd.IntN(len(m.peers))]
	w := m.waiting(p)
	switch {
	case w != nil && m.rnd.IntN(8) == 0:
		m.control.want(fmt.Sprintf("CLIENT UNBLOCK %d", p.cl.ID), ":1\r\n")
		m.expect(p, "*-1\r\n")
		m.forget(w)
	case w == nil && m.rnd.IntN(2) == 0:
		w := &modelWait{p: p, keys: []string{m.key(), m.key()}}
		line := fmt.Sprintf("BLPOP %s %s 0", w.keys[0], w.keys[1])
		if m.rnd.IntN(2) == 0 {
			w.keys, w.to = w.keys[:1], m.key()
			line = fmt.Sprintf("BLMOVE %s %s LEFT RIGHT 0", w.keys[0], w.to)
		}
		for _, key := range w.keys {
			if len(m.lists[key]) > 0 {
				var ready []string
				m.control.b.t.Helper()
				p.want(line, m.take(w, key, &ready))
				m.serve(ready)
				return
			}
		}
		m.waits = append(m.waits, w)
		p.want(line, "blocked")
	default:
		m.push()
	}
	m.compare()
}

// push pushes to one key, or to several in a transaction.
func (m *blockingModel) push() {
	var ready []string
	n := 1
	if m.rnd.IntN(3) == 0 {
		n = 1 + m.rnd.IntN(4)
	}
	if n > 1 {
		m.control.do("MULTI")
	}
	for range n {
		key := m.key()
		if m.rnd.IntN(5) == 0 {
			m.control.do("DEL " + key)
			delete(m.lists, key)
			continue
		}
		line := "RPUSH " + key
		for range 1 + m.rnd.IntN(3) {
			m.pushed++
			line += fmt.Sprintf(" v%d", m.pushed)
			m.lists[key] = append(m.lists[key], fmt.Sprintf("v%d", m.pushed))
		}
		m.control.do(line)
		if !slices.Contains(ready, key) {
			ready = append(ready, key)
		}
	}
	if n > 1 {
		m.control.do("EXEC")
	}
	m.serve(ready)
}

// take takes an element for w from the list at key, and returns the reply.
func (m *blockingModel) take(w *modelWait, key string, ready *[]string) string {
	v := m.lists[key][0]
	m.lists[key] = m.lists[key][1:]
	if w.to == "" {
		return bulks(key, v)
	}
	m.lists[w.to] = append(m.lists[w.to], v)
	*ready = append(*ready, w.to)
	return fmt.Sprintf("$%d\r\n%s\r\n", len(v), v)
}

// serve serves those who wait for the keys that are ready.
func (m *blockingModel) serve(ready []string) {
	for ; len(ready) > 0; ready = ready[1:] {
		key := ready[0]
		for _, w := range slices.Clone(m.waits) {
			if len(m.lists[key]) > 0 && slices.Contains(w.keys, key) {
				reply := m.take(w, key, &ready)
				m.forget(w)
				m.expect(w.p, reply)
			}
		}
	}
}

func (m *blockingModel) forget(w *modelWait) {
	m.waits = slices.DeleteFunc(m.waits, func(o *modelWait) bool { return o == w })
}

func (m *blockingModel) expect(p *peer, reply string) {
	m.t.Helper()
	if got := p.answer(); got != reply {
		m.t.Fatalf("seed %d: client %d was answered %q, want %q", m.seed, p.cl.ID, got, reply)
	}
}

func (m *blockingModel) compare() {
	m.t.Helper()
	for _, p := range m.peers {
		if got := p.answer(); got != "" {
			m.t.Fatalf("seed %d: client %d was answered %q", m.seed, p.cl.ID, got)
		}
	}
	for i := range 4 {
		key := fmt.Sprintf("k%d", i)
		if got, want := m.control.do("LRANGE "+key+" 0 -1"), bulks(m.lists[key]...); got != want {
			m.t.Fatalf("seed %d: %s holds %q, want %q", m.seed, key, got, want)
		}
	}
	if len(m.b.x.Server.blocked) != len(m.waits) {
		m.t.Fatalf("seed %d: %d clients wait, want %d", m.seed, len(m.b.x.Server.blocked), len(m.waits))
	}
}

// A command that waits for its key to go away too, as XREADGROUP does, is run again when
// it does; and one that blocks again keeps its place and its time.
// What a client waited for is not kept when it was much: many keys with short names were.
func TestRoomOfBlockedIsGivenBack(t *testing.T) {
	b := newBench(t)
	p := b.peer()
	for _, keys := range []string{"k " + strings.Repeat("a b ", 1000), "k " + strings.Repeat("x", 10_000), "k"} {
		p.want("BLPOP "+keys+" 0", "blocked")
		b.do("RPUSH k v")
		p.wantAnswer("*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
		kept := p.cl.blocked
		if cap(kept.buf) > keepBlockedBytes || cap(kept.args) > keepBlockedArgs || cap(kept.places) > keepBlockedArgs {
			t.Errorf("after %d bytes: room for %d bytes, %d arguments and %d places", len(keys), cap(kept.buf), cap(kept.args), cap(kept.places))
		}
	}
}

func TestGoneAndAgain(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	runs := 0
	old := commands.byID[findCommand("blmove").ID].run
	commands.byID[findCommand("blmove").ID].run = func(c *Ctx) {
		runs++
		e, found := c.lookup(c.Args[1], 0)
		switch {
		case !found && c.again != nil:
			c.Fail("ERR it is gone")
		case found && e.Type() != datatypes.List:
			c.Fail(ErrWrongType)
		default:
			c.block(wait{on: datatypes.List, gone: true, keys: c.Args[1:2], timeout: 1000})
		}
	}
	defer func() { commands.byID[findCommand("blmove").ID].run = old }()
	q.do("RPUSH k x")
	p.want("BLMOVE k b LEFT LEFT 0", "blocked")
	if !strings.Contains(q.do("INFO clients"), "total_blocking_keys_on_nokey:1\r\n") {
		t.Error("INFO does not know")
	}
	b.clock.Advance(900 * time.Millisecond)
	q.do("RPUSH k y")
	q.do("PING")
	if p.wantAnswer(""); runs != 2 {
		t.Errorf("%d runs, want 2", runs)
	}
	b.timeOut(100 * time.Millisecond)
	p.wantAnswer("*-1\r\n")
	p.want("BLMOVE k b LEFT LEFT 0", "blocked")
	q.do("DEL k")
	p.wantAnswer("-ERR it is gone\r\n")
	q.do("RPUSH k x")
	p.want("BLMOVE k b LEFT LEFT 0", "blocked")
	q.do("SET k x")
	p.wantAnswer(wrongType)
	q.do("DEL k")
	q.do("RPUSH k x")
	p.want("BLMOVE k b LEFT LEFT 0", "blocked")
	q.do("FLUSHALL")
	p.wantAnswer("-ERR it is gone\r\n")
	q.do("RPUSH k x")
	q.do("PEXPIRE k 10")
	p.want("BLMOVE k b LEFT LEFT 0", "blocked")
	b.clock.Advance(20 * time.Millisecond)
	b.x.Begin()
	b.x.CatchUp()
	p.wantAnswer("-ERR it is gone\r\n")
	// A typed call as well.
	q.do("RPUSH k x")
	p.want("BLMOVE k b LEFT LEFT 0", "blocked")
	b.x.Begin()
	b.x.Delete(0, []byte("k"))
	p.wantAnswer("-ERR it is gone\r\n")
}

func findCommand(name string) *Command {
	cmd, _ := find([][]byte{[]byte(name)})
	return cmd
}

// A client's user may have lost the right to what it waits for.
func TestServedOnlyWhatIsAllowed(t *testing.T) {
	b := newBench(t)
	p, q := b.peer(), b.peer()
	p.cl.Flags &^= inProcess
	q.do("ACL SETUSER bob on nopass ~* +@all")
	p.do("AUTH bob x")
	p.want("BLPOP k 0", "blocked")
	q.do("ACL SETUSER bob -@list")
	q.do("RPUSH k x")
	p.wantAnswer("-NOPERM User bob has no permissions to run the 'blpop' command\r\n")
	q.want("LLEN k", ":1\r\n")
}
