package difftest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/transcript"
)

// RunBlocking has several clients of each server wait for the same few keys, while one
// more writes to them, now and then in a transaction. After every command the same
// clients must have been answered the same, and all the others still wait.
//
// One difference is meant, and not drawn: a command such as ZUNIONSTORE that puts a
// sorted set over a value of another type wakes those who wait for one; the reference
// lets them wait on.
func RunBlocking(t testing.TB, ours, reference transcript.Server, o Options) {
	t.Helper()
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	t.Logf("seed %d", o.Seed)
	const clients = 6
	b := &blockingRun{t: t, rnd: rand.New(rand.NewPCG(o.Seed, 2)), seed: o.Seed, waits: make([]bool, clients)}
	for i, s := range []transcript.Server{ours, reference} {
		b.control[i] = open(t, s)
		b.control[i].words("FLUSHALL")
		for range clients {
			side := open(t, s)
			b.ids[i] = append(b.ids[i], side.words("CLIENT", "ID").Text)
			b.clients[i] = append(b.clients[i], side)
		}
	}
	for range o.Commands {
		b.step()
		if t.Failed() {
			return
		}
	}
	t.Logf("%d commands waited and were answered", b.served)
}

// blockingRun is one run under way. Of each pair the first is ours.
type blockingRun struct {
	t       testing.TB
	rnd     *rand.Rand
	seed    uint64
	control [2]side
	clients [2][]side
	ids     [2][]string
	waits   []bool
	history []string
	n       int // of elements written
	served  int
}

func (b *blockingRun) key() string { return fmt.Sprintf("k%d", b.rnd.IntN(4)) }

func (b *blockingRun) end() string { return []string{"LEFT", "RIGHT"}[b.rnd.IntN(2)] }

// waiting draws a command that may wait.
func (b *blockingRun) waiting() string {
	switch b.rnd.IntN(9) {
	case 0, 1:
		return fmt.Sprintf("BLPOP %s %s 0", b.key(), b.key())
	case 2:
		return fmt.Sprintf("BRPOP %s 0", b.key())
	case 3, 4:
		return fmt.Sprintf("BLMOVE %s %s %s %s 0", b.key(), b.key(), b.end(), b.end())
	case 5:
		return fmt.Sprintf("BRPOPLPUSH %s %s 0", b.key(), b.key())
	case 6:
		return fmt.Sprintf("BLMPOP 0 2 %s %s %s COUNT 2", b.key(), b.key(), b.end())
	case 7:
		return fmt.Sprintf("BZPOPMIN %s %s 0", b.key(), b.key())
	}
	return fmt.Sprintf("BZMPOP 0 1 %s MAX COUNT 2", b.key())
}

// writing draws a command that changes a key.
func (b *blockingRun) writing() string {
	b.n++
	switch b.rnd.IntN(13) {
	case 0, 1, 2:
		return fmt.Sprintf("RPUSH %s a%d b%d", b.key(), b.n, b.n)
	case 3, 4:
		return fmt.Sprintf("LPUSH %s a%d", b.key(), b.n)
	case 5:
		return fmt.Sprintf("ZADD %s 1 a%d 2 b%d", b.key(), b.n, b.n)
	case 6:
		return fmt.Sprintf("SET %s x", b.key())
	case 7, 8, 9:
		return fmt.Sprintf("DEL %s %s", b.key(), b.key())
	case 10:
		return fmt.Sprintf("RENAME %s %s", b.key(), b.key())
	case 11:
		return fmt.Sprintf("COPY %s %s REPLACE", b.key(), b.key())
	}
	return fmt.Sprintf("LMOVE %s %s %s %s", b.key(), b.key(), b.end(), b.end())
}

