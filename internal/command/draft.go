package command

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
)

// A value made out of others, or of a command's arguments, is put together in a
// slot in memory before it goes to the keyspace: its key then gets a block of
// the right size, and may be one of those it was made of.
//
//	beginDraft ──> set.Create, list.Push, rdb.Load … ──> createFrom, storeDraft  or  endDraft

// keepDraft is the most memory that the draft keeps for the next value.
const keepDraft = 64 << 10

// beginDraft returns an empty slot for a new value of key. There is one at a
// time; createFrom or endDraft ends it.
func (c *Ctx) beginDraft(key []byte) *datatypes.MemSlot {
	c.drafted = *datatypes.NewMemSlot(c.shardOf(key).Arena(), datatypes.ListPack, c.draft[:0])
	return &c.drafted
}

// endDraft forgets the draft but for its memory.
func (c *Ctx) endDraft() {
	if b := c.drafted.Bytes(); b != nil && cap(b) <= keepDraft {
		c.draft = b
	}
	c.drafted = datatypes.MemSlot{}
}

// createFrom makes key, which is not there, with the drafted value.
func (c *Ctx) createFrom(e *keyspace.Entry, key []byte, t datatypes.Type) {
	if o := c.drafted.Object(); o != nil {
		c.db(key).CreateObject(e, key, t, c.drafted.Encoding(), o)
	} else {
		c.db(key).Create(e, key, t, c.drafted.Encoding(), c.drafted.Bytes(), 0)
	}
	c.endDraft()
}

// storeDraft makes the drafted value, which has n elements, that of the command's
// first key, over whatever was there, and replies n. An empty value deletes the
// key.
func (c *Ctx) storeDraft(t datatypes.Type, n int, class keyspace.EventClass, event string) {
	c.storeDraftAt(c.Args[1], t, n, class, event)
}

// storeDraftAt is storeDraft for a key that stands elsewhere.
func (c *Ctx) storeDraftAt(key []byte, t datatypes.Type, n int, class keyspace.EventClass, event string) {
	e, found := c.lookup(key, keyspace.Write)
	if found {
		c.db(key).Delete(e, lazyfree.ServerDel)
	}
	switch {
	case n > 0:
		c.createFrom(e, key, t)
		if !found {
			c.db(key).Event(keyspace.EventNew, "new", key)
		}
		c.modified(key, class, event)
	case found:
		c.modified(key, keyspace.EventGeneric, "del")
		fallthrough
	default:
		c.endDraft()
	}
	c.Out.Int(int64(n))
}
