package script

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// cjson is JSON as the lua-cjson library of Redis reads and writes it.

// cjsonConfig are its settings, which scripts may change, for all scripts.
type cjsonConfig struct {
	sparseConvert          bool
	sparseRatio, sparseMin int
	encodeDepth            int
	decodeDepth            int
	precision              int
	keepBuffer             bool
	encodeInvalid          int // off, on, null
	decodeInvalid          int
}

func defaultCJSON() *cjsonConfig {
	return &cjsonConfig{
		sparseRatio: 2, sparseMin: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14, keepBuffer: true, decodeInvalid: 1,
	}
}

func (s *State) openCJSON() {
	s.null = &lua.LUserData{Metatable: lua.LNil}
	s.names[s.null] = boundName{"field", "null"}
	fns := s.cjsonFunctions(defaultCJSON())
	fns["new"] = s.cjsonNew
	s.cjsonMore(s.setLib("cjson", fns))
}

func (s *State) cjsonMore(t *lua.LTable) {
	t.RawSetString("null", s.null)
	t.RawSetString("_NAME", lua.LString("cjson"))
	t.RawSetString("_VERSION", lua.LString("2.1.0"))
}

// cjsonNew makes an instance with settings of its own.
func (s *State) cjsonNew(L *lua.LState) int {
	t := L.CreateTable(0, 16)
	for name, f := range s.cjsonFunctions(defaultCJSON()) {
		t.RawSetString(name, L.NewFunction(f))
	}
	t.RawSetString("new", L.NewFunction(s.cjsonNew))
	s.cjsonMore(t)
	L.Push(t)
	return 1
}

func (s *State) cjsonFunctions(c *cjsonConfig) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"encode": func(L *lua.LState) int { return s.jsonEncode(L, c) },
		"decode": func(L *lua.LState) int { return s.jsonDecode(L, c) },
		"encode_sparse_array": func(L *lua.LState) int {
			s.optionArgs(L, 3)
			s.boolOption(L, 1, &c.sparseConvert)
			s.intOption(L, 2, &c.sparseRatio, 0, math.MaxInt32)
			s.intOption(L, 3, &c.sparseMin, 0, math.MaxInt32)
			return 3
		},
		"encode_max_depth":        func(L *lua.LState) int { return s.depthOption(L, &c.encodeDepth, 1, math.MaxInt32) },
		"decode_max_depth":        func(L *lua.LState) int { return s.depthOption(L, &c.decodeDepth, 1, math.MaxInt32) },
		"encode_number_precision": func(L *lua.LState) int { return s.depthOption(L, &c.precision, 1, 14) },
		"encode_keep_buffer": func(L *lua.LState) int {
			s.optionArgs(L, 1)
			s.boolOption(L, 1, &c.keepBuffer)
			return 1
		},
		"encode_invalid_numbers": func(L *lua.LState) int { return s.enumOption(L, &c.encodeInvalid, 3) },
		"decode_invalid_numbers": func(L *lua.LState) int { return s.enumOption(L, &c.decodeInvalid, 2) },
	}
}

func (s *State) optionArgs(L *lua.LState, n int) {
	if L.GetTop() > n {
		s.badArg(L, n+1, "found too many arguments")
	}
	for L.GetTop() < n {
		L.Push(lua.LNil)
	}
}

func (s *State) boolOption(L *lua.LState, n int, v *bool) {
	if L.Get(n) != lua.LNil {
		on := 0
		s.enum(L, n, &on, 2)
		*v = on == 1
	}
	L.Replace(n, lua.LBool(*v))
}

func (s *State) intOption(L *lua.LState, n int, v *int, lo, hi int) {
	if L.Get(n) != lua.LNil {
		i := s.int(L, n)
		if i < lo || i > hi {
			s.badArg(L, n, "expected integer between "+strconv.Itoa(lo)+" and "+strconv.Itoa(hi))
		}
		*v = i
	}
	L.Replace(n, number(int64(*v)))
}

func (s *State) depthOption(L *lua.LState, v *int, lo, hi int) int {
	s.optionArgs(L, 1)
	s.intOption(L, 1, v, lo, hi)
	return 1
}

