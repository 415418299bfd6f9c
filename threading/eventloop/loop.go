package eventloop

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/netpoll"
	"github.com/redweave/redweave/threading"
)

// A Loop is a goroutine that has sockets, as the verbs it goes round with.
type Loop struct {
	Events []netpoll.Event // of this turn
	Tally  threading.Tally

	crowded bool // there are several clients

	group      *Group
	index      int
	kept       command.ShardSet // the shards whose cron it does
	poller     *netpoll.Poller
	limits     *limits // as of the beginning of this turn
	spare      [][]byte
	spareBytes int
	waste      *threading.Batch // what is read into that must not be executed
	aside      *threading.Batch // see interlude

	listeners []*netpoll.Listener
	deaf      []*netpoll.Listener // not accepted from until the next cron
	clients   map[*Client]struct{}
	away      int             // of them
	outputs   []*Client       // with output to write
	held      []*Client       // waiting for the end of CLIENT PAUSE
	resumable []*Client       // may go on
	resuming  []*Client       // those of them whose turn it is
	drained   []chan struct{} // each Shutdown waits for one
	draining  bool
	stepped   []chan struct{} // closed at the end of this turn

	start      time.Time     // of the loop's time, which is real, whatever the engine's clock
	now        time.Duration // at the end of the last turn
	yielded    time.Duration // when it last looked after others
	nextCron   time.Duration
	nextUnhold time.Duration // when the held look whether they may go on
	acceptErr  time.Duration // when a failure to accept was last told
	pressed    time.Duration // since when clients have cost too much
	nanos      int64         // engine's time, as of the last cron

	restless   bool // expiry has not kept up
	collecting bool // freed memory is left to take back

	// Guarded by the ownership of the keyspace.
	executing bool  // the owner is the loop, running a client's commands
	began     int64 // engine's time, when it did

	stopping atomic.Bool
	load     atomic.Int64 // clients, and those on their way here
	memory   atomic.Int64 // what they cost, as of the last cron
	largest  atomic.Int64 // what one of them costs that may be closed for it, likewise

	told  atomic.Bool // there is something in what follows
	mu    sync.Mutex
	over  bool      // nobody reads the inbox any more
	inbox []message // from other goroutines
	kills []*Client // to be disconnected
	mail  []*Client // with something in the mailbox
}

// A message is something for the loop to do, or for whoever finds that the loop
// has ended to give up.
type message struct{ do, giveUp func() }

func newLoop(g *Group, index int, name string) *Loop {
	lp := &Loop{
		group: g, index: index, poller: netpoll.New(), limits: g.limits.Load(),
		clients: map[*Client]struct{}{}, start: time.Now(), nanos: g.Clock().Nanos(),
	}
	switch {
	case g.plan.Keeps != nil:
		lp.kept = g.plan.Keeps(index)
	case index == 0:
		lp.kept = g.All()
	}
	lp.Tally.Name = name
	return lp
}

// Index returns the loop's place among those of its engine. The first does the
// engine's cron.
func (lp *Loop) Index() int { return lp.index }

// Limits returns the limits for the sessions of this turn, which never change.
func (lp *Loop) Limits() *threading.Limits { return &lp.limits.session }

// Post has do called by the loop, or giveUp by whoever finds that the loop has ended.
// Any goroutine may call it.
func (lp *Loop) Post(do, giveUp func()) {
	lp.group.Stress().Hesitate()
	lp.mu.Lock()
	over := lp.over
	if !over {
		lp.inbox = append(lp.inbox, message{do, giveUp})
		lp.told.Store(true)
	}
	lp.mu.Unlock()
	if over {
		giveUp()
		return
	}
	lp.poller.Wake()
}

// Wake makes Wait return, now or the next time. Any goroutine may call it, at any
// time; what it did before is visible to the loop then.
func (lp *Loop) Wake() { lp.poller.Wake() }

// kill has a client disconnected by the loop. Any goroutine may call it.
func (lp *Loop) kill(c *Client) { lp.tell(&lp.kills, c) }

// notify has a client's mail taken by the loop. Any goroutine may call it.
func (lp *Loop) notify(c *Client) { lp.tell(&lp.mail, c) }

