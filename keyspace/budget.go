package keyspace

import "github.com/redweave/redweave/internal/sharedword"

// A Budget is the memory of all shards of a keyspace together, which maxmemory
// bounds: each of them adds what it uses, and learns what the others do.
//
//	          share = MaxMemory / shards
//	           │
//	shard 0  ▓▓│▓▓▓      above its share: evicts, as long as the total is too much
//	shard 1  ▓▓│
//	shard 2  ▓ │         below it: what it leaves, others may use
//
// As long as the total fits, nobody evicts, however unevenly it is spread. When it
// does not, somebody is above his share, and evicts down to it or until the total
// fits. One who is not leaves it to the others, who do so before their next command.
// When they have none, and the total is a sixteenth of the limit, or a megabyte, beyond
// it, he is crowded: then somebody who owns all has them make room ([EvictAll]). Where
// nothing is evicted, the total alone counts.
//
// A shard tells of its memory by Publish, when its owner gives it back; what it
// goes by itself is exact.
type Budget struct {
	total  sharedword.Sum
	shards int64
}

// NewBudget returns the budget of a number of shards: see [Options].
func NewBudget(shards int) *Budget { return &Budget{shards: int64(shards)} }

// Used returns the memory in use by all shards, as last published. Anybody may ask.
func (b *Budget) Used() int64 { return b.total.Load() }

// Publish tells the shards with which this one shares a budget how much it uses.
func (s *Shard) Publish() {
	if s.budget == nil {
		return
	}
	if used := s.Used(); used != s.published {
		s.budget.total.Add(used - s.published)
		s.published = used
	}
}

// overBudget is Over under a budget.
func (s *Shard) overBudget() int64 {
	used, limit := s.Used(), s.set.MaxMemory
	over := s.budget.total.Load() - s.published + used - limit
	if over <= 0 || s.set.Policy == NoEviction || s.generous {
		return over
	}
	return min(over, max(used-limit/s.budget.shards, 0))
}

// Crowded reports whether there is too little room for this shard because others are
// above their share.
func (s *Shard) Crowded() bool {
	limit := s.set.MaxMemory
	if s.budget == nil || limit == 0 || s.set.Policy == NoEviction {
		return false
	}
	used := s.Used()
	return used <= limit/s.budget.shards &&
		s.budget.total.Load()-s.published+used > limit+min(limit/16, overLimit)
}

// EvictAll is Evict for an owner of all shards: they make room together, those above
// their share first, and where one has nothing left to evict, the others go on.
func EvictAll(shards []*Shard) Pressure {
	p := Fits
	for _, s := range shards {
		p = max(p, s.Evict())
		s.Publish()
	}
	if p != Full {
		return p
	}
	for _, s := range shards {
		if p = s.EvictAny(); p != Full {
			return p
		}
	}
	return Full
}

// EvictAny is Evict whatever the shard's share is.
func (s *Shard) EvictAny() Pressure {
	s.generous = true
	p := s.Evict()
	s.generous = false
	s.Publish()
	return p
}
