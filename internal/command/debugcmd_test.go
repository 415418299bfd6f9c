package command

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/keyspace"
)

// debugBench is a bench on which DEBUG is allowed.
func debugBench(t testing.TB) *bench {
	b := newBench(t)
	b.x.config.EnableDebugCommand = config.PermitAll
	return b
}

// slot makes a key of a type with nothing in it, for a test to fill.
func (b *bench) slot(key string, t datatypes.Type) *keyspace.Entry {
	e := new(keyspace.Entry)
	db := b.x.shards[0].DB(b.cl.DB)
	db.Lookup(e, []byte(key), keyspace.Peek)
	db.Create(e, []byte(key), t, datatypes.Raw, nil, 0)
	return e
}

func (b *bench) makeSet(key string, lim set.Limits, members ...string) {
	s := set.Create(b.slot(key, datatypes.Set), []byte(members[0]), 0, &lim)
	for _, m := range members {
		s.Add([]byte(m), &lim)
	}
}

func (b *bench) makeZSet(key string, lim zset.Limits, pairs ...zset.Pair) {
	zset.Store(b.slot(key, datatypes.ZSet), pairs, &lim)
}

func TestDebugNeedsPermission(t *testing.T) {
	b := newBench(t)
	denied := "-" + string(errDebugDenied) + "\r\n"
	b.want("DEBUG SLEEP 0", denied)
	b.x.config.EnableDebugCommand = config.PermitLocal
	b.want("DEBUG SLEEP 0", "+OK\r\n")
	b.cl.Flags &^= inProcess
	b.want("DEBUG SLEEP 0", denied)
	b.x.config.EnableDebugCommand = config.PermitAll
	b.want("DEBUG SLEEP 0", "+OK\r\n")
}

// TestDebugSyntax holds replies of redis-server 7.0 to arguments right and wrong.
func TestDebugSyntax(t *testing.T) {
	t.Chdir(t.TempDir()) // where RELOAD NOSAVE looks for a file
	b := debugBench(t)
	b.do("SET int 1")
	b.do("SET str abc")
	b.want("SAVE", "+OK\r\n")
	wrong := func(sub string) string {
		return "-ERR unknown subcommand or wrong number of arguments for '" + sub + "'. Try DEBUG HELP.\r\n"
	}
	for _, sub := range []string{
		"foo", "SLEEP", "digest x", "SET-ACTIVE-EXPIRE", "PAUSE-CRON", "LISTPACK", "QUICKLIST", "QUICKLIST a 1 2",
		"QUICKLIST-PACKED-THRESHOLD", "STRINGMATCH-LEN a", "HTSTATS", "HTSTATS-KEY", "POPULATE", "POPULATE 1 a 2 3",
		"PROTOCOL", "REPLYBUFFER", "REPLYBUFFER foo 1", "REPLYBUFFER resizing", "SET-DISABLE-DENY-SCRIPTS", "CHANGE-REPL-ID x",
		"LOG", "JMAP x", "LOADAOF x", "ERROR", "ERROR a b", "OBJECT", "OBJECT a b c", "SDSLEN", "HELP x", "SEGFAULT", "PANIC",
	} {
		name, _, _ := strings.Cut(sub, " ")
		b.want("DEBUG "+sub, wrong(name))
	}
	for _, ok := range []string{
		"SLEEP abc", "SLEEP -1", "SLEEP 0", "sleep 100", "SET-ACTIVE-EXPIRE x", "PAUSE-CRON 0", "LEAK a", "JMAP", "RELOAD",
		"RELOAD NOSAVE", "RELOAD merge noflush", "LOADAOF", "CHANGE-REPL-ID", "LOG hello", "SET-DISABLE-DENY-SCRIPTS 1",
		"REPLYBUFFER RESIZING x", "REPLYBUFFER PEAK-RESET-TIME never", "REPLYBUFFER PEAK-RESET-TIME reset",
		"REPLYBUFFER PEAK-RESET-TIME 100", "QUICKLIST-PACKED-THRESHOLD 100b", "QUICKLIST-PACKED-THRESHOLD 0", "DICT-RESIZING 0",
		"AOF-FLUSH-SLEEP 0", "REPLICATE a b", "SET-SKIP-CHECKSUM-VALIDATION 1", "DROP-CLUSTER-PACKET-FILTER 1",
	} {
		b.want("DEBUG "+ok, "+OK\r\n")
	}
	const (
		noKey      = "-ERR no such key\r\n"
		notInteger = "-ERR value is not an integer or out of range\r\n"
		positive   = "-ERR value is out of range, must be positive\r\n"
		notTable   = "-ERR The value stored at the specified key is not represented using an hash table\r\n"
		threshold  = "-ERR argument must be a memory value bigger than 1 and smaller than 4gb\r\n"
		onlyNoSave = "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n"
	)
	b.wantAll(
		"DEBUG", "-ERR wrong number of arguments for 'debug' command\r\n",
		"DEBUG OBJECT nokey", noKey, "DEBUG LISTPACK nokey", noKey, "DEBUG QUICKLIST nokey", noKey,
		"DEBUG HTSTATS-KEY nokey", noKey, "DEBUG SDSLEN nokey", noKey,
		"DEBUG LISTPACK str", "-ERR Not a listpack encoded object.\r\n",
		"DEBUG QUICKLIST str", "-ERR Not a quicklist encoded object.\r\n",
		"DEBUG SDSLEN int", "-ERR Not an sds encoded string.\r\n",
		"DEBUG HTSTATS-KEY str", notTable,
		"DEBUG HTSTATS x", notInteger, "DEBUG HTSTATS 99", "-ERR Out of range database\r\n",
		"DEBUG HTSTATS -1", "-ERR Out of range database\r\n",
		"DEBUG POPULATE x", positive, "DEBUG POPULATE -1", positive, "DEBUG POPULATE 2 p x", positive, "DEBUG POPULATE 2 p -1", positive,
		"DEBUG QUICKLIST-PACKED-THRESHOLD abc", threshold, "DEBUG QUICKLIST-PACKED-THRESHOLD 4gb", threshold,
		"DEBUG REPLYBUFFER PEAK-RESET-TIME x", notInteger, "DEBUG DROP-CLUSTER-PACKET-FILTER x", notInteger,
		"DEBUG RELOAD NOPE", onlyNoSave,
		"DEBUG CONFIG-REWRITE-FORCE-ALL", "-ERR CONFIG-REWRITE-FORCE-ALL failed: The server is running without a config file\r\n",
		"DEBUG STRINGMATCH-LEN a*c abc", ":1\r\n", "DEBUG STRINGMATCH-LEN a*d abc", ":0\r\n",
		"DEBUG DIGEST-VALUE", "*0\r\n",
	)
}

