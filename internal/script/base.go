package script

import (
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// Arguments of library functions, checked in the words of Lua's auxiliary library.

func typeName(v lua.LValue) string { return v.Type().String() }

// argType is what messages call the type of argument n.
func argType(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return typeName(L.Get(n))
}

func (s *State) typeErr(L *lua.LState, n int, want string) {
	s.badArg(L, n, want+" expected, got "+argType(L, n))
}

func (s *State) any(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		s.badArg(L, n, "value expected")
	}
	return L.Get(n)
}

func (s *State) table(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		s.typeErr(L, n, "table")
	}
	return t
}

// readable is a table argument as it can be read past its seal.
func (s *State) readable(L *lua.LState, n int) *lua.LTable { return s.real(s.table(L, n)) }

// writable is a table argument that is not sealed.
func (s *State) writable(L *lua.LState, n int) *lua.LTable {
	t := s.table(L, n)
	if s.isSealed(t) {
		s.failBare(L, readOnly)
	}
	return t
}

func (s *State) function(L *lua.LState, n int) *lua.LFunction {
	f, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		s.typeErr(L, n, "function")
	}
	return f
}

func (s *State) str(L *lua.LState, n int) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return toText(v)
	}
	s.typeErr(L, n, "string")
	return ""
}

func (s *State) optStr(L *lua.LState, n int, def string) string {
	if L.Get(n) == lua.LNil {
		return def
	}
	return s.str(L, n)
}

func (s *State) num(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := parseNumber(string(v)); ok {
			return f
		}
	}
	s.typeErr(L, n, "number")
	return 0
}

func (s *State) int(L *lua.LState, n int) int { return toInt(s.num(L, n)) }

func (s *State) optInt(L *lua.LState, n, def int) int {
	if L.Get(n) == lua.LNil {
		return def
	}
	return s.int(L, n)
}

// toInt64 is C's conversion of a double to an integer: what does not fit is the least.
func toInt64(f float64) int64 {
	if f >= -1<<63 && f < 1<<63 {
		return int64(f)
	}
	return math.MinInt64
}

// toInt is toInt64 within the bounds of an int.
func toInt(f float64) int { return int(min(max(toInt64(f), math.MinInt), math.MaxInt)) }

// toText is tostring without metamethods.
func toText(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return string(appendNumber(nil, float64(v)))
	case *lua.LTable:
		return fmt.Sprintf("table: %p", v)
	case *lua.LFunction:
		if v.IsG {
			return fmt.Sprintf("builtin: %p", v)
		}
		return fmt.Sprintf("function: %p", v)
	case *lua.LUserData:
		if v.Value == nil {
			return "userdata: (nil)"
		}
		return fmt.Sprintf("userdata: %p", v)
	case *lua.LState:
		return fmt.Sprintf("thread: %p", v)
	}
	return v.String()
}

// appendNumber appends f as printf's %.14g has it.
func appendNumber(b []byte, f float64) []byte { return appendG(b, f, 14) }

// appendG is %.<digits>g.
func appendG(b []byte, f float64, digits int) []byte {
	if i := int64(f); float64(i) == f && i > -1e14 && i < 1e14 && digits >= 14 && (i != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(b, i, 10)
	}
	if b, ok := appendSpecial(b, f); ok {
		return b
	}
	return strconv.AppendFloat(b, f, 'g', digits, 64)
}

// appendSpecial appends infinities and NaNs as C's printf writes them.
func appendSpecial(b []byte, f float64) ([]byte, bool) {
	if !math.IsInf(f, 0) && f == f {
		return b, false
	}
	if math.Signbit(f) {
		b = append(b, '-')
	}
	if f != f {
		return append(b, "nan"...), true
	}
	return append(b, "inf"...), true
}

// smallInts are the numbers that need no memory of their own.
var smallInts = func() (t [1024]lua.LValue) {
	for i := range t {
		t[i] = lua.LNumber(i)
	}
	return t
}()

func number(i int64) lua.LValue {
	if uint64(i) < uint64(len(smallInts)) {
		return smallInts[i]
	}
	return lua.LNumber(i)
}

