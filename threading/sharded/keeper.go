package sharded

import (
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading/eventloop"
)

// A keeper is a loop as the owner of its shards. Its fields are the loop's, except where
// they say otherwise.
type keeper struct {
	e     *Engine
	lp    *eventloop.Loop
	at    int              // which loop it is
	set   command.ShardSet // its shards; never changes
	peers []peer           // the other loops; the own place is not used
	x     *command.Exec    // of the shards, while they are owned
	began int64            // engine's time, when they were taken

	away  int        // parcels that are
	warm  warming    // what place prepares for
	late  []*message // own ones that came back while a script ran here
	alone bool       // it runs a command that owns more than its shards, or is the only one: guarded by that ownership
	spare []*parcel  // empty
	empty []*message

	_      [128]byte
	asleep atomic.Bool // its shards may be lent
	_      [128]byte
}

// A peer is another loop, as one sees it that sends it messages.
type peer struct {
	out, in *queue
	sent    int        // messages that it has, or that are on their way back
	open    *message   // being filled by the parcel that is dispatched
	backlog []*message // for which there was no room
}

// A message is commands that one loop runs for another: those of a parcel that go to its
// shards, in the order of the parcel. It comes back with their replies.
//
//	commands | 3 | 4 | 9 |          of the parcel, which has their arguments
//	part     | 0 | 0 | 2 |          whose they are
//	ends     | 5 | 9 | - |          where their replies end in out; - : not executed
//	out      | +OK.. | :1.. |
type message struct {
	from   *keeper
	parcel *parcel
	done   bool // it is on its way back

	commands []int
	part     []int
	ends     []int
	verdicts []command.Verdict // of those not executed: why, Done when for no reason of their own
	nanos    int64             // the engine's time when they were executed

	guest command.Client // stands for the clients; its output is out
}

const (
	notExecuted = -1

	// replyMost is how many bytes of replies a message brings before the rest of
	// its commands is left for another.
	replyMost = 1 << 20

	// keepReply is the largest buffer of replies that is kept for the next message.
	keepReply = 64 << 10

	// keepSpare is how many empty parcels and messages are kept.
	keepSpare = 16
)

func newKeeper(e *Engine, at, loops, shards int) *keeper {
	k := &keeper{e: e, at: at, peers: make([]peer, loops)}
	for s := at; s < shards; s += loops {
		k.set |= 1 << s
	}
	for i := range k.peers {
		// Room for what is sent, and for what is sent back.
		k.peers[i].out = newQueue(2 * e.options.QueueLength)
	}
	return k
}

// has reports whether a set of shards is not empty, and all of them are the loop's.
func (k *keeper) has(set command.ShardSet) bool { return set != 0 && set&^k.set == 0 }

// own returns the Exec of the loop's shards, which it owns from now on until disown, nil
// after Close.
func (k *keeper) own() *command.Exec {
	if k.x == nil {
		if k.x = k.e.OwnSet(k.set); k.x != nil {
			k.lp.Tally.Batches++
			k.began = k.x.Nanos()
		}
	}
	return k.x
}

// disown gives the shards back, if they are owned. The loop owns nothing then.
func (k *keeper) disown() {
	if k.x != nil {
		k.x.Settle()
		k.lp.Tally.Owning += time.Duration(k.x.Nanos() - k.began)
		k.e.ReleaseSet(k.x)
		k.x = nil
	}
}

// receive takes what other loops sent: their messages are executed, and own ones that
// are back looked at. Nothing is owned after it: what the loop does with its clients may
// need any shard.
func (k *keeper) receive() {
	k.receiveOnce()
	for len(k.late) > 0 { // since a script ran: nobody will wake the loop for them
		m := k.late[0]
		k.late = k.late[1:]
		k.returned(m)
	}
	k.disown()
}

// receiveOnce looks into each queue. Something may be owned after it.
func (k *keeper) receiveOnce() {
	for i := range k.peers {
		if i == k.at {
			continue
		}
		p := &k.peers[i]
		for m := p.in.pop(); m != nil; m = p.in.pop() {
			if m.from != k {
				if x := k.own(); x != nil {
					m.run(x)
				}
				k.giveBack(p, m)
				continue
			}
			p.sent--
			k.pushBacklog(i)
			k.returned(m)
		}
	}
}

// interlude is what the loop does while a script of one of its clients, which has run too
// long, owns nothing for a moment: others are told so, be they its clients or those of
// loops that sent messages. What the loop is in the middle of stays as it is.
func (k *keeper) interlude() {
	k.lp.Interlude()
	for i := range k.peers {
		if i == k.at {
			continue
		}
		p := &k.peers[i]
		for m := p.in.pop(); m != nil; m = p.in.pop() {
			if m.from != k {
				if x := k.own(); x != nil {
					m.run(x)
				}
				k.giveBack(p, m)
				continue
			}
			p.sent--
			k.pushBacklog(i)
			k.late = append(k.late, m)
		}
	}
	k.disown()
}

// giveBack returns another loop's message to it.
func (k *keeper) giveBack(p *peer, m *message) {
	m.done = true
	k.e.yield()
	p.out.push(m)
	k.e.wake(m.from.at)
}

// room reports whether another message may be sent: there is room for it and for its
// return.
func (p *peer) room(e *Engine) bool { return p.sent < e.options.QueueLength }

