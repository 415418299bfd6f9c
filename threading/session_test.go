package threading

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
)

// nobody is an engine without sockets.
type nobody struct{}

func (nobody) Disconnect(*command.Client)     {}
func (nobody) Notify(*command.Client)         {}
func (nobody) Alarm(int64)                    {}
func (nobody) Unpaused()                      {}
func (nobody) Terminate()                     {}
func (nobody) Net() command.NetStats          { return command.NetStats{} }
func (nobody) CountShared()                   {}
func (nobody) Applied()                       {}
func (nobody) Model() (string, int)           { return "none", 1 }
func (nobody) IOActive() bool                 { return false }
func (nobody) TCPPort() int                   { return 0 }
func (nobody) Threads() []command.ThreadStats { return nil }
func (nobody) Multiplexer() string            { return "none" }

// A wire is a session as its loop sees it: bytes in, bytes out.
type wire struct {
	t     testing.TB
	core  *Core
	s     Session
	l     Limits
	batch *Batch

	arrived  int // bytes of which the session may still hold some
	executed int // commands
	state    State
}

func newWire(t testing.TB, params ...string) *wire {
	conf := config.New(config.Options{})
	if len(params) > 0 {
		if err := conf.Load(config.Source{Options: config.ParseArgs(params).Options}); err != nil {
			t.Fatal(err)
		}
	}
	w := &wire{t: t, batch: NewBatch()}
	w.core = NewCore(Options{Config: conf, Clock: clock.NewManual(time.Unix(1_800_000_000, 0)), Seed: 1}, nobody{})
	t.Cleanup(w.core.CloseCore)
	w.l = LimitsOf(conf)
	x := w.core.Own()
	x.Register(&w.s.Client)
	w.core.Release()
	return w
}

// feed lets bytes arrive, as many at a time as the session has room for, and
// returns what they were answered.
func (w *wire) feed(b []byte) (replies []byte) {
	w.t.Helper()
	for len(b) > 0 && w.state == WantInput {
		room := w.batch.Room(&w.s)
		if len(room) == 0 {
			w.t.Fatalf("no room with %d bytes pending", w.s.Pending())
		}
		n := copy(room, b)
		b = b[n:]
		w.arrived = w.s.Pending() + n
		w.read(n)
		clear(w.batch.room) // nothing may still stand there
		replies = append(replies, w.s.Client.Out.Bytes()...)
		w.s.Client.Out.Reset()
		w.check()
	}
	return replies
}

// read runs what is complete after n more bytes.
func (w *wire) read(n int) {
	w.t.Helper()
	state, added := w.batch.Add(&w.s, n, &w.l)
	w.run(state, added)
}

// resume runs what is complete in the bytes that had to wait.
func (w *wire) resume() {
	w.t.Helper()
	state, added := w.batch.AddPending(&w.s, &w.l)
	w.run(state, added)
}

func (w *wire) run(state State, added bool) {
	w.t.Helper()
	if w.state = state; added {
		if err := w.batch.check(); err != nil {
			w.t.Fatal(err)
		}
		x := w.core.Own()
		w.batch.Execute(x, &w.l)
		w.core.Release()
		w.executed += w.batch.Executed()
		w.state = w.batch.Finish(0, &w.l)
	}
	w.batch.Reset()
}

// check verifies what the session promises of its buffer.
func (w *wire) check() {
	w.t.Helper()
	pending, room := w.s.Pending(), w.s.InputRoom()
	if pending == 0 && room > inputLittle {
		w.t.Fatalf("an idle session holds %d bytes", room)
	}
	if limit := max(4*max(w.arrived, pending), 64<<10); room > limit {
		w.t.Fatalf("room for %d bytes with %d arrived", room, w.arrived)
	}
}

// stream turns bytes into commands in every form, whole and broken.
func stream(rnd *rand.Rand, size int) []byte {
	var b []byte
	for len(b) < size {
		switch rnd.IntN(12) {
		case 0:
			b = append(b, "PING\r\n"...)
		case 1:
			b = append(b, "\r\n*0\r\n"...)
		case 2:
			b = fmt.Appendf(b, "ECHO \"quoted %d\"\n", rnd.IntN(100))
		case 3:
			n := 1 << rnd.IntN(18)
			b = fmt.Appendf(b, "*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", n, bytes.Repeat([]byte{'e'}, n))
		case 4:
			n := 1 + rnd.IntN(400)
			b = fmt.Appendf(b, "*%d\r\n$3\r\nDEL\r\n", n+1)
			for i := range n {
				k := fmt.Sprint("k:", i)
				b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(k), k)
			}
		case 5:
			b = append(b, "*1\r\n$4\r\nNOPE\r\n"...)
		case 6:
			b = append(b, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"...)
		case 7:
			b = append(b, "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n"...)
		default:
			k, v := fmt.Sprint("k:", rnd.IntN(50)), fmt.Sprint(rnd.IntN(1000))
			b = fmt.Appendf(b, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(k), k, len(v), v)
			b = fmt.Appendf(b, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(k), k)
		}
	}
	return b
}

