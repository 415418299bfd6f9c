package script

import (
	"math"
	"sort"

	lua "github.com/yuin/gopher-lua"
)

// # What nobody can change
//
// Scripts share the libraries and must not leave anything behind in them. A sealed
// table is an empty one with a metatable: reads go to the table that has the contents,
// writes raise an error. The functions here that read tables without metamethods
// (next, rawget, …) look through the seal; those that write refuse.
//
//	redis ──> | (empty) | ──metatable──> __index ──────> | call | pcall | log | … |
//	                                     __newindex ───> error

const readOnly = "Attempt to modify a readonly table"

// seal returns the table that shows what t has.
func (s *State) seal(t *lua.LTable) *lua.LTable {
	proxy := s.L.CreateTable(0, 0)
	mt := s.L.CreateTable(0, 4)
	mt.RawSetString("__index", t)
	mt.RawSetString("__newindex", s.L.NewFunction(func(L *lua.LState) int {
		s.fail(L, readOnly)
		return 0
	}))
	proxy.Metatable = mt
	s.sealed[proxy] = t
	return proxy
}

func (s *State) isSealed(t *lua.LTable) bool {
	return t.Metatable != lua.LNil && s.sealed[t] != nil
}

// real is what stands behind a seal, or the table itself.
func (s *State) real(t *lua.LTable) *lua.LTable {
	if t.Metatable != lua.LNil {
		if r := s.sealed[t]; r != nil {
			return r
		}
	}
	return t
}

// setGlobals adds functions.
func (s *State) setGlobals(fns map[string]lua.LGFunction) {
	for name, f := range fns {
		s.setGlobal(name, s.L.NewFunction(f))
	}
}

func (s *State) setGlobal(name string, v lua.LValue) {
	if name != concatName {
		s.globals.RawSetString(name, v)
	}
	s.bound[name] = v
	s.names[v] = boundName{"global", name}
}

// setLib adds a library of functions, which becomes a sealed global, and returns the
// table behind it.
func (s *State) setLib(name string, fns map[string]lua.LGFunction) *lua.LTable {
	t := s.L.CreateTable(0, len(fns))
	for fname, f := range fns {
		v := s.L.NewFunction(f)
		t.RawSetString(fname, v)
		s.names[v] = boundName{"field", fname}
	}
	s.setGlobal(name, s.seal(t))
	return t
}

// openLibs makes the globals.
func (s *State) openLibs() {
	s.openCoroutine()
	s.openBase()
	str := s.openString()
	s.openTable()
	s.openMath()
	if !s.opt.Functions {
		s.openOS()
	}
	s.openBit()
	s.openStruct()
	s.openCJSON()
	s.openCMsgPack()
	s.openRedis()

	// Strings have methods.
	strMT := s.L.CreateTable(0, 2)
	strMT.RawSetString("__index", str)
	shown := s.L.CreateTable(0, 1)
	shown.RawSetString("__index", s.bound["string"])
	strMT.RawSetString("__metatable", s.seal(shown))
	s.L.SetMetatable(lua.LString(""), strMT)

	// What is not there raises an error.
	missing := s.L.CreateTable(0, 1)
	missing.RawSetString("__index", s.L.NewFunction(func(L *lua.LState) int {
		s.fail(L, "Script attempted to access nonexistent global variable '"+toText(L.Get(2))+"'")
		return 0
	}))
	s.globals.Metatable = missing
	g := s.seal(s.globals)
	s.globals.RawSetString("_G", g)
	s.bound["_G"] = g
	s.names[g] = boundName{"global", "_G"}
	s.globalsMT = s.seal(s.L.CreateTable(0, 0))
	s.gate = g.Metatable.(*lua.LTable)
	if s.opt.Functions {
		s.openLoading()
	}
	s.L.Env = g
	s.L.G.Global = g
}

func (s *State) openTable() {
	s.setLib("table", map[string]lua.LGFunction{
		"concat": s.tableConcat, "foreach": s.foreach, "foreachi": s.foreachi, "getn": s.getn, "insert": s.insert,
		"maxn": s.maxn, "remove": s.remove, "setn": s.setn, "sort": s.sort,
	})
}

