package difftest

import (
	"slices"
	"strconv"

	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
)

// A rule is how a command is played and compared. The zero rule sends it to both
// and wants the same bytes, but for doubles: 7.0 writes 17 digits, and since 7.2
// Redis writes as few as tell a double from its neighbours.
type rule struct {
	unordered bool  // the order of elements means nothing
	pairs     bool  // …and they come in pairs
	clock     int64 // integers may differ by that much: they tell of the clock
	special   func(r *run, c call) (ours, ref transcript.Reply, same bool)
}

// rules holds the commands that are not compared by the zero rule.
var rules = map[string]rule{
	"keys": {unordered: true}, "smembers": {unordered: true}, "sinter": {unordered: true},
	"sunion": {unordered: true}, "sdiff": {unordered: true},
	"hkeys": {unordered: true}, "hvals": {unordered: true}, "hgetall": {unordered: true, pairs: true},

	"ttl": {clock: 2}, "pttl": {clock: 2000}, "expiretime": {clock: 2}, "pexpiretime": {clock: 2000},

	"scan": {special: playScan}, "sscan": {special: playScan}, "hscan": {special: playScan}, "zscan": {special: playScan},

	"xclaim": {special: playClaim}, "xsetid": {special: playSetID}, "xautoclaim": {special: playClaim},
	"xreadgroup": {special: playReadGroup}, "xpending": {special: playClock(cleanPending)},
	"xinfo|consumers": {special: playClock(cleanConsumers)}, "xinfo|stream": {special: playClock(cleanInfo)},

	"sort": {special: playSort}, "sort_ro": {special: playSort}, "geosearchstore": {special: playStoreDist},
	"georadius": {special: playStoreDist}, "georadiusbymember": {special: playStoreDist},

	"dbsize":      {special: playSize},
	"spop":        {special: playPop},
	"srandmember": {special: playRandom}, "hrandfield": {special: playRandom}, "zrandmember": {special: playRandom},
	"randomkey": {special: playRandom},
}

func (u rule) play(r *run, c call) (ours, ref transcript.Reply, same bool) {
	if u.special != nil {
		return u.special(r, c)
	}
	ours, ref = r.ours.do(c.args...), r.ref.do(c.args...)
	if u.unordered {
		ours.Sort(u.pairs)
		ref.Sort(u.pairs)
	}
	return ours, ref, u.same(ours, ref)
}

// same compares two replies, element by element.
func (u rule) same(ours, ref transcript.Reply) bool {
	if ours.Mark != ref.Mark || ours.Null != ref.Null || len(ours.Elems) != len(ref.Elems) {
		return false
	}
	for i := range ours.Elems {
		if !u.same(ours.Elems[i], ref.Elems[i]) {
			return false
		}
	}
	switch {
	case ours.Text == ref.Text:
		return true
	case ours.Mark == ':' && u.clock > 0:
		a, _ := strconv.ParseInt(ours.Text, 10, 64)
		b, _ := strconv.ParseInt(ref.Text, 10, 64)
		return a > 0 && b > 0 && a-b <= u.clock && b-a <= u.clock
	case ours.Mark == '$' || ours.Mark == ',':
		return sameDouble(ours.Text, ref.Text)
	}
	return false
}

// sameDouble reports whether both are the same double, the reference's with 17
// digits and ours as Redis has written it since 7.2.
func sameDouble(ours, ref string) bool {
	f, err := strconv.ParseFloat(ours, 64)
	return err == nil && ref == text17(f) && ours == string(resp.AppendDouble(nil, f))
}

// text17 is C's %.17g.
func text17(f float64) string {
	s := strconv.FormatFloat(f, 'g', 17, 64)
	// Go keeps zeros that C's %g drops.
	mantissa, exponent, hasExponent := cut(s, 'e')
	if slices.Contains([]byte(mantissa), '.') {
		for mantissa[len(mantissa)-1] == '0' {
			mantissa = mantissa[:len(mantissa)-1]
		}
		if mantissa[len(mantissa)-1] == '.' {
			mantissa = mantissa[:len(mantissa)-1]
		}
	}
	if hasExponent {
		return mantissa + "e" + exponent
	}
	return mantissa
}

