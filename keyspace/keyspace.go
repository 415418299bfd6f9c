// Package keyspace holds Redis's keyspace: numbered databases of keys with
// values of every type, their expiry and their eviction.
//
// A [Shard] is a piece of a keyspace with exactly one owner at a time, and all
// of it is plain single-threaded code. Who owns a shard, and when, is the
// business of a threading model (package threading).
//
//	s := keyspace.New(keyspace.Options{})
//	defer s.Close()
//	s.Tick(time.Now().UnixMilli())
//	db := s.DB(0)
//	var e keyspace.Entry
//	db.Lookup(&e, []byte("greeting"), keyspace.Write)
//	db.SetString(&e, []byte("greeting"), keyspace.StringOf([]byte("hello")), 0)
//
// # Guarantees
//
// Lookup, creation and deletion are O(1), and no insertion moves more than 64
// keys of the index. Keys and values given are copied; slices handed out point
// into the shard's memory and are good until the next modification. A key whose
// time has passed is never seen: a lookup deletes it, and [Shard.ExpireCycle]
// finds those nobody looks up. [DB.Scan] gives SCAN's guarantee.
//
// Reading the source: entry.go draws a key in memory, db.go keeps the tables
// over such entries, expire.go and evict.go take keys away, lazy.go says where
// a large value is freed, hooks.go is where everything that must hear of a
// change hangs on, and check.go states all invariants by verifying them.
//
// # What it does not do
//
// It knows no commands, no replies, no clients and no threads. The owner calls
// [Shard.Tick] with the time before it runs commands; nothing here reads a wall
// clock.
package keyspace

