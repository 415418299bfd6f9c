package threading

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/biaslock"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
)

// Options configure an engine. The zero value works.
type Options struct {
	// Config are the parameters of redis.conf; nil means the defaults. The
	// engine owns it from then on.
	Config *config.Config

	// Clock is the engine's only clock; nil means the system's.
	Clock clock.Clock

	// Log gets what redis-server would log; nil means silence.
	Log *slog.Logger

	// Version is the version of Redis that INFO and HELLO claim; "" means
	// command.DefaultVersion.
	Version string

	// Users are those who may connect; nil means the default user alone, with the
	// password of requirepass. The engine owns them from then on.
	Users *acl.Table

	// Seed makes the engine's random choices repeatable; 0 means they are not.
	Seed uint64

	// Stress makes rare moments frequent, for tests.
	Stress Stress

	// Shards is the number of shards; 0 means one. An engine sets it.
	Shards int
}

// A Core is a keyspace of one shard or several, each with a single owner at a time:
// the shards, the commands that run on them, and the locks that say whose they are.
//
//	event loop ────┐
//	Do, Incr … ────┼──> Own ──> exec, shard ──> Release
//	timer, steps ──┘
//	Get, Set ────────> shared ──> shard, changing at most a string's bytes
//
// With several shards a command owns those of its keys, whose locks are taken in
// ascending order:
//
//	GET a          lock 1                      the others go on
//	MSET a 1 b 2   lock 0, lock 1              likewise
//	DBSIZE         lock 0, lock 1, … lock n-1
//
// So commands on many keys are atomic, and all commands together are strictly
// serializable: each takes effect while it owns all it touches.
//
// A lock is biased towards those who share: a Get from many goroutines at once
// costs each of them an uncontended atomic, and none waits for another. Neither does
// a Set that finds a string to overwrite (see [keyspace.Shard.OverwriteShared]); any
// other takes ownership.
//
// # Time
//
// Whoever owns tells the shard the time. Typed calls leave even that out, as reading
// the clock would be a quarter of their cost: they rely on a tick ten times a second
// for what is not exact, such as the time of last use, and the shard asks the clock
// itself when it meets a key with a TTL. The tick is a timer's, an event loop's, or,
// on a clock that a test steps, each step.
type Core struct {
	stress Stress
	clock  clock.Clock
	log    *slog.Logger
	config *config.Config

	reclaimer *lazyfree.Reclaimer
	done      chan struct{}
	closing   atomic.Bool
	barred    atomic.Bool // typed calls must look: it is closing, or see busy.go
	host      command.Host

	// The timer that expires keys and gives memory back while nobody calls.
	ticking atomic.Bool // it is armed, or somebody else does its work
	looping atomic.Bool // an event loop does

	alarm alarm

	// On a clock that is stepped, the steps do the timer's work.
	unwatch   func()
	afterStep func() // the engine's part

	server  *command.Server
	parts   []*part // one for each shard
	first   *part
	divided bool // there are several

	// Guarded by the ownership of all shards; owners of any may read.
	unpaused chan struct{} // closed and replaced when a pause ends
}

// An alarm is the timer for commands that wait: see [Core.Alarm]. It is set for the
// nearest of their deadlines, or for an earlier one that does not matter any more.
type alarm struct {
	mu      sync.Mutex
	timer   clock.Timer
	atNanos int64 // what it is set for, 0 when it is not
}

// A part is a shard and its ownership.
type part struct {
	mu     biaslock.Lock
	misses *xsync.Counter // of shared reads; the lock counts hits and misses together

	// Guarded by mu; readers may only read.
	shard  *keyspace.Shard
	exec   *command.Exec
	busy   bool   // a typed call was made since the timer was armed
	reads  uint64 // shared reads that the shard's statistics know of
	writes uint64 // shared writes, likewise
}

const (
	// cronInterval is the period of the timer of an engine without event loop.
	cronInterval = 100 * time.Millisecond

	// CollectInterval is the pause between two pieces of freed memory that are
	// taken back.
	CollectInterval = time.Millisecond
)