func cut(s string, sep byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// playScan walks a whole iteration on each side: what it finds must be the same,
// and neither cursors nor order mean anything.
func playScan(r *run, c call) (ours, ref transcript.Reply, same bool) {
	at := 2
	if c.cmd.Name == "scan" {
		at = 1
	}
	pairs := c.cmd.Name == "hscan" || c.cmd.Name == "zscan"
	if len(c.args) > at {
		c.args[at] = []byte("0")
	}
	walk := func(s side) transcript.Reply {
		args := slices.Clone(c.args)
		var all transcript.Reply
		for range 10_000 {
			v := s.do(args...)
			if v.Mark != '*' || len(v.Elems) != 2 {
				return v
			}
			all.Mark = '*'
			all.Elems = append(all.Elems, v.Elems[1].Elems...)
			if v.Elems[0].Text == "0" {
				break
			}
			args[at] = []byte(v.Elems[0].Text)
		}
		all.Sort(pairs)
		return all
	}
	ours, ref = walk(r.ours), walk(r.ref)
	return ours, ref, rule{}.same(ours, ref)
}

// playSize counts keys once those that have expired are gone on both sides.
func playSize(r *run, c call) (ours, ref transcript.Reply, same bool) {
	r.reap()
	ours, ref = r.ours.do(c.args...), r.ref.do(c.args...)
	return ours, ref, rule{}.same(ours, ref)
}

// playPop lets ours choose and has the reference remove the same members.
func playPop(r *run, c call) (ours, ref transcript.Reply, same bool) {
	ours = r.ours.do(c.args...)
	members := ours.Elems
	if ours.Mark == '$' && !ours.Null {
		members = []transcript.Reply{ours}
	}
	if len(members) == 0 {
		ref = r.ref.do(c.args...)
		return ours, ref, rule{}.same(ours, ref)
	}
	args := [][]byte{[]byte("SREM"), c.args[1]}
	for _, m := range members {
		args = append(args, []byte(m.Text))
	}
	size := r.ref.do([]byte("SCARD"), c.args[1])
	ref = r.ref.do(args...)
	// All that were chosen were there, none twice, and as many as asked for.
	want := 1
	if len(c.args) > 2 {
		asked, _ := strconv.Atoi(string(c.args[2]))
		n, _ := strconv.Atoi(size.Text)
		want = min(asked, n)
	}
	return ours, ref, ref.Text == strconv.Itoa(len(members)) && len(members) == want
}

// playRandom compares the form of a random choice: how many of which kind; and
// that ours chose from what the reference has, none twice unless it may.
func playRandom(r *run, c call) (ours, ref transcript.Reply, same bool) {
	ours, ref = r.ours.do(c.args...), r.ref.do(c.args...)
	if !sameShape(ours, ref) {
		return ours, ref, false
	}
	if ours.Mark == '-' || ours.Mark == ':' {
		return ours, ref, ours.Text == ref.Text
	}
	var exists []string
	switch c.cmd.Name {
	case "srandmember":
		exists = []string{"SISMEMBER", string(c.args[1])}
	case "hrandfield":
		exists = []string{"HEXISTS", string(c.args[1])}
	case "zrandmember":
		exists = []string{"ZSCORE", string(c.args[1])}
	case "randomkey":
		exists = []string{"EXISTS"}
	}
	step := 1
	if len(c.args) > 3 && r.o.Proto == 2 { // WITHVALUES, WITHSCORES
		step = 2
	}
	chosen := ours.Elems
	if ours.Mark == '$' && !ours.Null {
		chosen = []transcript.Reply{ours}
	}
	seen := map[string]bool{}
	for i := 0; i < len(chosen); i += step {
		e := chosen[i]
		if e.Mark == '*' {
			e = e.Elems[0]
		}
		v := r.ref.words(append(slices.Clone(exists), e.Text)...)
		if v.Null || v.Text == "0" && v.Mark == ':' || v.Mark == '_' {
			return ours, ref, false
		}
		if seen[e.Text] && c.args[2][0] != '-' {
			return ours, ref, false
		}
		seen[e.Text] = true
	}
	return ours, ref, true
}

func sameShape(a, b transcript.Reply) bool {
	if a.Mark != b.Mark || a.Null != b.Null || len(a.Elems) != len(b.Elems) {
		return false
	}
	for i := range a.Elems {
		if !sameShape(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}
