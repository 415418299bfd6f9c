package command

// tracks reports whether any client tracks keys.
func (x *Exec) tracks() bool { return false }

// invalidate tells the clients that read a key that it changed.
func (x *Exec) invalidate(db int, key []byte) {}

// invalidateAll tells every tracking client to forget everything.
func (x *Exec) invalidateAll() {}