func (lp *Loop) tell(list *[]*Client, c *Client) {
	lp.mu.Lock()
	if !lp.over {
		*list = append(*list, c)
		lp.told.Store(true)
	}
	lp.mu.Unlock()
	lp.poller.Wake()
}

// stop ends the loop. Any goroutine may call it.
func (lp *Loop) stop() {
	lp.stopping.Store(true)
	lp.poller.Wake()
}

// Wait begins a turn: it sleeps until something is to be done, and does what other
// goroutines asked for. It returns false when the loop is to end.
func (lp *Loop) Wait() bool {
	if lp.stopping.Load() {
		return false
	}
	sleeps := lp.poller.Sleeps()
	events, err := lp.poller.Wait(lp.patience())
	if err != nil {
		lp.group.Log().Error("waiting for sockets failed", "error", err)
		lp.group.Terminate()
		return false
	}
	slept := lp.poller.Sleeps() != sleeps
	if slept {
		now := time.Since(lp.start)
		lp.Tally.Idle += now - lp.now
		lp.now = now
	}
	if lp.now-lp.yielded > wakeful && (!slept || lp.group.tight) {
		lp.yield()
	}
	lp.Events, lp.crowded = events, len(lp.clients) > 1
	lp.limits = lp.group.limits.Load()
	if lp.told.Load() {
		lp.takeMessages()
	}
	return true
}

// wakeful is how long a loop goes on before it looks after others: without a sleep, or
// with sleeps in which it may have been another thread of the engine that kept the
// processor.
const wakeful = 20 * time.Microsecond

// yield lets other loops have the processor, if Go has fewer of them than there are
// loops: a client who floods one must not keep those of the others waiting. It is not
// enough to have woken them: two threads that keep waking each other hand the processor
// to and fro, and past whoever can run as well, for 10 milliseconds.
func (lp *Loop) yield() {
	lp.yielded = lp.now
	list := lp.group.Loops()
	if len(list) == 1 {
		return
	}
	for _, other := range list {
		if other != lp {
			other.poller.Rouse()
		}
	}
	runtime.Gosched()
}

// patience is how long the loop may sleep: until the next cron, or the end of a pause.
func (lp *Loop) patience() time.Duration {
	switch {
	case len(lp.resumable) > 0:
		return 0
	case lp.collecting:
		return threading.CollectInterval
	}
	until := lp.nextCron
	if len(lp.held) > 0 {
		until = min(until, lp.nextUnhold)
	}
	return max(until-lp.now, 0)
}

// takeMessages does what other goroutines asked for.
func (lp *Loop) takeMessages() {
	lp.mu.Lock()
	lp.told.Store(false)
	inbox, kills, mail := lp.inbox, lp.kills, lp.mail
	lp.inbox, lp.kills, lp.mail = nil, nil, nil
	lp.mu.Unlock()
	for _, m := range inbox {
		m.do()
	}
	for _, c := range mail {
		switch home := c.Loop(); {
		case home != lp: // it has moved
			home.notify(c)
		case !c.closed && !c.busy: // when its batch is finished, it is looked for
			lp.takeMail(c)
		}
	}
	for _, c := range kills {
		if home := c.Loop(); home != lp {
			home.kill(c)
		} else {
			lp.close(c)
		}
	}
}

// Greet does what an event asks for. It returns the client if it sent something that
// is to be read and executed, else nil.
func (lp *Loop) Greet(ev netpoll.Event) *Client {
	if ev.Listener != nil {
		lp.accept(ev.Listener)
		return nil
	}
	c := ev.Conn.Data.(*Client)
	if c.busy && !c.closed {
		if c.away {
			lp.mute(c)
		}
		return nil // it will be told again
	}
	if ev.Ready&netpoll.Writable != 0 && !c.closed {
		lp.write(c)
	}
	if ev.Ready&netpoll.Readable == 0 || c.closed {
		return nil
	}
	switch {
	case c.ending:
		lp.discard(c)
	case c.held || c.stalled || c.waiting && c.sated:
		if c.conn.Broke() { // else the event is from before it had to wait, and comes again
			lp.close(c)
		}
	case c.waiting:
		lp.stash(c)
	default:
		return c
	}
	return nil
}

