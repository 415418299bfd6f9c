package script

import (
	"math"
	"strconv"
	"strings"
)

// A token is what the lexer finds. Single characters stand for themselves.
type token int

const (
	tEOS token = 256 + iota
	tName
	tString
	tNumber
	tConcat // ..
	tDots   // ...
	tEq
	tGe
	tLe
	tNe
	tAnd
	tBreak
	tDo
	tElse
	tElseif
	tEnd
	tFalse
	tFor
	tFunction
	tIf
	tIn
	tLocal
	tNil
	tNot
	tOr
	tRepeat
	tReturn
	tThen
	tTrue
	tUntil
	tWhile
)

var reserved = map[string]token{
	"and": tAnd, "break": tBreak, "do": tDo, "else": tElse, "elseif": tElseif, "end": tEnd,
	"false": tFalse, "for": tFor, "function": tFunction, "if": tIf, "in": tIn, "local": tLocal,
	"nil": tNil, "not": tNot, "or": tOr, "repeat": tRepeat, "return": tReturn, "then": tThen,
	"true": tTrue, "until": tUntil, "while": tWhile,
}

// tokenText is how error messages name a token of a kind.
func tokenText(t token) string {
	switch t {
	case tEOS:
		return "<eof>"
	case tName:
		return "<name>"
	case tString:
		return "<string>"
	case tNumber:
		return "<number>"
	case tConcat:
		return ".."
	case tDots:
		return "..."
	case tEq:
		return "=="
	case tGe:
		return ">="
	case tLe:
		return "<="
	case tNe:
		return "~="
	}
	if t < 256 {
		if t < ' ' || t == 127 {
			return "char(" + strconv.Itoa(int(t)) + ")"
		}
		return string([]byte{byte(t)})
	}
	for word, k := range reserved {
		if k == t {
			return word
		}
	}
	return "?"
}

// A lexer cuts a source into tokens, by the rules and with the complaints of Lua 5.1.
type lexer struct {
	src  string
	pos  int
	name string // of the chunk, as error messages have it

	line, lastLine int // of the current token, of the one before
	kind           token
	text           string  // of a name or string
	number         float64 // of a number
	raw            string  // a name, string or number as it is written

	ahead     bool // the next token has been looked at
	next      lexed
	aheadLine int
}

type lexed struct {
	kind   token
	text   string
	number float64
	raw    string
}

// A syntaxError is what is wrong with a source; it travels by panic within the parser.
type syntaxError string

// fail ends the parse. near is the token to name, "" for none.
func (lx *lexer) fail(msg, near string) {
	s := lx.name + ":" + strconv.Itoa(lx.line) + ": " + msg
	if near != "" {
		s += " near '" + near + "'"
	}
	panic(syntaxError(s))
}

// failHere is fail at the current token.
func (lx *lexer) failHere(msg string) {
	switch lx.kind {
	case tName, tString, tNumber:
		lx.fail(msg, cString(lx.raw))
	case 0: // which C takes for no token at all
		lx.fail(msg, "")
	default:
		lx.fail(msg, tokenText(lx.kind))
	}
}

// cString is s up to a zero byte, where C takes it to end.
func cString(s string) string {
	before, _, _ := strings.Cut(s, "\x00")
	return before
}

// advance goes to the next token.
func (lx *lexer) advance() {
	lx.lastLine = lx.line
	var t lexed
	if lx.ahead {
		t, lx.ahead, lx.line = lx.next, false, lx.aheadLine
	} else {
		t = lx.scan()
	}
	lx.kind, lx.text, lx.number, lx.raw = t.kind, t.text, t.number, t.raw
}

// peek returns the kind of the token after the current one.
func (lx *lexer) peek() token {
	if !lx.ahead {
		line := lx.line
		lx.next = lx.scan()
		lx.aheadLine, lx.line, lx.ahead = lx.line, line, true
	}
	return lx.next.kind
}