// pieces checks that a stream is answered the same however it is cut.
func pieces(t testing.TB, in []byte, seed uint64, params ...string) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	whole, cut := newWire(t, params...), newWire(t, params...)
	want := whole.feed(in)
	var got []byte
	for rest := in; len(rest) > 0; {
		n := min(1+rnd.IntN(1<<rnd.IntN(18)), len(rest))
		got = append(got, cut.feed(rest[:n])...)
		rest = rest[n:]
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("seed %d: %d bytes of replies, want %d; they differ after %d", seed, len(got), len(want), common(got, want))
	}
	if whole.state != cut.state {
		t.Fatalf("seed %d: state %d in pieces, %d at once", seed, cut.state, whole.state)
	}
	if whole.executed != cut.executed {
		t.Fatalf("seed %d: %d commands in pieces, %d at once", seed, cut.executed, whole.executed)
	}
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func TestPieces(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 8
	}
	for seed := range uint64(rounds) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		in := stream(rnd, 1<<(8+rnd.IntN(13)))
		if rnd.IntN(2) == 0 { // something is wrong with it somewhere
			in[rnd.IntN(len(in))] = "*$\r\n0x\x00"[rnd.IntN(7)]
		}
		pieces(t, in, seed)
	}
}

func FuzzPieces(f *testing.F) {
	f.Add([]byte("PING\r\n*1\r\n$4\r\nPING\r\n"), uint64(1))
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*x"), uint64(2))
	f.Add([]byte("GET \"k\\x41\"\n\x00QUIT\r\nPING\r\n"), uint64(3))
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		if bytes.Contains(bytes.ToUpper(in), []byte("DEBUG")) || bytes.Contains(bytes.ToUpper(in), []byte("CLIENT")) ||
			bytes.Contains(bytes.ToUpper(in), []byte("INFO")) {
			t.Skip("it may sleep, and it may tell how it was asked")
		}
		pieces(t, in, seed)
	})
}

// What a pause or the output's ceiling holds up is executed later, in order, once.
func TestHeldAndStalled(t *testing.T) {
	w := newWire(t)
	var in, want []byte
	for i := range 200 {
		in = fmt.Appendf(in, "*2\r\n$6\r\nINCRBY\r\n$1\r\nn\r\n") // wrong arity: an error
		in = fmt.Appendf(in, "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n")
		want = fmt.Appendf(want, "-ERR wrong number of arguments for 'incrby' command\r\n:%d\r\n", i+1)
	}
	w.l.Output = 100 // it stalls every other command
	w.read(copy(w.batch.Room(&w.s), in))
	var got []byte
	stalls := 0
	for ; w.state == Stalled; stalls++ {
		got = append(got, w.s.Client.Out.Bytes()...)
		w.s.Client.Out.Reset()
		w.resume()
	}
	got = append(got, w.s.Client.Out.Bytes()...)
	if !bytes.Equal(got, want) || stalls < 100 || w.state != WantInput || w.s.Pending() != 0 {
		t.Errorf("%d stalls, state %d, %d pending, replies %.200q", stalls, w.state, w.s.Pending(), got)
	}

	w = newWire(t)
	if got := w.feed([]byte("*4\r\n$6\r\nCLIENT\r\n$5\r\nPAUSE\r\n$3\r\n100\r\n$5\r\nWRITE\r\n*2\r\n$3\r\nGET\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nPI")); string(got) != "+OK\r\n$-1\r\n" || w.state != Held {
		t.Fatalf("%q, state %d", got, w.state)
	}
	w.core.Clock().(*clock.Manual).Advance(100 * time.Millisecond)
	w.resume()
	if got := w.s.Client.Out.Bytes(); string(got) != ":1\r\n" || w.state != WantInput {
		t.Fatalf("%q, state %d", got, w.state)
	}
	w.s.Client.Out.Reset()
	if got := w.feed([]byte("NG\r\n")); string(got) != "+PONG\r\n" {
		t.Errorf("the command it was cut in: %q", got)
	}
}

// A big argument is not copied more often than its buffer must grow.
func TestBigArgumentGrows(t *testing.T) {
	w := newWire(t)
	const size = 32 << 20
	head := fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n", size)
	w.feed([]byte(head))
	moved, rooms := 0, 0
	chunk := bytes.Repeat([]byte{'x'}, 50_000)
	for sent := 0; sent < size-len(chunk); sent += len(chunk) {
		before := w.s.InputRoom()
		w.feed(chunk)
		if after := w.s.InputRoom(); after != before {
			moved += w.s.Pending()
			rooms++
		}
	}
	if rooms > 10 || moved > 2*size {
		t.Errorf("%d buffers, %d bytes moved for an argument of %d", rooms, moved, size)
	}
}

// Where others wait a client has room for a chunk, behind what is pending; a long
// argument is read as if he were alone.
func TestFairRoom(t *testing.T) {
	w := newWire(t)
	if n := len(w.batch.FairRoom(&w.s)); n != fairChunk {
		t.Errorf("room for %d bytes, want %d", n, fairChunk)
	}
	w.feed([]byte("*2\r\n$3\r\nGET\r\n"))
	pending := w.s.Pending()
	if n := len(w.batch.FairRoom(&w.s)); n != fairChunk || pending == 0 {
		t.Errorf("room for %d bytes behind %d, want %d", n, pending, fairChunk)
	}
	w.feed([]byte("$1000000\r\n" + strings.Repeat("x", 400_000)))
	if fair, room := len(w.batch.FairRoom(&w.s)), len(w.batch.Room(&w.s)); fair != room || fair <= fairChunk {
		t.Errorf("room for %d bytes of a long argument, alone for %d", fair, room)
	}
}