func (s *State) tableConcat(L *lua.LState) int {
	sep := s.optStr(L, 2, "")
	t := s.readable(L, 1)
	i := s.optInt(L, 3, 1)
	j := t.Len()
	if L.Get(4) != lua.LNil {
		j = s.int(L, 4)
	}
	b := s.text[:0]
	for k := i; k <= j; k++ {
		switch v := rawIndex(t, k).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNumber(b, float64(v))
		default:
			s.fail(L, "invalid value ("+typeName(v)+") at index "+toText(lua.LNumber(k))+" in table for 'concat'")
		}
		if k != j {
			b = append(b, sep...)
		}
		if len(b) > 1<<16 && len(b) > cap(b)/2 {
			s.take(L, len(b))
		}
		s.spend(L, 1)
		if k == math.MaxInt {
			break
		}
	}
	s.push(L, b)
	return 1
}

// push pushes the text put together in the scratch buffer, which is kept unless large.
func (s *State) push(L *lua.LState, b []byte) {
	if len(b) > 1<<16 {
		s.take(L, len(b))
	}
	L.Push(lua.LString(b))
	if cap(b) <= 1<<16 {
		s.text = b
	}
}

func (s *State) foreach(L *lua.LState) int {
	t := s.readable(L, 1)
	f := s.function(L, 2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		s.callback(L, f, 1, k, v)
		if L.Get(-1) != lua.LNil {
			return 1
		}
		L.Pop(1)
		s.spend(L, 1)
	}
	return 0
}

func (s *State) foreachi(L *lua.LState) int {
	t := s.readable(L, 1)
	f := s.function(L, 2)
	n := t.Len()
	for i := 1; i <= n; i++ {
		s.callback(L, f, 1, number(int64(i)), rawIndex(t, i))
		if L.Get(-1) != lua.LNil {
			return 1
		}
		L.Pop(1)
		s.spend(L, 1)
	}
	return 0
}

func (s *State) getn(L *lua.LState) int {
	L.Push(number(int64(s.readable(L, 1).Len())))
	return 1
}

func (s *State) setn(L *lua.LState) int {
	s.table(L, 1)
	s.fail(L, "'setn' is obsolete")
	return 0
}

func (s *State) maxn(L *lua.LState) int {
	t := s.readable(L, 1)
	most := 0.0
	t.ForEach(func(k, _ lua.LValue) {
		if f, ok := k.(lua.LNumber); ok {
			most = max(most, float64(f))
		}
	})
	L.Push(lua.LNumber(most))
	return 1
}

func (s *State) insert(L *lua.LState) int {
	t := s.table(L, 1)
	e := s.real(t).Len() + 1
	pos := e
	var v lua.LValue
	switch L.GetTop() {
	case 2:
		v = L.Get(2)
	case 3:
		pos = s.int(L, 2)
		e = max(e, pos)
		v = L.Get(3)
	default:
		s.fail(L, "wrong number of arguments to 'insert'")
	}
	s.writable(L, 1)
	if pos < e && pos >= 1 {
		s.spend(L, (e-pos)/64)
		t.Insert(pos, v)
		return 0
	}
	for i := e - 1; i >= pos; i-- { // positions before the first
		t.RawSet(lua.LNumber(i+1), rawIndex(t, i))
		s.spend(L, 1)
	}
	t.RawSet(lua.LNumber(pos), v)
	return 0
}

func (s *State) remove(L *lua.LState) int {
	t := s.table(L, 1)
	e := s.real(t).Len()
	pos := e
	if L.Get(2) != lua.LNil {
		pos = s.int(L, 2)
	}
	if pos < 1 || pos > e {
		return 0
	}
	s.writable(L, 1)
	s.spend(L, (e-pos)/64)
	if pos == t.MaxN() || pos < e {
		L.Push(t.Remove(pos))
		return 1
	}
	L.Push(t.RawGetInt(pos))
	t.RawSetInt(pos, lua.LNil)
	return 1
}

// sort sorts in place. A comparison that contradicts itself leaves some order.
func (s *State) sort(L *lua.LState) int {
	t := s.table(L, 1)
	n := s.real(t).Len()
	var less *lua.LFunction
	if L.Get(2) != lua.LNil {
		less = s.function(L, 2)
	}
	L.SetTop(2)
	if n > 1 {
		s.writable(L, 1)
	}
	sort.Sort(&sorter{s: s, L: L, t: t, n: n, less: less})
	return 0
}