// A steppedClock is moved by a test, who wants everything that is due to have
// happened when it has moved.
type steppedClock interface {
	OnStep(f func()) (stop func())
}

// A stepHost is an engine that has something to do when a stepped clock has
// moved. Nobody owns the keyspace when it is called.
type stepHost interface{ Stepped() }

// NewCore builds the keyspace. host is the engine around it.
func NewCore(o Options, host command.Host) *Core {
	if o.Clock == nil {
		o.Clock = clock.NewSystem()
	}
	if o.Config == nil {
		o.Config = config.New(config.Options{})
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Core{
		clock: o.Clock, log: o.Log, config: o.Config, stress: o.Stress,
		host: host, reclaimer: lazyfree.New(), done: make(chan struct{}), unpaused: make(chan struct{}),
	}
	if list := o.Config.BioCPUList; list != "" {
		c.reclaimer.OnStart(func() { c.PinThread(list) })
	}
	shards := max(o.Shards, 1)
	c.divided = shards > 1
	settings := keyspace.DefaultSettings()
	ko := keyspace.Options{
		Databases: o.Config.Databases, Settings: settings,
		Nanos: o.Clock.Nanos, UnixMilli: o.Clock.UnixMilli, Reclaimer: c.reclaimer, SmallPages: o.Config.DisableTHP,
	}
	if c.divided {
		ko.Budget = keyspace.NewBudget(shards)
	}
	so := command.Options{
		Clock: o.Clock, Config: o.Config, Log: o.Log, Host: host, Budget: ko.Budget,
		Settings: settings, Reclaimer: c.reclaimer, Version: o.Version, Users: o.Users,
	}
	for i := range shards {
		ko.Rand = random(o.Seed, i)
		so.Shards = append(so.Shards, keyspace.New(ko))
	}
	c.server, _ = command.NewServer(so)
	for i, s := range so.Shards {
		c.parts = append(c.parts, &part{shard: s, exec: c.server.Exec(i), misses: xsync.NewCounter()})
	}
	c.first = c.parts[0]
	if sc, ok := o.Clock.(steppedClock); ok {
		if h, ok := host.(stepHost); ok {
			c.afterStep = h.Stepped
		}
		c.ticking.Store(true)
		c.unwatch = sc.OnStep(c.onStep)
	}
	return c
}

// Own takes ownership of the whole keyspace and begins a batch of commands. It must
// be given back soon, with Release. After Close there is nothing to own: Own
// returns nil, and Release must not be called.
func (c *Core) Own() *command.Exec {
	if c.divided {
		return c.OwnSet(c.server.All())
	}
	return c.ownPart(c.first)
}

func (c *Core) ownPart(p *part) *command.Exec {
	p.mu.Lock()
	if c.closing.Load() {
		p.mu.Unlock()
		return nil
	}
	p.exec.Begin()
	return p.exec
}

// All returns the set of all shards.
func (c *Core) All() command.ShardSet { return c.server.All() }

// Place says which shards a client's command needs. Anybody may ask who has the client.
func (c *Core) Place(cl *command.Client, args [][]byte) command.Place {
	return c.server.Place(cl, args)
}

// OwnSet is Own for some of the shards.
func (c *Core) OwnSet(set command.ShardSet) *command.Exec {
	if set.Single() {
		return c.ownPart(c.parts[set.First()])
	}
	for s := set; s != 0; s = s.Without() {
		c.parts[s.First()].mu.Lock()
	}
	return c.begin(set)
}

// TryOwnSet is OwnSet when nobody owns any of them, else nil.
func (c *Core) TryOwnSet(set command.ShardSet) *command.Exec {
	for s := set; s != 0; s = s.Without() {
		if !c.parts[s.First()].mu.TryLock() {
			c.unlock(set &^ s)
			return nil
		}
	}
	return c.begin(set)
}

// begin is the end of OwnSet, when the shards are locked.
func (c *Core) begin(set command.ShardSet) *command.Exec {
	if c.closing.Load() {
		c.unlock(set)
		return nil
	}
	x := c.parts[set.First()].exec
	if set.Single() {
		x.Begin()
	} else {
		x.BeginSet(set)
	}
	return x
}

// ownPlace is Own for what a client's command needs, and says where that is, if there
// is more than one place.
func (c *Core) ownPlace(cl *command.Client, args [][]byte) (x *command.Exec, at command.Place) {
	if !c.divided {
		return c.ownPart(c.first), at
	}
	if at = c.server.Place(cl, args); at.Shards == 0 {
		return c.ownAny(cl), at
	}
	return c.OwnSet(at.Shards), at
}

// OwnFor is Own for what it takes to register a client, or to forget it. ReleaseSet
// gives it back.
func (c *Core) OwnFor(cl *command.Client) *command.Exec {
	if cl.Entangled() {
		return c.Own()
	}
	return c.ownAny(cl)
}

// ownAny is Own for some shard or other, the same for the same client.
func (c *Core) ownAny(cl *command.Client) *command.Exec {
	return c.ownPart(c.parts[cl.ID%uint64(len(c.parts))])
}

// partOf returns the part that has key.
func (c *Core) partOf(key []byte) *part {
	if c.divided {
		return c.parts[c.server.ShardOf(key)]
	}
	return c.first
}

// OwnTyped is Own for a typed call on one key. It does not look at the clock as long
// as the timer, or whoever does its work, looks often enough for what is not exact, and
// as nothing it meets has a TTL. A write waits for the end of CLIENT PAUSE. What it
// returned is for ReleaseSet.
func (c *Core) OwnTyped(key []byte, write bool) *command.Exec {
	p := c.partOf(key)
	p.mu.Lock()
	return c.beginTyped(p, write)
}

// OwnKeys is OwnTyped for several keys, at least one.
func (c *Core) OwnKeys(keys []string, write bool) *command.Exec {
	var set command.ShardSet
	for _, key := range keys {
		set |= 1 << c.server.ShardOf(unsafe.Slice(unsafe.StringData(key), len(key)))
	}
	if set.Single() {
		p := c.parts[set.First()]
		p.mu.Lock()
		return c.beginTyped(p, write)
	}
	for {
		x := c.OwnSet(set)
		if x != nil && c.server.ScriptRunning() {
			c.ReleaseSet(x)
			c.awaitScript()
			continue
		}
		if x == nil || !write {
			return x
		}
		left := time.Duration(x.PausedFor())
		if left == 0 {
			return x
		}
		unpaused := c.unpaused
		c.ReleaseSet(x)
		c.awaitUnpause(context.Background(), left, unpaused)
	}
}

// beginTyped is OwnTyped with p locked. When it returns nil, it is not.
func (c *Core) beginTyped(p *part, write bool) *command.Exec {
	if c.barred.Load() || !c.ticking.Load() || write && p.exec.Pausing() {
		return c.beginSlowly(p, write)
	}
	p.exec.BeginLate()
	return p.exec
}

// Set is SET without options. A string of about the same length is overwritten
// beside readers and others who do so; anything else takes ownership.
func (c *Core) Set(db int, key, value []byte) error {
	p := c.partOf(key)
	h := p.shard.Hash(key)
	t := p.mu.RLock()
	if c.ticking.Load() && !p.exec.Pausing() && !c.barred.Load() && p.shard.OverwriteShared(db, h, key, value) {
		p.mu.RUnlockWrite(t)
		return nil
	}
	p.mu.Escalate(t)
	x := c.beginTyped(p, true)
	if x == nil {
		return ErrClosed
	}
	_, err := x.Set(db, key, value, 0, false, false, false)
	c.releasePart(p)
	return err
}

// beginSlowly is beginTyped when there is something in the way.
func (c *Core) beginSlowly(p *part, write bool) *command.Exec {
	for {
		if c.closing.Load() {
			p.mu.Unlock()
			return nil
		}
		if c.server.ScriptRunning() {
			p.mu.Unlock()
			c.awaitScript()
			p.mu.Lock()
			continue
		}
		p.exec.Begin()
		left := time.Duration(0)
		if write {
			left = time.Duration(p.exec.PausedFor())
		}
		if left == 0 {
			p.busy = true
			return p.exec
		}
		unpaused := c.unpaused
		c.releasePart(p)
		c.awaitUnpause(context.Background(), left, unpaused)
		p.mu.Lock()
	}
}

// Release gives back what Own returned.
func (c *Core) Release() {
	if c.divided {
		c.ReleaseSet(c.first.exec)
		return
	}
	c.releasePart(c.first)
}

// ReleaseSet gives back what x owns: what OwnSet, TryOwnSet, OwnTyped or OwnKeys returned.
func (c *Core) ReleaseSet(x *command.Exec) {
	set := x.Owned()
	if set.Single() {
		c.releasePart(c.parts[set.First()])
		return
	}
	wake := time.Duration(0)
	for s := set; s != 0; s = s.Without() {
		wake = c.wakeAfter(c.parts[s.First()], wake)
	}
	if x.Bounded() {
		x.Publish()
	}
	x.EndSet()
	c.unlock(set)
	if wake != 0 {
		c.armTimer(wake)
	}
}

func (c *Core) unlock(set command.ShardSet) {
	for s := set; s != 0; s = s.Without() {
		c.parts[s.First()].mu.Unlock()
	}
}

func (c *Core) releasePart(p *part) {
	wake := c.wakeAfter(p, 0)
	wanting := false
	if c.divided && p.exec.Bounded() {
		p.exec.Publish()
		wanting = p.exec.Wanting()
	}
	p.mu.Unlock()
	if wake != 0 {
		c.armTimer(wake)
	}
	if wanting {
		c.makeRoom()
	}
}

// makeRoom has all shards evict, as one had too little room and not by its own fault.
func (c *Core) makeRoom() {
	if x := c.Own(); x != nil {
		if !c.server.ScriptRunning() {
			x.MakeRoom()
		}
		c.Release()
	}
}

// wakeAfter returns after how long the timer is needed, for p or, after wake, for
// others; 0 for never.
func (c *Core) wakeAfter(p *part, wake time.Duration) time.Duration {
	if c.ticking.Load() {
		return wake
	}
	d := c.needsTimer(p)
	if wake == 0 || d != 0 && d < wake {
		return d
	}
	return wake
}

// needsTimer returns after how long time alone will have made work, 0 for never:
// there are keys that expire, memory is on its way back, or typed calls go by the
// timer's time.
func (c *Core) needsTimer(p *part) time.Duration {
	switch {
	case p.shard.Collectable():
		return CollectInterval
	case p.busy, p.shard.Volatile() > 0, c.reclaimer.Pending() > 0:
		p.busy = false
		return cronInterval
	}
	return 0
}

// armTimer starts the timer unless it runs already.
func (c *Core) armTimer(d time.Duration) {
	if c.closing.Load() || !c.ticking.CompareAndSwap(false, true) {
		return
	}
	c.clock.AfterFunc(d, c.onTimer)
}

// onTimer does what an event loop does between batches, and goes on as long as
// there is reason to.
func (c *Core) onTimer() {
	if c.looping.Load() {
		return
	}
	c.ticking.Store(false)
	for _, p := range c.parts {
		x := c.ownPart(p)
		if x == nil {
			return
		}
		c.CronOf(x)
		c.releasePart(p)
	}
}

// onStep does all that the timer would have done while a stepped clock jumped.
func (c *Core) onStep() {
	x := c.Own()
	if x == nil {
		return
	}
	c.CountShared()
	x.CatchUp()
	c.Release()
	if c.afterStep != nil {
		c.afterStep()
	}
}

// LoopStarted tells that an event loop does the timer's work from now on. A loop
// waits in real time, so it does so for the system's clock alone.
func (c *Core) LoopStarted() {
	if _, real := c.clock.(*clock.System); real {
		c.looping.Store(true)
		c.ticking.Store(true)
	}
}

// Cron does the periodic work: the slow expire cycle, memory given back by the
// reclaimer, eviction that ran out of time, statistics. It reports whether
// [command.Exec.BeforeSleep] should be called until the next Cron. The caller owns.
func (c *Core) Cron() (restless bool) { return c.CronOf(c.first.exec) }

// CronOf is Cron for the shards that x owns.
func (c *Core) CronOf(x *command.Exec) (restless bool) {
	for s := x.Owned(); s != 0; s = s.Without() {
		c.parts[s.First()].countShared()
	}
	return x.Cron()
}

// Reclaiming reports whether memory is on its way back. Anybody may ask.
func (c *Core) Reclaiming() bool { return c.reclaimer.Pending() > 0 }

// CountShared adds what was read and written beside the owner to the shard's
// statistics. The caller owns. Cron does it now and then, and whoever shows the
// statistics before.
func (c *Core) CountShared() {
	for _, p := range c.parts {
		p.countShared()
	}
}

func (p *part) countShared() {
	writes := p.mu.Writes()
	p.shard.Stats.Dirty += int64(writes - p.writes)
	p.writes = writes
	reads := p.mu.Reads()
	if reads == p.reads {
		return
	}
	misses := p.misses.Value()
	p.misses.Add(-misses)
	p.shard.Stats.Hits += int64(reads-p.reads) - misses
	p.shard.Stats.Misses += misses
	p.reads = reads
}

// random is the source of randomness of a shard.
func random(seed uint64, shard int) *rand.Rand {
	if seed == 0 {
		return nil
	}
	return rand.New(rand.NewPCG(seed, seed+uint64(shard)))
}

// Attach makes a client for calls from this process.
func (c *Core) Attach() *command.Client {
	cl := &command.Client{Arrived: make(chan struct{}, 1)}
	c.first.mu.Lock()
	c.server.Register(cl)
	cl.Authenticated = true
	c.first.mu.Unlock()
	return cl
}

// Detach forgets a client of Attach.
func (c *Core) Detach(cl *command.Client) {
	if x := c.OwnFor(cl); x != nil {
		x.Unregister(cl)
		c.ReleaseSet(x)
	}
}

// Do runs one command on the caller's goroutine.
func (c *Core) Do(ctx context.Context, cl *command.Client, args [][]byte) error {
	for {
		x, at := c.ownPlace(cl, args)
		if x == nil {
			return ErrClosed
		}
		v := x.DoPlaced(cl, args, &at)
		if v == command.NeedAll {
			c.ReleaseSet(x)
			if x = c.Own(); x == nil {
				return ErrClosed
			}
			v = x.Do(cl, args)
		}
		x.Settle()
		if v == command.Blocked {
			c.ReleaseSet(x)
			return c.awaitReply(ctx, cl)
		}
		if v != command.Paused {
			c.ReleaseSet(x)
			return nil
		}
		left := time.Duration(x.PausedFor())
		unpaused := c.unpaused
		c.ReleaseSet(x)
		if err := c.awaitUnpause(ctx, left, unpaused); err != nil {
			return err
		}
	}
}

// awaitReply waits until the command that cl is blocked in has been answered. When
// ctx ends first, the command is taken back, unless the answer was faster.
func (c *Core) awaitReply(ctx context.Context, cl *command.Client) error {
	for {
		select {
		case <-cl.Arrived:
		case <-c.done:
			return ErrClosed
		case <-ctx.Done():
			x := c.Own()
			if x == nil {
				return ErrClosed
			}
			blocked := x.Abandon(cl)
			c.Release()
			if blocked {
				return ctx.Err()
			}
		}
		b, unblocked := cl.Mail.Take(cl.Out.Bytes())
		cl.Out.Attach(b)
		if unblocked {
			return nil
		}
	}
}

// Alarm has [command.Exec.TimeOut] called at a monotonic time, or before. The caller owns
// something.
func (c *Core) Alarm(atNanos int64) {
	a := &c.alarm
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.atNanos != 0 && a.atNanos <= atNanos || c.closing.Load() {
		return
	}
	a.atNanos = max(atNanos, 1)
	d := time.Duration(max(atNanos-c.clock.Nanos(), 0))
	if a.timer == nil {
		a.timer = c.clock.AfterFunc(d, c.onAlarm)
		return
	}
	a.timer.Reset(d)
}

// onAlarm is what the timer of Alarm does.
func (c *Core) onAlarm() {
	c.alarm.mu.Lock()
	c.alarm.atNanos = 0
	c.alarm.mu.Unlock()
	x := c.Own()
	if x == nil {
		return
	}
	x.TimeOut()
	c.Release()
}

// stop ends the timer: none comes any more.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}

// awaitUnpause waits until clients are no longer paused, for at most left.
func (c *Core) awaitUnpause(ctx context.Context, left time.Duration, unpaused <-chan struct{}) error {
	over := make(chan struct{})
	t := c.clock.AfterFunc(left, sync.OnceFunc(func() { close(over) }))
	defer t.Stop()
	select {
	case <-over:
	case <-unpaused:
	case <-c.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Notify tells an in-process client that there is mail for it. Anybody may call.
func (c *Core) Notify(cl *command.Client) {
	select {
	case cl.Arrived <- struct{}{}:
	default: // it has been told already
	}
}

// Unpaused lets in-process callers held by CLIENT PAUSE go on. The caller owns.
func (c *Core) Unpaused() {
	close(c.unpaused)
	c.unpaused = make(chan struct{})
}

// AppendGet appends the string at key to dst. It runs beside other readers,
// takes ownership only to delete a key whose time has passed, and allocates
// nothing beyond dst's growth.
func (c *Core) AppendGet(dst []byte, db int, key []byte) ([]byte, bool, error) {
	p := c.partOf(key)
	h := p.shard.Hash(key) // before the lock: nobody has to wait for it
	t := p.mu.RLock()
	if c.barred.Load() {
		p.mu.RUnlock(t)
		if c.closing.Load() {
			return dst, false, ErrClosed
		}
		c.awaitScript()
		return c.AppendGet(dst, db, key)
	}
	b, got := p.shard.AppendHashed(dst, db, h, key, c.clock)
	p.mu.RUnlock(t)
	switch got {
	case keyspace.SharedHit:
		if !c.ticking.Load() {
			c.armTimer(cronInterval) // so that the clock of last use moves on
		}
		return b, true, nil
	case keyspace.SharedWrongType:
		return dst, false, command.ErrWrongType
	case keyspace.SharedVolatile:
		if x := c.ownPart(p); x != nil {
			x.ExpireIfDue(db, key)
			c.releasePart(p)
		}
	}
	p.misses.Inc()
	return dst, false, nil
}

// Closing reports whether the engine is being closed.
func (c *Core) Closing() bool { return c.closing.Load() }

// Done is closed when the engine is.
func (c *Core) Done() <-chan struct{} { return c.done }

// Clock returns the engine's clock.
func (c *Core) Clock() clock.Clock { return c.clock }

// Config returns the parameters. Reading them takes ownership.
func (c *Core) Config() *config.Config { return c.config }

// Parameters returns a copy of the parameters as they are now.
func (c *Core) Parameters() config.Values {
	c.first.mu.Lock()
	defer c.first.mu.Unlock()
	return c.config.Values
}

// Log returns the engine's logger.
func (c *Core) Log() *slog.Logger { return c.log }

// CloseCore frees the keyspace, and returns when it is freed, whoever did it.
func (c *Core) CloseCore() {
	c.barred.Store(true)
	if c.closing.Swap(true) {
		<-c.done
		return
	}
	if c.unwatch != nil {
		c.unwatch()
	}
	c.alarm.stop()
	c.reclaimer.Close()
	for _, p := range c.parts {
		p.mu.Lock() // whoever owned it when closing was set is done
	}
	for _, p := range c.parts {
		p.shard.Close()
		p.mu.Unlock()
	}
	close(c.done)
}
