package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/keyspace"
)

// Sets, and how they are combined.

var setHandlers = handlers{
	"sadd": cmdSAdd, "scard": cmdSCard, "sdiff": cmdSDiff, "sdiffstore": cmdSDiffStore,
	"sinter": cmdSInter, "sintercard": cmdSInterCard, "sinterstore": cmdSInterStore,
	"sismember": cmdSIsMember, "smembers": cmdSMembers, "smismember": cmdSMIsMember,
	"smove": cmdSMove, "spop": cmdSPop, "srandmember": cmdSRandMember, "srem": cmdSRem,
	"sscan": cmdSScan, "sunion": cmdSUnion, "sunionstore": cmdSUnionStore,
}

const ()

func cmdSAdd(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.Set, keyspace.Write)
	if !ok {
		return
	}
	n := c.addMembers(e, found, key, c.Args[2:])
	if n > 0 {
		c.modified(key, keyspace.EventSet, "sadd")
	}
	c.Out.Int(int64(n))
}

// addMembers puts members into the set at key, which it makes when none was
// found, and returns how many are new.
func (c *Ctx) addMembers(e *keyspace.Entry, found bool, key []byte, members [][]byte) (n int) {
	lim := &c.limits.set
	if !found {
		s := set.Create(c.beginDraft(key), members[0], len(members), lim)
		for _, m := range members {
			s.Add(m, lim)
		}
		n = s.Len()
		c.createFrom(e, key, datatypes.Set)
		c.db(key).Event(keyspace.EventNew, "new", key)
		return n
	}
	s := set.Open(e)
	if len(members) > 1 {
		s.ConvertFor(len(members), lim)
	}
	for _, m := range members {
		if s.Add(m, lim) {
			n++
		}
	}
	return n
}

func cmdSRem(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.Set, keyspace.Write)
	if !ok {
		return
	}
	n := 0
	if found {
		s := set.Open(e)
		left := s.Len()
		for _, m := range c.Args[2:] {
			if s.Remove(m) {
				if n++; n == left {
					break
				}
			}
		}
		if n > 0 {
			c.leftSet(e, &s, key, "srem")
		}
	}
	c.Out.Int(int64(n))
}

// leftSet tells that members left the set at key, and deletes the key when they
// were the last.
func (c *Ctx) leftSet(e *keyspace.Entry, s *set.Set, key []byte, event string) {
	c.modified(key, keyspace.EventSet, event)
	if s.Len() == 0 {
		c.deleted(e, key)
	}
}

func cmdSMove(c *Ctx) {
	from, to, member := c.Args[1], c.Args[2], c.Args[3]
	src, found := c.lookup(from, keyspace.Write)
	dst, exists := c.lookup(to, keyspace.Write)
	if !found {
		c.Out.Int(0)
		return
	}
	if src.Type() != datatypes.Set || exists && dst.Type() != datatypes.Set {
		c.Fail(ErrWrongType)
		return
	}
	s := set.Open(src)
	switch {
	case string(from) == string(to):
		c.boolInt(s.Contains(member))
		return
	case !s.Remove(member):
		c.Out.Int(0)
		return
	}
	c.leftSet(src, &s, from, "srem")
	if c.addMembers(dst, exists, to, c.Args[3:]) > 0 {
		c.modified(to, keyspace.EventSet, "sadd")
	}
	c.Out.Int(1)
}

func cmdSCard(c *Ctx) {
	if e, found, ok := c.lookupType(c.Args[1], datatypes.Set, keyspace.Read); ok {
		n := 0
		if found {
			n = set.Open(e).Len()
		}
		c.Out.Int(int64(n))
	}
}

func cmdSIsMember(c *Ctx) {
	if e, found, ok := c.lookupType(c.Args[1], datatypes.Set, keyspace.Read); ok {
		c.boolInt(found && set.Open(e).Contains(c.Args[2]))
	}
}

func cmdSMIsMember(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.Set, keyspace.Read)
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(c.Args) - 2)
	for _, m := range c.Args[2:] {
		c.boolInt(found && set.Open(e).Contains(m))
	}
}

func cmdSMembers(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.Set, keyspace.Read)
	switch {
	case !ok:
	case !found:
		c.Out.SetHeader(0)
	default:
		c.replySet(set.Open(e))
	}
}

// replySet replies all members.
func (c *Ctx) replySet(s set.Set) {
	out := c.Out
	out.SetHeader(s.Len())
	s.ForEach(func(v set.Value) bool {
		bulkValue(out, &v)
		return true
	})
}

