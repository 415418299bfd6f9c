package command

import (
	"bytes"
	"container/heap"
	"math"
	"math/big"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// # Commands that wait
//
// A command that finds nothing to do says what it waits for, and returns without a reply:
//
//	timeout, ok := c.timeout(len(c.Args) - 1)          // or c.timeoutMs: errors are replied
//	…
//	switch {
//	case c.mayNotBlock():                              // in a transaction or script:
//		c.Out.NullArray()                              // as if the time were up
//	default:
//		c.block(wait{on: datatypes.List, keys: keys, timeout: timeout})
//	}
//
// When one of the keys holds a value of that type, after a change, the command is run
// again from its start, with the same arguments, and may block again. So a handler has
// one way through, whether it waited or not. It gets what it waited for from the key that
// became ready, and not from another that it names before: see [Ctx.toTry]. When the time
// is up, a null array is replied for it.
//
// # Queues
//
// A client stands in the queue of each of its keys. Queues are lists through the clients'
// places, so that coming and going costs the same however many there are:
//
//	interests.waiting[db, key] ──> waitQueue ──> place ⇄ place ⇄ place
//	                                               │
//	Client.blocked ──> blocked{command, places}: [ place, place ]     one for each key
//
// # Serving
//
//	Modified ──> signal ──> interests.ready: queues in the order of signals ──> ServeReady
//
// A change of a key notes that its queue is ready, if the key holds what is waited for.
// The queues are served when the command, transaction or script that made the changes is
// done, in the order in which their keys became ready; and the clients of a queue in the
// order in which they came, as long as there is something for them. A client that is
// served may make other keys ready (BLMOVE): their turn comes in the same go. One that
// blocks again keeps its place.
//
// (Redis notes a key that appears, and so lets clients wait on when a command such as
// ZUNIONSTORE puts what they wait for over a value of another type. Here they are served.)
//
// Serving takes an owner of all shards, and so does blocking, as both change the state of
// clients that do not run at present. An owner of less gets [NeedAll] from a command that
// would block, or that writes where others are blocked. What else makes a key ready, such
// as its time having passed, asks for an owner of all by way of the alarm.
//
// # Time
//
// All deadlines are in one heap, and one timer waits for the nearest: see [Host.Alarm]
// and [Exec.TimeOut]. It is left to run when its client was served, and then finds nothing.

const (
	errUnblocked       resp.Error = "UNBLOCKED client unblocked via CLIENT UNBLOCK" // CLIENT UNBLOCK … ERROR
	errTimeoutNotFloat resp.Error = "ERR timeout is not a float or out of range"
	errTimeoutRange    resp.Error = "ERR timeout is out of range"
)

// wait says what a command waits for.
type wait struct {
	on   datatypes.Type // only a key that holds this wakes it
	gone bool           // so does one that goes away or changes its type: XREADGROUP
	keys [][]byte       // of the client's database
	args [][]byte       // what to run again with; nil means c.Args

	timeout int64 // milliseconds, 0 for ever

	none func(out *resp.Writer) // the reply when the time is up; nil means a null array
}

// blocked is the command that a client waits in.
type blocked struct {
	cl       *Client
	cmd      *Command
	args     [][]byte // in buf
	buf      []byte
	on       datatypes.Type
	gone     bool
	places   []place
	none     func(*resp.Writer)
	deadline int64 // monotonic nanoseconds; math.MaxInt64 for none
	index    int   // in Server.deadlines, -1 when it is not there
}

// A place is that of a client in the queue of one key.
type place struct {
	b          *blocked
	q          *waitQueue
	prev, next *place
}

// A waitQueue is the clients blocked on one key, those who came first in front.
//
// Invariant: it is in its interests' waiting exactly while somebody stands in it, and in
// their list of ready ones exactly while ready is set.
type waitQueue struct {
	in          *interests
	at          dbKey
	first, last *place
	gone        int // how many also wait for the key to go away

	ready     bool
	stamp     int64 // its signal's number, over all shards
	nextReady *waitQueue
}

// What is kept for a client's next command that blocks, at the most.
const (
	keepBlockedBytes = 4 << 10
	keepBlockedArgs  = 64
)

// mayNotBlock reports whether the command runs where none may wait.
func (c *Ctx) mayNotBlock() bool { return c.inTransaction || c.inScript }

// block makes the command wait. The handler returns without a reply.
func (c *Ctx) block(w wait) {
	c.stopped = true
	if c.again != nil {
		return // it waits already, and keeps its places
	}
	if !c.ownsAll() {
		return
	}
	cl := c.Client
	b := cl.blocked
	if b == nil {
		b = &blocked{cl: cl}
		cl.blocked = b
	}
	if w.args == nil {
		w.args = c.Args
	}
	b.cmd, b.on, b.gone, b.none, b.index = c.cmd, w.on, w.gone, w.none, -1
	b.keep(w.args)
	b.deadline = math.MaxInt64
	if w.timeout > 0 {
		if now := c.clock.Nanos(); w.timeout < (math.MaxInt64-now)/nanosPerMs {
			b.deadline = now + w.timeout*nanosPerMs
			heap.Push(&c.Server.deadlines, b)
		}
	}
	if cap(b.places) < len(w.keys) {
		b.places = make([]place, 0, len(w.keys))
	}
	for _, key := range w.keys {
		b.queueUp(c.interestsOf(key), cl.DB, key)
	}
	cl.Flags |= isBlocked
	cl.tell(outsideBlocked, true)
	c.Server.blocked[cl.ID] = cl
}

// toTry returns those of a command's keys that it should look at: all at first, and when
// it is run again the one that has become ready.
func (c *Ctx) toTry(keys [][]byte) [][]byte {
	if c.again != nil {
		return c.ready[:]
	}
	return keys
}

// keep copies the arguments, which are the network's.
func (b *blocked) keep(args [][]byte) {
	size := 0
	for _, a := range args {
		size += len(a)
	}
	if cap(b.buf) < size {
		b.buf = make([]byte, 0, size)
	}
	buf := b.buf[:0]
	b.args = b.args[:0]
	for _, a := range args {
		start := len(buf)
		buf = append(buf, a...)
		b.args = append(b.args, buf[start:len(buf):len(buf)])
	}
	b.buf = buf
}

// queueUp puts b at the end of a key's queue, unless it stands there: a key may be named
// twice. There is room in b.places, which must not move.
func (b *blocked) queueUp(in *interests, db int, key []byte) {
	q := in.waiting[dbKey{db, string(key)}]
	if q == nil {
		q = &waitQueue{in: in, at: dbKey{db, string(key)}}
		if in.waiting == nil {
			in.waiting = map[dbKey]*waitQueue{}
		}
		in.waiting[q.at] = q
		if len(in.waiting) == 1 {
			in.listen()
		}
	}
	if q.last != nil && q.last.b == b {
		return
	}
	b.places = append(b.places, place{b: b, q: q, prev: q.last})
	p := &b.places[len(b.places)-1]
	if q.last != nil {
		q.last.next = p
	} else {
		q.first = p
	}
	q.last = p
	if b.gone {
		q.gone++
	}
}

// leave takes p out of its queue, and the queue out of the interests if it was the last.
func (p *place) leave() {
	q := p.q
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		q.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		q.last = p.prev
	}
	if p.b.gone {
		q.gone--
	}
	if q.first == nil {
		delete(q.in.waiting, q.at)
		if len(q.in.waiting) == 0 {
			q.in.listen()
		}
	}
}