// openBase adds the functions without a library.
func (s *State) openBase() {
	s.setGlobals(map[string]lua.LGFunction{
		"assert": s.assert, "collectgarbage": s.collectGarbage, "error": s.error_, "gcinfo": s.gcinfo,
		"getmetatable": s.getMetatable, "ipairs": s.ipairs, "load": s.load, "loadstring": s.loadString,
		"next": s.next, "pairs": s.pairs, "pcall": s.pcall, "rawequal": s.rawEqual, "rawget": s.rawGet,
		"rawset": s.rawSet, "select": s.select_, "setmetatable": s.setMetatable, "tonumber": s.toNumber,
		"tostring": s.toString, "type": s.type_, "unpack": s.unpack, "xpcall": s.xpcall,
		concatName: s.concat,
	})
	if !s.opt.Functions {
		s.setGlobal("__redis__err__handler", s.L.NewFunction(func(L *lua.LState) int { L.SetTop(1); return 1 }))
	}
	s.globals.RawSetString("_VERSION", lua.LString("Lua 5.1"))
	s.nextFn = s.globals.RawGetString("next").(*lua.LFunction)
	s.ipairsFn = s.L.NewFunction(s.ipairsStep)
	s.trampoline = s.L.NewFunction(s.jump)
}

func (s *State) assert(L *lua.LState) int {
	v := s.any(L, 1)
	if lua.LVAsBool(v) {
		return L.GetTop()
	}
	if L.Get(2) == lua.LNil {
		s.fail(L, "assertion failed!")
	}
	s.fail(L, s.str(L, 2)) // luaL_error("%s", message)
	return 0
}

func (s *State) collectGarbage(L *lua.LState) int {
	switch opt := s.optStr(L, 1, "collect"); opt {
	case "collect", "stop", "restart", "step", "setpause", "setstepmul":
		L.Push(number(0))
	case "count":
		L.Push(lua.LNumber(float64(s.heap()) / 1024))
	default:
		s.badArg(L, 1, "invalid option '"+opt+"'")
	}
	return 1
}

func (s *State) gcinfo(L *lua.LState) int {
	L.Push(lua.LNumber(math.Floor(float64(s.heap()) / 1024)))
	return 1
}

func (s *State) error_(L *lua.LState) int {
	level := s.optInt(L, 2, 1)
	v := L.Get(1)
	if v.Type() == lua.LTNumber {
		v = lua.LString(toText(v))
	}
	if str, ok := v.(lua.LString); ok && level > 0 {
		v = lua.LString(s.at(L, level)) + str
	}
	L.Error(v, 0)
	return 0
}

func (s *State) getMetatable(L *lua.LState) int {
	v := s.any(L, 1)
	if t, ok := v.(*lua.LTable); ok && s.isSealed(t) {
		if t == s.bound["_G"] {
			L.Push(s.globalsMT)
		} else {
			L.Push(lua.LNil)
		}
		return 1
	}
	L.Push(L.GetMetatable(v))
	return 1
}

func (s *State) setMetatable(L *lua.LState) int {
	t := s.table(L, 1)
	mt := L.Get(2)
	if mt.Type() != lua.LTTable && (mt != lua.LNil || L.GetTop() < 2) {
		s.badArg(L, 2, "nil or table expected")
	}
	if s.isSealed(t) {
		s.failBare(L, readOnly)
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		s.fail(L, "cannot change a protected metatable")
	}
	t.Metatable = mt
	L.SetTop(1)
	return 1
}

func (s *State) ipairs(L *lua.LState) int {
	t := s.table(L, 1)
	L.Push(s.ipairsFn)
	L.Push(t)
	L.Push(number(0))
	return 3
}