// mute stops asking the poller for a client that is away. One that broke is told of
// all the same: then the poller is made to forget it.
func (lp *Loop) mute(c *Client) {
	if c.muted {
		lp.poller.Remove(c.conn)
		c.unheard = true
		return
	}
	c.muted = true
	c.watch()
}

// unmute is the end of what mute began.
func (lp *Loop) unmute(c *Client) {
	c.muted = false
	if !c.unheard {
		return
	}
	c.unheard = false
	if err := lp.poller.Add(c.conn); err != nil {
		lp.close(c)
	}
}

// Read reads what a client sent and parses it into b. It reports whether there is
// something to execute; if not, it has done what else there was to do.
func (lp *Loop) Read(c *Client, b *threading.Batch) bool {
	c.Take(b, &lp.limits.session, &lp.Tally.ThreadStats)
	return lp.Took(c)
}

// Took does what follows from the client's [Client.Take], and reports what Read does.
func (lp *Loop) Took(c *Client) bool {
	if c.got == 0 {
		if c.err != nil {
			lp.lost(c, c.err)
		}
		return false
	}
	if !c.added {
		c.activeNanos = lp.nanos
		lp.after(c, c.state)
		return false
	}
	lp.lendOutput(c)
	c.busy = true
	return true
}

// Resume parses into b what a client sent while it had to wait, and reports what Read
// does.
func (lp *Loop) Resume(c *Client, b *threading.Batch) bool {
	if c.closed { // while a script ran that another of them sent
		return false
	}
	state, added := b.AddPending(&c.Session, &lp.limits.session)
	if !added {
		lp.after(c, state)
		return false
	}
	lp.lendOutput(c)
	c.busy = true
	return true
}

// stash reads what a client sends that is blocked in a command.
func (lp *Loop) stash(c *Client) {
	b := lp.wasteBatch()
	n, err := c.conn.Read(b.Room(&c.Session))
	if n == 0 {
		if err != nil {
			lp.lost(c, err)
		}
		return
	}
	c.in += int64(n)
	lp.Tally.Reads++
	lp.Tally.BytesIn += int64(n)
	c.sated = !b.Stash(&c.Session, n)
	c.publish()
	c.watch()
}

// lost ends a connection that has nothing more to read. Who ended only his side
// of it still gets his replies.
func (lp *Loop) lost(c *Client, err error) {
	if errors.Is(err, io.EOF) && c.pendingOutput() > 0 && !c.waiting {
		c.ending = true
		c.watch()
		return
	}
	if !errors.Is(err, io.EOF) {
		lp.group.Log().Debug("reading from client failed", "client", c.remote, "error", err)
	}
	lp.close(c)
}

// discard reads what a client sends that is on its way out. Nobody asked to read:
// mostly it has broken off, and writing will tell.
func (lp *Loop) discard(c *Client) {
	var nobody threading.Session
	switch n, err := c.conn.Read(lp.wasteBatch().Room(&nobody)); {
	case err == nil:
		lp.Tally.BytesIn += int64(n)
	case errors.Is(err, io.EOF):
		lp.write(c)
	default:
		lp.close(c)
	}
}

func (lp *Loop) wasteBatch() *threading.Batch {
	if lp.waste == nil {
		lp.waste = threading.NewBatch()
	}
	return lp.waste
}

// Own takes ownership of the keyspace to execute what clients of this loop sent. It
// returns nil after Close; else Release gives the ownership back. Where it has to wait
// for another owner, that is counted.
func (lp *Loop) Own() *command.Exec {
	g := lp.group
	g.Stress().Hesitate()
	x := g.TryOwnSet(g.All())
	if x == nil {
		start := time.Now()
		if x = g.Own(); x == nil {
			return nil
		}
		lp.Tally.Waits++
		lp.Tally.Waited += time.Since(start)
	}
	lp.executing = true
	lp.began = x.Nanos()
	lp.Tally.Batches++
	return x
}

