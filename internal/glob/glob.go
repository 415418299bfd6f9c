// Package glob matches the patterns of KEYS, SCAN MATCH, PSUBSCRIBE and
// CONFIG GET.
//
//	glob.Match([]byte("user:[0-9]*"), []byte("user:42"), false) // true
//
// # The language
//
//   - any run of bytes, also none      [abc]   one byte of these
//     ?        any one byte                     [a-z]   one byte of this range, either way round
//     \x       x itself                         [^abc]  one byte that is none of these
//     x        x itself
//
// It is about bytes, not runes, and it has no errors. What looks broken means
// what it means in Redis: a class that is not closed ends with the pattern, [^]
// is any byte, [] none, ']' cannot be the first member of a class without
// a backslash, the '-' of [a-] makes a range up to ']', and a lone backslash at the
// end is itself. The empty string is matched by the empty pattern alone, not by
// "*" (commands that take * for "all" ask before they match).
//
// # Cost
//
// Match does not allocate or recurse. Every part of a pattern but * takes exactly
// one byte, so when a part after a * fails it is enough to let the last * take one
// byte more: an earlier * could only offer the same places again. That bounds the
// work by len(pattern) × len(s), where trying every * is exponential.
package glob

import "bytes"

// Match reports whether all of s matches pattern. With nocase, ASCII letters match
// either case (but not after a backslash inside a class, as in Redis).
func Match(pattern, s []byte, nocase bool) bool {
	if len(s) == 0 {
		return len(pattern) == 0
	}
	p, i := 0, 0        // next of pattern, next of s
	star, from := -1, 0 // what follows the last *, and how much of s that * ends at
	for i < len(s) {
		if p < len(pattern) {
			c := pattern[p]
			if c == s[i] && !isSpecial(c) { // what most patterns consist of
				p++
				i++
				continue
			}
			if c == '*' {
				p = skipStars(pattern, p)
				if p == len(pattern) {
					return true
				}
				star, from = p, i
			}
			if n, ok := matchByte(pattern[p:], s[i], nocase); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		if c := pattern[star]; !nocase && !isSpecial(c) {
			next := bytes.IndexByte(s[from:], c)
			if next < 0 {
				return false
			}
			from += next
		}
		p, i = star, from
	}
	return skipStars(pattern, p) == len(pattern)
}

func isSpecial(c byte) bool { return c == '*' || c == '?' || c == '[' || c == '\\' }

func skipStars(pattern []byte, p int) int {
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p
}

// matchByte matches c with the first part of pattern, which is not empty and does
// not begin with *, and returns that part's length.
func matchByte(pattern []byte, c byte, nocase bool) (n int, ok bool) {
	switch first := pattern[0]; first {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, c, nocase)
	case '\\':
		if len(pattern) >= 2 {
			return 2, equal(pattern[1], c, nocase)
		}
		fallthrough
	default:
		return 1, equal(first, c, nocase)
	}
}

// matchClass matches c with the class that pattern begins with. It goes on after
// a hit, because it has to find the end.
func matchClass(pattern []byte, c byte, nocase bool) (n int, ok bool) {
	n = 1
	negated := n < len(pattern) && pattern[n] == '^'
	if negated {
		n++
	}
	hit := false
	for n < len(pattern) && pattern[n] != ']' {
		rest := pattern[n:]
		switch {
		case rest[0] == '\\' && len(rest) >= 2:
			hit = hit || rest[1] == c
			n += 2
		case len(rest) >= 3 && rest[1] == '-':
			hit = hit || inRange(rest[0], rest[2], c, nocase)
			n += 3
		default:
			hit = hit || equal(rest[0], c, nocase)
			n++
		}
	}
	return min(n+1, len(pattern)), hit != negated
}

// inRange puts the ends in order before it folds their case, as Redis does: so
// [Z-a] has no letter in it when nocase.
func inRange(lo, hi, c byte, nocase bool) bool {
	if lo > hi {
		lo, hi = hi, lo
	}
	if nocase {
		lo, hi, c = lower(lo), lower(hi), lower(c)
	}
	return lo <= c && c <= hi
}

func equal(a, b byte, nocase bool) bool {
	return a == b || nocase && lower(a) == lower(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
