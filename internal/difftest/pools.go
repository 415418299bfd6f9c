package difftest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave/internal/command/spec"
)

// The pools are small, so that commands meet.

// keyLetters names the keys of a family: s0 … s5 hold strings as a rule.
var keyLetters = map[spec.Group]string{
	spec.String: "s", spec.List: "l", spec.Set: "t", spec.SortedSet: "z", spec.Hash: "h",
	spec.Bitmap: "s", spec.HyperLogLog: "p", spec.Geo: "g", spec.Stream: "x",
}

const (
	allLetters    = "snltzhpgx"
	keysPerFamily = 5

	// Sorted sets under this letter have one score for all members, so that an
	// order by name means something. Only lexWriters and readers get to them.
	lexLetter = "y"
)

var lexWriters = map[string]bool{
	"zadd": true, "zrem": true, "zremrangebylex": true, "zpopmin": true, "del": true, "expire": true,
}

// byName reports whether the command being built orders members by name.
func (b *builder) byName() bool {
	name := b.cmd.Name
	return strings.HasSuffix(name, "lex") || strings.HasSuffix(name, "lexcount") ||
		b.style == 2 && (name == "zrange" || name == "zrangestore")
}

// isPoolKey reports whether an argument looks like a key of the pools.
func isPoolKey(b []byte) bool {
	return len(b) == 2 && strings.IndexByte(allLetters+lexLetter, b[0]) >= 0 && '0' <= b[1] && b[1] < '0'+keysPerFamily
}

// poolKeys returns every key that the generator means as one.
func poolKeys() []string {
	list := []string{"nokey"}
	for _, letter := range allLetters + lexLetter {
		for i := range keysPerFamily {
			list = append(list, string(letter)+strconv.Itoa(i))
		}
	}
	return append(append(list, words...), nonsense...)
}

var (
	badCounts = []string{"0", "-1", "5", "abc", "", "9223372036854775807", "1.5"}
	nonsense  = []string{"", "abc", "NX", "-1", "WITHSCORES", "LIMIT", "COUNT", "9223372036854775808", "s0", "l0", "\x00\xff", "1e5", "GET"}
	badInts   = []string{"abc", "", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "+1", " 1", "01", "-0"}
	badFloats = []string{"abc", "", "nan", "inf", "-inf", "+inf", "1e400", " 1", "0x10", "-nan", "1e-400"}

	words = []string{
		"a", "b", "c", "d", "e", "f", "foo", "bar", "hello", "Hello", "zz", "", "1", "2", "3", "10", "-5", "007", "1.5",
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "70000", "-70000", "5000000000",
		"\x00", "\xff\xfe", "a b", "line\r\nbreak",
	}
	patterns = []string{"*", "a*", "?", "*o", "[a-c]*", "[^a]*", "nothing", "h[ae]llo", "s?", "*\\*", "", "1*"}
	floats   = []string{"0", "1", "2", "3", "-1", "1.5", "0.1", "-2.25", "3.0", "1e3", "100", "1e17", "0.30000000000000004", "12345678901234567"}
	scores   = []string{"0", "1", "2", "3", "-inf", "+inf", "inf", "(1", "(2", "1.5", "(1.5", "-1", "(inf", "100", "abc", "(", "nan"}
	// Fields of BITFIELD, of all widths that differ in how they are read.
	fieldTypes = []string{"u8", "i8", "u1", "i1", "u4", "i5", "u16", "i32", "u63", "i64", "i57", "u57", "i58", "u64", "i0", "x8", "U8", "u08"}
	bitOffsets = []string{"0", "1", "7", "8", "20", "100", "1000", "#0", "#1", "#3", "#-1", "-1", "abc", "5", "63", "65"}
	lexes      = []string{"-", "+", "[a", "(a", "[c", "(foo", "[zz", "[", "(", "a", "[hello", "(1"}
)

// numeric reports whether the command being built is one for numbers.
func (b *builder) numeric() bool {
	name := b.cmd.Name
	return strings.HasPrefix(name, "incr") || strings.HasPrefix(name, "decr") ||
		b.style == 0 && b.cmd.Group == spec.String
}

// word draws a member, field, element or value.
func (b *builder) word() string {
	switch b.rnd.IntN(12) {
	case 0, 1:
		return strconv.Itoa(b.rnd.IntN(40))
	case 2:
		return pick(b.generator, words)
	case 3:
		if b.one(4) {
			return strings.Repeat("long", 10+b.rnd.IntN(40))
		}
		fallthrough
	default:
		// In one command members are numbers only, or words only, as a rule.
		if b.style == 0 {
			return strconv.Itoa(b.rnd.IntN(b.members))
		}
		return fmt.Sprintf("m%d", b.rnd.IntN(b.members))
	}
}

// overwriters put a value of their own family over any other: on a foreign key
// they would soon make all keys theirs.
var overwriters = map[string]bool{
	"set": true, "mset": true, "setex": true, "psetex": true, "zunionstore": true, "zinterstore": true,
	"zdiffstore": true, "zrangestore": true, "sunionstore": true, "sinterstore": true, "sdiffstore": true,
}

