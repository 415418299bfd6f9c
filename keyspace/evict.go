package keyspace

import (
	"math"
	"time"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// Eviction approximates its policy as Redis does (evict.c): it samples a few
// keys of every database, keeps the best candidates seen so far in a small pool,
// and evicts the best of the pool. With the pool, five samples a key come close
// to true LRU.
//
//	pool   [ idle 3 | idle 8 | idle 40 | idle 900 ]   ascending, at most 16
//	                                     ^ evicted next
//
// A candidate is remembered by its key, since its block may move or go. Score
// is what the policy calls worthless: idle time for LRU, 255 - count for LFU,
// nearness of expiry for volatile-ttl.
const (
	poolSize        = 16
	evictClockEvery = 16
)

type candidate struct {
	score uint64
	db    int
	key   []byte
}

// evictor is the pool and what eviction remembers between calls.
type evictor struct {
	pool    [poolSize]candidate
	n       int
	nextDB  int // random policies take the databases in turn
	sample  []slab.Ref
	scratch Entry
}

// forget empties the pool: its scores belong to another policy.
func (v *evictor) forget() { v.n = 0 }

// Pressure is the answer of [Shard.Evict].
type Pressure uint8

const (
	// Fits: memory is below the limit, or there is none.
	Fits Pressure = iota
	// Evicting: the time limit came before memory was below the limit; more
	// evictions are due.
	Evicting
	// Full: memory is above the limit and nothing may be evicted.
	Full
)

// Over returns the bytes in use above MaxMemory, negative or 0 when it fits.
func (s *Shard) Over() int64 {
	if s.set.MaxMemory == 0 {
		return 0
	}
	return s.Used() - s.set.MaxMemory
}

// Evict deletes keys until memory is below the limit, for a bounded time (by
// maxmemory-eviction-tenacity). The owner calls it before a command that may
// need memory.
func (s *Shard) Evict() Pressure {
	if s.Over() <= 0 {
		return Fits
	}
	return s.evict()
}

func (s *Shard) evict() Pressure {
	s.Collect()
	if s.Over() <= 0 {
		return Fits
	}
	if s.set.Policy == NoEviction {
		return Full
	}
	start := s.nano()
	limit := evictLimit(s.set.Tenacity)
	e := &s.evictor.scratch
	for n := 1; s.Over() > 0; n++ {
		if !s.victim(e) {
			return s.awaitReclaim(start, limit)
		}
		s.evictKey(e)
		if n%evictClockEvery == 0 {
			s.Collect()
			if s.nanos != nil && s.nanos()-start > limit {
				return Evicting
			}
		}
	}
	return Fits
}

func (s *Shard) evictKey(e *Entry) {
	db := e.db
	key := append(s.expire.keyBuffer[:0], e.Key()...)
	s.expire.keyBuffer = key
	db.Delete(e, lazyfree.Eviction)
	s.Stats.Evicted++
	if s.hook != nil {
		s.hook.Modified(db.id, key)
		s.hook.Event(db.id, EventEvicted, "evicted", key)
	}
}

// evictLimit is the time one call may take, in nanoseconds.
func evictLimit(tenacity int) int64 {
	switch {
	case tenacity <= 10:
		return int64(tenacity) * 50_000
	case tenacity < 100:
		return int64(500_000 * math.Pow(1.15, float64(tenacity-10)))
	}
	return math.MaxInt64
}

// victim finds the next key to evict under the policy.
func (s *Shard) victim(e *Entry) bool {
	if s.set.Policy.random() {
		return s.randomVictim(e)
	}
	for {
		found := false
		for _, db := range s.dbs {
			if db == nil {
				continue
			}
			if t := db.evictable(); t.Len() > 0 {
				found = true
				s.fillPool(db)
			}
		}
		if !found {
			return false
		}
		for s.evictor.n > 0 {
			s.evictor.n--
			c := &s.evictor.pool[s.evictor.n]
			if db := s.dbs[c.db]; db != nil && db.bindEvictable(e, c.key) {
				return true
			}
		}
	}
}

func (s *Shard) randomVictim(e *Entry) bool {
	for range s.dbs {
		s.evictor.nextDB = (s.evictor.nextDB + 1) % len(s.dbs)
		db := s.dbs[s.evictor.nextDB]
		if db == nil {
			continue
		}
		if t := db.evictable(); t.Len() > 0 {
			e.bind(db, 0, t.Random(s.rnd))
			e.hash = db.keys.Hash(e.Key())
			return true
		}
	}
	return false
}

// evictable is the table the policy evicts from.
func (db *DB) evictable() *dict.Table {
	if db.shard.set.Policy.volatile() {
		return db.expires
	}
	return db.keys
}

// awaitReclaim is what eviction does when no key is left to evict: while lazily
// freed memory is on its way back it waits for that, within the time limit.
func (s *Shard) awaitReclaim(start, limit int64) Pressure {
	for s.nanos != nil {
		left := limit - (s.nanos() - start)
		if left <= 0 || !s.home.Await(time.Duration(left)) {
			break
		}
		if s.Over() <= 0 {
			return Fits
		}
	}
	return Full
}

// bindEvictable fills e if key is still there, and still volatile where the
// policy asks for that.
func (db *DB) bindEvictable(e *Entry, key []byte) bool {
	h := db.keys.Hash(key)
	ref := db.evictable().Find(h, key)
	if ref == slab.Nil {
		return false
	}
	e.bind(db, h, ref)
	return true
}

// fillPool samples keys of db into the pool.
func (s *Shard) fillPool(db *DB) {
	v := &s.evictor
	v.sample = db.evictable().Sample(s.rnd, v.sample[:0], s.set.Samples)
	for _, ref := range v.sample {
		v.scratch.bind(db, 0, ref)
		v.offer(s.score(&v.scratch), db.id, v.scratch.Key())
	}
}

// score is how little the policy would miss e.
func (s *Shard) score(e *Entry) uint64 {
	switch s.set.Policy {
	case AllKeysLFU, VolatileLFU:
		return 255 - uint64(e.Freq())
	case VolatileTTL:
		at, _ := e.ExpireAt()
		return math.MaxUint64 - uint64(at)
	}
	return uint64(e.IdleMs())
}

// offer puts a candidate in its place in the pool, unless the pool is full of
// better ones.
func (v *evictor) offer(score uint64, db int, key []byte) {
	i := 0
	for i < v.n && v.pool[i].score < score {
		i++
	}
	for j := i; j < v.n && v.pool[j].score == score; j++ {
		if v.pool[j].db == db && string(v.pool[j].key) == string(key) {
			return // sampled twice
		}
	}
	if v.n == poolSize {
		if i == 0 {
			return
		}
		// The worst candidate, on the left, makes room.
		first := v.pool[0]
		copy(v.pool[:i-1], v.pool[1:i])
		i--
		v.pool[i] = first
	} else {
		last := v.pool[v.n]
		copy(v.pool[i+1:v.n+1], v.pool[i:v.n])
		v.pool[i] = last
		v.n++
	}
	c := &v.pool[i]
	c.score, c.db, c.key = score, db, append(c.key[:0], key...)
}
