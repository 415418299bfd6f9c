package difftest

import (
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/script"
)

// scriptTexts are scripts for EVAL: what they do depends on keys and arguments, and what
// they reply has an order.
var scriptTexts = []string{
	"return 1", "return {KEYS, ARGV}", "return #KEYS .. ':' .. #ARGV", "return ARGV[1]", "return nil", "return {1, 2.9, 'x', false, {true}}",
	"return redis.call('type', KEYS[1] or 'nokey')",
	"return {redis.pcall('incr', KEYS[1] or 's0'), redis.pcall('lrange', KEYS[1] or 'l0', 0, -1)}",
	"redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])",
	"local n = redis.call('incr', KEYS[1]) if n == 1 then redis.call('expire', KEYS[1], 1000) end return n",
	"local v = redis.pcall('lpop', KEYS[1]) if type(v) == 'table' then return v.err end return v",
	"for i = 1, 3 do redis.call('rpush', KEYS[1], ARGV[1] or i) end return redis.call('lrange', KEYS[1], 0, 4)",
	"return redis.pcall('zadd', KEYS[1], ARGV[1], ARGV[2])",
	"return {redis.pcall('zrange', KEYS[1], 0, 3, 'WITHSCORES')}",
	"local ok, e = pcall(redis.call, 'hset', KEYS[1], ARGV[1], ARGV[2]) return {ok, type(e) == 'table' and e.err or e}",
	"return redis.call(unpack(ARGV))", "return redis.pcall(unpack(ARGV))", "return redis.call('append', KEYS[1], ARGV[1]) + 1",
	"local t = {} for i, k in ipairs(KEYS) do t[i] = redis.call('exists', k) end return t",
	"return redis.call('rename', KEYS[1], KEYS[2])", "return redis.call('select', ARGV[1])", "return tonumber(ARGV[1])",
	"return cjson.encode({ARGV, n = nil})", "return {pcall(cjson.decode, ARGV[1])}", "return cmsgpack.pack(ARGV[1], 1, {2})",
	"return string.format('%5.2f|%d|%s', tonumber(ARGV[1]) or 0, #ARGV, ARGV[1] or 'x')", "return (ARGV[1] or ''):rep(3):upper()",
	"return {string.find(ARGV[1] or '', '(%w)(%d*)')}", "return ARGV[1] + 1", "return ARGV[1] .. KEYS[1]", "return KEYS.x.y",
	"error(ARGV[1])", "error({err = ARGV[1] or 'X y'})", "return redis.error_reply(ARGV[1])", "return redis.status_reply(ARGV[1])", "return foo", "foo = 1", "return (",
	"redis.setresp(3) return redis.call('zscore', KEYS[1], ARGV[1])", "#!lua\nreturn redis.call('get', KEYS[1])",
	"#!lua flags=no-writes\nreturn redis.call('set', KEYS[1], 1)", "#!lua flags=what\nreturn 1",
	"redis.call('del', KEYS[1]) redis.call('set', KEYS[1], 'v') error('late')",
}

// libraryTexts are libraries for FUNCTION LOAD.
var libraryTexts = []string{
	"#!lua name=one\nredis.register_function('f1', function(k, a) return {k, a} end)",
	"#!lua name=two\nredis.register_function('f2', function(k, a) return redis.call('incr', k[1]) end)",
	"#!lua name=two\nredis.register_function{function_name='f2', callback=function(k) return redis.call('type', k[1]) end, flags={'no-writes'}}",
	"#!lua name=three\nredis.register_function('f1', function() end)", "#!lua name=bad\nreturn", "#!lua\nreturn 1", "return 1",
	"#!lua name=four\nlocal n = 0 redis.register_function('f4', function() n = n + 1 return n end)",
}

// script draws the arguments of EVAL and its kin.
func (b *builder) script(a *spec.Arg) (string, bool) {
	switch a.Name {
	case "script":
		return pick(b.generator, scriptTexts), true
	case "sha1":
		if b.one(10) {
			return pick(b.generator, nonsense), true
		}
		return script.SHA1(pick(b.generator, scriptTexts)), true
	case "function":
		return pick(b.generator, []string{"f1", "f2", "F2", "f4", "f9"}), true
	case "function-code":
		return pick(b.generator, libraryTexts), true
	case "library-name":
		return pick(b.generator, []string{"one", "two", "four", "nine"}), true
	}
	return "", false
}