import (
	"hash/maphash"
	"math/rand/v2"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/internal/sharedword"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// DefaultDatabases is the number of databases when Options does not say.
const DefaultDatabases = 16

// Options configure a shard. The zero value works.
type Options struct {
	// Databases is the number of databases; 0 means 16.
	Databases int

	// Settings are the live parameters; nil means DefaultSettings. The owner
	// may change them between commands, followed by [Shard.Configured].
	Settings *Settings

	// Seed keys the hash function, so that nobody can choose colliding keys.
	// The zero value means a random seed.
	Seed maphash.Seed

	// Rand is the source of every random choice; nil means a seeded PCG.
	Rand *rand.Rand

	// Nanos reads a monotonic clock for the time limits of expiry and
	// eviction, in nanoseconds. nil means no time limits.
	Nanos func() int64

	// UnixMilli reads the wall clock for [Shard.Late], in Unix milliseconds.
	UnixMilli func() int64

	// SmallPages asks the system not to back the shard's memory with huge
	// pages (disable-thp). They make lookups in a large keyspace cheaper and
	// the first touch of memory dearer.
	SmallPages bool

	// Reclaimer frees large values in the background, for all shards of a
	// keyspace. nil means one of the shard's own.
	Reclaimer *lazyfree.Reclaimer

	// Budget is what shards share that are bounded together; nil for one alone.
	Budget *Budget
}

// A Shard is a set of databases over one arena. It has one owner at a time.
type Shard struct {
	mem  *slab.Arena
	set  *Settings
	seed maphash.Seed
	rnd  *rand.Rand
	dbs  []*DB
	hook Hook

	nanos, unixMilli func() int64
	home             *lazyfree.Home

	stripes [stripes]sharedword.Stripe // see overwrite.go

	reclaimer    *lazyfree.Reclaimer
	ownReclaimer bool // Close closes it

	budget    *Budget // nil for a shard alone
	published int64   // what it knows of Used
	generous  bool    // shares do not count now: see EvictAll

	now      int64  // Unix milliseconds
	late     bool   // now may be old
	lruClock uint64 // now in ticks, 24 bits
	lfu, lru bool   // set.Policy goes by the count or the time of use

	staleTicks uint32 // how far behind a shared read leaves the time of use: less than that
	objects    int    // large values alive
	volatile   int    // elements of all databases' expires and fieldTTLs

	// ExternalBytes is memory outside the shard that maxmemory counts.
	ExternalBytes int64

	// ActiveExpireOff stops the active expire cycle (DEBUG SET-ACTIVE-EXPIRE).
	ActiveExpireOff bool

	// Stats are the shard's counters, for INFO.
	Stats Stats

	expire   expireState
	evictor  evictor
	defrag   defragState
	replaced Entry // the handle of an entry that is being replaced

	keyBuffer []byte // the key of an entry that is gone, for the hook
}

// Stats are a shard's counters since it was made or [Shard.ResetStats].
type Stats struct {
	Hits, Misses                   int64
	Expired                        int64 // keys deleted because their time had passed
	ExpiredFields                  int64 // hash fields likewise
	Evicted                        int64 // keys deleted to stay under maxmemory
	ExpireTimeCapped               int64 // active expire cycles ended by their time limit
	StalePercent                   float64
	ExpireCycleNanos               int64
	ExceededNanos                  int64 // time spent evicting
	DefragHits, DefragMisses       int64 // blocks moved, and left, by active defragmentation
	DefragKeyHits, DefragKeyMisses int64 // keys with a block moved, and without
	DefragNanos                    int64
	Dirty                          int64 // modifications; not reset
}

// Add adds another shard's counters.
func (s *Stats) Add(o *Stats) {
	s.Hits += o.Hits
	s.Misses += o.Misses
	s.Expired += o.Expired
	s.ExpiredFields += o.ExpiredFields
	s.Evicted += o.Evicted
	s.ExpireTimeCapped += o.ExpireTimeCapped
	s.StalePercent += o.StalePercent
	s.ExpireCycleNanos += o.ExpireCycleNanos
	s.ExceededNanos += o.ExceededNanos
	s.DefragHits += o.DefragHits
	s.DefragMisses += o.DefragMisses
	s.DefragKeyHits += o.DefragKeyHits
	s.DefragKeyMisses += o.DefragKeyMisses
	s.DefragNanos += o.DefragNanos
	s.Dirty += o.Dirty
}

// New returns an empty shard.
func New(o Options) *Shard {
	if o.Databases == 0 {
		o.Databases = DefaultDatabases
	}
	if o.Settings == nil {
		o.Settings = DefaultSettings()
	}
	if o.Seed == (maphash.Seed{}) {
		o.Seed = maphash.MakeSeed()
	}
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	s := &Shard{
		mem: slab.New(slab.Options{NoHugePages: o.SmallPages}), set: o.Settings, seed: o.Seed, rnd: o.Rand, nanos: o.Nanos, unixMilli: o.UnixMilli,
		dbs: make([]*DB, o.Databases),
	}
	if o.Reclaimer == nil {
		o.Reclaimer, s.ownReclaimer = lazyfree.New(), true
	}
	s.reclaimer, s.home = o.Reclaimer, o.Reclaimer.Home(s.mem)
	s.budget = o.Budget
	s.Publish()
	s.Configured()
	return s
}

// Close gives the shard's memory back. The reclaimer given to New must have been
// closed or drained before: its jobs read that memory.
func (s *Shard) Close() {
	if s.ownReclaimer {
		s.reclaimer.Close()
	}
	s.mem.Close()
}

// Tick tells the shard the time, in Unix milliseconds. It stands still during a
// command, so that a command sees each key either alive or expired throughout.
func (s *Shard) Tick(unixMs int64) {
	s.late = false
	if unixMs == s.now {
		return
	}
	s.now = unixMs
	s.lruClock = uint64(unixMs/lruTicks) & lruMask
}

// Late tells the shard, in place of a Tick, that the owner has not looked at the
// clock, which may take longer than all else it wants. The shard looks when it
// matters: when a key has a TTL, or somebody asks Now. What it notes of the time of
// use is as old as the last Tick.
func (s *Shard) Late() { s.late = true }

// InTime takes Late back: the last Tick is recent enough.
func (s *Shard) InTime() { s.late = false }

// Now returns the time of the last Tick, in Unix milliseconds.
func (s *Shard) Now() int64 {
	if s.late {
		s.Tick(s.unixMilli())
	}
	return s.now
}

// DB returns database i, which must be below [Shard.Databases]. Databases are
// made when first asked for.
func (s *Shard) DB(i int) *DB {
	if db := s.dbs[i]; db != nil {
		return db
	}
	s.dbs[i] = newDB(s, i)
	return s.dbs[i]
}

// Peek returns database i, or nil when it was never used.
func (s *Shard) Peek(i int) *DB { return s.dbs[i] }

// Databases returns the number of databases.
func (s *Shard) Databases() int { return len(s.dbs) }

// Arena returns the shard's memory.
func (s *Shard) Arena() *slab.Arena { return s.mem }

// Rand returns the shard's source of randomness.
func (s *Shard) Rand() *rand.Rand { return s.rnd }

// Configured tells the shard that its settings have changed.
func (s *Shard) Configured() {
	s.lfu, s.lru = s.set.Policy.lfu(), s.set.Policy.lru()
	s.staleTicks = sharedStampTicks
	if s.lru {
		s.staleTicks = 1
	}
	s.evictor.configured(s)
}

// objectBytes is what a large value's Go object, its slot in the table and its
// slice headers come to: an estimate, as it is not in the arena.
const objectBytes = 192

// Used returns the memory in use, in bytes: every block of the arena, which is
// exact, and an estimate for the objects of large values. It is used_memory,
// and what maxmemory bounds.
func (s *Shard) Used() int64 { return s.mem.Used() + int64(s.objects)*objectBytes + s.ExternalBytes }

// Swap exchanges two databases for everybody.
func (s *Shard) Swap(i, j int) {
	a, b := s.DB(i), s.DB(j)
	if s.hook != nil {
		s.hook.Flushed(i)
		s.hook.Flushed(j)
	}
	s.dbs[i], s.dbs[j] = b, a
	a.id, b.id = j, i
}

// Empty removes every key of every database and returns how many there were.
func (s *Shard) Empty(async bool) int {
	n := 0
	for _, db := range s.dbs {
		if db != nil {
			n += db.Empty(async)
		}
	}
	return n
}

// Len returns the number of keys in all databases.
func (s *Shard) Len() int {
	n := 0
	for _, db := range s.dbs {
		if db != nil {
			n += db.Len()
		}
	}
	return n
}

// Volatile returns the number of keys with a TTL, and of hashes with a field
// that expires, in all databases.
func (s *Shard) Volatile() int { return s.volatile }

// ResetStats starts the counters that CONFIG RESETSTAT resets from zero.
func (s *Shard) ResetStats() {
	s.Stats = Stats{Dirty: s.Stats.Dirty}
}

// TypeOf returns the type of what e holds, None for a handle that found nothing.
func (e *Entry) TypeOf() datatypes.Type {
	if e.ref == slab.Nil {
		return datatypes.None
	}
	return e.Type()
}
