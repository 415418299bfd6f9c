package keyspace

import "github.com/redweave/redweave/lazyfree"

// Settings are the parameters of a shard that may change while it runs. The
// names are redis.conf's.
type Settings struct {
	// MaxMemory bounds [Shard.Used], in bytes; 0 means no bound.
	MaxMemory int64
	// Policy says which keys go when MaxMemory is reached.
	Policy Policy
	// Samples is maxmemory-samples: keys looked at for each key evicted.
	Samples int
	// Tenacity is maxmemory-eviction-tenacity, 0 to 100.
	Tenacity int
	// LFULogFactor and LFUDecayMinutes shape the LFU counter.
	LFULogFactor, LFUDecayMinutes int
	// ExpireEffort is active-expire-effort, 1 to 10.
	ExpireEffort int
	// Hz is how often a second the slow expire cycle runs.
	Hz int
	// Lazy says which deletions free large values in the background.
	Lazy lazyfree.Settings
	// Defrag says whether and how hard memory is defragmented.
	Defrag DefragSettings
}

// DefaultSettings returns Redis's defaults.
func DefaultSettings() *Settings {
	return &Settings{
		Policy: NoEviction, Samples: 5, Tenacity: 10,
		LFULogFactor: 10, LFUDecayMinutes: 1, ExpireEffort: 1, Hz: 10,
	}
}

// A Policy is a maxmemory-policy.
type Policy uint8

// The policies.
const (
	NoEviction Policy = iota
	AllKeysLRU
	AllKeysLFU
	AllKeysRandom
	VolatileLRU
	VolatileLFU
	VolatileRandom
	VolatileTTL
)

var policyNames = [...]string{
	"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
	"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
}

// String returns the policy's name in redis.conf.
func (p Policy) String() string { return policyNames[p] }

// ParsePolicy returns the policy of that name.
func ParsePolicy(name string) (Policy, bool) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), true
		}
	}
	return NoEviction, false
}

func (p Policy) lfu() bool      { return p == AllKeysLFU || p == VolatileLFU }
func (p Policy) lru() bool      { return p == AllKeysLRU || p == VolatileLRU }
func (p Policy) volatile() bool { return p >= VolatileLRU }
func (p Policy) random() bool   { return p == AllKeysRandom || p == VolatileRandom }

// LFU reports whether the policy counts uses, which OBJECT FREQ asks.
func (p Policy) LFU() bool { return p.lfu() }
