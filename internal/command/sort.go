package command

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/quicklist"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// SORT in its parts:
//
//	elements ──BY──> weights ──sort──> order ──LIMIT──GET──> reply or list
//
// Elements are not moved but ranked: what is sorted are weights of a machine word
// with the element's number beside it. A number becomes a word whose unsigned
// order is its own, a text its first eight bytes, and the element itself is looked
// at only when words are equal.

var sortHandlers = handlers{"sort": cmdSort, "sort_ro": cmdSortRO}

const errSortScore resp.Error = "ERR One or more scores can't be converted into double"

func cmdSort(c *Ctx)   { c.sortCommand(false) }
func cmdSortRO(c *Ctx) { c.sortCommand(true) }

// A sortQuery is a SORT as it was asked.
type sortQuery struct {
	by           sortPattern
	hasBy        bool
	unsorted     bool // BY a constant
	alpha, desc  bool
	offset       int64
	count        int64 // negative: all
	gets         []sortPattern
	destination  []byte
	stores       bool
	first, after int // the part of the order that is wanted
}

// A sortPattern tells where to look for something about an element: in a key, or
// in a field of a hash, with the element in place of the star.
type sortPattern struct {
	itself         bool   // "#"
	prefix, suffix []byte // of the key
	field          []byte // nil: the key holds a string
	constant       bool   // there is no star: there is nothing to be found
}

func parseSortPattern(b []byte) (p sortPattern) {
	if len(b) == 1 && b[0] == '#' {
		return sortPattern{itself: true}
	}
	p.prefix, p.suffix = b, nil
	star := bytes.IndexByte(b, '*')
	if star < 0 {
		p.constant = true
		return p
	}
	p.prefix, p.suffix = b[:star], b[star+1:]
	if i := bytes.Index(p.suffix, []byte("->")); i >= 0 && i+2 < len(p.suffix) {
		p.suffix, p.field = p.suffix[:i], p.suffix[i+2:]
	}
	return p
}

// A sortWeight ranks an element.
type sortWeight struct {
	word uint64
	elem int32
}

// sortScratch is kept by the context, so that small sorts do not allocate.
type sortScratch struct {
	elems   []list.Value
	weights []sortWeight
	spare   []sortWeight // for sortMany
	texts   []list.Value // by element: what BY found, under ALPHA
	absent  []bool       // by element: that it found nothing
	buf     []byte       // texts of integers and copies; slices of it stay good when it moves
	key     []byte
	gets    []sortPattern
	entry   keyspace.Entry // what BY or GET looks at
}

// keepSort is how many elements the memory is kept for.
const keepSort = 1 << 14

func (s *sortScratch) end() {
	if cap(s.elems) > keepSort || cap(s.buf) > 64*keepSort {
		*s = sortScratch{}
		return
	}
	clear(s.elems)
	clear(s.texts)
	clear(s.gets)
	s.elems, s.weights, s.texts, s.absent = s.elems[:0], s.weights[:0], s.texts[:0], s.absent[:0]
	s.buf, s.gets = s.buf[:0], s.gets[:0]
}

// text returns a value's bytes, which stay good until end.
func (s *sortScratch) text(v list.Value) []byte {
	if !v.IsInt {
		return v.Str
	}
	at := len(s.buf)
	s.buf = keyspace.AppendInt(s.buf, v.Int)
	return s.buf[at:len(s.buf):len(s.buf)]
}

// copied returns a value that does not alias the list it came from.
func (s *sortScratch) copied(v list.Value) list.Value {
	if v.IsInt {
		return v
	}
	at := len(s.buf)
	s.buf = append(s.buf, v.Str...)
	v.Str = s.buf[at:len(s.buf):len(s.buf)]
	return v
}

func (c *Ctx) sortCommand(readOnly bool) {
	o := sortQuery{count: -1, gets: c.sort.gets[:0]}
	if !o.parse(c, readOnly) {
		return
	}
	c.sort.gets = o.gets
	e, found := c.lookup(c.Args[1], keyspace.Read)
	if found {
		switch e.Type() {
		case datatypes.List, datatypes.Set, datatypes.ZSet:
		default:
			c.Fail(ErrWrongType)
			return
		}
		c.sortElements(e, &o)
	}
	s := &c.sort
	o.clamp(len(s.elems))
	ok := true
	if !o.unsorted && len(s.elems) > 0 {
		ok = c.sortWeights(&o)
	}
	switch {
	case !ok:
		c.Fail(errSortScore)
	case o.stores:
		c.storeSorted(&o)
	default:
		c.replySorted(&o)
	}
	s.end()
}