// unblock takes a client out of all queues: whatever it waited for, it gets no more.
// The caller owns everything.
func (s *Server) unblock(cl *Client) {
	b := cl.blocked
	for i := range b.places {
		b.places[i].leave()
	}
	clear(b.places)
	b.places = b.places[:0]
	if b.index >= 0 {
		heap.Remove(&s.deadlines, b.index)
	}
	if cap(b.buf) > keepBlockedBytes || cap(b.args) > keepBlockedArgs {
		b.buf, b.args, b.places = nil, nil, nil
	}
	cl.Flags &^= isBlocked
	cl.tell(outsideBlocked, false)
	delete(s.blocked, cl.ID)
}

// A deadlineHeap is the blocked commands that have a deadline, the nearest first.
type deadlineHeap []*blocked

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *deadlineHeap) Push(v any) {
	b := v.(*blocked)
	b.index = len(*h)
	*h = append(*h, b)
}
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	b := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	b.index = -1
	return b
}

// stop is what [Exec.Do] does when the handler blocked.
func (x *Exec) stop(c *Ctx) Verdict {
	c.stopped = false
	if !x.ownsAll() {
		return NeedAll
	}
	x.nanos = x.clock.Nanos() // the next command begins now
	x.setAlarm()
	if x.monitored() {
		x.feedMonitors(c, c.cmd)
	}
	return Blocked
}

// setAlarm has the engine call TimeOut at the nearest deadline, or before.
func (x *Exec) setAlarm() {
	if d := x.deadlines; len(d) > 0 {
		x.host.Alarm(d[0].deadline)
	}
}

// TimeOut answers the blocked commands whose time is up, and serves those that nobody
// could serve who owned but a part. The caller owns everything.
func (x *Exec) TimeOut() {
	s, now := x.Server, x.clock.Nanos()
	for len(s.deadlines) > 0 && s.deadlines[0].deadline <= now {
		x.giveUp(s.deadlines[0].cl)
	}
	x.setAlarm()
	x.ServeReady()
}