func (b *blockingRun) step() {
	i := b.rnd.IntN(len(b.waits))
	switch {
	case !b.waits[i] && b.rnd.IntN(2) == 0:
		line := b.waiting()
		b.note(fmt.Sprintf("client %d: %s", i, line))
		for s := range 2 {
			args := fields(line)
			if err := b.clients[s][i].conn.Send(args); err != nil {
				b.t.Fatal(err)
			}
			// It has been read when a command behind it has an answer.
			b.control[s].words("CLIENT", "LIST", "ID", b.ids[s][i])
		}
		b.waits[i] = true
		b.settle()
	case b.waits[i] && b.rnd.IntN(10) == 0:
		b.note(fmt.Sprintf("client %d is unblocked", i))
		how := []string{"TIMEOUT", "ERROR"}[b.rnd.IntN(2)]
		b.compare("CLIENT UNBLOCK", b.control[0].words("CLIENT", "UNBLOCK", b.ids[0][i], how),
			b.control[1].words("CLIENT", "UNBLOCK", b.ids[1][i], how))
	case b.rnd.IntN(3) == 0:
		b.both("MULTI")
		for range 1 + b.rnd.IntN(5) {
			b.both(b.writing())
		}
		b.both("EXEC")
	default:
		b.both(b.writing())
	}
	b.answers()
	for k := range 4 {
		key := fmt.Sprintf("k%d", k)
		b.quietly("TYPE " + key)
		b.quietly("LRANGE " + key + " 0 -1")
		b.quietly("ZRANGE " + key + " 0 -1")
	}
}

func fields(line string) (args [][]byte) {
	for _, w := range strings.Fields(line) {
		args = append(args, []byte(w))
	}
	return args
}

func (b *blockingRun) note(line string) { b.history = append(b.history, line) }

// both has the writer run a command.
func (b *blockingRun) both(line string) {
	b.note(line)
	b.quietly(line)
}

func (b *blockingRun) quietly(line string) {
	b.compare(line, b.control[0].do(fields(line)...), b.control[1].do(fields(line)...))
}

func (b *blockingRun) compare(line string, ours, ref transcript.Reply) {
	b.t.Helper()
	if !(rule{}).same(ours, ref) {
		b.t.Errorf("seed %d: %s\nours      %v\nreference %v\nafter\n  %s", b.seed, line, ours, ref,
			strings.Join(b.history[max(0, len(b.history)-40):], "\n  "))
	}
}

// settle gives a command that was just sent the time to begin to wait.
func (b *blockingRun) settle() {
	for s := range 2 {
		for range 2 {
			b.control[s].words("PING")
		}
	}
}

// answers compares what those who waited have got. Of those that ours has not answered
// the reference has not, either.
func (b *blockingRun) answers() {
	b.settle()
	for i, waits := range b.waits {
		if !waits {
			continue
		}
		var got [2]transcript.Reply
		var answered [2]bool
		for s := range 2 {
			wait := 2 * time.Millisecond
			if s == 1 && answered[0] {
				wait = patience / 2
			}
			raw, err := b.clients[s][i].conn.Receive(wait)
			if err == transcript.ErrWaiting {
				continue
			}
			if err != nil {
				b.t.Fatal(err)
			}
			answered[s] = true
			if got[s], err = transcript.Decode(raw); err != nil {
				b.t.Fatal(err)
			}
		}
		if !answered[0] && answered[1] { // ours may be late
			if raw, err := b.clients[0][i].conn.Receive(patience / 2); err == nil {
				answered[0] = true
				got[0], _ = transcript.Decode(raw)
			}
		}
		if answered[0] != answered[1] {
			b.t.Errorf("seed %d: client %d: answered by ours: %v %v, by the reference: %v %v\nafter\n  %s", b.seed, i,
				answered[0], got[0], answered[1], got[1], strings.Join(slices.Clone(b.history[max(0, len(b.history)-40):]), "\n  "))
			continue
		}
		if answered[0] {
			b.waits[i] = false
			b.served++
			b.compare(fmt.Sprintf("client %d", i), got[0], got[1])
		}
	}
}
