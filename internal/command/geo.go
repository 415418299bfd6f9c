package command

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/geohash"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Positions are the scores of sorted sets: see package geohash. Nothing else marks
// such a set, so every command here works on any sorted set, whatever it means.

var geoHandlers = handlers{
	"geoadd": cmdGeoAdd, "geodist": cmdGeoDist, "geohash": cmdGeoHash, "geopos": cmdGeoPos,
	"georadius": cmdGeoRadius, "georadius_ro": cmdGeoRadiusRO,
	"georadiusbymember": cmdGeoRadiusByMember, "georadiusbymember_ro": cmdGeoRadiusByMemberRO,
	"geosearch": cmdGeoSearch, "geosearchstore": cmdGeoSearchStore,
}

const (
	errGeoUnit      resp.Error = "ERR unsupported unit provided. please use M, KM, FT, MI"
	errGeoMember    resp.Error = "ERR could not decode requested zset member"
	errGeoRadius    resp.Error = "ERR need numeric radius"
	errGeoWidth     resp.Error = "ERR need numeric width"
	errGeoHeight    resp.Error = "ERR need numeric height"
	errGeoRadiusNeg resp.Error = "ERR radius cannot be negative"
	errGeoBoxNeg    resp.Error = "ERR height or width cannot be negative"
	errGeoAny       resp.Error = "ERR the ANY argument requires COUNT argument"
)

// geoKind says which command of the search family runs.
type geoKind struct {
	source   int  // the argument with the key to search
	options  int  // the first argument of the options
	lonLat   int  // the arguments with the center of GEORADIUS, or 0
	member   int  // the argument with the member of GEORADIUSBYMEMBER, or 0
	readOnly bool // no STORE
	store    bool // GEOSEARCHSTORE: the destination is argument 1
}

func cmdGeoRadius(c *Ctx)   { c.geoSearch(geoKind{source: 1, lonLat: 2, options: 6}) }
func cmdGeoRadiusRO(c *Ctx) { c.geoSearch(geoKind{source: 1, lonLat: 2, options: 6, readOnly: true}) }
func cmdGeoRadiusByMember(c *Ctx) {
	c.geoSearch(geoKind{source: 1, member: 2, options: 5})
}
func cmdGeoRadiusByMemberRO(c *Ctx) {
	c.geoSearch(geoKind{source: 1, member: 2, options: 5, readOnly: true})
}
func cmdGeoSearch(c *Ctx)      { c.geoSearch(geoKind{source: 1, options: 2}) }
func cmdGeoSearchStore(c *Ctx) { c.geoSearch(geoKind{source: 2, options: 3, store: true}) }

// open reports whether the command is GEOSEARCH or GEOSEARCHSTORE, whose options
// say what and where to search.
func (k *geoKind) open() bool { return k.lonLat == 0 && k.member == 0 }

// A geoOrder is the order of a reply.
type geoOrder int8

const (
	geoUnsorted geoOrder = 0
	geoNearest  geoOrder = 1
	geoFarthest geoOrder = -1
)

// A geoQuery is a search as it was asked.
type geoQuery struct {
	geoKind
	shape                         geohash.Shape
	withDist, withHash, withCoord bool
	member, lonLat, radius, box   bool // said by the options of GEOSEARCH
	order                         geoOrder
	count                         int64 // 0: all
	any                           bool  // the first that come will do
	destination                   []byte
	stores, storeDist             bool
}

// A geoHit is a member that was found. It aliases the sorted set.
type geoHit struct {
	member zset.Value
	score  float64
	at     geohash.Point
	arc    float64 // what Finder.Metres makes the distance of
}

// A geoRank is a hit's place in an order.
type geoRank struct {
	metres float64
	hit    int32
}

// geoScratch is kept by the context, so that searches do not allocate.
type geoScratch struct {
	hits  []geoHit
	ranks []geoRank
}

// keepHits is how many hits the memory is kept for.
const keepHits = 1 << 13

func (s *geoScratch) end() {
	if cap(s.hits) > keepHits {
		*s = geoScratch{}
		return
	}
	clear(s.hits)
	s.hits, s.ranks = s.hits[:0], s.ranks[:0]
}

