package difftest

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
)

// A call is a command with its arguments.
type call struct {
	cmd  *spec.Command
	args [][]byte
}

// left are the commands that are not drawn, with the reason.
var left = map[string]string{
	"function|list": "has no order", "function|dump": "likewise", "function|stats": "tells of the moment", "function|help": "words of its own",
	"function|restore": "needs a payload", "function|kill": "needs a script that runs", "script|kill": "likewise", "script|help": "words of its own",
	"script|debug": "begins a session", "function|flush": "would empty both all the time", "script|flush": "likewise",
	"flushall": "empties both, and would all the time", "flushdb": "likewise",
	"object|idletime": "tells of the clock", "object|freq": "needs an LFU policy",
	"object|help": "words of its own", "xgroup|help": "likewise", "xinfo|help": "likewise", "object|refcount": "an implementation's business",
	"migrate": "needs a second server", "wait": "needs replicas", "waitaof": "likewise",
	"dump": "has a version in it", "restore": "likewise", "hello": "changes the protocol",
	"quit": "ends the connection", "reset": "changes the protocol", "auth": "is played by transcripts",
}

// rarely holds the commands that would empty the keyspace if drawn as often as
// others: one draw of so many stands.
var rarely = map[string]int{
	"swapdb": 20, "move": 4, "del": 4, "unlink": 4, "rename": 2, "select": 4, "getdel": 2,
	"ltrim": 2, "spop": 2, "ping": 10, "echo": 10,
	"zremrangebyrank": 3, "zremrangebyscore": 3, "zremrangebylex": 3,
}

// oftener holds those that build something: they are drawn so many times as
// often.
var oftener = map[string]int{
	"set": 3, "rpush": 4, "lpush": 4, "sadd": 5, "zadd": 6, "hset": 5, "append": 2, "linsert": 2,
	"xadd": 8, "xgroup|create": 2, "xreadgroup": 4,
}

// A generator draws commands.
type generator struct {
	rnd     *rand.Rand
	cmds    []*spec.Command // those that are drawn more often stand here more often
	members int             // how many different members there are, more or less
	most    int             // how often an argument is repeated at most
	lastMs  int             // about the greatest ID there is in a stream
}

// groups are the families drawn from.
var groups = []spec.Group{
	spec.Generic, spec.String, spec.List, spec.Set, spec.SortedSet, spec.Hash,
	spec.Bitmap, spec.Geo, spec.HyperLogLog, spec.Stream, spec.Connection, spec.Server,
	spec.Scripting,
}

func newGenerator(rnd *rand.Rand, o Options, common map[string]bool) *generator {
	g := &generator{rnd: rnd, members: 16, most: 16}
	if rnd.IntN(4) == 0 { // large values, which few commands take away again
		g.members, g.most = 2000, 400
	}
	if o.Groups == nil {
		o.Groups = groups
	}
	for c := range spec.All() {
		if _, out := left[c.Name]; out || !common[c.Name] || c.Subcommands != nil ||
			c.Flags&spec.Admin != 0 || !slices.Contains(o.Groups, c.Group) ||
			c.Group == spec.Connection && c.Parent != nil || c.Group == spec.Server && c.Name != "dbsize" ||
			o.Only != nil && !slices.Contains(o.Only, c.Name) || o.Events && rules[c.Name].special != nil {
			continue
		}
		for range max(1, oftener[c.Name]) {
			g.cmds = append(g.cmds, c)
		}
	}
	return g
}

// one reports true once in n times.
func (g *generator) one(in int) bool { return g.rnd.IntN(in) == 0 }

func pick[T any](g *generator, list []T) T { return list[g.rnd.IntN(len(list))] }

// next draws a command.
func (g *generator) next() call {
	for {
		c := pick(g, g.cmds)
		if n := rarely[c.Name]; n > 0 && !g.one(n) {
			continue
		}
		b := builder{generator: g, cmd: c}
		b.words = strings.Split(c.Name, "|")
		b.style = g.rnd.IntN(3)
		b.list(c.Args())
		b.spoil()
		return call{c, b.args()}
	}
}

// A builder puts one command together.
type builder struct {
	*generator
	cmd   *spec.Command
	words []string
	many  int // a number of keys or fields was given; so many must follow, if > 0
	style int // which of the forms that belong together the values take
}

