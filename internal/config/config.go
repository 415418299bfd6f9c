// Package config holds the parameters of redis.conf: their names, defaults
// and ranges, how the file, the command line and CONFIG SET write them, and how
// CONFIG GET and CONFIG REWRITE write them back.
//
//	c := config.New(config.Options{})
//	err := c.Load(config.Source{File: "redis.conf", Options: "maxmemory 100mb"})
//	err = c.Set([]string{"hz", "50", "timeout", "30"}, config.Access{})
//	c.OnChange(func() error { … }, "maxmemory")
//	if c.MaxMemory != 0 && used > c.MaxMemory { … }
//
// # How it fits together
//
//	redis.conf, command line ── Load ─┐
//	CONFIG SET ──────────────── Set ──┼─▶ table: name → kind ─▶ Values ─▶ plain fields: c.HZ
//	CONFIG GET ◀─────────────── Get ──┤   (one row a parameter)
//	redis.conf ◀─────────── Rewrite ──┘
//
// The table (params.go) is the only place that names the parameters. It is shared by all
// configurations and never written; what differs between two is their [Values].
//
// # Guarantees
//
// Set and Load happen as a whole or not at all. Error texts are those of Redis,
// byte for byte. Copies of Values do not change.
//
// A Config has one owner at a time, as everything under a shard has: Set and Load
// while another goroutine reads are a race. Hand that goroutine a copy of Values.
//
// # What it does not do
//
// It opens no sockets and no logs, and changes no directory. Whoever obeys a parameter reads
// its field, and asks [Config.OnChange] when it has to act on a change. Parameters of
// replication, and those of clusters that mean nothing to a cluster of one node, are
// unknown here and refused like any unknown word.
package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redweave/redweave/internal/glob"
)

// A Config is one set of parameters. Read its fields, change it by methods.
type Config struct {
	Values

	version    string
	file       string // absolute; "" when there is none
	directives map[string]func(args []string) error
	hooks      []hook
}

// Options are what a Config needs to know. The zero value will do.
type Options struct {
	// Version is the version of Redis that messages name. "" is DefaultVersion.
	Version string

	// Dir is the first value of the parameter dir. "" is where the process is.
	Dir string

	// Directives are the words of a configuration file that are not parameters, such
	// as user and rename-command: what each is to be done with, given its
	// arguments. An error's text ends up in the message about the line. REWRITE
	// leaves their lines as they are. Include is known without being named here.
	Directives map[string]func(args []string) error
}

// DefaultVersion is the version of Redis that is named in messages when no
// other was asked for.
const DefaultVersion = "7.4.1"

// New returns a configuration that is all defaults.
func New(o Options) *Config {
	c := &Config{Values: theTable().defaults, version: o.Version, directives: o.Directives}
	if c.version == "" {
		c.version = DefaultVersion
	}
	if o.Dir != "" {
		c.dir = c.resolve(o.Dir)
	}
	return c
}

// File returns the absolute path of the file that Load read, or "".
func (c *Config) File() string { return c.file }

// A Pair is a parameter as CONFIG GET shows it.
type Pair struct{ Name, Value string }

// Get returns the parameters that patterns name, each name once. A pattern
// without *, ? and [ is a name, and comes back the way it was written. Aliases
// are names of their own. The order is that of the patterns, and under one
// pattern alphabetical (Redis has none).
func (c *Config) Get(patterns ...string) []Pair {
	t := theTable()
	var pairs []Pair
	seen := make(map[string]bool)
	add := func(name string, p *param) {
		if key := strings.ToLower(name); !seen[key] {
			seen[key] = true
			pairs = append(pairs, Pair{name, p.kind.get(&c.Values)})
		}
	}
	for _, pattern := range patterns {
		if !strings.ContainsAny(pattern, "*?[") {
			if e, ok := t.lookup(pattern); ok {
				add(pattern, e.param)
			}
			continue
		}
		for _, e := range t.names {
			if e.flags&hidden == 0 && glob.Match([]byte(pattern), []byte(e.name), true) {
				add(e.name, e.param)
			}
		}
	}
	return pairs
}

