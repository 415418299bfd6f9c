package command

import (
	"sync/atomic"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/resp"
)

// # Transactions
//
// Between MULTI and EXEC a client's commands are checked and queued, and EXEC runs them
// one after the other while it owns everything. What a client queues is copied into one
// buffer, so that queueing costs no allocation for each command or argument:
//
//	buf    S E T a 1 I N C R a
//	ends         3 4 5       9 10
//	queue  {SET, 3 arguments} {INCR, 2}
//
// WATCH makes EXEC depend on keys staying as they are. A watch stands in the interests
// of the key's shard until the key changes or the client is done with it:
//
//	interests.watched[db, key] ──> watch ⇄ watch ⇄ watch      of three clients
//	                                 │
//	Client.watches ─────────────> [ watch, watch ]            of two keys
//
// A change takes all watches of the key off at once, each marked as touched, so that a
// key which is written to again and again costs its watchers nothing more. EXEC looks at
// the marks.

var transactionHandlers = handlers{
	"discard": cmdDiscard, "exec": cmdExec, "multi": cmdMulti, "unwatch": cmdUnwatch, "watch": cmdWatch,
}

const (
	errNestedMulti    resp.Error = "ERR MULTI calls can not be nested"
	errExecNoMulti    resp.Error = "ERR EXEC without MULTI"
	errDiscardNoMulti resp.Error = "ERR DISCARD without MULTI"
	errWatchInMulti   resp.Error = "ERR WATCH inside MULTI is not allowed"
	errExecAbort      resp.Error = "EXECABORT Transaction discarded because of previous errors."
)

// execAborted is the reply to an EXEC that was refused.
func execAborted(err resp.Error) resp.Error {
	if err.Code() == "ERR" {
		err = err[len("ERR "):]
	}
	return "EXECABORT Transaction discarded because of: " + err
}

// aclChanged is the reply to a queued command that its user may no longer run, for which
// he would get denial.
func aclChanged(denial resp.Error) resp.Error {
	reason := resp.Error("no permission to execute the command or subcommand")
	switch denial {
	case errNoPermKey:
		reason = "no permission to touch the specified keys"
	case errNoPermChannel:
		reason = "no permission to access one of the channels used as arguments"
	}
	return "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. " +
		"This command is no longer allowed for the following reason: " + reason
}

// A transaction is the commands that a client has queued.
type transaction struct {
	buf    []byte // the arguments of all, one after the other
	ends   []int  // where each of them ends
	queue  []queued
	flags  spec.Flags // those of all commands together
	failed bool       // a command was refused: EXEC will run none

	slot    int  // in a cluster: 1 + the slot of the first command's keys
	crossed bool // and others' keys are in other slots
}

// queued is one command of a transaction.
type queued struct {
	cmd  *Command
	args int // how many
}

// txKeep is the largest buffer that is kept for the client's next transaction.
const txKeep = 4 << 10

func (t *transaction) reset() {
	t.flags, t.failed, t.slot, t.crossed = 0, false, 0, false
	if cap(t.buf) > txKeep || cap(t.ends) > txKeep/8 || cap(t.queue) > txKeep/16 {
		t.buf, t.ends, t.queue = nil, nil, nil
		return
	}
	t.buf, t.ends, t.queue = t.buf[:0], t.ends[:0], t.queue[:0]
}

// add copies a command to the end of the queue.
func (t *transaction) add(cmd *Command, args [][]byte) {
	t.flags |= cmd.flags
	for _, a := range args {
		t.buf = append(t.buf, a...)
		t.ends = append(t.ends, len(t.buf))
	}
	t.queue = append(t.queue, queued{cmd, len(args)})
}

// useSlot notes the slot of a command's keys: all of a transaction share one.
func (t *transaction) useSlot(slot int) {
	if t.slot == 0 {
		t.slot = slot + 1
	}
	t.crossed = t.crossed || t.slot != slot+1
}

// bytes is the memory that the queue takes.
func (t *transaction) bytes() int { return cap(t.buf) + 8*cap(t.ends) + 16*cap(t.queue) }

// queuedBytes are what a client's transaction costs, for those who have the client's
// connection, and may have no commands of it to run just now.
type queuedBytes struct {
	args   atomic.Int64 // arguments that are queued
	memory atomic.Int64 // of the queue, and of what is watched
}

// QueuedBytes returns the bytes of the arguments queued since MULTI. They count for what
// a client may send. Anybody may ask.
func (cl *Client) QueuedBytes() int { return int(cl.queued.args.Load()) }

// countQueued tells what the transaction costs. It is called when that has changed.
func (cl *Client) countQueued() {
	const watching = 128 // a watch and its place in two lists
	args, memory := 0, watching*len(cl.watches)
	if cl.Flags&inMulti != 0 {
		args, memory = len(cl.tx.buf), memory+cl.tx.bytes()
	}
	cl.queued.args.Store(int64(args))
	cl.queued.memory.Store(int64(memory))
}