func TestDebugErrorIsCountedByNobody(t *testing.T) {
	b := debugBench(t)
	if got := b.run([]byte("DEBUG"), []byte("ERROR"), []byte("FOO bar\nbaz")); got != "-FOO bar baz\r\n" {
		t.Errorf("got %q", got)
	}
	if info := b.info("stats errorstats"); info["total_error_replies"] != "0" || info["errorstat_FOO"] != "" {
		t.Errorf("counted: %s", info["total_error_replies"])
	}
}

func TestDebugProtocol(t *testing.T) {
	b := debugBench(t)
	for _, test := range []struct{ kind, resp2, resp3 string }{
		{"string", "$11\r\nHello World\r\n", "$11\r\nHello World\r\n"},
		{"integer", ":12345\r\n", ":12345\r\n"},
		{"double", "$5\r\n3.141\r\n", ",3.141\r\n"},
		{"bignum", "$37\r\n1234567999999999999999999999999999999\r\n", "(1234567999999999999999999999999999999\r\n"},
		{"null", "$-1\r\n", "_\r\n"},
		{"array", "*3\r\n:0\r\n:1\r\n:2\r\n", "*3\r\n:0\r\n:1\r\n:2\r\n"},
		{"set", "*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"},
		{"map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"},
		{"attrib", "$39\r\nSome real reply following the attribute\r\n",
			"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n"},
		{"push", "-ERR RESP2 is not supported by this command\r\n",
			">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push reply\r\n"},
		{"verbatim", "$25\r\nThis is a verbatim\nstring\r\n", "=29\r\ntxt:This is a verbatim\nstring\r\n"},
		{"True", ":1\r\n", "#t\r\n"},
		{"FALSE", ":0\r\n", "#f\r\n"},
	} {
		b.cl.Out.Proto = 2
		b.want("DEBUG PROTOCOL "+test.kind, test.resp2)
		b.cl.Out.Proto = 3
		b.want("DEBUG PROTOCOL "+test.kind, test.resp3)
	}
	b.want("DEBUG PROTOCOL foo", "-ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false\r\n")
}

