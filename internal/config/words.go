package config

import (
	"strconv"
	"strings"
)

// splitWords splits a line the way redis.conf and redis-cli quote:
//
//	save 900 1 → save|900|1      requirepass "a \"b\x21" → requirepass|a "b!      'it\'s' → it's
//
// A closing quote ends its word. ok is false when a quote is not closed, or
// something follows it directly.
func splitWords(line string) (words []string, ok bool) {
	for {
		line = strings.TrimLeft(line, spaces)
		if line == "" {
			return words, true
		}
		var word []byte
		word, line, ok = cutWord(line)
		if !ok {
			return nil, false
		}
		words = append(words, string(word))
	}
}

const spaces = " \t\n\v\f\r"

// cutWord is a state machine over the bytes of one word: outside quotes, or inside
// one of the two kinds.
func cutWord(line string) (word []byte, rest string, ok bool) {
	var quote byte // 0: outside
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && strings.IndexByte(spaces, c) >= 0:
			return word, line[i:], true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0:
			word = append(word, c)
		case c == quote: // a closing quote
			rest = line[i+1:]
			return word, rest, rest == "" || strings.IndexByte(spaces, rest[0]) >= 0
		case quote == '"' && c == '\\' && i+1 < len(line):
			b, n := unescape(line[i+1:])
			word = append(word, b)
			i += n
		case quote == '\'' && strings.HasPrefix(line[i:], `\'`):
			word = append(word, '\'')
			i++
		default:
			word = append(word, c)
		}
	}
	return word, "", quote == 0
}

// unescape reads what stands behind a backslash, and its length.
func unescape(s string) (b byte, n int) {
	if s[0] == 'x' && len(s) >= 3 {
		if v, err := strconv.ParseUint(s[1:3], 16, 8); err == nil {
			return byte(v), 3
		}
	}
	if i := strings.IndexByte("nrtba", s[0]); i >= 0 {
		return "\n\r\t\b\a"[i], 1
	}
	return s[0], 1
}

// quote writes a word so that splitWords reads it back.
func quote(s string) string {
	const hex = "0123456789abcdef"
	b := []byte{'"'}
	for i := range len(s) {
		c := s[i]
		switch j := strings.IndexByte("\n\r\t\a\b\\\"", c); {
		case j >= 0:
			b = append(b, '\\', `nrtab\"`[j])
		case c < ' ' || c > '~':
			b = append(b, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