func cmdGeoAdd(c *Ctx) {
	var f zset.Flags
	changed, i := false, 2
options:
	for ; i < len(c.Args); i++ {
		switch {
		case c.is(i, "NX"):
			f.NX = true
		case c.is(i, "XX"):
			f.XX = true
		case c.is(i, "CH"):
			changed = true
		default:
			break options
		}
	}
	if n := len(c.Args) - i; n == 0 || n%3 != 0 || f.NX && f.XX {
		c.Fail(errSyntax)
		return
	}
	var buf [16][]byte
	pairs := buf[:0]
	c.scores = c.scores[:0]
	for ; i < len(c.Args); i += 3 {
		p, ok := c.point(i)
		if !ok {
			return
		}
		c.scores = append(c.scores, float64(geohash.Encode(p)))
		pairs = append(pairs, nil, c.Args[i+2])
	}
	key := c.Args[1]
	e, found, ok := c.lookupType(key, datatypes.ZSet, keyspace.Write)
	if !ok {
		return
	}
	_, t := c.addScored(e, found, key, pairs, f)
	if t.added+t.updated > 0 {
		c.modified(key, keyspace.EventZSet, "zadd")
	}
	if changed {
		t.added += t.updated
	}
	c.Out.Int(int64(t.added))
}

// point reads arguments i and i+1 as a longitude and a latitude on the map.
func (c *Ctx) point(i int) (p geohash.Point, ok bool) {
	if p.Lon, ok = c.float(i); !ok {
		return p, false
	}
	if p.Lat, ok = c.float(i + 1); !ok {
		return p, false
	}
	if !p.Valid() {
		c.Fail(invalidPoint(p))
		return p, false
	}
	return p, true
}

// invalidPoint is the reply to a position that is not on the map.
func invalidPoint(p geohash.Point) resp.Error {
	b := []byte("ERR invalid longitude,latitude pair ")
	for i, f := range []float64{p.Lon, p.Lat} {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsInf(f, 0) {
			b = resp.AppendDouble(b, f)
		} else {
			b = strconv.AppendFloat(b, f, 'f', 6, 64)
		}
	}
	return resp.Error(b)
}

// unit reads argument i as a unit of length, and returns its metres.
func (c *Ctx) unit(i int) (metres float64, ok bool) {
	switch {
	case c.is(i, "M"):
		return 1, true
	case c.is(i, "KM"):
		return 1000, true
	case c.is(i, "FT"):
		return 0.3048, true
	case c.is(i, "MI"):
		return 1609.34, true
	}
	c.Fail(errGeoUnit)
	return 0, false
}

// length reads argument i as a number, or replies err.
func (c *Ctx) length(i int, err resp.Error) (f float64, ok bool) {
	if f, ok = zset.ParseScore(c.Args[i]); !ok {
		c.Fail(err)
	}
	return f, ok
}

func cmdGeoDist(c *Ctx) {
	unit := 1.0
	if len(c.Args) > 5 {
		c.Fail(errSyntax)
		return
	}
	if len(c.Args) == 5 {
		var ok bool
		if unit, ok = c.unit(4); !ok {
			return
		}
	}
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	if found {
		z := zset.Open(e)
		a, ok1 := memberPoint(z, c.Args[2])
		b, ok2 := memberPoint(z, c.Args[3])
		if ok1 && ok2 {
			c.replyMetres(geohash.Distance(a, b) / unit)
			return
		}
	}
	c.Out.Null()
}

// memberPoint returns the position of a member.
func memberPoint(z zset.ZSet, member []byte) (p geohash.Point, ok bool) {
	score, ok := z.Score(member)
	if !ok {
		return p, false
	}
	return geohash.Decode(geohash.FromScore(score)), true
}

func cmdGeoHash(c *Ctx) {
	c.geoMembers((*resp.Writer).Null, func(c *Ctx, p geohash.Point) {
		var buf [geohash.TextLen]byte
		c.Out.BulkBytes(geohash.AppendText(buf[:0], p))
	})
}

func cmdGeoPos(c *Ctx) { c.geoMembers((*resp.Writer).NullArray, (*Ctx).replyPoint) }