func (o *sortQuery) parse(c *Ctx, readOnly bool) (ok bool) {
	for i := 2; i < len(c.Args); i++ {
		left := len(c.Args) - i - 1
		switch {
		case c.is(i, "ASC"):
			o.desc = false
		case c.is(i, "DESC"):
			o.desc = true
		case c.is(i, "ALPHA"):
			o.alpha = true
		case left >= 2 && c.is(i, "LIMIT"):
			if o.offset, ok = c.int(i + 1); !ok {
				return false
			}
			if o.count, ok = c.int(i + 2); !ok {
				return false
			}
			i += 2
		case left >= 1 && !readOnly && c.is(i, "STORE"):
			i++
			o.destination, o.stores = c.Args[i], true
		case left >= 1 && c.is(i, "BY"):
			i++
			o.by, o.hasBy = parseSortPattern(c.Args[i]), true
			if bytes.IndexByte(c.Args[i], '*') < 0 {
				o.unsorted = true // whatever another BY says
			} else if c.sortDenied("BY") {
				return false
			}
		case left >= 1 && c.is(i, "GET"):
			i++
			if c.sortDenied("GET") {
				return false
			}
			o.gets = append(o.gets, parseSortPattern(c.Args[i]))
		default:
			c.Fail(errSyntax)
			return false
		}
	}
	return true
}

// sortDenied refuses an option that leads to any key whatever, where not all keys may
// be read or some may be elsewhere.
func (c *Ctx) sortDenied(option string) bool {
	switch cl := c.Client; {
	case c.cluster != nil:
		c.Fail(resp.Error("ERR " + option + " option of SORT denied in Cluster mode."))
	case cl.restricted() && !cl.User.AllKeys():
		c.Fail(resp.Error("ERR " + option + " option of SORT denied due to insufficient ACL permissions."))
	default:
		return false
	}
	return true
}

// clamp finds the part of n elements that LIMIT wants.
func (o *sortQuery) clamp(n int) {
	size := int64(n)
	start := min(max(o.offset, 0), size)
	after := size
	if count := min(max(o.count, -1), size); count >= 0 {
		after = min(start+count, size)
	}
	o.first, o.after = int(start), int(after)
}

// sortElements gathers the elements of a value. Where the order is the value's own
// and LIMIT wants a part of it, only that is gathered, and o then wants all of
// it.
func (c *Ctx) sortElements(e *keyspace.Entry, o *sortQuery) {
	s := &c.sort
	switch e.Type() {
	case datatypes.Set:
		if o.unsorted && (o.stores || c.inScript) {
			// So that what comes of it does not depend on the order of a table.
			o.unsorted, o.alpha, o.hasBy = false, true, false
		}
		members := set.Open(e)
		s.elems = slices.Grow(s.elems, members.Len())
		members.ForEach(func(v set.Value) bool {
			s.elems = append(s.elems, v)
			return true
		})
	case datatypes.ZSet:
		z := zset.Open(e)
		z.ConvertFor(math.MaxInt, &c.limits.zset) // Redis does, and OBJECT ENCODING shows it
		first, n := o.part(z.Len())
		s.zsetElements(z.Seek(first, n, o.unsorted && o.desc), n)
	case datatypes.List:
		l := list.Open(e)
		first, n := o.part(l.Len())
		if o.unsorted && o.desc {
			s.listBackwards(&l, l.Len()-1-first, n)
		} else {
			s.listElements(&l, first, n)
		}
	}
}

// part returns which elements of an ordered value of n are to be gathered.
func (o *sortQuery) part(n int) (first, count int) {
	if !o.unsorted {
		return 0, n
	}
	o.clamp(n)
	first, count = o.first, o.after-o.first
	o.offset, o.count = 0, -1
	return first, count
}

func (s *sortScratch) zsetElements(cur zset.Cursor, n int) {
	s.elems = slices.Grow(s.elems, n)
	var buf [16]zset.Element
	for k := cur.Fill(buf[:]); k > 0; k = cur.Fill(buf[:]) {
		for i := range buf[:k] {
			s.elems = append(s.elems, buf[i].Member)
		}
	}
}

// listElements gathers elements of a list. Those of a quicklist are copied: a
// compressed node is unpacked only until the next one is.
func (s *sortScratch) listElements(l *list.List, first, n int) {
	s.elems = slices.Grow(s.elems, n)
	packed := l.Encoding() == datatypes.ListPack
	var buf [32]list.Value
	for cur := l.Seek(first); n > 0; {
		k := cur.Fill(buf[:min(n, len(buf))])
		if k == 0 {
			return
		}
		for i := range buf[:k] {
			if !packed {
				buf[i] = s.copied(buf[i])
			}
			s.elems = append(s.elems, buf[i])
		}
		n -= k
	}
}