func cmdSPop(c *Ctx) {
	if len(c.Args) > 2 {
		c.popMembers()
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.Set, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	s := set.Open(e)
	c.scratch, _ = s.Pop(e.DB().Shard().Rand(), c.scratch[:0])
	c.Out.BulkBytes(c.scratch)
	c.leftSet(e, &s, key, "spop")
}

// popMembers is SPOP with a count.
func (c *Ctx) popMembers() {
	if len(c.Args) > 3 {
		c.Fail(errSyntax)
		return
	}
	count, ok := c.count(2)
	if !ok {
		return
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.Set, keyspace.Write)
	if !ok {
		return
	}
	if !found || count == 0 {
		c.Out.SetHeader(0)
		return
	}
	s, out := set.Open(e), c.Out
	if count >= int64(s.Len()) {
		c.replySet(s)
		c.modified(key, keyspace.EventSet, "spop")
		c.deleted(e, key)
		return
	}
	out.SetHeader(int(count))
	s.PopN(e.DB().Shard().Rand(), int(count), &c.limits.set, func(v set.Value) { bulkValue(out, &v) })
	c.modified(key, keyspace.EventSet, "spop")
}

func cmdSRandMember(c *Ctx) {
	if len(c.Args) > 2 {
		c.randomMembers()
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.Set, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	v, _ := set.Open(e).Random(e.DB().Shard().Rand())
	bulkValue(c.Out, &v)
}

// randomMembers is SRANDMEMBER with a count: positive for so many different
// members, negative for exactly so many drawn with repetition.
func (c *Ctx) randomMembers() {
	if len(c.Args) > 3 {
		c.Fail(errSyntax)
		return
	}
	count, ok := c.symmetricInt(2)
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.Set, keyspace.Read)
	if !ok {
		return
	}
	if !found || count == 0 {
		c.Out.ArrayHeader(0)
		return
	}
	s, out, rnd := set.Open(e), c.Out, e.DB().Shard().Rand()
	each := func(v set.Value) { bulkValue(out, &v) }
	if count < 0 {
		start := out.Len()
		out.ArrayHeader(int(-count))
		c.repeated(-count, start, func(n int) { s.RandomN(rnd, n, true, each) })
		return
	}
	count = min(count, int64(s.Len()))
	out.ArrayHeader(int(count))
	s.RandomN(rnd, int(count), false, each)
}

// sets looks up the sets that arguments name. Those that are missing are zero
// Sets, which missing counts. ok is false when one is no set: the error has been
// replied.
func (c *Ctx) sets(keys [][]byte) (sets []set.Set, missing int, ok bool) {
	sets = make([]set.Set, len(keys))
	for i, key := range keys {
		e, found, ok := c.lookupType(key, datatypes.Set, keyspace.Read)
		if !ok {
			return nil, 0, false
		}
		if found {
			sets[i] = set.Open(e)
		} else {
			missing++
		}
	}
	return sets, missing, true
}

func cmdSInter(c *Ctx) {
	sets, missing, ok := c.sets(c.Args[1:])
	if !ok {
		return
	}
	if missing > 0 {
		c.Out.SetHeader(0)
		return
	}
	out, n := c.Out, 0
	mark := out.ReserveSet(0)
	set.InterEach(sets, func(v set.Value) bool {
		bulkValue(out, &v)
		n++
		return true
	})
	out.SetLen(mark, n)
}

func cmdSInterCard(c *Ctx) {
	n, ok := c.intBetween(1, 1, math.MaxInt64, errNumKeys)
	if !ok {
		return
	}
	if n > int64(len(c.Args)-2) {
		c.Fail(errManyKeys)
		return
	}
	limit := int64(0)
	for i := 2 + int(n); i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) || !c.is(i, "LIMIT") {
			c.Fail(errSyntax)
			return
		}
		if limit, ok = c.intBetween(i+1, 0, math.MaxInt64, errLimitNeg); !ok {
			return
		}
	}
	sets, missing, ok := c.sets(c.Args[2 : 2+n])
	if !ok {
		return
	}
	card := 0
	if missing == 0 {
		card = set.InterCard(sets, int(limit))
	}
	c.Out.Int(int64(card))
}

func cmdSInterStore(c *Ctx) {
	sets, missing, ok := c.sets(c.Args[2:])
	if !ok {
		return
	}
	slot := c.beginDraft(c.Args[1])
	if missing > 0 {
		c.storeSet(set.Init(slot, datatypes.IntSet), "sinterstore")
		return
	}
	c.storeSet(set.Inter(slot, sets, &c.limits.set), "sinterstore")
}

// A setCombination is set.Union or set.Diff.
type setCombination func(datatypes.Slot, []set.Set, *set.Limits) set.Set

func cmdSUnion(c *Ctx)      { c.combineSets(set.Union) }
func cmdSDiff(c *Ctx)       { c.combineSets(set.Diff) }
func cmdSUnionStore(c *Ctx) { c.combineSetsInto(set.Union, "sunionstore") }
func cmdSDiffStore(c *Ctx)  { c.combineSetsInto(set.Diff, "sdiffstore") }

// combineSets replies the combination of the sets named.
func (c *Ctx) combineSets(f setCombination) {
	sets, _, ok := c.sets(c.Args[1:])
	if !ok {
		return
	}
	res := f(c.beginDraft(c.Args[1]), sets, &c.limits.set)
	c.replySet(res)
	res.Free()
	c.endDraft()
}

// combineSetsInto stores the combination of the sets named after the first key
// under that.
func (c *Ctx) combineSetsInto(f setCombination, event string) {
	sets, _, ok := c.sets(c.Args[2:])
	if !ok {
		return
	}
	c.storeSet(f(c.beginDraft(c.Args[1]), sets, &c.limits.set), event)
}

// storeSet makes the drafted set s the value of the first key, and replies how
// many members it has.
func (c *Ctx) storeSet(s set.Set, event string) {
	n := s.Len()
	if n == 0 {
		s.Free()
	}
	c.storeDraft(datatypes.Set, n, keyspace.EventSet, event)
}

func cmdSScan(c *Ctx) {
	e, o, ok := c.beginScan(datatypes.Set)
	if !ok {
		return
	}
	cursor, side, n := o.cursor, c.beginSide(), 0
	s, seen := set.Open(e), int64(0)
	for steps := int64(1); ; steps++ {
		cursor = s.Scan(cursor, func(v set.Value) {
			seen++
			if o.pattern == nil || c.matchesValue(&o, &v) {
				bulkValue(side, &v)
				n++
			}
		})
		if o.enough(cursor, seen, steps) {
			break
		}
	}
	c.scanReply(cursor, n)
}
