package geohash

import "math"

// earthRadius is that of the sphere which Redis takes the earth for, in metres.
const earthRadius = 6372797.560856

// mercatorMax is half of the length of the equator on the map, in metres.
const mercatorMax = 20037726.37

const degree = math.Pi / 180

func radians(deg float64) float64 { return deg * degree }
func degrees(rad float64) float64 { return rad / degree }

// haversine returns the square of half the chord between two points of the unit
// sphere, given the sines of half their differences and the cosines of their
// latitudes.
func haversine(halfLat, halfLon, cos1, cos2 float64) float64 {
	u := sin(halfLat)
	v := sin(halfLon)
	return float64(u*u) + float64(float64(float64(cos1*cos2)*v)*v)
}

// arc returns the way over ground that a haversine means, in metres.
func arc(h float64) float64 { return 2 * earthRadius * asin(math.Sqrt(h)) }

// Distance returns the distance between two points in metres.
func Distance(a, b Point) float64 {
	lat1, lon1, lat2, lon2 := radians(a.Lat), radians(a.Lon), radians(b.Lat), radians(b.Lon)
	return arc(haversine((lat2-lat1)/2, (lon2-lon1)/2, cos(lat1), cos(lat2)))
}

// A Shape is what to search: a circle, or a box whose sides run along meridians
// and circles of latitude.
type Shape struct {
	Center        Point
	Box           bool
	Radius        float64 // of a circle
	Width, Height float64 // of a box
	Unit          float64 // metres to the unit of the above
}

// A Range is the scores from Min to Max, Max not included.
type Range struct{ Min, Max uint64 }

// The nine cells of a search, in the order in which they are searched, which
// is that of unsorted replies.
const (
	center = iota
	north
	south
	east
	west
	northEast
	northWest
	southEast
	southWest
	cells
)

// moves are the ways from the center to its neighbours.
var moves = [cells]struct{ lon, lat int }{
	north: {0, 1}, south: {0, -1}, east: {1, 0}, west: {-1, 0},
	northEast: {1, 1}, northWest: {-1, 1}, southEast: {1, -1}, southWest: {-1, -1},
}

// Ranges puts the scores of all points in the shape, and of some around it, into
// dst, and returns those it filled.
func (s *Shape) Ranges(dst *[cells]Range) []Range {
	grid, step := s.grid()
	var used [cells]bool
	s.mark(&used, grid[center], step)
	n, last := 0, uint64(0)
	for i, bits := range grid {
		// East of the whole world is the world, once more.
		if !used[i] || n > 0 && bits == last {
			continue
		}
		shift := 2 * (MaxStep - step)
		dst[n] = Range{bits << shift, (bits + 1) << shift}
		n, last = n+1, bits
	}
	return dst[:n]
}

// grid returns the cell of the shape's center and those around it, of a size at
// which they cover it.
func (s *Shape) grid() (grid [cells]uint64, step uint) {
	step = s.firstStep()
	grid = neighbours(encode(s.Center, MinLat, MaxLat, step), step)
	if step > 1 && !s.covered(&grid, step) {
		step--
		grid = neighbours(encode(s.Center, MinLat, MaxLat, step), step)
	}
	return grid, step
}

// firstStep guesses at the size of cells: the smallest that are twice as wide as
// the shape, or nearly; larger ones where the map is stretched.
func (s *Shape) firstStep() uint {
	reach := s.Radius
	if s.Box {
		w, h := s.Width/2, s.Height/2
		reach = math.Sqrt(float64(w*w) + float64(h*h))
	}
	reach *= s.Unit
	if reach == 0 {
		return MaxStep
	}
	step := -1
	for ; reach < mercatorMax; reach *= 2 {
		step++
	}
	if lat := math.Abs(s.Center.Lat); lat > 80 {
		step -= 2
	} else if lat > 66 {
		step--
	}
	return uint(min(max(step, 1), MaxStep))
}

// bounds returns the rectangle around the shape, on the side nearer to a pole.
func (s *Shape) bounds() area {
	w, h := s.Unit*s.Radius, s.Unit*s.Radius
	if s.Box {
		w, h = s.Unit*(s.Width/2), s.Unit*(s.Height/2)
	}
	lat, lon := s.Center.Lat, s.Center.Lon
	dLat := degrees(h / earthRadius)
	edge := lat + dLat
	if lat < 0 {
		edge = lat - dLat
	}
	dLon := degrees(w / earthRadius / cos(radians(edge)))
	return area{minLon: lon - dLon, maxLon: lon + dLon, minLat: lat - dLat, maxLat: lat + dLat}
}