var enumNames = []string{"off", "on", "null"}

func (s *State) enum(L *lua.LState, n int, v *int, names int) {
	if b, ok := L.Get(n).(lua.LBool); ok {
		*v = 0
		if b {
			*v = 1
		}
		return
	}
	word := s.str(L, n)
	for i, name := range enumNames[:names] {
		if word == name {
			*v = i
			return
		}
	}
	s.badArg(L, n, "invalid option '"+cString(word)+"'")
}

func (s *State) enumOption(L *lua.LState, v *int, names int) int {
	s.optionArgs(L, 1)
	if L.Get(1) != lua.LNil {
		s.enum(L, 1, v, names)
	}
	if *v < 2 {
		L.Replace(1, lua.LBool(*v == 1))
	} else {
		L.Replace(1, lua.LString(enumNames[*v]))
	}
	return 1
}

func (s *State) jsonEncode(L *lua.LState, c *cjsonConfig) int {
	if L.GetTop() != 1 {
		s.badArg(L, 1, "expected 1 argument")
	}
	e := jsonEncoder{s: s, L: L, c: c}
	s.push(L, e.value(s.text[:0], L.Get(1), 0))
	return 1
}

type jsonEncoder struct {
	s *State
	L *lua.LState
	c *cjsonConfig
}

func (e *jsonEncoder) fail(v lua.LValue, why string) {
	e.s.fail(e.L, "Cannot serialise "+typeName(v)+": "+why)
}

func (e *jsonEncoder) value(b []byte, v lua.LValue, depth int) []byte {
	e.s.spend(e.L, 1)
	switch v := v.(type) {
	case lua.LString:
		return e.str(b, string(v))
	case lua.LNumber:
		return e.number(b, v)
	case lua.LBool:
		return strconv.AppendBool(b, bool(v))
	case *lua.LNilType:
		return append(b, "null"...)
	case *lua.LUserData:
		if v == e.s.null {
			return append(b, "null"...)
		}
	case *lua.LTable:
		depth++
		if depth > e.c.encodeDepth {
			e.s.fail(e.L, "Cannot serialise, excessive nesting ("+strconv.Itoa(depth)+")")
		}
		t := e.s.real(v)
		if n := e.arrayLen(t); n > 0 {
			return e.array(b, t, n, depth)
		}
		return e.object(b, t, depth)
	}
	e.fail(v, "type not supported")
	return b
}

func (e *jsonEncoder) number(b []byte, v lua.LNumber) []byte {
	f := float64(v)
	if math.IsInf(f, 0) || f != f {
		switch e.c.encodeInvalid {
		case 0:
			e.fail(v, "must not be NaN or Inf")
		case 2:
			return append(b, "null"...)
		}
		if f != f { // one notation for all of them
			return append(b, "nan"...)
		}
	}
	return appendG(b, f, e.c.precision)
}

// arrayLen returns the highest index of an array, -1 for another table, or one too
// sparse that is to become an object.
func (e *jsonEncoder) arrayLen(t *lua.LTable) int {
	most, items := 0.0, 0
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		f, ok := k.(lua.LNumber)
		if v == lua.LNil || !ok || f < 1 || math.Floor(float64(f)) != float64(f) {
			return -1
		}
		most = max(most, float64(f))
		items++
	}
	if e.c.sparseRatio > 0 && most > float64(items)*float64(e.c.sparseRatio) && most > float64(e.c.sparseMin) {
		if !e.c.sparseConvert {
			e.s.fail(e.L, "Cannot serialise table: excessively sparse array")
		}
		return -1
	}
	return toInt(most)
}

func (e *jsonEncoder) array(b []byte, t *lua.LTable, n, depth int) []byte {
	b = append(b, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			b = append(b, ',')
		}
		b = e.value(b, rawIndex(t, i), depth)
		b = e.watch(b)
	}
	return append(b, ']')
}

// watch accounts for the memory of a text that grows.
func (e *jsonEncoder) watch(b []byte) []byte {
	if len(b) > 1<<16 && len(b) > cap(b)/2 {
		e.s.take(e.L, 2*cap(b))
		b = append(make([]byte, 0, 4*cap(b)), b...)
	}
	return b
}

