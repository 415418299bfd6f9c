package command

import (
	"math"
	"strconv"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Sorted sets. What combines several of them is in zsetalgebra.go, what waits for members
// in zsetblock.go; a member's score and its place in the order are package zset's.

var zsetHandlers = handlers{
	"zadd": cmdZAdd, "zcard": cmdZCard, "zcount": cmdZCount, "zdiff": cmdZDiff,
	"zdiffstore": cmdZDiffStore, "zincrby": cmdZIncrBy, "zinter": cmdZInter,
	"zintercard": cmdZInterCard, "zinterstore": cmdZInterStore, "zlexcount": cmdZLexCount,
	"zmpop": cmdZMPop, "zmscore": cmdZMScore, "zpopmax": cmdZPopMax, "zpopmin": cmdZPopMin,
	"zrandmember": cmdZRandMember, "zrange": cmdZRange, "zrangebylex": cmdZRangeByLex,
	"zrangebyscore": cmdZRangeByScore, "zrangestore": cmdZRangeStore, "zrank": cmdZRank,
	"zrem": cmdZRem, "zremrangebylex": cmdZRemRangeByLex, "zremrangebyrank": cmdZRemRangeByRank,
	"zremrangebyscore": cmdZRemRangeByScore, "zrevrange": cmdZRevRange,
	"zrevrangebylex": cmdZRevRangeByLex, "zrevrangebyscore": cmdZRevRangeByScore,
	"zrevrank": cmdZRevRank, "zscan": cmdZScan, "zscore": cmdZScore, "zunion": cmdZUnion,
	"zunionstore": cmdZUnionStore,
}

const (
	errNXWithXX      resp.Error = "ERR XX and NX options at the same time are not compatible"
	errGTWithLT      resp.Error = "ERR GT, LT, and/or NX options at the same time are not compatible"
	errIncrPairs     resp.Error = "ERR INCR option supports a single increment-element pair"
	errScoreNaN      resp.Error = "ERR resulting score is not a number (NaN)"
	errScoreRange    resp.Error = "ERR min or max is not a float"
	errLexRange      resp.Error = "ERR min or max not valid string range item"
	errLimitByRank   resp.Error = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	errScoresWithLex resp.Error = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
)

func cmdZAdd(c *Ctx)    { c.zadd(false) }
func cmdZIncrBy(c *Ctx) { c.zadd(true) }

// zaddFlags reads the options of ZADD from argument 2 on, and returns them, CH,
// and where the pairs begin.
func (c *Ctx) zaddFlags() (f zset.Flags, changed bool, i int) {
	for i = 2; i < len(c.Args); i++ {
		switch {
		case c.is(i, "NX"):
			f.NX = true
		case c.is(i, "XX"):
			f.XX = true
		case c.is(i, "CH"):
			changed = true
		case c.is(i, "INCR"):
			f.Incr = true
		case c.is(i, "GT"):
			f.GT = true
		case c.is(i, "LT"):
			f.LT = true
		default:
			return f, changed, i
		}
	}
	return f, changed, i
}

// zadd is ZADD, or with incr ZINCRBY, which in Redis takes the same options.
func (c *Ctx) zadd(incr bool) {
	f, changed, i := c.zaddFlags()
	f.Incr = f.Incr || incr
	pairs := c.Args[i:]
	switch {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		c.Fail(errSyntax)
		return
	case f.NX && f.XX:
		c.Fail(errNXWithXX)
		return
	case f.GT && f.NX, f.LT && f.NX, f.GT && f.LT:
		c.Fail(errGTWithLT)
		return
	case f.Incr && len(pairs) > 2:
		c.Fail(errIncrPairs)
		return
	}
	c.scores = c.scores[:0]
	for ; i < len(c.Args); i += 2 {
		score, ok := c.float(i)
		if !ok {
			return
		}
		c.scores = append(c.scores, score)
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.ZSet, keyspace.Write)
	if !ok {
		return
	}
	score, t := c.addScored(e, found, key, pairs, f)
	if t.added+t.updated > 0 {
		event := "zadd"
		if f.Incr {
			event = "zincr"
		}
		c.modified(key, keyspace.EventZSet, event)
	}
	switch {
	case t.last == zset.NotANumber:
		c.Fail(errScoreNaN)
	case f.Incr && t.last == zset.Skipped:
		c.Out.Null()
	case f.Incr:
		c.Out.Double(score)
	case changed:
		c.Out.Int(int64(t.added + t.updated))
	default:
		c.Out.Int(int64(t.added))
	}
}

// A zaddTally is what became of the pairs of a ZADD.
type zaddTally struct {
	added, updated int
	last           zset.Outcome
}

func (t *zaddTally) count(out zset.Outcome) {
	switch out {
	case zset.Added:
		t.added++
	case zset.Updated:
		t.updated++
	}
	t.last = out
}

// addScored gives the members of pairs the scores in c.scores, in the sorted set
// at key, which it makes when none was found. It returns the last one's score.
func (c *Ctx) addScored(e *keyspace.Entry, found bool, key []byte, pairs [][]byte, f zset.Flags) (score float64, t zaddTally) {
	lim, scores := &c.limits.zset, c.scores
	var out zset.Outcome
	if found {
		z := zset.Open(e)
		if len(scores) > 1 {
			z.ConvertFor(len(scores), lim)
		}
		for i, s := range scores {
			score, out = z.Add(pairs[2*i+1], s, f, lim)
			t.count(out)
		}
		return score, t
	}
	if f.XX {
		return 0, t
	}
	longest := 0
	for i := range scores {
		longest = max(longest, len(pairs[2*i+1]))
	}
	z := zset.Init(c.beginDraft(key), len(scores), longest, lim)
	for i, s := range scores {
		score, out = z.Add(pairs[2*i+1], s, f, lim)
		t.count(out)
	}
	c.createFrom(e, key, datatypes.ZSet)
	c.db(key).Event(keyspace.EventNew, "new", key)
	return score, t
}

func cmdZRem(c *Ctx) {
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.ZSet, keyspace.Write)
	if !ok {
		return
	}
	n := 0
	if found {
		z := zset.Open(e)
		left := z.Len()
		for _, m := range c.Args[2:] {
			if z.Remove(m) {
				if n++; n == left {
					break
				}
			}
		}
		c.leftZSet(e, z, key, n, "zrem")
	}
	c.Out.Int(int64(n))
}

