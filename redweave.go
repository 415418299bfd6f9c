package redweave

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
)

// ErrClosed is returned by every call after Close.
const ErrClosed = threading.ErrClosed

var errNilContext = errors.New("redweave: nil context")

// A Clock tells a keyspace the time. All of it: TTLs, TIME, idle times, timers.
type Clock = clock.Clock

// A Timer is a call that a Clock has armed. *time.Timer is one.
type Timer = clock.Timer

// A ManualClock stands still until it is moved by Advance or Set, and then fires
// timers in order on the goroutine that moved it.
type ManualClock = clock.Manual

// NewManualClock returns a clock that shows start until it is moved.
func NewManualClock(start time.Time) *ManualClock { return clock.NewManual(start) }

// Options configure a keyspace. The zero value is a keyspace of 16 databases
// under the single loop, without a limit on memory, silent, on the system clock.
type Options struct {
	// Model is the threading model, by the name the parameter threading-model
	// has; "" means "single-loop".
	Model string

	// Databases is the number of databases; 0 means 16.
	Databases int

	// MaxMemory bounds used_memory, in bytes; 0 means no bound, and less is an error.
	MaxMemory int64

	// MaxMemoryPolicy says what goes when MaxMemory is reached, by Redis's
	// names; "" means "noeviction": writes get an OOM error.
	MaxMemoryPolicy string

	// Config sets any other parameter of redis.conf, by name, to what CONFIG SET
	// would be given: "save": "3600 1 300 100".
	Config map[string]string

	// Args are a command line of redis-server, without the program's name:
	// [file.conf] [--name value …] [-]. They are applied last.
	Args []string

	// Clock is the keyspace's only clock; nil means the system's.
	Clock Clock

	// Logger gets what redis-server would log; nil means silence.
	Logger *slog.Logger

	// Version is the version of Redis that INFO and HELLO claim, as "7.2.5"; "" means
	// the one whose surface this is. It changes no command.
	Version string

	// Seed makes random choices (SPOP, RANDOMKEY, eviction, …) repeatable; 0
	// means they are not.
	Seed uint64
}

// engineOptions turns o into what an engine takes, or reports all its faults.
func (o Options) engineOptions() (threading.Options, error) {
	var faults []error
	var users [][]string // lines of the configuration, without the word "user"
	c := config.New(config.Options{Version: o.Version, Directives: map[string]func([]string) error{
		"user": func(words []string) error {
			if err := acl.ValidateLine(words, users); err != nil {
				return err
			}
			users = append(users, words)
			return nil
		},
	}})
	set := func(name, value string) {
		line := config.ParseArgs([]string{"--" + name, value}).Options
		if err := c.Load(config.Source{Options: line}); err != nil {
			faults = append(faults, fmt.Errorf("redweave: option %s = %q: %s", name, value, configFault(err)))
		}
	}
	if o.Databases != 0 {
		set("databases", strconv.Itoa(o.Databases))
	}
	if o.MaxMemory != 0 {
		set("maxmemory", strconv.FormatInt(o.MaxMemory, 10))
	}
	if o.MaxMemoryPolicy != "" {
		set("maxmemory-policy", o.MaxMemoryPolicy)
	}
	if o.Model != "" {
		set("threading-model", o.Model)
	}
	for name, value := range o.Config {
		set(name, value)
	}
	if len(o.Args) > 0 {
		line := config.ParseArgs(o.Args)
		source := config.Source{File: line.File, Options: line.Options}
		if line.Stdin {
			source.Stdin = os.Stdin
		}
		if err := c.Load(source); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return threading.Options{}, errors.Join(faults...)
	}
	table, err := acl.Start(acl.Options{AllChannels: c.ACLPubsubDefault == "allchannels"}, c.RequirePass, users, c.ACLFile)
	return threading.Options{
		Config: c, Clock: o.Clock, Log: o.Logger, Version: o.Version, Seed: o.Seed, Users: table,
	}, err
}

// configFault is what is wrong with a parameter, without the words that belong to
// a file of them.
func configFault(err error) string {
	if bad := (*config.LoadError)(nil); errors.As(err, &bad) {
		return bad.Msg
	}
	return err.Error()
}

// A Keyspace is an open keyspace. It may be used by any number of goroutines.
type Keyspace struct {
	engine     threading.Engine
	typed      threading.Typed
	persistent threading.Persistent
	callers    sync.Pool // of *caller
	secrets    secrets
}

