package threading

import (
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
)

// A Session is one connection's way through a model: the bytes read and not yet
// executed, the parser that remembers how far it came in them, and the client
// whose replies pile up in its output.
//
//	socket ──read──> input ──parse──> args ──Exec.Do──> Client.Out ──write──> socket
//
// Reading and writing are the model's business; a Session never blocks. It has
// one owner at a time, like the socket.
//
// # Where input waits
//
// All sessions of a loop are read into one buffer that they share. What a read
// leaves over, the beginning of a command, is copied to the session, and:
//
//	little  in     | *3 $3 SET $1 |                     copied in front of what is read next
//	        shared | *3 $3 SET $1 | a $2 42 *3 … (read) |
//
//	much    in     | *3 $3 SET $1 a $100000000 xxxxxxxx…… | (read) |     read in place
//
// So a pipeline costs one read for each 64 KiB however its commands are cut, and a
// big argument is moved only when its buffer grows, which a client must earn: the
// buffer is at most twice what has arrived, or four times once that is a megabyte.
// An idle session holds next to nothing.
type Session struct {
	Client command.Client
	parser resp.Parser
	in     []byte // read, not executed: an incomplete command, or what a pause held up
}

const (
	// inputChunk is the least room there is to read into: PROTO_IOBUF_LEN.
	inputChunk = 16 << 10

	// inputLittle is up to how much pending input is copied to the shared buffer,
	// rather than continued where it is.
	inputLittle = 8 << 10

	// inputTrust is from how much on a client is believed to mean what it
	// announced: its buffer grows fourfold.
	inputTrust = 1 << 20

	// OutputCeiling is the pending output at which a client's further commands
	// wait until all of it is written: what stands in its input stays there, and
	// nothing more is read.
	OutputCeiling = 64 << 20
)

// Limits are the parameters a session obeys.
type Limits struct {
	MaxBulk      int // proto-max-bulk-len
	QueryBuffer  int // client-query-buffer-limit
	Output       int // pending output at which it stalls: OutputCeiling or less
	AuthRequired bool
}

// LimitsOf reads the limits out of the configuration. A client that may have less
// output than the ceiling need not gather more to be found out.
func LimitsOf(c *config.Config) Limits {
	l := Limits{
		MaxBulk: int(c.ProtoMaxBulkLen), QueryBuffer: int(c.ClientQueryBufferLimit),
		Output: OutputCeiling, AuthRequired: c.RequirePass != "",
	}
	if hard := c.ClientOutputBufferLimit[config.ClassNormal].HardBytes; hard > 0 {
		l.Output = int(min(hard, OutputCeiling))
	}
	return l
}

// A State says what a session waits for after [Session.Fed] or [Session.Resume].
type State uint8

const (
	// WantInput: everything complete has been executed.
	WantInput State = iota
	// Held: clients are paused; resume it when they are not.
	Held
	// Stalled: too much output is pending; resume it when that is written.
	Stalled
	// Ending: write what is pending, then close.
	Ending
	// TooLarge: the client exceeded the query buffer limit: close.
	TooLarge
	// Blocked: a command waits for something; resume it when [Session.TakeMail]
	// says so.
	Blocked
)

// Pending returns the bytes read and not executed.
func (s *Session) Pending() int { return len(s.in) }

// InputRoom returns the room of the input buffer, used or not.
func (s *Session) InputRoom() int { return cap(s.in) }

// carried returns how much pending input stands at the start of the shared buffer
// when the session is read; -1 when it is read in place.
func (s *Session) carried() int {
	if len(s.in) > inputLittle || s.parser.Need() > 0 {
		return -1
	}
	return len(s.in)
}

// Buffer returns the room to read into: the shared buffer, behind what is pending
// if that is little, or else the free end of the session's own.
func (s *Session) Buffer(shared []byte) []byte {
	if len(s.in) == 0 {
		return shared
	}
	if n := s.carried(); n >= 0 {
		copy(shared, s.in)
		return shared[n:]
	}
	wanted := inputChunk
	if n := s.parser.Need(); n > 0 {
		wanted = min(n, inputChunk)
	}
	if cap(s.in)-len(s.in) < wanted {
		s.grow()
	}
	return s.in[len(s.in):cap(s.in)]
}

// grow gives the input buffer room for the argument it stands in, as far as the
// client has earned it.
func (s *Session) grow() {
	earned := len(s.in)
	if earned >= inputTrust {
		earned *= 3
	}
	need := s.parser.Need()
	if need == 0 {
		need = earned
	}
	s.in = append(make([]byte, 0, len(s.in)+max(min(need, earned), inputChunk)), s.in...)
}