// leftZSet tells that n members left the sorted set at key, and deletes the key
// when they were the last.
func (c *Ctx) leftZSet(e *keyspace.Entry, z zset.ZSet, key []byte, n int, event string) {
	if n == 0 {
		return
	}
	c.modified(key, keyspace.EventZSet, event)
	if z.Len() == 0 {
		c.deleted(e, key)
	}
}

// rankSpan turns the ends of a range of ranks, which count from the end when they
// are negative, into the first rank and the number of members.
func rankSpan(start, end int64, length int) (first, n int) {
	size := int64(length)
	if start < 0 {
		start = max(start+size, 0)
	}
	if end < 0 {
		end += size
	}
	end = min(end, size-1)
	if start > end {
		return 0, 0
	}
	return int(start), int(end - start + 1)
}

func cmdZRemRangeByRank(c *Ctx) {
	if start, end, ok := c.span(2); ok {
		c.zremRange("zremrangebyrank", func(z zset.ZSet) int {
			first, n := rankSpan(start, end, z.Len())
			if n > 0 {
				z.RemoveRange(first, n, nil)
			}
			return n
		})
	}
}

// scoreRange reads arguments lo and hi as the ends of a range of scores.
func (c *Ctx) scoreRange(lo, hi int) (r zset.ScoreRange, ok bool) {
	if r, ok = zset.ParseScoreRange(c.Args[lo], c.Args[hi]); !ok {
		c.Fail(errScoreRange)
	}
	return r, ok
}