func TestDebugPopulate(t *testing.T) {
	b := debugBench(t)
	b.do("SET key:1 mine")
	was := b.changes()
	b.wantAll(
		"DEBUG POPULATE 3", "+OK\r\n", "DBSIZE", ":3\r\n", "GET key:0", "$7\r\nvalue:0\r\n", "GET key:1", "$4\r\nmine\r\n",
		"DEBUG POPULATE 12 p 8", "+OK\r\n", "DBSIZE", ":15\r\n",
		"GET p:1", "$8\r\nvalue:1\x00\r\n", "GET p:11", "$8\r\nvalue:11\r\n",
		"DEBUG POPULATE 1 short 3", "+OK\r\n", "GET short:0", "$3\r\nval\r\n",
		"DEBUG POPULATE 1 long 100", "+OK\r\n", "STRLEN long:0", ":100\r\n", "OBJECT ENCODING long:0", "$3\r\nraw\r\n",
		"DEBUG POPULATE 0", "+OK\r\n",
	)
	if got := b.changes(); got != was {
		t.Errorf("%d changes counted", got-was)
	}
}

func TestDebugObject(t *testing.T) {
	b := debugBench(t)
	b.do("SET int 12345")
	b.do("SET shared 1")
	b.do("SET emb hello")
	b.do("SET raw " + strings.Repeat("0123456789", 5))
	b.do("RPUSH list a b c")
	b.do("HSET hash f v")
	b.do("CONFIG SET list-max-listpack-size 4 hash-max-listpack-entries 2")
	b.do("RPUSH quick 1 2 3 4 5 6 7 8 9 10 a b c")
	b.do("HSET table a 1 b 2 c 3 d 4 e 5 f xxx")
	b.makeSet("ints", set.DefaultLimits(), "1", "2", "3")
	b.makeZSet("skip", zset.Limits{}, zset.Pair{Member: []byte("a"), Score: 1.5}, zset.Pair{Member: []byte("b"), Score: 2})
	b.clock.Advance(7 * time.Second)
	// The lengths are those that redis-server 7.0 tells of the same values.
	lru := (b.clock.UnixMilli()/1000 - 7) & (1<<24 - 1)
	for _, test := range []struct {
		key, encoding string
		refs, length  int
		more          string
	}{
		{"int", "int", 1, 3, ""},
		{"shared", "int", math.MaxInt32, 2, ""},
		{"emb", "embstr", 1, 6, ""},
		{"raw", "raw", 1, 51, ""},
		{"list", "listpack", 1, 19, ""},
		{"hash", "listpack", 1, 14, ""},
		{"quick", "quicklist", 1, 66, " ql_nodes:4 ql_avg_node:3.25 ql_listpack_max:4 ql_compressed:0 ql_uncompressed_size:57"},
		{"table", "hashtable", 1, 27, ""},
		{"ints", "intset", 1, 15, ""},
		{"skip", "skiplist", 1, 21, ""},
	} {
		want := fmt.Sprintf(" refcount:%d encoding:%s serializedlength:%d lru:%d lru_seconds_idle:7%s\r\n", test.refs, test.encoding, test.length, lru, test.more)
		got := b.do("DEBUG OBJECT " + test.key)
		address := regexp.MustCompile(`^\+Value at:0x[0-9a-f]+`).FindString(got)
		if address == "" || got[len(address):] != want {
			t.Errorf("DEBUG OBJECT %s\n got %q\nwant %q", test.key, got, want)
		}
	}
	got := b.do("DEBUG OBJECT quick fast")
	if strings.Contains(got, "serializedlength") || strings.Contains(got, "uncompressed_size") || !strings.Contains(got, " ql_compressed:0\r\n") {
		t.Errorf("fast: %q", got)
	}
}

