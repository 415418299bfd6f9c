package threading

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

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
}

// A Core is a keyspace with a single owner at a time: the shard, the commands
// that run on it, and the lock that says whose it is.
//
//	event loop ────┐
//	Do, Incr … ────┼──> Own ──> exec, shard ──> Release
//	timer, steps ──┘
//	Get, Set ────────> shared ──> shard, changing at most a string's bytes
//
// The lock is biased towards those who share: a Get from many goroutines at once
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
	clock  clock.Clock
	log    *slog.Logger
	config *config.Config

	reclaimer *lazyfree.Reclaimer
	done      chan struct{}
	closing   atomic.Bool

	misses *xsync.Counter // of shared reads; the lock counts hits and misses together

	// The timer that expires keys and gives memory back while nobody calls.
	ticking atomic.Bool // it is armed, or somebody else does its work
	looping atomic.Bool // an event loop does

	// On a clock that is stepped, the steps do the timer's work.
	unwatch   func()
	afterStep func() // the engine's part

	mu biaslock.Lock
	// Guarded by mu; readers may only read.
	shard    *keyspace.Shard
	server   *command.Server
	exec     *command.Exec
	busy     bool          // a typed call was made since the timer was armed
	reads    uint64        // shared reads that the shard's statistics know of
	writes   uint64        // shared writes, likewise
	unpaused chan struct{} // closed and replaced when a pause ends
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
		clock: o.Clock, log: o.Log, config: o.Config,
		reclaimer: lazyfree.New(), done: make(chan struct{}),
		misses: xsync.NewCounter(), unpaused: make(chan struct{}),
	}
	settings := keyspace.DefaultSettings()
	c.shard = keyspace.New(keyspace.Options{
		Databases: o.Config.Databases, Settings: settings, Rand: random(o.Seed),
		Nanos: o.Clock.Nanos, UnixMilli: o.Clock.UnixMilli, Reclaimer: c.reclaimer, SmallPages: o.Config.DisableTHP,
	})
	c.server, c.exec = command.NewServer(command.Options{
		Clock: o.Clock, Config: o.Config, Log: o.Log, Host: host,
		Shards: []*keyspace.Shard{c.shard}, Settings: settings, Reclaimer: c.reclaimer, Version: o.Version, Users: o.Users,
	})
	if sc, ok := o.Clock.(steppedClock); ok {
		if h, ok := host.(stepHost); ok {
			c.afterStep = h.Stepped
		}
		c.ticking.Store(true)
		c.unwatch = sc.OnStep(c.onStep)
	}
	return c
}

// Own takes ownership of the keyspace and begins a batch of commands. It must
// be given back soon, with Release. After Close there is nothing to own: Own
// returns nil, and Release must not be called.
func (c *Core) Own() *command.Exec {
	c.mu.Lock()
	if c.closing.Load() {
		c.mu.Unlock()
		return nil
	}
	c.exec.Begin()
	return c.exec
}

// OwnTyped is Own for a typed call. It does not look at the clock as long as the
// timer, or whoever does its work, looks often enough for what is not exact, and
// as nothing it meets has a TTL. A write waits for the end of CLIENT PAUSE.
func (c *Core) OwnTyped(write bool) *command.Exec {
	c.mu.Lock()
	return c.beginTyped(write)
}

// beginTyped is OwnTyped with mu locked. When it returns nil, mu is not.
func (c *Core) beginTyped(write bool) *command.Exec {
	if c.closing.Load() || !c.ticking.Load() || write && c.exec.Pausing() {
		return c.beginSlowly(write)
	}
	c.exec.BeginLate()
	return c.exec
}

// Set is SET without options. A string of about the same length is overwritten
// beside readers and others who do so; anything else takes ownership.
func (c *Core) Set(db int, key, value []byte) error {
	h := c.shard.Hash(key)
	t := c.mu.RLock()
	if c.ticking.Load() && !c.exec.Pausing() && !c.closing.Load() && c.shard.OverwriteShared(db, h, key, value) {
		c.mu.RUnlockWrite(t)
		return nil
	}
	c.mu.Escalate(t)
	x := c.beginTyped(true)
	if x == nil {
		return ErrClosed
	}
	_, err := x.Set(db, key, value, 0, false, false, false)
	c.Release()
	return err
}