func (e *jsonEncoder) object(b []byte, t *lua.LTable, depth int) []byte {
	b = append(b, '{')
	first := true
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if !first {
			b = append(b, ',')
		}
		first = false
		switch k := k.(type) {
		case lua.LNumber:
			b = append(b, '"')
			b = e.number(b, k)
			b = append(b, '"')
		case lua.LString:
			b = e.str(b, string(k))
		default:
			e.fail(k, "table key must be a number or string")
		}
		b = append(b, ':')
		b = e.value(b, v, depth)
		b = e.watch(b)
	}
	return append(b, '}')
}

// jsonEscape holds what stands for a byte in a string, "" for itself.
var jsonEscape = func() (t [256]string) {
	for c := range 32 {
		t[c] = `\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15])
	}
	t['\b'], t['\t'], t['\n'], t['\f'], t['\r'] = `\b`, `\t`, `\n`, `\f`, `\r`
	t['"'], t['\\'], t['/'], t[127] = `\"`, `\\`, `\/`, `\u007f`
	return t
}()

func (e *jsonEncoder) str(b []byte, v string) []byte {
	if len(v) > 1<<16 {
		e.s.take(e.L, 6*len(v))
	}
	b = append(b, '"')
	start := 0
	for i := range len(v) {
		if esc := jsonEscape[v[i]]; esc != "" {
			b = append(b, v[start:i]...)
			b = append(b, esc...)
			start = i + 1
		}
	}
	return append(append(b, v[start:]...), '"')
}

// # Reading

func (s *State) jsonDecode(L *lua.LState, c *cjsonConfig) int {
	if L.GetTop() != 1 {
		s.badArg(L, 1, "expected 1 argument")
	}
	d := jsonDecoder{s: s, L: L, c: c, in: s.str(L, 1)}
	if len(d.in) >= 2 && (d.in[0] == 0 || d.in[1] == 0) {
		s.fail(L, "JSON parser does not support UTF-16 or UTF-32")
	}
	d.next()
	v := d.value(0)
	d.next()
	if d.kind != jEnd {
		d.unexpected("the end")
	}
	L.Push(v)
	return 1
}

// A jsonKind is a kind of token; error messages know it by its name in lua-cjson.
type jsonKind string

const (
	jObjBegin jsonKind = "T_OBJ_BEGIN"
	jObjEnd   jsonKind = "T_OBJ_END"
	jArrBegin jsonKind = "T_ARR_BEGIN"
	jArrEnd   jsonKind = "T_ARR_END"
	jString   jsonKind = "T_STRING"
	jNumber   jsonKind = "T_NUMBER"
	jBoolean  jsonKind = "T_BOOLEAN"
	jNull     jsonKind = "T_NULL"
	jColon    jsonKind = "T_COLON"
	jComma    jsonKind = "T_COMMA"
	jEnd      jsonKind = "T_END"

	// Of what is no token, the kind says why not.
	jBadToken   jsonKind = "invalid token"
	jBadNumber  jsonKind = "invalid number"
	jOpenString jsonKind = "unexpected end of string"
	jBadEscape  jsonKind = "invalid escape code"
	jBadUnicode jsonKind = "invalid unicode escape code"
)

type jsonDecoder struct {
	s  *State
	L  *lua.LState
	c  *cjsonConfig
	in string

	pos, start int
	kind       jsonKind
	text       string
	number     float64
	truth      bool
}

func (d *jsonDecoder) unexpected(want string) {
	d.s.fail(d.L, "Expected "+want+" but found "+string(d.kind)+" at character "+strconv.Itoa(d.start+1))
}

func (d *jsonDecoder) byte(i int) byte {
	if i < len(d.in) {
		return d.in[i]
	}
	return 0
}

// next reads a token.
func (d *jsonDecoder) next() {
	d.s.spend(d.L, 2)
	for d.pos < len(d.in) && (d.in[d.pos] == ' ' || d.in[d.pos] == '\t' || d.in[d.pos] == '\n' || d.in[d.pos] == '\r') {
		d.pos++
	}
	d.start = d.pos
	if d.pos == len(d.in) {
		d.kind = jEnd
		return
	}
	rest := d.in[d.pos:]
	switch c := rest[0]; {
	case c == '{':
		d.single(jObjBegin)
	case c == '}':
		d.single(jObjEnd)
	case c == '[':
		d.single(jArrBegin)
	case c == ']':
		d.single(jArrEnd)
	case c == ':':
		d.single(jColon)
	case c == ',':
		d.single(jComma)
	case c == 0:
		d.kind = jEnd
		if d.pos < len(d.in) {
			d.kind = jBadToken
		}
	case c == '"':
		d.str()
	case c == '-' || isDigit(c):
		if d.c.decodeInvalid == 0 && invalidNumber(rest) {
			d.kind = jBadNumber
			return
		}
		d.num()
	case strings.HasPrefix(rest, "true"):
		d.kind, d.truth = jBoolean, true
		d.pos += 4
	case strings.HasPrefix(rest, "false"):
		d.kind, d.truth = jBoolean, false
		d.pos += 5
	case strings.HasPrefix(rest, "null"):
		d.kind = jNull
		d.pos += 4
	case d.c.decodeInvalid != 0 && invalidNumber(rest):
		d.num()
	default:
		d.kind = jBadToken
	}
}

func (d *jsonDecoder) single(k jsonKind) {
	d.kind = k
	d.pos++
}

// invalidNumber reports whether a number begins here that JSON does not have.
func invalidNumber(s string) bool {
	if s[0] == '+' {
		return true
	}
	if s[0] == '-' {
		s = s[1:]
	}
	if s == "" {
		return false
	}
	if s[0] == '0' {
		return len(s) > 1 && (s[1]|0x20 == 'x' || isDigit(s[1]))
	}
	if s[0] <= '9' {
		return false
	}
	low := strings.ToLower(s[:min(len(s), 3)])
	return low == "inf" || low == "nan"
}

// num reads a number as C's strtod does: as much as makes sense.
func (d *jsonDecoder) num() {
	n, f := strtod(d.in[d.pos:])
	if n == 0 {
		d.kind = jBadNumber
		return
	}
	d.kind, d.number = jNumber, f
	d.pos += n
}

// strtod reads the longest number that s begins with.
func strtod(s string) (n int, f float64) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	low := strings.ToLower(s[i:min(len(s), i+8)])
	for _, word := range []string{"infinity", "inf", "nan"} {
		if strings.HasPrefix(low, word) {
			f, _ := parseNumber(s[:i+len(word)])
			return i + len(word), f
		}
	}
	digits := func(is func(byte) bool) (n int) {
		for i < len(s) && is(s[i]) {
			i++
			n++
		}
		return n
	}
	is, exp := isDigit, byte('e')
	if strings.HasPrefix(low, "0x") && len(low) > 2 && (isXDigit(low[2]) || low[2] == '.' && len(low) > 3 && isXDigit(low[3])) {
		i += 2
		is, exp = isXDigit, 'p'
	}
	got := digits(is)
	if i < len(s) && s[i] == '.' {
		i++
		got += digits(is)
		if got == 0 {
			return 0, 0
		}
	}
	if got == 0 {
		return 0, 0
	}
	if end := i; i < len(s) && s[i]|0x20 == exp {
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		if digits(isDigit) == 0 {
			i = end
		}
	}
	f, _ = parseNumber(s[:i])
	return i, f
}