func (lx *lexer) at(i int) byte {
	if i < len(lx.src) {
		return lx.src[i]
	}
	return 0
}

// newline passes a line's end, of one byte or two.
func (lx *lexer) newline() {
	first := lx.src[lx.pos]
	lx.pos++
	if c := lx.at(lx.pos); (c == '\n' || c == '\r') && c != first {
		lx.pos++
	}
	lx.line++
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (lx *lexer) scan() lexed {
	for lx.pos < len(lx.src) {
		c := lx.src[lx.pos]
		switch c {
		case '\n', '\r':
			lx.newline()
			continue
		case ' ', '\t', '\v', '\f':
			lx.pos++
			continue
		case '-':
			if lx.at(lx.pos+1) != '-' {
				lx.pos++
				return lexed{kind: '-'}
			}
			lx.comment()
			continue
		case '[':
			switch level := lx.bracket(); {
			case level >= 0:
				start := lx.pos
				s := lx.longString(level, "unfinished long string")
				return lexed{kind: tString, text: s, raw: lx.src[start:lx.pos]}
			case level == -1:
				lx.pos++
				return lexed{kind: '['}
			default:
				lx.fail("invalid long string delimiter", lx.src[lx.pos:lx.pos+1-level-2])
			}
		case '=', '<', '>', '~':
			lx.pos++
			if lx.at(lx.pos) != '=' {
				return lexed{kind: token(c)}
			}
			lx.pos++
			return lexed{kind: map[byte]token{'=': tEq, '<': tLe, '>': tGe, '~': tNe}[c]}
		case '"', '\'':
			return lx.quoted(c)
		case '.':
			switch {
			case strings.HasPrefix(lx.src[lx.pos:], "..."):
				lx.pos += 3
				return lexed{kind: tDots}
			case lx.at(lx.pos+1) == '.':
				lx.pos += 2
				return lexed{kind: tConcat}
			case isDigit(lx.at(lx.pos + 1)):
				return lx.numeral()
			}
			lx.pos++
			return lexed{kind: '.'}
		}
		switch {
		case isDigit(c):
			return lx.numeral()
		case isLetter(c):
			start := lx.pos
			for lx.pos < len(lx.src) && (isLetter(lx.src[lx.pos]) || isDigit(lx.src[lx.pos])) {
				lx.pos++
			}
			word := lx.src[start:lx.pos]
			if k, ok := reserved[word]; ok {
				return lexed{kind: k}
			}
			return lexed{kind: tName, text: word, raw: word}
		}
		lx.pos++
		return lexed{kind: token(c)}
	}
	return lexed{kind: tEOS}
}

// comment passes a comment.
func (lx *lexer) comment() {
	lx.pos += 2
	if lx.at(lx.pos) == '[' {
		if level := lx.bracket(); level >= 0 {
			lx.longString(level, "unfinished long comment")
			return
		}
	}
	for lx.pos < len(lx.src) && lx.src[lx.pos] != '\n' && lx.src[lx.pos] != '\r' {
		lx.pos++
	}
}

// bracket counts the '=' of a long bracket that opens here: -1 says that there are
// none and no bracket follows, less that n '=' lead nowhere (-1-n).
func (lx *lexer) bracket() int {
	n := 0
	for lx.at(lx.pos+1+n) == '=' {
		n++
	}
	if lx.at(lx.pos+1+n) == '[' {
		return n
	}
	return -1 - n
}

// longString reads from an opening long bracket to its partner.
func (lx *lexer) longString(level int, unfinished string) string {
	lx.pos += level + 2
	if c := lx.at(lx.pos); lx.pos < len(lx.src) && (c == '\n' || c == '\r') {
		lx.newline()
	}
	closing := "]" + strings.Repeat("=", level) + "]"
	var b strings.Builder
	for lx.pos < len(lx.src) {
		switch c := lx.src[lx.pos]; {
		case c == ']' && strings.HasPrefix(lx.src[lx.pos:], closing):
			lx.pos += len(closing)
			return b.String()
		case c == '\n' || c == '\r':
			lx.newline()
			b.WriteByte('\n')
		default:
			b.WriteByte(c)
			lx.pos++
		}
	}
	lx.fail(unfinished, "<eof>")
	return ""
}

// quoted reads a string between quotes.
func (lx *lexer) quoted(quote byte) lexed {
	// What is read so far is what messages show, with escapes resolved.
	b := []byte{quote}
	lx.pos++
	for {
		if lx.pos >= len(lx.src) {
			lx.fail("unfinished string", "<eof>")
		}
		c := lx.src[lx.pos]
		switch {
		case c == quote:
			lx.pos++
			return lexed{kind: tString, text: string(b[1:]), raw: string(append(b, quote))}
		case c == '\n' || c == '\r':
			lx.fail("unfinished string", cString(string(b)))
		case c != '\\':
			b = append(b, c)
			lx.pos++
			continue
		}
		lx.pos++
		if lx.pos >= len(lx.src) {
			continue // will be found unfinished
		}
		c = lx.src[lx.pos]
		switch {
		case c == '\n' || c == '\r':
			lx.newline()
			b = append(b, '\n')
		case isDigit(c):
			n := 0
			for i := 0; i < 3 && isDigit(lx.at(lx.pos)); i++ {
				n = n*10 + int(lx.src[lx.pos]-'0')
				lx.pos++
			}
			if n > 255 {
				lx.fail("escape sequence too large", cString(string(b)))
			}
			b = append(b, byte(n))
		default:
			if i := strings.IndexByte("abfnrtv", c); i >= 0 {
				c = "\a\b\f\n\r\t\v"[i]
			}
			b = append(b, c)
			lx.pos++
		}
	}
}

// numeral reads a number: whatever looks as if it wanted to be one.
func (lx *lexer) numeral() lexed {
	start := lx.pos
	for isDigit(lx.at(lx.pos)) || lx.at(lx.pos) == '.' {
		lx.pos++
	}
	if c := lx.at(lx.pos); c == 'e' || c == 'E' {
		lx.pos++
		if c := lx.at(lx.pos); c == '+' || c == '-' {
			lx.pos++
		}
	}
	for isLetter(lx.at(lx.pos)) || isDigit(lx.at(lx.pos)) {
		lx.pos++
	}
	raw := lx.src[start:lx.pos]
	n, ok := parseNumber(raw)
	if !ok {
		lx.fail("malformed number", raw)
	}
	return lexed{kind: tNumber, number: n, raw: raw}
}

// parseNumber reads what Lua takes for a number: strtod's notation, hexadecimal
// included, between blanks.
func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if n := len(s); n > 0 && n < 16 { // the commonest: few digits
		i, v, digits := 0, int64(0), s
		if s[0] == '-' {
			digits = s[1:]
		}
		for i < len(digits) && isDigit(digits[i]) {
			v = v*10 + int64(digits[i]-'0')
			i++
		}
		if i == len(digits) && i > 0 {
			if len(digits) != n {
				return -float64(v), true
			}
			return float64(v), true
		}
	}
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 || body == "" {
		return 0, false
	}
	if len(body) > 2 && body[0] == '0' && body[1]|0x20 == 'x' {
		if strings.ContainsAny(body, "_") {
			return 0, false
		}
		if !strings.ContainsAny(body, "pP") {
			s += "p0"
		}
	} else if c := body[0]; !isDigit(c) && c != '.' {
		// strtod knows these words; strconv knows more of them.
		word := strings.ToLower(body)
		if word != "inf" && word != "nan" && word != "infinity" {
			return 0, false
		}
		f := math.Inf(1)
		if word == "nan" {
			f = math.NaN()
		}
		if s[0] == '-' {
			f = -f
		}
		return f, true
	} else if strings.ContainsAny(body, "_xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !strings.Contains(err.Error(), "range") {
		return 0, false
	}
	return f, true
}
