package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/redweave/redweave/resp"
)

// A Library is what FUNCTION LOAD loads: code that registered functions.
type Library struct {
	Name      string
	Code      string
	Functions []*Function // in the order of their registration
}

// A Function of a library, for FCALL.
type Function struct {
	Library     *Library
	Name        string
	Description string
	Described   bool
	Flags       Flags
	fn          *lua.LFunction
}

// validName reports whether a library or function may be called so.
func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isAlpha(c) && !isDigit(c) && c != '_' {
			return false
		}
	}
	return name != ""
}

// Metadata reads the first line of a library: "#!lua name=mylib".
func Metadata(code string) (name, body string, err resp.Error) {
	if !strings.HasPrefix(code, "#!") {
		return "", "", "ERR Missing library metadata"
	}
	end := strings.IndexByte(code, '\n')
	if end < 0 {
		return "", "", "ERR Invalid library metadata"
	}
	words, ok := splitArgs(code[:end])
	if !ok || len(words) == 0 {
		return "", "", "ERR Invalid library metadata"
	}
	engine := words[0][2:]
	named := false
	for _, w := range words[1:] {
		v, ok := cutFold(w, "name=")
		if !ok {
			return "", "", resp.Error("ERR Invalid metadata value given: " + w)
		}
		if named {
			return "", "", "ERR Invalid metadata value, name argument was given multiple times"
		}
		name, named = v, true
	}
	if !named {
		return "", "", "ERR Library name was not given"
	}
	if !validName(name) {
		return "", "", "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
	}
	if !strings.EqualFold(engine, "lua") {
		return "", "", resp.Error("ERR Engine '" + engine + "' not found")
	}
	return name, code[end:], ""
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// Load runs the code of a library, which registers its functions.
func (s *State) Load(name, code, body string) (*Library, resp.Error) {
	fn, err := s.compile(body, "@user_function")
	if err != nil {
		return nil, resp.Error("ERR Error compiling function: " + err.Error())
	}
	lib := &Library{Name: name, Code: code}
	s.begin()
	s.loading, s.loadEnds = lib, s.elapsed()+loadNanos
	s.gate.RawSetString("__index", s.loadGlobals)
	s.L.Push(fn)
	failed := s.protected(0, 0)
	s.loading = nil
	s.gate.RawSetString("__index", s.globals)
	s.L.SetTop(0)
	s.active = s.active[:0]
	if failed != nil {
		return nil, resp.Error("ERR Error registering functions: " + failed.Text)
	}
	if len(lib.Functions) == 0 {
		return nil, "ERR No functions registered"
	}
	return lib, ""
}

// Call runs a function and appends its reply. When it fails, nothing is appended.
func (s *State) Call(f *Function, keys, args [][]byte, out *resp.Writer) *Error {
	s.begin()
	s.L.Push(f.fn)
	s.L.Push(s.list(keys))
	s.L.Push(s.list(args))
	return s.finish(s.protected(2, 1), out)
}

// loadNanos is how long the code of a library may take to load.
const loadNanos = 500e6

const errLoadTime = errText("ERR FUNCTION LOAD timeout")

// openLoading makes what the code of a library sees while it is loaded: the library
// "redis" alone, with little in it.
func (s *State) openLoading() {
	t := s.L.CreateTable(0, 8)
	t.RawSetString("register_function", s.L.NewFunction(s.registerFunction))
	all := s.sealed[s.bound["redis"].(*lua.LTable)]
	for _, name := range []string{"log", "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING", "REDIS_VERSION", "REDIS_VERSION_NUM"} {
		t.RawSetString(name, all.RawGetString(name))
	}
	t.Metatable = s.globals.Metatable
	s.loadGlobals = s.L.CreateTable(0, 1)
	s.loadGlobals.RawSetString("redis", s.seal(t))
	s.loadGlobals.Metatable = s.globals.Metatable
}

// registerFunction is redis.register_function, with arguments in a row or by name.
func (s *State) registerFunction(L *lua.LState) int {
	if s.loading == nil {
		s.failRedis(L, "ERR redis.register_function can only be called on FUNCTION LOAD command")
	}
	f := &Function{Library: s.loading}
	var ok bool
	switch n := L.GetTop(); {
	case n < 1 || n > 2:
		s.failRedis(L, "ERR wrong number of arguments to redis.register_function")
	case n == 1:
		s.namedArguments(L, f)
	default:
		if f.Name, ok = textOf(L.Get(1)); !ok {
			s.failRedis(L, "ERR first argument to redis.register_function must be a string")
		}
		fn, ok := L.Get(2).(*lua.LFunction)
		if !ok {
			s.failRedis(L, "ERR second argument to redis.register_function must be a function")
		}
		f.fn = fn
	}
	if !validName(f.Name) {
		s.failRedis(L, "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
	}
	for _, other := range s.loading.Functions {
		if other.Name == f.Name {
			s.failRedis(L, "ERR Function already exists in the library")
		}
	}
	s.loading.Functions = append(s.loading.Functions, f)
	return 0
}

func (s *State) namedArguments(L *lua.LState, f *Function) {
	t, ok := L.Get(1).(*lua.LTable)
	if !ok {
		s.failRedis(L, "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).")
	}
	t = s.real(t)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		key, ok := textOf(k)
		if !ok {
			s.failRedis(L, "ERR named argument key given to redis.register_function is not a string")
		}
		switch strings.ToLower(key) {
		case "function_name":
			if f.Name, ok = textOf(v); !ok {
				s.failRedis(L, "ERR function_name argument given to redis.register_function must be a string")
			}
		case "description":
			if f.Description, f.Described = textOf(v); !f.Described {
				s.failRedis(L, "ERR description argument given to redis.register_function must be a string")
			}
		case "callback":
			fn, ok := v.(*lua.LFunction)
			if !ok {
				s.failRedis(L, "ERR callback argument given to redis.register_function must be a function")
			}
			f.fn = fn
		case "flags":
			flags, ok := v.(*lua.LTable)
			if !ok {
				s.failRedis(L, "ERR flags argument to redis.register_function must be a table representing function flags")
			}
			f.Flags = s.flagTable(L, flags)
		default:
			s.failRedis(L, "ERR unknown argument given to redis.register_function")
		}
	}
	if f.Name == "" {
		s.failRedis(L, "ERR redis.register_function must get a function name argument")
	}
	if f.fn == nil {
		s.failRedis(L, "ERR redis.register_function must get a callback argument")
	}
}

// textOf is a string, or a number as one.
func textOf(v lua.LValue) (string, bool) {
	if !lua.LVCanConvToString(v) {
		return "", false
	}
	return toText(v), true
}

func (s *State) flagTable(L *lua.LState, t *lua.LTable) (flags Flags) {
	for i := 1; ; i++ {
		v := rawIndex(t, i)
		if v == lua.LNil {
			return flags
		}
		name, ok := v.(lua.LString)
		flag, known := flagNamed(string(name))
		if !ok || !known {
			s.failRedis(L, "ERR unknown flag given")
		}
		flags |= flag
	}
}