// giveUp answers a blocked command as when its time is up.
func (x *Exec) giveUp(cl *Client) {
	x.stats[cl.blocked.cmd.id].Calls++
	x.calls++
	out := x.beginAnswer(cl)
	if none := cl.blocked.none; none != nil {
		none(out)
	} else {
		out.NullArray()
	}
	x.answer(cl)
}

// giveUpWith answers a blocked command with an error.
func (x *Exec) giveUpWith(cl *Client, err resp.Error) {
	st := &x.stats[cl.blocked.cmd.id]
	st.Calls++
	st.Failed++
	x.calls++
	out := x.beginAnswer(cl)
	x.countError(err)
	out.Error(err)
	x.answer(cl)
}

// beginAnswer returns where to write the reply for a client whose own output is not at
// hand.
func (x *Exec) beginAnswer(cl *Client) *resp.Writer {
	x.reply.Reset()
	x.reply.Proto = cl.Out.Proto
	return &x.reply
}

// answer sends what was written as the reply to the command that cl is blocked in.
func (x *Exec) answer(cl *Client) {
	x.Server.unblock(cl)
	if cl.Flags&silent != 0 {
		x.silence(cl, &x.reply, 0)
	}
	if x.owes() { // what its command caused for itself
		x.pushOwnTo(&x.reply, cl)
	}
	x.post(cl, x.reply.Bytes(), true)
	if cap(x.reply.Bytes()) > 1<<20 {
		x.reply.Attach(nil)
	}
}

// Abandon takes back the command that cl is blocked in. It reports false when cl is not
// blocked any more: its reply is on the way. The caller owns everything.
func (x *Exec) Abandon(cl *Client) bool {
	if cl.Flags&isBlocked == 0 {
		return false
	}
	x.Server.unblock(cl)
	return true
}

// signal notes that a key changed that clients may wait for.
func (in *interests) signal(db int, key []byte) {
	q := in.waiting[dbKey{db, string(key)}]
	if q == nil || q.ready || q.gone == 0 && !q.wants(in.typeOf(q.at, key)) {
		return
	}
	in.makeReady(q)
}

// signalAll notes that all keys of a database may have changed.
func (in *interests) signalAll(db int) {
	for at, q := range in.waiting {
		if at.db == db && !q.ready {
			in.makeReady(q)
		}
	}
}

func (in *interests) makeReady(q *waitQueue) {
	q.ready, q.stamp = true, in.x.signals.Add(1)
	if in.firstReady == nil {
		in.firstReady = q
	} else {
		in.lastReady.nextReady = q
	}
	in.lastReady = q
	in.x.unserved = true
	if !in.x.ownsAll() {
		in.x.host.Alarm(0) // somebody must own all, soon
	}
}

// typeOf returns what a key holds.
func (in *interests) typeOf(at dbKey, key []byte) datatypes.Type {
	var e keyspace.Entry
	in.shard.DB(at.db).Lookup(&e, key, keyspace.Peek)
	return e.TypeOf()
}

// wants reports whether somebody in the queue waits for a value of type t.
func (q *waitQueue) wants(t datatypes.Type) bool {
	if t == datatypes.None {
		return false
	}
	for p := q.first; p != nil; p = p.next {
		if p.b.on == t {
			return true
		}
	}
	return false
}

// serveIfAny serves those for whom something is ready, after other work than a command.
func (x *Exec) serveIfAny() {
	if x.unserved {
		x.ServeReady()
	}
}

// ServeReady runs the commands again that were blocked on keys that have become ready,
// and goes on with those whose keys this makes ready. The caller owns everything.
func (x *Exec) ServeReady() {
	if !x.ownsAll() || x.ScriptRunning() {
		return
	}
	x.settleQuick()
	for _, y := range x.execs {
		y.unserved = false
	}
	outer := x.ctx.frame
	for q := x.takeReady(); q != nil; q = x.takeReady() {
		x.serve(q)
	}
	x.ctx.frame = outer
}

// takeReady takes the queue off that was signalled first, over all shards.
func (x *Exec) takeReady() *waitQueue {
	var in *interests
	for _, i := range x.interests {
		if i.firstReady != nil && (in == nil || i.firstReady.stamp < in.firstReady.stamp) {
			in = i
		}
	}
	if in == nil {
		return nil
	}
	q := in.firstReady
	in.firstReady = q.nextReady
	if in.firstReady == nil {
		in.lastReady = nil
	}
	q.ready, q.nextReady = false, nil
	return q
}

