package difftest

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/transcript"
)

// Positions and SORT: both have arguments of their own, and replies whose order is
// now and then that of a table.

var (
	longitudes = []string{"180", "-180", "179.9999", "-179.99999", "0", "-0.0", "90", "180.0001", "13.361389", "15.087269"}
	latitudes  = []string{"85.05112878", "-85.05112878", "85.0511288", "66", "67", "80.5", "-81", "0", "38.115556", "37.502669", "-90"}

	sortPatterns = []string{"s*", "n*", "h*->m1", "h*->1", "h*->", "*", "nosort", "#", "nothing_*", "n*->f", "s*x", ""}
	getPatterns  = []string{"#", "#", "s*", "n*", "h*->m1", "h*->2", "*", "nostar", "h*"}
)

// degrees draws a coordinate, with all the digits it has: anywhere, or close to those
// that others are.
func (b *builder) degrees(special []string, most, middle float64) string {
	var f float64
	switch {
	case b.one(40):
		return pick(b.generator, badFloats)
	case b.one(6):
		return pick(b.generator, special)
	case b.one(3):
		f = (b.rnd.Float64()*2 - 1) * most
	default:
		f = middle + b.rnd.NormFloat64()
	}
	return strconv.FormatFloat(f, 'g', pick(b.generator, []int{4, 7, 17}), 64)
}

// distance draws a length from a finger's to the earth's.
func (b *builder) distance() string {
	if b.one(25) {
		return pick(b.generator, badFloats)
	}
	return strconv.FormatFloat(math.Pow(10, b.rnd.Float64()*8-1), 'g', 5, 64)
}

// geo draws an argument that only commands on positions have.
func (b *builder) geo(a *spec.Arg) (word string, ok bool) {
	switch a.Name {
	case "longitude":
		return b.degrees(longitudes, 180, 13), true
	case "latitude":
		return b.degrees(latitudes, 85, 38), true
	case "radius", "width", "height":
		return b.distance(), true
	}
	return "", false
}

// sorts draws an argument of SORT that stands for other keys.
func (b *builder) sorts(a *spec.Arg) (word string, ok bool) {
	switch a.Name {
	case "by-pattern":
		return pick(b.generator, sortPatterns), true
	case "get-pattern":
		return pick(b.generator, getPatterns), true
	case "destination":
		return "l" + strconv.Itoa(b.rnd.IntN(keysPerFamily)), true // or all keys would soon be lists
	}
	return "", false
}

// playSort plays SORT where the outcome means something. The elements of a set, and
// of a sorted set unless it is in order, come as they lie in a table, and so do those
// that weigh the same under ALPHA, as do "" and "\x00" unless the outcome is stored.
func playSort(r *run, c call) (ours, ref transcript.Reply, same bool) {
	key := ""
	if len(c.args) > 1 {
		key = string(c.args[1])
	}
	t := r.ref.words("TYPE", key).Text
	has := func(word string) bool {
		return slices.ContainsFunc(c.args[1:], func(a []byte) bool { return strings.EqualFold(string(a), word) })
	}
	table := t == "set" || t == "zset" && has("ALPHA")
	texts := has("ALPHA") && !has("STORE")
	if table && (has("BY") && (has("LIMIT") || has("STORE") || has("GET")) || texts && has("LIMIT")) {
		return ours, ref, true
	}
	// 7.0 takes for its own error what it finds in errno. Reading a score clears that.
	r.ref.words("ZADD", "nokey", "XX", "1", "a")
	ours, ref = r.ours.do(c.args...), r.ref.do(c.args...)
	if table && (has("BY") || texts) {
		ours.Sort(false)
		ref.Sort(false)
	}
	return ours, ref, rule{}.same(ours, ref)
}

// playStoreDist plays the commands on positions that may store distances. Of those
// the last digit is the C library's.
func playStoreDist(r *run, c call) (ours, ref transcript.Reply, same bool) {
	at := slices.IndexFunc(c.args, func(a []byte) bool { return strings.EqualFold(string(a), "STOREDIST") })
	ours, ref = r.ours.do(c.args...), r.ref.do(c.args...)
	same = rule{}.same(ours, ref)
	if at < 0 || !same || ours.Mark != ':' {
		return ours, ref, same
	}
	key := c.args[1]
	if c.cmd.Name != "geosearchstore" {
		if at+1 == len(c.args) {
			return ours, ref, same
		}
		key = c.args[at+1]
	}
	ours, ref = r.ours.words("ZRANGE", string(key), "0", "-1", "WITHSCORES"), r.ref.words("ZRANGE", string(key), "0", "-1", "WITHSCORES")
	r.both("DEL", string(key))
	return ours, ref, sameScores(ours, ref)
}

// sameScores compares members with scores that may differ in the last digit, and
// therefore in their order.
func sameScores(ours, ref transcript.Reply) bool {
	scores := func(v transcript.Reply) map[string]float64 {
		m := map[string]float64{}
		flat := v.Elems
		for i := 0; i < len(flat); i++ {
			pair := flat[i].Elems
			if flat[i].Mark != '*' {
				pair = flat[i : i+2]
				i++
			}
			m[pair[0].Text], _ = strconv.ParseFloat(pair[1].Text, 64)
		}
		return m
	}
	a, b := scores(ours), scores(ref)
	for member, f := range a {
		if g, ok := b[member]; !ok || math.Abs(f-g) > math.Abs(f)*1e-15 {
			return false
		}
	}
	return len(a) == len(b)
}
