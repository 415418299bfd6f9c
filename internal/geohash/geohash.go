// Package geohash maps positions on the earth to the scores of a sorted set and
// back, measures distances, and tells which scores lie near a position. It is the
// arithmetic beneath GEOADD and GEOSEARCH.
//
//	score := float64(geohash.Encode(geohash.Point{Lon: 13.361389, Lat: 38.115556}))
//	p := geohash.Decode(geohash.FromScore(score)) // about 0.3 m off at most
//	d := geohash.Distance(p, q)                   // in metres
//
// # Exactness
//
// Results are Redis's to the last digit: coordinates because the same IEEE
// operations are done in the same order, distances because sine, cosine and arc
// sine are rounded as a good C library rounds them, which package math does not
// do (see trig.go). Products are wrapped in conversions, float64(x*y), wherever a
// compiler might fuse them with an addition.
//
// Everything here is a pure function: any number of goroutines may call at once,
// and nothing allocates.
package geohash

// A geohash divides the map again and again, in turn by longitude and by
// latitude, and keeps which half the point was in: 1 for east or north.
//
//	lon -180 … 180, lat -85.05112878 … 85.05112878 (where a Mercator map is square)
//
//	bits   51 50 49 48 …  1  0        after 26 halvings of each
//	       x  y  x  y     x  y        x: longitude, y: latitude
//
//	step 1      01 | 11      the four quarters of the map: y in the low bit
//	            ---+---
//	            00 | 10
//
// Points with a common prefix are in one cell, and their 52 bits, which a double
// holds exactly, are next to each other in order of score: a cell of step s is
// the range of scores [bits, bits+1) << (52-2s). Cells that touch need not have
// scores that are near, so a search looks at a cell and the eight around it.
//
// The text form, GEOHASH, is the public geohash.org one, which halves latitudes
// from -90 to 90 and shows five bits a letter.

// The ends of the map, and the number of halvings of each coordinate.
const (
	MaxLon = 180.0
	MinLon = -180.0
	MaxLat = 85.05112878
	MinLat = -85.05112878

	MaxStep = 26
)

// A Point is a position in degrees.
type Point struct{ Lon, Lat float64 }

// Valid reports whether p is on the map.
func (p Point) Valid() bool {
	return p.Lon >= MinLon && p.Lon <= MaxLon && p.Lat >= MinLat && p.Lat <= MaxLat
}

// Encode returns the 52 bits of p, which is valid.
func Encode(p Point) uint64 { return encode(p, MinLat, MaxLat, MaxStep) }

// encode returns 2*step bits on a map between two latitudes.
func encode(p Point, south, north float64, step uint) uint64 {
	cells := float64(uint64(1) << step)
	x := (p.Lon - MinLon) / (MaxLon - MinLon) * cells
	y := (p.Lat - south) / (north - south) * cells
	return spread(uint32(y)) | spread(uint32(x))<<1
}

// Decode returns the middle of the cell that bits names, as far as that is on the
// map: scores need not have been made by Encode.
func Decode(bits uint64) Point {
	a := decode(bits, MaxStep)
	return Point{
		Lon: max(min((a.minLon+a.maxLon)/2, MaxLon), MinLon),
		Lat: max(min((a.minLat+a.maxLat)/2, MaxLat), MinLat),
	}
}

// An area is a cell's rectangle.
type area struct{ minLon, minLat, maxLon, maxLat float64 }

// decode returns the rectangle of a cell.
func decode(bits uint64, step uint) area {
	y, x := gather(bits), gather(bits>>1)
	cells := float64(uint64(1) << step)
	edge := func(i uint32, low, size float64) float64 {
		return low + float64(float64(i)/cells*size)
	}
	const width, height = MaxLon - MinLon, MaxLat - MinLat
	// The number of the next cell wraps around, as it is one of 32 bits.
	return area{
		minLon: edge(x, MinLon, width), maxLon: edge(x+1, MinLon, width),
		minLat: edge(y, MinLat, height), maxLat: edge(y+1, MinLat, height),
	}
}

// spread puts the bits of v into the even bits of the result: each step moves the
// upper half of every group as far as it has to go.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	x = (x | x<<8) & 0x00FF00FF00FF00FF
	x = (x | x<<4) & 0x0F0F0F0F0F0F0F0F
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & evenBits
}

// gather collects the even bits of x: spread undone.
func gather(x uint64) uint32 {
	x &= evenBits
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0F0F0F0F0F0F0F0F
	x = (x | x>>4) & 0x00FF00FF00FF00FF
	x = (x | x>>8) & 0x0000FFFF0000FFFF
	return uint32(x | x>>16)
}

const (
	evenBits = 0x5555555555555555 // latitude
	oddBits  = 0xAAAAAAAAAAAAAAAA // longitude
)

// FromScore returns the bits that a score stands for. Any double can be a score,
// so those that are no such number are turned into what an x86 processor makes of
// them: infinities and the like become 0 or the highest bit.
func FromScore(score float64) uint64 {
	const two63 = 1 << 63
	if score >= two63 {
		return truncate(score-two63) ^ two63
	}
	return truncate(score)
}

func truncate(f float64) uint64 {
	if f > -(1<<63) && f < 1<<63 {
		return uint64(int64(f))
	}
	return 1 << 63
}

// TextLen is the length of what AppendText appends.
const TextLen = 11

const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

// AppendText appends p's geohash as the rest of the world writes it. 52 bits make
// ten letters; the eleventh is always 0.
func AppendText(dst []byte, p Point) []byte {
	bits := encode(p, -90, 90, MaxStep)
	for shift := 47; shift > 0; shift -= 5 {
		dst = append(dst, alphabet[bits>>shift&31])
	}
	return append(dst, alphabet[0])
}
