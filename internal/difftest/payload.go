package difftest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/transcript"
)

// Payloads makes random values of all types and sizes, now on one side and now on the
// other, has the other restore what DUMP gives, and back again, and compares digests.
// Neither may have other clients; both are emptied. o.Commands is the number of values.
func Payloads(t testing.TB, ours, reference transcript.Server, o Options) {
	t.Helper()
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	t.Logf("seed %d", o.Seed)
	o.Proto = 2
	p := payloads{
		run: run{t: t, o: o, ours: open(t, ours), ref: open(t, reference)},
		rnd: rand.New(rand.NewPCG(o.Seed, 2)),
	}
	p.reset()
	p.hasStreams = p.common()["xadd"]
	for i := range o.Commands {
		if i%20 == 0 {
			p.settings(p.rnd)
			p.ref.words("CONFIG", "SET", "rdbcompression", []string{"yes", "no"}[p.rnd.IntN(2)])
		}
		from, to := p.ours, p.ref
		if p.rnd.IntN(2) == 0 {
			from, to = to, from
		}
		p.both("FLUSHALL", "SYNC")
		if p.make(from) && !p.there(from, to, "k") {
			return
		}
	}
}

type payloads struct {
	run
	rnd        *rand.Rand
	hasStreams bool
}

// there moves a value to the other side and back, and reports whether it was the same
// in all three places.
func (p *payloads) there(from, to side, key string) bool {
	p.t.Helper()
	want := from.words("DEBUG", "DIGEST-VALUE", key).Elems[0].Text
	enc := from.words("OBJECT", "ENCODING", key).Text
	for _, hop := range []struct{ from, to side }{{from, to}, {to, from}} {
		payload := hop.from.words("DUMP", key)
		hop.to.words("DEL", key)
		if v := hop.to.words("RESTORE", key, "0", payload.Text); v.Text != "OK" {
			p.t.Errorf("seed %d: RESTORE of %q (%s): %s", p.o.Seed, payload.Text, enc, v.Text)
			return false
		}
		if got := hop.to.words("DEBUG", "DIGEST-VALUE", key).Elems[0].Text; got != want {
			p.t.Errorf("seed %d: the digest of %q (%s) is %s, not %s", p.o.Seed, payload.Text, enc, got, want)
			return false
		}
	}
	return true
}

// make makes a value on s and reports whether there is one.
func (p *payloads) make(s side) bool {
	n := 1 << p.rnd.IntN(11)
	n += p.rnd.IntN(n)
	var args []string
	switch p.rnd.IntN(7) {
	case 0:
		args = []string{"SET", "k", p.value()}
	case 1:
		args = append([]string{"RPUSH", "k"}, p.values(n, p.value)...)
	case 2:
		args = append([]string{"SADD", "k"}, p.values(n, p.value)...)
	case 3:
		args = append([]string{"SADD", "k"}, p.values(n, p.number)...)
	case 4:
		args = append([]string{"HSET", "k"}, p.values(2*n, p.value)...)
	case 5:
		args = []string{"ZADD", "k"}
		for range n {
			args = append(args, p.score(), p.value())
		}
	case 6:
		if !p.hasStreams {
			return false
		}
		p.stream(s, n)
		return true
	}
	s.words(args...)
	return true
}

func (p *payloads) values(n int, draw func() string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = draw()
	}
	return list
}

// value draws a string: a number, a short text, one that compresses well, random bytes,
// and seldom one of many kilobytes.
func (p *payloads) value() string {
	switch n := p.rnd.IntN(20); {
	case n < 5:
		return p.number()
	case n < 12:
		return "m" + strconv.Itoa(p.rnd.IntN(5000))
	case n < 15:
		return strings.Repeat("ab", 1+p.rnd.IntN(300))
	case n < 19 || p.rnd.IntN(8) > 0:
		b := make([]byte, p.rnd.IntN(100))
		for i := range b {
			b[i] = byte(p.rnd.IntN(256))
		}
		return string(b)
	}
	return strings.Repeat("large", p.rnd.IntN(15_000))
}

// number draws an integer of any width.
func (p *payloads) number() string {
	v := int64(p.rnd.Uint64()) >> p.rnd.IntN(64)
	return strconv.FormatInt(v, 10)
}

func (p *payloads) score() string {
	switch p.rnd.IntN(8) {
	case 0:
		return []string{"inf", "-inf", "1e20", "-0", "1e-300", "0.1"}[p.rnd.IntN(6)]
	case 1, 2:
		return strconv.FormatFloat(p.rnd.NormFloat64(), 'g', -1, 64)
	}
	return strconv.Itoa(p.rnd.IntN(20))
}

// stream makes a stream with deleted entries, groups and consumers.
func (p *payloads) stream(s side, n int) {
	n = min(n, 400)
	at := func() string { return fmt.Sprint(1+p.rnd.IntN(2*n), "-*") }
	for i := range n {
		args := []string{"XADD", "k", fmt.Sprint(2*i+1, "-*")}
		for range 1 + p.rnd.IntN(3) {
			args = append(args, []string{"f", "temp", "f"}[p.rnd.IntN(3)], p.value())
		}
		s.words(args...)
	}
	for range p.rnd.IntN(4) {
		s.words("XDEL", "k", fmt.Sprint(2*p.rnd.IntN(n)+1, "-0"))
	}
	for g := range p.rnd.IntN(3) {
		group := fmt.Sprint("g", g)
		s.words("XGROUP", "CREATE", "k", group, strings.TrimSuffix(at(), "-*"))
		for c := range p.rnd.IntN(3) {
			s.words("XREADGROUP", "GROUP", group, fmt.Sprint("c", c), "COUNT", strconv.Itoa(1+p.rnd.IntN(20)), "STREAMS", "k", ">")
		}
		s.words("XACK", "k", group, fmt.Sprint(2*p.rnd.IntN(n)+1, "-0"))
	}
}
