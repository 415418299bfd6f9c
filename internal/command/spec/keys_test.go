package spec

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func words(s string) [][]byte {
	var args [][]byte
	for _, w := range strings.Fields(s) {
		args = append(args, []byte(strings.Trim(w, `"`)))
	}
	return args
}

// keysOf renders the keys of a command as COMMAND GETKEYSANDFLAGS lists them,
// an error as its text.
func keysOf(command string) string {
	args := words(command)
	pos, err := GetKeys(nil, args)
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, p := range pos {
		list = append(list, fmt.Sprintf("%s:%s", args[p.Pos], strings.Join(p.Flags.Names(), "+")))
	}
	return strings.Join(list, " ")
}

// TestGetKeys: each expectation up to the line of later commands was seen on
// redis-server 7.0.15.
func TestGetKeys(t *testing.T) {
	for _, c := range getKeysCases {
		if got := keysOf(c.command); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
		}
	}
}

var getKeysCases = []struct{ command, want string }{
	{"GET k", "k:RO+access"},
	{"GET a b", "ERR Invalid number of arguments specified for command"},
	{"nothing k", "ERR Invalid command specified"},
	{"CONFIG GET x", "ERR The command has no key arguments"},
	{"object nothing k", "ERR Invalid command specified"},
	{"OBJECT ENCODING k", "k:RO"},
	{"OBJECT HELP", "ERR The command has no key arguments"},
	{"MEMORY USAGE k", "k:RO"},
	{"XGROUP CREATE s g $", "s:RW+insert"},
	{"XINFO STREAM s FULL", "s:RO+access"},
	{"MGET a b c", "a:RO+access b:RO+access c:RO+access"},
	{"MSET a 1 b 2", "a:OW+update b:OW+update"},
	{"MSET a 1 b", "a:OW+update b:OW+update"},
	{"MSETNX a 1 b 2", "a:OW+insert b:OW+insert"},
	{"SET k v", "k:OW+update"},
	{"SET k v GET", "k:RW+access+update"},
	{"SET k v EX 10 get", "k:RW+access+update"},
	{"SET k v ex get", "k:RW+access+update"},
	{"BITFIELD k", "k:RO+access"},
	{"BITFIELD k GET u8 0", "k:RO+access"},
	{"BITFIELD k GET u8 0 OVERFLOW SAT GET u4 1", "k:RO+access"},
	{"BITFIELD k GET u8 0 SET u8 0 1", "k:RW+access+update"},
	{"BITFIELD k INCRBY u8 0 1", "k:RW+access+update"},
	{"BITFIELD k OVERFLOW", "k:RW+access+update"},
	{"BITFIELD k GET u8", "k:RW+access+update"},
	{"BITFIELD_RO k GET u8 0", "k:RO+access"},
	{"BITOP AND d a b", "d:OW+update a:RO+access b:RO+access"},
	{"BITOP AND d", "ERR Invalid number of arguments specified for command"},
	{"COPY a b", "a:RO+access b:OW+update"},
	{"RENAME a b", "a:RW+access+delete b:OW+update"},
	{"LCS a b", "a:RO+access b:RO+access"},
	{"SORT k", "k:RO+access"},
	{"SORT k STORE d", "k:RO+access d:OW+update"},
	{"SORT k BY w LIMIT 0 10 GET STORE ASC ALPHA STORE d", "k:RO+access d:OW+update"},
	{"SORT k GET # STORE a STORE b", "k:RO+access b:OW+update"},
	{"SORT k STORE", "k:RO+access"},
	{"SORT k LIMIT STORE x y", "k:RO+access"},
	{"SORT_RO k BY nosort", "k:RO+access"},
	{"SORT_RO k STORE d", "k:RO+access"},
	{"EVAL s 0", ""},
	{"EVAL s 1 a", "a:RW+access+update"},
	{"EVAL s 2 a b c", "a:RW+access+update b:RW+access+update"},
	{"EVAL s 3 a b", ""},
	{"EVAL s -1 a", ""},
	{"EVAL s x a", ""},
	{"EVAL s 2x a b", "a: b:"},
	{"EVAL s", "ERR Invalid number of arguments specified for command"},
	{"EVALSHA s 1 k v", "k:RW+access+update"},
	{"EVAL_RO s 1 k", "k:RO+access"},
	{"FCALL f 2 a b", "a:RW+access+update b:RW+access+update"},
	{"FCALL_RO f 0", ""},
	{"ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d:OW+update a:RO+access b:RO+access"},
	{"ZUNIONSTORE d 0 a", "ERR Invalid arguments specified for command"},
	{"ZUNIONSTORE d 3 a b", "ERR Invalid arguments specified for command"},
	{"ZUNIONSTORE d 2x a b", "a: b: d:"},
	{"ZINTERSTORE d 1 d", "d:OW+update d:RO+access"},
	{"ZDIFFSTORE d 1 a", "d:OW+update a:RO+access"},
	{"ZUNION 2 a b WITHSCORES", "a:RO+access b:RO+access"},
	{"ZDIFF 0 a", "ERR Invalid arguments specified for command"},
	{"ZDIFF 1 a", "a:RO+access"},
	{"ZINTER 2 a", "ERR Invalid arguments specified for command"},
	{"ZINTERCARD 2 a b LIMIT 1", "a:RO+access b:RO+access"},
	{"SINTERCARD 2 a b LIMIT 1", "a:RO+access b:RO+access"},
	{"SINTERCARD 2 a", "ERR Invalid arguments specified for command"},
	{"ZMPOP 1 a MIN", "a:RW+access+delete"},
	{"LMPOP 2 a b LEFT COUNT 2", "a:RW+access+delete b:RW+access+delete"},
	{"BLMPOP 0 2 a b LEFT", "a:RW+access+delete b:RW+access+delete"},
	{"BLMPOP 0 2 a LEFT", "a:RW+access+delete LEFT:RW+access+delete"},
	{"BZMPOP 0 1 a MAX", "a:RW+access+delete"},
	{"BLPOP a b 0", "a:RW+access+delete b:RW+access+delete"},
	{"BLPOP a 0", "a:RW+access+delete"},
	{"BLPOP a", "ERR Invalid number of arguments specified for command"},
	{"BZPOPMIN a b 0", "a:RW+access+delete b:RW+access+delete"},
	{"BRPOPLPUSH a b 0", "a:RW+access+delete b:RW+insert"},
	{"BLMOVE a b LEFT RIGHT 0", "a:RW+access+delete b:RW+insert"},
	{"SDIFFSTORE d a b", "d:OW+update a:RO+access b:RO+access"},
	{"SDIFF a b", "a:RO+access b:RO+access"},
	{"SMOVE a b m", "a:RW+access+delete b:RW+insert"},
	{"ZRANGESTORE d s 0 -1", "d:OW+update s:RO+access"},
	{"XREAD STREAMS a b 0 0", "a:RO+access b:RO+access"},
	{"XREAD COUNT 1 BLOCK 0 STREAMS a 0", "a:RO+access"},
	{"XREAD STREAMS a b 0", "a:RO+access"},
	{"XREAD COUNT 1 STREAMS a", "ERR Invalid arguments specified for command"},
	{"XREAD STREAMS STREAMS a b 0 0", "STREAMS:RO+access a:RO+access"},
	{"XREAD COUNT 2 a", "ERR Invalid arguments specified for command"},
	{"XREAD count 2 streams a b c 0 0 0", "a:RO+access b:RO+access c:RO+access"},
	{"XREADGROUP GROUP g c STREAMS a >", "a:RO+access"},
	{"XREADGROUP GROUP STREAMS c STREAMS a >", "a:RO+access"},
	{"XREADGROUP GROUP g c COUNT 1 NOACK STREAMS a b > >", "a:RO+access b:RO+access"},
	{"XREADGROUP GROUP g c STREAMS a b >", "a:RO+access"},
	{"XADD s * f v", "s:RW+update"},
	{"GEORADIUS k 0 0 1 m", "k:RO+access"},
	{"GEORADIUS k 0 0 1 m STORE d", "k:RO+access d:OW+update"},
	{"GEORADIUS k 0 0 1 m STORE d STOREDIST e", "k:RO+access d:OW+update e:OW+update"},
	{"GEORADIUS k 0 0 1 m store d COUNT 1", "k:RO+access d:OW+update"},
	{"GEORADIUS k 0 0 1 m STORE", "k:RO+access"},
	{"GEORADIUSBYMEMBER k m 1 m STOREDIST d", "k:RO+access d:OW+update"},
	{"GEORADIUS_RO k 0 0 1 m", "k:RO+access"},
	{"GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 m", "d:OW+update s:RO+access"},
	{"MIGRATE h 1 k 0 10", "k:RW+access+delete"},
	{"MIGRATE h 1 k 0 10 COPY REPLACE", "k:RW+access+delete"},
	{`MIGRATE h 1 "" 0 10 KEYS a b`, "a:RW+access+delete b:RW+access+delete"},
	{`MIGRATE h 1 "" 0 10 COPY AUTH KEYS KEYS a`, "a:RW+access+delete"},
	{`MIGRATE h 1 "" 0 10 AUTH2 KEYS KEYS KEYS a b`, "a:RW+access+delete b:RW+access+delete"},
	{"MIGRATE h 1 k 0 10 KEYS a", "ERR Invalid arguments specified for command"},
	{"MIGRATE h 1 k 0", "ERR Invalid number of arguments specified for command"},
	{"DEL a b", "a:RM+delete b:RM+delete"},
	{"UNLINK a", "a:RM+delete"},
	{"EXISTS a a", "a:RO a:RO"},
	{"TOUCH a", "a:RO"},
	{"WATCH a b", "a:RO b:RO"},
	{"PFCOUNT a b", "a:RW+access b:RW+access"},
	{"PFMERGE d a b", "d:RW+access+insert a:RO+access b:RO+access"},
	{"PFMERGE d", "ERR Invalid arguments specified for command"},
	{"PFDEBUG x k", "k:RW+access"},
	{"PUBLISH c m", "ERR The command has no key arguments"},
	{"SPUBLISH c m", "ERR The command has no key arguments"},
	{"SSUBSCRIBE c", "ERR The command has no key arguments"},
	{"SUBSCRIBE c", "ERR The command has no key arguments"},
	{"RESTORE k 0 x", "k:OW+update"},
	{"RESTORE-ASKING k 0 x", "k:OW+update"},
	{"KEYS *", "ERR The command has no key arguments"},
	{"SCAN 0", "ERR The command has no key arguments"},
	{"WAIT 0 0", "ERR The command has no key arguments"},
	{"GETEX k PERSIST", "k:RW+access+update"},
	{"SETRANGE k 0 v", "k:RW+update"},
	{"APPEND k v", "k:RW+insert"},
	{"LINSERT k BEFORE p e", "k:RW+insert"},
	{"HSET k f v", "k:RW+update"},
	{"HRANDFIELD k", "k:RO+access"},
	{"ZADD k 1 a", "k:RW+update"},
	{"COMMAND GETKEYS GET k", "ERR The command has no key arguments"},

	// Later commands.
	{"DELEX k", "k:RM+delete"},
	{"DELEX k IFEQ v", "k:RW+delete"},
	{"MSETEX 2 a 1 b 2 EX 10", "a:OW+update b:OW+update"},
	{"MSETEX 3 a 1 b 2", "ERR Invalid arguments specified for command"},
	{"HEXPIRE k 10 FIELDS 1 f", "k:RW+update"},

	// Alone, these are too short to be asked about on the wire.
	{"PING", "ERR The command has no key arguments"},
	{"OBJECT", "ERR The command has no key arguments"},
	{"MGET", "ERR Invalid number of arguments specified for command"},
	{"", "ERR Invalid command specified"},
}

