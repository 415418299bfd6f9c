package script

import (
	"bytes"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/redweave/redweave/resp"
)

// A replyReader turns a reply of our own into values, straight from its bytes:
//
//	:5  number            +OK  {ok="OK"}            %…  {map={…}}     #t  true
//	$…  string            -…   {err="…"}            ~…  {set={k=true}}
//	*…  table             $-1, *-1  false           ,…  {double=n}    (…  {big_number="…"}
//	                      _    nil                  =…  {verbatim_string={format=, string=}}
type replyReader struct {
	s   *State
	L   *lua.LState
	in  []byte
	pos int
}

// line takes the rest of a line.
func (r *replyReader) line() []byte {
	n := bytes.IndexByte(r.in[r.pos:], '\r')
	b := r.in[r.pos : r.pos+n]
	r.pos += n + 2
	return b
}

// length takes a number and the end of its line.
func (r *replyReader) length() int64 {
	n, neg := int64(0), false
	i := r.pos
	if r.in[i] == '-' {
		neg = true
		i++
	}
	for ; r.in[i] != '\r'; i++ {
		n = n*10 + int64(r.in[i]-'0')
	}
	r.pos = i + 2
	if neg {
		return -n
	}
	return n
}

func (r *replyReader) value() lua.LValue {
	kind := r.in[r.pos]
	r.pos++
	switch kind {
	case ':':
		return number(r.length())
	case '$':
		n := int(r.length())
		if n < 0 {
			return lua.LFalse
		}
		v := lua.LString(r.in[r.pos : r.pos+n])
		r.pos += n + 2
		return v
	case '+':
		return r.tagged("ok", lua.LString(r.line()))
	case '-':
		return r.tagged("err", lua.LString(r.line()))
	case '*', '>':
		return r.array()
	case '_':
		r.pos += 2
		return lua.LNil
	case '#':
		return lua.LBool(r.line()[0] == 't')
	case ',':
		f, _ := parseNumber(string(r.line()))
		return r.tagged("double", lua.LNumber(f))
	case '(':
		return r.tagged("big_number", lua.LString(r.line()))
	case '%':
		return r.dict()
	case '~':
		return r.set()
	case '=':
		n := int(r.length())
		text := r.in[r.pos : r.pos+n]
		r.pos += n + 2
		t := r.L.CreateTable(0, 2)
		t.RawSetString("format", lua.LString(text[:3]))
		t.RawSetString("string", lua.LString(text[4:]))
		return r.tagged("verbatim_string", t)
	case '|': // attributes are not shown
		for n := 2 * r.length(); n > 0; n-- {
			r.value()
		}
		return r.value()
	}
	return lua.LNil
}

func (r *replyReader) tagged(tag string, v lua.LValue) lua.LValue {
	t := r.L.CreateTable(0, 1)
	t.RawSetString(tag, v)
	return t
}

func (r *replyReader) array() lua.LValue {
	n := int(r.length())
	if n < 0 {
		return lua.LFalse
	}
	t := r.L.CreateTable(n, 0)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, r.value())
	}
	return t
}

func (r *replyReader) dict() lua.LValue {
	m := r.L.CreateTable(0, 1)
	for n := r.length(); n > 0; n-- {
		k := r.value()
		setAny(m, k, r.value())
	}
	return r.tagged("map", m)
}

func (r *replyReader) set() lua.LValue {
	m := r.L.CreateTable(0, 1)
	for n := r.length(); n > 0; n-- {
		setAny(m, r.value(), lua.LTrue)
	}
	return r.tagged("set", m)
}

// setAny sets a key that may be none.
func setAny(t *lua.LTable, k, v lua.LValue) {
	if k != lua.LNil {
		t.RawSet(k, v)
	}
}

// # From values to replies

// maxReplyDepth bounds tables in tables, which may contain themselves: where Lua's
// stack ends in Redis.
const maxReplyDepth = 7994