// A caller is an in-process client with the room its calls need.
type caller struct {
	client *command.Client
	args   [][]byte
	text   []byte
}

// Open makes a keyspace. It listens nowhere and starts no goroutine. The error names
// every option that is refused.
func Open(o Options) (*Keyspace, error) {
	eo, err := o.engineOptions()
	if err != nil {
		return nil, err
	}
	k := &Keyspace{}
	if err := k.secrets.load(eo.Config); err != nil {
		return nil, &TLSError{err}
	}
	e := newEngine(eo)
	k.engine, k.typed, k.persistent = e, e, e
	k.callers.New = func() any { return &caller{client: e.Attach()} }
	return k, nil
}

// Save writes everything to a database file in redis-server's format, in place of any
// at path, at once or, after an error, not at all. The keyspace is held for as long as
// that takes.
func (k *Keyspace) Save(path string) error { return k.persistent.Save(path) }

// Load adds what a database file holds, one of Save's or of a redis-server: its keys
// replace those of the same name. After an error what was read before it is there.
func (k *Keyspace) Load(path string) error { return k.persistent.Load(path) }

// Models returns the names of the threading models, the default first.
func Models() []string { return config.ThreadingModels() }

// Threads returns the counters of the keyspace's threads, as of when each of them
// published them last. There are none before somebody connects.
func (k *Keyspace) Threads() []threading.ThreadStats { return k.engine.Threads() }

// Close ends the keyspace: connections are closed, memory is given back, and no
// goroutine is left. Calls that wait, for a key or a message, return ErrClosed. It may be
// called twice.
func (k *Keyspace) Close() error { return k.engine.Close() }

// Shutdown stops accepting, lets the replies of commands that have begun go out,
// and closes. It gives up waiting when ctx is done, and closes all the same; the error
// is ctx's then.
func (k *Keyspace) Shutdown(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	return k.engine.Shutdown(ctx)
}

// Done is closed when the keyspace is, by Close or by a client's SHUTDOWN.
func (k *Keyspace) Done() <-chan struct{} { return k.engine.Done() }

// Serve accepts connections from l and serves them until the keyspace is closed.
// It closes l and returns an error, ErrClosed after Close.
func (k *Keyspace) Serve(l net.Listener) error { return k.engine.Serve(l) }

// ListenAndServe listens on the TCP address and serves it, as Serve does. An
// empty address means what the parameters say: every address of bind at port, and
// unixsocket.
func (k *Keyspace) ListenAndServe(addr string) error {
	if addr == "" {
		return k.serveConfigured()
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return k.Serve(l)
}

// Dial connects to the keyspace in memory: any client that takes a net.Conn or a
// dialer runs on it without a port.
func (k *Keyspace) Dial() (net.Conn, error) { return k.engine.Dial() }

// keepReply is the largest buffer of replies that is kept for the next call.
const keepReply = 1 << 20

func (k *Keyspace) giveBack(c *caller) {
	if cap(c.client.Out.Bytes()) > keepReply {
		c.client.Out.Attach(nil)
	}
	clear(c.args)
	k.callers.Put(c)
}

// Do runs a command and returns its reply, in the forms of RESP3. An argument is
// a string, []byte, integer, float, bool (1 or 0) or anything with a text form
// (encoding.TextAppender, fmt.Stringer). An error reply is returned as an error
// of type [resp.Error]; a missing value is a Value whose IsNull is true, and no
// error.
//
// ctx bounds how long a command waits: BLPOP and its kin, or any while clients are
// paused. A command that need not wait is run whatever ctx says.
//
// The arguments are not kept, and the Value is the caller's. Each call stands for
// itself: SELECT and CLIENT settings do not outlive it.
func (k *Keyspace) Do(ctx context.Context, args ...any) (resp.Value, error) {
	if ctx == nil {
		return resp.Value{}, errNilContext
	}
	if len(args) == 0 {
		return resp.Value{}, errors.New("redweave: Do without a command")
	}
	c := k.callers.Get().(*caller)
	defer k.giveBack(c)
	if err := c.setArgs(args); err != nil {
		return resp.Value{}, err
	}
	c.client.Reset(3)
	if err := k.engine.Do(ctx, c.client, c.args); err != nil {
		return resp.Value{}, err
	}
	v, _, err := resp.Parse(c.client.Out.Bytes())
	c.client.Out.Reset()
	if err != nil {
		return resp.Value{}, err
	}
	return v, v.Err()
}
