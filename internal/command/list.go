package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Lists. Those commands that wait for elements are in listblock.go.

var listHandlers = handlers{
	"lindex": cmdLIndex, "linsert": cmdLInsert, "llen": cmdLLen, "lmove": cmdLMove,
	"lmpop": cmdLMPop, "lpop": cmdLPop, "lpos": cmdLPos, "lpush": cmdLPush, "lpushx": cmdLPushX,
	"lrange": cmdLRange, "lrem": cmdLRem, "lset": cmdLSet, "ltrim": cmdLTrim, "rpop": cmdRPop,
	"rpoplpush": cmdRPopLPush, "rpush": cmdRPush, "rpushx": cmdRPushX,
}

const (
	errIndexRange resp.Error = "ERR index out of range"
	errRankZero   resp.Error = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"
	errCountNeg   resp.Error = "ERR COUNT can't be negative"
	errMaxLenNeg  resp.Error = "ERR MAXLEN can't be negative"
)

// A listEnd is where a command takes elements from or puts them.
type listEnd bool

const (
	listHead listEnd = true  // LEFT
	listTail listEnd = false // RIGHT
)

func (w listEnd) pushEvent() string {
	if w == listHead {
		return "lpush"
	}
	return "rpush"
}

func (w listEnd) popEvent() string {
	if w == listHead {
		return "lpop"
	}
	return "rpop"
}

// listEnd reads argument i as LEFT or RIGHT, or replies that it is neither.
func (c *Ctx) listEnd(i int) (w listEnd, ok bool) {
	switch {
	case c.is(i, "LEFT"):
		return listHead, true
	case c.is(i, "RIGHT"):
		return listTail, true
	}
	c.Fail(errSyntax)
	return w, false
}

// peek returns the element at an end of a list that has one.
func (w listEnd) peek(l *list.List) (v list.Value) {
	if w == listHead {
		v, _ = l.Head()
	} else {
		v, _ = l.Tail()
	}
	return v
}

func (w listEnd) drop(l *list.List, n int, lim *list.Limits) {
	if w == listHead {
		l.DropHead(n, lim)
	} else {
		l.DropTail(n, lim)
	}
}

func (w listEnd) push(l *list.List, elems [][]byte, lim *list.Limits) {
	if w == listHead {
		l.PushHead(elems, lim)
	} else {
		l.PushTail(elems, lim)
	}
}

// bulkValue writes an element of a list or listpack as a bulk.
func bulkValue(out *resp.Writer, v *listpack.Value) {
	if v.IsInt {
		out.BulkInt(v.Int)
		return
	}
	out.BulkBytes(v.Str)
}

// bulkRange writes n elements of l from index first on, without a header.
func bulkRange(out *resp.Writer, l *list.List, first, n int) {
	var buf [32]list.Value
	cur := l.Seek(first)
	for n > 0 {
		k := cur.Fill(buf[:min(n, len(buf))])
		for i := range buf[:k] {
			bulkValue(out, &buf[i])
		}
		if n -= k; k == 0 {
			return
		}
	}
}

func cmdLPush(c *Ctx)  { c.pushCommand(listHead, false) }
func cmdRPush(c *Ctx)  { c.pushCommand(listTail, false) }
func cmdLPushX(c *Ctx) { c.pushCommand(listHead, true) }
func cmdRPushX(c *Ctx) { c.pushCommand(listTail, true) }

func (c *Ctx) pushCommand(w listEnd, mustExist bool) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	if !found && mustExist {
		c.Out.Int(0)
		return
	}
	c.Out.Int(int64(c.pushTo(e, found, key, c.Args[2:], w)))
}

// pushTo adds elems to the list at key, which it makes when none was found, and
// tells of it. It returns the list's length.
func (c *Ctx) pushTo(e *keyspace.Entry, found bool, key []byte, elems [][]byte, w listEnd) int {
	if !found {
		c.newList(e, key, elems, w)
	}
	l := list.Open(e)
	if found {
		w.push(&l, elems, &c.limits.list)
	}
	c.modified(key, keyspace.EventList, w.pushEvent())
	return l.Len()
}

// newListDraft is how many bytes of elements a new list is put together from
// before it goes to the keyspace: those below have one block of the right size
// from the start.
const newListDraft = 512

// newList makes key a list of elems, pushed at w one after the other.
func (c *Ctx) newList(e *keyspace.Entry, key []byte, elems [][]byte, w listEnd) {
	db, lim := c.db(key), &c.limits.list
	size := 0
	for _, s := range elems {
		size += len(s)
	}
	if size <= newListDraft && (lim.MaxListpackSize < 0 || len(elems) <= lim.MaxListpackSize) {
		lp := listpack.AppendEmpty(c.draft[:0])
		for _, s := range elems {
			if w == listHead {
				lp = listpack.Prepend(lp, s)
			} else {
				lp = listpack.Append(lp, s)
			}
		}
		c.draft = lp
		db.Create(e, key, datatypes.List, datatypes.ListPack, lp, 0)
	} else {
		db.Create(e, key, datatypes.List, datatypes.ListPack, nil, listpack.EmptySize)
		l := list.Create(e, 0)
		w.push(&l, elems, lim)
	}
	db.Event(keyspace.EventNew, "new", key)
}

