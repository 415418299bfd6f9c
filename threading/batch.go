package threading

import "github.com/redweave/redweave/resp"

// lookahead is how many commands of a pipeline are parsed before the first of
// them runs, so that their lookups can wait for memory together.
const lookahead = 32

// A Batch is the room to parse several commands ahead in. A loop has one for all
// its sessions.
type Batch struct {
	// Executed counts the commands that ran. The loop reads it.
	Executed int64

	n        int
	commands [lookahead]parsed
	args     [][]byte // of all commands, one after the other
	keys     [][]byte // the likely key of each command that has one
}

// parsed is a command's place in its batch, and in the bytes it came from.
type parsed struct {
	first, last int // args[first:last]
	start, end  int // data[start:end]
}

// gather parses as many complete commands at the start of data as there is room
// for, and returns the bytes they take. err is what follows them, when that is not
// the protocol.
//
// A client that has not said who it is gets one command at a time: AUTH changes
// what it may send.
func (b *Batch) gather(p *resp.Parser, data []byte) (taken int, err error) {
	b.n, b.args, b.keys = 0, b.args[:0], b.keys[:0]
	limit := lookahead
	if p.Unauthenticated {
		limit = 1
	}
	for b.n < limit && taken < len(data) {
		first := len(b.args)
		args, n, err := p.Append(b.args, data[taken:])
		if err != nil {
			return taken, err
		}
		if n == 0 {
			break
		}
		b.args = args
		b.commands[b.n] = parsed{first, len(args), taken, taken + n}
		b.n++
		taken += n
		// The first argument is nearly always the key; when it is not, what
		// is warmed for it is of no use and no harm.
		if len(args) > first+1 {
			b.keys = append(b.keys, args[first+1])
		}
	}
	return taken, nil
}

// keepArgs is the longest list of arguments that is kept for the next batch.
const keepArgs = 4096

// forget lets go of the last batch's arguments, which may be parts of a big
// buffer, and of their list when it was long. Those that are parts of the shared
// buffer keep nothing alive that would not live anyway.
func (b *Batch) forget() {
	clear(b.args[:cap(b.args)])
	clear(b.keys[:cap(b.keys)])
	if cap(b.args) > keepArgs {
		b.args = nil
	}
}