// beginSlowly is beginTyped when there is something in the way.
func (c *Core) beginSlowly(write bool) *command.Exec {
	for {
		if c.closing.Load() {
			c.mu.Unlock()
			return nil
		}
		c.exec.Begin()
		left := time.Duration(0)
		if write {
			left = time.Duration(c.exec.PausedFor())
		}
		if left == 0 {
			c.busy = true
			return c.exec
		}
		unpaused := c.unpaused
		c.Release()
		c.awaitUnpause(context.Background(), left, unpaused)
		c.mu.Lock()
	}
}

// Release gives the ownership back.
func (c *Core) Release() {
	wake := time.Duration(0)
	if !c.ticking.Load() {
		wake = c.needsTimer()
	}
	c.mu.Unlock()
	if wake != 0 {
		c.armTimer(wake)
	}
}

// needsTimer returns after how long time alone will have made work, 0 for never:
// there are keys that expire, memory is on its way back, or typed calls go by the
// timer's time.
func (c *Core) needsTimer() time.Duration {
	switch {
	case c.shard.Collectable():
		return CollectInterval
	case c.busy, c.shard.Volatile() > 0, c.reclaimer.Pending() > 0:
		c.busy = false
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
	if c.Own() == nil {
		return
	}
	c.Cron()
	c.Release()
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
func (c *Core) Cron() (restless bool) {
	c.CountShared()
	return c.exec.Cron()
}

// Reclaiming reports whether memory is on its way back. Anybody may ask.
func (c *Core) Reclaiming() bool { return c.reclaimer.Pending() > 0 }

// CountShared adds what was read and written beside the owner to the shard's
// statistics. The caller owns. Cron does it now and then, and whoever shows the
// statistics before.
func (c *Core) CountShared() {
	writes := c.mu.Writes()
	c.shard.Stats.Dirty += int64(writes - c.writes)
	c.writes = writes
	reads := c.mu.Reads()
	if reads == c.reads {
		return
	}
	misses := c.misses.Value()
	c.misses.Add(-misses)
	c.shard.Stats.Hits += int64(reads-c.reads) - misses
	c.shard.Stats.Misses += misses
	c.reads = reads
}

// random is the keyspace's source of randomness.
func random(seed uint64) *rand.Rand {
	if seed == 0 {
		return nil
	}
	return rand.New(rand.NewPCG(seed, seed))
}

// Attach makes a client for calls from this process.
func (c *Core) Attach() *command.Client {
	cl := &command.Client{Arrived: make(chan struct{}, 1)}
	c.mu.Lock()
	c.server.Register(cl)
	cl.Authenticated = true
	c.mu.Unlock()
	return cl
}

// Detach forgets a client of Attach.
func (c *Core) Detach(cl *command.Client) {
	c.mu.Lock()
	c.server.Unregister(cl)
	c.mu.Unlock()
}

// Do runs one command on the caller's goroutine.
func (c *Core) Do(ctx context.Context, cl *command.Client, args [][]byte) error {
	for {
		x := c.Own()
		if x == nil {
			return ErrClosed
		}
		v := x.Do(cl, args)
		x.Settle()
		if v == command.Blocked {
			c.Release()
			return c.awaitReply(ctx, cl)
		}
		if v != command.Paused {
			c.Release()
			return nil
		}
		left := time.Duration(x.PausedFor())
		unpaused := c.unpaused
		c.Release()
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
	h := c.shard.Hash(key) // before the lock: nobody has to wait for it
	t := c.mu.RLock()
	if c.closing.Load() {
		c.mu.RUnlock(t)
		return dst, false, ErrClosed
	}
	b, got := c.shard.AppendHashed(dst, db, h, key, c.clock)
	c.mu.RUnlock(t)
	switch got {
	case keyspace.SharedHit:
		if !c.ticking.Load() {
			c.armTimer(cronInterval) // so that the clock of last use moves on
		}
		return b, true, nil
	case keyspace.SharedWrongType:
		return dst, false, command.ErrWrongType
	case keyspace.SharedVolatile:
		if x := c.Own(); x != nil {
			x.ExpireIfDue(db, key)
			c.Release()
		}
	}
	c.misses.Inc()
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
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config.Values
}

// Log returns the engine's logger.
func (c *Core) Log() *slog.Logger { return c.log }

// CloseCore frees the keyspace, and returns when it is freed, whoever did it.
func (c *Core) CloseCore() {
	if c.closing.Swap(true) {
		<-c.done
		return
	}
	if c.unwatch != nil {
		c.unwatch()
	}
	c.reclaimer.Close()
	c.mu.Lock() // whoever owned it when closing was set is done
	c.shard.Close()
	c.mu.Unlock()
	close(c.done)
}