func cmdLPop(c *Ctx) { c.popCommand(listHead) }
func cmdRPop(c *Ctx) { c.popCommand(listTail) }

func (c *Ctx) popCommand(w listEnd) {
	if len(c.Args) > 3 {
		c.Fail(arityError(c.cmd.Name))
		return
	}
	many, count := len(c.Args) == 3, int64(1)
	if many {
		var ok bool
		if count, ok = c.count(2); !ok {
			return
		}
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.List, keyspace.Write)
	switch {
	case !ok:
	case !found && many:
		c.Out.NullArray()
	case !found:
		c.Out.Null()
	case count == 0:
		c.Out.ArrayHeader(0)
	case many:
		c.popMany(e, key, w, count)
	default:
		l := list.Open(e)
		v := w.peek(&l)
		bulkValue(c.Out, &v)
		w.drop(&l, 1, &c.limits.list)
		c.popped(e, &l, key, w.popEvent())
	}
}

// popMany replies up to count elements from an end of the list at key, as an
// array, and removes them.
func (c *Ctx) popMany(e *keyspace.Entry, key []byte, w listEnd, count int64) {
	l := list.Open(e)
	n := int(min(count, int64(l.Len())))
	c.Out.ArrayHeader(n)
	if w == listHead {
		bulkRange(c.Out, &l, 0, n)
	} else {
		cur := l.Seek(-1)
		for range n {
			v, _ := cur.Prev()
			bulkValue(c.Out, &v)
		}
	}
	w.drop(&l, n, &c.limits.list)
	c.popped(e, &l, key, w.popEvent())
}

// popped tells that elements left the list at key, and deletes the key when
// they were the last.
func (c *Ctx) popped(e *keyspace.Entry, l *list.List, key []byte, event string) {
	c.modified(key, keyspace.EventList, event)
	if l.Len() == 0 {
		c.deleted(e, key)
	}
}

func cmdLMPop(c *Ctx) {
	if keys, w, count, ok := c.parseLMPop(1); ok && !c.popFirst(keys, w, count) {
		c.Out.NullArray()
	}
}

// parseLMPop reads the arguments of LMPOP from the number of keys on, which is argument
// at.
func (c *Ctx) parseLMPop(at int) (keys [][]byte, w listEnd, count int64, ok bool) {
	n, ok := c.intBetween(at, 1, math.MaxInt64, errNumKeys)
	if !ok {
		return nil, w, 0, false
	}
	if n > int64(len(c.Args)-at-2) {
		c.Fail(errSyntax)
		return nil, w, 0, false
	}
	i := at + 1 + int(n)
	keys = c.Args[at+1 : i]
	if w, ok = c.listEnd(i); !ok {
		return nil, w, 0, false
	}
	count = 1
	switch i++; {
	case i == len(c.Args):
	case i+2 == len(c.Args) && c.is(i, "COUNT"):
		count, ok = c.intBetween(i+1, 1, math.MaxInt64, errCountNotMore)
	case i+2 < len(c.Args) && c.is(i, "COUNT"):
		// Redis reads the first COUNT before it finds more behind it.
		if _, ok = c.intBetween(i+1, 1, math.MaxInt64, errCountNotMore); ok {
			c.Fail(errSyntax)
		}
		ok = false
	default:
		c.Fail(errSyntax)
		ok = false
	}
	return keys, w, count, ok
}

// popFirst replies up to count elements of the first list there is, with its key. It
// reports false when there is none, and nothing has been replied.
func (c *Ctx) popFirst(keys [][]byte, w listEnd, count int64) bool {
	e, key, found, ok := c.firstOf(keys, datatypes.List)
	if found && ok {
		c.Out.ArrayHeader(2)
		c.Out.BulkBytes(key)
		c.popMany(e, key, w, count)
	}
	return found
}

func cmdRPopLPush(c *Ctx) { c.moveElement(listTail, listHead) }

func cmdLMove(c *Ctx) {
	take, ok := c.listEnd(3)
	if !ok {
		return
	}
	put, ok := c.listEnd(4)
	if !ok {
		return
	}
	c.moveElement(take, put)
}

