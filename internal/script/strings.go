package script

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString adds the string library and returns the table behind it.
func (s *State) openString() *lua.LTable {
	return s.setLib("string", map[string]lua.LGFunction{
		"byte": s.strByte, "char": s.char, "dump": s.dump, "find": func(L *lua.LState) int { return s.find(L, true) },
		"format": s.format, "gfind": s.gmatch, "gmatch": s.gmatch, "gsub": s.gsub, "len": s.strLen,
		"lower": s.lower, "match": func(L *lua.LState) int { return s.find(L, false) }, "rep": s.rep,
		"reverse": s.reverse, "sub": s.sub, "upper": s.upper,
	})
}

// relative turns a position that may count from the end into one from the start.
func relative(pos, n int) int {
	if pos < 0 {
		return max(pos+n+1, 0)
	}
	return pos
}

func (s *State) strLen(L *lua.LState) int {
	L.Push(number(int64(len(s.str(L, 1)))))
	return 1
}

func (s *State) sub(L *lua.LState) int {
	str := s.str(L, 1)
	i := max(relative(s.int(L, 2), len(str)), 1)
	j := min(relative(s.optInt(L, 3, -1), len(str)), len(str))
	if i > j {
		L.Push(lua.LString(""))
	} else {
		L.Push(lua.LString(str[i-1 : j]))
	}
	return 1
}

func (s *State) reverse(L *lua.LState) int {
	str := s.str(L, 1)
	s.take(L, len(str))
	b := make([]byte, len(str))
	for i := range len(str) {
		b[len(b)-1-i] = str[i]
	}
	L.Push(lua.LString(b))
	return 1
}

func (s *State) lower(L *lua.LState) int {
	return s.mapBytes(L, func(c byte) byte {
		if isUpper(c) {
			return c + 'a' - 'A'
		}
		return c
	})
}

func (s *State) upper(L *lua.LState) int {
	return s.mapBytes(L, func(c byte) byte {
		if isLower(c) {
			return c - 'a' + 'A'
		}
		return c
	})
}

func (s *State) mapBytes(L *lua.LState, f func(byte) byte) int {
	str := s.str(L, 1)
	s.take(L, len(str))
	b := make([]byte, len(str))
	for i := range b {
		b[i] = f(str[i])
	}
	L.Push(lua.LString(b))
	return 1
}

func (s *State) rep(L *lua.LState) int {
	str := s.str(L, 1)
	n := max(s.int(L, 2), 0)
	if len(str) > 0 && n > maxString/len(str) {
		s.failRedis(L, errMemory.Error())
	}
	s.take(L, len(str)*n)
	L.Push(lua.LString(strings.Repeat(str, n)))
	return 1
}

func (s *State) strByte(L *lua.LState) int {
	str := s.str(L, 1)
	i := relative(s.optInt(L, 2, 1), len(str))
	j := min(relative(s.optInt(L, 3, i), len(str)), len(str))
	i = max(i, 1)
	if i > j {
		return 0
	}
	if j-i+1 >= maxResults {
		s.fail(L, "string slice too long")
	}
	for k := i; k <= j; k++ {
		L.Push(smallInts[str[k-1]])
	}
	return j - i + 1
}

func (s *State) char(L *lua.LState) int {
	n := L.GetTop()
	b := make([]byte, n)
	for i := 1; i <= n; i++ {
		c := s.int(L, i)
		if c < 0 || c > 255 {
			s.badArg(L, i, "invalid value")
		}
		b[i-1] = byte(c)
	}
	L.Push(lua.LString(b))
	return 1
}

// dump would give a function's code; there is none that could be loaded again.
func (s *State) dump(L *lua.LState) int {
	s.function(L, 1)
	s.fail(L, "unable to dump given function")
	return 0
}

// A verb is a conversion of string.format.
type verb struct {
	minus, plus, space, alt, zero bool
	width, prec                   int // prec -1: none given
	kind                          byte
}

// format is C's sprintf as Lua offers it.
func (s *State) format(L *lua.LState) int {
	f := s.str(L, 1)
	b := s.text[:0]
	arg := 1
	top := L.GetTop()
	for i := 0; i < len(f); i++ {
		c := f[i]
		if c != '%' {
			b = append(b, c)
			continue
		}
		i++
		if i < len(f) && f[i] == '%' {
			b = append(b, '%')
			continue
		}
		arg++
		if arg > top {
			s.badArg(L, arg, "no value")
		}
		var v verb
		v, i = s.verb(L, f, i)
		b = s.formatArg(L, b, f, i, v, arg)
		if len(b) > 1<<16 && len(b) > cap(b)/2 {
			s.take(L, len(b))
		}
	}
	s.push(L, b)
	return 1
}

// verb reads flags, width and precision, and stops at the letter.
func (s *State) verb(L *lua.LState, f string, i int) (verb, int) {
	v := verb{prec: -1}
	start := i
flags:
	for ; i < len(f); i++ {
		switch f[i] {
		case '-':
			v.minus = true
		case '+':
			v.plus = true
		case ' ':
			v.space = true
		case '#':
			v.alt = true
		case '0':
			v.zero = true
		default:
			break flags
		}
	}
	if i-start >= 6 {
		s.fail(L, "invalid format (repeated flags)")
	}
	digits := func() int {
		n := 0
		for k := 0; k < 2 && i < len(f) && isDigit(f[i]); k++ {
			n = n*10 + int(f[i]-'0')
			i++
		}
		return n
	}
	v.width = digits()
	if i < len(f) && f[i] == '.' {
		i++
		v.prec = digits()
	}
	if i < len(f) && isDigit(f[i]) {
		s.fail(L, "invalid format (width or precision too long)")
	}
	if i < len(f) {
		v.kind = f[i]
	}
	return v, i
}

