package threading

import (
	"fmt"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
)

// A Batch is commands on their way: read and parsed, not yet executed, of one client
// or of many. It holds the bytes they are made of, so it may outlive the read and be
// handed to whoever owns the keyspace.
//
//	         session A         session B              room for the next
//	room   | *3 $3 SET $1 a … | *2 $3 GET $1 a *2 … |                   |
//	           ▲                  ▲        ▲
//	args   | SET a 1 | INCR n | GET a | GET b |
//	         ▲         ▲        ▲       ▲
//	commands | 0       | 1      | 2     | 3     |
//	parts    | A: 0, 1          | B: 2, 3       |
//
// # The two phases, and the end
//
//	b.Room(s)  read  b.Add(s, n)    parse    whoever has the session's token; nothing is owned
//	b.Execute(x)                    execute  whoever owns the keyspace, and has the tokens
//	b.Finish(i)  …  b.Reset()       look     whoever has the tokens: what each session waits for now
//
// A session is in one batch at most, and from Add to Finish its token goes where the
// batch goes: nobody else reads from, writes to or looks into it. A batch has one
// owner at a time, like the sessions in it, and goes from one goroutine to another by
// something that orders memory.
//
// # How far it looks ahead
//
// Commands are parsed before the first of them runs, so that their lookups wait for
// memory together, also those of different clients. A batch that is executed on the
// spot needs no more than a few of a pipeline at a time, and finds them in the cache
// still: see [NewBatch].
//
// Invariants, verified by check:
//   - parts are in order, and of different sessions; each has the commands from where
//     the last one ended to its own end
//   - commands' arguments follow each other in args, as their bytes do in the part's data
//   - used <= len(room)
type Batch struct {
	// Nanos is the engine's time when the batch was executed.
	Nanos int64

	room  []byte
	used  int
	ahead int // how many commands of a session are parsed at once
	most  int // see Limit

	parts    []Part
	commands []parsed
	args     [][]byte // of all commands, one after the other
	keys     [][]byte // the likely key of each command that has one
	warm     int      // commands before this one are warmed
	executed int
	foreign  bool // some bytes are not in room
}

// A Part is what a batch holds of one session.
type Part struct {
	Session *Session
	State   State // of the session, after Execute

	first, last int    // commands[first:last]
	data        []byte // what they were parsed from, and what follows
	taken       int    // data[:taken] is parsed
	done        int    // data[:done] is executed
	more        bool   // there may be complete commands in what is not parsed
	err         error  // what is not parsed is not the protocol
}

// parsed is a command's place in its batch, and in its part's data.
type parsed struct {
	first, last int32 // args[first:last]
	key         int32 // keys[key:] are those of this command and the next
	start, end  int   // data[start:end]
}

const (
	// lookahead is how many commands' lookups wait for memory together.
	lookahead = 32

	// few commands have too few lookups to wait for memory together.
	few = lookahead / 4

	// roomSize is for what one read brings: Linux hands over no more than a
	// socket's receive buffer, which rarely holds more.
	roomSize = 64 << 10

	// fairChunk is how much is read from a client at a time where there are others: some
	// hundred small commands.
	fairChunk = 8 << 10

	// everything is a look ahead to the end of what was read.
	everything = 1 << 30

	// keepArgs is the longest list of arguments that is kept for the next batch.
	keepArgs = 16 << 10
)

// NewBatch returns a batch for commands that are executed on the spot: it looks only
// a few commands ahead, and comes back to the rest.
func NewBatch() *Batch { return &Batch{room: make([]byte, roomSize), ahead: lookahead} }

// NewParcel returns a batch that is handed over: whatever arrived is parsed, as
// whoever executes it should not have to.
func NewParcel() *Batch { return &Batch{room: make([]byte, roomSize), ahead: everything} }

// Limit has the batch be full with so many sessions; 0 means that its room alone counts.
func (b *Batch) Limit(sessions int) { b.most = sessions }

// Room returns where to read what a session's client sent: the free end of the room,
// behind what is pending if that is little, or of the session's own buffer.
func (b *Batch) Room(s *Session) []byte { return s.buffer(b.room[b.used:]) }

// FairRoom is Room where others wait: of the room that is shared no more than a chunk,
// so that who floods has no more of the thread's time than it takes to execute that. A
// long argument, which costs little, is read as ever.
func (b *Batch) FairRoom(s *Session) []byte {
	room := b.room[b.used:]
	return s.buffer(room[:min(len(room), max(s.carried(), 0)+fairChunk)])
}

// Full reports whether there is too little room for what another client may send.
func (b *Batch) Full() bool {
	return len(b.room)-b.used < inputChunk+inputLittle || b.most > 0 && len(b.parts) >= b.most
}

// Ripe reports whether it is time to execute the batch: it is full, or more commands
// would not make their lookups cheaper.
func (b *Batch) Ripe() bool { return len(b.commands) >= lookahead || b.Full() }

// Waits reports whether commands of the last client can only be parsed when those before
// them are executed.
func (b *Batch) Waits() bool { return len(b.parts) > 0 && b.parts[len(b.parts)-1].more }

