// Package spec is the command table: what every Redis command is called, what
// it takes and what it means, as data. It knows no handlers and no keyspace.
//
//	c := spec.Find(args[0])                  // by name, any case; nil if unknown
//	if c.Subcommands != nil {                // a container such as CONFIG
//		c = c.Sub(args[1])
//	}
//	keys, err := c.KeyPositions(nil, args)   // which arguments are keys
//
// # Terms
//
// A command is a row of the table. A container (CONFIG, XGROUP) is a command
// whose meaning its first argument completes; container and subcommand are both
// rows, the second named "config|get". A key spec says how to find some of the
// keys in a command's arguments; see [KeySpec]. The syntax is the argument list
// in a compact notation; see [Command.Args].
//
// # How the table is written
//
// The files cmd_*.go hold a Go literal per command, a file per group. A literal
// states only what cannot be worked out. Once, as the program starts, the rest
// is derived from it, in the way of Redis:
//
//	Flags, ACL      ──> implied ACL categories     (write implies @write, …)
//	Keys            ──> FirstKey, LastKey, Step    (what COMMAND INFO showed before key specs)
//	Keys            ──> the flag movablekeys       (keys the three numbers cannot tell)
//	position        ──> ID, Parent, Group
//	Name            ──> the hashed index behind Find
//
// A test holds every row, derived columns included, against a table of facts
// in testdata.
//
// # Guarantees
//
// After the program's start nothing here changes, so any goroutine may read it.
// Find and Sub do not allocate and keep no argument. Everything a Command hands
// out is shared: callers must not change it.
package spec

import "iter"

// A Command is one row of the table. Read it, never change it.
type Command struct {
	// As written in the table.

	Name            string     // lower case; "config|get" for a subcommand
	Since           string     // the Redis version that brought it
	Arity           int        // arguments with the name; negative: at least that many
	Flags           Flags      // what it does to the server; movablekeys is derived
	ACL             Categories // access categories; those that Flags imply are derived
	Summary         string     // one line
	Complexity      string     // in O notation, one term per case
	Keys            []KeySpec  // where its keys stand
	Tips            []string   // hints for clients and proxies
	Doc             DocFlags   // deprecated, internal
	DeprecatedSince string     // set with Deprecated
	ReplacedBy      string     // set with Deprecated
	Source          Source     // where the row's facts come from
	Syntax          string     // the arguments; see Args
	Subcommands     []*Command // not nil for containers

	// Derived.

	Group    Group
	Parent   *Command // the container of a subcommand
	ID       int      // position in All: 0 <= ID < Count()
	FirstKey int      // argument of the first key, 0 if there is none or it moves
	LastKey  int      // argument of the last key; negative counts from the end
	Step     int      // distance between keys

	since   Version
	shape   shape
	lo, hi  uint64 // folded last part of the name, for Sub
	subName string // last part of the name
}

// Short returns the last part of the name: "get" for "config|get".
func (c *Command) Short() string { return c.subName }

// ArityOK reports whether n arguments, the command's name among them, are
// neither too few nor too many.
func (c *Command) ArityOK(n int) bool {
	if c.Arity >= 0 {
		return n == c.Arity
	}
	return n >= -c.Arity
}

// KnownTo reports whether a server of version v has the command.
func (c *Command) KnownTo(v Version) bool { return c.since <= v }

// All yields every command in a fixed order: by group, then by name, a
// container before its subcommands. Parent tells the two levels apart.
func All() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		for _, c := range all {
			if !yield(c) {
				return
			}
		}
	}
}

// Count returns the number of commands All yields.
func Count() int { return len(all) }

// Source tells where a row's facts come from.
type Source uint8

// The sources.
const (
	Redis74    Source = iota // observed on a Redis 7.4 server
	Documented               // public documentation of a later version
	Unstable                 // a development version
)

// Group is the family a command belongs to, as COMMAND DOCS names it.
type Group uint8

// The groups.
const (
	Generic Group = iota
	String
	List
	Set
	SortedSet
	Hash
	Stream
	Geo
	Bitmap
	HyperLogLog
	PubSubGroup
	Transactions
	Scripting
	Connection
	Server
	Cluster
	SentinelGroup
	VectorSet
	Array
)

var groupNames = [...]string{
	"generic", "string", "list", "set", "sorted-set", "hash", "stream", "geo",
	"bitmap", "hyperloglog", "pubsub", "transactions", "scripting",
	"connection", "server", "cluster", "sentinel", "vector_set", "array",
}

// String returns the group's name on the wire.
func (g Group) String() string { return groupNames[g] }