func (d *jsonDecoder) str() {
	i := d.pos + 1
	if n := strings.IndexAny(d.in[i:], "\"\\"); n >= 0 && d.in[i+n] == '"' {
		d.kind, d.text = jString, d.in[i:i+n]
		d.pos = i + n + 1
		return
	}
	var b []byte
	for {
		if i >= len(d.in) {
			d.kind, d.start = jOpenString, i
			return
		}
		c := d.in[i]
		switch c {
		case '"':
			d.kind, d.text = jString, string(b)
			d.pos = i + 1
			return
		case '\\':
			esc := d.byte(i + 1)
			if k := strings.IndexByte(`"\/bfnrt`, esc); k >= 0 && i+1 < len(d.in) {
				b = append(b, "\"\\/\b\f\n\r\t"[k])
				i += 2
				continue
			}
			if esc != 'u' {
				d.kind, d.start = jBadEscape, i
				return
			}
			r, n := d.unicode(i)
			if n == 0 {
				d.kind, d.start = jBadUnicode, i
				return
			}
			b = appendUTF8(b, r)
			i += n
		default:
			b = append(b, c)
			i++
		}
	}
}

// unicode reads \uXXXX at i, or two of them that make one character.
func (d *jsonDecoder) unicode(i int) (r rune, n int) {
	r, ok := d.hex4(i + 2)
	if !ok {
		return 0, 0
	}
	if r&0xF800 != 0xD800 {
		return r, 6
	}
	if r&0x400 != 0 || d.byte(i+6) != '\\' || d.byte(i+7) != 'u' {
		return 0, 0
	}
	low, ok := d.hex4(i + 8)
	if !ok || low&0xFC00 != 0xDC00 {
		return 0, 0
	}
	return (r&0x3FF<<10 | low&0x3FF) + 0x10000, 12
}