// serve runs the commands of a queue again, one after the other, as long as the key holds
// something for them.
func (x *Exec) serve(q *waitQueue) {
	key := []byte(q.at.key)
	for p := q.first; p != nil; {
		t := q.in.typeOf(q.at, key)
		if t == datatypes.None && q.gone == 0 {
			return
		}
		b, next := p.b, p.next
		if b.on == t || b.gone {
			x.retry(b, key)
		}
		p = next
	}
}

// retry runs a blocked command again, for the key that has become ready.
func (x *Exec) retry(b *blocked, key []byte) {
	c, cl := &x.ctx, b.cl
	c.frame = frame{Client: cl, Args: b.args, Out: x.beginAnswer(cl), cmd: b.cmd}
	c.again, c.ready[0] = b, key
	x.nanos = x.clock.Nanos()
	if err, ok := x.stillAdmitted(c, b.cmd); ok {
		b.cmd.run(c)
	} else {
		c.Fail(err)
	}
	c.again, c.ready[0] = nil, nil
	if c.stopped {
		c.stopped = false
		return
	}
	x.account(c, b.cmd, c.Out.Len())
	x.settleQuick() // while the arguments are still there
	if cl.Flags&tracking != 0 {
		x.tracked(cl, b.cmd, b.args)
	}
	x.answer(cl)
}

// stillAdmitted repeats those checks of a command that time may have changed.
func (x *Exec) stillAdmitted(c *Ctx, cmd *Command) (err resp.Error, ok bool) {
	if err, ok := x.allowed(c.Client, cmd, c.Args, "toplevel"); !ok {
		return err, false
	}
	if x.maxMemory > 0 && x.evict() == keyspace.Full && cmd.flags&spec.DenyOOM != 0 {
		return errOOM, false
	}
	return "", true
}

// unblockByID is CLIENT UNBLOCK.
func (x *Exec) unblockByID(id int64, withError bool) bool {
	cl := x.Server.blocked[uint64(id)]
	switch {
	case cl == nil:
		return false
	case withError:
		x.giveUpWith(cl, errUnblocked)
	default:
		x.giveUp(cl)
	}
	return true
}

// blocking counts the keys that clients wait for, and those of them whose going away is
// waited for too.
func (s *Server) blocking() (keys, onGone int) {
	for _, in := range s.interests {
		keys += len(in.waiting)
		for _, q := range in.waiting {
			if q.gone > 0 {
				onGone++
			}
		}
	}
	return keys, onGone
}

// timeout reads argument i as a time in seconds, or replies what is wrong with it. It
// returns milliseconds, 0 for ever.
func (c *Ctx) timeout(i int) (ms int64, ok bool) {
	seconds, ok := parseSeconds(c.Args[i])
	if !ok {
		c.Fail(errTimeoutNotFloat)
		return 0, false
	}
	switch t := math.Ceil(seconds * 1000); {
	case t >= math.MaxInt64:
		c.Fail(errTimeoutRange)
	case t < 0:
		c.Fail(errTimeoutNegative)
	default:
		return c.timeoutFits(int64(t))
	}
	return 0, false
}

// timeoutMs is timeout for a whole number of milliseconds.
func (c *Ctx) timeoutMs(i int) (ms int64, ok bool) {
	ms, ok = keyspace.ParseInt(c.Args[i])
	switch {
	case !ok:
		c.Fail(errTimeoutNotInt)
	case ms < 0:
		c.Fail(errTimeoutNegative)
	default:
		return c.timeoutFits(ms)
	}
	return 0, false
}

// timeoutFits refuses a time whose end is beyond the end of time.
func (c *Ctx) timeoutFits(ms int64) (int64, bool) {
	if ms > math.MaxInt64-c.now() {
		c.Fail(errTimeoutRange)
		return 0, false
	}
	return ms, true
}

// parseSeconds reads b as C's long double: what a double cannot hold is an infinity, or
// the least there is.
func parseSeconds(b []byte) (f float64, ok bool) {
	if f, ok := zset.ParseScore(b); ok {
		return f, !math.IsNaN(f)
	}
	if bytes.IndexByte(b, '_') >= 0 || len(b) > 256 {
		return 0, false
	}
	const emin, emax = -16445, 16384 // of a long double
	v, _, err := big.ParseFloat(string(b), 0, 64, big.ToNearestEven)
	if err != nil || v.IsInf() || v.Sign() == 0 {
		return 0, false
	}
	if e := v.MantExp(nil); e < emin || e > emax {
		return 0, false
	}
	if f, _ = v.Float64(); f == 0 {
		f = math.Copysign(math.SmallestNonzeroFloat64, float64(v.Sign()))
	}
	return f, true
}
