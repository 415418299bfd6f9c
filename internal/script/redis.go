package script

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// openRedis adds the library "redis".
func (s *State) openRedis() {
	fns := map[string]lua.LGFunction{
		"call": s.redisCall, "pcall": s.redisPCall, "error_reply": s.errorReply, "status_reply": s.statusReply,
		"sha1hex": s.sha1hex, "log": s.redisLog, "setresp": s.setResp, "set_repl": s.setRepl,
		"acl_check_cmd":      s.aclCheck,
		"breakpoint":         func(L *lua.LState) int { L.Push(lua.LFalse); return 1 },
		"debug":              func(*lua.LState) int { return 0 },
		"replicate_commands": func(L *lua.LState) int { L.Push(lua.LTrue); return 1 },
	}
	if s.opt.Functions {
		delete(fns, "replicate_commands")
		delete(fns, "breakpoint")
		delete(fns, "debug")
	}
	t := s.setLib("redis", fns)
	for name, n := range map[string]int64{
		"LOG_DEBUG": 0, "LOG_VERBOSE": 1, "LOG_NOTICE": 2, "LOG_WARNING": 3,
		"REPL_NONE": 0, "REPL_AOF": 1, "REPL_SLAVE": 2, "REPL_REPLICA": 2, "REPL_ALL": 3,
		"REDIS_VERSION_NUM": int64(s.opt.VersionNum),
	} {
		t.RawSetString(name, number(n))
	}
	t.RawSetString("REDIS_VERSION", lua.LString(s.opt.Version))
}

// Texts of errors.
const (
	errNoArgs    = "ERR Please specify at least one argument for this redis lib call"
	errArgType   = "ERR Lua redis lib command arguments must be strings or integers"
	errReplyArgs = "ERR wrong number or type of arguments"
)

// callBuffers hold the arguments of a command, so that calling it takes no memory. There
// are two of them, as the host may look at those of the last command once more.
type callBuffers struct {
	args [][]byte
	text []byte
}

// gather copies the arguments of redis.call. ok is false when one is of a type that
// no command takes.
func (s *State) gather(L *lua.LState, n int) bool {
	s.turn ^= 1
	c := &s.calls[s.turn]
	c.args, c.text = c.args[:0], c.text[:0]
	if cap(c.text) > 1<<20 {
		c.text = nil
	}
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			if len(v) > 4096 { // not worth a copy: nobody writes to it
				c.args = append(c.args, unsafe.Slice(unsafe.StringData(string(v)), len(v)))
				continue
			}
			from := len(c.text)
			c.text = append(c.text, v...)
			c.args = append(c.args, c.text[from:len(c.text):len(c.text)])
		case lua.LNumber:
			from := len(c.text)
			c.text = appendArg(c.text, float64(v))
			c.args = append(c.args, c.text[from:len(c.text):len(c.text)])
		default:
			return false
		}
	}
	return true
}

// appendArg appends a number as %.17g has it.
func appendArg(b []byte, f float64) []byte {
	if i := int64(f); float64(i) == f && i > -1e17 && i < 1e17 && (i != 0 || f == 0 && 1/f > 0) {
		return strconv.AppendInt(b, i, 10)
	}
	if b, ok := appendSpecial(b, f); ok {
		return b
	}
	return strconv.AppendFloat(b, f, 'g', 17, 64)
}

func (s *State) redisCall(L *lua.LState) int {
	v, failed := s.perform(L)
	if failed {
		L.Error(v, 0)
	}
	L.Push(v)
	return 1
}

func (s *State) redisPCall(L *lua.LState) int {
	v, _ := s.perform(L)
	L.Push(v)
	return 1
}

// perform runs the command that stands on the stack.
func (s *State) perform(L *lua.LState) (v lua.LValue, failed bool) {
	n := L.GetTop()
	if s.loading != nil {
		s.fail(L, "Script attempted to access nonexistent global variable 'call'")
	}
	if n == 0 {
		return s.errorTable(errNoArgs), true
	}
	if !s.gather(L, n) {
		return s.errorTable(errArgType), true
	}
	reply := s.host.Call(s.calls[s.turn].args, s.proto)
	if s.stop != nil { // the time ran out within
		s.failRedis(L, s.stop.Error())
	}
	if len(reply) > 0 && reply[0] == '-' {
		t := s.errorTable(strings.TrimRight(string(reply[1:]), "\r\n"))
		t.RawSetString("ignore_error_stats_update", lua.LTrue)
		return t, true
	}
	if len(reply) > 1<<16 {
		s.take(L, 4*len(reply))
	}
	r := replyReader{s: s, L: L, in: reply}
	return r.value(), false
}