// Len returns the number of sessions in the batch.
func (b *Batch) Len() int { return len(b.parts) }

// Part returns what there is of the i-th session.
func (b *Batch) Part(i int) *Part { return &b.parts[i] }

// Commands returns the number of commands that were parsed.
func (b *Batch) Commands() int { return len(b.commands) }

// Executed returns how many commands Execute ran.
func (b *Batch) Executed() int { return b.executed }

// Add parses n bytes that were read into what Room(s) returned. added says that the
// session is in the batch now; else nothing in them is complete, and state is what
// the session waits for.
func (b *Batch) Add(s *Session, n int, l *Limits) (state State, added bool) {
	if carried := s.carried(); carried >= 0 {
		s.in = s.in[:0]
		data := b.room[b.used : b.used+carried+n : b.used+carried+n]
		if state, added = b.parse(s, data, l); added {
			b.used += len(data)
		}
		return state, added
	}
	s.in = s.in[:len(s.in)+n]
	return b.AddPending(s, l)
}

// AddPending is Add for what was read before and waits in the session.
func (b *Batch) AddPending(s *Session, l *Limits) (state State, added bool) {
	b.foreign = true
	return b.parse(s, s.in, l)
}

// Stash keeps n bytes that were read into what Room(s) returned while the session's
// client is blocked. more says that as many again may be read; else the client has
// sent enough for now.
func (b *Batch) Stash(s *Session, n int) (more bool) {
	if carried := s.carried(); carried >= 0 {
		s.in = s.in[:0]
		s.keep(b.room[b.used : b.used+carried+n])
	} else {
		s.in = s.in[:len(s.in)+n]
	}
	return len(s.in) < inputTrust
}

// parse adds a session whose input is data.
func (b *Batch) parse(s *Session, data []byte, l *Limits) (state State, added bool) {
	first := len(b.commands)
	b.parts = append(b.parts, Part{Session: s, first: first, data: data})
	p := &b.parts[len(b.parts)-1]
	b.gather(p, l)
	if len(b.commands) == first && p.err == nil {
		b.parts = b.parts[:len(b.parts)-1]
		return s.finish(data[p.taken:], l), false
	}
	return WantInput, true
}

// gather parses commands of a part from where it stands.
//
// A client that has not said who it is gets one command at a time: AUTH changes what
// it may send.
func (b *Batch) gather(p *Part, l *Limits) {
	s := p.Session
	parser := &s.parser
	parser.MaxBulk = l.MaxBulk
	parser.Unauthenticated = l.AuthRequired && !s.Client.Authenticated
	args, keys, commands := b.args, b.keys, b.commands // in registers
	end := len(commands) + b.ahead
	if parser.Unauthenticated {
		end = len(commands) + 1
	}
	p.more = false
	taken, data := p.taken, p.data
	for taken < len(data) {
		if len(commands) == end {
			p.more = true
			break
		}
		first := len(args)
		longer, n, err := parser.Append(args, data[taken:])
		if n == 0 {
			p.err = err
			break
		}
		args = longer
		commands = append(commands, parsed{int32(first), int32(len(args)), int32(len(keys)), taken, taken + n})
		taken += n
		// The first argument is nearly always the key; when it is not, what
		// is warmed for it is of no use and no harm.
		if len(args) > first+1 {
			keys = append(keys, args[first+1])
		}
	}
	b.args, b.keys, b.commands = args, keys, commands
	p.last, p.taken = len(commands), taken
}

// Execute runs the commands of every session in the batch. x is owned by the caller.
func (b *Batch) Execute(x *command.Exec, l *Limits) {
	end := len(b.commands)
	for i := range b.parts {
		p := &b.parts[i]
		if p.Session.Client.Closing() { // by CLIENT KILL, since it was last run
			p.State = Ending
			continue
		}
		p.Session.TakeMail()
		b.run(x, i, l)
		x.NextClient()
		if i == len(b.parts)-1 {
			end = 0 // all of them are done with
		}
		for p.more && p.State == WantInput {
			x.Settle() // while the arguments are there
			b.truncate(end)
			p.first, b.warm = end, end
			b.gather(p, l)
			b.run(x, i, l)
			x.NextClient()
		}
		if p.err != nil && p.State == WantInput {
			x.ProtocolError(&p.Session.Client, p.err.(resp.Error))
			p.State = Ending
		}
	}
	x.Settle()
	b.Nanos = x.Nanos()
}

// run executes the parsed commands of the i-th part.
func (b *Batch) run(x *command.Exec, i int, l *Limits) {
	p := &b.parts[i]
	cl := &p.Session.Client
	commands, args, warm, executed := b.commands[:p.last], b.args, b.warm, 0
	p.done = p.taken
	for k := p.first; k < len(commands); k++ {
		if k >= warm {
			warm = b.warmFrom(x, i, k)
		}
		c := &commands[k]
		if c.first < c.last {
			if v := x.Do(cl, args[c.first:c.last]); v != command.Done {
				executed += p.stop(c, v)
				break
			}
			executed++
		}
		if cl.Out.Len() > l.Output {
			p.State, p.done = Stalled, c.end
			break
		}
	}
	b.executed += executed
}