// moveElement moves an element from an end of the first list named to an end of
// the second, and replies it.
func (c *Ctx) moveElement(take, put listEnd) {
	from, to := c.Args[1], c.Args[2]
	src, found, ok := c.lookupType(from, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	l := list.Open(src)
	if string(from) == string(to) {
		c.rotate(src, &l, from, take, put)
		return
	}
	dst, exists, ok := c.lookupType(to, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	v := take.peek(&l)
	bulkValue(c.Out, &v)
	// The destination gets the element straight out of the source's memory,
	// which stays where it is until the element is dropped.
	var digits [20]byte
	elem := v.Str
	if v.IsInt {
		elem = keyspace.AppendInt(digits[:0], v.Int)
	}
	c.pushTo(dst, exists, to, [][]byte{elem}, put)
	take.drop(&l, 1, &c.limits.list)
	c.popped(src, &l, from, take.popEvent())
}

// rotate is moveElement within one list.
func (c *Ctx) rotate(e *keyspace.Entry, l *list.List, key []byte, take, put listEnd) {
	v := take.peek(l)
	bulkValue(c.Out, &v)
	c.scratch = v.Append(c.scratch[:0])
	take.drop(l, 1, &c.limits.list)
	put.push(l, [][]byte{c.scratch}, &c.limits.list)
	c.modified(key, keyspace.EventList, put.pushEvent())
	e.DB().Event(keyspace.EventList, take.popEvent(), key)
}

func cmdLLen(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.List, keyspace.Read)
	switch {
	case !ok:
	case !found:
		c.Out.Int(0)
	default:
		c.Out.Int(int64(list.Open(e).Len()))
	}
}

func cmdLIndex(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.List, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	i, ok := c.int(2)
	if !ok {
		return
	}
	v, ok := list.Open(e).Index(int(i))
	if !ok {
		c.Out.Null()
		return
	}
	bulkValue(c.Out, &v)
}

func cmdLRange(c *Ctx) {
	start, stop, ok := c.span(2)
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.List, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.ArrayHeader(0)
		return
	}
	l := list.Open(e)
	first, n := l.Count(int(start), int(stop))
	c.Out.ArrayHeader(n)
	if n > 0 {
		bulkRange(c.Out, &l, first, n)
	}
}

func cmdLSet(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		c.Fail(errNoSuchKey)
		return
	}
	i, ok := c.int(2)
	if !ok {
		return
	}
	l := list.Open(e)
	if !l.Set(int(i), c.Args[3], &c.limits.list) {
		c.Fail(errIndexRange)
		return
	}
	c.modified(key, keyspace.EventList, "lset")
	c.OK()
}

func cmdLInsert(c *Ctx) {
	after := c.is(2, "AFTER")
	if !after && !c.is(2, "BEFORE") {
		c.Fail(errSyntax)
		return
	}
	key, pivot, elem := c.Args[1], c.Args[3], c.Args[4]
	e, found, ok := c.lookupType(key, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		c.Out.Int(0)
		return
	}
	l := list.Open(e)
	if after {
		ok = l.InsertAfter(pivot, elem, &c.limits.list)
	} else {
		ok = l.InsertBefore(pivot, elem, &c.limits.list)
	}
	if !ok {
		c.Out.Int(-1)
		return
	}
	c.modified(key, keyspace.EventList, "linsert")
	c.Out.Int(int64(l.Len()))
}

func cmdLRem(c *Ctx) {
	count, ok := c.int(2)
	if !ok {
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	n := 0
	if found {
		l := list.Open(e)
		if n = l.Remove(int(count), c.Args[3], &c.limits.list); n > 0 {
			c.popped(e, &l, key, "lrem")
		}
	}
	c.Out.Int(int64(n))
}

func cmdLTrim(c *Ctx) {
	start, stop, ok := c.span(2)
	if !ok {
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.List, keyspace.Write)
	if !ok {
		return
	}
	if found {
		l := list.Open(e)
		l.Trim(int(start), int(stop), &c.limits.list)
		c.popped(e, &l, key, "ltrim")
	}
	c.OK()
}

// posOptions are what LPOS may ask for.
type posOptions struct {
	rank, count, maxLen int64
	many                bool // COUNT was given: an array is wanted
}

func (c *Ctx) parsePos() (o posOptions, ok bool) {
	o.rank, o.count = 1, 1
	for i := 3; i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) {
			c.Fail(errSyntax)
			return o, false
		}
		switch {
		case c.is(i, "RANK"):
			o.rank, ok = c.symmetricInt(i + 1)
			if ok && o.rank == 0 {
				c.Fail(errRankZero)
				ok = false
			}
		case c.is(i, "COUNT"):
			o.many = true
			o.count, ok = c.intBetween(i+1, 0, math.MaxInt64, errCountNeg)
		case c.is(i, "MAXLEN"):
			o.maxLen, ok = c.intBetween(i+1, 0, math.MaxInt64, errMaxLenNeg)
		default:
			c.Fail(errSyntax)
			ok = false
		}
		if !ok {
			return o, false
		}
	}
	return o, true
}

func cmdLPos(c *Ctx) {
	o, ok := c.parsePos()
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.List, keyspace.Read)
	if !ok {
		return
	}
	n, out := 0, c.Out
	var mark resp.Mark
	if o.many {
		mark = out.ReserveArray(0)
	}
	if found {
		list.Open(e).Pos(c.Args[2], int(o.rank), int(o.count), int(o.maxLen), func(i int) bool {
			out.Int(int64(i))
			n++
			return true
		})
	}
	switch {
	case o.many:
		out.SetLen(mark, n)
	case n == 0:
		out.Null()
	}
}
