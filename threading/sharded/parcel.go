package sharded

import (
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
)

// A parcel is a batch of commands of several clients, and how far they have come. In it
// they go from shard to shard, in rounds:
//
//	client A   SET a | GET b | INCR c | MSET a b | GET a
//	shard      own     1       own      both       own
//	round 1    here    away    here     –          –          one message to shard 1
//	round 2                             here       here
//
// A round takes each client's commands as far as they are independent of what is not
// executed yet: up to one that does not travel, behind one that is away. What runs here
// behind one that is away leaves its reply aside, until those before it are there.
//
// Invariants:
//   - of each part, the replies of the commands before next are in the client's output,
//     and those of no others
//   - commands before sent are executed, or in a message of this round, or were and came
//     back without having been executed
type parcel struct {
	*threading.Batch
	courses  []course
	commands []state
	messages []*message // sent since the parcel was filled
	out      int        // of them, that are not back
	away     bool       // so its clients are
	aside    resp.Writer
	executed int
	nanos    int64
}

// A course is how far a part has come.
type course struct {
	next   int  // the first command whose reply is not in the client's output
	sent   int  // the first that has not been looked at in this round
	placed int  // the first that it is not known of where it runs
	over   bool // all are, or no more will be
}

// state is how far a command has come.
type state struct {
	place      command.Place
	by         *message // that has its reply; nil: it is aside
	start, end int      // there
	done       bool     // it is executed
	alone      bool     // it takes an owner of all
}

// take returns an empty parcel.
func (k *keeper) take() *parcel {
	if n := len(k.spare); n > 0 {
		p := k.spare[n-1]
		k.spare = k.spare[:n-1]
		return p
	}
	return &parcel{Batch: threading.NewParcel()}
}

// added is to follow when a client's commands were added to p. As soon as there are enough
// to make it worth owning something for them, they begin; the next clients' are not even
// read by then, so that these are in the cache. It returns the parcel for what comes next.
func (k *keeper) added(p *parcel) *parcel {
	if p.Commands()-len(p.commands) < enough && !p.Waits() && !p.Full() {
		return p
	}
	return k.begin(p)
}

// enough commands share the costs of an ownership.
const enough = 2 * command.WarmMost

// begin executes what was added to p, as far as it can be executed now and here. It returns
// the parcel for what comes next.
func (k *keeper) begin(p *parcel) *parcel {
	switch {
	case p.Len() == len(p.courses):
		return p
	case len(k.peers) == 1:
		k.runAll(p)
		return p
	}
	for i := len(p.courses); i < p.Len(); i++ {
		k.start(p, i)
	}
	switch {
	case k.finish(p):
		return k.take()
	case p.Full():
		k.sent(p)
		return k.take()
	}
	k.disown()
	return p
}

// start begins with a part.
func (k *keeper) start(p *parcel, i int) {
	first, last := p.Span(i)
	p.commands = append(p.commands, make([]state, last-first)...)
	p.courses = append(p.courses, course{next: first, sent: first, placed: first})
	if k.own() == nil || !p.Begin(i) { // others may kill the client, owning all
		p.courses[i].over = true
	}
	if ahead := p.Part(i).Session.Ahead(); ahead != nil {
		p.putAside(first, ahead)
	}
	if !p.courses[i].over {
		k.dispatch(p, i)
	}
}

// runAll is begin where there is only one loop.
func (k *keeper) runAll(p *parcel) {
	x := k.own()
	if x == nil {
		p.Reset()
		return
	}
	k.x = nil // in an interlude nothing is owned
	k.alone = true
	p.Execute(x, k.lp.Limits())
	k.alone = false
	k.x = x
	k.disown()
	k.lp.Finish(p.Batch)
}

// sent sends what others have to execute of a parcel, and goes on with it as long as
// nothing is out.
func (k *keeper) sent(p *parcel) {
	if p.Len() == 0 {
		k.spare = append(k.spare, p)
		return
	}
	for k.send(p); p.out == 0; k.send(p) {
		if k.finish(p) {
			return
		}
		for i := range p.courses {
			if !p.courses[i].over {
				k.dispatch(p, i)
			}
		}
	}
	if !p.away {
		p.away = true
		k.away++
		handOvers := k.lp.Tally.HandOvers // of messages: clients are not handed over
		k.lp.Lend(p.Batch)
		k.lp.Tally.HandOvers = handOvers
	}
}

// putAside notes that commands from k on have been executed before, with these replies.
func (p *parcel) putAside(k int, ahead [][]byte) {
	for j, reply := range ahead {
		if reply != nil {
			c := &p.commands[k+j]
			c.done, c.start = true, p.aside.Len()
			p.aside.Raw(reply)
			c.end = p.aside.Len()
		}
	}
}

