package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Groups of consumers: XGROUP, and the commands that look after what is pending.

const (
	errGroupExists  resp.Error = "BUSYGROUP Consumer Group name already exists"
	errGroupNoKey   resp.Error = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
	errEntriesRead  resp.Error = "ERR value for ENTRIESREAD must be positive or -1"
	errClaimIdle    resp.Error = "ERR Invalid min-idle-time argument for XCLAIM"
	errClaimIdleOpt resp.Error = "ERR Invalid IDLE option argument for XCLAIM"
	errClaimTime    resp.Error = "ERR Invalid TIME option argument for XCLAIM"
	errClaimRetry   resp.Error = "ERR Invalid RETRYCOUNT option argument for XCLAIM"
	errAutoIdle     resp.Error = "ERR Invalid min-idle-time argument for XAUTOCLAIM"
)

// noGroup is the reply to a group that is not there. Each % of the text stands for one
// of the names.
func noGroup(text string, names ...[]byte) resp.Error {
	b := []byte("NOGROUP ")
	for i := range len(text) {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		b = append(b, asText(names[0])...)
		names = names[1:]
	}
	return resp.Error(b)
}

// consumer returns a group's consumer, made and told of if there is none.
func (c *Ctx) consumer(g *stream.Group, key, name []byte) *stream.Consumer {
	w, added := g.Consumer(name, c.now())
	if added {
		c.streamNoted(key, "xgroup-createconsumer")
	}
	return w
}

// groupOptions are those of XGROUP CREATE and SETID.
type groupOptions struct {
	mkStream bool
	read     int64
}

// parseGroup reads the options from argument 5 on, and finds the stream.
func (c *Ctx) parseGroup(create bool) (o groupOptions, e *keyspace.Entry, s *stream.Stream, ok bool) {
	o.read = stream.Unknown
	for i := 5; i < len(c.Args); i++ {
		switch {
		case create && c.is(i, "MKSTREAM"):
			o.mkStream = true
		case c.is(i, "ENTRIESREAD") && i+1 < len(c.Args):
			i++
			if o.read, ok = c.int(i); !ok {
				return o, nil, nil, false
			}
			if o.read < 0 && o.read != stream.Unknown {
				c.Fail(errEntriesRead)
				return o, nil, nil, false
			}
		default:
			c.Fail(subcommandSyntax("XGROUP", c.Args[1]))
			return o, nil, nil, false
		}
	}
	e, found, ok := c.lookupType(c.Args[2], datatypes.Stream, keyspace.Write)
	switch {
	case !ok:
	case found:
		s = streamOf(e)
	case !o.mkStream:
		c.Fail(errGroupNoKey)
		ok = false
	}
	return o, e, s, ok
}

// groupOf finds the stream and the group that a subcommand of XGROUP is about, or
// replies an error. With optional, a group that is not there is none: nil.
func (c *Ctx) groupOf(optional bool) (s *stream.Stream, g *stream.Group, ok bool) {
	_, _, s, ok = c.parseGroup(false)
	if !ok {
		return nil, nil, false
	}
	if g = s.Group(c.Args[3]); g == nil && !optional {
		c.Fail(noGroup("No such consumer group '%' for key name '%'", c.Args[3], c.Args[2]))
		return nil, nil, false
	}
	return s, g, true
}

// lastStreamID reads argument i as an ID, or as "$" for the stream's last; a stream
// that is nil has 0-0.
func (c *Ctx) lastStreamID(i int, s *stream.Stream) (stream.ID, bool) {
	if arg := c.Args[i]; len(arg) == 1 && arg[0] == '$' {
		if s == nil {
			return stream.ID{}, true
		}
		return s.Last(), true
	}
	return c.streamIDArg(i)
}

func cmdXGroupCreate(c *Ctx) {
	o, e, s, ok := c.parseGroup(true)
	if !ok {
		return
	}
	if len(c.Args) > 8 {
		c.Fail(subcommandSyntax("XGROUP", c.Args[1]))
		return
	}
	key := c.Args[2]
	id, ok := c.lastStreamID(4, s)
	if !ok {
		return
	}
	if s == nil {
		s = c.newStream(e, key)
		db := c.db(key)
		db.Modified(key)
		db.Shard().Stats.Dirty--
	}
	if _, added := s.AddGroup(c.Args[3], id, o.read); !added {
		c.Fail(errGroupExists)
		return
	}
	c.OK()
	c.streamNoted(key, "xgroup-create")
}