// reply appends a script's result.
func (s *State) reply(out *resp.Writer, v lua.LValue, depth int) {
	switch v := v.(type) {
	case lua.LString:
		out.BulkString(string(v))
	case lua.LNumber:
		out.Int(toInt64(float64(v)))
	case lua.LBool:
		s.boolReply(out, bool(v))
	case *lua.LTable:
		if depth > maxReplyDepth {
			out.Error("ERR reached lua stack limit")
			return
		}
		s.tableReply(out, s.real(v), depth)
	default:
		out.Null()
	}
}

func (s *State) boolReply(out *resp.Writer, b bool) {
	switch {
	case s.proto == 3:
		out.Bool(b)
	case b:
		out.Int(1)
	default:
		out.Null()
	}
}

// tableReply replies a table: an array, or what its fields say it is.
func (s *State) tableReply(out *resp.Writer, t *lua.LTable, depth int) {
	if t.RawGetInt(1) == lua.LNil || hasFields(t) {
		if s.taggedReply(out, t, depth) {
			return
		}
	}
	m := out.ReserveArray(t.Len())
	n := 0
	for {
		v := rawIndex(t, n+1)
		if v == lua.LNil {
			break
		}
		s.reply(out, v, depth+1)
		n++
	}
	out.SetLen(m, n)
}

// hasFields reports whether a table has any field beside its array.
func hasFields(t *lua.LTable) bool {
	k, _ := t.Next(lua.LNumber(t.MaxN()))
	return k != lua.LNil
}

// lineBreaks become spaces in what ends with its line.
var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// beforeNUL is what C's functions see of a text.
func beforeNUL(v lua.LString) string {
	text, _, _ := strings.Cut(string(v), "\x00")
	return text
}

func (s *State) taggedReply(out *resp.Writer, t *lua.LTable, depth int) bool {
	if v, ok := t.RawGetString("err").(lua.LString); ok {
		s.errReply(out, t, beforeNUL(v))
		return true
	}
	if v, ok := t.RawGetString("ok").(lua.LString); ok {
		out.SimpleString(beforeNUL(v))
		return true
	}
	if v, ok := t.RawGetString("double").(lua.LNumber); ok {
		out.Double(float64(v))
		return true
	}
	if v, ok := t.RawGetString("map").(*lua.LTable); ok {
		s.mapReply(out, s.real(v), depth)
		return true
	}
	if v, ok := t.RawGetString("set").(*lua.LTable); ok {
		s.setReply(out, s.real(v), depth)
		return true
	}
	if v, ok := t.RawGetString("big_number").(lua.LString); ok {
		out.BigNumber(lineBreaks.Replace(string(v)))
		return true
	}
	if v, ok := t.RawGetString("verbatim_string").(*lua.LTable); ok {
		text, isText := v.RawGetString("string").(lua.LString)
		format, isFormat := v.RawGetString("format").(lua.LString)
		if isText && isFormat {
			out.Verbatim((cString(string(format)) + "   ")[:3], string(text))
			return true
		}
	}
	return false
}

// errReply replies an error table that was returned rather than raised.
func (s *State) errReply(out *resp.Writer, t *lua.LTable, text string) {
	if s.CountError != nil {
		s.CountError(resp.Error(text), t.RawGetString("ignore_error_stats_update") == lua.LTrue)
	}
	out.Error(resp.Error(strings.TrimRight(text, "\r\n")))
}

func (s *State) mapReply(out *resp.Writer, t *lua.LTable, depth int) {
	m := out.ReserveMap(0)
	n := 0
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		s.reply(out, k, depth+1)
		s.reply(out, v, depth+1)
		n++
	}
	out.SetLen(m, n)
}

func (s *State) setReply(out *resp.Writer, t *lua.LTable, depth int) {
	m := out.ReserveSet(0)
	n := 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		s.reply(out, k, depth+1)
		n++
	}
	out.SetLen(m, n)
}