func (s *State) formatArg(L *lua.LState, b []byte, f string, i int, v verb, arg int) []byte {
	switch v.kind {
	case 'c':
		return v.pad(b, string([]byte{byte(s.int(L, arg))}))
	case 'd', 'i':
		return v.integer(b, toInt64(s.num(L, arg)))
	case 'o', 'u', 'x', 'X':
		return v.unsigned(b, toUnsigned(s.num(L, arg)))
	case 'e', 'E', 'f', 'g', 'G':
		return v.float(b, s.num(L, arg))
	case 'q':
		return appendQuoted(b, s.str(L, arg))
	case 's':
		str := s.str(L, arg)
		if v.prec < 0 && len(str) >= 100 {
			s.take(L, len(str))
			return append(b, str...)
		}
		if v.prec >= 0 || v.width > 0 {
			str = cString(str)
		}
		if v.prec >= 0 && len(str) > v.prec {
			str = str[:v.prec]
		}
		return v.pad(b, str)
	}
	name := "%"
	if i < len(f) {
		name += string([]byte{f[i]})
	}
	s.fail(L, "invalid option '"+cString(name)+"' to 'format'")
	return b
}

// toUnsigned is C's conversion to an unsigned integer, with what machines do about
// negative numbers.
func toUnsigned(f float64) uint64 {
	if f < 0 || f != f {
		return uint64(toInt64(f))
	}
	if f < 1<<64 {
		return uint64(f)
	}
	return math.MaxInt64 + 1
}

// pad appends text in a field of the verb's width.
func (v *verb) pad(b []byte, text string) []byte {
	n := v.width - len(text)
	if v.minus {
		b = append(b, text...)
	}
	for ; n > 0; n-- {
		b = append(b, ' ')
	}
	if !v.minus {
		b = append(b, text...)
	}
	return b
}

// number appends digits behind a sign or prefix, padded with zeros where asked.
func (v *verb) number(b []byte, prefix, digits string, zero bool) []byte {
	if zero && !v.minus {
		for len(prefix)+len(digits) < v.width {
			digits = "0" + digits
		}
	}
	return v.pad(b, prefix+digits)
}

func (v *verb) sign(neg bool) string {
	switch {
	case neg:
		return "-"
	case v.plus:
		return "+"
	case v.space:
		return " "
	}
	return ""
}

func (v *verb) precise(digits string) string {
	if v.prec == 0 && digits == "0" {
		return ""
	}
	for len(digits) < v.prec {
		digits = "0" + digits
	}
	return digits
}

func (v *verb) integer(b []byte, n int64) []byte {
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	return v.number(b, v.sign(n < 0), v.precise(strconv.FormatUint(u, 10)), v.zero && v.prec < 0)
}

func (v *verb) unsigned(b []byte, u uint64) []byte {
	prefix := ""
	base := map[byte]int{'o': 8, 'u': 10, 'x': 16, 'X': 16}[v.kind]
	digits := v.precise(strconv.FormatUint(u, base))
	switch {
	case !v.alt:
	case v.kind == 'o' && !strings.HasPrefix(digits, "0"):
		digits = "0" + digits
	case base == 16 && u != 0:
		prefix = "0x"
	}
	if v.kind == 'X' {
		prefix, digits = strings.ToUpper(prefix), strings.ToUpper(digits)
	}
	return v.number(b, prefix, digits, v.zero && v.prec < 0)
}

func (v *verb) float(b []byte, f float64) []byte {
	sign := v.sign(math.Signbit(f))
	if special, ok := appendSpecial(nil, math.Abs(f)); ok {
		text := string(special)
		if isUpper(v.kind) {
			text = strings.ToUpper(text)
		}
		return v.number(b, sign, text, false)
	}
	prec := v.prec
	if prec < 0 {
		prec = 6
	}
	if v.kind|0x20 == 'g' {
		prec = max(prec, 1)
	}
	text := strconv.FormatFloat(math.Abs(f), v.kind, prec, 64)
	if v.alt {
		text = v.withPoint(text, prec)
	}
	return v.number(b, sign, text, v.zero)
}

// withPoint gives a number the point, and for %g the zeros, that '#' asks for.
func (v *verb) withPoint(text string, prec int) string {
	mantissa, exp := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exp = text[:i], text[i:]
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += "."
	}
	if v.kind|0x20 == 'g' {
		digits := len(strings.TrimLeft(strings.ReplaceAll(mantissa, ".", ""), "0"))
		if digits == 0 {
			digits = 1
		}
		for ; digits < prec; digits++ {
			mantissa += "0"
		}
	}
	return mantissa + exp
}

// appendQuoted appends a string as Lua reads it back.
func appendQuoted(b []byte, str string) []byte {
	b = append(b, '"')
	for i := range len(str) {
		switch c := str[i]; c {
		case '"', '\\', '\n':
			b = append(b, '\\', c)
		case '\r':
			b = append(b, `\r`...)
		case 0:
			b = append(b, `\000`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
