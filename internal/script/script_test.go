package script

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/resp"
)

// fakeServer answers commands of its own, and ends scripts that take too long.
type fakeServer struct {
	reply  resp.Writer
	began  time.Time
	limit  time.Duration
	logged []string
}

func (f *fakeServer) Call(args [][]byte, proto int) []byte {
	f.reply.Reset()
	f.reply.Proto = proto
	switch string(args[0]) {
	case "echo":
		f.reply.BulkBytes(args[1])
	case "array":
		f.reply.ArrayHeader(len(args) - 1)
		for _, a := range args[1:] {
			f.reply.BulkBytes(a)
		}
	case "map":
		f.reply.MapHeader(1)
		f.reply.BulkString("k")
		f.reply.Double(1.5)
	case "null":
		f.reply.Null()
	case "raw":
		f.reply.Raw(args[1])
	case "ok":
		f.reply.OK()
	default:
		f.reply.Error("ERR no such thing")
	}
	return f.reply.Bytes()
}

func (f *fakeServer) Tick() error {
	if f.limit > 0 && time.Since(f.began) > f.limit {
		return errText("ERR stopped")
	}
	return nil
}

func (f *fakeServer) Permitted(args [][]byte) (ok, known bool) {
	return true, string(args[0]) == "echo"
}
func (f *fakeServer) Log(_ int, line string) { f.logged = append(f.logged, line) }
func (f *fakeServer) Nanos() int64           { return time.Now().UnixNano() }

// eval runs a script on a machine of its own and shows the reply.
func eval(t testing.TB, f *fakeServer, src string, args ...string) string {
	t.Helper()
	s := New(Options{Host: f, Version: "7.4.1", VersionNum: 0x070401, MaxBytes: 128 << 20})
	return evalOn(s, f, src, args...)
}

func evalOn(s *State, f *fakeServer, src string, args ...string) string {
	f.began = time.Now()
	sc, err := s.Compile(src)
	if err != "" {
		return "-" + string(err)
	}
	var argv [][]byte
	for _, a := range args {
		argv = append(argv, []byte(a))
	}
	var out resp.Writer
	if failed := s.Run(sc, nil, argv, &out); failed != nil {
		return "-" + string(failed.Reply("sha"))
	}
	return string(out.Bytes())
}

func TestReplies(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"return redis.call('echo', 'a')", "$1\r\na\r\n"},
		{"return redis.call('array', 1, 2.5, 'x')", "*3\r\n$1\r\n1\r\n$3\r\n2.5\r\n$1\r\nx\r\n"},
		{"return redis.call('null')", "$-1\r\n"},
		{"return redis.call('ok')", "+OK\r\n"},
		{"return redis.call('map')", "*2\r\n$1\r\nk\r\n$3\r\n1.5\r\n"},
		{"redis.setresp(3) return redis.call('map').map.k.double", ":1\r\n"},
		{"redis.setresp(3) return redis.call('raw', '=7\\r\\ntxt:abc\\r\\n').verbatim_string.format", "$3\r\ntxt\r\n"},
		{"redis.setresp(3) return redis.call('raw', '(123\\r\\n').big_number", "$3\r\n123\r\n"},
		{"redis.setresp(3) return redis.call('raw', '~2\\r\\n:1\\r\\n#t\\r\\n').set[1]", ":1\r\n"},
		{"redis.setresp(3) return redis.call('raw', '|1\\r\\n+a\\r\\n+b\\r\\n_\\r\\n') == nil", ":1\r\n"},
		{"return redis.call('nope')", "-ERR no such thing script: sha, on @user_script:1."},
		{"return redis.pcall('nope').err", "$17\r\nERR no such thing\r\n"},
		{"return {KEYS, ARGV[1], ARGV[2]}", "*2\r\n*0\r\n$1\r\nx\r\n"},
	} {
		if got := eval(t, &fakeServer{}, c.src, "x"); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.src, got, c.want)
		}
	}
}

// TestSandbox: what must not work, and leave the next script as it would be.
func TestSandbox(t *testing.T) {
	f := &fakeServer{limit: 2 * time.Second}
	s := New(Options{Host: f, MaxBytes: 128 << 20})
	for _, src := range []string{
		"return io", "return os.execute()", "return require", "return dofile", "return print", "return debug", "return package",
		"return newproxy", "return setfenv", "return getfenv", "return module", "return loadfile", "return channel",
		"string.len = nil", "redis.call = nil", "_G.x = 1", "x = 1", "rawset(_G, 'x', 1)", "rawset(string, 'x', 1)",
		"setmetatable(_G, nil)", "setmetatable(redis, nil)", "getmetatable('').__index = nil", "getmetatable(_G).__index = nil",
		"table.insert(redis, 1)", "table.sort(_G)", "table.remove(redis)", "getmetatable(redis).__index = 1", "KEYS = 1",
		"local f = loadstring('\\27Lua') f()",
	} {
		got := evalOn(s, f, src)
		if !strings.HasPrefix(got, "-ERR") && !strings.HasPrefix(src, "table.") {
			t.Errorf("%s: %q", src, got)
		}
	}
	if got := evalOn(s, f, "return {string.len('abc'), redis.call('echo', 'x'), type(_G), ('x'):rep(2)}"); got != "*4\r\n:3\r\n$1\r\nx\r\n$5\r\ntable\r\n$2\r\nxx\r\n" {
		t.Errorf("after all that: %q", got)
	}
}

