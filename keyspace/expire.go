package keyspace

import (
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// Keys expire in two ways. A lookup that meets a key whose time has passed
// deletes it; and the active cycle looks for those nobody looks up, as Redis
// does: it samples volatile keys, and as long as more than a tenth of a sample
// had expired it takes another, within a share of the time.
//
//	cycle   when                        time limit
//	slow    Hz times a second           25 % (+2 an effort step) of 1/Hz
//	fast    before the owner sleeps,    1 ms (+0.25 an effort step)
//	        if the last cycle ran out
//	        of time
//
// The effort (1 to 10) also takes more keys a sample and accepts fewer expired
// keys lying about.
const (
	expireDBsPerCycle   = 16
	expireKeysPerLoop   = 20
	expireFastNanos     = 1_000_000
	expireSlowPercent   = 25
	expireAcceptPercent = 10
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
	due      []slab.Ref
	sampled  int
	ttlSum   int64
	ttlCount int64
	scratch  Entry
}

// Due reports whether the key's time has passed.
func (e *Entry) Due() bool {
	at, ok := e.ExpireAt()
	return ok && e.db.shard.now > at
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

// Expire deletes e as EXPIRE with a time in the past does: under the expiry
// setting of lazy freeing, counted as a deletion.
func (db *DB) ExpireImmediately(e *Entry) { db.Delete(e, lazyfree.Expire) }

// ExpireCycle looks for keys and hash fields whose time has passed. The owner
// calls it with fast false Hz times a second, and with fast true before it
// sleeps. It reports whether the time limit ended it.
func (s *Shard) ExpireCycle(fast bool) bool {
	if s.ActiveExpireOff {
		return false
	}
	x := &s.expire
	effort := s.set.ExpireEffort - 1
	start := s.nano()
	limit := int64(expireSlowPercent+2*effort) * 1_000_000_000 / 100 / int64(max(s.set.Hz, 1))
	if fast {
		limit = expireFastNanos + expireFastNanos/4*int64(effort)
		if !x.capped || start < x.lastFast+2*limit {
			return false
		}
		x.lastFast = start
	}
	x.capped = false
	deadline := start + limit
	total, expired := 0, 0
	for range min(expireDBsPerCycle, len(s.dbs)) {
		if x.capped {
			break
		}
		db := s.dbs[x.db%len(s.dbs)]
		x.db = (x.db + 1) % len(s.dbs)
		if db == nil {
			continue
		}
		n, m := db.expireKeys(effort, deadline)
		total, expired = total+n, expired+m
		db.expireFields(deadline)
	}
	if x.capped {
		s.Stats.ExpireTimeCapped++
	}
	stale := 0.0
	if total > 0 {
		stale = float64(expired) / float64(total)
	}
	s.Stats.StalePercent = stale*100*staleWeight + s.Stats.StalePercent*(1-staleWeight)
	s.Stats.ExpireCycleNanos += s.nano() - start
	return x.capped
}

// expireKeys samples volatile keys until few of a sample have expired. It
// returns how many it looked at and how many had.
func (db *DB) expireKeys(effort int, deadline int64) (total, expired int) {
	s, x := db.shard, &db.shard.expire
	perLoop := expireKeysPerLoop + expireKeysPerLoop/4*effort
	accept := expireAcceptPercent - effort
	for loop := 1; ; loop++ {
		if db.expires.Len() == 0 {
			db.ttlMean = 0
			return total, expired
		}
		x.due, x.sampled, x.ttlSum, x.ttlCount = x.due[:0], 0, 0, 0
		want := min(perLoop, db.expires.Len())
		for buckets := 0; x.sampled < want && buckets < want*expireBucketsPerKey; buckets++ {
			db.expireCursor = db.expires.Scan(db.expireCursor, db.sampleExpiry)
		}
		for _, ref := range x.due {
			e := &x.scratch
			e.bind(db, 0, ref)
			e.hash = db.keys.Hash(e.Key())
			db.expireNow(e)
		}
		db.noteTTL(x.ttlSum, x.ttlCount)
		total, expired = total+x.sampled, expired+len(x.due)
		if loop%expireClockEvery == 0 && s.nanos != nil && s.nano() > deadline {
			x.capped = true
			return total, expired
		}
		if x.sampled == 0 || len(x.due)*100/x.sampled <= accept {
			return total, expired
		}
	}
}

// sampleExpiry notes one volatile key for the cycle.
func (db *DB) sampleExpiry(ref slab.Ref) {
	x := &db.shard.expire
	e := &x.scratch
	e.bind(db, 0, ref)
	at, _ := e.ExpireAt()
	x.sampled++
	if left := at - db.shard.now; left >= 0 {
		x.ttlSum += left
		x.ttlCount++
	} else {
		x.due = append(x.due, ref)
	}
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
