package command

import "github.com/redweave/redweave/keyspace"

// notifies reports whether notify-keyspace-events asks for anything.
func (x *Exec) notifies() bool { return false }

// notify publishes an event to the channels of keyspace notifications.
func (x *Exec) notify(db int, class keyspace.EventClass, event string, key []byte) {}