// TestBounds: scripts that would take all memory, all stack or all time end with an error.
func TestBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, src := range []string{
		"return #string.rep('x', 1e10)",
		"local s = 'x' while true do s = s .. s end",
		"local s = 'x' while true do s = s:gsub('x', 'xxxx') end",
		"local t = {} while true do t[#t+1] = {} end",
		"local t = {} while true do t[#t+1] = string.rep('x', 1e6) end",
		"local t = {} local i = 0 while true do i = i + 1 t['k'..i] = i end",
		"local t = {} for i = 1, 1e9 do t[i] = {} t[i][4e6] = 1 end",
		"local t = {} for i = 1, 1e9 do t[i] = {} t[i][67e6] = 1 t['k'..i] = string.rep('x', 1e5) end",
		"local function f() return f() + 1 end return f()",
		"local function f() local ok, e = pcall(f) if not ok then error(e, 0) end end return f()",
		"local function f() return coroutine.wrap(f)() end return f()",
		"local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
		"local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end return tostring(t)",
		"return string.find(string.rep('a', 100), string.rep('a?', 100)..string.rep('a', 100))",
		"return string.find(string.rep('a', 300000), '.-b')",
		"return cjson.decode(string.rep('[', 1e6))",
		"return cjson.decode('['..string.rep('[],', 2e7)..'1]')",
		"return cmsgpack.unpack(string.rep('\\145', 1e6))",
		"return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
		"return cmsgpack.unpack('\\223\\255\\255\\255\\255'..string.rep('\\1', 100))",
		"return struct.pack('c999999999', 'x')",
		"return unpack({}, 1, 1e9)",
		"return string.byte(string.rep('x', 1e6), 1, -1)",
		"return string.format('%99.99f %s', 1e300, string.rep('x', 6e8))",
		"return table.concat({}, 'x', 1, 1e9)",
		"while true do end",
		"repeat local ok = pcall(function() while true do end end) until false",
		"return loadstring(string.rep('(', 1e5)..'1'..string.rep(')', 1e5))()",
		"return loadstring('return '..string.rep('not ', 1e5)..'1')()",
		"return loadstring('return 1'..string.rep('+1', 1e6))()",
		"return loadstring('return x'..string.rep('.x', 1e6))()",
		"return loadstring(string.rep('if x then else', 1e5))()",
		"return load(function() return 'x=' end)",
		"table.sort({1,2,3,4,5,6,7,8,9}, function(a, b) return true end) while true do end",
	} {
		t.Run(strings.ReplaceAll(src[:min(len(src), 40)], "/", "-"), func(t *testing.T) {
			f := &fakeServer{limit: 300 * time.Millisecond}
			begin := time.Now()
			got := eval(t, f, src)
			if !strings.HasPrefix(got, "-ERR") {
				t.Errorf("got %.80q", got)
			}
			if took := time.Since(begin); took > 2*time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestUpvaluesAfterErrors: gopher-lua's pcall parted variables from the functions that
// share them.
func TestUpvaluesAfterErrors(t *testing.T) {
	src := `local n = 0
		local function inc() n = n + 1 return n end
		inc() pcall(error, 'x') n = n + 10 inc()
		pcall(function() inc() error('y') end)
		return {n, inc()}`
	if got := eval(t, &fakeServer{}, src); got != "*2\r\n:13\r\n:14\r\n" {
		t.Errorf("%q", got)
	}
}

// TestFunctionsKeepState: what a library keeps in local variables outlives the call.
func TestFunctionsKeepState(t *testing.T) {
	f := &fakeServer{}
	s := New(Options{Host: f, Functions: true})
	code := "#!lua name=l\nlocal n = 0\nredis.register_function('count', function(keys, args) n = n + #args return n end)"
	name, body, err := Metadata(code)
	if err != "" || name != "l" {
		t.Fatal(name, err)
	}
	lib, err := s.Load(name, code, body)
	if err != "" {
		t.Fatal(err)
	}
	for i := range 3 {
		var out resp.Writer
		if e := s.Call(lib.Functions[0], nil, [][]byte{{'a'}, {'b'}}, &out); e != nil {
			t.Fatal(e)
		}
		if want := fmt.Sprintf(":%d\r\n", 2*i+2); string(out.Bytes()) != want {
			t.Errorf("%q, want %q", out.Bytes(), want)
		}
	}
}

// TestNoopAllocatesLittle: running a compiled script makes its two tables.
func TestNoopAllocatesLittle(t *testing.T) {
	s := New(Options{Host: &fakeServer{}})
	sc, err := s.Compile("return 1")
	if err != "" {
		t.Fatal(err)
	}
	var out resp.Writer
	if n := testing.AllocsPerRun(100, func() {
		out.Reset()
		s.Run(sc, nil, nil, &out)
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScript(b *testing.B) {
	for _, c := range []struct{ name, src string }{
		{"noop", "return 1"},
		{"call", "return redis.call('echo', ARGV[1])"},
		{"limiter", "local n = redis.call('echo', ARGV[1]) if n == '1' then redis.call('ok') end return {n, redis.call('ok')}"},
		{"loop=1000", "local s = 0 for i = 1, 1000 do s = s + i % 7 end return s"},
		{"concat", "return KEYS[1] == nil and ARGV[1]..':'..#ARGV..':'..1.5"},
	} {
		b.Run("script="+c.name, func(b *testing.B) {
			s := New(Options{Host: &fakeServer{}})
			sc, err := s.Compile(c.src)
			if err != "" {
				b.Fatal(err)
			}
			args := [][]byte{[]byte("1")}
			var out resp.Writer
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				s.Run(sc, nil, args, &out)
			}
		})
	}
}
