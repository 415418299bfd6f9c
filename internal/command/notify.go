package command

import (
	"strconv"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/keyspace"
)

// Keyspace notifications: what happens to a key, as messages on two channels.
//
//	LPUSH k v in database 0   ──>  __keyspace@0__:k      "lpush"     K
//	                          ──>  __keyevent@0__:lpush  "k"         E
//
// The parameter notify-keyspace-events selects the channels and the classes of
// events. Nothing is done, and no shard has a hook for it, while nobody listens to
// any channel or pattern.

// The classes are the same bits in the parameter and at the hook.
const (
	_ = uint(config.NotifyKeyspace) - uint(keyspace.EventKeyspace)
	_ = uint(config.NotifyGeneric) - uint(keyspace.EventGeneric)
	_ = uint(config.NotifyEvicted) - uint(keyspace.EventEvicted)
	_ = uint(config.NotifyNew) - uint(keyspace.EventNew)
	_ = uint(keyspace.EventKeyspace) - uint(config.NotifyKeyspace)
	_ = uint(keyspace.EventGeneric) - uint(config.NotifyGeneric)
	_ = uint(keyspace.EventEvicted) - uint(config.NotifyEvicted)
	_ = uint(keyspace.EventNew) - uint(config.NotifyNew)
)

const toWhere = config.NotifyKeyspace | config.NotifyKeyevent

// notifies reports whether events are asked for, and there is anybody to tell.
func (x *Exec) notifies() bool {
	n := x.config.NotifyKeyspaceEvents
	return n&toWhere != 0 && n&^toWhere != 0 && x.channels.published()
}

// notify publishes an event, first by key, then by name.
func (x *Exec) notify(db int, class keyspace.EventClass, event string, key []byte) {
	wanted := x.config.NotifyKeyspaceEvents
	if wanted&config.Notify(class) == 0 {
		return
	}
	if wanted&config.NotifyKeyspace != 0 {
		b := append(x.eventChannel[:0], "__keyspace@"...)
		b = strconv.AppendInt(b, int64(db), 10)
		b = append(b, "__:"...)
		b = append(b, key...)
		x.eventChannel = b
		x.publish(b, viewOf(event))
	}
	if wanted&config.NotifyKeyevent != 0 {
		b := append(x.eventChannel[:0], "__keyevent@"...)
		b = strconv.AppendInt(b, int64(db), 10)
		b = append(b, "__:"...)
		b = append(b, event...)
		x.eventChannel = b
		x.publish(b, key)
	}
}