// TestKeyPositionsAppends checks that what dst held stays there, also when the
// specs fail half way.
func TestKeyPositionsAppends(t *testing.T) {
	before := []KeyPos{{7, RO}}
	for _, command := range []string{"MGET a b", "ZUNIONSTORE d 9 a", "EVAL s 0", "SORT k STORE d", "GET"} {
		got, _ := GetKeys(slices.Clone(before), words(command))
		if len(got) == 0 || got[0] != before[0] {
			t.Errorf("%s: %v", command, got)
		}
	}
}

// TestOneKey holds the promise of OneKey to where the keys are.
func TestOneKey(t *testing.T) {
	for _, c := range getKeysCases {
		args := words(c.command)
		cmd := Lookup(args)
		if cmd == nil {
			continue
		}
		pos, err := cmd.KeyPositions(nil, args)
		if cmd.OneKey() && err == nil && (len(pos) != 1 || pos[0].Pos != cmd.FirstKey) {
			t.Errorf("%s has OneKey, but keys %v", c.command, pos)
		}
	}
	for _, name := range []string{"get", "set", "bitfield", "object|encoding", "sort_ro"} {
		want := name != "sort_ro"
		if got := ByName(name).OneKey(); got != want {
			t.Errorf("%s: OneKey = %v", name, got)
		}
	}
}

