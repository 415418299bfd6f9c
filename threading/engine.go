// Package threading is what the threading models have in common: the [Engine]
// they all are, the ownership of shards that tells them apart, and the sessions
// that turn a client's bytes into commands.
//
// # Ownership
//
// A shard of the keyspace has one owner at a time, and everything below the
// owner is single-threaded code. A model answers three questions: who may own a
// shard, and when; how parsed commands reach the owner; how replies travel back.
// [Core] is what their answers have in common: whoever holds the locks of the shards
// that a command needs, be it an event loop with a batch of commands or a goroutine of
// the application with one, runs it on its own stack. Most models have one shard.
//
// Where there are several, [Core.Place] says which of them a command needs, and their
// owner takes them in ascending order ([Core.OwnSet]). What is not in any shard, such as
// clients and who listens to what, is read by the owner of some shard and changed by an
// owner of all; internal/command/shards.go lists the exceptions. So a command may turn out
// to need more than its keys' shards, to wait, say, or to serve those who wait. It has done
// nothing yet then, says [command.NeedAll], and is run again by an owner of all.
//
// Not everybody who works on a keyspace is its owner:
//
//   - [Core.AppendGet] and [Core.Set] read and overwrite strings beside others who do so,
//     while nobody owns the shard
//   - the reclaimer frees what the owner has let go (package lazyfree)
//   - what others have for a client waits in its mailbox (package internal/mailbox), and
//     whoever has the client takes it: nobody appends to the output of another's client
//   - the alarm, a timer, becomes an owner of all when the time of a blocked command is up
//     ([Core.Alarm])
//   - a script that runs too long lends the ownership out, for others to be told BUSY
//     (busy.go)
//
// # Lock order
//
//	shard 0 ──> shard 1 ──> … ──> the registry of clients, the logs of slow commands
//	                         ├──> a client's mailbox, the alarm, the reclaimer
//	                         └──> an engine's mutex over its loops ──> a loop's inbox
//
// The shards' are the ownership: held while commands run and never while a socket is
// read or written, a channel is waited for, or user code runs. The others are held
// for a few instructions. Posting to a loop and waking it is allowed under all of
// them; waiting for it under none. A clock that a test steps is locked before all of
// them while it steps. A thread's counters ([Tally]) have a lock of their own that the
// thread only tries.
//
// # What happens before what
//
// What a command did happens before whatever the next owner does, and before the
// reply is written.
package threading

import (
	"context"
	"net"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
)

// An Engine runs commands on a keyspace under some threading model. All methods
// may be called from any goroutine.
type Engine interface {
	// Attach makes a client for calls from this process. It is used by one
	// goroutine at a time, and given back with Detach.
	Attach() *command.Client
	Detach(cl *command.Client)

	// Do runs one command for cl and leaves the reply in cl.Out. It waits only in a
	// command that blocks and while clients are paused, and no longer than ctx
	// allows; its errors are ctx's and ErrClosed.
	Do(ctx context.Context, cl *command.Client, args [][]byte) error

	// Serve accepts connections from l until the engine is closed, which
	// closes l. It always returns an error, [ErrClosed] after Close.
	Serve(l net.Listener) error

	// Dial connects to the engine in memory, without a port.
	Dial() (net.Conn, error)

	// Shutdown stops accepting, lets commands that have begun finish and
	// their replies go out, and closes.
	Shutdown(ctx context.Context) error

	// Close ends everything at once. It may be called twice.
	Close() error

	// Done is closed when the engine is, by Close or by the SHUTDOWN command.
	Done() <-chan struct{}

	// Parameters returns a copy of the parameters of redis.conf as they are now.
	Parameters() config.Values

	// Threads returns the counters of the engine's threads.
	Threads() []ThreadStats
}

// A Typed engine has fast ways for the commonest calls, which need no client
// and no reply.
type Typed interface {
	// AppendGet appends the string at key to dst.
	AppendGet(dst []byte, db int, key []byte) (b []byte, found bool, err error)
	// Set stores value under key, without a TTL.
	Set(db int, key, value []byte) error
	// OwnTyped takes ownership for one typed call on one key, which may write or
	// not, and OwnKeys on several. They return nil after Close; else ReleaseSet
	// gives back what they returned.
	OwnTyped(key []byte, write bool) *command.Exec
	OwnKeys(keys []string, write bool) *command.Exec
	ReleaseSet(x *command.Exec)
}

// A Persistent engine writes its keyspace to files, and reads it from them.
type Persistent interface {
	// Save writes a database file, as redis-server has them, in place of any at
	// path. Nobody else runs commands meanwhile.
	Save(path string) error
	// Load adds what a database file holds: keys replace those of the same name.
	// After an error what was read before it is there.
	Load(path string) error
}

// Error is a failure of an engine, not of a command.
type Error string

func (e Error) Error() string { return string(e) }

// ErrClosed is returned by an engine that has been closed.
const ErrClosed Error = "threading: engine closed"
