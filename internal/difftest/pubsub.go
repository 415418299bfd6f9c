package difftest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/transcript"
)

// RunPubSub has several clients of each server, in both protocols, subscribe, publish,
// track keys and change them at random. After every command each client must have been
// sent the same, in whatever order.
func RunPubSub(t testing.TB, ours, reference transcript.Server, o Options) {
	t.Helper()
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	t.Logf("seed %d", o.Seed)
	p := &pubsubRun{t: t, rnd: rand.New(rand.NewPCG(o.Seed, 3)), seed: o.Seed}
	for i, s := range []transcript.Server{ours, reference} {
		p.control[i] = open(t, s)
		p.control[i].words("FLUSHALL")
		p.control[i].words("CONFIG", "SET", "notify-keyspace-events", []string{"KA", "Eg$n", "KEAm"}[o.Seed%3])
		// When the last client stops tracking, we forget all keys, and Redis keeps them for
		// those that begin again.
		p.control[i].words("CLIENT", "TRACKING", "ON")
		for j := range 5 {
			c := open(t, s)
			if j > 1 {
				c.words("HELLO", "3")
			}
			p.ids[i] = append(p.ids[i], c.words("CLIENT", "ID").Text)
			p.clients[i] = append(p.clients[i], c)
		}
	}
	for range o.Commands {
		p.step()
		if t.Failed() {
			return
		}
	}
	t.Logf("%d messages came", p.messages)
}

// pubsubRun is one run under way. Of each pair the first is ours.
type pubsubRun struct {
	t        testing.TB
	rnd      *rand.Rand
	seed     uint64
	control  [2]side
	clients  [2][]side
	ids      [2][]string
	history  []string
	marks    int
	messages int
}

// a draws one of the words that are given, separated by spaces.
func (p *pubsubRun) a(words string) string {
	w := strings.Fields(words)
	return w[p.rnd.IntN(len(w))]
}

// some draws up to three such words.
func (p *pubsubRun) some(words string) string {
	list := p.a(words)
	for p.rnd.IntN(2) == 0 && strings.Count(list, " ") < 2 {
		list += " " + p.a(words)
	}
	return list
}

const (
	channelNames = "a b c news:1 news:2 __redis__:invalidate"
	patternNames = "* a* news:* [ab] x __key*__:* __keyspace@0__:k1"
	trackedNames = "k1 k2 l1 h1"
)

// command draws a command. ID stands for the ID of another client.
func (p *pubsubRun) command() string {
	switch p.rnd.IntN(21) {
	case 0, 1:
		return "SUBSCRIBE " + p.some(channelNames)
	case 2:
		return "PSUBSCRIBE " + p.some(patternNames)
	case 3:
		return "SSUBSCRIBE " + p.some(channelNames)
	case 4:
		return p.a("UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE")
	case 5:
		return p.a("UNSUBSCRIBE SUNSUBSCRIBE") + " " + p.some(channelNames)
	case 6:
		return "PUNSUBSCRIBE " + p.some(patternNames)
	case 7, 8, 9:
		return "PUBLISH " + p.a(channelNames) + " hello"
	case 10:
		return "SPUBLISH " + p.a(channelNames) + " hello"
	case 11:
		return p.a("PUBSUB|NUMPAT PUBSUB|CHANNELS PUBSUB|CHANNELS|a* PUBSUB|SHARDCHANNELS PUBSUB|NUMSUB|a|b PUBSUB|SHARDNUMSUB|a|b PUBSUB|NOPE PUBSUB|NUMPAT|x")
	case 12:
		return "CLIENT TRACKING ON " + p.a("OPTIN OPTOUT NOLOOP BCAST|PREFIX|k BCAST|PREFIX|l|PREFIX|h BCAST|NOLOOP REDIRECT|ID REDIRECT|ID|BCAST PREFIX|k OPTIN|OPTOUT")
	case 13:
		return "CLIENT " + p.a("TRACKING|OFF TRACKING|ON TRACKINGINFO CACHING|YES CACHING|NO CACHING")
	case 14, 15, 16:
		return p.a("GET MGET EXISTS TYPE STRLEN GETDEL LRANGE|k1 HGET|h1 TOUCH") + " " + p.some(trackedNames)
	case 17, 18, 19:
		return p.a("SET|k1|v SET|k2|v APPEND|k1|x DEL|k1|k2 MSET|k1|1|k2|2 RPUSH|l1|x LPOP|l1 HSET|h1|f|v HDEL|h1|f RENAME|k1|k2 EXPIRE|k1|100 GETEX|k1|PERSIST COPY|k1|k2 SWAPDB|0|1 SELECT|1 SELECT|0")
	}
	return p.a("RESET PING PING|x WATCH|k1 DISCARD FLUSHDB ECHO|x HELLO|3 NOPE")
}

