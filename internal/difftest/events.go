package difftest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redweave/redweave/internal/transcript"
)

// An ear is a connection that listens to the keyspace notifications of one side.
type ear struct {
	conn transcript.Conn
	sync int
}

// syncChannel marks the end of what a command caused.
const syncChannel = "difftest:sync"

// listen has both sides tell of every event, and of no key that expires by itself.
func (r *run) listen(servers ...transcript.Server) {
	r.t.Helper()
	r.both("CONFIG", "SET", "notify-keyspace-events", "KEAmn")
	r.both("DEBUG", "SET-ACTIVE-EXPIRE", "0")
	for i, s := range servers {
		conn, err := s.Dial()
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { conn.Close() })
		r.ears[i].conn = conn
		side{r.t, conn, "a listener"}.words("PSUBSCRIBE", "__key*@*__:*", syncChannel)
		conn.Receive(patience)
	}
}

// heard returns what s has told since the last time, a line for each message.
func (r *run) heard(s side, e *ear) (lines []string) {
	r.t.Helper()
	e.sync++
	mark := fmt.Sprint(e.sync)
	s.words("PUBLISH", syncChannel, mark)
	for {
		raw, err := e.conn.Receive(patience)
		if err != nil {
			r.t.Fatalf("listening: %v", err)
		}
		v, err := transcript.Decode(raw)
		if err != nil || len(v.Elems) != 4 {
			r.t.Fatalf("listening: %v, %v", v, err)
		}
		channel, payload := v.Elems[2].Text, v.Elems[3].Text
		if channel == syncChannel {
			if payload == mark {
				return lines
			}
			continue
		}
		lines = append(lines, channel+" "+payload)
	}
}

// compareEvents compares what both sides have told since the last time.
func (r *run) compareEvents(args [][]byte) {
	r.t.Helper()
	ours, ref := r.heard(r.ours, &r.ears[0]), r.heard(r.ref, &r.ears[1])
	if slices.Equal(ours, ref) || expired(ours) || expired(ref) {
		return
	}
	if lookupsUnordered[strings.ToLower(string(args[0]))] {
		slices.Sort(ours)
		slices.Sort(ref)
		if slices.Equal(ours, ref) {
			return
		}
	}
	if len(ours) == 0 && argumentsFirst[strings.ToLower(string(args[0]))] && onlyMisses(ref) {
		return
	}
	same := 0
	for same < min(len(ours), len(ref)) && ours[same] == ref[same] {
		same++
	}
	r.fail(args, fmt.Sprintf("after %d events the same, ours told %q", same, ours[same:min(len(ours), same+8)]),
		fmt.Sprintf("reference told %q", ref[same:min(len(ref), same+8)]))
	r.heard(r.ours, &r.ears[0])
	r.heard(r.ref, &r.ears[1])
}

// expired reports whether a key's time was up, which both sides may find at different
// times.
func expired(lines []string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, " expired") })
}

// lookupsUnordered holds the commands that look keys up in an order that means nothing.
var lookupsUnordered = map[string]bool{"sort": true, "sort_ro": true}

// argumentsFirst holds the commands that since 7.2 read all arguments before they look
// the key up.
var argumentsFirst = map[string]bool{"bitcount": true, "bitpos": true}

func onlyMisses(lines []string) bool {
	return !slices.ContainsFunc(lines, func(l string) bool { return !strings.Contains(l, "keymiss") })
}