// list appends the arguments of a list, options now and then in another order.
func (b *builder) list(args []spec.Arg) {
	args = slices.Clone(args)
	if b.one(3) {
		first := slices.IndexFunc(args, func(a spec.Arg) bool { return a.Flags&spec.Optional != 0 })
		last := first
		for last >= 0 && last < len(args) && args[last].Flags&spec.Optional != 0 {
			last++
		}
		if first >= 0 {
			b.rnd.Shuffle(last-first, func(i, j int) { args[first+i], args[first+j] = args[first+j], args[first+i] })
		}
	}
	for i := range args {
		a := &args[i]
		if a.Flags&spec.Optional != 0 && (!b.one(3) || tooNew(a)) {
			continue
		}
		b.arg(a)
	}
}

// tooNew reports whether the reference does not know an argument.
func tooNew(a *spec.Arg) bool {
	if a.Since == "" {
		return false
	}
	v, _ := spec.ParseVersion(a.Since)
	ref, _ := spec.ParseVersion("7.0.15")
	return v > ref
}

// arg appends one argument, with its repetitions.
func (b *builder) arg(a *spec.Arg) {
	times := 1
	if a.Flags&spec.Multiple != 0 {
		times = 1 + b.rnd.IntN(4)
		if b.one(8) {
			times += b.rnd.IntN(b.most)
		}
		if b.many > 0 {
			times = b.many
			if a.Name != "weight" {
				b.many = -b.many // weights come to as many as keys
			}
		} else if b.many < 0 && (a.Name == "weight" || a.Name == "id") {
			times = -b.many
		}
	}
	for i := range times {
		if a.Token != "" && a.Type != spec.PureToken && (i == 0 || a.Flags&spec.MultipleToken != 0) {
			b.words = append(b.words, a.Token)
		}
		switch a.Type {
		case spec.OneOf:
			choice := b.rnd.IntN(len(a.Args))
			for tooNew(&a.Args[choice]) {
				choice = b.rnd.IntN(len(a.Args))
			}
			switch {
			case a.Name == "sortby":
				choice = max(b.style-1, 0) // BYLEX goes with its own keys and bounds
			case a.Name == "id-selector" && b.cmd.Name == "xadd":
				choice = 1 // "*" makes other IDs here and there
			}
			b.arg(&a.Args[choice])
		case spec.Block:
			if a.Name == "streams" {
				b.many = 1 + b.rnd.IntN(2) // as many IDs as keys
			}
			b.list(a.Args)
		case spec.PureToken:
			b.words = append(b.words, a.Token)
		default:
			b.words = append(b.words, b.value(a))
		}
	}
}

// value draws a value for an argument.
func (b *builder) value(a *spec.Arg) string {
	switch a.Name {
	case "numkeys", "numfields":
		b.many = 1 + b.rnd.IntN(3)
		if b.one(15) {
			return pick(b.generator, badCounts)
		}
		return strconv.Itoa(b.many)
	}
	return b.draw(a)
}

// spoil makes a mistake now and then: an argument missing, twice, foreign, in
// another case. A blocking command is left alone: it might wait for ever.
func (b *builder) spoil() {
	if b.one(3) {
		for i, w := range b.words {
			if i == 0 || isToken(w) {
				b.words[i] = strings.ToLower(w)
			}
		}
	}
	if !b.one(25) || len(b.words) < 2 || b.sameScores() || b.cmd.Flags&spec.Blocking != 0 {
		return
	}
	i := 1 + b.rnd.IntN(len(b.words)-1)
	switch b.rnd.IntN(5) {
	case 0:
		b.words = slices.Delete(b.words, i, i+1)
	case 1:
		b.words = slices.Insert(b.words, i, b.words[i])
	case 2:
		b.words[i] = pick(b.generator, nonsense)
	case 3:
		b.words = append(b.words, pick(b.generator, nonsense))
	case 4:
		b.words = b.words[:i]
	}
}

func isToken(w string) bool {
	return len(w) > 1 && strings.ToUpper(w) == w && strings.ToLower(w) != w && !isPoolKey([]byte(w))
}

func (b *builder) args() [][]byte {
	args := make([][]byte, len(b.words))
	for i, w := range b.words {
		args[i] = []byte(w)
	}
	return args
}