// listBackwards is listElements towards the head.
func (s *sortScratch) listBackwards(l *list.List, first, n int) {
	for cur := l.Seek(first); n > 0; n-- {
		v, ok := cur.Prev()
		if !ok {
			return
		}
		s.elems = append(s.elems, s.copied(v))
	}
}

// sortWeights weighs the elements and sorts them, as far as they are wanted. It
// reports false when one has no weight though it should.
func (c *Ctx) sortWeights(o *sortQuery) bool {
	s := &c.sort
	s.weights = slices.Grow(s.weights, len(s.elems))
	if o.alpha {
		c.weighTexts(o)
		s.sortTexts(o)
		return true
	}
	if !c.weighNumbers(o) {
		return false
	}
	s.sortNumbers(o)
	return true
}

func (c *Ctx) weighNumbers(o *sortQuery) (ok bool) {
	s := &c.sort
	ok = true
	for i := range s.elems {
		v, found := s.elems[i], true
		if o.hasBy {
			v, found = c.follow(&o.by, v)
		}
		f := 0.0
		if found {
			number := false
			f, number = sortNumber(&v)
			ok = ok && number
		}
		s.weights = append(s.weights, sortWeight{sortable(f), int32(i)})
	}
	return ok
}

// sortNumber reads a weight as C's strtod does: blanks may stand before it,
// nothing at all is 0, and a zero byte ends it.
func sortNumber(v *list.Value) (f float64, ok bool) {
	if v.IsInt {
		return float64(v.Int), true
	}
	if f, ok = zset.ParseScore(v.Str); ok {
		return f, true
	}
	b, _, _ := bytes.Cut(v.Str, []byte{0})
	if len(b) == 0 {
		return 0, true
	}
	return zset.ParseScore(bytes.TrimLeft(b, " \t\n\v\f\r"))
}

// sortable returns a word for each number such that words are in the order of the
// numbers. The two zeros are one.
func sortable(f float64) uint64 {
	u := math.Float64bits(f + 0)
	if u>>63 == 1 {
		return ^u
	}
	return u | 1<<63
}

// sortNumbers sorts by weight, and by the elements' bytes where weights are equal.
// Elements that are equal too cannot be told apart, so any method will do.
func (s *sortScratch) sortNumbers(o *sortQuery) {
	if o.first >= o.after {
		return
	}
	elems := s.elems
	compare := func(a, b sortWeight) int {
		switch {
		case a.word < b.word:
			return -1
		case a.word > b.word:
			return 1
		}
		return compareValues(&elems[a.elem], &elems[b.elem])
	}
	up := compare
	if o.desc {
		compare = func(a, b sortWeight) int { return up(b, a) }
	}
	switch n := len(elems); {
	case o.after-o.first < n:
		partialSort(s.weights, o.first, o.after-1, compare)
	case n < manyWeights:
		slices.SortFunc(s.weights, compare)
	default:
		s.sortMany(up)
		if o.desc {
			slices.Reverse(s.weights)
		}
	}
}

// manyWeights is from how many on sorting byte by byte is faster than comparing.
const manyWeights = 200

// sortMany sorts weights upwards by their bytes, the lowest first: each pass keeps
// the order of those before it. A byte that all weights share needs no pass, so that
// integers take about three. What weighs the same is then compared.
func (s *sortScratch) sortMany(compare func(a, b sortWeight) int) {
	var counts [8][256]int32
	for _, w := range s.weights {
		for i := range counts {
			counts[i][byte(w.word>>(8*i))]++
		}
	}
	from, to := s.weights, append(s.spare[:0], s.weights...)
	n := int32(len(from))
	for i := range counts {
		count, shift := &counts[i], 8*i
		if count[byte(from[0].word>>shift)] == n {
			continue
		}
		at := int32(0)
		for b, c := range count {
			count[b], at = at, at+c
		}
		for _, w := range from {
			b := byte(w.word >> shift)
			to[count[b]] = w
			count[b]++
		}
		from, to = to, from
	}
	s.weights, s.spare = from, to
	for i := 0; i < len(from); {
		j := i + 1
		for j < len(from) && from[j].word == from[i].word {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(from[i:j], compare)
		}
		i = j
	}
}

// compareValues compares the bytes of two elements.
func compareValues(a, b *list.Value) int {
	if a.IsInt && b.IsInt && a.Int == b.Int {
		return 0
	}
	var x, y [20]byte
	p, q := a.Str, b.Str
	if a.IsInt {
		p = keyspace.AppendInt(x[:0], a.Int)
	}
	if b.IsInt {
		q = keyspace.AppendInt(y[:0], b.Int)
	}
	return bytes.Compare(p, q)
}

