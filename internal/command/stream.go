package command

import (
	"bytes"
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/stream"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Streams: entries and their IDs. Groups of consumers are in streamgroup.go, XREAD and
// XREADGROUP in streamread.go, XINFO in streaminfo.go.

var streamHandlers = handlers{
	"xack": cmdXAck, "xackdel": cmdXAckDel, "xadd": cmdXAdd, "xautoclaim": cmdXAutoClaim, "xclaim": cmdXClaim,
	"xdel": cmdXDel, "xdelex": cmdXDelEx, "xgroup|create": cmdXGroupCreate,
	"xgroup|createconsumer": cmdXGroupCreateConsumer, "xgroup|delconsumer": cmdXGroupDelConsumer,
	"xgroup|destroy": cmdXGroupDestroy, "xgroup|help": cmdHelp, "xgroup|setid": cmdXGroupSetID,
	"xinfo|consumers": cmdXInfoConsumers, "xinfo|groups": cmdXInfoGroups, "xinfo|help": cmdHelp,
	"xinfo|stream": cmdXInfoStream, "xlen": cmdXLen, "xpending": cmdXPending, "xrange": cmdXRange,
	"xread": cmdXRead, "xreadgroup": cmdXReadGroup, "xrevrange": cmdXRevRange, "xsetid": cmdXSetID,
	"xtrim": cmdXTrim,
}

const (
	errStreamID       resp.Error = "ERR Invalid stream ID specified as stream command argument"
	errXAddZero       resp.Error = "ERR The ID specified in XADD must be greater than 0-0"
	errXAddExhausted  resp.Error = "ERR The stream has exhausted the last possible ID, unable to add more items"
	errXAddSmall      resp.Error = "ERR The ID specified in XADD is equal or smaller than the target stream top item"
	errXAddLarge      resp.Error = "ERR Elements are too large to be stored"
	errTrimTwice      resp.Error = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	errTrimMaxLen     resp.Error = "ERR The MAXLEN argument must be >= 0."
	errTrimLimit      resp.Error = "ERR The LIMIT argument must be >= 0."
	errLimitAlone     resp.Error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
	errTrimNothing    resp.Error = "ERR syntax error, XTRIM must be called with a trimming strategy"
	errLimitExact     resp.Error = "ERR syntax error, LIMIT cannot be used without the special ~ option"
	errRangeStart     resp.Error = "ERR invalid start ID for the interval"
	errRangeEnd       resp.Error = "ERR invalid end ID for the interval"
	errEntriesAdded   resp.Error = "ERR entries_added must be positive"
	errSetIDDeleted   resp.Error = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
	errSetIDTombstone resp.Error = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
	errSetIDTop       resp.Error = "ERR The ID specified in XSETID is smaller than the target stream top item"
	errSetIDLength    resp.Error = "ERR The entries_added specified in XSETID is smaller than the target stream length"
)

// streamAt finds the stream at key. ok is false when the key holds something else:
// the error has been replied. s is nil when there is no such key.
func (c *Ctx) streamAt(key []byte, m keyspace.Mode) (s *stream.Stream, ok bool) {
	e, found, ok := c.lookupType(key, datatypes.Stream, m)
	if !found || !ok {
		return nil, ok
	}
	return streamOf(e), true
}

func streamOf(e *keyspace.Entry) *stream.Stream { return e.Object().(*stream.Stream) }

// newStream makes an empty stream of key, which a lookup into e did not find.
func (c *Ctx) newStream(e *keyspace.Entry, key []byte) *stream.Stream {
	s := stream.New(e.Arena())
	db := c.db(key)
	db.CreateObject(e, key, datatypes.Stream, datatypes.StreamTree, s)
	db.Event(keyspace.EventNew, "new", key)
	return s
}

// streamNoted tells of a change to what surrounds a stream's entries. Redis does not
// take those for modifications of the key: neither WATCH nor tracking hears of them.
func (c *Ctx) streamNoted(key []byte, event string) {
	db := c.db(key)
	db.Shard().Stats.Dirty++
	if event != "" {
		db.Event(keyspace.EventStream, event, key)
	}
}

// streamModified is modified for a change of n entries.
func (c *Ctx) streamModified(key []byte, event string, n int64) {
	c.modified(key, keyspace.EventStream, event)
	c.db(key).Shard().Stats.Dirty += n - 1
}

// streamID writes an ID as a bulk.
func (c *Ctx) streamID(id stream.ID) {
	var b [48]byte
	c.Out.BulkBytes(id.Append(b[:0]))
}

// streamEntry writes the entry a cursor is at, which reads its fields.
func (c *Ctx) streamEntry(cur *stream.Cursor) {
	out := c.Out
	out.ArrayHeader(2)
	c.streamID(cur.ID)
	n := cur.Len()
	out.ArrayHeader(2 * n)
	for range n {
		f, v := cur.Field()
		bulkValue(out, &f)
		bulkValue(out, &v)
	}
}

// # IDs in arguments
//
// An ID is "ms-seq", or "ms" alone. Where ranges are meant, "-" and "+" are the
// least and the greatest, and "(" excludes the end it stands before. Numbers are read
// as C's strtoull reads them, odd forms included.

// parseUint reads a number as Redis reads one of an ID.
func parseUint(b []byte) (uint64, bool) {
	if n, ok := keyspace.ParseInt(b); ok {
		return uint64(n), n >= 0
	}
	b = bytes.TrimLeft(b, " \t\n\v\f\r")
	negative := false
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		negative = b[0] == '-'
		b = b[1:]
	}
	n := uint64(0)
	for _, ch := range b {
		d := uint64(ch - '0')
		if ch < '0' || ch > '9' || n > math.MaxUint64/10 || n*10 > math.MaxUint64-d {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return n, len(b) > 0
}

// maxIDText is the longest text that is taken for an ID.
const maxIDText = 127

// parseStreamID reads "ms-seq" or "ms", where the rest is as given. With auto,
// "ms-*" asks for the next ID of that millisecond.
func parseStreamID(b []byte, seq uint64, auto bool) (id stream.ID, isAuto, ok bool) {
	if len(b) > maxIDText {
		return id, false, false
	}
	if i := bytes.IndexByte(b, 0); i >= 0 { // C takes it for the end
		b = b[:i]
	}
	ms := b
	i := bytes.IndexByte(b, '-')
	if i >= 0 {
		ms = b[:i]
	}
	if id.Ms, ok = parseUint(ms); !ok {
		return id, false, false
	}
	id.Seq = seq
	if i < 0 {
		return id, false, true
	}
	if auto && len(b) == i+2 && b[i+1] == '*' {
		id.Seq = 0
		return id, true, true
	}
	id.Seq, ok = parseUint(b[i+1:])
	return id, false, ok
}

// streamIDArg reads argument i as an ID, or replies that it is none.
func (c *Ctx) streamIDArg(i int) (stream.ID, bool) {
	id, _, ok := parseStreamID(c.Args[i], 0, false)
	if !ok {
		c.Fail(errStreamID)
	}
	return id, ok
}

// streamIDArgs reads the arguments from i on as IDs, for commands that do nothing when
// one of them is none.
func (c *Ctx) streamIDArgs(ids []stream.ID, i int) ([]stream.ID, bool) {
	for ; i < len(c.Args); i++ {
		id, ok := c.streamIDArg(i)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

// streamBound reads argument i as an ID that may be "-" or "+".
func (c *Ctx) streamBound(i int, seq uint64) (id stream.ID, ok bool) {
	arg := c.Args[i]
	switch {
	case len(arg) == 1 && arg[0] == '-':
		return stream.ID{}, true
	case len(arg) == 1 && arg[0] == '+':
		return stream.MaxID, true
	}
	if id, _, ok = parseStreamID(arg, seq, false); !ok {
		c.Fail(errStreamID)
	}
	return id, ok
}

// streamStart reads argument i as the beginning of a range.
func (c *Ctx) streamStart(i int) (id stream.ID, ok bool) {
	arg := c.Args[i]
	if len(arg) < 2 || arg[0] != '(' {
		return c.streamBound(i, 0)
	}
	if id, _, ok = parseStreamID(arg[1:], 0, false); !ok {
		c.Fail(errStreamID)
		return id, false
	}
	if id, ok = id.Next(); !ok {
		c.Fail(errRangeStart)
	}
	return id, ok
}

// streamEnd reads argument i as the end of a range.
func (c *Ctx) streamEnd(i int) (id stream.ID, ok bool) {
	arg := c.Args[i]
	if len(arg) < 2 || arg[0] != '(' {
		return c.streamBound(i, math.MaxUint64)
	}
	if id, _, ok = parseStreamID(arg[1:], math.MaxUint64, false); !ok {
		c.Fail(errStreamID)
		return id, false
	}
	if id, ok = id.Prev(); !ok {
		c.Fail(errRangeEnd)
	}
	return id, ok
}

// # Adding and trimming

// addOptions are what stands before the fields of XADD, and after the key of XTRIM.
type addOptions struct {
	id         stream.ID
	given      bool // not "*"
	auto       bool // "ms-*"
	noMkStream bool
	trims      bool
	limited    bool // LIMIT was given
	trim       stream.Trimming
}

// parseAdd reads options from argument 2 on; i is where the fields begin.
func (c *Ctx) parseAdd(add bool) (o addOptions, i int, ok bool) {
	for i = 2; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch arg := c.Args[i]; {
		case add && len(arg) == 1 && arg[0] == '*':
			i++
			return o, i, c.checkTrim(&o, add)
		case more && equalFold(arg, "MAXLEN"), more && equalFold(arg, "MINID"):
			if i, ok = c.parseTrim(&o, i); !ok {
				return o, 0, false
			}
		case more && equalFold(arg, "LIMIT"):
			i++
			if o.trim.Limit, ok = c.int(i); !ok {
				return o, 0, false
			}
			if o.trim.Limit < 0 {
				c.Fail(errTrimLimit)
				return o, 0, false
			}
			o.limited = true
		case add && equalFold(arg, "NOMKSTREAM"):
			o.noMkStream = true
		case c.references(i, &o.trim.Refs):
		case add:
			if o.id, o.auto, ok = parseStreamID(arg, 0, true); !ok {
				c.Fail(errStreamID)
				return o, 0, false
			}
			o.given = true
			i++
			return o, i, c.checkTrim(&o, add)
		default:
			c.Fail(errSyntax)
			return o, 0, false
		}
	}
	return o, i, c.checkTrim(&o, add)
}

// references reads argument i as KEEPREF, DELREF or ACKED.
func (c *Ctx) references(i int, r *stream.References) bool {
	switch arg := c.Args[i]; {
	case equalFold(arg, "KEEPREF"):
		*r = stream.KeepRefs
	case equalFold(arg, "DELREF"):
		*r = stream.DeleteRefs
	case equalFold(arg, "ACKED"):
		*r = stream.OnlyAcked
	default:
		return false
	}
	return true
}

// parseTrim reads MAXLEN or MINID, which stands at argument i, and returns where its
// threshold is.
func (c *Ctx) parseTrim(o *addOptions, i int) (int, bool) {
	if o.trims {
		c.Fail(errTrimTwice)
		return 0, false
	}
	o.trims = true
	o.trim.ByID = equalFold(c.Args[i], "MINID")
	i++
	if sign := c.Args[i]; i+1 < len(c.Args) && len(sign) == 1 && (sign[0] == '~' || sign[0] == '=') {
		o.trim.Nodes = sign[0] == '~'
		i++
	}
	var ok bool
	if o.trim.ByID {
		o.trim.MinID, ok = c.streamIDArg(i)
		return i, ok
	}
	if o.trim.MaxLen, ok = c.int(i); ok && o.trim.MaxLen < 0 {
		c.Fail(errTrimMaxLen)
		return 0, false
	}
	return i, ok
}

// checkTrim sees that trimming options go together, and sets the limit of those that
// have none.
func (c *Ctx) checkTrim(o *addOptions, add bool) bool {
	switch {
	case o.trim.Limit != 0 && !o.trims:
		c.Fail(errLimitAlone)
		return false
	case !add && !o.trims:
		c.Fail(errTrimNothing)
		return false
	case o.limited && !o.trim.Nodes:
		c.Fail(errLimitExact)
		return false
	case !o.limited && o.trim.Nodes:
		const nodes = 100
		limit := int64(c.limits.stream.NodeEntries)
		if limit > 1_000_000/nodes {
			o.trim.Limit = 1_000_000
		} else if o.trim.Limit = nodes * limit; limit <= 0 {
			o.trim.Limit = 10_000
		}
	}
	return true
}

func cmdXAdd(c *Ctx) {
	o, at, ok := c.parseAdd(true)
	if !ok {
		return
	}
	fields := c.Args[min(at, len(c.Args)):]
	if len(fields) < 2 || len(fields)%2 != 0 {
		c.Fail(arityError(c.cmd.Name))
		return
	}
	if o.given && !o.auto && o.id.IsZero() {
		c.Fail(errXAddZero)
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.Stream, keyspace.Write)
	if !ok {
		return
	}
	var s *stream.Stream
	switch {
	case found:
		s = streamOf(e)
	case o.noMkStream:
		c.Out.Null()
		return
	default:
		s = c.newStream(e, key)
	}
	id, err := c.nextStreamID(s, &o)
	if err == "" && sizeOf(fields) > stream.MaxEntry {
		err = errXAddLarge
	}
	if err != "" {
		c.Fail(err)
		return
	}
	s.Add(id, fields, &c.limits.stream)
	c.streamID(id)
	c.modified(key, keyspace.EventStream, "xadd")
	if o.trims && s.Trim(&o.trim) > 0 {
		c.db(key).Event(keyspace.EventStream, "xtrim", key)
	}
}

func sizeOf(args [][]byte) (n int) {
	for _, a := range args {
		n += len(a)
	}
	return n
}

// nextStreamID returns the ID of the entry that XADD adds.
func (c *Ctx) nextStreamID(s *stream.Stream, o *addOptions) (id stream.ID, err resp.Error) {
	last := s.Last()
	if last == stream.MaxID {
		return id, errXAddExhausted
	}
	switch now := uint64(c.now()); {
	case o.given && o.auto && o.id.Ms == last.Ms:
		if last.Seq == math.MaxUint64 {
			return id, errXAddSmall
		}
		id, _ = last.Next()
	case o.given:
		id = o.id
	case now > last.Ms:
		id = stream.ID{Ms: now}
	default:
		id, _ = last.Next()
	}
	if !last.Less(id) {
		return id, errXAddSmall
	}
	return id, ""
}

func cmdXTrim(c *Ctx) {
	o, _, ok := c.parseAdd(false)
	if !ok {
		return
	}
	key := c.Args[1]
	s, ok := c.streamAt(key, keyspace.Write)
	if !ok {
		return
	}
	n := int64(0)
	if s != nil {
		if n = s.Trim(&o.trim); n > 0 {
			c.streamModified(key, "xtrim", n)
		}
	}
	c.Out.Int(n)
}

func cmdXLen(c *Ctx) {
	s, ok := c.streamAt(c.Args[1], keyspace.Read)
	switch {
	case !ok:
	case s == nil:
		c.Out.Int(0)
	default:
		c.Out.Int(int64(s.Len()))
	}
}

func cmdXDel(c *Ctx) {
	key := c.Args[1]
	s, ok := c.streamAt(key, keyspace.Write)
	if !ok {
		return
	}
	if s == nil {
		c.Out.Int(0)
		return
	}
	var room [8]stream.ID
	ids, ok := c.streamIDArgs(room[:0], 2)
	if !ok {
		return
	}
	n := int64(0)
	for _, id := range ids {
		if s.Delete(id) {
			n++
		}
	}
	if n > 0 {
		c.streamModified(key, "xdel", n)
	}
	c.Out.Int(n)
}

func cmdXRange(c *Ctx)    { c.streamRange(2, 3, false) }
func cmdXRevRange(c *Ctx) { c.streamRange(3, 2, true) }

// streamRange replies the entries between two IDs, given by arguments i and j.
func (c *Ctx) streamRange(i, j int, back bool) {
	from, ok := c.streamStart(i)
	if !ok {
		return
	}
	to, ok := c.streamEnd(j)
	if !ok {
		return
	}
	count := int64(-1)
	for k := 4; k < len(c.Args); k += 2 {
		if k+1 == len(c.Args) || !c.is(k, "COUNT") {
			c.Fail(errSyntax)
			return
		}
		if count, ok = c.int(k + 1); !ok {
			return
		}
		count = max(count, 0)
	}
	s, ok := c.streamAt(c.Args[1], keyspace.Read)
	switch {
	case !ok:
	case s == nil:
		c.Out.ArrayHeader(0)
	case count == 0:
		c.Out.NullArray()
	case back:
		c.streamEntries(s.RangeBack(from, to), count)
	default:
		c.streamEntries(s.Range(from, to), count)
	}
}

// streamEntries replies up to count entries, all for count < 1, as an array.
func (c *Ctx) streamEntries(cur stream.Cursor, count int64) {
	expect := 10
	if count > 0 {
		expect = int(min(count, 100))
	}
	mark := c.Out.ReserveArray(expect)
	n := int64(0)
	for cur.Next() {
		c.streamEntry(&cur)
		if n++; n == count {
			break
		}
	}
	c.Out.SetLen(mark, int(n))
}

func cmdXSetID(c *Ctx) {
	id, ok := c.streamIDArg(2)
	if !ok {
		return
	}
	added, deleted := int64(-1), stream.ID{}
	for i := 3; i < len(c.Args); i += 2 {
		switch more := i+1 < len(c.Args); {
		case more && c.is(i, "ENTRIESADDED"):
			if added, ok = c.int(i + 1); !ok {
				return
			}
			if added < 0 {
				c.Fail(errEntriesAdded)
				return
			}
		case more && c.is(i, "MAXDELETEDID"):
			if deleted, ok = c.streamIDArg(i + 1); !ok {
				return
			}
			if id.Less(deleted) {
				c.Fail(errSetIDDeleted)
				return
			}
		default:
			c.Fail(errSyntax)
			return
		}
	}
	key := c.Args[1]
	s, ok := c.streamAt(key, keyspace.Write)
	if !ok {
		return
	}
	if s == nil {
		c.Fail(errNoSuchKey)
		return
	}
	top, _ := s.LastEntry()
	switch {
	case id.Less(s.MaxDeleted()):
		c.Fail(errSetIDTombstone)
		return
	case s.Len() > 0 && id.Less(top):
		c.Fail(errSetIDTop)
		return
	case s.Len() > 0 && added != -1 && int64(s.Len()) > added:
		c.Fail(errSetIDLength)
		return
	}
	s.SetLast(id)
	if added != -1 {
		s.SetAdded(added)
	}
	if !deleted.IsZero() {
		s.SetMaxDeleted(deleted)
	}
	c.streamNoted(key, "xsetid")
	c.OK()
}

// # What Redis 8.2 brought

// streamIDList is what stands after the key, or the group, of XDELEX and XACKDEL.
type streamIDList struct {
	refs stream.References
	ids  []stream.ID
}

const (
	errNumIDs     resp.Error = "ERR Number of IDs must be a positive integer"
	errNumIDsArgs resp.Error = "ERR The `numids` parameter must match the number of arguments"
)

// parseIDList reads [KEEPREF | DELREF | ACKED] IDS numids id … from argument i on, the
// two parts in any order.
func (c *Ctx) parseIDList(ids []stream.ID, i int) (l streamIDList, ok bool) {
	for ; i < len(c.Args); i++ {
		switch {
		case c.references(i, &l.refs):
		case i+1 < len(c.Args) && c.is(i, "IDS"):
			n, ok := c.intBetween(i+1, 1, math.MaxInt32, errNumIDs)
			if !ok {
				return l, false
			}
			if l.ids != nil || n > int64(len(c.Args)-i-2) {
				c.Fail(errNumIDsArgs)
				return l, false
			}
			for i++; n > 0; n-- {
				i++
				id, ok := c.streamIDArg(i)
				if !ok {
					return l, false
				}
				ids = append(ids, id)
			}
			l.ids = ids
		default:
			c.Fail(errSyntax)
			return l, false
		}
	}
	if l.ids == nil {
		c.Fail(errSyntax)
		return l, false
	}
	return l, true
}

func cmdXDelEx(c *Ctx) {
	var room [8]stream.ID
	l, ok := c.parseIDList(room[:0], 2)
	if !ok {
		return
	}
	key := c.Args[1]
	s, ok := c.streamAt(key, keyspace.Write)
	if !ok {
		return
	}
	deleted := int64(0)
	c.Out.ArrayHeader(len(l.ids))
	for _, id := range l.ids {
		fate := stream.Missing
		if s != nil {
			fate = s.DeleteWith(id, l.refs)
		}
		if fate == stream.Deleted {
			deleted++
		}
		c.Out.Int(int64(fate))
	}
	if deleted > 0 {
		c.streamModified(key, "xdel", deleted)
	}
}

func cmdXAckDel(c *Ctx) {
	var room [8]stream.ID
	l, ok := c.parseIDList(room[:0], 3)
	if !ok {
		return
	}
	key := c.Args[1]
	s, ok := c.streamAt(key, keyspace.Write)
	if !ok {
		return
	}
	var g *stream.Group
	if s != nil {
		g = s.Group(c.Args[2])
	}
	deleted := int64(0)
	c.Out.ArrayHeader(len(l.ids))
	for _, id := range l.ids {
		fate := stream.Missing
		if g != nil && g.Ack(id) {
			c.streamNoted(key, "")
			if fate = s.DeleteWith(id, l.refs); fate == stream.Missing {
				fate = stream.Deleted // it is gone, and now acknowledged
			}
		} else if g != nil && l.refs == stream.DeleteRefs {
			s.Forget(id)
		}
		if fate == stream.Deleted {
			deleted++
		}
		c.Out.Int(int64(fate))
	}
	if deleted > 0 {
		c.modified(key, keyspace.EventStream, "xdel")
	}
}
