package config

import (
	"math"
	"strconv"
	"strings"
)

// ParseMemory reads a number of bytes as redis.conf writes it: 100, 100b, 1k (1000),
// 1kb (1024), and so m, mb, g, gb, in either case. As in Redis no digits are 0, and a number
// too large for 64 bits is the largest, times the unit modulo 2⁶⁴.
func ParseMemory(s string) (n uint64, ok bool) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	var unit uint64
	switch strings.ToLower(s[digits:]) {
	case "", "b":
		unit = 1
	case "k":
		unit = 1000
	case "kb":
		unit = 1 << 10
	case "m":
		unit = 1000 * 1000
	case "mb":
		unit = 1 << 20
	case "g":
		unit = 1000 * 1000 * 1000
	case "gb":
		unit = 1 << 30
	default:
		return 0, false
	}
	if digits > 0 {
		var err error
		if n, err = strconv.ParseUint(s[:digits], 10, 64); err != nil {
			n = math.MaxUint64
		}
	}
	return n * unit, true
}

// FormatMemory writes a number of bytes as CONFIG REWRITE does: in gb, mb or kb
// where it is a whole number of them.
func FormatMemory(n uint64) string {
	for _, u := range []struct {
		shift int
		name  string
	}{{30, "gb"}, {20, "mb"}, {10, "kb"}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatUint(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// parseInteger reads an integer in its one canonical form: no plus, no blanks, no
// leading zeros, no -0.
func parseInteger(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return 0, false
	}
	return n, true
}

// strtoll reads an integer the lenient way of C: leading blanks and a plus are fine,
// nothing is 0, and what is too large is the largest (but not in base 8, which
// Redis asks about overflow).
func strtoll(s string, base int) (int64, bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil && (err.(*strconv.NumError).Err != strconv.ErrRange || base == 8) {
		return 0, false
	}
	return n, true
}