type sorter struct {
	s    *State
	L    *lua.LState
	t    *lua.LTable
	n    int
	less *lua.LFunction
}

func (o *sorter) Len() int { return o.n }

func (o *sorter) Swap(i, j int) {
	a, b := o.t.RawGetInt(i+1), o.t.RawGetInt(j+1)
	o.t.RawSetInt(i+1, b)
	o.t.RawSetInt(j+1, a)
}

func (o *sorter) Less(i, j int) bool {
	a, b := o.t.RawGetInt(i+1), o.t.RawGetInt(j+1)
	o.s.spend(o.L, 4)
	if o.less != nil {
		o.s.callback(o.L, o.less, 1, a, b)
		is := lua.LVAsBool(o.L.Get(-1))
		o.L.Pop(1)
		return is
	}
	switch a := a.(type) {
	case lua.LNumber:
		if b, ok := b.(lua.LNumber); ok {
			return a < b
		}
	case lua.LString:
		if b, ok := b.(lua.LString); ok {
			return a < b
		}
	case *lua.LTable:
		if b, ok := b.(*lua.LTable); ok && a.Metatable != lua.LNil && b.Metatable != lua.LNil {
			return o.L.LessThan(a, b)
		}
	}
	ta, tb := typeName(a), typeName(b)
	if ta == tb {
		o.s.failBare(o.L, "attempt to compare two "+ta+" values")
	}
	o.s.failBare(o.L, "attempt to compare "+ta+" with "+tb)
	return false
}

func (s *State) openMath() {
	fns := map[string]lua.LGFunction{
		"fmod": s.math2(math.Mod), "mod": s.math2(math.Mod), "pow": s.math2(math.Pow), "atan2": s.math2(math.Atan2),
		"frexp": s.frexp, "ldexp": s.ldexp, "modf": s.modf, "max": s.max_, "min": s.min_,
		"random": s.random_, "randomseed": s.randomSeed,
	}
	for name, f := range map[string]func(float64) float64{
		"abs": math.Abs, "acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "ceil": math.Ceil, "cos": math.Cos,
		"cosh": math.Cosh, "exp": math.Exp, "floor": math.Floor, "log": math.Log, "log10": math.Log10, "sin": math.Sin,
		"sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
		"deg": func(f float64) float64 { return f / (math.Pi / 180) },
		"rad": func(f float64) float64 { return f * (math.Pi / 180) },
	} {
		fns[name] = s.math1(f)
	}
	t := s.setLib("math", fns)
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
}

func (s *State) math1(f func(float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(float(f(s.num(L, 1))))
		return 1
	}
}

func (s *State) math2(f func(a, b float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		a := s.num(L, 1)
		L.Push(float(f(a, s.num(L, 2))))
		return 1
	}
}

// float is a number, of those that need no memory if it can be.
func float(f float64) lua.LValue {
	if i := int64(f); float64(i) == f && (i != 0 || !math.Signbit(f)) {
		return number(i)
	}
	return lua.LNumber(f)
}

func (s *State) frexp(L *lua.LState) int {
	m, e := math.Frexp(s.num(L, 1))
	L.Push(lua.LNumber(m))
	L.Push(lua.LNumber(e))
	return 2
}

func (s *State) ldexp(L *lua.LState) int {
	f := s.num(L, 1)
	L.Push(lua.LNumber(math.Ldexp(f, max(min(s.int(L, 2), 10000), -10000))))
	return 1
}

func (s *State) modf(L *lua.LState) int {
	f := s.num(L, 1)
	whole, part := math.Trunc(f), 0.0
	if !math.IsInf(f, 0) {
		part = math.Copysign(f-whole, f)
	}
	L.Push(float(whole))
	L.Push(lua.LNumber(part))
	return 2
}

func (s *State) max_(L *lua.LState) int {
	m := s.num(L, 1)
	for i := 2; i <= L.GetTop(); i++ {
		if f := s.num(L, i); f > m {
			m = f
		}
	}
	L.Push(float(m))
	return 1
}