// covered reports whether the cells around the center reach to the shape's edge.
func (s *Shape) covered(grid *[cells]uint64, step uint) bool {
	b := s.bounds()
	return decode(grid[north], step).maxLat >= b.maxLat && decode(grid[south], step).minLat <= b.minLat &&
		decode(grid[east], step).maxLon >= b.maxLon && decode(grid[west], step).minLon <= b.minLon
}

// mark tells which cells have a part in the search: none on a side where the
// center's own reaches further than the shape.
func (s *Shape) mark(used *[cells]bool, bits uint64, step uint) {
	for i := range used {
		used[i] = true
	}
	if step < 2 {
		return
	}
	a, b := decode(bits, step), s.bounds()
	for i, m := range moves {
		if m.lat < 0 && a.minLat < b.minLat || m.lat > 0 && a.maxLat > b.maxLat ||
			m.lon < 0 && a.minLon < b.minLon || m.lon > 0 && a.maxLon > b.maxLon {
			used[i] = false
		}
	}
}

// neighbours returns a cell and those around it. The map has no edges: beyond one
// it begins again at the other. What lies on its eastern or northern edge has a bit
// more than the others, which goes when that coordinate changes.
func neighbours(bits uint64, step uint) (grid [cells]uint64) {
	for i, m := range moves {
		grid[i] = move(bits, oddBits, m.lon, step) | move(bits, evenBits, m.lat, step)
	}
	return grid
}

// move returns one coordinate, which has the bits of mask, d cells further. The
// bits between are all set for a carry to run through them, or clear for a borrow.
func move(bits, mask uint64, d int, step uint) uint64 {
	one, inside := mask&-mask, mask&(1<<(2*step)-1)
	switch {
	case d > 0:
		return ((bits | ^mask) + one) & inside
	case d < 0:
		return ((bits & mask) - one) & inside
	}
	return bits & mask
}

// A Finder tests many points against a shape. What is the same for all points
// is reckoned once, and distances only where one is asked for.
type Finder struct {
	shape          Shape
	lat, lon, cos  float64 // of the center, in radians
	maxLat         float64 // no point in the shape is further north or south, in radians
	limit, lonSide limit
}

// A limit is a distance not to exceed, and the haversines around it: between sure
// and never the distance itself must be known.
type limit struct{ metres, sure, never float64 }

// slack is how much larger the difference may be between haversines whose
// distances cannot be told apart. Rounding accounts for less than 1e-15.
const slack = 1e-12

func newLimit(metres float64) limit {
	half := metres / (2 * earthRadius)
	if half >= math.Pi/2 {
		return limit{metres, -1, math.Inf(1)} // so far away are only some: ask each
	}
	s := math.Sin(half)
	return limit{metres, s * s * (1 - slack), s * s * (1 + slack)}
}

// holds reports whether a haversine means a distance within the limit.
func (l *limit) holds(h float64) bool {
	if h < l.sure {
		return true
	}
	return h <= l.never && !(arc(h) > l.metres)
}

// NewFinder returns a Finder for s.
func NewFinder(s *Shape) (f Finder) {
	f.shape = *s
	f.lat, f.lon = radians(s.Center.Lat), radians(s.Center.Lon)
	f.cos = cos(f.lat)
	reach := s.Radius * s.Unit
	if s.Box {
		reach = s.Height * s.Unit / 2
		f.lonSide = newLimit(s.Width * s.Unit / 2)
	}
	f.limit = newLimit(reach)
	f.maxLat = reach / earthRadius * (1 + slack)
	return f
}

// Contains reports whether p is in the shape, and returns its haversine, for
// Metres.
func (f *Finder) Contains(p Point) (h float64, ok bool) {
	lat := radians(p.Lat)
	dLat := lat - f.lat
	if math.Abs(dLat) > f.maxLat {
		return 0, false
	}
	if f.shape.Box {
		return f.inBox(p, lat, dLat)
	}
	h = haversine(dLat/2, (radians(p.Lon)-f.lon)/2, f.cos, cos(lat))
	return h, f.limit.holds(h)
}

// inBox looks at both sides of a box: the way along the meridian, and the way
// along the latitude of the point.
func (f *Finder) inBox(p Point, lat, dLat float64) (h float64, ok bool) {
	u, v, c := sin(dLat/2), sin((radians(p.Lon)-f.lon)/2), cos(lat)
	if uu := float64(u * u); !f.limit.holds(uu) || !f.lonSide.holds(float64(float64(float64(c*c)*v)*v)) {
		return 0, false
	}
	return float64(u*u) + float64(float64(float64(f.cos*c)*v)*v), true
}

// Metres returns the distance of a point that Contains was asked about.
func (f *Finder) Metres(h float64) float64 { return arc(h) }