// geoMembers replies something about each of the members named, and null for
// those that are not there.
func (c *Ctx) geoMembers(null func(*resp.Writer), reply func(*Ctx, geohash.Point)) {
	e, found, ok := c.lookupType(c.Args[1], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	var z zset.ZSet
	if found {
		z = zset.Open(e)
	}
	c.Out.ArrayHeader(len(c.Args) - 2)
	for _, m := range c.Args[2:] {
		if p, ok := memberPoint(z, m); ok {
			reply(c, p)
		} else {
			null(c.Out)
		}
	}
}

// geoSearch runs a command of the search family.
func (c *Ctx) geoSearch(k geoKind) {
	e, found, ok := c.lookupType(c.Args[k.source], datatypes.ZSet, keyspace.Read)
	if !ok {
		return
	}
	var z zset.ZSet
	if found {
		z = zset.Open(e)
	}
	o := geoQuery{geoKind: k}
	if !o.parse(c, z, found) {
		return
	}
	switch {
	case !found && o.stores:
		c.storeDraftAt(o.destination, datatypes.ZSet, 0, keyspace.EventZSet, "")
	case !found:
		c.Out.ArrayHeader(0)
	default:
		f := geohash.NewFinder(&o.shape)
		c.findHits(z, &o, &f)
		n := c.rankHits(&o, &f)
		if o.stores {
			c.storeHits(&o, n)
		} else {
			c.replyHits(&o, n)
		}
		c.geo.end()
	}
}

// parse reads the arguments of a search. z is empty when there is no such key:
// arguments are still read, but a member is not looked for.
func (o *geoQuery) parse(c *Ctx, z zset.ZSet, found bool) bool {
	if !o.parseFixed(c, z, found) {
		return false
	}
	if o.store {
		o.destination, o.stores = c.Args[1], true
	}
	for i := o.options; i < len(c.Args); {
		n, ok := o.option(c, z, found, i)
		if !ok {
			return false
		}
		i += n
	}
	switch {
	case o.stores && (o.withDist || o.withHash || o.withCoord):
		name := "STORE option in GEORADIUS"
		if o.store {
			name = "GEOSEARCHSTORE"
		}
		c.Fail(resp.Error("ERR " + name + " is not compatible with WITHDIST, WITHHASH and WITHCOORD options"))
	case o.open() && !o.member && !o.lonLat:
		c.Fail(resp.Error("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + asText(c.Args[0])))
	case o.open() && !o.radius && !o.box:
		c.Fail(resp.Error("ERR exactly one of BYRADIUS and BYBOX can be specified for " + asText(c.Args[0])))
	case o.any && o.count == 0:
		c.Fail(errGeoAny)
	default:
		if o.count > 0 && o.order == geoUnsorted && !o.any {
			o.order = geoNearest // the nearest, as there are some to choose from
		}
		return true
	}
	return false
}

// parseFixed reads the arguments of GEORADIUS and GEORADIUSBYMEMBER that have
// their places.
func (o *geoQuery) parseFixed(c *Ctx, z zset.ZSet, found bool) (ok bool) {
	switch {
	case o.geoKind.lonLat > 0:
		if o.shape.Center, ok = c.point(o.geoKind.lonLat); !ok {
			return false
		}
	case o.geoKind.member > 0 && !found:
		return true
	case o.geoKind.member > 0:
		if !o.fromMember(c, z, o.geoKind.member) {
			return false
		}
	default:
		return true
	}
	return o.byRadius(c, o.options-2)
}

func (o *geoQuery) fromMember(c *Ctx, z zset.ZSet, i int) (ok bool) {
	if o.shape.Center, ok = memberPoint(z, c.Args[i]); !ok {
		c.Fail(errGeoMember)
	}
	return ok
}

// byRadius reads a radius and its unit.
func (o *geoQuery) byRadius(c *Ctx, i int) (ok bool) {
	if o.shape.Radius, ok = c.length(i, errGeoRadius); !ok {
		return false
	}
	if o.shape.Radius < 0 {
		c.Fail(errGeoRadiusNeg)
		return false
	}
	o.shape.Unit, ok = c.unit(i + 1)
	return ok
}

// byBox reads the width and height of a box and their unit.
func (o *geoQuery) byBox(c *Ctx, i int) (ok bool) {
	if o.shape.Width, ok = c.length(i, errGeoWidth); !ok {
		return false
	}
	if o.shape.Height, ok = c.length(i+1, errGeoHeight); !ok {
		return false
	}
	if o.shape.Width < 0 || o.shape.Height < 0 {
		c.Fail(errGeoBoxNeg)
		return false
	}
	o.shape.Box = true
	o.shape.Unit, ok = c.unit(i + 2)
	return ok
}

// option reads the option at argument i and returns how many arguments it takes.
func (o *geoQuery) option(c *Ctx, z zset.ZSet, found bool, i int) (n int, ok bool) {
	left := len(c.Args) - i - 1
	switch open := o.open(); {
	case c.is(i, "WITHDIST"):
		o.withDist = true
	case c.is(i, "WITHHASH"):
		o.withHash = true
	case c.is(i, "WITHCOORD"):
		o.withCoord = true
	case c.is(i, "ANY"):
		o.any = true
	case c.is(i, "ASC"):
		o.order = geoNearest
	case c.is(i, "DESC"):
		o.order = geoFarthest
	case left > 0 && c.is(i, "COUNT"):
		if o.count, ok = c.int(i + 1); !ok {
			return 0, false
		}
		if o.count <= 0 {
			c.Fail(errCountPositive)
			return 0, false
		}
		return 2, true
	case left > 0 && !open && !o.readOnly && (c.is(i, "STORE") || c.is(i, "STOREDIST")):
		o.destination, o.stores = c.Args[i+1], true
		o.storeDist = c.is(i, "STOREDIST")
		return 2, true
	case left > 0 && open && !o.lonLat && c.is(i, "FROMMEMBER"):
		o.member = true
		return 2, !found || o.fromMember(c, z, i+1)
	case left > 1 && open && !o.member && c.is(i, "FROMLONLAT"):
		o.lonLat = true
		o.shape.Center, ok = c.point(i + 1)
		return 3, ok
	case left > 1 && open && !o.box && c.is(i, "BYRADIUS"):
		o.radius = true
		return 3, o.byRadius(c, i+1)
	case left > 2 && open && !o.radius && c.is(i, "BYBOX"):
		o.box = true
		return 4, o.byBox(c, i+1)
	case o.store && c.is(i, "STOREDIST"):
		o.storeDist = true
	default:
		c.Fail(errSyntax)
		return 0, false
	}
	return 1, true
}

// findHits gathers the members that are in the shape: with ANY no more than asked
// for.
func (c *Ctx) findHits(z zset.ZSet, o *geoQuery, f *geohash.Finder) {
	limit := math.MaxInt
	if o.any {
		limit = int(min(o.count, math.MaxInt32))
	}
	hits := c.geo.hits[:0]
	var ranges [9]geohash.Range
	var buf [16]zset.Element
search:
	for _, r := range o.shape.Ranges(&ranges) {
		cur := z.SeekScore(zset.ScoreRange{Min: float64(r.Min), Max: float64(r.Max), MaxEx: true}, zset.All(false))
		for n := cur.Fill(buf[:]); n > 0; n = cur.Fill(buf[:]) {
			for i := range buf[:n] {
				e := &buf[i]
				at := geohash.Decode(geohash.FromScore(e.Score))
				arc, in := f.Contains(at)
				if !in {
					continue
				}
				hits = append(hits, geoHit{e.Member, e.Score, at, arc})
				if len(hits) >= limit {
					break search
				}
			}
		}
	}
	c.geo.hits = hits
}

// rankHits brings the hits in order and returns how many are wanted. Distances
// are reckoned only where they are of use.
func (c *Ctx) rankHits(o *geoQuery, f *geohash.Finder) (n int) {
	hits, ranks := c.geo.hits, c.geo.ranks[:0]
	distances := o.order != geoUnsorted || o.withDist || o.storeDist
	for i := range hits {
		r := geoRank{hit: int32(i)}
		if distances {
			r.metres = f.Metres(hits[i].arc)
		}
		ranks = append(ranks, r)
	}
	c.geo.ranks = ranks
	n = len(hits)
	if o.count > 0 {
		n = int(min(o.count, int64(n)))
	}
	switch {
	case o.order == geoUnsorted:
	case n < len(hits) && o.order == geoNearest:
		partialSort(ranks, 0, n-1, func(a, b geoRank) int { return cmp.Compare(a.metres, b.metres) })
	case n < len(hits):
		partialSort(ranks, 0, n-1, func(a, b geoRank) int { return cmp.Compare(b.metres, a.metres) })
	default:
		slices.SortFunc(ranks, func(a, b geoRank) int {
			switch {
			case a.metres < b.metres:
				return -int(o.order)
			case a.metres > b.metres:
				return int(o.order)
			}
			return int(a.hit - b.hit)
		})
	}
	return n
}

func (c *Ctx) storeHits(o *geoQuery, n int) {
	res := zsetResult{copies: true, pairs: make([]zset.Pair, 0, n)}
	for _, r := range c.geo.ranks[:n] {
		h := &c.geo.hits[r.hit]
		score := h.score
		if o.storeDist {
			score = r.metres / o.shape.Unit
		}
		res.add(h.member, score)
	}
	if n > 0 {
		zset.Store(c.beginDraft(o.destination), res.pairs, &c.limits.zset)
	}
	event := "georadiusstore"
	if o.store {
		event = "geosearchstore"
	}
	c.storeDraftAt(o.destination, datatypes.ZSet, n, keyspace.EventZSet, event)
}

func (c *Ctx) replyHits(o *geoQuery, n int) {
	out, width := c.Out, 1
	for _, with := range []bool{o.withDist, o.withHash, o.withCoord} {
		if with {
			width++
		}
	}
	out.ArrayHeader(n)
	for _, r := range c.geo.ranks[:n] {
		h := &c.geo.hits[r.hit]
		if width > 1 {
			out.ArrayHeader(width)
		}
		bulkValue(out, &h.member)
		if o.withDist {
			c.replyMetres(r.metres / o.shape.Unit)
		}
		if o.withHash {
			out.Int(scoreBits(h.score))
		}
		if o.withCoord {
			c.replyPoint(h.at)
		}
	}
}

// scoreBits is a score as an integer; what no integer can hold is the least one.
func scoreBits(score float64) int64 {
	if score >= 1<<63 || score <= -1<<63 {
		return math.MinInt64
	}
	return int64(score)
}

// replyMetres replies a distance: as text in both protocols.
func (c *Ctx) replyMetres(f float64) {
	c.scratch = appendDecimals(c.scratch[:0], f, 4)
	c.Out.BulkBytes(c.scratch)
}

// replyPoint replies longitude and latitude, with more digits than a double has,
// as Redis does.
func (c *Ctx) replyPoint(p geohash.Point) {
	c.Out.ArrayHeader(2)
	for _, f := range [2]float64{p.Lon, p.Lat} {
		b := appendDecimals(c.scratch[:0], f, 17)
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
		if b[len(b)-1] == '.' {
			b = b[:len(b)-1]
		}
		c.scratch = b
		if c.Out.Proto != 3 {
			c.Out.BulkBytes(b)
			continue
		}
		c.Out.RawString(",")
		c.Out.Raw(b)
		c.Out.RawString("\r\n")
	}
}

// appendDecimals appends f rounded to a number of places, as C's %.*f does. A double
// is m·2^-k: with 128 bits for m·10^places, what is common takes one product and
// one shift, a tenth of the general method's time.
func appendDecimals(dst []byte, f float64, places int) []byte {
	u := math.Float64bits(f)
	k := 1075 - int(u>>52&0x7FF)
	if k <= 0 || k >= 128 {
		return strconv.AppendFloat(dst, f, 'f', places, 64)
	}
	scale := powersOf10[places]
	hi, lo := bits.Mul64(u&(1<<52-1)|1<<52, scale)
	var q, rest, restLow, half uint64 // the quotient; what is left, high word first; and what is half a unit
	switch {
	case k < 64:
		if hi>>k != 0 {
			return strconv.AppendFloat(dst, f, 'f', places, 64)
		}
		q, rest, half = hi<<(64-k)|lo>>k, lo&(1<<k-1), 1<<(k-1)
	case k == 64:
		q, rest, half = hi, lo, 1<<63
	default:
		q, rest, restLow, half = hi>>(k-64), hi&(1<<(k-64)-1), lo, 1<<(k-65)
	}
	if rest > half || rest == half && (restLow > 0 || q&1 == 1) {
		q++
	}
	if u>>63 == 1 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, q/scale, 10)
	dst = append(dst, '.')
	dst = append(dst, "00000000000000000"[:places]...)
	q %= scale
	for i := len(dst) - 1; q > 0; i-- {
		dst[i] = byte('0' + q%10)
		q /= 10
	}
	return dst
}

var powersOf10 = [18]uint64{4: 1e4, 17: 1e17}
