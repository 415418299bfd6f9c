package difftest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/transcript"
)

// Streams have arguments of their own, IDs above all, and replies that tell of the
// clock.

var (
	badIDs       = []string{"-", "+", "$", ">", "abc", "", "1-", "-1", "1-abc", "5-01", "007", "1-2-3", "0-0", "18446744073709551615-18446744073709551615", "18446744073709551616"}
	groupNames   = []string{"g1", "g1", "g2", "a", ""}
	consumers    = []string{"ann", "bob", "cy", "1", ""}
	streamFields = []string{"f", "f", "f", "temp", "1", "humidity", ""}
	streamBounds = []string{"-", "+", "-", "+", "0", "(", "(-", "(0", "(18446744073709551615-18446744073709551615", "("}
	minIdles     = []string{"0", "0", "0", "-5", "1000000000", "abc", ""}
	streamCounts = []string{"1", "2", "3", "10", "100", "0", "-1", "abc", "9223372036854775807"}
)

// streamID draws an ID near those that streams have.
func (b *builder) streamID() string {
	switch {
	case b.one(25):
		id := pick(b.generator, badIDs)
		if id == "+" && strings.HasPrefix(b.cmd.Name, "xread") {
			return "-" // 7.4 gave "+" a meaning there
		}
		return id
	case b.one(6):
		return "0"
	}
	ms := max(b.lastMs-b.rnd.IntN(40), 0)
	if b.one(10) {
		ms = b.rnd.IntN(b.lastMs + 2)
	}
	if b.one(3) {
		return strconv.Itoa(ms)
	}
	return fmt.Sprintf("%d-%d", ms, b.rnd.IntN(3))
}

// newStreamID draws an ID for an entry to add: as a rule one that is greater than the
// last.
func (b *builder) newStreamID() string {
	if b.one(12) {
		return b.streamID()
	}
	b.lastMs += b.rnd.IntN(3)
	if b.one(200) {
		b.lastMs += 70_000 * b.rnd.IntN(1000)
	}
	switch b.rnd.IntN(3) {
	case 0:
		return strconv.Itoa(b.lastMs)
	case 1:
		return fmt.Sprintf("%d-*", b.lastMs)
	}
	return fmt.Sprintf("%d-%d", b.lastMs, b.rnd.IntN(3))
}

// stream draws a value for an argument of a stream's command.
func (b *builder) stream(a *spec.Arg) (v string, ok bool) {
	last := strings.ToUpper(b.words[len(b.words)-1])
	switch a.Name {
	case "group":
		return pick(b.generator, groupNames), true
	case "consumer":
		return pick(b.generator, consumers), true
	case "field":
		return pick(b.generator, streamFields), true
	case "id":
		switch {
		case b.cmd.Name == "xadd":
			return b.newStreamID(), true
		case b.cmd.Name == "xread" && b.one(5):
			return "$", true
		case b.cmd.Name == "xreadgroup" && !b.one(4):
			return ">", true
		}
		return b.streamID(), true
	case "last-id", "max-deleted-entry-id", "lastid":
		if b.one(2) {
			return strconv.Itoa(b.lastMs + b.rnd.IntN(3)), true
		}
		return b.streamID(), true
	case "start", "end":
		switch {
		case b.one(3):
			return pick(b.generator, streamBounds), true
		case b.one(5):
			return "(" + b.streamID(), true
		}
		return b.streamID(), true
	case "threshold":
		if last == "MINID" || last == "~" && b.one(2) || last == "=" && b.one(2) {
			return b.streamID(), true
		}
		return strconv.Itoa(b.rnd.IntN(30)), true
	case "min-idle-time":
		return pick(b.generator, minIdles), true
	case "milliseconds":
		return pick(b.generator, []string{"1", "1", "2", "-1", "abc"}), true
	case "ms":
		return pick(b.generator, []string{"0", "100000000", "-100000000"}), true
	case "count", "entries-read", "entries-added":
		return pick(b.generator, streamCounts), true
	}
	return "", false
}