// Sensitive reports whether a parameter's value must not be seen in logs.
func Sensitive(name string) bool {
	e, ok := theTable().lookup(name)
	return ok && e.flags&sensitive != 0
}

// An Error is the whole text of a reply to CONFIG SET or CONFIG REWRITE.
type Error string

func (e Error) Error() string { return string(e) }

// The errors without arguments.
const (
	ErrSyntax  Error = "ERR syntax error"
	ErrLoading Error = "LOADING Redis is loading the dataset in memory"
	ErrNoFile  Error = "ERR The server is running without a config file"
)

func errUnknown(name string) Error {
	name, _, _ = strings.Cut(name, "\x00") // where C takes it to end
	return Error(fmt.Sprintf("ERR Unknown option or number of arguments for CONFIG SET - '%s'", name))
}

func errFailed(name string, why error) Error {
	text := fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s')", name)
	if why.Error() != "" {
		text += " - " + why.Error()
	}
	return Error(text)
}

// Access is what Set has to know about who asks, and when.
type Access struct {
	Local   bool // the client is on this machine or in this process
	Loading bool // a dataset is being loaded
}

// Set is CONFIG SET with names and values by turns. Either all of them are taken and
// every hook agrees, or nothing has changed.
func (c *Config) Set(pairs []string, a Access) error {
	params, err := c.settable(pairs, a)
	if err != nil {
		return err
	}
	old, next := c.Values, c.Values
	for i, e := range params {
		if err := e.kind.set(&next, e.words(pairs[2*i+1])); err != nil {
			return errFailed(e.name, err)
		}
	}
	c.Values = next
	return c.runHooks(&old, params)
}

// settable finds the parameters of all pairs, and refuses them in Redis's
// order of complaint.
func (c *Config) settable(pairs []string, a Access) ([]entry, error) {
	if len(pairs)%2 != 0 || len(pairs) == 0 {
		return nil, ErrSyntax
	}
	params := make([]entry, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		e, ok := theTable().lookup(name)
		switch {
		case !ok:
			return nil, errUnknown(name)
		case e.flags&immutable != 0 && !(e.flags&asyncIO != 0 && c.ThreadingModel == asyncIOModel):
			return nil, errFailed(name, problem("can't set immutable config"))
		case e.flags&protected != 0 && !c.EnableProtectedConfigs.Allows(a.Local):
			return nil, errFailed(name, problem("can't set protected config"))
		case e.flags&denyLoading != 0 && a.Loading:
			return nil, ErrLoading
		case slices.Contains(params, e):
			return nil, errFailed(name, problem("duplicate parameter"))
		}
		params = append(params, e)
	}
	return params, nil
}

// A hook is a function that acts on changes of some parameters.
type hook struct {
	names []string // empty: all
	apply func() error
}

// OnChange has apply called whenever Set has changed one of the named
// parameters (all, when none is named), once a Set, in the order of
// registration. The Config then holds the new values. When apply fails, Set puts
// the old values back, calls the hooks it had called once more, and
// reports the error's text. Load calls no hooks. A name must be a primary one.
func (c *Config) OnChange(apply func() error, names ...string) {
	for _, name := range names {
		if e, ok := theTable().lookup(name); !ok || e.name != e.param.name {
			panic("config: OnChange of unknown parameter " + name)
		}
	}
	c.hooks = append(c.hooks, hook{names, apply})
}

func (c *Config) runHooks(old *Values, params []entry) error {
	var changed []entry
	for _, e := range params {
		if e.flags&volatile != 0 || e.kind.get(old) != e.kind.get(&c.Values) {
			changed = append(changed, e)
		}
	}
	var called []hook
	for _, h := range c.hooks {
		culprit := slices.IndexFunc(changed, func(e entry) bool {
			return len(h.names) == 0 || slices.Contains(h.names, e.param.name)
		})
		if culprit < 0 {
			continue
		}
		called = append(called, h)
		if err := h.apply(); err != nil {
			c.Values = *old
			for _, h := range called {
				_ = h.apply() // back to what worked before: there is nothing else to fall back to
			}
			return errFailed(changed[culprit].name, err)
		}
	}
	return nil
}
