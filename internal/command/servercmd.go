package command

import (
	"math"
	"strconv"

	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// What is about the whole keyspace, or about the process: emptying and swapping
// databases, the time, the end.

var serverHandlers = handlers{
	"dbsize": cmdDBSize, "flushall": cmdFlushAll, "flushdb": cmdFlushDB, "lolwut": cmdLolwut,
	"shutdown": cmdShutdown, "swapdb": cmdSwapDB, "time": cmdTime,
}

const (
	errFirstDBIndex  resp.Error = "ERR invalid first DB index"
	errSecondDBIndex resp.Error = "ERR invalid second DB index"
	errNoShutdown    resp.Error = "ERR No shutdown in progress."
	errShutdown      resp.Error = "ERR Errors trying to SHUTDOWN. Check logs."
)

// cmdDBSize counts keys as the tables do: those whose time has passed and whom
// nobody has met yet included, as in Redis.
func cmdDBSize(c *Ctx) {
	n := 0
	for _, s := range c.shards {
		if db := s.Peek(c.Client.DB); db != nil {
			n += db.Len()
		}
	}
	c.Out.Int(int64(n))
}

func cmdFlushDB(c *Ctx) {
	async, ok := c.flushMode()
	if !ok {
		return
	}
	c.invalidateAll()
	for _, s := range c.shards {
		if db := s.Peek(c.Client.DB); db != nil {
			s.Stats.Dirty += int64(db.Empty(async))
		}
	}
	c.OK()
}

func cmdFlushAll(c *Ctx) {
	async, ok := c.flushMode()
	if !ok {
		return
	}
	c.invalidateAll()
	for _, s := range c.shards {
		s.Stats.Dirty += int64(s.Empty(async))
	}
	c.OK()
}

// flushMode reads the only argument FLUSHDB and FLUSHALL take: whether memory is
// freed in the background. Without one lazyfree-lazy-user-flush decides.
func (c *Ctx) flushMode() (async, ok bool) {
	switch {
	case len(c.Args) == 1:
		return c.settings.Lazy.Lazy(lazyfree.UserFlush), true
	case len(c.Args) == 2 && c.is(1, "ASYNC"):
		return true, true
	case len(c.Args) == 2 && c.is(1, "SYNC"):
		return false, true
	}
	c.Fail(errSyntax)
	return false, false
}

func cmdSwapDB(c *Ctx) {
	if c.cluster != nil {
		c.Fail(notInCluster("SWAPDB is"))
		return
	}
	i, ok := c.intBetween(1, math.MinInt32, math.MaxInt32, errFirstDBIndex)
	if !ok {
		return
	}
	j, ok := c.intBetween(2, math.MinInt32, math.MaxInt32, errSecondDBIndex)
	if !ok {
		return
	}
	n := int64(c.shards[0].Databases())
	if i < 0 || i >= n || j < 0 || j >= n {
		c.Fail(errDBRange)
		return
	}
	if i != j {
		for _, in := range c.interests {
			in.touchSwapped(int(i), int(j))
		}
		for _, s := range c.shards {
			s.Swap(int(i), int(j))
		}
	}
	c.shards[0].Stats.Dirty++
	c.OK()
}

// cmdTime replies the time as it is now, not as the shards were last told.
func cmdTime(c *Ctx) {
	us := c.clock.UnixMicro()
	c.Out.ArrayHeader(2)
	c.Out.BulkString(strconv.FormatInt(us/1e6, 10))
	c.Out.BulkString(strconv.FormatInt(us%1e6, 10))
}

// cmdShutdown ends the engine. There is no reply: the connection just ends.
//
// NOW means not to wait for replicas, of which there are none. SAVE writes the database
// file first, and if that fails nothing ends, unless FORCE says to end in spite of errors;
// without SAVE nothing is written. ABORT has nothing to abort, since no shutdown waits.
func cmdShutdown(c *Ctx) {
	var save, noSave, now, force, abort bool
	for i := 1; i < len(c.Args); i++ {
		switch {
		case c.is(i, "NOSAVE"):
			noSave = true
		case c.is(i, "SAVE"):
			save = true
		case c.is(i, "NOW"):
			now = true
		case c.is(i, "FORCE"):
			force = true
		case c.is(i, "ABORT"):
			abort = true
		default:
			c.Fail(errSyntax)
			return
		}
	}
	switch {
	case abort && (save || noSave || now || force), save && noSave:
		c.Fail(errSyntax)
	case abort:
		c.Fail(errNoShutdown)
	case !noSave && c.ScriptRunning():
		c.Fail(c.busyWith())
	case save && c.SaveFile(c.snapshotFile()) != nil && !force:
		c.Fail(errShutdown)
	default:
		c.log.Info("User requested shutdown...")
		c.Client.Flags |= closeAfterReply
		c.host.Terminate()
	}
}