func (b *builder) key() string {
	letter, ok := keyLetters[b.cmd.Group]
	switch {
	case ok && b.one(20) && (!overwriters[b.cmd.Name] || b.one(20)):
		ok = false
	case ok && b.numeric():
		letter = "n"
	case !ok && len(b.words) == 2 && isPoolKey([]byte(b.words[1])) && !b.one(20):
		letter, ok = b.words[1][:1], true // COPY and RENAME leave the letter true, as a rule
	}
	if !ok {
		letter = string(allLetters[b.rnd.IntN(len(allLetters))])
	}
	stores := b.cmd.Name == "zrangestore" && len(b.words) == 1
	switch {
	case b.byName() && !stores || lexWriters[b.cmd.Name] && b.one(4):
		letter = lexLetter
	case b.one(40):
		return "nokey"
	}
	return letter + strconv.Itoa(b.rnd.IntN(keysPerFamily))
}

func (b *builder) int() string {
	switch {
	case b.one(20):
		return pick(b.generator, badInts)
	case b.one(6):
		return strconv.Itoa(b.rnd.IntN(300) - 100)
	}
	return strconv.Itoa(b.rnd.IntN(16) - 5)
}

// draw draws a value of the argument's type and meaning.
func (b *builder) draw(a *spec.Arg) string {
	word, ok := "", false
	switch {
	case b.cmd.Group == spec.Geo:
		word, ok = b.geo(a)
	case strings.HasPrefix(b.cmd.Name, "sort"):
		word, ok = b.sorts(a)
	case b.cmd.Group == spec.Scripting:
		word, ok = b.script(a)
	}
	if ok {
		return word
	}
	switch a.Type {
	case spec.KeyArg:
		return b.key()
	}
	if b.cmd.Group == spec.Stream {
		if v, ok := b.stream(a); ok {
			return v
		}
	}
	switch a.Type {
	case spec.PatternArg:
		return pick(b.generator, patterns)
	case spec.UnixTimeArg:
		return b.time(a)
	case spec.DoubleArg:
		return b.double(a)
	case spec.IntegerArg:
		return b.integer(a)
	}
	return b.text(a)
}

// span is a duration or time that will not pass while the test runs, or one that
// has passed.
func (b *builder) span(unit int64, from int64) string {
	switch {
	case b.one(20):
		return pick(b.generator, badInts)
	case b.one(12):
		past := from / unit
		if from > 0 {
			past -= 2000 // well past: this very millisecond both may see differently
		}
		return strconv.FormatInt(past-int64(b.rnd.IntN(3)), 10)
	case b.one(20):
		return "9223372036854775"
	}
	return strconv.FormatInt((from+int64(1000+b.rnd.IntN(100_000))*1000)/unit, 10)
}

func (b *builder) time(a *spec.Arg) string {
	if strings.Contains(a.Name, "milli") {
		return b.span(1, time.Now().UnixMilli())
	}
	return b.span(1000, time.Now().UnixMilli())
}

func (b *builder) double(a *spec.Arg) string {
	switch {
	case a.Name == "timeout":
		return pick(b.generator, []string{"0.001", "0.01", "0.01", "0.002", "-1", "abc", "inf", "1e400", ""})
	case b.sameScores():
		return "0"
	case a.Name == "min" || a.Name == "max":
		return pick(b.generator, scores)
	case b.one(20):
		return pick(b.generator, badFloats)
	case b.one(3):
		return pick(b.generator, floats)
	}
	return strconv.Itoa(b.rnd.IntN(10))
}

// sameScores reports whether the command being built adds to a sorted set whose
// members must not differ in score.
func (b *builder) sameScores() bool {
	return b.cmd.Name == "zadd" && len(b.words) > 1 && strings.HasPrefix(b.words[1], lexLetter)
}

func (b *builder) integer(a *spec.Arg) string {
	switch a.Name {
	case "seconds":
		return b.span(1000, 0)
	case "milliseconds":
		return b.span(1, 0)
	case "destination-db", "db", "index1", "index2":
		return b.database()
	case "weight":
		return b.double(a)
	case "offset":
		if strings.HasPrefix(b.cmd.Name, "bitfield") {
			return pick(b.generator, bitOffsets)
		}
		if b.cmd.Group == spec.Bitmap || b.cmd.Group == spec.String {
			return pick(b.generator, []string{"0", "1", "7", "8", "20", "100", "1000", "-1", "abc", "5"})
		}
	case "value", "bit":
		if name := b.cmd.Name; (name == "setbit" || name == "bitpos") && !b.one(10) {
			return strconv.Itoa(b.rnd.IntN(2))
		}
	case "index":
		if b.cmd.Name == "select" {
			return b.database()
		}
	}
	return b.int()
}

func (b *builder) database() string {
	if b.one(10) {
		return pick(b.generator, []string{"-1", "16", "abc", ""})
	}
	return strconv.Itoa(b.rnd.IntN(2) * b.rnd.IntN(3))
}

func (b *builder) text(a *spec.Arg) string {
	switch a.Name {
	case "min", "max", "start", "stop":
		return b.bound()
	case "type":
		return pick(b.generator, []string{"string", "list", "set", "zset", "hash", "nope", "STRING"})
	case "pattern":
		return pick(b.generator, patterns)
	case "encoding":
		return pick(b.generator, fieldTypes)
	}
	return b.word()
}

// bound is an end of a range, by what the command ranges over.
func (b *builder) bound() string {
	name := b.cmd.Name
	switch {
	case b.byName():
		return pick(b.generator, lexes)
	case name != "zrange" && name != "zrangestore":
		return pick(b.generator, scores)
	case b.one(10):
		return b.int()
	case b.style == 0:
		return strconv.Itoa(b.rnd.IntN(12) - 5)
	}
	return pick(b.generator, scores)
}