// stop notes that a command ends the part's turn, and returns 1 if it was executed.
func (p *Part) stop(c *parsed, v command.Verdict) (executed int) {
	switch v {
	case command.Paused:
		p.State, p.done = Held, c.start
		return 0
	case command.Blocked:
		p.State, p.done = Blocked, c.end
	default:
		p.State = Ending
	}
	return 1
}

// warmFrom warms the commands from k on, which is of the i-th part, up to the one it
// returns: the next few of it and, when it has not so many, of the parts that follow.
func (b *Batch) warmFrom(x *command.Exec, i, k int) (to int) {
	p := &b.parts[i]
	db := p.Session.Client.DB
	to = min(k+lookahead, p.last)
	for j := i + 1; j < len(b.parts) && to < k+lookahead; j++ {
		next := &b.parts[j]
		if next.first != to || next.Session.Client.DB != db {
			break
		}
		to = min(k+lookahead, next.last)
	}
	b.warm = to
	if to == k+1 {
		return to
	}
	end := len(b.keys)
	if to < len(b.commands) {
		end = int(b.commands[to].key)
	}
	x.Warm(&p.Session.Client, b.keys[b.commands[k].key:end])
	return to
}

// Preview is for whoever executes several batches one after the other: it appends to keys
// the likely keys of a batch that has few commands, all on database db, and takes them for
// warmed from now on.
func (b *Batch) Preview(keys [][]byte, db int) [][]byte {
	if len(b.commands) > few {
		return keys
	}
	for i := range b.parts {
		if b.parts[i].Session.Client.DB != db {
			return keys
		}
	}
	b.warm = len(b.commands)
	return append(keys, b.keys...)
}

// DB returns the database of the first client in the batch.
func (b *Batch) DB() int { return b.parts[0].Session.Client.DB }

// truncate forgets the commands from the n-th on.
func (b *Batch) truncate(n int) {
	if n == len(b.commands) {
		return
	}
	c := &b.commands[n]
	b.args, b.keys, b.commands = b.args[:c.first], b.keys[:c.key], b.commands[:n]
}

// Finish leaves with the i-th session what was not executed, and returns what it
// waits for.
func (b *Batch) Finish(i int, l *Limits) State {
	p := &b.parts[i]
	s := p.Session
	switch p.State {
	case Ending:
		s.in = nil
		return Ending
	case WantInput:
		return s.finish(p.data[p.done:], l)
	}
	s.parser.Reset() // it may have come further than the commands did
	s.keep(p.data[p.done:])
	return p.State
}

// Reset empties the batch.
func (b *Batch) Reset() {
	if b.foreign || cap(b.args) > keepArgs {
		b.forget()
	}
	b.parts, b.commands, b.args, b.keys = b.parts[:0], b.commands[:0], b.args[:0], b.keys[:0]
	b.used, b.executed, b.warm = 0, 0, 0
}

// forget lets go of what may be parts of a big buffer, and of the list of arguments
// when it was long. Arguments that are parts of room keep nothing alive that would
// not live anyway.
func (b *Batch) forget() {
	b.foreign = false
	clear(b.parts[:cap(b.parts)])
	clear(b.args[:cap(b.args)])
	clear(b.keys[:cap(b.keys)])
	if cap(b.args) > keepArgs {
		b.args, b.keys, b.commands = nil, nil, nil
	}
}

// check verifies the invariants.
func (b *Batch) check() error {
	next := 0
	seen := map[*Session]bool{}
	for i := range b.parts {
		p := &b.parts[i]
		switch {
		case seen[p.Session]:
			return fmt.Errorf("batch: part %d is of a session that is in it already", i)
		case p.first != next || p.last < p.first || p.last > len(b.commands):
			return fmt.Errorf("batch: part %d has commands %d to %d of %d, after %d", i, p.first, p.last, len(b.commands), next)
		case p.taken > len(p.data):
			return fmt.Errorf("batch: part %d: %d bytes parsed of %d", i, p.taken, len(p.data))
		}
		seen[p.Session], next = true, p.last
		at := 0
		for k := p.first; k < p.last; k++ {
			c := &b.commands[k]
			if c.start != at || c.end <= c.start || c.end > p.taken {
				return fmt.Errorf("batch: command %d is at %d to %d, after %d", k, c.start, c.end, at)
			}
			at = c.end
			if k > 0 && c.first != b.commands[k-1].last || c.last < c.first || int(c.last) > len(b.args) {
				return fmt.Errorf("batch: command %d has arguments %d to %d of %d", k, c.first, c.last, len(b.args))
			}
		}
	}
	if next != len(b.commands) || b.used > len(b.room) {
		return fmt.Errorf("batch: %d commands, of parts %d; %d bytes used of %d", len(b.commands), next, b.used, len(b.room))
	}
	return nil
}
