package command

import (
	"cmp"
	"math"
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// ZUNION, ZINTER and ZDIFF in their forms. They take sets as well as sorted
// sets: a set's members have the score 1.

const errWeight resp.Error = "ERR weight value is not a float"

// needsKeys is the reply to a number of keys below 1.
func needsKeys(command string) resp.Error {
	return resp.Error("ERR at least 1 input key is needed for '" + command + "' command")
}

// A zsource is one of the keys to combine. One that is missing is empty.
type zsource struct {
	zset   zset.ZSet
	set    set.Set
	isSet  bool
	weight float64
}

func (s *zsource) len() int {
	if s.isSet {
		return s.set.Len()
	}
	return s.zset.Len()
}

// score returns the score of a member.
func (s *zsource) score(m zset.Value) (score float64, ok bool) {
	if s.isSet {
		return 1, s.set.ContainsValue(m)
	}
	return s.zset.ScoreValue(m)
}

// forEach calls yield for each member until it returns false.
func (s *zsource) forEach(yield func(m zset.Value, score float64) bool) {
	if s.isSet {
		s.set.ForEach(func(m set.Value) bool { return yield(m, 1) })
		return
	}
	if s.len() > 0 {
		s.zset.ForEach(yield)
	}
}

// An aggregate combines the weighted scores that a member has in several
// sources.
type aggregate uint8

const (
	aggregateSum aggregate = iota
	aggregateMin
	aggregateMax
)

// of takes the score v to the aggregate so far. Opposite infinities add up to 0.
func (a aggregate) of(sum, v float64) float64 {
	switch {
	case a == aggregateMin:
		if v < sum {
			return v
		}
		return sum
	case a == aggregateMax:
		if v > sum {
			return v
		}
		return sum
	}
	return orZero(sum + v)
}

func orZero(f float64) float64 {
	if f != f {
		return 0
	}
	return f
}

// A zcombination is a command that combines sorted sets, as it was asked.
type zcombination struct {
	sources    []zsource
	aggregate  aggregate
	withScores bool
	limit      int64 // ZINTERCARD's; 0 is none
}

// zkind says which options a command that combines sorted sets takes.
type zkind struct {
	numKeys int  // the argument that counts the keys
	diff    bool // neither WEIGHTS nor AGGREGATE
	card    bool // LIMIT and nothing else
	store   bool // no WITHSCORES
}

// combination reads the keys and options. As in Redis, a key of the wrong type
// is found before a wrong option.
func (c *Ctx) combination(k zkind) (o zcombination, ok bool) {
	n, ok := c.int(k.numKeys)
	if !ok {
		return o, false
	}
	if n < 1 {
		c.Fail(needsKeys(c.cmd.Name))
		return o, false
	}
	first := k.numKeys + 1
	if n > int64(len(c.Args)-first) {
		c.Fail(errSyntax)
		return o, false
	}
	o.sources = make([]zsource, n)
	for i := range o.sources {
		if !c.source(&o.sources[i], c.Args[first+i]) {
			return o, false
		}
	}
	if !o.parse(c, first+int(n), k) {
		return o, false
	}
	if !k.diff {
		// The smallest first, which also is the order in which Redis adds scores.
		slices.SortStableFunc(o.sources, func(a, b zsource) int { return cmp.Compare(a.len(), b.len()) })
	}
	return o, true
}

// source looks up a key, or replies that it holds the wrong type.
func (c *Ctx) source(s *zsource, key []byte) bool {
	s.weight = 1
	e, found := c.lookup(key, keyspace.Read)
	if !found {
		return true
	}
	switch e.Type() {
	case datatypes.ZSet:
		s.zset = zset.Open(e)
	case datatypes.Set:
		s.set, s.isSet = set.Open(e), true
	default:
		c.Fail(ErrWrongType)
		return false
	}
	return true
}

// parse reads the options from argument i on.
func (o *zcombination) parse(c *Ctx, i int, k zkind) bool {
	for i < len(c.Args) {
		left := len(c.Args) - i
		switch {
		case !k.diff && !k.card && left > len(o.sources) && c.is(i, "WEIGHTS"):
			for j := range o.sources {
				w, ok := zset.ParseScore(c.Args[i+1+j])
				if !ok {
					c.Fail(errWeight)
					return false
				}
				o.sources[j].weight = w
			}
			i += 1 + len(o.sources)
		case !k.diff && !k.card && left > 1 && c.is(i, "AGGREGATE"):
			switch i++; {
			case c.is(i, "SUM"):
				o.aggregate = aggregateSum
			case c.is(i, "MIN"):
				o.aggregate = aggregateMin
			case c.is(i, "MAX"):
				o.aggregate = aggregateMax
			default:
				c.Fail(errSyntax)
				return false
			}
			i++
		case !k.store && !k.card && c.is(i, "WITHSCORES"):
			o.withScores = true
			i++
		case k.card && left > 1 && c.is(i, "LIMIT"):
			var ok bool
			if o.limit, ok = c.intBetween(i+1, 0, math.MaxInt64, errLimitNeg); !ok {
				return false
			}
			i += 2
		default:
			c.Fail(errSyntax)
			return false
		}
	}
	return true
}

// A zsetResult gathers members and scores.
type zsetResult struct {
	pairs  []zset.Pair
	copies bool // members are to be copied: they shall be stored, maybe over a source
	text   []byte
}

func (r *zsetResult) add(m zset.Value, score float64) {
	if m.IsInt || r.copies {
		// Members already gathered keep the memory that text moves out of.
		at := len(r.text)
		r.text = m.Append(r.text)
		m.Str = r.text[at:len(r.text):len(r.text)]
	}
	r.pairs = append(r.pairs, zset.Pair{Member: m.Str, Score: score})
}

func (o *zcombination) union(res *zsetResult) {
	some := 0
	for i := range o.sources {
		if o.sources[i].len() > 0 {
			some++
		}
	}
	index := map[string]int{} // of a member in res.pairs, if sources may share some
	for i := range o.sources {
		s := &o.sources[i]
		s.forEach(func(m zset.Value, score float64) bool {
			score = orZero(s.weight * score)
			res.add(m, score)
			if some == 1 {
				return true
			}
			last := len(res.pairs) - 1
			name := res.pairs[last].Member
			if have, ok := index[string(name)]; ok {
				p := &res.pairs[have]
				p.Score = o.aggregate.of(p.Score, score)
				res.pairs = res.pairs[:last]
			} else {
				index[string(name)] = last
			}
			return true
		})
	}
}

func (o *zcombination) inter(res *zsetResult) {
	o.eachCommon(func(m zset.Value, score float64) bool {
		res.add(m, score)
		return true
	})
}

// eachCommon yields the members that all sources have, with their aggregates.
func (o *zcombination) eachCommon(yield func(m zset.Value, score float64) bool) {
	first, others := &o.sources[0], o.sources[1:]
	first.forEach(func(m zset.Value, score float64) bool {
		score = orZero(first.weight * score)
		for i := range others {
			v, ok := others[i].score(m)
			if !ok {
				return true
			}
			score = o.aggregate.of(score, others[i].weight*v)
		}
		return yield(m, score)
	})
}

func (o *zcombination) diff(res *zsetResult) {
	o.sources[0].forEach(func(m zset.Value, score float64) bool {
		for i := range o.sources[1:] {
			if _, ok := o.sources[1+i].score(m); ok {
				return true
			}
		}
		res.add(m, score)
		return true
	})
}

func cmdZUnion(c *Ctx) { c.combineScored((*zcombination).union, zkind{numKeys: 1}) }
func cmdZInter(c *Ctx) { c.combineScored((*zcombination).inter, zkind{numKeys: 1}) }
func cmdZDiff(c *Ctx)  { c.combineScored((*zcombination).diff, zkind{numKeys: 1, diff: true}) }

// combineScored replies a combination.
func (c *Ctx) combineScored(f func(*zcombination, *zsetResult), k zkind) {
	o, ok := c.combination(k)
	if !ok {
		return
	}
	var res zsetResult
	f(&o, &res)
	zset.SortPairs(res.pairs)
	form, out := c.withScores(o.withScores), c.Out
	out.ArrayHeader(len(res.pairs) * form.width())
	for _, p := range res.pairs {
		if form == pairsScores {
			out.ArrayHeader(2)
		}
		out.BulkBytes(p.Member)
		if form != noScores {
			out.Double(p.Score)
		}
	}
}

func cmdZUnionStore(c *Ctx) {
	c.combineScoredInto((*zcombination).union, zkind{numKeys: 2, store: true}, "zunionstore")
}

func cmdZInterStore(c *Ctx) {
	c.combineScoredInto((*zcombination).inter, zkind{numKeys: 2, store: true}, "zinterstore")
}

func cmdZDiffStore(c *Ctx) {
	c.combineScoredInto((*zcombination).diff, zkind{numKeys: 2, store: true, diff: true}, "zdiffstore")
}

// combineScoredInto stores a combination under the command's first key.
func (c *Ctx) combineScoredInto(f func(*zcombination, *zsetResult), k zkind, event string) {
	o, ok := c.combination(k)
	if !ok {
		return
	}
	res := zsetResult{copies: true}
	f(&o, &res)
	c.storeScored(&res, event)
}

// storeScored makes what was gathered the value of the command's first key.
func (c *Ctx) storeScored(res *zsetResult, event string) {
	if len(res.pairs) > 0 {
		zset.Store(c.beginDraft(c.Args[1]), res.pairs, &c.limits.zset)
	}
	c.storeDraft(datatypes.ZSet, len(res.pairs), keyspace.EventZSet, event)
}

func cmdZInterCard(c *Ctx) {
	o, ok := c.combination(zkind{numKeys: 1, card: true})
	if !ok {
		return
	}
	n := int64(0)
	o.eachCommon(func(zset.Value, float64) bool {
		n++
		return n != o.limit
	})
	c.Out.Int(n)
}
