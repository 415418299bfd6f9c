package command

// A waitQueue is the clients blocked on one key, those who came first in front.
type waitQueue struct {
	clients []*Client
	ready   bool // on the list of keys that are served after the command
}

// signal notes that a key changed that clients wait for.
func (in *interests) signal(db int, key []byte) {
	if q := in.waiting[dbKey{db, string(key)}]; q != nil && !q.ready {
		q.ready = true
	}
}

// signalAll notes that all keys of a database may have changed.
func (in *interests) signalAll(db int) {
	for at, q := range in.waiting {
		if at.db == db {
			q.ready = true
		}
	}
}

// Abandon takes back the command that cl is blocked in. It reports false when cl is
// not blocked any more: its reply is on the way.
func (x *Exec) Abandon(cl *Client) bool { return false }