func (s *State) min_(L *lua.LState) int {
	m := s.num(L, 1)
	for i := 2; i <= L.GetTop(); i++ {
		if f := s.num(L, i); f < m {
			m = f
		}
	}
	L.Push(float(m))
	return 1
}

// rand48 is the generator of C's lrand48, which Redis brings along so that scripts
// draw the same numbers everywhere.
type rand48 struct{ x uint64 }

func (r *rand48) seed(seed int32) { r.x = uint64(uint32(seed))<<16 | 0x330E }

const rand48Max = math.MaxInt32

func (r *rand48) next() int32 {
	r.x = (r.x*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(r.x >> 17)
}

func (s *State) random_(L *lua.LState) int {
	r := float64(s.random.next()%rand48Max) / rand48Max
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(r))
	case 1:
		u := s.int(L, 1)
		if u < 1 {
			s.badArg(L, 1, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(r*float64(u)) + 1))
	case 2:
		l, u := s.int(L, 1), s.int(L, 2)
		if l > u {
			s.badArg(L, 2, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(r*float64(u-l+1)) + float64(l)))
	default:
		s.fail(L, "wrong number of arguments")
	}
	return 1
}

func (s *State) randomSeed(L *lua.LState) int {
	s.random.seed(int32(s.int(L, 1)))
	return 0
}

func (s *State) openOS() {
	s.setLib("os", map[string]lua.LGFunction{"clock": func(L *lua.LState) int {
		L.Push(lua.LNumber(float64(s.host.Nanos()) / 1e9))
		return 1
	}})
}

// openBit adds the operations on numbers of 32 bits.
func (s *State) openBit() {
	fold := func(f func(a, b uint32) uint32) lua.LGFunction {
		return func(L *lua.LState) int {
			v := s.bits(L, 1)
			for i := 2; i <= L.GetTop(); i++ {
				v = f(v, s.bits(L, i))
			}
			return pushBits(L, v)
		}
	}
	shift := func(f func(v uint32, n uint) uint32) lua.LGFunction {
		return func(L *lua.LState) int {
			v := s.bits(L, 1)
			return pushBits(L, f(v, uint(s.bits(L, 2)&31)))
		}
	}
	s.setLib("bit", map[string]lua.LGFunction{
		"tobit": func(L *lua.LState) int { return pushBits(L, s.bits(L, 1)) },
		"bnot":  func(L *lua.LState) int { return pushBits(L, ^s.bits(L, 1)) },
		"bswap": func(L *lua.LState) int {
			v := s.bits(L, 1)
			return pushBits(L, v>>24|v>>8&0xff00|v&0xff00<<8|v<<24)
		},
		"band":    fold(func(a, b uint32) uint32 { return a & b }),
		"bor":     fold(func(a, b uint32) uint32 { return a | b }),
		"bxor":    fold(func(a, b uint32) uint32 { return a ^ b }),
		"lshift":  shift(func(v uint32, n uint) uint32 { return v << n }),
		"rshift":  shift(func(v uint32, n uint) uint32 { return v >> n }),
		"arshift": shift(func(v uint32, n uint) uint32 { return uint32(int32(v) >> n) }),
		"rol":     shift(func(v uint32, n uint) uint32 { return v<<n | v>>(32-n) }),
		"ror":     shift(func(v uint32, n uint) uint32 { return v>>n | v<<(32-n) }),
		"tohex":   s.toHex,
	})
}

func pushBits(L *lua.LState, v uint32) int {
	L.Push(number(int64(int32(v))))
	return 1
}

// bits makes a number one of 32 bits, as adding 2^52+2^51 to a double does: rounded to
// even, and cut.
func (s *State) bits(L *lua.LState, n int) uint32 {
	f := s.num(L, n)
	return uint32(math.Float64bits(f + 6755399441055744.0))
}

func (s *State) toHex(L *lua.LState) int {
	v := s.bits(L, 1)
	n := int32(8)
	if L.GetTop() >= 2 {
		n = int32(s.bits(L, 2))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n, digits = -n, "0123456789ABCDEF"
	}
	if n > 8 || n < 0 {
		n = 8
	}
	var b [8]byte
	for i := int(n) - 1; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
	L.Push(lua.LString(b[:n]))
	return 1
}