// FuzzKeyPositions asks about arbitrary arguments: keys must lie inside them.
func FuzzKeyPositions(f *testing.F) {
	for _, c := range getKeysCases {
		f.Add(c.command)
	}
	f.Fuzz(func(t *testing.T, command string) {
		args := words(command)
		pos, err := GetKeys(nil, args)
		if err != nil && len(pos) != 0 {
			t.Errorf("%s: keys %v and error %v", command, pos, err)
		}
		for _, p := range pos {
			if p.Pos < 1 || p.Pos >= len(args) {
				t.Errorf("%s: key at %d of %d", command, p.Pos, len(args))
			}
		}
	})
}

func TestKeyPositionsAllocates(t *testing.T) {
	var room [8]KeyPos
	for _, command := range []string{"GET k", "SET k v", "MSET a 1 b 2", "ZUNIONSTORE d 2 a b", "XREAD STREAMS a 0"} {
		args := words(command)
		c := Lookup(args)
		if n := testing.AllocsPerRun(100, func() { c.KeyPositions(room[:0], args) }); n != 0 {
			t.Errorf("%s: %v allocations", command, n)
		}
	}
}

func BenchmarkKeyPositions(b *testing.B) {
	for _, command := range []string{"GET k", "MSET a 1 b 2", "ZUNIONSTORE d 2 a b"} {
		b.Run("cmd="+strings.Fields(command)[0], func(b *testing.B) {
			b.ReportAllocs()
			args := words(command)
			c := Lookup(args)
			var room [8]KeyPos
			for b.Loop() {
				c.KeyPositions(room[:0], args)
			}
		})
	}
}