// queueable draws a command for a transaction: none that changes the protocol between a
// change and its being told.
func (p *pubsubRun) queueable() string {
	for {
		if line := p.command(); !strings.HasPrefix(line, "HELLO") && line != "RESET" {
			return line
		}
	}
}

func (p *pubsubRun) step() {
	who, other := p.rnd.IntN(len(p.clients[0])), p.rnd.IntN(len(p.clients[0]))
	lines := []string{p.command()}
	switch p.rnd.IntN(8) {
	case 0:
		lines = []string{"MULTI", p.queueable(), p.queueable(), p.queueable(), "EXEC"}
	case 1:
		lines = []string{"CLIENT CACHING " + p.a("YES NO"), p.command()}
	}
	for i, l := range lines {
		lines[i] = strings.ReplaceAll(l, "|", " ")
	}
	p.history = append(p.history, fmt.Sprintf("client %d: %s", who, strings.ReplaceAll(strings.Join(lines, "; "), "ID", fmt.Sprint("<", other, ">"))))
	var heard [2][]string
	for i := range heard {
		p.send(i, who, strings.Split(strings.ReplaceAll(strings.Join(lines, "\n"), "ID", p.ids[i][other]), "\n")...)
		heard[i] = append(p.hear(i, who), p.hear(i, who)...) // what a batch causes comes at its end
		for j := range p.clients[i] {
			if j != who {
				heard[i] = append(heard[i], p.hear(i, j)...)
			}
		}
		slices.Sort(heard[i])
	}
	p.messages += len(heard[0]) - len(lines)
	if !slices.Equal(heard[0], heard[1]) {
		p.history = p.history[max(len(p.history)-60, 0):]
		p.t.Errorf("seed %d:\nours      %q\nreference %q\nafter\n  %s", p.seed, heard[0], heard[1], strings.Join(p.history, "\n  "))
	}
}

// send sends commands all at once: what they cause together is told together.
func (p *pubsubRun) send(i, who int, lines ...string) {
	var b []byte
	for _, line := range lines {
		var args [][]byte
		for _, w := range strings.Fields(line) {
			args = append(args, []byte(w))
		}
		b = transcript.AppendCommand(b, args)
	}
	if _, err := p.clients[i][who].conn.(io.Writer).Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// redirected matches the ID of a client, which is not the same on both sides.
var redirected = regexp.MustCompile(`"redirect":? :[1-9][0-9]*`)

// hear returns everything a client has been sent.
func (p *pubsubRun) hear(i, j int) (heard []string) {
	p.marks++
	mark := fmt.Sprint("mark", p.marks)
	p.send(i, j, "PING "+mark)
	for {
		raw, err := p.clients[i][j].conn.Receive(patience)
		if err != nil {
			p.t.Fatalf("seed %d: client %d of side %d: %v after\n  %s", p.seed, j, i, err, strings.Join(p.history, "\n  "))
		}
		v, err := transcript.Decode(raw)
		if err != nil {
			p.t.Fatal(err)
		}
		if strings.Contains(v.String(), mark) {
			return heard
		}
		heard = appendFrames(heard, j, v)
	}
}

// appendFrames appends what client j was sent, as text. What is inside of an EXEC stands
// on its own: commands with several replies shift what is in the array, and 7.2 moved
// the client's own messages behind it.
func appendFrames(heard []string, j int, v transcript.Reply) []string {
	if v.Mark == '*' && len(v.Elems) > 0 && !isMessage(v) {
		for _, e := range v.Elems {
			heard = appendFrames(heard, j, e)
		}
		return heard
	}
	if v.Mark == '%' && strings.Contains(v.String(), `"modules"`) {
		return append(heard, fmt.Sprint(j, ": HELLO"))
	}
	text := redirected.ReplaceAllString(v.String(), "redirect")
	return append(heard, fmt.Sprint(j, ": ", unsubscribed.ReplaceAllString(text, "$1")))
}

// unsubscribed matches the end of a subscription, of which there may be several in an
// order that means nothing: then so do the counts.
var unsubscribed = regexp.MustCompile(`("[ps]?unsubscribe".*) :[0-9]+`)

// isMessage reports whether v is what clients in RESP2 get instead of a push message, or
// of a map.
func isMessage(v transcript.Reply) bool {
	switch v.Elems[0].Text {
	case "message", "pmessage", "smessage", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe",
		"flags":
		return true
	}
	return false
}