// post sends a message to loop i, now or when there is room.
func (k *keeper) post(i int, m *message) {
	p := &k.peers[i]
	k.lp.Tally.HandOvers++
	k.lp.Tally.Handed += int64(len(m.commands))
	if len(p.backlog) > 0 || !p.room(k.e) {
		p.backlog = append(p.backlog, m)
		return
	}
	k.push(i, m)
}

func (k *keeper) push(i int, m *message) {
	p := &k.peers[i]
	p.sent++
	k.e.yield()
	p.out.push(m)
	k.e.yield()
	k.e.wake(i)
}

// pushBacklog sends what waits for room.
func (k *keeper) pushBacklog(i int) {
	p := &k.peers[i]
	n := 0
	for n < len(p.backlog) && p.room(k.e) {
		k.push(i, p.backlog[n])
		n++
	}
	if n > 0 {
		p.backlog = append(p.backlog[:0], p.backlog[n:]...)
	}
}

// lend executes a message for loop i here, in its place, if it sleeps and nothing is on
// its way to it that came before.
func (k *keeper) lend(i int, m *message) bool {
	p := &k.peers[i]
	if k.e.options.NoLending || p.sent > 0 || len(p.backlog) > 0 || !k.e.keepers[i].asleep.Load() {
		return false
	}
	x := k.e.TryOwnSet(k.e.keepers[i].set)
	if x == nil {
		return false
	}
	k.lp.Tally.Batches++
	began := x.Nanos()
	m.run(x)
	k.lp.Tally.Owning += time.Duration(x.Nanos() - began)
	k.e.ReleaseSet(x)
	return true
}

// message returns the one that a parcel fills for loop i, nil when it is full.
func (k *keeper) message(p *parcel, i int) *message {
	m := k.peers[i].open
	if m == nil {
		if n := len(k.empty); n > 0 {
			m, k.empty = k.empty[n-1], k.empty[:n-1]
		} else {
			m = &message{from: k}
		}
		m.parcel, m.done = p, false
		k.peers[i].open = m
		p.messages = append(p.messages, m)
	}
	if len(m.commands) == k.e.options.MessageCommands {
		return nil
	}
	return m
}

// recycle keeps a message for another use.
func (k *keeper) recycle(m *message) {
	out := m.guest.Out.Bytes()
	if cap(out) > keepReply {
		out = nil
	}
	m.guest = command.Client{Out: resp.Writer{}}
	m.guest.Out.Attach(out[:0])
	m.parcel = nil
	m.commands, m.part, m.ends, m.verdicts = m.commands[:0], m.part[:0], m.ends[:0], m.verdicts[:0]
	if len(k.empty) < keepSpare {
		k.empty = append(k.empty, m)
	}
}

func (m *message) add(command, part int) {
	m.commands = append(m.commands, command)
	m.part = append(m.part, part)
}

// run executes the commands of m. x owns the shards they are for.
//
// When one of a client's commands cannot be executed, those that follow it are not
// either, as they might depend on it. Other clients' are.
func (m *message) run(x *command.Exec) {
	b, guest := m.parcel.Batch, &m.guest
	guest.Out.Reset()
	m.ends, m.verdicts = m.ends[:0], m.verdicts[:0]
	part, stopped, warmed := -1, false, 0
	for j, c := range m.commands {
		if m.part[j] != part {
			x.Settle() // while the guest is who he was
			part, stopped = m.part[j], false
			guest.StandFor(&b.Part(part).Session.Client)
		}
		if j == warmed {
			warmed = m.warm(x, j)
		}
		v, end := command.Done, notExecuted
		if stopped = stopped || guest.Out.Len() > replyMost; !stopped {
			switch v = x.DoPlaced(guest, b.Args(c), &m.parcel.commands[c].place); v {
			case command.Done, command.Closing:
				end = guest.Out.Len()
			default:
				stopped = true
			}
		}
		m.ends = append(m.ends, end)
		m.verdicts = append(m.verdicts, v)
	}
	x.Settle()
	m.nanos = x.Nanos()
}

// warm prepares for the commands from the j-th on, of one client or several, and returns
// which is the first that it has not prepared for.
func (m *message) warm(x *command.Exec, j int) int {
	p := m.parcel
	var w warming
	for j < len(m.commands) && !w.full() && p.Part(m.part[j]).Session.Client.DB == m.guest.DB {
		w.add(p, m.commands[j])
		j++
	}
	w.warm(x, &m.guest)
	return j
}

// A warming is commands that travel, whose lookups are to wait for memory together.
type warming struct {
	n      int
	keys   [command.WarmMost][]byte
	places [command.WarmMost]command.ShardSet
}

func (w *warming) full() bool { return w.n == len(w.keys) }

// add adds the c-th command of a parcel, which is placed.
func (w *warming) add(p *parcel, c int) {
	w.keys[w.n], w.places[w.n] = p.Args(c)[1], p.commands[c].place.Shards
	w.n++
}

// warm prepares, if there are several. x owns their shards.
func (w *warming) warm(x *command.Exec, cl *command.Client) {
	if w.n > 1 {
		x.WarmPlaced(cl, w.keys[:w.n], w.places[:w.n])
	}
}
