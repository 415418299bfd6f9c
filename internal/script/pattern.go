package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// A matcher matches Lua's patterns by backtracking, as lstrlib.c does. Its recursion
// is bounded, and each step is accounted for as work of the script, so that a pattern
// that goes back and forth for ever is stopped like a loop that does.
type matcher struct {
	s    *State
	L    *lua.LState
	src  string
	pat  string
	deep int

	level    int
	captures [maxCaptures]capture
}

type capture struct{ start, len int }

const (
	maxCaptures     = 32
	maxMatchDepth   = 20000
	captureUnclosed = -1
	capturePosition = -2
)

func (m *matcher) fail(msg string) { m.s.fail(m.L, msg) }

func isAlpha(c byte) bool  { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isLower(c byte) bool  { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isSpace(c byte) bool  { return c == ' ' || c-'\t' < 5 }
func isCntrl(c byte) bool  { return c < ' ' || c == 127 }
func isPunct(c byte) bool  { return c > ' ' && c < 127 && !isAlpha(c) && !isDigit(c) }
func isXDigit(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// inClass reports whether c is of the class that a letter after '%' names.
func inClass(c, class byte) bool {
	var is bool
	switch class | 0x20 {
	case 'a':
		is = isAlpha(c)
	case 'c':
		is = isCntrl(c)
	case 'd':
		is = isDigit(c)
	case 'l':
		is = isLower(c)
	case 'p':
		is = isPunct(c)
	case 's':
		is = isSpace(c)
	case 'u':
		is = isUpper(c)
	case 'w':
		is = isAlpha(c) || isDigit(c)
	case 'x':
		is = isXDigit(c)
	case 'z':
		is = c == 0
	default:
		return class == c
	}
	if !isAlpha(class) {
		return class == c
	}
	if isUpper(class) {
		return !is
	}
	return is
}

// classEnd returns where the single-character class at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			m.fail("malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.fail("malformed pattern (missing ']')")
			}
			c := m.pat[p]
			p++
			if c == '%' && p < len(m.pat) {
				p++
			}
		}
		return p + 1
	}
	return p
}

// inSet reports whether c is in the set between pat[p], a '[', and pat[end], its ']'.
func (m *matcher) inSet(c byte, p, end int) bool {
	is := true
	p++
	if m.pat[p] == '^' {
		is = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return is
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return is
			}
			p += 2
		case m.pat[p] == c:
			return is
		}
	}
	return !is
}

func (m *matcher) single(i, p, ep int) bool {
	if i >= len(m.src) {
		return false
	}
	c := m.src[i]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, ep-1)
	}
	return m.pat[p] == c
}

// match returns where a match of pat[p:] at src[i:] ends, -1 for none.
func (m *matcher) match(i, p int) int {
	m.deep++
	if m.deep > maxMatchDepth {
		m.fail("pattern too complex")
	}
	end := m.matchHere(i, p)
	m.deep--
	return end
}

func (m *matcher) matchHere(i, p int) int {
	for p < len(m.pat) {
		m.s.spend(m.L, 1)
		switch m.pat[p] {
		case '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(i, p+2, capturePosition)
			}
			return m.open(i, p+1, captureUnclosed)
		case ')':
			return m.close(i, p+1)
		case '$':
			if p+1 == len(m.pat) {
				if i == len(m.src) {
					return i
				}
				return -1
			}
		case '%':
			if p+1 < len(m.pat) {
				switch c := m.pat[p+1]; {
				case c == 'b':
					if i = m.balance(i, p+2); i < 0 {
						return -1
					}
					p += 4
					continue
				case c == 'f':
					p += 2
					if p >= len(m.pat) || m.pat[p] != '[' {
						m.fail("missing '[' after '%f' in pattern")
					}
					ep := m.classEnd(p)
					var before, at byte
					if i > 0 {
						before = m.src[i-1]
					}
					if i < len(m.src) {
						at = m.src[i]
					}
					if m.inSet(before, p, ep-1) || !m.inSet(at, p, ep-1) {
						return -1
					}
					p = ep
					continue
				case isDigit(c):
					if i = m.back(i, c); i < 0 {
						return -1
					}
					p += 2
					continue
				}
			}
		}
		ep := m.classEnd(p)
		var suffix byte
		if ep < len(m.pat) {
			suffix = m.pat[ep]
		}
		switch suffix {
		case '?':
			if m.single(i, p, ep) {
				if end := m.match(i+1, ep+1); end >= 0 {
					return end
				}
			}
			p = ep + 1
		case '*':
			return m.longest(i, p, ep)
		case '+':
			if !m.single(i, p, ep) {
				return -1
			}
			return m.longest(i+1, p, ep)
		case '-':
			return m.shortest(i, p, ep)
		default:
			if !m.single(i, p, ep) {
				return -1
			}
			i++
			p = ep
		}
	}
	return i
}

