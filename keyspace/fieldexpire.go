package keyspace

import (
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// Hash fields expire like keys: a read never sees one whose time has passed,
// and the active cycle removes them. The hashes that have such fields are in a
// table of their own; a hash knows its earliest expiry, so that looking at one
// that has nothing due costs next to nothing.
const (
	fieldHashesPerCycle  = 256
	fieldExpiriesPerHash = 64
)

// expireFields removes fields whose time has passed from some of the hashes that
// have fields with a TTL, going on where the last call ended.
func (db *DB) expireFields(deadline int64) {
	if db.fieldTTLs.Len() == 0 {
		return
	}
	s, x := db.shard, &db.shard.expire
	for seen := 0; seen < fieldHashesPerCycle; {
		x.due = x.due[:0]
		db.fieldCursor = db.fieldTTLs.Scan(db.fieldCursor, func(ref slab.Ref) {
			seen++
			x.due = append(x.due, ref)
		})
		for _, ref := range x.due {
			e := &x.scratch
			e.bind(db, 0, ref)
			e.hash = db.keys.Hash(e.Key())
			db.ExpireFields(e, fieldExpiriesPerHash)
		}
		if db.fieldCursor == 0 {
			return
		}
		if s.nanos != nil && s.nano() > deadline {
			x.capped = true
			return
		}
	}
}

// ExpireFields removes at most limit fields of the hash e whose time has passed,
// and the key when none is left. It returns how many went, and whether the key is
// still there.
func (db *DB) ExpireFields(e *Entry, limit int) (n int, left bool) {
	s := db.shard
	h := hash.Open(e)
	if at, ok := h.NextExpiry(); !ok || at > s.now {
		return 0, true
	}
	n = h.ExpireDue(s.now, limit, func(listpack.Value) {})
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