func cmdXGroupSetID(c *Ctx) {
	o, _, s, ok := c.parseGroup(false)
	if !ok {
		return
	}
	key := c.Args[2]
	g := s.Group(c.Args[3])
	if g == nil {
		c.Fail(noGroup("No such consumer group '%' for key name '%'", c.Args[3], key))
		return
	}
	if len(c.Args) != 5 && len(c.Args) != 7 {
		c.Fail(subcommandSyntax("XGROUP", c.Args[1]))
		return
	}
	var id stream.ID
	if arg := c.Args[4]; len(arg) == 1 && arg[0] == '$' {
		id = s.Last()
	} else if id, ok = c.streamBound(4, 0); !ok {
		return
	}
	g.Last, g.Read = id, o.read
	c.OK()
	c.streamNoted(key, "xgroup-setid")
}

func cmdXGroupDestroy(c *Ctx) {
	s, g, ok := c.groupOf(true)
	if !ok {
		return
	}
	if g == nil {
		c.Out.Int(0)
		return
	}
	s.RemoveGroup(g)
	c.Out.Int(1)
	c.streamNoted(c.Args[2], "xgroup-destroy")
	// Those who wait in XREADGROUP for the group are told that it is gone.
	c.interestsOf(c.Args[2]).signal(c.Client.DB, c.Args[2])
}

func cmdXGroupCreateConsumer(c *Ctx) {
	_, g, ok := c.groupOf(false)
	if !ok {
		return
	}
	if _, added := g.Consumer(c.Args[4], c.now()); !added {
		c.Out.Int(0)
		return
	}
	c.streamNoted(c.Args[2], "xgroup-createconsumer")
	c.Out.Int(1)
}

func cmdXGroupDelConsumer(c *Ctx) {
	_, g, ok := c.groupOf(false)
	if !ok {
		return
	}
	w := g.Lookup(c.Args[4])
	if w == nil {
		c.Out.Int(0)
		return
	}
	c.Out.Int(int64(w.Len()))
	g.RemoveConsumer(w)
	c.streamNoted(c.Args[2], "xgroup-delconsumer")
}

