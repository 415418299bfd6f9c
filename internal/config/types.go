package config

import (
	"slices"
	"strings"
)

// Policy is what to give up when maxmemory is reached.
type Policy int

// The values of maxmemory-policy.
const (
	VolatileLRU Policy = iota
	VolatileLFU
	VolatileRandom
	VolatileTTL
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
	NoEviction
)

var policyNames = []string{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
	"allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"}

func (p Policy) String() string { return policyNames[p] }

// LogLevel is the least severe kind of message that is logged.
type LogLevel int

// The values of loglevel.
const (
	LogDebug LogLevel = iota
	LogVerbose
	LogNotice
	LogWarning
	LogNothing
)

var logLevelNames = []string{"debug", "verbose", "notice", "warning", "nothing"}

func (l LogLevel) String() string { return logLevelNames[l] }

// Fsync is how often the append only file is forced to disk.
type Fsync int

// The values of appendfsync.
const (
	FsyncEverySec Fsync = iota
	FsyncAlways
	FsyncNever
)

var fsyncNames = []string{"everysec", "always", "no"}

func (f Fsync) String() string { return fsyncNames[f] }

// Permission says who may do something dangerous: enable-debug-command and its
// kin.
type Permission int

// The values of enable-debug-command, enable-module-command and
// enable-protected-configs.
const (
	PermitNobody Permission = iota
	PermitAll
	PermitLocal
)

var permissionNames = []string{"no", "yes", "local"}

func (p Permission) String() string { return permissionNames[p] }

// Allows reports whether a client may; local says whether it comes from this
// machine or process.
func (p Permission) Allows(local bool) bool { return p == PermitAll || p == PermitLocal && local }

// Sanitize says whose RESTORE payloads are checked element by element.
type Sanitize int

// The values of sanitize-dump-payload.
const (
	SanitizeNever Sanitize = iota
	SanitizeAlways
	SanitizeClients
)

var sanitizeNames = []string{"no", "yes", "clients"}

func (s Sanitize) String() string { return sanitizeNames[s] }

// OOMScore is how oom-score-adj-values are meant.
type OOMScore int

// The values of oom-score-adj. "yes" and "relative" are one, shown as "yes".
const (
	OOMScoreNo OOMScore = iota
	OOMScoreYes
	oomScoreRelative
	OOMScoreAbsolute
)

var oomScoreNames = []string{"no", "yes", "relative", "absolute"}

func (s OOMScore) String() string { return oomScoreNames[s] }

// Shutdown is a set of flags for the SHUTDOWN that a signal asks for. None
// is "default".
type Shutdown uint8

// The words of shutdown-on-sigint and shutdown-on-sigterm.
const (
	ShutdownSave Shutdown = 1 << iota
	ShutdownNoSave
	ShutdownNow
	ShutdownForce
)

var shutdownNames = []string{"save", "nosave", "now", "force"}

func (s Shutdown) String() string {
	if s == 0 {
		return "default"
	}
	return strings.Join(flagNames(shutdownNames, func(i int) bool { return s&(1<<i) != 0 }), " ")
}

// Notify is the set of keyspace events that are published: where to (K, E), and which.
type Notify uint32

// The classes of notify-keyspace-events.
const (
	NotifyKeyspace Notify = 1 << iota // K: to __keyspace@<db>__:<key>
	NotifyKeyevent                    // E: to __keyevent@<db>__:<event>
	NotifyGeneric                     // g: DEL, EXPIRE, RENAME, …
	NotifyString                      // $
	NotifyList                        // l
	NotifySet                         // s
	NotifyHash                        // h
	NotifyZSet                        // z
	NotifyExpired                     // x
	NotifyEvicted                     // e
	NotifyStream                      // t
	NotifyKeyMiss                     // m: not in A
	NotifyModule                      // d
	NotifyNew                         // n: a key that was not there before; not in A

	// NotifyAll is the class A.
	NotifyAll = NotifyGeneric | NotifyString | NotifyList | NotifySet | NotifyHash | NotifyZSet |
		NotifyExpired | NotifyEvicted | NotifyStream | NotifyModule
)

type notifyLetter struct {
	letter byte
	class  Notify
}

// notifyLetters are in the order CONFIG GET writes them.
var notifyLetters = []notifyLetter{
	{'g', NotifyGeneric}, {'$', NotifyString}, {'l', NotifyList}, {'s', NotifySet}, {'h', NotifyHash},
	{'z', NotifyZSet}, {'x', NotifyExpired}, {'e', NotifyEvicted}, {'t', NotifyStream}, {'d', NotifyModule},
	{'n', NotifyNew}, {'K', NotifyKeyspace}, {'E', NotifyKeyevent}, {'m', NotifyKeyMiss},
}

// String returns the classes as CONFIG GET shows them. Like Redis it leaves out n
// beside A.
func (n Notify) String() string {
	var b strings.Builder
	if n&NotifyAll == NotifyAll {
		b.WriteByte('A')
		n &^= NotifyAll | NotifyNew
	}
	for _, l := range notifyLetters {
		if n&l.class != 0 {
			b.WriteByte(l.letter)
		}
	}
	return b.String()
}

// parseNotify returns false when there is a letter that means nothing.
func parseNotify(s string) (n Notify, ok bool) {
	for i := range len(s) {
		if s[i] == 'A' {
			n |= NotifyAll
			continue
		}
		j := slices.IndexFunc(notifyLetters, func(l notifyLetter) bool { return l.letter == s[i] })
		if j < 0 {
			return 0, false
		}
		n |= notifyLetters[j].class
	}
	return n, true
}

// A BufferLimit is how much unsent output a class of clients may pile up.
type BufferLimit struct {
	HardBytes   uint64 // close at once; 0: no limit
	SoftBytes   uint64 // close after SoftSeconds above it; 0: no limit
	SoftSeconds int
}

// The classes of client-output-buffer-limit.
const (
	ClassNormal = iota
	ClassReplica
	ClassPubSub
)

var classNames = [3]string{"normal", "slave", "pubsub"}

// A SavePoint asks for a snapshot when that many changes are that old.
type SavePoint struct {
	Seconds int64
	Changes int32
}

// flagNames returns the names whose index has.
func flagNames(names []string, has func(int) bool) []string {
	var set []string
	for i, name := range names {
		if has(i) {
			set = append(set, name)
		}
	}
	return set
}