func (s *State) errorTable(text string) *lua.LTable {
	t := s.L.CreateTable(0, 1)
	t.RawSetString("err", lua.LString(text))
	return t
}

// singleString is the argument of redis.error_reply and status_reply.
func (s *State) singleString(L *lua.LState) (string, bool) {
	v, ok := L.Get(1).(lua.LString)
	return string(v), ok && L.GetTop() == 1
}

func (s *State) errorReply(L *lua.LState) int {
	text, ok := s.singleString(L)
	if !ok {
		L.Push(s.errorTable(errReplyArgs))
		return 1
	}
	// A '-' marks a code; without one, and with a single word, the code is ERR.
	code, msg, two := strings.Cut(strings.TrimPrefix(text, "-"), " ")
	switch {
	case two:
		text = code + " " + msg
	default:
		text = "ERR " + code
	}
	L.Push(s.errorTable(strings.TrimRight(text, "\r\n")))
	return 1
}

func (s *State) statusReply(L *lua.LState) int {
	text, ok := s.singleString(L)
	if !ok {
		L.Push(s.errorTable(errReplyArgs))
		return 1
	}
	t := L.CreateTable(0, 1)
	t.RawSetString("ok", lua.LString(text))
	L.Push(t)
	return 1
}

// failRedis raises an error as a table, as functions of "redis" do.
func (s *State) failRedis(L *lua.LState, text string) { L.Error(s.errorTable(text), 0) }

func (s *State) sha1hex(L *lua.LState) int {
	if L.GetTop() != 1 {
		s.failRedis(L, "ERR wrong number of arguments")
	}
	text := ""
	if v := L.Get(1); lua.LVCanConvToString(v) {
		text = toText(v)
	}
	s.spend(L, len(text)/64)
	L.Push(lua.LString(SHA1(text)))
	return 1
}

// SHA1 is how scripts are called: the digest of their text, in hexadecimal.
func SHA1(text string) string {
	h := sha1.New()
	h.Write(unsafe.Slice(unsafe.StringData(text), len(text)))
	return hex.EncodeToString(h.Sum(nil))
}

func (s *State) redisLog(L *lua.LState) int {
	n := L.GetTop()
	if n < 2 {
		s.failRedis(L, "ERR redis.log() requires two arguments or more.")
	}
	level, ok := L.Get(1).(lua.LNumber)
	if !ok {
		str, isStr := L.Get(1).(lua.LString)
		f, isNum := parseNumber(string(str))
		if !isStr || !isNum {
			s.failRedis(L, "ERR First argument must be a number (log level).")
		}
		level = lua.LNumber(f)
	}
	if level < 0 || level >= 4 {
		s.failRedis(L, "ERR Invalid debug level.")
	}
	var b []byte
	for i := 2; i <= n; i++ {
		if v := L.Get(i); lua.LVCanConvToString(v) {
			if i > 2 {
				b = append(b, ' ')
			}
			b = append(b, toText(v)...)
		}
	}
	s.host.Log(int(level), string(b))
	return 0
}

func (s *State) setResp(L *lua.LState) int {
	if L.GetTop() != 1 {
		s.failRedis(L, "ERR redis.setresp() requires one argument.")
	}
	var f float64
	switch v := L.Get(1).(type) {
	case lua.LNumber:
		f = float64(v)
	case lua.LString:
		f, _ = parseNumber(string(v))
	}
	if i := toInt(f); i == 2 || i == 3 {
		s.proto = i
		return 0
	}
	s.failRedis(L, "ERR RESP version must be 2 or 3.")
	return 0
}

func (s *State) setRepl(L *lua.LState) int {
	if L.GetTop() != 1 {
		s.failRedis(L, "ERR redis.set_repl() requires two arguments.")
	}
	var f float64
	switch v := L.Get(1).(type) {
	case lua.LNumber:
		f = float64(v)
	case lua.LString:
		f, _ = parseNumber(string(v))
	}
	if f < 0 || f > 3 {
		s.failRedis(L, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	return 0
}

func (s *State) aclCheck(L *lua.LState) int {
	n := L.GetTop()
	if n == 0 {
		s.failRedis(L, errNoArgs)
	}
	if !s.gather(L, n) {
		s.failRedis(L, errArgType)
	}
	ok, known := s.host.Permitted(s.calls[s.turn].args)
	if !known {
		s.failRedis(L, "ERR Invalid command passed to redis.acl_check_cmd()")
	}
	L.Push(lua.LBool(ok))
	return 1
}