// TestDebugDigest holds what redis-server 7.0 answers for the same values, in
// whichever encoding they are here.
func TestDebugDigest(t *testing.T) {
	b := debugBench(t)
	b.want("DEBUG DIGEST", "+"+strings.Repeat("0", 40)+"\r\n")
	for _, small := range []bool{true, false} {
		limit, intset := 100, set.DefaultLimits()
		if !small {
			limit, intset = 0, set.Limits{}
		}
		b.do("FLUSHALL")
		b.do(fmt.Sprintf("CONFIG SET hash-max-listpack-entries %d list-max-listpack-size %d", limit, max(limit, 1)))
		b.do("SET s1 12345")
		b.do("SET s2 hello")
		b.do("SET s4 -1 EX 1000")
		b.do("RPUSH l1 a b 1 -5 999999999999")
		b.do("HSET h1 f v g 12")
		b.makeSet("st", intset, "1", "2", "3")
		b.makeSet("st2", intset, "a", "b", "c", "1")
		b.makeZSet("z", zset.Limits{ListPackEntries: limit, ListPackValue: limit},
			zset.Pair{Member: []byte("a"), Score: 1.5}, zset.Pair{Member: []byte("b"), Score: 2},
			zset.Pair{Member: []byte("c"), Score: math.Inf(1)}, zset.Pair{Member: []byte("d"), Score: math.Inf(-1)},
			zset.Pair{Member: []byte("e"), Score: 0.1})
		for key, want := range map[string]string{
			"s1":    "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83",
			"s2":    "36b23a1456b2dce2c3ed252c456761301dba8060",
			"s4":    "29b9b04a5b139396d6dcf46b7457ddb0a57298ac",
			"l1":    "b6d704976a8f2fc56266ba9b127f5ca73af09a69",
			"h1":    "8530acc75d5274eb0fc0da86f28ed5533274a6d4",
			"st":    "2a462a3f51a1db89738ebbeef0c47ce1bbc85246",
			"st2":   "6c563d3f017ec5083ac0b9f29fc635f90a47f2d9",
			"z":     "fd1422aaabe499995661b62c459abdaddea59772",
			"nokey": strings.Repeat("0", 40),
		} {
			b.want("DEBUG DIGEST-VALUE "+key, "*1\r\n+"+want+"\r\n")
		}
		b.do("SELECT 3")
		b.do("SET x y PX 100000")
		const all = "+9572bfad193ae2ba93d4149302c98ea61ab2746a\r\n"
		b.wantAll("DEBUG DIGEST", all, "DEBUG RELOAD", "+OK\r\n", "DEBUG LOADAOF", "+OK\r\n", "DEBUG DIGEST", all, "SELECT 0", "+OK\r\n")
	}
}

func TestDebugTables(t *testing.T) {
	b := debugBench(t)
	const empty = "Hash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n"
	b.want("DEBUG HTSTATS 0", "$189\r\n[Dictionary HT]\n"+empty+"[Expires HT]\n"+empty+"\r\n")
	b.do("SET a 1 EX 100")
	b.do("SET b 1")
	if got := b.ask("DEBUG HTSTATS 0").Text(); !strings.Contains(got, "[Dictionary HT]\nHash table 0 stats (main hash table):\n number of elements: 2\n bytes: 64\n") ||
		!strings.Contains(got, "[Expires HT]\nHash table 0 stats (main hash table):\n number of elements: 1\n") {
		t.Errorf("DEBUG HTSTATS 0: %s", got)
	}
	b.do("CONFIG SET hash-max-listpack-entries 1")
	b.do("HSET h a 1 b 2 c 3")
	b.makeSet("s", set.Limits{}, "x", "y")
	b.makeZSet("z", zset.Limits{}, zset.Pair{Member: []byte("m"), Score: 1})
	for key, n := range map[string]int{"h": 3, "s": 2, "z": 1} {
		if got := b.ask("DEBUG HTSTATS-KEY " + key + " full").Text(); !strings.Contains(got, fmt.Sprintf(" number of elements: %d\n", n)) {
			t.Errorf("DEBUG HTSTATS-KEY %s: %s", key, got)
		}
	}
}