func (d *jsonDecoder) hex4(i int) (r rune, ok bool) {
	for k := range 4 {
		v := digitOf(d.byte(i + k))
		if v > 15 {
			return 0, false
		}
		r = r<<4 | rune(v)
	}
	return r, true
}

// appendUTF8 is for any number, as lua-cjson does not ask whether it is a character.
func appendUTF8(b []byte, r rune) []byte {
	switch {
	case r < 0x80:
		return append(b, byte(r))
	case r < 0x800:
		return append(b, 0xC0|byte(r>>6), 0x80|byte(r&0x3F))
	case r < 0x10000:
		return append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6&0x3F), 0x80|byte(r&0x3F))
	}
	return append(b, 0xF0|byte(r>>18), 0x80|byte(r>>12&0x3F), 0x80|byte(r>>6&0x3F), 0x80|byte(r&0x3F))
}

// value turns the current token, and what follows from it, into a value.
func (d *jsonDecoder) value(depth int) lua.LValue {
	switch d.kind {
	case jString:
		return lua.LString(d.text)
	case jNumber:
		return float(d.number)
	case jBoolean:
		return lua.LBool(d.truth)
	case jNull:
		return d.s.null
	case jObjBegin:
		return d.object(d.descend(depth))
	case jArrBegin:
		return d.array(d.descend(depth))
	}
	d.unexpected("value")
	return nil
}

func (d *jsonDecoder) descend(depth int) int {
	depth++
	if depth > d.c.decodeDepth {
		d.s.fail(d.L, "Found too many nested data structures ("+strconv.Itoa(depth)+") at character "+strconv.Itoa(d.pos))
	}
	d.s.take(d.L, 1<<10)
	return depth
}

func (d *jsonDecoder) object(depth int) lua.LValue {
	t := d.L.CreateTable(0, 1)
	d.next()
	if d.kind == jObjEnd {
		return t
	}
	for {
		if d.kind != jString {
			d.unexpected("object key string")
		}
		key := d.text
		d.next()
		if d.kind != jColon {
			d.unexpected("colon")
		}
		d.next()
		t.RawSetString(key, d.value(depth))
		d.s.take(d.L, 64)
		d.next()
		if d.kind == jObjEnd {
			return t
		}
		if d.kind != jComma {
			d.unexpected("comma or object end")
		}
		d.next()
	}
}

func (d *jsonDecoder) array(depth int) lua.LValue {
	t := d.L.CreateTable(4, 0)
	d.next()
	if d.kind == jArrEnd {
		return t
	}
	for i := 1; ; i++ {
		t.RawSetInt(i, d.value(depth))
		d.s.take(d.L, 32)
		d.next()
		if d.kind == jArrEnd {
			return t
		}
		if d.kind != jComma {
			d.unexpected("comma or array end")
		}
		d.next()
	}
}
