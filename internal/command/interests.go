package command

import (
	"sync/atomic"

	"github.com/redweave/redweave/keyspace"
)

// Interests are those who want to hear of modifications of one shard: clients that
// watch a key (transaction.go), that are blocked on one (blocked.go), that track
// keys (tracking.go), that subscribed to notifications (notify.go). It is the shard's
// hook as long as somebody is interested: a shard without a hook is written to
// faster.
//
//	keyspace ──Modified, Event, Flushed──> interests ──┬─> watchers: EXEC will fail
//	                                                   ├─> ready keys, served after the command
//	                                                   ├─> trackers: invalidation messages
//	                                                   └─> keyspace notifications
//
// They belong to the shard's owner.
type interests struct {
	x     *Exec // which owns the shard at present
	shard *keyspace.Shard

	watched map[dbKey]*watch     // the first of each key's
	waiting map[dbKey]*waitQueue // those blocked on each key

	firstReady, lastReady *waitQueue // those that are to be served, in order

	tracked      trackedKeys
	trackedBytes int64        // of it, as the shard's memory counts them
	toldKeys     atomic.Int64 // its length: anybody may read
	changed      changedKeys
}

// A dbKey is a key in a database.
type dbKey struct {
	db  int
	key string
}

// listen makes in the shard's hook while anybody is interested, and only then. It is
// called when an interest begins or ends.
func (in *interests) listen() {
	if len(in.watched) > 0 || len(in.waiting) > 0 || in.x.notifies() || in.x.tracks() {
		in.shard.SetHook(in)
	} else {
		in.shard.SetHook(nil)
	}
}

// Modified implements [keyspace.Hook].
func (in *interests) Modified(db int, key []byte) {
	if len(in.watched) > 0 {
		in.touch(db, key)
	}
	if len(in.waiting) > 0 {
		in.signal(db, key)
	}
	if in.x.tracks() {
		in.invalidate(key)
	}
}

// Event implements [keyspace.Hook].
func (in *interests) Event(db int, class keyspace.EventClass, event string, key []byte) {
	if in.x.notifies() {
		in.x.notify(db, class, event, key)
	}
}

// Flushed implements [keyspace.Hook].
func (in *interests) Flushed(db int) {
	if len(in.watched) > 0 {
		in.touchAll(db)
	}
	if len(in.waiting) > 0 {
		in.signalAll(db)
	}
}
