package command

import (
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// XREAD and XREADGROUP read what comes after given IDs from several streams.

const (
	errReadGroupOnly  resp.Error = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
	errReadNoAckOnly  resp.Error = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
	errReadNoGroup    resp.Error = "ERR Missing GROUP option for XREADGROUP"
	errReadDollar     resp.Error = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
	errReadPlus       resp.Error = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set."
	errReadNew        resp.Error = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
	errUnbalancedRead resp.Error = "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."
	errUnbalancedNew  resp.Error = "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
)

// readOptions are what stands before the IDs of XREAD and XREADGROUP.
type readOptions struct {
	group, consumer []byte
	grouped         bool
	noAck           bool
	blocks          bool
	timeout         int64 // milliseconds, 0 for ever
	count           int64 // 0: all
	keys            int   // where the keys stand, and the IDs behind them
	n               int   // how many of either
}

func (c *Ctx) parseRead(group bool) (o readOptions, ok bool) {
	for i := 1; i < len(c.Args) && o.keys == 0; i++ {
		more := len(c.Args) - i - 1
		switch {
		case more > 0 && c.is(i, "BLOCK"):
			if c.inScript {
				c.Fail(resp.Error("ERR " + asText(c.Args[0]) + " command is not allowed with BLOCK option from scripts"))
				return o, false
			}
			i++
			if o.timeout, ok = c.timeoutMs(i); !ok {
				return o, false
			}
			o.blocks = true
		case more > 0 && c.is(i, "COUNT"):
			i++
			if o.count, ok = c.int(i); !ok {
				return o, false
			}
			o.count = max(o.count, 0)
		case more > 0 && c.is(i, "STREAMS"):
			o.keys, o.n = i+1, more/2
			switch {
			case more%2 == 0:
			case group:
				c.Fail(errUnbalancedNew)
				return o, false
			default:
				c.Fail(errUnbalancedRead)
				return o, false
			}
		case more > 1 && c.is(i, "GROUP"):
			if !group {
				c.Fail(errReadGroupOnly)
				return o, false
			}
			o.group, o.consumer, o.grouped = c.Args[i+1], c.Args[i+2], true
			i += 2
		case c.is(i, "NOACK"):
			if !group {
				c.Fail(errReadNoAckOnly)
				return o, false
			}
			o.noAck = true
		default:
			c.Fail(errSyntax)
			return o, false
		}
	}
	switch {
	case o.keys == 0:
		c.Fail(errSyntax)
		return o, false
	case group && !o.grouped:
		c.Fail(errReadNoGroup)
		return o, false
	}
	return o, true
}

// A reading is one stream to read from.
type reading struct {
	s     *stream.Stream // nil when there is none
	g     *stream.Group
	after stream.ID // entries behind this one are wanted
	fresh bool      // ">": those that the group has not been delivered
	last  bool      // "+": only the last
}

// parseReading finds the i-th stream and reads its ID.
func (c *Ctx) parseReading(o *readOptions, i int, e *keyspace.Entry) (r reading, ok bool) {
	key, id := c.Args[o.keys+i], c.Args[o.keys+o.n+i]
	if c.lookupInto(e, key, keyspace.Read) {
		if e.Type() != datatypes.Stream {
			c.Fail(ErrWrongType)
			return r, false
		}
		r.s = streamOf(e)
	}
	if o.grouped {
		if r.s != nil {
			r.g = r.s.Group(o.group)
		}
		if r.g == nil {
			c.Fail(noGroup("No such key '%' or consumer group '%' in XREADGROUP with GROUP option", key, o.group))
			return r, false
		}
	}
	if len(id) == 1 {
		err := resp.Error("")
		switch id[0] {
		case '$':
			if o.grouped {
				err = errReadDollar
			} else if r.s != nil {
				r.after = r.s.Last()
			}
		case '+':
			r.last = true
			if o.grouped {
				err = errReadPlus
			}
		case '>':
			r.fresh = true
			if !o.grouped {
				err = errReadNew
			}
		default:
			r.after, ok = c.streamIDArg(o.keys + o.n + i)
			return r, ok
		}
		if err != "" {
			c.Fail(err)
		}
		return r, err == ""
	}
	r.after, ok = c.streamIDArg(o.keys + o.n + i)
	// The greatest ID stands for ">", in Redis too.
	if o.grouped && r.after == stream.MaxID {
		r.fresh = true
	}
	return r, ok
}

func cmdXRead(c *Ctx)      { c.readStreams(false) }
func cmdXReadGroup(c *Ctx) { c.readStreams(true) }

func (c *Ctx) readStreams(group bool) {
	o, ok := c.parseRead(group)
	if !ok {
		return
	}
	var room [8]reading
	list, e := room[:0], c.entry()
	for i := range o.n {
		r, ok := c.parseReading(&o, i, e)
		if !ok {
			return
		}
		list = append(list, r)
	}
	served := 0
	var mark resp.Mark
	for i := range list {
		r, key := &list[i], c.Args[o.keys+i]
		if r.s == nil {
			c.lookupInto(e, key, keyspace.Read) // Redis looks twice, and tells of two misses
			continue
		}
		if !c.readable(r, &o, key) {
			continue
		}
		if served++; served == 1 {
			mark = c.reserveRead()
		}
		if c.Out.Proto < 3 {
			c.Out.ArrayHeader(2)
		}
		c.Out.BulkBytes(key)
		c.read(r, &o, key)
	}
	switch {
	case served > 0:
		c.Out.SetLen(mark, served)
	case o.blocks && !c.mayNotBlock():
		c.awaitStreams(&o, list)
	default:
		c.Out.NullArray()
	}
}

// awaitStreams waits for entries in the streams of list. "$" stands for what is the last
// ID now: so it is told to the command that runs again. Those who read for a group also
// want to hear that it, or the stream, is no more.
func (c *Ctx) awaitStreams(o *readOptions, list []reading) {
	w := wait{on: datatypes.Stream, gone: o.grouped, keys: c.Args[o.keys : o.keys+o.n], timeout: o.timeout}
	for i := range list {
		at := o.keys + o.n + i
		if id := c.Args[at]; len(id) != 1 || id[0] != '$' {
			continue
		}
		if w.args == nil {
			w.args = slices.Clone(c.Args)
		}
		w.args[at] = list[i].after.Append(nil)
	}
	c.block(w)
}

// reserveRead leaves room for the header over the streams: a map in RESP3, in RESP2 an
// array of pairs.
func (c *Ctx) reserveRead() resp.Mark {
	if c.Out.Proto < 3 {
		return c.Out.ReserveArray(1)
	}
	return c.Out.ReserveMap(1)
}

// readable reports whether there is something to reply of a stream. A consumer is made
// when it tries to read, whether it gets something or not.
func (c *Ctx) readable(r *reading, o *readOptions, key []byte) bool {
	if o.grouped {
		c.consumer(r.g, key, o.consumer).Seen = c.now()
		if !r.fresh {
			return true // its history, be it empty
		}
		r.after = r.g.Last
	}
	if !r.last && !r.after.Less(r.s.Last()) {
		return false
	}
	top, ok := r.s.LastEntry()
	return ok && (r.last || r.after.Less(top))
}

// read replies the entries of a stream that is readable.
func (c *Ctx) read(r *reading, o *readOptions, key []byte) {
	switch {
	case r.last:
		c.streamEntries(r.s.RangeBack(stream.ID{}, stream.MaxID), 1)
	case !o.grouped:
		from, _ := r.after.Next()
		c.streamEntries(r.s.Range(from, stream.MaxID), o.count)
	case r.fresh:
		c.readFresh(r, o)
	default:
		c.readHistory(r, o)
	}
	if o.grouped {
		c.db(key).Shard().Stats.Dirty++
	}
}

// readFresh delivers entries that no consumer of the group has had.
func (c *Ctx) readFresh(r *reading, o *readOptions) {
	g, now := r.g, c.now()
	w := g.Lookup(o.consumer)
	mark := c.Out.ReserveArray(int(min(max(o.count, 1), 100)))
	n := int64(0)
	cur := g.Unread()
	for cur.Next() {
		g.Advance(cur.ID)
		c.streamEntry(&cur)
		if !o.noAck {
			g.Deliver(w, cur.ID, now)
			w.Active = now
		}
		if n++; n == o.count {
			break
		}
	}
	g.Remember(&cur)
	c.Out.SetLen(mark, int(n))
}

// readHistory replies what a consumer has pending. Entries that were deleted since
// have no fields.
func (c *Ctx) readHistory(r *reading, o *readOptions) {
	g, now := r.g, c.now()
	mark := c.Out.ReserveArray(10)
	n := int64(0)
	from, _ := r.after.Next()
	p := g.Pending(g.Lookup(o.consumer), from)
	for (o.count == 0 || n < o.count) && p.Next() {
		n++
		cur := r.s.Range(p.ID, p.ID)
		if cur.Next() {
			c.streamEntry(&cur)
			p.Time = now
			p.Count++
			continue
		}
		c.Out.ArrayHeader(2)
		c.streamID(p.ID)
		c.Out.NullArray()
	}
	c.Out.SetLen(mark, int(n))
}
