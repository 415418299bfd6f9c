package command

import (
	"sync/atomic"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// An Exec runs commands for an owner of shards. There is one for each owner at
// a time: it holds the counters that owner advances without asking anybody.
type Exec struct {
	*Server
	ctx    Ctx
	nobody Client // who typed calls run for

	// What the present owner owns: see shards.go.
	home    int             // the shard whose Exec this is
	only    *keyspace.Shard // what runs touches this shard alone; nil: it may touch all that are owned
	onlyAt  int             // its number
	owned   []*keyspace.Shard
	set     ShardSet
	some    []*keyspace.Shard // room for owned
	divided bool              // there are several shards
	wanting bool              // there was too little room for a typed call: see MakeRoom

	stats       []Stats // by Command.id
	errors      map[string]int64
	totalErrors int64

	nanos    int64 // when the last timed command ended; the next begins there
	tickEnds int64 // the monotonic time at which the shards' clock moves on
	tickMs   int64 // the wall clock's time until then
	stepped  bool  // the clock is a test's, who may set it
	late     bool  // the shards were told BeginLate last
	calls    int64
	quick    quickRun

	unserved bool        // keys became ready that clients wait for
	reply    resp.Writer // to a command that was blocked
	line     []byte      // for monitors

	toldCalls atomic.Int64 // calls, as of the last cron: anybody may read

	// Push messages: see push.go.
	own          resp.Writer // for the client whose command runs
	ownKeys      changedKeys // what it must hear of that it changed itself
	ownTracker   *tracker    // as it was when it ended tracking meanwhile
	wire         wire        // a message for many
	eventChannel []byte      // room for the name of an event's channel
	broadcasts   bool        // some shard's changed keys are to be told of

	// Room for invalidating: see tracking.go.
	ids         []uint64
	keyRoom     []byte
	positions   []spec.KeyPos
	trackEffort int // how often in a row there was too much to forget
}

// newExec returns the Exec of shard home.
func newExec(s *Server, home int) *Exec {
	x := &Exec{Server: s, home: home, divided: len(s.shards) > 1, stats: make([]Stats, len(commands.all)), errors: map[string]int64{}}
	_, x.stepped = s.clock.(*clock.Manual)
	x.ctx.Exec = x
	x.alone()
	return x
}

// Begin starts a batch of commands: it reads the clock. An owner calls it after
// taking ownership.
func (x *Exec) Begin() {
	x.ctx.Client = nil
	x.nanos = x.clock.Nanos()
	switch {
	case x.nanos >= x.tickEnds:
		x.tick()
	case x.late:
		x.only.InTime()
	}
	x.late = false
}

// BeginLate is Begin for a typed call, which is not timed: it leaves the clock to
// those keys for which the time matters. Somebody must call Begin now and then.
func (x *Exec) BeginLate() {
	x.late = true
	x.ctx.Client = nil
	x.only.Late()
}

// Nanos returns the monotonic time at which the batch began, or its last command
// ended.
func (x *Exec) Nanos() int64 { return x.nanos }

const nanosPerMs = 1_000_000

// tick tells the shards the time and notes when to tell them again. The wall
// clock is read, not derived: it may be set.
func (x *Exec) tick() {
	us := x.clock.UnixMicro()
	x.tickMs = us / 1000
	x.tellTime()
	x.tickEnds = x.nanos + (1000-us%1000)*1000
	if x.stepped {
		x.tickEnds = x.nanos // it may have been set: ask every time
	}
}

// tellTime tells the shards what tick found out.
func (x *Exec) tellTime() {
	for _, s := range x.owned {
		s.Tick(x.tickMs)
	}
}

// interestsOf returns those who want to hear of changes of key.
func (x *Exec) interestsOf(key []byte) *interests { return x.interests[x.ShardOf(key)] }

// listen has every shard's interests make themselves its hook, or cease to be.
func (x *Exec) listen() {
	for _, in := range x.interests {
		in.listen()
	}
}

// Warm prepares for commands of cl that will come next, given their likely keys:
// see [keyspace.DB.Warm].
func (x *Exec) Warm(cl *Client, keys [][]byte) {
	if x.only != nil {
		if db := x.only.Peek(cl.DB); db != nil {
			db.Warm(keys)
		}
		return
	}
	var dbs [WarmMost]*keyspace.DB
	for len(keys) > 0 {
		n := min(len(keys), len(dbs))
		for i, key := range keys[:n] {
			dbs[i] = x.shards[x.shardIndex(key)].Peek(cl.DB)
		}
		keyspace.WarmEach(dbs[:n], keys[:n])
		keys = keys[n:]
	}
}

// WarmMost is how many keys are worth preparing for at once.
const WarmMost = 32

// WarmPlaced is Warm for no more than [WarmMost] keys of which it is known where they are:
// the i-th is in the only shard of places[i].
func (x *Exec) WarmPlaced(cl *Client, keys [][]byte, places []ShardSet) {
	var dbs [WarmMost]*keyspace.DB
	for i, set := range places {
		dbs[i] = x.shards[set.First()].Peek(cl.DB)
	}
	keyspace.WarmEach(dbs[:len(keys)], keys)
}

// A Verdict says what became of a command given to [Exec.Do].
type Verdict uint8

const (
	// Done: the reply is in the client's output.
	Done Verdict = iota
	// Paused: clients are paused and this command must wait; nothing was done.
	Paused
	// Closing: the reply is in the output, and after it the connection ends.
	Closing
	// Blocked: the command waits for something, and so do those behind it, until
	// the reply comes by way of the client's mailbox.
	Blocked
	// NeedAll: nothing was done, as it takes an owner of all shards.
	NeedAll
)

// Do runs one command for cl and appends the reply to its output. args must
// not be empty; they are read during the call only.
func (x *Exec) Do(cl *Client, args [][]byte) Verdict {
	cmd, unknownSub := find(args)
	if cmd == nil || unknownSub || !arityFits(cmd, len(args)) {
		c := &x.ctx
		c.Client, c.Args, c.Out = cl, args, &cl.Out
		c.used, c.failed = 0, false
		x.rejectCall(c, cmd, unknownSub)
		return x.after(cl, nil)
	}
	return x.do(cl, args, cmd)
}

// DoPlaced is Do for a command that [Server.Place] has looked up.
func (x *Exec) DoPlaced(cl *Client, args [][]byte, p *Place) Verdict {
	switch {
	case p.cmd == nil:
		return x.Do(cl, args)
	case x.only == nil && p.Travels && !x.ownsAll():
		x.narrow(p.Shards.First())
		v := x.do(cl, args, p.cmd)
		x.widen()
		return v
	}
	return x.do(cl, args, p.cmd)
}

// do runs a command that exists and has the arguments it needs.
func (x *Exec) do(cl *Client, args [][]byte, cmd *Command) Verdict {
	c := &x.ctx
	c.Client, c.Args, c.Out = cl, args, &cl.Out
	c.used, c.failed = 0, false
	c.cmd, cl.LastCommand = cmd, cmd
	if x.guarded(cl, cmd) {
		v, stop := x.admit(c, cmd)
		if x.owes() {
			x.pushOwn(cl) // of what went to make room
		}
		if stop {
			return v
		}
	}
	if x.divided && x.concernsOthers(cl, cmd) {
		return NeedAll
	}
	start := cl.Out.Len()
	if cmd.flags&spec.Fast == 0 {
		x.settleQuick()
	}
	cmd.run(c)
	if c.stopped {
		return x.stop(c)
	}
	x.account(c, cmd, cl.Out.Len()-start)
	if cl.Flags&tracking != 0 {
		x.tracked(cl, cmd, args)
	}
	if cl.Flags&silent != 0 {
		x.silence(cl, &cl.Out, start)
	}
	if x.monitored() {
		x.feedMonitors(c, cmd)
	}
	if x.owes() {
		x.pushOwn(cl)
	}
	if x.unserved {
		x.ServeReady()
	}
	if cl.Flags&(closeAfterReply|closeNow) != 0 {
		return Closing
	}
	return Done
}

func arityFits(cmd *Command, n int) bool {
	if cmd.run == nil {
		return false
	}
	return cmd.Arity == n || cmd.Arity < 0 && n >= -cmd.Arity
}

// guarded reports whether anything stands between the client and the command
// that must be looked at. In the usual state of affairs nothing does.
func (x *Exec) guarded(cl *Client, cmd *Command) bool {
	return x.maxMemory > 0 || x.pause.until != 0 || !cl.Authenticated ||
		!cl.User.Unrestricted() || x.cluster != nil || cmd.flags&spec.Protected != 0 ||
		cl.Flags&(listening|inMulti|forgetful) != 0 || x.overTracked.Load() ||
		x.scripts.running.Load()
}

// admit checks what guarded saw. stop says that the command does not run.
func (x *Exec) admit(c *Ctx, cmd *Command) (v Verdict, stop bool) {
	cl := c.Client
	if cl.Flags&forgetful != 0 {
		if !x.ownsAll() {
			return NeedAll, true
		}
		cl.unwatch()
		cl.Flags &^= forgetful
	}
	if !cl.Authenticated && cmd.flags&spec.NoAuth == 0 && x.authRequired() {
		return x.reject(c, cmd, errNoAuth), true
	}
	if cl.Flags&inMulti != 0 && cmd.flags&spec.NoMulti != 0 {
		return x.reject(c, cmd, errNotInMulti), true
	}
	if cl.restricted() {
		if !x.ownsAll() && cl.User.Check(cmd.Command, c.Args).Reason != acl.OK {
			return NeedAll, true // a denial is written down
		}
		if err, ok := x.permit(cl, cmd, c.Args, "toplevel"); !ok {
			return x.reject(c, cmd, err), true
		}
	}
	if err, denied := x.protected(c, cmd); denied {
		return x.reject(c, cmd, err), true
	}
	if err := x.busy(cmd); err != "" {
		return x.reject(c, cmd, err), true
	}
	if x.cluster != nil && cmd.hasSlot() {
		if err, ok := x.redirect(cl, cmd, c.Args); !ok {
			return x.reject(c, cmd, err), true
		}
	}
	if x.maxMemory > 0 {
		pressure := x.evict()
		if cl.needsMemory(cmd) {
			if x.othersEvict(pressure) {
				return NeedAll, true
			}
			if pressure == keyspace.Full {
				return x.reject(c, cmd, errOOM), true
			}
		}
	}
	if x.overTracked.Load() {
		x.limitTracked()
	}
	if cl.inSubscriberMode() && !allowedWhileListening(cmd) {
		return x.reject(c, cmd, onlyListening(cmd)), true
	}
	if x.pause.holds(x, cl, cmd) {
		return Paused, true
	}
	if cl.Flags&inMulti != 0 && !cmd.atOnce {
		x.enqueue(c, cmd)
		return Done, true
	}
	return Done, false
}

// evict makes room in the shards that are owned.
func (x *Exec) evict() keyspace.Pressure {
	if x.only != nil {
		return x.only.Evict()
	}
	return keyspace.EvictAll(x.owned)
}

// othersEvict reports whether shards that are not owned should make room, after
// those that are have done their part.
func (x *Exec) othersEvict(p keyspace.Pressure) bool {
	if x.ownsAll() {
		return false
	}
	if p == keyspace.Full {
		return x.settings.Policy != keyspace.NoEviction
	}
	for _, s := range x.owned {
		if s.Crowded() {
			return true
		}
	}
	return false
}

// allowed checks that the client's user may run a command.
func (x *Exec) allowed(cl *Client, cmd *Command, args [][]byte, context string) (err resp.Error, ok bool) {
	if !cl.restricted() {
		return "", true
	}
	return x.permit(cl, cmd, args, context)
}

// protected refuses the commands that enable-debug-command and its kin guard.
func (x *Exec) protected(c *Ctx, cmd *Command) (err resp.Error, denied bool) {
	if cmd.flags&spec.Protected == 0 || x.config.EnableDebugCommand.Allows(c.Client.local()) {
		return "", false
	}
	return errDebugDenied, true
}

// reject replies err to a command that was not run.
func (x *Exec) reject(c *Ctx, cmd *Command, err resp.Error) Verdict {
	start := c.Out.Len()
	if cmd != nil {
		x.stats[cmd.id].Rejected++
	}
	c.Client.spoil()
	if cmd != nil && cmd.Name == "exec" {
		c.Client.discard()
		err = execAborted(err)
	}
	c.Fail(err)
	if c.Client.Flags&silent != 0 {
		x.silence(c.Client, c.Out, start)
	}
	return x.after(c.Client, cmd)
}

func (x *Exec) rejectCall(c *Ctx, cmd *Command, unknownSub bool) {
	switch {
	case cmd == nil && soundsLikeHTTP(c.Args[0]) && c.Client.Flags&inProcess == 0:
		x.log.Warn("Possible SECURITY ATTACK detected: a client sends POST or Host: as commands, as web browsers do", "client", c.Client.ID)
		c.Client.Flags |= closeNow
	case cmd == nil:
		x.reject(c, nil, unknownCommand(c.Args))
	case unknownSub:
		x.reject(c, nil, unknownSubcommand(cmd.Name, c.Args[1]))
	default:
		x.reject(c, cmd, arityError(cmd.Name))
	}
}

// soundsLikeHTTP reports whether a command's name is a line's beginning by which requests
// of web browsers give themselves away: what such a one sends further down, its body, may
// be made of commands.
func soundsLikeHTTP(name []byte) bool {
	return equalFold(name, "POST") || equalFold(name, "HOST:")
}

func (x *Exec) after(cl *Client, _ *Command) Verdict {
	if cl.Flags&(closeAfterReply|closeNow) != 0 {
		return Closing
	}
	return Done
}

// countError counts an error reply under its code, for INFO errorstats. The
// number of codes is bounded: past it all count as one.
func (x *Exec) countError(err resp.Error) {
	x.totalErrors++
	code := err.Code()
	if _, ok := x.errors[code]; !ok && len(x.errors) >= maxErrorCodes {
		code = "ERRORSTATS_DISABLED"
	}
	x.errors[code]++
}

const maxErrorCodes = 128

// silence takes back the reply of a client that asked for none, and counts
// down CLIENT REPLY SKIP.
func (x *Exec) silence(cl *Client, out *resp.Writer, start int) {
	if cl.Flags&(replyOff|replySkip) != 0 {
		out.Truncate(start)
	}
	cl.Flags &^= replySkip
	if cl.Flags&replySkipNext != 0 {
		cl.Flags = cl.Flags&^replySkipNext | replySkip
	}
}
