package spec

import "math/bits"

// Flags say what a command does to the server and when it may run.
type Flags uint32

// The flags, in the order in which COMMAND INFO lists them.
const (
	Write           Flags = 1 << iota // may change keys
	ReadOnly                          // reads keys and changes none
	DenyOOM                           // refused when memory is used up
	Module                            // from a module
	Admin                             // for administrators
	PubSub                            // deals in messages
	NoScript                          // not from scripts
	Blocking                          // may wait for a key
	Loading                           // allowed while a data set loads
	Stale                             // allowed on a replica with stale data
	SkipMonitor                       // not shown by MONITOR
	SkipSlowlog                       // not in the slow log
	Asking                            // may use a slot being imported
	Fast                              // O(1) or O(log N)
	NoAuth                            // allowed before authentication
	NoMandatoryKeys                   // its keys are optional
	NoAsyncLoading                    // not while a data set loads beside the old one
	NoMulti                           // not inside a transaction
	MovableKeys                       // FirstKey, LastKey and Step do not tell all keys
	AllowBusy                         // allowed while a script runs too long

	// The rest is internal: COMMAND INFO does not list it.

	MayReplicate         // may replicate although it is no write
	Sentinel             // known to a Sentinel
	OnlySentinel         // known to nothing else
	Protected            // refused unless the configuration permits it
	TouchesArbitraryKeys // reads keys that are not among its arguments
	Experimental         // may change
	endFlags
)

// Hidden are the flags COMMAND INFO does not list.
const Hidden = MayReplicate | Sentinel | OnlySentinel | Protected | TouchesArbitraryKeys | Experimental

var flagNames = [...]string{
	"write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript",
	"blocking", "loading", "stale", "skip_monitor", "skip_slowlog", "asking",
	"fast", "no_auth", "no_mandatory_keys", "no_async_loading", "no_multi",
	"movablekeys", "allow_busy",
	"may_replicate", "sentinel", "only_sentinel", "protected",
	"touches_arbitrary_keys", "experimental",
}

// Names lists the flags' names in the order of COMMAND INFO, which shows
// (f &^ Hidden).Names().
func (f Flags) Names() []string { return names(uint64(f), flagNames[:]) }

// Categories are the groups of commands that access rules speak of.
type Categories uint32

// The categories, in the order in which COMMAND INFO lists them.
const (
	CatKeyspace Categories = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
	CatVectorSet
	CatArray
	endCategories
)

var categoryNames = [...]string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string",
	"bitmap", "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow",
	"blocking", "dangerous", "connection", "transaction", "scripting",
	"vectorset", "array",
}

// Names lists the categories without their @, in the order of COMMAND INFO.
func (c Categories) Names() []string { return names(uint64(c), categoryNames[:]) }

// CategoryNamed returns the category of a name without its @.
func CategoryNamed(name string) (Categories, bool) {
	for i, n := range categoryNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// DocFlags are what COMMAND DOCS says of a command's standing.
type DocFlags uint8

// The flags, in the order of COMMAND DOCS.
const (
	Deprecated DocFlags = 1 << iota
	Syscmd              // servers and tools use it among themselves
	endDocFlags
)

var docFlagNames = [...]string{"deprecated", "syscmd"}

// Names lists the flags' names.
func (d DocFlags) Names() []string { return names(uint64(d), docFlagNames[:]) }

// KeyFlags say what a command does with a key.
type KeyFlags uint16

// The flags, in the order in which COMMAND INFO lists them. Exactly one of the
// first four stands at each key that is a key.
const (
	RO            KeyFlags = 1 << iota // reads the value
	RW                                 // reads the value and changes it or its data
	OW                                 // overwrites whatever was there
	RM                                 // removes the key unread
	Access                             // returns, copies or acts on the user's data
	Update                             // changes the user's data
	Insert                             // adds to it, changing nothing there
	Delete                             // removes from it
	NotKey                             // not a key, but placed like one
	Incomplete                         // the spec may miss keys
	VariableFlags                      // the flags depend on other arguments
	endKeyFlags
)

var keyFlagNames = [...]string{
	"RO", "RW", "OW", "RM", "access", "update", "insert", "delete",
	"not_key", "incomplete", "variable_flags",
}

// Names lists the flags' names in the order of COMMAND INFO.
func (f KeyFlags) Names() []string { return names(uint64(f), keyFlagNames[:]) }

// names lists the names of the bits that are set, lowest first.
func names(set uint64, of []string) []string {
	list := make([]string, 0, bits.OnesCount64(set))
	for ; set != 0; set &= set - 1 {
		list = append(list, of[bits.TrailingZeros64(set)])
	}
	return list
}

// implied returns the categories that flags and explicit categories imply.
func implied(f Flags, c Categories) Categories {
	if f&Write != 0 {
		c |= CatWrite
	}
	if f&ReadOnly != 0 && c&CatScripting == 0 {
		c |= CatRead // a read-only script may still be no read of keys
	}
	if f&Admin != 0 {
		c |= CatAdmin | CatDangerous
	}
	if f&PubSub != 0 {
		c |= CatPubSub
	}
	if f&Blocking != 0 {
		c |= CatBlocking
	}
	if f&Fast != 0 {
		return c | CatFast
	}
	return c | CatSlow
}