// lexRange reads arguments lo and hi as the ends of a range of members.
func (c *Ctx) lexRange(lo, hi int) (r zset.LexRange, ok bool) {
	if r, ok = zset.ParseLexRange(c.Args[lo], c.Args[hi]); !ok {
		c.Fail(errLexRange)
	}
	return r, ok
}

func cmdZRemRangeByScore(c *Ctx) {
	if r, ok := c.scoreRange(2, 3); ok {
		c.zremRange("zremrangebyscore", func(z zset.ZSet) int { return z.RemoveByScore(r, nil) })
	}
}

func cmdZRemRangeByLex(c *Ctx) {
	if r, ok := c.lexRange(2, 3); ok {
		c.zremRange("zremrangebylex", func(z zset.ZSet) int { return z.RemoveByLex(r, nil) })
	}
}

// zremRange removes members from the sorted set, and replies how many.
func (c *Ctx) zremRange(event string, remove func(z zset.ZSet) int) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Write)
	if !ok {
		return
	}
	n := 0
	if found {
		z := zset.Open(e)
		n = remove(z)
		c.leftZSet(e, z, c.Args[1], n, event)
	}
	c.Out.Int(int64(n))
}

func cmdZCard(c *Ctx) {
	if e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read); ok {
		n := 0
		if found {
			n = zset.Open(e).Len()
		}
		c.Out.Int(int64(n))
	}
}

func cmdZCount(c *Ctx) {
	r, ok := c.scoreRange(2, 3)
	if !ok {
		return
	}
	if e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read); ok {
		n := 0
		if found {
			n = zset.Open(e).CountByScore(r)
		}
		c.Out.Int(int64(n))
	}
}

func cmdZLexCount(c *Ctx) {
	r, ok := c.lexRange(2, 3)
	if !ok {
		return
	}
	if e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read); ok {
		n := 0
		if found {
			n = zset.Open(e).CountByLex(r)
		}
		c.Out.Int(int64(n))
	}
}

func cmdZScore(c *Ctx) {
	if e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read); ok {
		c.replyScore(e, found, c.Args[2])
	}
}

func cmdZMScore(c *Ctx) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	c.Out.ArrayHeader(len(c.Args) - 2)
	for _, m := range c.Args[2:] {
		c.replyScore(e, found, m)
	}
}

// replyScore replies the score of a member of the sorted set e, if one was
// found, or null.
func (c *Ctx) replyScore(e *keyspace.Entry, found bool, member []byte) {
	if found {
		if s, ok := zset.Open(e).Score(member); ok {
			c.Out.Double(s)
			return
		}
	}
	c.Out.Null()
}

func cmdZRank(c *Ctx)    { c.zrank(false) }
func cmdZRevRank(c *Ctx) { c.zrank(true) }