// playReadGroup makes the consumer first: 7.0 does so only if there is something to
// read, and since 7.2 it is there in any case.
func playReadGroup(r *run, c call) (ours, ref transcript.Reply, same bool) {
	var group, consumer string
	for i, a := range c.args {
		switch strings.ToUpper(string(a)) {
		case "GROUP":
			if i+2 < len(c.args) {
				group, consumer = string(c.args[i+1]), string(c.args[i+2])
			}
		case "STREAMS":
			for _, key := range c.args[i+1 : i+1+(len(c.args)-i-1)/2] {
				r.both("XGROUP", "CREATECONSUMER", string(key), group, consumer)
			}
		}
	}
	return rule{}.play(r, c)
}

// playClaim does the same for those who claim.
func playClaim(r *run, c call) (ours, ref transcript.Reply, same bool) {
	if len(c.args) > 3 {
		r.both("XGROUP", "CREATECONSUMER", string(c.args[1]), string(c.args[2]), string(c.args[3]))
	}
	return rule{}.play(r, c)
}

// playSetID leaves out of the reference what 7.2 refuses, and 7.0 does.
func playSetID(r *run, c call) (ours, ref transcript.Reply, same bool) {
	ours = r.ours.do(c.args...)
	if strings.HasSuffix(ours.Text, "smaller than current max_deleted_entry_id") {
		return ours, ours, true
	}
	ref = r.ref.do(c.args...)
	return ours, ref, rule{}.same(ours, ref)
}

// playClock compares replies without what they tell of the clock, and without what 7.2
// added.
func playClock(clean func(*transcript.Reply)) func(r *run, c call) (ours, ref transcript.Reply, same bool) {
	return func(r *run, c call) (ours, ref transcript.Reply, same bool) {
		ours, ref = r.ours.do(c.args...), r.ref.do(c.args...)
		clean(&ours)
		clean(&ref)
		return ours, ref, rule{}.same(ours, ref)
	}
}

// hide blanks a number.
func hide(v *transcript.Reply) {
	if v.Mark == ':' {
		v.Text = "time"
	}
}

// cleanMap blanks or drops entries of a map, which in RESP2 is an array of pairs.
func cleanMap(m *transcript.Reply, f func(name string, v *transcript.Reply) (drop bool)) {
	kept := m.Elems[:0]
	for i := 0; i+1 < len(m.Elems); i += 2 {
		if !f(m.Elems[i].Text, &m.Elems[i+1]) {
			kept = append(kept, m.Elems[i], m.Elems[i+1])
		}
	}
	m.Elems = kept
}

// cleanPending blanks the idle times of XPENDING's long form.
func cleanPending(v *transcript.Reply) {
	for i := range v.Elems {
		if e := v.Elems[i].Elems; len(e) == 4 {
			hide(&e[2])
		}
	}
}

func cleanConsumers(v *transcript.Reply) {
	for i := range v.Elems {
		cleanMap(&v.Elems[i], func(name string, v *transcript.Reply) bool {
			if name == "idle" {
				hide(v)
			}
			return name == "inactive"
		})
	}
}

func cleanInfo(v *transcript.Reply) {
	cleanMap(v, func(name string, v *transcript.Reply) bool {
		if name != "groups" {
			return false
		}
		for i := range v.Elems {
			cleanMap(&v.Elems[i], cleanGroup)
		}
		return false
	})
}

func cleanGroup(name string, v *transcript.Reply) bool {
	switch name {
	case "seen-time":
		hide(v)
	case "pending":
		for i := range v.Elems {
			if e := v.Elems[i].Elems; len(e) > 2 {
				hide(&e[len(e)-2])
			}
		}
	case "consumers":
		for i := range v.Elems {
			cleanMap(&v.Elems[i], cleanGroup)
		}
	}
	return name == "active-time"
}
