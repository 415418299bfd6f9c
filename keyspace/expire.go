package keyspace

import (
	"github.com/redweave/redweave/internal/prefetch"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// Keys expire in two ways. A lookup that meets a key whose time has passed
// deletes it; and the active cycle looks for those nobody looks up. As Redis
// does, it samples volatile keys, and goes on as long as many of them have
// expired, within a share of the time:
//
//	cycle   when                        time limit
//	slow    Hz times a second           25 % (+2 an effort step) of 1/Hz
//	fast    before the owner sleeps,    1 ms (+0.25 an effort step)
//	        if the last cycle ran out
//	        of time
//
// Redis stops when a tenth or less of a sample had expired, and so leaves a tenth
// of the volatile keys lying about dead. That is right where keys expire faster
// than there is time to find them all. Where they do not, here the cycle goes on
// down to a hundredth, for two fifths of the time limit at most:
//
//	share of a batch that had expired     > 10 %   > 1 %    less
//	goes on until                         limit    2/5      –
//
// The effort (1 to 10) takes more keys a sample and lowers the 10 %.
//
// Hashes with fields that expire are looked through in the same way, under the same
// limits; see fieldexpire.go.
const (
	expireDBsPerCycle   = 16
	expireKeysPerLoop   = 20
	expireFastNanos     = 1_000_000
	expireSlowPercent   = 25
	expireAcceptPercent = 10
	expireRarePercent   = 1
	expireBucketsPerKey = 20
	expireClockEvery    = 16
	staleWeight         = 0.05
	ttlWeight           = 0.02
)

// expireState is what the cycle remembers from call to call.
type expireState struct {
	db       int   // where the next call begins
	capped   bool  // the last call ran out of time
	lastFast int64 // nanos of the last fast cycle's start

	// Of the present call.
	deadline     int64 // nanos
	rareDeadline int64 // nanos: for going on although few have expired
	total, hits  int

	// Of the present sample.
	due      []slab.Ref
	sampled  int
	ttlSum   int64
	ttlCount int64
	scratch  Entry
}

// Due reports whether the key's time has passed.
func (e *Entry) Due() bool {
	at, ok := e.ExpireAt()
	return ok && e.db.shard.Now() > at
}

// expireIfDue deletes e if its time has passed, and reports whether it did.
func (db *DB) expireIfDue(e *Entry) bool {
	if !e.Due() {
		return false
	}
	db.expireNow(e)
	return true
}

// expireNow deletes e as expired.
func (db *DB) expireNow(e *Entry) {
	s := db.shard
	key := keep(s.keyBuffer, e.Key())
	s.keyBuffer = key
	db.Delete(e, lazyfree.Expire)
	s.Stats.Expired++
	if s.hook != nil {
		s.hook.Event(db.id, EventExpired, "expired", key)
		s.hook.Modified(db.id, key)
	}
}

// ExpireCycle looks for keys and hash fields whose time has passed. The owner
// calls it with fast false Hz times a second, and with fast true before it
// sleeps. It reports whether the time limit ended it.
func (s *Shard) ExpireCycle(fast bool) bool {
	x := &s.expire
	if s.ActiveExpireOff || fast && !x.capped {
		return false
	}
	start := s.nano()
	effort := max(s.set.ExpireEffort-1, 0)
	limit := int64(expireSlowPercent+2*effort) * 1_000_000_000 / 100 / int64(max(s.set.Hz, 1))
	if fast {
		limit = expireFastNanos + expireFastNanos/4*int64(effort)
		if start < x.lastFast+2*limit {
			return false
		}
		x.lastFast = start
	}
	x.deadline, x.rareDeadline = start+limit, start+limit/5*2
	x.total, x.hits = 0, 0
	dbs := min(expireDBsPerCycle, len(s.dbs))
	if x.capped {
		dbs = len(s.dbs)
	}
	x.capped = false
	for ; dbs > 0 && !x.capped; dbs-- {
		db := s.dbs[x.db%len(s.dbs)]
		x.db = (x.db + 1) % len(s.dbs)
		if db != nil {
			db.expireKeys(effort)
			db.expireFields(effort)
			db.tidy()
		}
	}
	if x.capped {
		s.Stats.ExpireTimeCapped++
	}
	stale := 0.0
	if x.total > 0 {
		stale = float64(x.hits) / float64(x.total)
	}
	s.Stats.StalePercent = stale*100*staleWeight + s.Stats.StalePercent*(1-staleWeight)
	s.Stats.ExpireCycleNanos += s.nano() - start
	return x.capped
}

// goOn says, after a batch of samples, whether to take another: hits is how many
// of those sampled had expired.
func (s *Shard) goOn(effort, sampled, hits int) bool {
	x := &s.expire
	if hits*100 <= sampled*expireRarePercent {
		return false
	}
	if s.nanos == nil {
		return true
	}
	now := s.nanos()
	if now > x.deadline {
		x.capped = true
		return false
	}
	return now <= x.rareDeadline || hits*100 > sampled*(expireAcceptPercent-effort)
}

// expireKeys samples volatile keys, a batch of loops at a time, until few of a
// batch had expired.
func (db *DB) expireKeys(effort int) {
	s, x := db.shard, &db.shard.expire
	perLoop := expireKeysPerLoop + expireKeysPerLoop/4*effort
	for {
		sampled, hits := 0, 0
		for range expireClockEvery {
			if db.expires.Len() == 0 {
				db.ttlMean = 0
				break
			}
			db.expireSample(perLoop)
			sampled, hits = sampled+x.sampled, hits+len(x.due)
		}
		x.total, x.hits = x.total+sampled, x.hits+hits
		if !s.goOn(effort, sampled, hits) {
			return
		}
	}
}

// expireSample looks at n volatile keys or some more, going on where the sample
// before ended, and deletes those whose time has passed.
func (db *DB) expireSample(n int) {
	s, x := db.shard, &db.shard.expire
	x.due = x.due[:0]
	// No key comes twice: a round of the cursor meets them all.
	n = min(n, db.expires.Len())
	for buckets := 0; len(x.due) < n && buckets < n*expireBucketsPerKey; buckets++ {
		db.expireCursor = db.expires.Scan(db.expireCursor, db.sampleExpiry)
	}
	x.sampled, x.ttlSum, x.ttlCount = len(x.due), 0, 0
	e, due := &x.scratch, x.due[:0]
	for _, ref := range x.due {
		e.bind(db, 0, ref)
		at, _ := e.ExpireAt()
		if left := at - s.now; left < 0 {
			due = append(due, ref)
		} else {
			x.ttlSum += left
			x.ttlCount++
		}
	}
	x.due = due
	for _, ref := range due {
		e.bind(db, 0, ref)
		e.hash = db.keys.Hash(e.Key())
		db.expireNow(e)
	}
	db.noteTTL(x.ttlSum, x.ttlCount)
}

// sampleExpiry notes one volatile key for the cycle, and asks for its memory, so
// that all keys of a sample are waited for at once.
func (db *DB) sampleExpiry(ref slab.Ref) {
	prefetch.T0(db.mem.Ptr(ref))
	x := &db.shard.expire
	x.due = append(x.due, ref)
}

// tidy lets tables shrink further that lost most of their elements in the order of
// Scan, and would wait for the next removal.
func (db *DB) tidy() {
	const buckets = 1000 // some ten microseconds
	db.keys.Shrink(buckets)
	db.expires.Shrink(buckets)
	db.fieldTTLs.Shrink(buckets)
}

func (db *DB) noteTTL(sum, n int64) {
	if n == 0 {
		return
	}
	mean := sum / n
	if db.ttlMean == 0 {
		db.ttlMean = mean
		return
	}
	db.ttlMean += int64(float64(mean-db.ttlMean) * ttlWeight)
}

func (s *Shard) nano() int64 {
	if s.nanos == nil {
		return 0
	}
	return s.nanos()
}
