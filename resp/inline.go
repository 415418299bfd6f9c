package resp

import "bytes"

// An inline command is a line for humans with telnet: words between blanks. A word may hold
// quoted parts.
//
//	SET "my key" 'it''s'     "…": \n \r \t \a \b \xHH, and \ before anything else stands for that
//	                         '…': \' alone
//
// A closing quote ends its word, and must have a blank or the line's end behind it. An opening
// one may stand inside a word.

// splitWords appends the words of line to dst. Words without quotes are parts of line, others
// are copies. ok is false when a quote does not close, or closes in the middle of a word.
func splitWords(dst [][]byte, line []byte) (words [][]byte, ok bool) {
	words = dst
	for i := 0; ; {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i == len(line) {
			return words, true
		}
		start := i
		for i < len(line) && !endsWord(line[i]) && line[i] != '"' && line[i] != '\'' {
			i++
		}
		if i == len(line) || endsWord(line[i]) {
			words = append(words, line[start:i:i])
			continue
		}
		word, n, ok := quotedWord(line[start:i:i], line[i:])
		if !ok {
			return dst, false
		}
		words = append(words, word)
		i += n
	}
}

// isBlank is C's isspace: what may stand between words.
func isBlank(c byte) bool { return c == ' ' || c-'\t' < 5 }

// endsWord is narrower: vertical tabs and form feeds are blanks only where no word has begun.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// quotedWord decodes the rest of a word from its first quote on: head is what stood before it,
// s begins with it. It returns the word and the bytes of s it took. A word ends with its first
// closing quote.
func quotedWord(head, s []byte) (word []byte, n int, ok bool) {
	n = quotedSize(s)
	if n == 0 || n < len(s) && !isBlank(s[n]) {
		return nil, 0, false
	}
	// Decoding only shortens, so one allocation is enough, and no longer than the word.
	word = append(make([]byte, 0, len(head)+n), head...)
	word, _ = unquote(word, s[:n])
	return word, n, true
}

// quotedSize returns how far it is from the quote at s[0] to behind its partner, 0 when it has none.
func quotedSize(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1
		case s[i] == '\\' && i+1 < len(s) && (s[0] == '"' || s[i+1] == '\''):
			i++
		}
	}
	return 0
}

// unquote appends what stands between the quote at s[0] and its partner to dst. size counts
// both quotes; 0 says there is no partner.
func unquote(dst, s []byte) (word []byte, size int) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote:
			return dst, i + 1
		case c != '\\' || i+1 == len(s):
			dst = append(dst, c)
		case quote == '\'':
			if s[i+1] == '\'' {
				i++
				c = '\''
			}
			dst = append(dst, c)
		case s[i+1] == 'x' && i+3 < len(s) && hexDigit(s[i+2]) >= 0 && hexDigit(s[i+3]) >= 0:
			dst = append(dst, byte(hexDigit(s[i+2])<<4|hexDigit(s[i+3])))
			i += 3
		default:
			i++
			c = s[i]
			if k := bytes.IndexByte([]byte("nrtab"), c); k >= 0 {
				c = "\n\r\t\a\b"[k]
			}
			dst = append(dst, c)
		}
	}
	return dst, 0
}

// hexDigit returns the value of a hexadecimal digit, -1 for anything else.
func hexDigit(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
