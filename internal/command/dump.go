package command

import (
	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/internal/rdb"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// DUMP and RESTORE. What a payload is made of is told in package rdb; MIGRATE
// (migrate.go) sends one to another server.

var dumpHandlers = handlers{"dump": cmdDump, "migrate": cmdMigrate, "restore": cmdRestore, "restore-asking": cmdRestore}

const (
	errBusyKey     resp.Error = "BUSYKEY Target key name already exists."
	errRestoreTTL  resp.Error = "ERR Invalid TTL value, must be >= 0"
	errRestoreIdle resp.Error = "ERR Invalid IDLETIME value, must be >= 0"
	errRestoreFreq resp.Error = "ERR Invalid FREQ value, must be >= 0 and <= 255"
	errDataFormat  resp.Error = "ERR Bad data format"
)

func cmdDump(c *Ctx) {
	e, found := c.lookupDump(c.Args[1])
	if !found {
		c.Out.Null()
		return
	}
	c.scratch = c.appendDump(c.scratch[:0], e)
	c.Out.BulkBytes(c.scratch)
	if cap(c.scratch) > keepDraft {
		c.scratch = nil
	}
}

// lookupDump finds a key whose value is to be dumped.
func (c *Ctx) lookupDump(key []byte) (e *keyspace.Entry, found bool) {
	e, found = c.lookup(key, keyspace.Read)
	if found && e.Type() == datatypes.Hash {
		found = c.dropDueFields(e) && hash.Open(e).Live(c.now()) > 0
	}
	return e, found
}

func (c *Ctx) appendDump(dst []byte, e *keyspace.Entry) []byte {
	at := len(dst)
	dst, version := rdb.Append(dst, e.Type(), e, c.now())
	return append(dst[:at], rdb.Seal(dst[at:], version)...)
}

// A restoring is a RESTORE as it was asked.
type restoring struct {
	replace, absolute bool
	idleSeconds, freq int64 // -1: not given
}

func (o *restoring) parse(c *Ctx) (ok bool) {
	o.idleSeconds, o.freq = -1, -1
	for i := 4; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch {
		case c.is(i, "REPLACE"):
			o.replace = true
		case c.is(i, "ABSTTL"):
			o.absolute = true
		case more && o.freq < 0 && c.is(i, "IDLETIME"):
			i++
			if o.idleSeconds, ok = c.int(i); !ok {
				return false
			}
			if o.idleSeconds < 0 {
				c.Fail(errRestoreIdle)
				return false
			}
		case more && o.idleSeconds < 0 && c.is(i, "FREQ"):
			i++
			if o.freq, ok = c.int(i); !ok {
				return false
			}
			if o.freq < 0 || o.freq > 255 {
				c.Fail(errRestoreFreq)
				return false
			}
		default:
			c.Fail(errSyntax)
			return false
		}
	}
	return true
}

func cmdRestore(c *Ctx) {
	var o restoring
	if !o.parse(c) {
		return
	}
	key := c.Args[1]
	e, found := c.lookup(key, keyspace.Write)
	if found && !o.replace {
		c.Fail(errBusyKey)
		return
	}
	at, ok := c.int(2)
	if !ok {
		return
	}
	if at < 0 {
		c.Fail(errRestoreTTL)
		return
	}
	value, err := rdb.Open(c.Args[3], !c.debug.skipChecksum)
	if err != nil {
		c.Fail(errPayload)
		return
	}
	lim := rdb.Limits{Hash: &c.limits.hash, List: &c.limits.list, Set: &c.limits.set, ZSet: &c.limits.zset}
	t, err := rdb.Load(value, c.beginDraft(key), &lim, c.now())
	if err != nil {
		c.endDraft()
		c.Fail(errDataFormat)
		return
	}
	if at != 0 && !o.absolute {
		at += c.now()
	}
	if found {
		c.db(key).Delete(e, lazyfree.ServerDel)
	}
	if at != 0 && at <= c.now() || t == datatypes.Hash && hash.Open(&c.drafted).Len() == 0 {
		c.dropDraft()
		if found {
			c.modified(key, keyspace.EventGeneric, "del")
		}
		c.OK()
		return
	}
	c.restored(e, key, t, at, &o)
	c.OK()
}

// restored makes key with the drafted value.
func (c *Ctx) restored(e *keyspace.Entry, key []byte, t datatypes.Type, at int64, o *restoring) {
	c.createLoaded(e, key, t, at, o.idleSeconds, o.freq)
	c.db(key).Event(keyspace.EventNew, "new", key)
	c.modified(key, keyspace.EventGeneric, "restore")
}

// createLoaded makes key, which is not there, with the drafted value, which a payload or a
// database file had. at is 0 where the key does not expire; idleSeconds or freq are
// negative where they are not known.
func (c *Ctx) createLoaded(e *keyspace.Entry, key []byte, t datatypes.Type, at, idleSeconds, freq int64) {
	ttls := t == datatypes.Hash && hash.Open(&c.drafted).HasTTL()
	draft := c.draft // what was loaded may be a part of what it came from: not to be kept
	c.createFrom(e, key, t)
	c.draft = draft
	db := c.db(key)
	if at != 0 {
		db.SetExpire(e, at)
	}
	if ttls {
		db.TrackFields(e, true)
	}
	switch lfu := c.settings.Policy.LFU(); {
	case lfu && freq >= 0:
		e.SetFreq(uint8(freq))
	case !lfu && idleSeconds >= 0:
		e.SetIdle(idleSeconds)
	}
}

// dropDraft frees a drafted value that is not wanted after all.
func (c *Ctx) dropDraft() {
	rdb.Discard(&c.drafted)
	c.endDraft()
}