func cmdXAck(c *Ctx) {
	s, ok := c.streamAt(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	var g *stream.Group
	if s != nil {
		g = s.Group(c.Args[2])
	}
	if g == nil {
		c.Out.Int(0)
		return
	}
	var room [8]stream.ID
	ids, ok := c.streamIDArgs(room[:0], 3)
	if !ok {
		return
	}
	n := int64(0)
	for _, id := range ids {
		if g.Ack(id) {
			n++
		}
	}
	c.db(c.Args[1]).Shard().Stats.Dirty += n
	c.Out.Int(n)
}

// pendingOptions are those of XPENDING's long form.
type pendingOptions struct {
	minIdle  int64
	from, to stream.ID
	count    int64
	consumer []byte
}

func (c *Ctx) parsePending() (o pendingOptions, ok bool) {
	i := 3
	if c.is(3, "IDLE") {
		if o.minIdle, ok = c.int(4); !ok {
			return o, false
		}
		if len(c.Args) < 8 {
			c.Fail(errSyntax)
			return o, false
		}
		i = 5
	}
	if o.count, ok = c.int(i + 2); !ok {
		return o, false
	}
	if o.from, ok = c.streamStart(i); !ok {
		return o, false
	}
	if o.to, ok = c.streamEnd(i + 1); !ok {
		return o, false
	}
	if i+3 < len(c.Args) {
		o.consumer = c.Args[i+3]
	}
	return o, true
}

func cmdXPending(c *Ctx) {
	var o pendingOptions
	n := len(c.Args)
	if n != 3 && (n < 6 || n > 9) {
		c.Fail(errSyntax)
		return
	}
	ok := true
	if n > 3 {
		if o, ok = c.parsePending(); !ok {
			return
		}
	}
	s, ok := c.streamAt(c.Args[1], keyspace.Read)
	if !ok {
		return
	}
	var g *stream.Group
	if s != nil {
		g = s.Group(c.Args[2])
	}
	switch {
	case g == nil:
		c.Fail(noGroup("No such key '%' or consumer group '%'", c.Args[1], c.Args[2]))
	case n == 3:
		c.pendingSummary(g)
	default:
		c.pendingEntries(g, &o)
	}
}

func (c *Ctx) pendingSummary(g *stream.Group) {
	out := c.Out
	out.ArrayHeader(4)
	out.Int(int64(g.Len()))
	if g.Len() == 0 {
		out.Null()
		out.Null()
		out.NullArray()
		return
	}
	first, last := g.Ends()
	c.streamID(first)
	c.streamID(last)
	mark, n := out.ReserveArray(1), 0
	g.EachConsumer(func(name []byte, w *stream.Consumer) {
		if w.Len() == 0 {
			return
		}
		out.ArrayHeader(2)
		out.BulkBytes(name)
		out.BulkInt(int64(w.Len()))
		n++
	})
	out.SetLen(mark, n)
}

func (c *Ctx) pendingEntries(g *stream.Group, o *pendingOptions) {
	out := c.Out
	var w *stream.Consumer
	if o.consumer != nil {
		if w = g.Lookup(o.consumer); w == nil {
			out.ArrayHeader(0)
			return
		}
	}
	mark, n := out.ReserveArray(10), int64(0)
	now := c.now()
	for p := g.Pending(w, o.from); n < o.count && p.Next() && !o.to.Less(p.ID); {
		idle := now - p.Time
		if o.minIdle != 0 && idle < o.minIdle {
			continue
		}
		out.ArrayHeader(4)
		c.streamID(p.ID)
		out.BulkBytes(g.NameOf(g.Owner(p.Pending)))
		out.Int(max(idle, 0))
		out.Int(int64(p.Count))
		n++
	}
	out.SetLen(mark, int(n))
}

// claimOptions are those of XCLAIM.
type claimOptions struct {
	minIdle int64
	time    int64 // of delivery, -1 when not given
	retries int64 // -1 when not given
	last    stream.ID
	force   bool
	justID  bool
}

func (c *Ctx) parseClaim(i int, o *claimOptions) (ok bool) {
	for ; i < len(c.Args); i++ {
		ok = true
		switch more := i+1 < len(c.Args); {
		case c.is(i, "FORCE"):
			o.force = true
		case c.is(i, "JUSTID"):
			o.justID = true
		case more && c.is(i, "IDLE"):
			i++
			o.time, ok = c.intOr(i, errClaimIdleOpt)
			o.time = c.now() - o.time
		case more && c.is(i, "TIME"):
			i++
			o.time, ok = c.intOr(i, errClaimTime)
		case more && c.is(i, "RETRYCOUNT"):
			i++
			o.retries, ok = c.intOr(i, errClaimRetry)
		case more && c.is(i, "LASTID"):
			i++
			o.last, ok = c.streamIDArg(i)
		default:
			c.Fail(resp.Error("ERR Unrecognized XCLAIM option '" + asText(c.Args[i]) + "'"))
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// streamGroup finds a group of the stream at key, or replies that one of them is not there.
func (c *Ctx) streamGroup(key, name []byte) (s *stream.Stream, g *stream.Group, ok bool) {
	if s, ok = c.streamAt(key, keyspace.Read); !ok {
		return nil, nil, false
	}
	if s != nil {
		g = s.Group(name)
	}
	if g == nil {
		c.Fail(noGroup("No such key '%' or consumer group '%'", key, name))
		return nil, nil, false
	}
	return s, g, true
}

func cmdXClaim(c *Ctx) {
	key := c.Args[1]
	s, g, ok := c.streamGroup(key, c.Args[2])
	if !ok {
		return
	}
	o := claimOptions{time: -1, retries: -1}
	if o.minIdle, ok = c.intOr(4, errClaimIdle); !ok {
		return
	}
	// What is no ID begins the options.
	var room [8]stream.ID
	ids := room[:0]
	i := 5
	for ; i < len(c.Args); i++ {
		id, _, ok := parseStreamID(c.Args[i], 0, false)
		if !ok {
			break
		}
		ids = append(ids, id)
	}
	if !c.parseClaim(i, &o) {
		return
	}
	now := c.now()
	moved := g.Last.Less(o.last)
	if moved {
		g.Last = o.last
	}
	if o.time < 0 || o.time > now {
		o.time = now
	}
	w := c.consumer(g, key, c.Args[3])
	w.Seen = now
	n, changes := 0, int64(0)
	mark := c.Out.ReserveArray(len(ids))
	for _, id := range ids {
		cur := s.Range(id, id)
		switch {
		case !cur.Next():
			if g.Ack(id) { // it is there no longer
				changes++
			}
		case o.claim(g, w, id, now):
			c.claimed(&cur, o.justID)
			n++
			changes++
		}
	}
	c.Out.SetLen(mark, n)
	if changes == 0 && moved {
		changes = 1
	}
	c.db(key).Shard().Stats.Dirty += changes
}

// claim makes a pending entry the consumer's, if it may have it.
func (o *claimOptions) claim(g *stream.Group, w *stream.Consumer, id stream.ID, now int64) bool {
	p := g.Find(id)
	if p == nil && !o.force || p != nil && o.minIdle > 0 && now-p.Time < o.minIdle {
		return false
	}
	p, added := g.Assign(w, id)
	if added {
		p.Count = 1
	}
	p.Time = o.time
	switch {
	case o.retries >= 0:
		p.Count = uint64(o.retries)
	case !o.justID:
		p.Count++
	}
	w.Active = now
	return true
}

// claimed replies an entry that was claimed.
func (c *Ctx) claimed(cur *stream.Cursor, justID bool) {
	if justID {
		c.streamID(cur.ID)
		return
	}
	c.streamEntry(cur)
}

// autoClaimOptions are the arguments of XAUTOCLAIM.
type autoClaimOptions struct {
	minIdle int64
	from    stream.ID
	count   int64
	justID  bool
}

func (c *Ctx) parseAutoClaim() (o autoClaimOptions, ok bool) {
	if o.minIdle, ok = c.intOr(4, errAutoIdle); !ok {
		return o, false
	}
	if o.from, ok = c.streamStart(5); !ok {
		return o, false
	}
	o.count = 100
	for i := 6; i < len(c.Args); i++ {
		switch {
		case i+1 < len(c.Args) && c.is(i, "COUNT"):
			i++
			if o.count, ok = c.intBetween(i, 1, math.MaxInt64/16, errCountPositive); !ok {
				return o, false
			}
		case c.is(i, "JUSTID"):
			o.justID = true
		default:
			c.Fail(errSyntax)
			return o, false
		}
	}
	return o, true
}

func cmdXAutoClaim(c *Ctx) {
	o, ok := c.parseAutoClaim()
	if !ok {
		return
	}
	key := c.Args[1]
	s, g, ok := c.streamGroup(key, c.Args[2])
	if !ok {
		return
	}
	w := c.consumer(g, key, c.Args[3])
	w.Seen = c.now()

	// Where to go on stands before the entries, and is known after them.
	out := c.Out
	c.Out = c.beginSide()
	next, n, gone := c.autoClaim(s, g, w, &o)
	c.Out = out
	out.ArrayHeader(3)
	c.streamID(next)
	out.ArrayHeader(n)
	c.endSide()
	out.ArrayHeader(len(gone))
	for _, id := range gone {
		c.streamID(id)
	}
	c.db(key).Shard().Stats.Dirty += int64(n + len(gone))
}

// autoClaim replies the n entries that were claimed, and returns those that are there no
// longer, and where to go on: at zero when all has been looked at.
func (c *Ctx) autoClaim(s *stream.Stream, g *stream.Group, w *stream.Consumer, o *autoClaimOptions) (next stream.ID, n int, gone []stream.ID) {
	const effort = 10 // entries looked at for each that may be claimed
	now, left := c.now(), o.count
	p := g.Pending(nil, o.from)
	for attempts := o.count * effort; p.Next(); attempts-- {
		if attempts == 0 || left == 0 {
			return p.ID, n, gone
		}
		cur := s.Range(p.ID, p.ID)
		if !cur.Next() {
			gone = append(gone, p.ID)
			g.Ack(p.ID)
			left--
			continue
		}
		if o.minIdle > 0 && now-p.Time < o.minIdle {
			continue
		}
		q, _ := g.Assign(w, p.ID)
		q.Time = now
		if !o.justID {
			q.Count++
		}
		c.claimed(&cur, o.justID)
		w.Active = now
		n++
		left--
	}
	return stream.ID{}, n, gone
}