func cmdMulti(c *Ctx) {
	cl := c.Client
	if cl.Flags&inMulti != 0 {
		c.Fail(errNestedMulti)
		return
	}
	if cl.tx == nil {
		cl.tx = &transaction{}
	}
	cl.tx.reset()
	cl.Flags |= inMulti
	c.OK()
}

func cmdDiscard(c *Ctx) {
	if c.Client.Flags&inMulti == 0 {
		c.Fail(errDiscardNoMulti)
		return
	}
	c.Client.discard()
	c.OK()
}

// discard ends a client's transaction, if there is one, and what it depended on.
func (cl *Client) discard() {
	if cl.Flags&inMulti != 0 {
		cl.Flags &^= inMulti
		cl.tx.reset()
		cl.countQueued()
	}
	cl.unwatch()
}

// enqueue puts a command that passed all checks into the client's transaction. When that
// has failed already there is no use for it.
func (x *Exec) enqueue(c *Ctx, cmd *Command) {
	cl := c.Client
	start := c.Out.Len()
	if !cl.tx.failed && !cl.changed() {
		cl.tx.add(cmd, c.Args)
		cl.countQueued()
	}
	c.Out.SimpleString("QUEUED")
	if cl.Flags&silent != 0 {
		x.silence(cl, c.Out, start)
	}
}

// spoil notes that a command was refused: inside MULTI this makes EXEC fail.
func (cl *Client) spoil() {
	if cl.Flags&inMulti != 0 {
		cl.tx.failed = true
	}
}

// flagsOf returns what cmd would do. For EXEC this is what its queue does.
func (cl *Client) flagsOf(cmd *Command) spec.Flags {
	if cl.Flags&inMulti != 0 && cmd.Name == "exec" {
		return cmd.flags | cl.tx.flags
	}
	return cmd.flags
}

// needsMemory reports whether cmd is refused when memory is used up: it takes some, or
// what it is queued in would.
func (cl *Client) needsMemory(cmd *Command) bool {
	return cl.flagsOf(cmd)&spec.DenyOOM != 0 ||
		cl.Flags&inMulti != 0 && (!cmd.atOnce || cmd.Name == "multi" || cmd.Name == "watch")
}

func cmdExec(c *Ctx) {
	cl := c.Client
	if cl.Flags&inMulti == 0 {
		c.Fail(errExecNoMulti)
		return
	}
	switch err := c.misplaced(cl.tx); {
	case err != "":
		c.Fail(err)
	case cl.tx.failed:
		c.Fail(errExecAbort)
	case c.watchFailed():
		c.Out.NullArray()
	default:
		cl.unwatch()
		c.runQueue(cl.tx)
	}
	cl.discard()
}

// runQueue runs the commands of a transaction, and replies an array of their replies.
func (c *Ctx) runQueue(t *transaction) {
	began := c.nanos
	outer, inner := c.frame, c.txArgs
	c.inTransaction = true
	c.Out.ArrayHeader(len(t.queue))
	start, arg := 0, 0
	for _, q := range t.queue {
		if q.cmd.flags&spec.Fast == 0 {
			c.settleQuick() // while the arguments of the last command are still there
		}
		inner = inner[:0]
		for _, end := range t.ends[arg : arg+q.args] {
			inner = append(inner, t.buf[start:end:end])
			start = end
		}
		arg += q.args
		if err, ok := c.allowed(outer.Client, q.cmd, inner, "multi"); !ok {
			c.Fail(aclChanged(err))
			continue
		}
		c.call(outer.Client, q.cmd, inner, outer.Out)
	}
	c.settleQuick()
	c.inTransaction = false
	clear(inner)
	c.txArgs = inner[:0]
	if cap(inner) > txKeep/8 {
		c.txArgs = nil
	}
	c.nanos = began // EXEC's own time is that of all
}

// call runs cmd inside the command that c is, and appends its reply to out: one of a
// transaction, or of a script, for which cl may be a client of its own. It is counted,
// timed, logged and shown to monitors like any other. Arity and permissions have been
// checked; the outer command holds no entries of the keyspace, and goes on with the same
// arguments and output as before.
//
// A command that is not [spec.Fast] wants [Exec.settleQuick] before it, and so does whoever
// changes the bytes of args afterwards.
func (c *Ctx) call(cl *Client, cmd *Command, args [][]byte, out *resp.Writer) {
	outer := c.frame
	c.frame = frame{Client: cl, Args: args, Out: out, cmd: cmd}
	start := out.Len()
	cmd.run(c)
	c.account(c, cmd, out.Len()-start)
	if outer.Client.Flags&tracking != 0 {
		c.remember(outer.Client, cmd, args)
	}
	if c.monitored() {
		c.feedMonitors(c, cmd)
	}
	c.frame = outer
}

