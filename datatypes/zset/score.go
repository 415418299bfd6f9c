package zset

import (
	"bytes"
	"strconv"

	"github.com/redweave/redweave/resp"
)

// AppendScore appends a score as replies show it, in both protocols, and as a
// listpack keeps it: "3", "2.5", "1e+20", "inf"; see [resp.AppendDouble].
func AppendScore(dst []byte, score float64) []byte { return resp.AppendDouble(dst, score) }

// ParseScore reads a score from a command's argument: what C's strtod takes for
// a number, from the first byte to the last.
//
//	3  -1.5e3  .5  5.  0x1F  0x1.8p3  inf  -Infinity          yes
//	nan  1_000  1e  0x  " 1"  "1 "  ""  1e400  1e-400         no
//
// The last two are out of range: neither infinity nor 0 is what was meant.
func ParseScore(b []byte) (score float64, ok bool) {
	if v, ok := smallInt(b); ok {
		return float64(v), true
	}
	f, inRange, ok := strtod(b)
	return f, ok && inRange
}

// smallInt reads the commonest scores, up to fifteen digits.
func smallInt(b []byte) (v int64, ok bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int64(c-'0')
	}
	return v, true
}

// strtod reads all of b as C's strtod does in the C locale, less NaN. Go reads
// the same numbers, but for three things: it allows underscores, wants an
// exponent in hexadecimal, and does not tell when a number is too small to be
// more than 0.
func strtod(b []byte) (f float64, inRange, ok bool) {
	if bytes.IndexByte(b, '_') >= 0 {
		return 0, false, false
	}
	digits, isHex := mantissa(b)
	var buf [32]byte
	text := append(buf[:0], b...)
	if isHex && !bytes.ContainsAny(b, "pP") {
		text = append(text, "p0"...)
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if f != f {
		return 0, false, false
	}
	if err != nil {
		return f, false, err.(*strconv.NumError).Err == strconv.ErrRange
	}
	return f, f != 0 || !bytes.ContainsAny(digits, "123456789abcdefABCDEF"), true
}

// mantissa returns what stands between a number's sign or 0x and its exponent.
func mantissa(b []byte) (digits []byte, isHex bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	exp := "eE"
	if isHex = len(b) > 1 && b[0] == '0' && b[1]|0x20 == 'x'; isHex {
		b, exp = b[2:], "pP"
	}
	if i := bytes.IndexAny(b, exp); i >= 0 {
		b = b[:i]
	}
	return b, isHex
}

// ParseScoreRange reads the ends of a range of scores. "(" before a number
// leaves that score itself out. Unlike ParseScore, and as Redis does, it takes
// blanks before a number, an empty one as 0, one out of range as the infinity
// or 0 it comes closest to, and ignores what follows a zero byte.
func ParseScoreRange(min, max []byte) (r ScoreRange, ok bool) {
	if r.Min, r.MinEx, ok = parseBound(min); ok {
		r.Max, r.MaxEx, ok = parseBound(max)
	}
	return r, ok
}

func parseBound(b []byte) (f float64, ex, ok bool) {
	if len(b) > 0 && b[0] == '(' {
		b, ex = b[1:], true
	}
	if v, ok := smallInt(b); ok {
		return float64(v), ex, true
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if len(b) == 0 {
		return 0, ex, true
	}
	f, _, ok = strtod(bytes.TrimLeft(b, " \t\n\v\f\r"))
	return f, ex, ok
}

// ParseLexRange reads the ends of a range of members: "[m" with m, "(m" without
// it, "-" before all members, "+" behind them.
func ParseLexRange(min, max []byte) (r LexRange, ok bool) {
	if r.Min, ok = parseLexBound(min); ok {
		r.Max, ok = parseLexBound(max)
	}
	return r, ok
}

func parseLexBound(b []byte) (LexBound, bool) {
	if len(b) == 0 {
		return LexBound{}, false
	}
	switch b[0] {
	case '[':
		return LexBound{Member: b[1:]}, true
	case '(':
		return LexBound{Member: b[1:], Ex: true}, true
	case '-':
		return LexBound{Inf: -1}, len(b) == 1
	case '+':
		return LexBound{Inf: +1}, len(b) == 1
	}
	return LexBound{}, false
}
