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
//	socket ──read──> Batch ──parse──> args ──Execute──> Client.Out ──write──> socket
//	                   ▲                │
//	                   └── in ◄─────────┘ what is not complete, or has to wait
//
// Reading and writing are the model's business; a Session never blocks. It has
// one owner at a time, who has its token: what others must not touch is then his.
// While the session is in a [Batch], its token goes where the batch goes.
//
// # Where input waits
//
// Sessions are read into the room of a batch, which many share. What a read
// leaves over, the beginning of a command, is copied to the session, and:
//
//	little  in   | *3 $3 SET $1 |                     copied in front of what is read next
//	        room | *3 $3 SET $1 | a $2 42 *3 … (read) |
//
//	much    in   | *3 $3 SET $1 a $100000000 xxxxxxxx…… | (read) |     read in place
//
// So a pipeline costs one read for each 64 KiB however its commands are cut, and a
// big argument is moved only when its buffer grows, which a client must earn: the
// buffer is at most twice what has arrived, or four times once that is a megabyte.
// An idle session holds next to nothing.
type Session struct {
	Client command.Client
	parser resp.Parser
	in     []byte   // read, not executed: an incomplete command, or what a pause held up
	ahead  [][]byte // replies of commands in it that were executed all the same: see divide.go
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

// A State says what a session waits for after its commands were parsed and executed:
// see [Batch.Add] and [Batch.Finish].
type State uint8

const (
	// WantInput: everything complete has been executed.
	WantInput State = iota
	// Held: clients are paused; run it again when they are not.
	Held
	// Stalled: too much output is pending; run it again when that is written.
	Stalled
	// Ending: write what is pending, then close.
	Ending
	// TooLarge: the client exceeded the query buffer limit: close.
	TooLarge
	// Blocked: a command waits for something; run it again when
	// [Session.TakeMail] says so.
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

// buffer returns the room to read into: the shared buffer, behind what is pending
// if that is little, or else the free end of the session's own.
func (s *Session) buffer(shared []byte) []byte {
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

// finish keeps rest, which has no complete command, and tells whether it is too much.
func (s *Session) finish(rest []byte, l *Limits) State {
	s.keep(rest)
	if len(s.in)+s.Client.QueuedBytes() > l.QueryBuffer {
		return TooLarge
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
		// Nothing was executed of what is pending in place. (With a batch's room
		// s.in is empty, and rest is not.)
	case cap(s.in) > inputLittle && cap(s.in)/4 > len(rest):
		s.in = append([]byte(nil), rest...)
	default:
		s.in = append(s.in[:0], rest...)
	}
}