func (m *matcher) longest(i, p, ep int) int {
	n := 0
	for m.single(i+n, p, ep) {
		n++
	}
	m.s.spend(m.L, n/16)
	for ; n >= 0; n-- {
		if end := m.match(i+n, ep+1); end >= 0 {
			return end
		}
	}
	return -1
}

func (m *matcher) shortest(i, p, ep int) int {
	for {
		if end := m.match(i, ep+1); end >= 0 {
			return end
		}
		if !m.single(i, p, ep) {
			return -1
		}
		i++
	}
}

func (m *matcher) open(i, p, kind int) int {
	if m.level >= maxCaptures {
		m.fail("too many captures")
	}
	m.captures[m.level] = capture{i, kind}
	m.level++
	end := m.match(i, p)
	if end < 0 {
		m.level--
	}
	return end
}

func (m *matcher) close(i, p int) int {
	l := m.level - 1
	for ; l >= 0 && m.captures[l].len != captureUnclosed; l-- {
	}
	if l < 0 {
		m.fail("invalid pattern capture")
	}
	m.captures[l].len = i - m.captures[l].start
	end := m.match(i, p)
	if end < 0 {
		m.captures[l].len = captureUnclosed
	}
	return end
}

func (m *matcher) balance(i, p int) int {
	if p+1 >= len(m.pat) {
		m.fail("unbalanced pattern")
	}
	if i >= len(m.src) || m.src[i] != m.pat[p] {
		return -1
	}
	open, shut := m.pat[p], m.pat[p+1]
	depth := 1
	for j := i + 1; j < len(m.src); j++ {
		switch m.src[j] {
		case shut:
			depth--
			if depth == 0 {
				return j + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

func (m *matcher) back(i int, digit byte) int {
	l := int(digit) - '1'
	if l < 0 || l >= m.level || m.captures[l].len == captureUnclosed {
		m.fail("invalid capture index")
	}
	c := m.captures[l]
	if n := max(c.len, 0); strings.HasPrefix(m.src[i:], m.src[c.start:c.start+n]) {
		return i + n
	}
	return -1
}

// capture returns capture l, or the whole match from start to end if there are none.
func (m *matcher) capture(l, start, end int) lua.LValue {
	if l >= m.level {
		if l != 0 {
			m.fail("invalid capture index")
		}
		return lua.LString(m.src[start:end])
	}
	c := m.captures[l]
	switch c.len {
	case captureUnclosed:
		m.fail("unfinished capture")
	case capturePosition:
		return number(int64(c.start + 1))
	}
	return lua.LString(m.src[c.start : c.start+c.len])
}

// pushAll pushes all captures; whole says that the match stands for them when there
// are none.
func (m *matcher) pushAll(start, end int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for l := range n {
		m.L.Push(m.capture(l, start, end))
	}
	return n
}

// find is string.find and string.match.
func (s *State) find(L *lua.LState, find bool) int {
	src, pat := s.str(L, 1), s.str(L, 2)
	init := relative(s.optInt(L, 3, 1), len(src)) - 1
	init = min(max(init, 0), len(src))
	if find && (lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(pat, "^$*+?.([%-")) {
		s.spend(L, len(src)/64)
		i := strings.Index(src[init:], pat)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(number(int64(init + i + 1)))
		L.Push(number(int64(init + i + len(pat))))
		return 2
	}
	m := &matcher{s: s, L: L, src: src, pat: pat}
	p := 0
	anchored := len(pat) > 0 && pat[0] == '^'
	if anchored {
		p = 1
	}
	for i := init; i <= len(src); i++ {
		m.level, m.deep = 0, 0
		if end := m.match(i, p); end >= 0 {
			if !find {
				return m.pushAll(i, end, true)
			}
			L.Push(number(int64(i + 1)))
			L.Push(number(int64(end)))
			return m.pushAll(i, end, false) + 2
		}
		if anchored {
			break
		}
	}
	L.Push(lua.LNil)
	return 1
}

func (s *State) gmatch(L *lua.LState) int {
	src, pat := s.str(L, 1), s.str(L, 2)
	at := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		m := &matcher{s: s, L: L, src: src, pat: pat}
		for i := at; i <= len(src); i++ {
			m.level, m.deep = 0, 0
			if end := m.match(i, 0); end >= 0 {
				at = end
				if end == i {
					at++
				}
				return m.pushAll(i, end, true)
			}
		}
		return 0
	}))
	return 1
}

func (s *State) gsub(L *lua.LState) int {
	src, pat := s.str(L, 1), s.str(L, 2)
	repl := L.Get(3)
	switch repl.Type() {
	case lua.LTNumber, lua.LTString, lua.LTFunction, lua.LTTable:
	default:
		s.badArg(L, 3, "string/function/table expected")
	}
	most := s.optInt(L, 4, len(src)+1)
	anchored := len(pat) > 0 && pat[0] == '^'
	p := 0
	if anchored {
		p = 1
	}
	m := &matcher{s: s, L: L, src: src, pat: pat}
	var b []byte
	i, n := 0, 0
	for n < most {
		m.level, m.deep = 0, 0
		end := m.match(i, p)
		if end >= 0 {
			n++
			b = s.replace(m, b, repl, i, end)
		}
		switch {
		case end > i:
			i = end
		case i < len(src):
			b = append(b, src[i])
			i++
		default:
			i++
		}
		if i > len(src) || anchored {
			break
		}
		if len(b) > 1<<20 && len(b) > cap(b)/2 {
			s.take(L, len(b))
		}
	}
	if i < len(src) {
		b = append(b, src[i:]...)
	}
	s.take(L, len(b))
	L.Push(lua.LString(b))
	L.Push(number(int64(n)))
	return 2
}

// replace appends what stands for a match.
func (s *State) replace(m *matcher, b []byte, repl lua.LValue, start, end int) []byte {
	var v lua.LValue
	switch r := repl.(type) {
	case lua.LString, lua.LNumber:
		text := toText(r)
		for i := 0; i < len(text); i++ {
			c := text[i]
			if c != '%' {
				b = append(b, c)
				continue
			}
			i++
			switch {
			case i >= len(text): // C sees the zero byte behind
				b = append(b, 0)
			case !isDigit(text[i]):
				b = append(b, text[i])
			case text[i] == '0':
				b = append(b, m.src[start:end]...)
			default:
				b = append(b, toText(m.capture(int(text[i]-'1'), start, end))...)
			}
		}
		if len(b) > maxString {
			m.s.failRedis(m.L, errMemory.Error())
		}
		return b
	case *lua.LFunction:
		s.nest(m.L)
		m.L.Push(r)
		n := m.pushAll(start, end, true)
		m.L.Call(n, 1)
		s.nested--
		v = m.L.Get(-1)
		m.L.Pop(1)
	case *lua.LTable:
		v = m.L.GetTable(r, m.capture(0, start, end))
	}
	switch {
	case !lua.LVAsBool(v):
		return append(b, m.src[start:end]...)
	case !lua.LVCanConvToString(v):
		m.fail("invalid replacement value (a " + typeName(v) + ")")
	}
	return append(b, toText(v)...)
}