// watch is a client's interest in one key until its next EXEC.
//
// Invariant: a watch is in its list exactly until it is touched or its client drops it.
type watch struct {
	in         *interests
	at         dbKey
	prev, next *watch // of other clients, for the same key
	touched    bool   // the key changed
}

func cmdWatch(c *Ctx) {
	cl := c.Client
	if cl.Flags&inMulti != 0 {
		c.Fail(errWatchInMulti)
		return
	}
	if !cl.changed() { // else it would not matter
		for _, key := range c.Args[1:] {
			c.watch(key)
		}
	}
	c.OK()
}

// watch begins a watch of key. A key whose time has passed is deleted before, so that
// its going away is no change.
func (c *Ctx) watch(key []byte) {
	cl, in := c.Client, c.interestsOf(key)
	for _, w := range cl.watches {
		if w.at.db == cl.DB && w.at.key == string(key) {
			return
		}
	}
	c.db(key).Exists(key)
	w := &watch{in: in, at: dbKey{cl.DB, string(key)}}
	if in.watched == nil {
		in.watched = map[dbKey]*watch{}
	}
	if w.next = in.watched[w.at]; w.next != nil {
		w.next.prev = w
	}
	in.watched[w.at] = w
	cl.watches = append(cl.watches, w)
	cl.tell(outsideWatches, true)
	cl.countQueued()
	if len(in.watched) == 1 {
		in.listen()
	}
}

func cmdUnwatch(c *Ctx) {
	c.Client.unwatch()
	c.OK()
}

// unwatch ends all watches of the client.
func (cl *Client) unwatch() {
	if len(cl.watches) == 0 {
		return
	}
	for _, w := range cl.watches {
		w.drop()
	}
	clear(cl.watches)
	cl.watches = cl.watches[:0]
	cl.tell(outsideWatches, false)
	cl.countQueued()
}

// drop takes w off its list. The hook goes with the last, and not when the last was
// touched: then it is being called.
func (w *watch) drop() {
	in := w.in
	switch {
	case w.touched:
	case w.prev != nil:
		w.prev.next = w.next
	case w.next != nil:
		in.watched[w.at] = w.next
	default:
		delete(in.watched, w.at)
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	if len(in.watched) == 0 {
		in.listen()
	}
}

// changed reports whether a key that the client watches was changed.
func (cl *Client) changed() bool {
	for _, w := range cl.watches {
		if w.touched {
			return true
		}
	}
	return false
}

// watched is the number of keys the client watches. Those who need not watch any more
// watch none.
func (cl *Client) watched() int {
	if cl.changed() {
		return 0
	}
	return len(cl.watches)
}

// watchFailed reports whether a key the client watches has changed. One whose time has
// passed has: it is deleted by the question, and thereby touched.
func (c *Ctx) watchFailed() bool {
	for _, w := range c.Client.watches {
		if !w.touched {
			w.in.shard.DB(w.at.db).Exists([]byte(w.at.key))
		}
	}
	return c.Client.changed()
}

// touch marks the watches of a key that changed.
func (in *interests) touch(db int, key []byte) {
	if w := in.watched[dbKey{db, string(key)}]; w != nil {
		in.touched(w)
	}
}

// touched marks w and those behind it in its list, the whole of which it begins.
func (in *interests) touched(w *watch) {
	delete(in.watched, w.at)
	for w != nil {
		next := w.next
		w.touched, w.prev, w.next = true, nil, nil
		w = next
	}
}

// touchAll marks the watches of the keys of a database that is emptied. Those that are
// not there are not changed by it.
func (in *interests) touchAll(db int) { in.touchThoseIn(db, db) }

// touchSwapped marks the watches that an exchange of databases changes, beyond those of
// keys that were there: the keys that come from the other one.
func (in *interests) touchSwapped(i, j int) {
	in.touchThoseIn(i, j)
	in.touchThoseIn(j, i)
}

// touchThoseIn marks the watches on database db of keys that are in database of.
func (in *interests) touchThoseIn(db, of int) {
	there := in.shard.Peek(of)
	if there == nil {
		return
	}
	for at, w := range in.watched {
		if at.db == db && there.Exists([]byte(at.key)) && !w.touched {
			in.touched(w)
		}
	}
}

// watching counts the clients that watch keys, and those keys.
func (s *Server) watching() (clients, keys int) {
	for cl := s.first; cl != nil; cl = cl.next {
		if cl.watched() > 0 {
			clients++
		}
	}
	for _, in := range s.interests {
		keys += len(in.watched)
	}
	return clients, keys
}
