package command

// A watch is a client's interest in one key until its next EXEC. It stands in the
// interests of the key's shard, whose owner marks it.
type watch struct {
	cl      *Client
	at      dbKey
	expired bool // when WATCH was called: it going away is no change then
	touched bool // changed since
}

// touch marks the watches of a key that changed.
func (in *interests) touch(db int, key []byte) {
	for _, w := range in.watched[dbKey{db, string(key)}] {
		w.touched = true
	}
}

// touchAll marks the watches of all keys of a database that is emptied or swapped.
func (in *interests) touchAll(db int) {
	for at, ws := range in.watched {
		if at.db == db {
			for _, w := range ws {
				w.touched = true
			}
		}
	}
}