func TestDebugSwitches(t *testing.T) {
	b := debugBench(t)
	id := b.x.replID
	b.do("DEBUG CHANGE-REPL-ID")
	if len(b.x.replID) != 40 || b.x.replID == id {
		t.Errorf("replication ID %s", b.x.replID)
	}
	b.do("DEBUG QUICKLIST-PACKED-THRESHOLD 100b")
	if got := b.x.limits.list.PackedThreshold; got != 100 {
		t.Errorf("packed threshold %d", got)
	}
	expired := func() bool {
		b.do("SET k v PX 1")
		b.clock.Advance(time.Second)
		b.x.Begin()
		b.x.Cron()
		n := b.ask("DBSIZE").Int
		b.do("DEL k")
		return n == 0
	}
	for _, test := range []struct {
		line string
		want bool
	}{
		{"DEBUG SET-ACTIVE-EXPIRE 0", false}, {"DEBUG SET-ACTIVE-EXPIRE 1", true},
		{"DEBUG PAUSE-CRON 1", false}, {"DEBUG PAUSE-CRON 0", true},
	} {
		b.want(test.line, "+OK\r\n")
		if got := expired(); got != test.want {
			t.Errorf("%s: active expiry is %v", test.line, got)
		}
	}
}

func TestDebugWritesToTheLog(t *testing.T) {
	b := debugBench(t)
	var out bytes.Buffer
	b.x.log = slog.New(slog.NewTextHandler(&out, nil))
	b.do("HSET h f v")
	b.do("CONFIG SET list-max-listpack-size 2")
	b.do("RPUSH q a b c d e")
	b.wantAll(
		"DEBUG LOG hello", "+OK\r\n",
		"DEBUG LISTPACK h", "+Listpack structure printed on stdout\r\n",
		"DEBUG QUICKLIST q", "+Quicklist structure printed on stdout\r\n",
		"DEBUG QUICKLIST q 1", "+Quicklist structure printed on stdout\r\n",
		"DEBUG SDSLEN q", "-ERR Not an sds encoded string.\r\n",
	)
	for _, want := range []string{"DEBUG LOG: hello", `2 elements: 6:\"f\" 9:\"v\"`, "nodes=3 elements=5", `1 elements: 6:\"e\"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, out.String())
		}
	}
}

func TestDebugSDSLen(t *testing.T) {
	b := debugBench(t)
	b.do("SET abc hello")
	if got := b.do("DEBUG SDSLEN abc"); !regexp.MustCompile(`^\+key_sds_len:3, key_sds_avail:0, key_zmalloc: \d+, val_sds_len:5, val_sds_avail:\d+, val_zmalloc: \d+\r\n$`).MatchString(got) {
		t.Errorf("got %q", got)
	}
	if got := b.ask("DEBUG STRUCTSIZE").Text(); !strings.HasPrefix(got, "bits:") {
		t.Errorf("STRUCTSIZE: %s", got)
	}
}

func TestDebugSleep(t *testing.T) {
	b := debugBench(t)
	start := time.Now()
	b.want("DEBUG SLEEP 1000", "+OK\r\n") // a stepped clock does not move
	if took := time.Since(start); took > 100*time.Second {
		t.Errorf("slept for %v", took)
	}
	b.x.clock = clock.NewSystem()
	start = time.Now()
	b.want("DEBUG SLEEP 0.02", "+OK\r\n")
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("slept for %v", took)
	}
}

// A file that is not there, not one of Redis's, cut off, or damaged costs no key.
func TestReloadOfADamagedFile(t *testing.T) {
	t.Chdir(t.TempDir())
	b := debugBench(t)
	b.want("SET k v", "+OK\r\n")
	b.want("SAVE", "+OK\r\n")
	whole, err := os.ReadFile("dump.rdb")
	if err != nil {
		t.Fatal(err)
	}
	b.want("SET k w", "+OK\r\n")
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	for name, content := range map[string][]byte{
		"empty": nil, "another's": []byte("PK\x03\x04 is no header"), "cut off": whole[:len(whole)-3], "damaged": damaged,
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile("dump.rdb", content, 0o644); err != nil {
				t.Fatal(err)
			}
			b.want("DEBUG RELOAD NOSAVE", "-ERR Error trying to load the RDB dump, check server logs\r\n")
			b.want("GET k", "$1\r\nw\r\n")
		})
	}
	if err := os.WriteFile("dump.rdb", whole, 0o644); err != nil {
		t.Fatal(err)
	}
	b.want("DEBUG RELOAD NOSAVE", "+OK\r\n")
	b.want("GET k", "$1\r\nv\r\n")
}
