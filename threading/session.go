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
//	socket ──read──> in ──parse──> args ──Exec.Do──> Client.Out ──write──> socket
//
// Reading and writing are the model's business; a Session never blocks. It has
// one owner at a time, like the socket.
type Session struct {
	Client command.Client
	parser resp.Parser
	in     []byte // read, not executed: an incomplete command, or what a pause held up
}

// inputChunk is the least room an input buffer is given: Redis's PROTO_IOBUF_LEN.
const inputChunk = 16 << 10

// outputHigh is the pending output at which a client's further commands wait
// until it has read some: what stands in its input stays there.
const outputHigh = 64 << 20

// Limits are the parameters a session obeys.
type Limits struct {
	MaxBulk      int // proto-max-bulk-len
	QueryBuffer  int // client-query-buffer-limit
	AuthRequired bool
}

// LimitsOf reads the limits out of the configuration.
func LimitsOf(c *config.Config) Limits {
	return Limits{
		MaxBulk: int(c.ProtoMaxBulkLen), QueryBuffer: int(c.ClientQueryBufferLimit),
		AuthRequired: c.RequirePass != "",
	}
}

// A State says what a session waits for after [Session.Run].
type State uint8

const (
	// WantInput: everything complete has been executed.
	WantInput State = iota
	// Held: clients are paused; run it again when they are not.
	Held
	// Stalled: too much output is pending; run it again when it is written.
	Stalled
	// Ending: write what is pending, then close.
	Ending
	// TooLarge: the client exceeded the query buffer limit: close.
	TooLarge
)

// Pending returns the bytes read and not executed.
func (s *Session) Pending() int { return len(s.in) }

// InputRoom returns the room of the input buffer, used or not.
func (s *Session) InputRoom() int { return cap(s.in) }

// Buffer returns the room to read into: shared while nothing is pending, and else
// the free end of the session's own buffer, grown so that a big argument is read
// straight to its place.
func (s *Session) Buffer(shared []byte) []byte {
	if len(s.in) == 0 {
		return shared
	}
	need := max(s.parser.Need(), inputChunk)
	if cap(s.in)-len(s.in) < need {
		// A client's claim alone allocates nothing: the buffer at most
		// doubles what has arrived.
		grown := len(s.in) + max(min(need, len(s.in)), inputChunk)
		in := make([]byte, len(s.in), grown)
		copy(in, s.in)
		s.in = in
	}
	return s.in[len(s.in):cap(s.in)]
}

// Fed tells the session that n bytes were read into the buffer that Buffer
// returned, and runs what is complete. x is owned by the caller.
func (s *Session) Fed(x *command.Exec, buf []byte, n int, l Limits, b *Batch) State {
	if len(s.in) == 0 {
		return s.run(x, buf[:n], l, b)
	}
	s.in = s.in[:len(s.in)+n]
	return s.run(x, s.in, l, b)
}

// Resume runs what is complete in the bytes read earlier.
func (s *Session) Resume(x *command.Exec, l Limits, b *Batch) State { return s.run(x, s.in, l, b) }

// run executes the complete commands at the start of data, which is the shared
// buffer or s.in, and keeps the rest.
func (s *Session) run(x *command.Exec, data []byte, l Limits, b *Batch) State {
	cl := &s.Client
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
		state := s.execute(x, data, b)
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
func (s *Session) execute(x *command.Exec, data []byte, b *Batch) State {
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
				s.in = nil
				return Ending
			}
		}
		if cl.Out.Len() > outputHigh {
			s.parser.Reset()
			s.keep(data[c.end:])
			return Stalled
		}
	}
	return WantInput
}

// keep makes rest, a tail of the shared buffer or of s.in, the pending input.
func (s *Session) keep(rest []byte) {
	switch {
	case len(rest) == 0:
		if cap(s.in) > 2*inputChunk {
			s.in = nil
		}
		s.in = s.in[:0]
	case len(rest) == len(s.in):
		// All of s.in is pending, where it is.
	default:
		s.in = append(s.in[:0], rest...)
	}
}