// Release ends what Own began.
func (lp *Loop) Release(x *command.Exec) {
	lp.Tally.Owning += time.Duration(x.Nanos() - lp.began)
	lp.executing = false
	lp.group.Release()
	lp.group.Stress().Hesitate()
}

// Lend notes that the clients in b are away, whose tokens go with it to somebody else, or
// stay in it beyond this turn. It may be called twice.
func (lp *Loop) Lend(b *threading.Batch) {
	for i := range b.Len() {
		if c := of(b.Part(i).Session); !c.away {
			c.away = true
			lp.away++
			lp.Tally.HandOvers++
		}
	}
	lp.group.Stress().Hesitate()
}

// Finish does what follows for the clients in b from its execution, and empties it.
// Those who were away are back.
func (lp *Loop) Finish(b *threading.Batch) {
	lp.Tally.Commands += int64(b.Executed())
	for i := range b.Len() {
		c := of(b.Part(i).Session)
		c.activeNanos = b.Nanos
		state := b.Finish(i, &lp.limits.session)
		c.busy = false
		if c.away {
			lp.back(c)
		}
		if c.doomed {
			lp.close(c)
		}
		if c.closed {
			continue
		}
		lp.after(c, state)
		if !c.closed && c.Client.Mail.Waiting() { // who brought it may have found nobody in
			lp.takeMail(c)
		}
	}
	b.Reset()
}

// back is the end of what Lend began.
func (lp *Loop) back(c *Client) {
	c.away = false
	lp.away--
	if c.muted && !c.doomed {
		lp.unmute(c)
	}
}

// after does what the state of a session that ran asks for.
func (lp *Loop) after(c *Client, state threading.State) {
	switch state {
	case threading.Held:
		c.held = true
		lp.held = append(lp.held, c)
		lp.nextUnhold = lp.now // it is not known yet when the pause ends
	case threading.Stalled:
		c.stalled = true
	case threading.Blocked:
		c.waiting = true
	case threading.Ending:
		c.ending = true
	case threading.TooLarge:
		lp.group.queryCloses.Add(1)
		lp.group.Log().Warn("closing client that reached max query buffer length", "client", c.remote)
		lp.close(c)
		return
	}
	switch pending := c.pendingOutput(); {
	case lp.overHardLimit(c, pending):
		lp.closeForOutput(c)
		return
	case pending == 0 && !c.ending && !c.stalled:
		lp.reclaimOutput(c)
		c.publish()
	case c.queued || c.blocked:
	case pending > outputSoon && !lp.group.plan.Gather:
		lp.write(c)
		return
	default:
		c.queued = true
		lp.outputs = append(lp.outputs, c)
	}
	c.watch()
}

// takeMail moves what others posted to a client to its output, and lets it go on
// when that answers the command it was blocked in.
func (lp *Loop) takeMail(c *Client) {
	lp.lendOutput(c)
	c.makeRoom()
	if unblocked := c.TakeMail(); unblocked {
		c.waiting, c.sated = false, false
		lp.resumable = append(lp.resumable, c)
	}
	lp.after(c, threading.WantInput)
}

// Resumable returns the clients that had to wait and may go on now. Each has a turn of
// the loop: those who must wait again are looked at in the next.
func (lp *Loop) Resumable() []*Client {
	if len(lp.held) > 0 {
		lp.unhold()
	}
	if len(lp.resumable) == 0 {
		return nil
	}
	lp.resumable, lp.resuming = lp.resuming[:0], lp.resumable
	list := lp.resuming[:0]
	for _, c := range lp.resuming {
		if !c.closed && !c.busy { // what it sent is in a batch already
			c.stalled = false
			list = append(list, c)
		}
	}
	return list
}

// unhold makes clients resumable when they are no longer paused.
func (lp *Loop) unhold() {
	x := lp.group.Own()
	if x == nil {
		return
	}
	left := x.PausedFor()
	lp.group.ReleaseSet(x)
	if left > 0 {
		// On a stepped clock this may come too early; then it is asked again.
		lp.nextUnhold = lp.now + max(time.Duration(left), time.Millisecond)
		return
	}
	for _, c := range lp.held {
		c.held = false
	}
	lp.resumable = append(lp.resumable, lp.held...)
	lp.held = nil
}

