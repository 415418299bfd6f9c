package keyspace

import (
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// Hash fields expire like keys: a read never sees one whose time has passed,
// and the active cycle removes them. The hashes that have such fields are in a
// table of their own; a hash knows its earliest expiry, so that looking at one
// that has nothing due costs next to nothing.
const (
	expireHashesPerLoop = 20
	fieldsPerVisit      = 64 // removed from one hash between two looks at the clock
)

// expireFields removes fields whose time has passed from the hashes that have
// fields with a TTL, a batch of hashes at a time, until few of a batch had any.
// It looks at some even when there is no time left, so that keys do not keep
// fields from their turn.
func (db *DB) expireFields(effort int) {
	s, x := db.shard, &db.shard.expire
	for db.fieldTTLs.Len() > 0 {
		x.due = x.due[:0]
		n := min(expireHashesPerLoop*(1+effort/2), db.fieldTTLs.Len())
		for len(x.due) < n {
			db.fieldCursor = db.fieldTTLs.Scan(db.fieldCursor, db.sampleFields)
		}
		hits := 0
		for _, ref := range x.due {
			e := &x.scratch
			e.bind(db, 0, ref)
			e.hash = db.keys.Hash(e.Key())
			if db.expireHash(e) {
				hits++
			}
		}
		x.total, x.hits = x.total+len(x.due), x.hits+hits
		if x.capped || !s.goOn(effort, len(x.due), hits) {
			return
		}
	}
}

// sampleFields notes one hash for the cycle. A bucket and its twin come at once.
func (db *DB) sampleFields(ref slab.Ref) {
	x := &db.shard.expire
	x.due = append(x.due, ref)
}

// expireHash removes the fields of e whose time has passed, until the cycle's
// time limit. It reports whether there was one.
func (db *DB) expireHash(e *Entry) (any bool) {
	s, x := db.shard, &db.shard.expire
	for {
		n, left := db.ExpireFields(e, fieldsPerVisit)
		any = any || n > 0
		if n < fieldsPerVisit || !left {
			return any
		}
		if s.nanos != nil && s.nanos() > x.deadline {
			x.capped = true
			return any
		}
	}
}

// ExpireFields removes at most limit fields of the hash e whose time has passed,
// and the key when none is left. It returns how many went, and whether the key is
// still there.
func (db *DB) ExpireFields(e *Entry, limit int) (n int, left bool) {
	s := db.shard
	if e.flags()&flagFields == 0 {
		return 0, true
	}
	h := hash.Open(e)
	at, ok := h.NextExpiry()
	if !ok {
		db.TrackFields(e, false) // a command took the last TTL away and said nothing
	}
	if !ok || at > s.now {
		return 0, true
	}
	n = h.ExpireDue(s.now, limit, nil)
	if n == 0 {
		return 0, true
	}
	s.Stats.ExpiredFields += int64(n)
	db.TrackFields(e, h.HasTTL())
	key := keep(s.keyBuffer, e.Key())
	s.keyBuffer = key
	left = h.Len() > 0
	if !left {
		db.Delete(e, lazyfree.ServerDel)
	}
	db.Modified(key)
	db.Event(EventHash, "hexpired", key)
	if !left {
		db.Event(EventGeneric, "del", key)
	}
	return n, left
}
