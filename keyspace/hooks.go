package keyspace

// An EventClass is one of the classes notify-keyspace-events selects.
type EventClass uint16

// The classes, with the letters of notify-keyspace-events.
const (
	EventKeyspace EventClass = 1 << iota // K
	EventKeyevent                        // E
	EventGeneric                         // g
	EventString                          // $
	EventList                            // l
	EventSet                             // s
	EventHash                            // h
	EventZSet                            // z
	EventExpired                         // x
	EventEvicted                         // e
	EventStream                          // t
	EventKeyMiss                         // m
	EventModule                          // d
	EventNew                             // n
)

// A Hook is told of every modification, by the shard's owner, while it owns
// the shard. WATCH, tracking, notifications and blocking commands hang on it. It must not
// modify the shard, which may be in the middle of something, but by looking keys up:
// one whose time has passed goes then.
type Hook interface {
	// Modified is called after the value of a key changed, appeared or went
	// away, by a command or because its time had passed or room was needed. The key is
	// valid during the call.
	Modified(db int, key []byte)

	// Event is called with what happened, in the words of keyspace
	// notifications: also with what modifies nothing, such as a key that was missed.
	Event(db int, class EventClass, event string, key []byte)

	// Flushed is called before a database is emptied or swapped with another,
	// which modifies all its keys at once.
	Flushed(db int)
}

// SetHook makes h the shard's hook; nil takes it away. A shard that has a hook is
// only written to by its owner, so none should be left that has nobody to tell.
func (s *Shard) SetHook(h Hook) { s.hook = h }

// Modified tells the hook of a change, and counts it among those not saved. Commands
// call it once for each key they changed.
func (db *DB) Modified(key []byte) {
	db.shard.Stats.Dirty++
	if h := db.shard.hook; h != nil {
		h.Modified(db.id, key)
	}
}

// Event tells the hook of an event, in the words of keyspace notifications.
func (db *DB) Event(class EventClass, event string, key []byte) {
	if h := db.shard.hook; h != nil {
		h.Event(db.id, class, event, key)
	}
}
