package threading

import (
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
)

// # A batch that is executed in pieces
//
// Where a keyspace has several shards, the commands of a batch belong to different
// owners, and [Batch.Execute], which runs one after the other, is no use. Who divides a
// batch does by himself what it does, with these:
//
//	for each part:  b.Begin(i)
//	                … b.Args(k) for k in b.Span(i), in whatever order is right …
//	                b.Stop(i, k, state), or else b.More(i, l) or b.Conclude(i)
//	b.Finish(i)  …  b.Reset()
//
// A client's commands may then have been executed that stand behind one which has to
// wait. Their replies stay with the session ([Session.Ahead]) until it is the turn of
// that one; they are not executed again.

// Span returns which of the batch's commands are the i-th part's: first to last-1.
func (b *Batch) Span(i int) (first, last int) { return b.parts[i].first, b.parts[i].last }

// Args returns the arguments of the k-th command, none for an empty line.
func (b *Batch) Args(k int) [][]byte {
	c := &b.commands[k]
	return b.args[c.first:c.last]
}

// Begin begins with the i-th part. It reports false when nothing of it is executed, as
// its client is to be closed.
func (b *Batch) Begin(i int) bool {
	p := &b.parts[i]
	if p.Session.Client.Closing() { // by CLIENT KILL, since it was last run
		p.State = Ending
		return false
	}
	p.Session.TakeMail()
	p.done = 0
	return true
}

// Stop ends the i-th part before its command k, which and what follows is left for
// later, or for never, as state says. ahead are the replies of command k and the next
// that there are already, nil for those that were not executed.
func (b *Batch) Stop(i, k int, state State, ahead [][]byte) {
	p := &b.parts[i]
	p.State = state
	if p.done = p.taken; k < p.last {
		p.done = b.commands[k].start
	}
	if p.Session.ahead = ahead; state == Ending {
		p.Session.ahead = nil
	}
}

// Conclude ends the i-th part when all its commands were executed. broken says that what
// follows them is not the protocol: then Fault is to be called.
func (b *Batch) Conclude(i int) (broken bool) {
	p := &b.parts[i]
	p.done = p.taken
	return p.err != nil
}

// More parses what follows the commands of the i-th part, the last of all, when it had
// to be seen first what those do: AUTH. It reports whether there are more commands.
func (b *Batch) More(i int, l *Limits) bool {
	p := &b.parts[i]
	if !p.more || i < len(b.parts)-1 {
		return false
	}
	had := p.last
	b.gather(p, l)
	return p.last > had
}

// Fault ends the i-th part with an error. x is of any owner.
func (b *Batch) Fault(x *command.Exec, i int) {
	p := &b.parts[i]
	x.ProtocolError(&p.Session.Client, p.err.(resp.Error))
	p.State = Ending
}

// Count notes that n commands were executed, the last of them at that time of the
// engine.
func (b *Batch) Count(n int, nanos int64) {
	b.executed += n
	b.Nanos = nanos
}

// Ahead returns, and forgets, the replies of those commands in the session's input, by
// their order, which have been executed already.
func (s *Session) Ahead() [][]byte {
	ahead := s.ahead
	s.ahead = nil
	return ahead
}