func (c *Ctx) zrank(reverse bool) {
	if len(c.Args) > 4 {
		c.Fail(arityError(c.cmd.Name))
		return
	}
	withScore := len(c.Args) == 4
	if withScore && !c.is(3, "WITHSCORE") {
		c.Fail(errSyntax)
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	rank, score := 0, 0.0
	if found {
		rank, score, found = zset.Open(e).Rank(c.Args[2], reverse)
	}
	switch {
	case !found && withScore:
		c.Out.NullArray()
	case !found:
		c.Out.Null()
	case withScore:
		c.Out.ArrayHeader(2)
		c.Out.Int(int64(rank))
		c.Out.Double(score)
	default:
		c.Out.Int(int64(rank))
	}
}

// A scoreForm says how a reply shows members and scores.
type scoreForm uint8

const (
	noScores    scoreForm = iota
	flatScores            // member, score, member, score, …
	pairsScores           // [member, score], [member, score], …
)

// withScores returns the form of a reply that WITHSCORES was asked for: flat in
// protocol 2, pairs in protocol 3.
func (c *Ctx) withScores(asked bool) scoreForm {
	switch {
	case !asked:
		return noScores
	case c.Out.Proto == 3:
		return pairsScores
	}
	return flatScores
}

// width is how many elements of the reply's array a member takes.
func (f scoreForm) width() int {
	if f == flatScores {
		return 2
	}
	return 1
}

// replyElements replies the elements that cur goes through, without a header,
// and returns how many there were.
func (c *Ctx) replyElements(cur *zset.Cursor, f scoreForm) (n int) {
	var buf [16]zset.Element
	out := c.Out
	for {
		k := cur.Fill(buf[:])
		if k == 0 {
			return n
		}
		n += k
		for i := range buf[:k] {
			e := &buf[i]
			if f == pairsScores {
				out.ArrayHeader(2)
			}
			bulkValue(out, &e.Member)
			if f != noScores {
				out.Double(e.Score)
			}
		}
	}
}

// A rangeBy is what the ends of a range are.
type rangeBy uint8

const (
	byRank rangeBy = iota
	byScore
	byLex
)

// A zrange is a command of the ZRANGE family as it was asked.
type zrange struct {
	by         rangeBy
	reverse    bool
	open       bool // BYSCORE, BYLEX and REV may say by and reverse: ZRANGE, ZRANGESTORE
	store      bool
	withScores bool
	at         int // the argument with the key; the ends stand behind it

	first, last int64
	score       zset.ScoreRange
	lex         zset.LexRange
	window      zset.Window
}

func cmdZRange(c *Ctx)           { c.zrange(&zrange{at: 1, open: true}) }
func cmdZRevRange(c *Ctx)        { c.zrange(&zrange{at: 1, reverse: true}) }
func cmdZRangeByScore(c *Ctx)    { c.zrange(&zrange{at: 1, by: byScore}) }
func cmdZRevRangeByScore(c *Ctx) { c.zrange(&zrange{at: 1, by: byScore, reverse: true}) }
func cmdZRangeByLex(c *Ctx)      { c.zrange(&zrange{at: 1, by: byLex}) }
func cmdZRevRangeByLex(c *Ctx)   { c.zrange(&zrange{at: 1, by: byLex, reverse: true}) }
func cmdZRangeStore(c *Ctx)      { c.zrangeStore(&zrange{at: 2, open: true, store: true}) }

// parse reads the options and the ends.
func (o *zrange) parse(c *Ctx) bool {
	o.window.Count = -1
	if len(c.Args) > o.at+3 && !o.parseOptions(c) {
		return false
	}
	o.window.Reverse = o.reverse
	lo, hi, ok := o.at+1, o.at+2, false
	if o.reverse && o.by != byRank {
		lo, hi = hi, lo
	}
	switch o.by {
	case byScore:
		o.score, ok = c.scoreRange(lo, hi)
	case byLex:
		o.lex, ok = c.lexRange(lo, hi)
	default:
		if o.first, ok = c.int(lo); ok {
			o.last, ok = c.int(hi)
		}
	}
	return ok
}

func (o *zrange) parseOptions(c *Ctx) bool {
	direction, by := o.open, o.open // may still be said
	for i := o.at + 3; i < len(c.Args); i++ {
		switch {
		case !o.store && c.is(i, "WITHSCORES"):
			o.withScores = true
		case c.is(i, "LIMIT") && i+2 < len(c.Args):
			offset, ok := c.int(i + 1)
			if !ok {
				return false
			}
			count, ok := c.int(i + 2)
			if !ok {
				return false
			}
			o.window.Offset, o.window.Count = int(offset), int(count)
			i += 2
		case direction && c.is(i, "REV"):
			o.reverse, direction = true, false
		case by && c.is(i, "BYLEX"):
			o.by, by = byLex, false
		case by && c.is(i, "BYSCORE"):
			o.by, by = byScore, false
		default:
			c.Fail(errSyntax)
			return false
		}
	}
	switch {
	case o.window.Count != -1 && o.by == byRank:
		c.Fail(errLimitByRank)
	case o.withScores && o.by == byLex:
		c.Fail(errScoresWithLex)
	default:
		return true
	}
	return false
}

// zrange replies a range.
func (c *Ctx) zrange(o *zrange) {
	if !o.parse(c) {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.ArrayHeader(0)
		return
	}
	z, f := zset.Open(e), c.withScores(o.withScores)
	if o.by == byRank {
		first, n := rankSpan(o.first, o.last, z.Len())
		c.Out.ArrayHeader(n * f.width())
		cur := z.Seek(first, n, o.reverse)
		c.replyElements(&cur, f)
		return
	}
	cur := o.seek(z)
	mark := c.Out.ReserveArray(10)
	n := c.replyElements(&cur, f)
	c.Out.SetLen(mark, n*f.width())
}

// seek returns a cursor on the range in z.
func (o *zrange) seek(z zset.ZSet) zset.Cursor {
	switch o.by {
	case byScore:
		return z.SeekScore(o.score, o.window)
	case byLex:
		return z.SeekLex(o.lex, o.window)
	}
	first, n := rankSpan(o.first, o.last, z.Len())
	return z.Seek(first, n, o.reverse)
}

// zrangeStore stores a range under another key.
func (c *Ctx) zrangeStore(o *zrange) {
	if !o.parse(c) {
		return
	}
	e, found, ok := c.lookupType(c.Args[2], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	res := zsetResult{copies: true}
	if found {
		cur := o.seek(zset.Open(e))
		var buf [16]zset.Element
		for k := cur.Fill(buf[:]); k > 0; k = cur.Fill(buf[:]) {
			for i := range buf[:k] {
				res.add(buf[i].Member, buf[i].Score)
			}
		}
	}
	c.storeScored(&res, "zrangestore")
}

func cmdZPopMin(c *Ctx) { c.zpopCommand(false) }
func cmdZPopMax(c *Ctx) { c.zpopCommand(true) }

func (c *Ctx) zpopCommand(max bool) {
	if len(c.Args) > 3 {
		c.Fail(errSyntax)
		return
	}
	count, f := int64(1), flatScores
	if len(c.Args) == 3 {
		var ok bool
		if count, ok = c.count(2); !ok {
			return
		}
		f = c.withScores(true)
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Write)
	if !ok {
		return
	}
	if !found {
		c.Out.ArrayHeader(0)
		return
	}
	c.zpop(e, c.Args[1], max, count, f)
}

// zpop replies up to count members of least or greatest score of the sorted set
// at key, as an array, and removes them.
func (c *Ctx) zpop(e *keyspace.Entry, key []byte, max bool, count int64, f scoreForm) {
	z := zset.Open(e)
	n := int(min(count, int64(z.Len())))
	c.Out.ArrayHeader(n * f.width())
	c.replyEnd(z, max, n, f)
	c.zpopped(e, z, key, max, n)
}

// replyEnd replies the n members of least or greatest score, without a header.
func (c *Ctx) replyEnd(z zset.ZSet, max bool, n int, f scoreForm) {
	cur := z.Seek(0, n, max)
	c.replyElements(&cur, f)
}

// zpopped removes the n members of least or greatest score from the sorted set at key.
func (c *Ctx) zpopped(e *keyspace.Entry, z zset.ZSet, key []byte, max bool, n int) {
	z.Pop(max, n, nil)
	event := "zpopmin"
	if max {
		event = "zpopmax"
	}
	c.leftZSet(e, z, key, n, event)
}

func cmdZMPop(c *Ctx) {
	if keys, max, count, ok := c.parseZMPop(1); ok && !c.zpopFirst(keys, max, count) {
		c.Out.NullArray()
	}
}

// parseZMPop reads the arguments of ZMPOP from the number of keys on, which is argument
// at.
func (c *Ctx) parseZMPop(at int) (keys [][]byte, max bool, count int64, ok bool) {
	n, ok := c.intBetween(at, 1, math.MaxInt64, errNumKeys)
	if !ok {
		return nil, false, 0, false
	}
	if n > int64(len(c.Args)-at-2) {
		c.Fail(errSyntax)
		return nil, false, 0, false
	}
	i := at + 1 + int(n)
	keys, max, count = c.Args[at+1:i], c.is(i, "MAX"), 1
	if !max && !c.is(i, "MIN") {
		c.Fail(errSyntax)
		return nil, false, 0, false
	}
	counted := false
	for i++; i < len(c.Args); i += 2 {
		if counted || i+1 == len(c.Args) || !c.is(i, "COUNT") {
			c.Fail(errSyntax)
			return nil, false, 0, false
		}
		if count, ok = c.intBetween(i+1, 1, math.MaxInt64, errCountNotMore); !ok {
			return nil, false, 0, false
		}
		counted = true
	}
	return keys, max, count, true
}

// zpopFirst replies up to count members of the first sorted set there is, with its key.
// It reports false when there is none, and nothing has been replied.
func (c *Ctx) zpopFirst(keys [][]byte, max bool, count int64) bool {
	e, key, found, ok := c.firstOf(keys, datatypes.ZSet)
	if found && ok {
		c.Out.ArrayHeader(2)
		c.Out.BulkBytes(key)
		c.zpop(e, key, max, count, pairsScores)
	}
	return found
}

func cmdZRandMember(c *Ctx) {
	if len(c.Args) > 2 {
		c.randomScored()
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	if !found {
		c.Out.Null()
		return
	}
	m, _, _ := zset.Open(e).Random(e.DB().Shard().Rand())
	bulkValue(c.Out, &m)
}

// randomScored is ZRANDMEMBER with a count: positive for so many different
// members, negative for exactly so many drawn with repetition.
func (c *Ctx) randomScored() {
	count, asked, ok := c.randomArgs("WITHSCORES")
	if !ok {
		return
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	if !found || count == 0 {
		c.Out.ArrayHeader(0)
		return
	}
	z, out, f, rnd := zset.Open(e), c.Out, c.withScores(asked), e.DB().Shard().Rand()
	each := func(m zset.Value, score float64) {
		if f == pairsScores {
			out.ArrayHeader(2)
		}
		bulkValue(out, &m)
		if f != noScores {
			out.Double(score)
		}
	}
	if count < 0 {
		start := out.Len()
		out.ArrayHeader(int(-count) * f.width())
		c.repeated(-count, start, func(n int) { z.RandomN(rnd, n, true, each) })
		return
	}
	count = min(count, int64(z.Len()))
	out.ArrayHeader(int(count) * f.width())
	z.RandomN(rnd, int(count), false, each)
}

func cmdZScan(c *Ctx) {
	e, o, ok := c.beginScan(datatypes.ZSet)
	if !ok {
		return
	}
	cursor, side, n := o.cursor, c.beginSide(), 0
	z, seen := zset.Open(e), int64(0)
	shortest := z.Encoding() == datatypes.ListPack
	for steps := int64(1); ; steps++ {
		cursor = z.Scan(cursor, func(m zset.Value, score float64) {
			seen++
			if o.pattern != nil && !c.matchesValue(&o, &m) {
				return
			}
			bulkValue(side, &m)
			c.scratch = appendScanScore(c.scratch[:0], score, shortest)
			side.BulkBytes(c.scratch)
			n += 2
		})
		if o.enough(cursor, seen, steps) {
			break
		}
	}
	c.scanReply(cursor, n)
}

// appendScanScore appends a score as ZSCAN shows it: in both protocols as text,
// which of a skip list is not the shortest that would do but C's %.17g.
func appendScanScore(dst []byte, score float64, shortest bool) []byte {
	if shortest || math.IsInf(score, 0) {
		return zset.AppendScore(dst, score)
	}
	return strconv.AppendFloat(dst, score, 'g', 17, 64)
}