func (s *State) ipairsStep(L *lua.LState) int {
	i := s.int(L, 2) + 1
	v := rawIndex(s.readable(L, 1), i)
	if v == lua.LNil {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(number(int64(i)))
	L.Push(v)
	return 2
}

// rawIndex is t[i], wherever gopher-lua keeps it.
func rawIndex(t *lua.LTable, i int) lua.LValue {
	if v := t.RawGetInt(i); v != lua.LNil {
		return v
	}
	return t.RawGet(lua.LNumber(i))
}

func (s *State) pairs(L *lua.LState) int {
	t := s.table(L, 1)
	L.Push(s.nextFn)
	L.Push(t)
	L.Push(lua.LNil)
	return 3
}

func (s *State) next(L *lua.LState) int {
	t, key := s.readable(L, 1), L.Get(2)
	if _, ok := key.(lua.LNumber); !ok && key != lua.LNil && t.RawGet(key) == lua.LNil && !wasKey(t, key) {
		s.failBare(L, "invalid key to 'next'")
	}
	k, v := t.Next(key)
	L.Push(k)
	if k == lua.LNil {
		return 1
	}
	L.Push(v)
	return 2
}

// wasKey reports whether a table had the key before it was set to nil: gopher-lua goes
// on after it, and else begins anew.
func wasKey(t *lua.LTable, key lua.LValue) bool {
	first, _ := t.Next(lua.LNil)
	again, _ := t.Next(key)
	return again != first || first == lua.LNil && again == lua.LNil && t.Len() == 0
}

func (s *State) rawEqual(L *lua.LState) int {
	L.Push(lua.LBool(L.RawEqual(s.any(L, 1), s.any(L, 2))))
	return 1
}

func (s *State) rawGet(L *lua.LState) int {
	t := s.readable(L, 1)
	L.Push(t.RawGet(s.any(L, 2)))
	return 1
}

func (s *State) rawSet(L *lua.LState) int {
	s.table(L, 1)
	k, v := s.any(L, 2), s.any(L, 3)
	t := s.writable(L, 1)
	if k == lua.LNil {
		s.failBare(L, "table index is nil")
	}
	if f, ok := k.(lua.LNumber); ok && f != f {
		s.failBare(L, "table index is NaN")
	}
	t.RawSet(k, v)
	L.SetTop(1)
	return 1
}

func (s *State) select_(L *lua.LState) int {
	n := L.GetTop()
	if L.Get(1) == lua.LString("#") {
		L.Push(number(int64(n - 1)))
		return 1
	}
	i := s.int(L, 1)
	switch {
	case i < 0:
		i = n + i
	case i > n:
		i = n
	}
	if i < 1 {
		s.badArg(L, 1, "index out of range")
	}
	return n - i
}

func (s *State) toNumber(L *lua.LState) int {
	base := s.optInt(L, 2, 10)
	v := s.any(L, 1)
	if base == 10 {
		switch v := v.(type) {
		case lua.LNumber:
			L.Push(v)
			return 1
		case lua.LString:
			if f, ok := parseNumber(string(v)); ok {
				L.Push(lua.LNumber(f))
				return 1
			}
		}
		L.Push(lua.LNil)
		return 1
	}
	text := s.str(L, 1)
	if base < 2 || base > 36 {
		s.badArg(L, 2, "base out of range")
	}
	if f, ok := strtoul(text, base); ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// strtoul reads an unsigned number of a base as C's function of that name: with a
// sign, which wraps around, and with 0x before hexadecimal ones.
func strtoul(text string, base int) (float64, bool) {
	i, n := 0, len(text)
	space := func() {
		for i < n && (text[i] == ' ' || text[i]-'\t' < 5) {
			i++
		}
	}
	space()
	neg := false
	if i < n && (text[i] == '-' || text[i] == '+') {
		neg = text[i] == '-'
		i++
	}
	if base == 16 && i+2 < n && text[i] == '0' && text[i+1]|0x20 == 'x' && digitOf(text[i+2]) < 16 {
		i += 2
	}
	v, digits, over := uint64(0), 0, false
	for ; i < n && digitOf(text[i]) < base; i++ {
		d := uint64(digitOf(text[i]))
		if v > (math.MaxUint64-d)/uint64(base) {
			over = true
		}
		v = v*uint64(base) + d
		digits++
	}
	space()
	if digits == 0 || i < n {
		return 0, false
	}
	if over {
		return math.MaxUint64, true
	}
	if neg {
		v = -v
	}
	return float64(v), true
}

func digitOf(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return int(c|0x20-'a') + 10
	}
	return 99
}

func (s *State) toString(L *lua.LState) int {
	v := s.any(L, 1)
	switch v.(type) {
	case lua.LString:
		L.Push(v)
		return 1
	case lua.LNumber:
		L.Push(lua.LString(toText(v)))
		return 1
	}
	if mt, ok := rawMetatable(L, v).(*lua.LTable); ok {
		if f := mt.RawGetString("__tostring"); f != lua.LNil {
			s.callback(L, f, 1, v)
			return 1
		}
	}
	L.Push(lua.LString(toText(v)))
	return 1
}

func rawMetatable(L *lua.LState, v lua.LValue) lua.LValue {
	switch v := v.(type) {
	case *lua.LTable:
		return v.Metatable
	case *lua.LUserData:
		return v.Metatable
	}
	return lua.LNil
}

func (s *State) type_(L *lua.LState) int {
	L.Push(typeNames[s.any(L, 1).Type()])
	return 1
}

var typeNames = func() (t [9]lua.LValue) {
	for i := range t {
		t[i] = lua.LString(lua.LValueType(i).String())
	}
	return t
}()

func (s *State) unpack(L *lua.LState) int {
	t := s.readable(L, 1)
	i := s.optInt(L, 2, 1)
	e := t.Len()
	if L.Get(3) != lua.LNil {
		e = s.int(L, 3)
	}
	if i > e {
		return 0
	}
	if n := e - i + 1; n <= 0 || n >= maxResults {
		s.fail(L, "too many results to unpack")
	}
	for j := i; j <= e; j++ {
		L.Push(rawIndex(t, j))
	}
	return e - i + 1
}

// callback calls a function of the script from one of ours, and leaves n results.
func (s *State) callback(L *lua.LState, f lua.LValue, n int, args ...lua.LValue) {
	s.nest(L)
	L.Push(f)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(len(args), n)
	s.nested--
}

// nest counts a call from Go into Lua.
func (s *State) nest(L *lua.LState) {
	if s.nested >= maxNested {
		s.fail(L, "C stack overflow")
	}
	s.nested++
}

// # Protected calls
//
// gopher-lua's own pcall closes the variables that functions share of every frame there
// is when an error comes up, those of the catcher too, so that from then on a variable
// and the functions that use it part. Ours runs the function in a thread of its own,
// whose frames all end with the error. Threads are used again.

func (s *State) thread(L *lua.LState) *lua.LState {
	if n := len(s.threads); n > 0 {
		th := s.threads[n-1]
		s.threads = s.threads[:n-1]
		return th
	}
	th, _ := s.L.NewThread()
	th.SetContext(hook{s})
	return th
}

const maxSpareThreads = 8

func (s *State) spare(th *lua.LState) {
	th.SetTop(0)
	if len(s.threads) < maxSpareThreads {
		s.threads = append(s.threads, th)
	}
}

// attempt calls the function at first with the values up to the top, in a thread.
func (s *State) attempt(L *lua.LState, first int) (th *lua.LState, failed lua.LValue) {
	if f := L.Get(first); f.Type() != lua.LTFunction {
		mt, _ := rawMetatable(L, f).(*lua.LTable)
		if first > L.GetTop() {
			f = lua.LTrue // what stands on Lua's stack there
		}
		if mt == nil || mt.RawGetString("__call") == lua.LNil {
			return nil, lua.LString("attempt to call a " + typeName(f) + " value")
		}
	}
	s.nest(L)
	nested := s.nested
	th = s.thread(L)
	th.Push(s.trampoline)
	top := L.GetTop()
	for i := first; i <= top; i++ {
		th.Push(L.Get(i))
	}
	active := len(s.active)
	current := L.G.CurrentThread
	err := th.PCall(top-first+1, lua.MultRet, nil)
	s.nested = nested - 1
	if err == nil {
		return th, nil
	}
	s.active, L.G.CurrentThread = s.active[:active], current
	s.spare(th)
	if s.stop != nil {
		s.failRedis(L, s.stop.Error())
	}
	return nil, s.errorValue(err)
}

func (s *State) pcall(L *lua.LState) int {
	th, failed := s.attempt(L, 1)
	if failed != nil {
		// A command's error is a table; pcall gives its text.
		if t, ok := failed.(*lua.LTable); ok {
			if text := t.RawGetString("err"); lua.LVCanConvToString(text) {
				failed = text
			}
		}
		L.Push(lua.LFalse)
		L.Push(failed)
		return 2
	}
	return s.results(L, th)
}

// results returns true and what a thread left.
func (s *State) results(L, th *lua.LState) int {
	n := th.GetTop()
	L.Push(lua.LTrue)
	for i := 1; i <= n; i++ {
		L.Push(th.Get(i))
	}
	s.spare(th)
	return n + 1
}

func (s *State) xpcall(L *lua.LState) int {
	s.any(L, 2)
	handler := L.Get(2)
	L.SetTop(1)
	th, failed := s.attempt(L, 1)
	if failed == nil {
		return s.results(L, th)
	}
	L.Push(lua.LFalse)
	s.callback(L, handler, 1, failed)
	return 2
}

// load compiles what a function gives piece by piece.
func (s *State) load(L *lua.LState) int {
	f := s.function(L, 1)
	name := s.optStr(L, 2, "=(load)")
	var src []byte
	for {
		s.callback(L, f, 1)
		piece := L.Get(-1)
		L.Pop(1)
		if piece == lua.LNil || piece == lua.LString("") {
			break
		}
		str, ok := piece.(lua.LString)
		if !ok {
			s.fail(L, "reader function must return a string")
		}
		s.take(L, len(src)+len(str))
		src = append(src, str...)
	}
	return s.loaded(L, string(src), name)
}

func (s *State) loadString(L *lua.LState) int {
	src := s.str(L, 1)
	return s.loaded(L, src, s.optStr(L, 2, src))
}

func (s *State) loaded(L *lua.LState, src, name string) int {
	if len(src) > 0 && src[0] == '\x1b' {
		L.Push(lua.LNil)
		L.Push(lua.LString("attempt to load a binary chunk"))
		return 2
	}
	s.spend(L, len(src)/8)
	s.take(L, 16*len(src))
	fn, err := s.compile(src, name)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	s.noteSource(name)
	L.Push(fn)
	return 1
}

// noteSource remembers the long name of a chunk.
func (s *State) noteSource(name string) {
	const most = 1000
	short := shortName(name)
	if len(s.sources) >= most {
		clear(s.sources)
	}
	if s.sources == nil {
		s.sources = map[string]string{}
	}
	s.sources[short] = name
}

// # Concatenation

// concat is the operator "..", of any number of operands; from right to left, as
// metamethods may notice.
func (s *State) concat(L *lua.LState) int {
	n := L.GetTop()
	size := 0
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			return s.concatSlowly(L)
		}
	}
	s.spend(L, size/256)
	if size > 1<<16 {
		s.take(L, size)
	}
	b := s.text[:0]
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNumber(b, float64(v))
		}
	}
	L.Push(lua.LString(b))
	if cap(b) <= 1<<16 {
		s.text = b
	}
	return 1
}