// Fed tells the session that n bytes were read into what Buffer(shared) returned,
// and runs the commands that are complete. x is owned by the caller.
func (s *Session) Fed(x *command.Exec, shared []byte, n int, l *Limits, b *Batch) State {
	if carried := s.carried(); carried >= 0 {
		s.in = s.in[:0]
		return s.run(x, shared[:carried+n], l, b)
	}
	s.in = s.in[:len(s.in)+n]
	return s.runInPlace(x, l, b)
}

// Stash tells the session that n bytes were read into what Buffer(shared) returned
// while its client is blocked: they are kept. more says that as many again may be
// read; else the client has sent enough for now.
func (s *Session) Stash(shared []byte, n int) (more bool) {
	if carried := s.carried(); carried >= 0 {
		s.in = s.in[:0]
		s.keep(shared[:carried+n])
	} else {
		s.in = s.in[:len(s.in)+n]
	}
	return len(s.in) < inputTrust
}

// TakeMail appends to the output what others posted to the client. unblocked reports
// that the command it was blocked in has its reply now.
func (s *Session) TakeMail() (unblocked bool) {
	if !s.Client.Mail.Waiting() {
		return false
	}
	b, unblocked := s.Client.Mail.Take(s.Client.Out.Bytes())
	s.Client.Out.Attach(b)
	return unblocked
}

// Resume runs what is complete in the bytes read earlier.
func (s *Session) Resume(x *command.Exec, l *Limits, b *Batch) State { return s.runInPlace(x, l, b) }

// runInPlace is run over the session's own buffer.
func (s *Session) runInPlace(x *command.Exec, l *Limits, b *Batch) State {
	state := s.run(x, s.in, l, b)
	b.forget() // it must not keep the buffer alive
	return state
}

// run executes the complete commands at the start of data, which is s.in or, with
// that empty, the shared buffer; and keeps the rest.
func (s *Session) run(x *command.Exec, data []byte, l *Limits, b *Batch) State {
	cl := &s.Client
	if cl.Closing() { // by CLIENT KILL, since it was last run
		s.in = nil
		return Ending
	}
	s.TakeMail()
	s.parser.MaxBulk = l.MaxBulk
	for len(data) > 0 {
		s.parser.Unauthenticated = l.AuthRequired && !cl.Authenticated
		taken, err := b.gather(&s.parser, data)
		if taken == 0 && err == nil {
			break
		}
		if b.n > 1 {
			x.Warm(cl, b.keys)
		}
		state := s.execute(x, data, l, b)
		x.Settle()
		if state != WantInput {
			return state
		}
		data = data[taken:]
		if err != nil {
			x.ProtocolError(cl, err.(resp.Error))
			s.in = nil
			return Ending
		}
	}
	s.keep(data)
	if len(s.in) > l.QueryBuffer {
		return TooLarge
	}
	return WantInput
}

// execute runs the commands of a batch that was gathered from data.
func (s *Session) execute(x *command.Exec, data []byte, l *Limits, b *Batch) State {
	cl := &s.Client
	for i := range b.n {
		c := &b.commands[i]
		args := b.args[c.first:c.last]
		if len(args) > 0 {
			switch x.Do(cl, args) {
			case command.Paused:
				s.parser.Reset()
				s.keep(data[c.start:])
				return Held
			case command.Closing:
				b.Executed++
				s.in = nil
				return Ending
			case command.Blocked:
				b.Executed++
				s.parser.Reset()
				s.keep(data[c.end:])
				return Blocked
			}
			b.Executed++
		}
		if cl.Out.Len() > l.Output {
			s.parser.Reset()
			s.keep(data[c.end:])
			return Stalled
		}
	}
	return WantInput
}

// keep makes rest, the tail of what was run, the pending input.
func (s *Session) keep(rest []byte) {
	switch {
	case len(rest) == 0:
		s.in = s.in[:0]
		if cap(s.in) > inputLittle {
			s.in = nil
		}
	case len(rest) == len(s.in):
		// Nothing was executed of what is pending in place. (With the shared
		// buffer s.in is empty, and rest is not.)
	case cap(s.in) > inputLittle && cap(s.in)/4 > len(rest):
		s.in = append([]byte(nil), rest...)
	default:
		s.in = append(s.in[:0], rest...)
	}
}