// dispatch executes a part's commands as far as they need not wait, and puts those for
// other loops into messages.
func (k *keeper) dispatch(p *parcel, i int) {
	c := &p.courses[i]
	_, last := p.Span(i)
	for c.sent = c.next; c.sent < last && !c.over; c.sent++ {
		if c.sent == c.placed {
			if k.place(p, i); c.over {
				return
			}
		}
		s := &p.commands[c.sent]
		waits := c.sent > c.next // for the reply of one before it
		switch {
		case s.done:
			k.reply(p, i)
		case s.alone || !s.place.Travels:
			if waits || !k.runAlone(p, i) {
				return
			}
		case k.has(s.place.Shards):
			if !k.runHere(p, i, waits) {
				return
			}
		default:
			m := k.message(p, k.e.loopOf(s.place.Shards.First()))
			if m == nil {
				return // that is for the next round
			}
			m.add(c.sent, i)
		}
	}
	switch {
	case c.over || c.next < last:
	case p.More(i, k.lp.Limits()):
		_, end := p.Span(i)
		p.commands = append(p.commands, make([]state, end-last)...)
		k.dispatch(p, i)
	default:
		k.conclude(p, i)
	}
}

// place finds out where a part's next commands run: up to the first that may change what
// its client's commands are about. Lookups of those that run here are prepared.
func (k *keeper) place(p *parcel, i int) {
	c, cl := &p.courses[i], &p.Part(i).Session.Client
	_, last := p.Span(i)
	x := k.own() // others may change the client's state, owning all
	if x == nil {
		k.stop(p, i, threading.Ending)
		return
	}
	w := &k.warm
	w.n = 0
	for travels := true; travels && c.placed < last && !w.full(); c.placed++ {
		s, args := &p.commands[c.placed], p.Args(c.placed)
		if len(args) == 0 {
			s.done = true
		}
		if s.done {
			continue
		}
		s.place = k.e.Place(cl, args)
		switch travels = s.place.Travels; {
		case !travels:
		case k.has(s.place.Shards):
			w.add(p, c.placed)
		default:
			cl.Sent(&s.place, x.Nanos())
		}
	}
	w.warm(x, cl)
}

// conclude ends a part all of whose commands are executed.
func (k *keeper) conclude(p *parcel, i int) {
	p.courses[i].over = true
	if p.Conclude(i) {
		if x := k.own(); x != nil {
			p.Fault(x, i)
		}
	}
}

// runHere executes a command on the loop's own shards. It reports whether the next one
// may be looked at.
func (k *keeper) runHere(p *parcel, i int, waits bool) bool {
	c := &p.courses[i]
	s, cl := &p.commands[c.sent], &p.Part(i).Session.Client
	x := k.own()
	if x == nil {
		k.stop(p, i, threading.Ending)
		return false
	}
	if !waits {
		return k.ran(p, i, x, x.DoPlaced(cl, p.Args(c.sent), &s.place))
	}
	out := cl.Out
	p.aside.Proto = out.Proto
	cl.Out = p.aside
	s.start = cl.Out.Len()
	v := x.DoPlaced(cl, p.Args(c.sent), &s.place)
	p.aside, cl.Out = cl.Out, out
	s.end = p.aside.Len()
	switch v {
	case command.Done, command.Closing:
		s.done = true
		p.executed++
		return true
	case command.NeedAll:
		s.alone = true
	}
	return false // it is looked at again when it need not wait
}

// runAlone executes a command, all before which are executed, with the ownership of what
// it needs.
func (k *keeper) runAlone(p *parcel, i int) bool {
	c := &p.courses[i]
	s, cl := &p.commands[c.sent], &p.Part(i).Session.Client
	set := s.place.Shards
	if s.alone {
		set = k.e.All()
	}
	if set == 0 || k.has(set) {
		return k.runHere(p, i, false)
	}
	k.disown()
	k.lp.Tally.Publish() // it may be a command that shows the counters
	x := k.e.OwnSet(set)
	k.lp.Tally.Batches++
	if x == nil {
		k.stop(p, i, threading.Ending)
		return false
	}
	began := x.Nanos()
	k.alone = true
	v := x.DoPlaced(cl, p.Args(c.sent), &s.place)
	k.alone = false
	x.Settle()
	p.nanos = x.Nanos()
	k.lp.Tally.Owning += time.Duration(p.nanos - began)
	k.e.ReleaseSet(x)
	return k.ran(p, i, x, v)
}