// unfinished reports whether clients have something left from this turn.
func (lp *Loop) unfinished() bool { return len(lp.resumable) > 0 || lp.away > 0 }

// EndTurn ends a turn: it does the periodic work when it is time, publishes what was
// counted, and tells those who wait for the end of a turn.
func (lp *Loop) EndTurn() {
	lp.cron()
	lp.Tally.Turns++
	lp.Tally.Clients = int64(len(lp.clients))
	lp.Tally.WakeUps = lp.poller.Rings()
	lp.Tally.Publish()
	if len(lp.stepped) > 0 && !lp.unfinished() {
		for _, done := range lp.stepped {
			close(done)
		}
		lp.stepped = lp.stepped[:0]
	}
	if len(lp.drained) > 0 && len(lp.clients) == 0 {
		for _, done := range lp.drained {
			close(done)
		}
		lp.drained = nil
	}
}

// cron does the periodic work when it is time. Between two crons it goes on with
// what the last one left undone.
func (lp *Loop) cron() {
	lp.now = time.Since(lp.start)
	if lp.now < lp.nextCron {
		if lp.keeps() && (lp.restless || lp.collecting || lp.group.Reclaiming()) {
			if x := lp.group.OwnSet(lp.kept); x != nil {
				x.BeforeSleep()
				lp.collecting = x.Collectable()
				lp.group.ReleaseSet(x)
			}
		}
		return
	}
	interval := sweepInterval
	if lp.keeps() {
		interval = time.Second / time.Duration(lp.limits.hz)
		if x := lp.group.OwnSet(lp.kept); x != nil {
			lp.restless = lp.group.CronOf(x)
			lp.collecting = x.Collectable()
			lp.group.ReleaseSet(x)
		}
	}
	lp.nanos = lp.group.Clock().Nanos()
	lp.nextCron = lp.now + interval
	lp.listenAgain()
	lp.sweep()
}

// keeps reports whether the loop does the cron of the keyspace, or of a part.
func (lp *Loop) keeps() bool { return lp.kept != 0 }

// sweepInterval is the period of the cron of loops that only look after their own
// clients.
const sweepInterval = time.Second / 2

// step makes this turn one with a cron, as the engine's clock was moved, and has
// done closed when it is over.
func (lp *Loop) step(done chan struct{}) {
	lp.nextCron = 0
	lp.stepped = append(lp.stepped, done)
}

// drain begins the end: no new clients, and those there are go when their replies are
// out. Then drained is closed, also if somebody else has begun it: the loops of an engine
// may hear of two Shutdowns in different orders, and each waits for all loops.
func (lp *Loop) drain(drained chan struct{}) {
	lp.drained = append(lp.drained, drained)
	if lp.draining {
		return
	}
	lp.draining = true
	for _, l := range lp.listeners {
		l.Close()
	}
	lp.listeners = nil
	for c := range lp.clients {
		c.ending = true
		switch {
		case c.busy: // who has that will see to it
		case c.pendingOutput() == 0:
			lp.close(c)
		default:
			c.watch()
		}
	}
}

// End closes everything the loop has, and whatever is still on its way to it. Nobody
// else has a client's token any more. What has been answered goes out first, as far as the
// sockets take it at once: also to those who had sent more by then, which is not executed, and
// what somebody else's commands had to say to a client.
func (lp *Loop) End() {
	for c := range lp.clients {
		c.busy, c.away = false, false
		c.TakeMail()
		if c.pendingOutput() > 0 {
			lp.write(c)
		}
	}
	lp.mu.Lock()
	lp.over = true
	inbox := lp.inbox
	lp.inbox, lp.kills, lp.mail = nil, nil, nil
	lp.mu.Unlock()
	for _, m := range inbox {
		m.giveUp()
	}
	for _, l := range lp.listeners {
		l.Close()
	}
	for c := range lp.clients {
		lp.close(c)
	}
	for _, done := range lp.stepped {
		close(done)
	}
	lp.Tally.Clients = 0
	lp.Tally.Publish()
	lp.poller.Close()
}