func (c *Ctx) weighTexts(o *sortQuery) {
	s := &c.sort
	s.texts = slices.Grow(s.texts, len(s.elems))
	s.absent = slices.Grow(s.absent, len(s.elems))
	for i := range s.elems {
		v, found := s.elems[i], true
		if o.hasBy {
			v, found = c.follow(&o.by, v)
		}
		t := s.text(v)
		if !o.stores {
			// A collation knows no zero bytes: it ends there.
			if zero := bytes.IndexByte(t, 0); zero >= 0 {
				t = t[:zero]
			}
		}
		s.texts = append(s.texts, list.Value{Str: t})
		s.absent = append(s.absent, !found)
		s.weights = append(s.weights, sortWeight{firstBytes(t), int32(i)})
	}
}

// firstBytes returns the first eight bytes as a word in their order.
func firstBytes(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var w uint64
	for i := range b {
		w |= uint64(b[i]) << (56 - 8*i)
	}
	return w
}

// sortTexts sorts by text; elements without one come first. Where texts are equal
// the order is seen: it stays as it was, unless a part is wanted of an order BY
// something else, where it is that of partialSort.
func (s *sortScratch) sortTexts(o *sortQuery) {
	texts, absent := s.texts, s.absent
	compare := func(a, b sortWeight) int {
		switch {
		case a.word < b.word:
			return -1
		case a.word > b.word:
			return 1
		}
		if c := bytes.Compare(texts[a.elem].Str, texts[b.elem].Str); c != 0 {
			return c
		}
		switch {
		case absent[a.elem] == absent[b.elem]:
			return 0
		case absent[a.elem]:
			return -1
		}
		return 1
	}
	if o.desc {
		up := compare
		compare = func(a, b sortWeight) int { return up(b, a) }
	}
	if o.hasBy && o.after-o.first < len(s.elems) {
		partialSort(s.weights, o.first, o.after-1, compare)
		return
	}
	slices.SortFunc(s.weights, func(a, b sortWeight) int {
		if c := compare(a, b); c != 0 {
			return c
		}
		return cmp.Compare(a.elem, b.elem)
	})
}

// follow returns what a pattern leads to from an element. The value is good as
// long as nothing is written.
func (c *Ctx) follow(p *sortPattern, elem list.Value) (v list.Value, found bool) {
	if p.itself {
		return elem, true
	}
	if p.constant {
		return v, false
	}
	s := &c.sort
	s.key = append(s.key[:0], p.prefix...)
	s.key = elem.Append(s.key)
	s.key = append(s.key, p.suffix...)
	if !c.lookupInto(&s.entry, s.key, keyspace.Read) {
		return v, false
	}
	e := &s.entry
	switch {
	case p.field != nil && e.Type() == datatypes.Hash:
		return hash.Open(e).Get(p.field, c.now())
	case p.field != nil || e.Type() != datatypes.String:
		return v, false
	case e.Encoding() == datatypes.Int:
		return list.Value{Int: e.Int(), IsInt: true}, true
	}
	return list.Value{Str: e.View()}, true
}

// at returns the element at a place of the order.
func (s *sortScratch) at(o *sortQuery, i int) *list.Value {
	if !o.unsorted {
		i = int(s.weights[i].elem)
	}
	return &s.elems[i]
}

func (c *Ctx) replySorted(o *sortQuery) {
	n := max(o.after-o.first, 0)
	c.Out.ArrayHeader(n * max(len(o.gets), 1))
	for i := o.first; i < o.after; i++ {
		v := c.sort.at(o, i)
		if len(o.gets) == 0 {
			bulkValue(c.Out, v)
		}
		for j := range o.gets {
			if got, found := c.follow(&o.gets[j], *v); found {
				bulkValue(c.Out, &got)
			} else {
				c.Out.Null()
			}
		}
	}
}

func (c *Ctx) storeSorted(o *sortQuery) {
	n := max(o.after-o.first, 0) * max(len(o.gets), 1)
	if n > 0 {
		list.LoadNodes(c.beginDraft(o.destination), &c.limits.list, func(q *quicklist.List) {
			c.pushSorted(o, q)
		})
	}
	c.storeDraftAt(o.destination, datatypes.List, n, keyspace.EventList, "sortstore")
}

// pushSorted puts the outcome into a list. What GET did not find is empty there.
func (c *Ctx) pushSorted(o *sortQuery, q *quicklist.List) {
	q.SetPackedThreshold(c.limits.list.PackedThreshold)
	push := func(v *list.Value) {
		if v.IsInt {
			c.scratch = keyspace.AppendInt(c.scratch[:0], v.Int)
			q.PushTail(c.scratch)
			return
		}
		q.PushTail(v.Str)
	}
	for i := o.first; i < o.after; i++ {
		v := c.sort.at(o, i)
		if len(o.gets) == 0 {
			push(v)
		}
		for j := range o.gets {
			got, _ := c.follow(&o.gets[j], *v)
			push(&got)
		}
	}
}