// ran does what follows from the verdict on a command whose reply is in the client's
// output. It reports whether the next one may be looked at.
func (k *keeper) ran(p *parcel, i int, x *command.Exec, v command.Verdict) bool {
	c := &p.courses[i]
	s, cl := &p.commands[c.sent], &p.Part(i).Session.Client
	switch v {
	case command.Paused:
		k.stop(p, i, threading.Held)
		return false
	case command.NeedAll:
		s.alone = true
		return k.runAlone(p, i)
	}
	s.done = true
	c.next++
	p.executed++
	switch {
	case v == command.Closing:
		k.stop(p, i, threading.Ending)
	case v == command.Blocked:
		k.stop(p, i, threading.Blocked)
	case cl.Out.Len() > k.lp.Limits().Output:
		k.stop(p, i, threading.Stalled)
	default:
		return true
	}
	return false
}

// stop ends a part at its course's next command. The replies of those behind it that are
// executed are kept for when it goes on.
func (k *keeper) stop(p *parcel, i int, s threading.State) {
	c := &p.courses[i]
	_, last := p.Span(i)
	var ahead [][]byte
	for j := c.next; j < last; j++ {
		if p.commands[j].done {
			for len(ahead) < j-c.next {
				ahead = append(ahead, nil)
			}
			ahead = append(ahead, append([]byte{}, p.replyOf(j)...))
		}
	}
	p.Stop(i, c.next, s, ahead)
	c.over = true
}

// reply puts the replies of a part's executed commands into the client's output, up to
// the first that is not there yet.
func (k *keeper) reply(p *parcel, i int) {
	c, cl := &p.courses[i], &p.Part(i).Session.Client
	_, last := p.Span(i)
	for c.next < last && p.commands[c.next].done {
		cl.Out.Raw(p.replyOf(c.next))
		c.next++
		if cl.Out.Len() > k.lp.Limits().Output {
			k.stop(p, i, threading.Stalled)
			return
		}
	}
}

// replyOf returns the reply of the j-th command, which is executed and not in the
// client's output.
func (p *parcel) replyOf(j int) []byte {
	s := &p.commands[j]
	if s.by != nil {
		return s.by.guest.Out.Bytes()[s.start:s.end]
	}
	return p.aside.Bytes()[s.start:s.end]
}

// send sends the messages that were filled in this round.
func (k *keeper) send(p *parcel) {
	if k.x != nil {
		k.x.Settle() // the arguments are still there
		p.nanos = k.x.Nanos()
	}
	for i := range k.peers {
		m := k.peers[i].open
		if m == nil {
			continue
		}
		k.peers[i].open = nil
		k.disown()
		if k.lend(i, m) {
			k.took(m)
			continue
		}
		p.out++
		k.post(i, m)
	}
	if p.out == 0 {
		k.collect(p)
	}
}

// returned does what follows when a message is back.
func (k *keeper) returned(m *message) {
	p := m.parcel
	k.took(m)
	if p.out--; p.out > 0 {
		return
	}
	k.collect(p)
	if !k.finish(p) {
		for i := range p.courses {
			if !p.courses[i].over {
				k.dispatch(p, i)
			}
		}
		k.sent(p)
	}
}

// took notes what became of a message's commands.
func (k *keeper) took(m *message) {
	p, start := m.parcel, 0
	for j, c := range m.commands {
		s := &p.commands[c]
		if m.ends[j] == notExecuted {
			s.alone = s.alone || m.verdicts[j] == command.NeedAll
			if m.verdicts[j] == command.Paused {
				s.alone = true // it is asked once more, here, in its turn
			}
			continue
		}
		s.by, s.start, s.end, s.done = m, start, m.ends[j], true
		start = m.ends[j]
		p.executed++
	}
	p.nanos = max(p.nanos, m.nanos)
}

// collect puts together the replies of a round.
func (k *keeper) collect(p *parcel) {
	for i := range p.courses {
		if !p.courses[i].over {
			k.reply(p, i)
		}
	}
}

// finish ends a parcel whose parts are all over. It reports false when one is not.
func (k *keeper) finish(p *parcel) bool {
	for i := range p.courses {
		c := &p.courses[i]
		if c.over {
			continue
		}
		if _, last := p.Span(i); c.next < last {
			return false
		}
		k.conclude(p, i)
	}
	p.Count(p.executed, p.nanos)
	p.courses, p.commands, p.executed = p.courses[:0], p.commands[:0], 0
	p.aside.Reset()
	if p.away {
		p.away = false
		k.away--
	}
	k.disown()
	k.lp.Finish(p.Batch)
	for _, m := range p.messages {
		k.recycle(m)
	}
	clear(p.messages)
	p.messages = p.messages[:0]
	if cap(p.aside.Bytes()) > keepReply {
		p.aside.Attach(nil)
	}
	if len(k.spare) < keepSpare {
		k.spare = append(k.spare, p)
	}
	return true
}
