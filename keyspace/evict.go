package keyspace

import (
	"math"
	"time"

	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/prefetch"
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
// A candidate is remembered by its key, since its block may move or go, and by
// its database, which SWAPDB may renumber. Score is what the policy calls
// worthless: idle time for LRU, 255 - count for LFU, nearness of expiry for
// volatile-ttl. A candidate may have been used, or made anew, since it was
// sampled: it is scored again when its turn comes, and goes back into line if it
// is worth more now.
//
// # How far above the limit
//
// One call has the time maxmemory-eviction-tenacity allows, but memory must not
// run away from an owner who has too little time each time: so the time counts
// only while memory is no more than overLimit above the limit, or no more than it
// was when the limit was lowered and the last call ran out of time. Hence
//
//	Used() <= MaxMemory + overLimit + what one command takes
//
// holds before every command from the moment it held first, and lowering the limit
// by gigabytes stops nobody for longer than the time allowed.
const (
	poolSize        = 16
	evictClockEvery = 16
	overLimit       = 1 << 20
)

type candidate struct {
	score uint64
	hash  uint64
	db    *DB
	key   []byte
}

// evictor is the pool and what eviction remembers between calls.
type evictor struct {
	pool    [poolSize]candidate
	n       int
	nextDB  int // random policies take the databases in turn
	sample  []slab.Ref
	scratch Entry

	policy Policy // whose scores are in the pool
	limit  int64  // MaxMemory when debt was reckoned
	debt   int64  // bytes that may be above the limit for lack of time
}

// configured empties the pool when its scores belong to another policy, and lets
// memory stay where a lowered limit left it for as long as eviction takes.
func (v *evictor) configured(s *Shard) {
	if v.policy != s.set.Policy {
		v.policy, v.n = s.set.Policy, 0
	}
	if v.limit != s.set.MaxMemory {
		v.limit, v.debt = s.set.MaxMemory, s.Over()
	}
}

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

// Over returns the bytes in use above MaxMemory, negative or 0 when it fits; under
// a [Budget], those that this shard has to see to.
func (s *Shard) Over() int64 {
	switch {
	case s.set.MaxMemory == 0:
		return 0
	case s.budget != nil:
		return s.overBudget()
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
	start, limit := s.nano(), evictLimit(s.set.Tenacity)
	v := &s.evictor
	for n := 0; ; n++ {
		if n%evictClockEvery == 0 {
			s.reclaim()
			if over := s.Over(); n > 0 && s.nano()-start > limit && over <= max(v.debt, overLimit) {
				v.debt = over
				return Evicting
			}
		}
		if s.Over() <= 0 {
			v.debt = 0
			return Fits
		}
		if s.set.Policy == NoEviction || !s.victim(&v.scratch) {
			return s.lastResort(start, limit)
		}
		s.evictKey(&v.scratch)
		if s.set.Lazy.Eviction {
			s.await(start, limit)
		}
	}
}

// reclaim takes back as much of what the reclaimer has freed as brings memory
// below the limit.
func (s *Shard) reclaim() {
	for s.Over() > 0 && s.home.Ready() {
		s.home.Collect()
	}
}

func (s *Shard) evictKey(e *Entry) {
	db := e.db
	key := keep(s.keyBuffer, e.Key())
	s.keyBuffer = key
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
	v := &s.evictor
	for {
		found := false
		for _, db := range s.dbs {
			if db != nil && db.evictable().Len() > 0 {
				found = true
				s.fillPool(db)
			}
		}
		if !found {
			return false
		}
		for v.n > 0 {
			v.n--
			c := &v.pool[v.n]
			if !c.db.bindEvictable(e, c.hash, c.key) {
				continue
			}
			now := s.score(e)
			if now >= c.score {
				return true
			}
			v.offer(now, c.db, c.hash, e.Key())
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

// lastResort is what eviction does when there is no key to evict: memory freed
// lazily may be on its way back.
func (s *Shard) lastResort(start, limit int64) Pressure {
	if s.await(start, limit); s.Over() > 0 {
		return Full
	}
	return Fits
}

// await waits until the reclaimer has brought memory below the limit, while it
// has work and the time lasts: what is already on its way back need not be evicted
// once more.
func (s *Shard) await(start, limit int64) {
	for s.Over() > 0 {
		left := int64(time.Second)
		if s.nanos != nil {
			left = limit - (s.nanos() - start)
		}
		if left <= 0 || !s.home.Await(time.Duration(left)) {
			return
		}
		s.reclaim()
	}
}

// bindEvictable fills e if key is still there, and still volatile where the
// policy asks for that.
func (db *DB) bindEvictable(e *Entry, h uint64, key []byte) bool {
	ref := db.evictable().Find(h, key)
	if ref == slab.Nil {
		return false
	}
	e.bind(db, h, ref)
	return true
}

// fillPool samples keys of db into the pool. Neighbours in the table have nothing
// in common but the order in which they came, first to last: so a few more are
// asked for, and from those the sample is drawn.
func (s *Shard) fillPool(db *DB) {
	v, n := &s.evictor, max(s.set.Samples, 1)
	v.sample = db.evictable().Sample(s.rnd, v.sample[:0], 2*n+2)
	n = min(n, len(v.sample))
	for i := range n {
		j := i + int(s.rnd.Uint32N(uint32(len(v.sample)-i)))
		v.sample[i], v.sample[j] = v.sample[j], v.sample[i]
		prefetch.T0(db.mem.Ptr(v.sample[i]))
	}
	e := &v.scratch
	for _, ref := range v.sample[:n] {
		e.bind(db, 0, ref)
		v.offer(s.score(e), db, db.keys.Hash(e.Key()), e.Key())
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
// better ones. A key is in the pool once, with its latest score.
func (v *evictor) offer(score uint64, db *DB, hash uint64, key []byte) {
	for i := range v.n {
		if c := &v.pool[i]; c.hash == hash && c.db == db {
			if c.score == score {
				return
			}
			v.n--
			v.rotate(i, v.n)
			break
		}
	}
	i := v.n
	for i > 0 && v.pool[i-1].score >= score {
		i--
	}
	switch {
	case v.n < poolSize:
		v.rotate(v.n, i)
		v.n++
	case i == 0:
		return
	default: // the worst candidate, on the left, makes room
		i--
		v.rotate(0, i)
	}
	c := &v.pool[i]
	c.score, c.hash, c.db, c.key = score, hash, db, keep(c.key, key)
}

// rotate moves place i of the pool to place j, and those between by one. So the
// buffers of the keys are kept.
func (v *evictor) rotate(i, j int) {
	c := v.pool[i]
	if i < j {
		copy(v.pool[i:j], v.pool[i+1:j+1])
	} else {
		copy(v.pool[j+1:i+1], v.pool[j:i])
	}
	v.pool[j] = c
}

// keep copies key into buf, unless that is much larger than keys usually are.
func keep(buf, key []byte) []byte {
	if cap(buf) > 4096 {
		buf = nil
	}
	return append(buf[:0], key...)
}