// concatSlowly is concat where an operand is neither string nor number.
func (s *State) concatSlowly(L *lua.LState) int {
	n := L.GetTop()
	right := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		left := L.Get(i)
		if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
			l, r := toText(left), toText(right)
			s.take(L, len(l)+len(r))
			right = lua.LString(l + r)
			continue
		}
		f := s.metaConcat(L, left)
		if f == lua.LNil {
			f = s.metaConcat(L, right)
		}
		if f == lua.LNil {
			at, v := i, left
			if lua.LVCanConvToString(left) {
				at, v = i+1, right
			}
			s.concatError(L, at, v, at == i+1 && i+1 < n)
		}
		s.callback(L, f, 1, left, right)
		right = L.Get(-1)
		L.Pop(1)
	}
	L.Push(right)
	return 1
}

func (s *State) metaConcat(L *lua.LState, v lua.LValue) lua.LValue {
	if mt, ok := rawMetatable(L, v).(*lua.LTable); ok {
		return mt.RawGetString("__concat")
	}
	return lua.LNil
}

// concatError raises the error of operand n, which may be an intermediate result.
func (s *State) concatError(L *lua.LState, n int, v lua.LValue, nameless bool) {
	msg := "attempt to concatenate a " + typeName(v) + " value"
	if dbg, ok := L.GetStack(1); ok && !nameless {
		f, _ := L.GetInfo("fl", dbg, nil)
		if fn, ok := f.(*lua.LFunction); ok && !fn.IsG {
			_, pc := placeOf(fn, dbg.CurrentLine)
			msg = s.typeError("concatenate", typeName(v), fn, pc, argA(fn.Proto.Code[pc])+n)
		}
	}
	s.fail(L, msg)
}
