package command

import (
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/keyspace"
)

// XINFO looks into streams.

// infoStream finds the stream that a subcommand of XINFO is about, or replies that
// there is none.
func (c *Ctx) infoStream() (*stream.Stream, bool) {
	s, ok := c.streamAt(c.Args[2], keyspace.Read)
	if ok && s == nil {
		c.Fail(errNoSuchKey)
		ok = false
	}
	return s, ok
}

func (c *Ctx) infoInt(name string, n int64) {
	c.Out.BulkString(name)
	c.Out.Int(n)
}

func (c *Ctx) infoID(name string, id stream.ID) {
	c.Out.BulkString(name)
	c.streamID(id)
}

func (c *Ctx) infoBytes(name string, b []byte) {
	c.Out.BulkString(name)
	c.Out.BulkBytes(b)
}

// infoProgress replies how far a group has read, null where nobody knows.
func (c *Ctx) infoProgress(g *stream.Group) {
	c.Out.BulkString("entries-read")
	if g.Read != stream.Unknown {
		c.Out.Int(g.Read)
	} else {
		c.Out.Null()
	}
	c.Out.BulkString("lag")
	if lag, ok := g.Lag(); ok {
		c.Out.Int(lag)
	} else {
		c.Out.Null()
	}
}

// parseInfoStream reads [FULL [COUNT count]]. count is 10 unless given, 0 for all.
func (c *Ctx) parseInfoStream() (full bool, count int64, ok bool) {
	switch n := len(c.Args); {
	case n == 3:
		return false, 0, true
	case (n == 4 || n == 6) && c.is(3, "FULL") && (n == 4 || c.is(4, "COUNT")):
		const standard = 10
		count = standard
		if n == 6 {
			if count, ok = c.int(5); !ok {
				return false, 0, false
			}
		}
		if count < 0 {
			count = standard
		}
		return true, count, true
	}
	c.Fail(subcommandSyntax("XINFO", c.Args[1]))
	return false, 0, false
}

func cmdXInfoStream(c *Ctx) {
	s, ok := c.infoStream()
	if !ok {
		return
	}
	full, count, ok := c.parseInfoStream()
	if !ok {
		return
	}
	out := c.Out
	if full {
		out.MapHeader(9)
	} else {
		out.MapHeader(10)
	}
	c.infoInt("length", int64(s.Len()))
	c.infoInt("radix-tree-keys", int64(s.Nodes()))
	c.infoInt("radix-tree-nodes", int64(s.RadixNodes()))
	c.infoID("last-generated-id", s.Last())
	c.infoID("max-deleted-entry-id", s.MaxDeleted())
	c.infoInt("entries-added", s.Added())
	c.infoID("recorded-first-entry-id", s.First())
	if full {
		out.BulkString("entries")
		c.streamEntries(s.Range(stream.ID{}, stream.MaxID), count)
		out.BulkString("groups")
		out.ArrayHeader(len(s.Groups()))
		for _, g := range s.Groups() {
			c.infoFullGroup(g, count)
		}
		return
	}
	c.infoInt("groups", int64(len(s.Groups())))
	out.BulkString("first-entry")
	c.infoEntry(s.Range(stream.ID{}, stream.MaxID))
	out.BulkString("last-entry")
	c.infoEntry(s.RangeBack(stream.ID{}, stream.MaxID))
}

// infoEntry replies the next entry, or null.
func (c *Ctx) infoEntry(cur stream.Cursor) {
	if !cur.Next() {
		c.Out.Null()
		return
	}
	c.streamEntry(&cur)
}

func (c *Ctx) infoFullGroup(g *stream.Group, count int64) {
	out := c.Out
	out.MapHeader(7)
	c.infoBytes("name", g.Name())
	c.infoID("last-delivered-id", g.Last)
	c.infoProgress(g)
	c.infoInt("pel-count", int64(g.Len()))
	out.BulkString("pending")
	c.infoPending(g, nil, count)
	out.BulkString("consumers")
	out.ArrayHeader(g.Consumers())
	g.EachConsumer(func(name []byte, w *stream.Consumer) {
		out.MapHeader(5)
		c.infoBytes("name", name)
		c.infoInt("seen-time", w.Seen)
		c.infoInt("active-time", w.Active)
		c.infoInt("pel-count", int64(w.Len()))
		out.BulkString("pending")
		c.infoPending(g, w, count)
	})
}

// infoPending replies what is pending in a group, with the consumers' names, or what
// one consumer has.
func (c *Ctx) infoPending(g *stream.Group, w *stream.Consumer, count int64) {
	out, n := c.Out, int64(0)
	mark := out.ReserveArray(1)
	for p := g.Pending(w, stream.ID{}); (count == 0 || n < count) && p.Next(); n++ {
		if w == nil {
			out.ArrayHeader(4)
			c.streamID(p.ID)
			out.BulkBytes(g.NameOf(g.Owner(p.Pending)))
		} else {
			out.ArrayHeader(3)
			c.streamID(p.ID)
		}
		out.Int(p.Time)
		out.Int(int64(p.Count))
	}
	out.SetLen(mark, int(n))
}

func cmdXInfoGroups(c *Ctx) {
	s, ok := c.infoStream()
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.MapHeader(6)
		c.infoBytes("name", g.Name())
		c.infoInt("consumers", int64(g.Consumers()))
		c.infoInt("pending", int64(g.Len()))
		c.infoID("last-delivered-id", g.Last)
		c.infoProgress(g)
	}
}

func cmdXInfoConsumers(c *Ctx) {
	s, ok := c.infoStream()
	if !ok {
		return
	}
	g := s.Group(c.Args[3])
	if g == nil {
		c.Fail(noGroup("No such consumer group '%' for key name '%'", c.Args[3], c.Args[2]))
		return
	}
	now := c.now()
	c.Out.ArrayHeader(g.Consumers())
	g.EachConsumer(func(name []byte, w *stream.Consumer) {
		inactive := int64(-1)
		if w.Active != -1 {
			inactive = now - w.Active
		}
		c.Out.MapHeader(4)
		c.infoBytes("name", name)
		c.infoInt("pending", int64(w.Len()))
		c.infoInt("idle", max(now-w.Seen, 0))
		c.infoInt("inactive", inactive)
	})
}
