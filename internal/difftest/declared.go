package difftest

import (
	"strings"

	"github.com/redweave/redweave/internal/transcript"
)

// A difference is one that is meant: we answer as 7.4 does, the reference is 7.0.
type difference struct {
	command string // its name
	reason  string
	is      func(c call, ours, ref transcript.Reply) bool
}

// differences are all that are declared. Whatever is not here is a bug.
var differences = []difference{
	{
		"object|encoding", "7.2 brought lists of a single listpack",
		func(_ call, ours, ref transcript.Reply) bool {
			return ours.Text == "listpack" && ref.Text == "quicklist"
		},
	},
	{
		"object|encoding", "7.2 brought sets in a listpack, and makes others of intsets less often",
		func(_ call, ours, ref transcript.Reply) bool {
			return isSetEncoding(ours.Text) && isSetEncoding(ref.Text)
		},
	},
	{
		"object|encoding", "7.2 counts what a ZADD or HSET brings before it knows how much of it is new",
		func(_ call, ours, ref transcript.Reply) bool {
			return (ours.Text == "skiplist" || ours.Text == "hashtable") && ref.Text == "listpack"
		},
	},
	{
		"xread", "since 7.2 the text tells which IDs may stand there",
		func(_ call, ours, ref transcript.Reply) bool {
			return strings.HasPrefix(ours.Text, "ERR Unbalanced '") && strings.HasPrefix(ref.Text, "ERR Unbalanced XREAD list")
		},
	},
	{
		"zrank", "7.2 brought WITHSCORE, so that three arguments are not too many",
		func(c call, ours, ref transcript.Reply) bool {
			return len(c.args) == 4 && strings.HasPrefix(ref.Text, "ERR wrong number of arguments")
		},
	},
	{
		"bitcount", "7.2 reads the range before it looks for the key", answersBeforeArgs,
	},
	{
		"bitpos", "likewise", answersBeforeArgs,
	},
	{
		"blpop", "7.2 tells a time beyond the end of time from a negative one",
		func(_ call, ours, ref transcript.Reply) bool {
			return ours.Text == "ERR timeout is out of range" && ref.Text == "ERR timeout is negative"
		},
	},
	{
		"lpos", "7.2 refuses a rank that has no absolute value",
		func(_ call, ours, ref transcript.Reply) bool {
			return strings.HasPrefix(ours.Text, "ERR value is out of range, value must between")
		},
	},
}

// twins holds commands that answer as another does.
var twins = map[string]string{
	"zrevrank": "zrank", "xreadgroup": "xread",
	"brpop": "blpop", "blmove": "blpop", "brpoplpush": "blpop", "blmpop": "blpop",
	"bzpopmin": "blpop", "bzpopmax": "blpop", "bzmpop": "blpop",
}

// answersBeforeArgs: the reference says what it says of a key that is not there, or
// is of another type, and has not seen that the arguments are wrong.
func answersBeforeArgs(_ call, ours, ref transcript.Reply) bool {
	return strings.HasPrefix(ours.Text, "ERR ") && (ref.Text == "0" || ref.Text == "-1" || strings.HasPrefix(ref.Text, "WRONGTYPE"))
}

func isSetEncoding(e string) bool { return e == "intset" || e == "listpack" || e == "hashtable" }

// declared reports whether a difference between replies is meant.
func declared(c call, ours, ref transcript.Reply) bool {
	name := c.cmd.Name
	if twin := twins[name]; twin != "" {
		name = twin
	}
	for _, d := range differences {
		if d.command == name && d.is(c, ours, ref) {
			return true
		}
	}
	return false
}
