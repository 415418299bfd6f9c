package script

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// pieces are what random scripts are made of.
var pieces = []string{
	"return ", "local x = ", "x", "y", "1", "0", "-1", "1e308", "0/0", "nil", "true", "'a'", "'\\0'", "{}", "{1,2,3}", "{a=1}", "[[l]]",
	"+", "-", "*", "/", "%", "^", "..", "==", "<", "<=", "~=", " and ", " or ", "not ", "#", "(", ")", "[", "]", "{", "}", ",", ";", ".", ":", "=", "\n",
	"function f(...) ", "function(a, b) ", " end ", "if x then ", " else ", " elseif x then ", "for i = 1, 3 do ", "for k, v in pairs(x) do ",
	"while x do ", "do ", "repeat ", " until x", "break", "...", "local function g(a) return g(a) end ", "--[[c]]", "goto ",
	"string.rep('x', 1e3)", "string.format('%5.2f %q %s', 1, 'a', 'b')", "string.find('abc', '(b)%1-')", "('x'):gsub('.', '%0%0')",
	"string.gsub('abc', '%w', {a = 1})", "table.concat({1,2}, ',')", "table.sort({3,1,2})", "unpack({1,2})", "select('#', 1, 2)",
	"pcall(error, {err = 'x'})", "error('e')", "tostring(x)", "tonumber('0x1p4')", "setmetatable({}, {__index = function(t, k) return k end})",
	"coroutine.wrap(function(a) local b = coroutine.yield(a) return b end)(1)", "coroutine.yield(1)", "xpcall(f, tostring)",
	"redis.call('echo', 'x')", "redis.pcall('nope')", "redis.call()", "cjson.encode({1,{a=2}})", "cjson.decode('{\"a\":[1,null]}')",
	"cmsgpack.unpack(cmsgpack.pack({1,'a',{}}))", "struct.unpack('>i3', 'abc')", "bit.band(1, 3)", "loadstring('return 1')()", "ARGV[1]", "_G",
}

// runAny runs any bytes as a script: it must end soon, and neither panic nor leave the
// machine unfit for the next.
func runAny(t testing.TB, src string) {
	f := &fakeServer{limit: 100 * time.Millisecond}
	s := New(Options{Host: f, MaxBytes: 64 << 20})
	begin := time.Now()
	got := evalOn(s, f, src, "arg")
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("%q took %v", src, took)
	}
	if strings.Contains(got, "internal error") {
		t.Errorf("%q: %s", src, got)
	}
	if got := evalOn(s, f, "local t = {} for i = 1, 3 do t[i] = i end return {#t, pcall(error, 'x')}"); got != "*3\r\n:3\r\n$-1\r\n$1\r\nx\r\n" {
		t.Errorf("after %q: %q", src, got)
	}
}

func TestRandomScripts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	n := 2000
	if testing.Short() {
		n = 200
	}
	for range n {
		var b strings.Builder
		for range 1 + rnd.IntN(12) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		runAny(t, b.String())
	}
}

func FuzzScript(f *testing.F) {
	for _, p := range pieces {
		f.Add(p)
		f.Add("return " + p)
		f.Add("local x = 1 " + p + " return x")
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4096 {
			return
		}
		runAny(t, src)
	})
}

// FuzzDecoders gives any bytes to what reads formats from outside.
func FuzzDecoders(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e3,"\u00e9\ud83d\ude00",null,true]}`, "[[[[", `"\x`, "-", "0x", "\xdc\xff\xff", "\x93\x01\xa1a\xc0", "\xdf\xff\xff\xff\xff\x01",
		"\xcb\x00", "\x81\xc0\x01", "1e999", "nan", "-inf",
	} {
		f.Add([]byte(s), ">I3sc0")
	}
	f.Add([]byte("\x03abc"), "Bc0")
	f.Add([]byte("abcdefgh"), "!8 b d i32 x")
	server := &fakeServer{limit: time.Second}
	s := New(Options{Host: server, MaxBytes: 64 << 20})
	const src = `local a = {pcall(cjson.decode, ARGV[1])}
		if a[1] then pcall(cjson.encode, a[2]) end
		local b = {pcall(cmsgpack.unpack, ARGV[1])}
		if b[1] then cmsgpack.pack(unpack(b)) end
		pcall(cmsgpack.unpack_limit, ARGV[1], 2, 1)
		local c = {pcall(struct.unpack, ARGV[2], ARGV[1])}
		if c[1] then table.remove(c) table.remove(c, 1) pcall(struct.pack, ARGV[2], unpack(c)) end
		pcall(struct.size, ARGV[2])
		pcall(string.find, ARGV[1], ARGV[2])
		pcall(string.gsub, ARGV[1], ARGV[2], ARGV[2])
		pcall(string.format, ARGV[2], 1, 2, 3)
		pcall(loadstring, ARGV[1])
		return 1`
	f.Fuzz(func(t *testing.T, data []byte, format string) {
		if len(data) > 1<<16 || len(format) > 64 {
			return
		}
		if got := evalOn(s, server, src, string(data), format); strings.Contains(got, "internal error") {
			t.Errorf("%q, %q: %s", data, format, got)
		}
	})
}

func TestLexerNumbers(t *testing.T) {
	for in, want := range map[string]float64{"1": 1, "0x10": 16, "1e3": 1000, " 12 ": 12, "-5": -5, "0x1p4": 16, ".5": 0.5, "010": 10} {
		if got, ok := parseNumber(in); !ok || got != want {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "x", "1x", "1_000", "0b1", "1e", "--1", "0x", "infinit", "1 2"} {
		if got, ok := parseNumber(in); ok {
			t.Errorf("%q: %v", in, got)
		}
	}
}
