package config

import (
	"encoding/csv"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// get is CONFIG GET of one name.
func get(t *testing.T, c *Config, name string) string {
	t.Helper()
	pairs := c.Get(name)
	if len(pairs) != 1 {
		t.Fatalf("Get(%q) = %v, want one pair", name, pairs)
	}
	return pairs[0].Value
}

// TestTable holds the table against the list of Redis 7.4's parameters.
func TestTable(t *testing.T) {
	f, err := os.Open("testdata/parameters.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]flag{"sensitive": sensitive, "protected": protected, "deny_loading": denyLoading,
		"hidden": hidden, "multi_arg": multiArg, "debug": debug, "volatile": volatile, "percent_allowed": 0, "octal": 0}
	seen := 0
	for _, row := range rows[1:] {
		name, typ, def, lo, hi, modifiable, enumValues, alias := row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]
		e, ok := theTable().lookup(name)
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		seen++
		if e.name != name || e.alias != alias {
			t.Errorf("%s: name %q alias %q, want alias %q", name, e.name, e.alias, alias)
		}
		var want flag
		if modifiable == "no" {
			want |= immutable
		}
		for f := range strings.SplitSeq(row[8], ",") {
			if _, ok := flags[f]; !ok && f != "" {
				t.Fatalf("%s: flag %q", name, f)
			}
			want |= flags[f]
		}
		if e.flags&^asyncIO != want {
			t.Errorf("%s: flags %b, want %b", name, e.flags, want)
		}
		if name == "dir" {
			continue
		}
		if got := e.kind.get(&theTable().defaults); got != def {
			t.Errorf("%s: default %q, want %q", name, got, def)
		}
		switch k := e.kind.(type) {
		case boolKind:
			if typ != "bool" {
				t.Errorf("%s is a bool, want %s", name, typ)
			}
		case numberKind:
			base := 10
			if k.unit == octal {
				base = 8
			}
			if from, to := strconv.FormatInt(k.lo, base), strconv.FormatUint(k.hi, base); from != lo || to != hi {
				t.Errorf("%s: from %s to %s, want from %s to %s", name, from, to, lo, hi)
			}
			if (k.unit == memory || k.unit == memoryOrPercent) != (typ == "memory") {
				t.Errorf("%s: unit %d, want %s", name, k.unit, typ)
			}
		case enumKind:
			if got := strings.Join(k.names, ","); got != enumValues {
				t.Errorf("%s: one of %s, want %s", name, got, enumValues)
			}
		case shutdownKind:
			if got := "default," + strings.Join(shutdownNames, ","); got != enumValues {
				t.Errorf("%s: of %s, want %s", name, got, enumValues)
			}
		case stringKind:
			if typ != "string" {
				t.Errorf("%s is a string, want %s", name, typ)
			}
		default:
			if typ != "special" {
				t.Errorf("%s is special, want %s", name, typ)
			}
		}
	}
	ours := 4 // threading-model, server-threads, io-threads-always-active, shards
	for i := range theTable().params {
		if strings.HasPrefix(theTable().params[i].name, "cluster-") {
			ours++ // the table of facts leaves clusters out
		}
	}
	if got := len(theTable().params); got != seen+ours {
		t.Errorf("%d parameters, want %d", got, seen+ours)
	}
}

// TestEveryFieldHasItsOwnParameter catches a row that was copied and points at
// the field of another: each parameter in turn is set, and no other may change.
func TestEveryFieldHasItsOwnParameter(t *testing.T) {
	for i := range theTable().params {
		p := &theTable().params[i]
		c := New(Options{})
		before := c.Get("*")
		if !slices.ContainsFunc(candidates(t), func(words []string) bool {
			old := p.kind.get(&c.Values)
			return p.kind.set(&c.Values, words) == nil && p.kind.get(&c.Values) != old
		}) {
			if p.name != "threading-model" && p.name != "locale-collate" {
				t.Errorf("%s: no value of the test changes it", p.name)
			}
			continue
		}
		for j, pair := range c.Get("*") {
			if e, _ := theTable().lookup(pair.Name); e.param != p && pair != before[j] {
				t.Errorf("setting %s changed %s to %s", p.name, pair.Name, pair.Value)
			}
		}
	}
}

func candidates(t *testing.T) [][]string {
	return [][]string{{"yes"}, {"no"}, {"7"}, {"2097153"}, {t.TempDir()}, {"warning"}, {"local3"}, {"always"}, {"local"},
		{"allkeys-lru"}, {"allchannels"}, {"systemd"}, {"optional"}, {"absolute"}, {"clients"}, {"hostname"}, {"now"}, {"x"},
		{"{title}"}, {"{title}x"}, {"1", "2"}, {"1", "2", "3"}, {"pubsub", "1", "2", "3"}, {"K"}}
}

// Texts and values as redis-server 7.0.15 answers, but for the ranges that are 7.4's.
func TestSetErrors(t *testing.T) {
	const failed = "ERR CONFIG SET failed (possibly related to argument '"
	for _, tt := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"foo", "1"}, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"},
		{[]string{"foo", "1", "bar", "2"}, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"},
		{[]string{"foo", "1", "io-threads", "2"}, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"},
		{[]string{"hz", "foo", "bar", "1"}, "ERR Unknown option or number of arguments for CONFIG SET - 'bar'"},
		{[]string{"maxmemory", "1", "foo"}, "ERR syntax error"},
		{[]string{"IO-threads", "5"}, failed + "IO-threads') - can't set immutable config"},
		{[]string{"io-threads", "2", "foo", "1"}, failed + "io-threads') - can't set immutable config"},
		{[]string{"hz", "foo", "io-threads", "1"}, failed + "io-threads') - can't set immutable config"},
		{[]string{"dbfilename", "x"}, failed + "dbfilename') - can't set protected config"},
		{[]string{"maxmemory", "1mb", "MAXMEMORY", "2mb"}, failed + "MAXMEMORY') - duplicate parameter"},
		{[]string{"MaxMemory", "foo"}, failed + "maxmemory') - argument must be a memory value"},
		{[]string{"maxmemory", "-1"}, failed + "maxmemory') - argument must be a memory value"},
		{[]string{"maxmemory", "+10"}, failed + "maxmemory') - argument must be a memory value"},
		{[]string{"maxmemory", " 10"}, failed + "maxmemory') - argument must be a memory value"},
		{[]string{"maxmemory", "1.5gb"}, failed + "maxmemory') - argument must be a memory value"},
		{[]string{"maxmemory", "10Q"}, failed + "maxmemory') - argument must be a memory value"},
		{[]string{"active-expire-effort", "0"}, failed + "active-expire-effort') - argument must be between 1 and 10 inclusive"},
		{[]string{"maxmemory-samples", "65"}, failed + "maxmemory-samples') - argument must be between 1 and 64 inclusive"},
		{[]string{"maxclients", "0"}, failed + "maxclients') - argument must be between 1 and 4294967295 inclusive"},
		{[]string{"maxclients", "4294967296"}, failed + "maxclients') - argument must be between 1 and 4294967295 inclusive"},
		{[]string{"slowlog-log-slower-than", "-2"}, failed + "slowlog-log-slower-than') - argument must be between -1 and 9223372036854775807 inclusive"},
		{[]string{"proto-max-bulk-len", "1"}, failed + "proto-max-bulk-len') - argument must be between 1048576 and 9223372036854775807 inclusive"},
		{[]string{"proto-max-bulk-len", "9223372036854775808"}, failed + "proto-max-bulk-len') - argument must be between 1048576 and 9223372036854775807 inclusive"},
		{[]string{"timeout", "10000000000"}, failed + "timeout') - argument must be between 0 and 2147483647 inclusive"},
		{[]string{"port", "abc"}, failed + "port') - argument couldn't be parsed into an integer"},
		{[]string{"hz", "010"}, failed + "hz') - argument couldn't be parsed into an integer"},
		{[]string{"hz", "+10"}, failed + "hz') - argument couldn't be parsed into an integer"},
		{[]string{"hz", " 10"}, failed + "hz') - argument couldn't be parsed into an integer"},
		{[]string{"hz", "-0"}, failed + "hz') - argument couldn't be parsed into an integer"},
		{[]string{"hz", "9999999999999999999999"}, failed + "hz') - argument couldn't be parsed into an integer"},
		{[]string{"hz", ""}, failed + "hz') - argument couldn't be parsed into an integer"},
		{[]string{"hash-max-ziplist-entries", "abc"}, failed + "hash-max-ziplist-entries') - argument couldn't be parsed into an integer"},
		{[]string{"appendonly", "maybe"}, failed + "appendonly') - argument must be 'yes' or 'no'"},
		{[]string{"maxmemory-policy", "foo"}, failed + "maxmemory-policy') - argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"},
		{[]string{"oom-score-adj", "x"}, failed + "oom-score-adj') - argument(s) must be one of the following: no, yes, relative, absolute"},
		{[]string{"shutdown-on-sigint", ""}, failed + "shutdown-on-sigint') - argument(s) must be one of the following: default, save, nosave, now, force"},
		{[]string{"shutdown-on-sigint", "now  save"}, failed + "shutdown-on-sigint') - argument(s) must be one of the following: default, save, nosave, now, force"},
		{[]string{"shutdown-on-sigint", "save nosave"}, failed + "shutdown-on-sigint') - shutdown options SAVE and NOSAVE can't be used simultaneously"},
		{[]string{"maxmemory-clients", "101%"}, failed + "maxmemory-clients') - percentage argument must be less or equal to 100"},
		{[]string{"maxmemory-clients", "18446744073709551515"}, failed + "maxmemory-clients') - percentage argument must be less or equal to 100"},
		{[]string{"maxmemory-clients", "abc"}, failed + "maxmemory-clients') - argument must be a memory or percent value"},
		{[]string{"maxmemory-clients", "-5%"}, failed + "maxmemory-clients') - argument must be a memory or percent value"},
		{[]string{"maxmemory-clients", "005%"}, failed + "maxmemory-clients') - argument must be a memory or percent value"},
		{[]string{"maxmemory-clients", "%"}, failed + "maxmemory-clients') - argument must be a memory or percent value"},
		{[]string{"save", "1 2 3"}, failed + "save') - Invalid save parameters"},
		{[]string{"save", "10  1"}, failed + "save') - Invalid save parameters"},
		{[]string{"save", "0 1"}, failed + "save') - Invalid save parameters"},
		{[]string{"save", "10 -1"}, failed + "save') - Invalid save parameters"},
		{[]string{"save", "a b"}, failed + "save') - Invalid save parameters"},
		{[]string{"client-output-buffer-limit", "normal 0 0"}, failed + "client-output-buffer-limit') - Wrong number of arguments in buffer limit configuration."},
		{[]string{"client-output-buffer-limit", "master 0 0 0"}, failed + "client-output-buffer-limit') - Invalid client class specified in buffer limit configuration."},
		{[]string{"client-output-buffer-limit", "normal a 0 0"}, failed + "client-output-buffer-limit') - Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{[]string{"client-output-buffer-limit", "normal 1 2 -1"}, failed + "client-output-buffer-limit') - Error in hard, soft or soft_seconds setting in buffer limit configuration."},
		{[]string{"notify-keyspace-events", "q"}, failed + "notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'."},
		{[]string{"oom-score-adj-values", "1 2"}, failed + "oom-score-adj-values') - wrong number of arguments"},
		{[]string{"oom-score-adj-values", "1 2 3000"}, failed + "oom-score-adj-values') - Invalid oom-score-adj-values, elements must be between -2000 and 2000."},
		{[]string{"latency-tracking-info-percentiles", "a"}, failed + "latency-tracking-info-percentiles') - Invalid latency-tracking-info-percentiles parameters"},
		{[]string{"latency-tracking-info-percentiles", "nan"}, failed + "latency-tracking-info-percentiles') - Invalid latency-tracking-info-percentiles parameters"},
		{[]string{"latency-tracking-info-percentiles", "101"}, failed + "latency-tracking-info-percentiles') - latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
		{[]string{"bind", strings.Repeat("1 ", 16) + "1"}, failed + "bind') - Too many bind addresses specified."},
		{[]string{"proc-title-template", ""}, failed + "proc-title-template') - template format is invalid or contains unknown variables"},
		{[]string{"proc-title-template", "{foo}"}, failed + "proc-title-template') - template format is invalid or contains unknown variables"},
		{[]string{"proc-title-template", "{title} {unixsocket}"}, failed + "proc-title-template') - template format is invalid or contains unknown variables"},
		{[]string{"proc-title-template", "{title"}, failed + "proc-title-template') - template format is invalid or contains unknown variables"},
	} {
		c := New(Options{})
		before := c.Get("*")
		err := c.Set(tt.pairs, Access{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("Set(%q)\n got %v\nwant %s", tt.pairs, err, tt.want)
		}
		if !slices.Equal(c.Get("*"), before) {
			t.Errorf("Set(%q) failed and changed something", tt.pairs)
		}
	}
}

func TestSetAndGet(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"maxmemory", "100mb", "104857600"},
		{"maxmemory", "1KB", "1024"},
		{"maxmemory", "10K", "10000"},
		{"maxmemory", "10b", "10"},
		{"maxmemory", "010", "10"},
		{"maxmemory", "", "0"},
		{"maxmemory", "18446744073709551615", "18446744073709551615"},
		{"maxmemory", "99999999999999gb", "14131891009335853056"},
		{"maxmemory-clients", "5%", "5%"},
		{"maxmemory-clients", "0%", "0"},
		{"maxmemory-clients", "1mb", "1048576"},
		{"maxmemory-clients", "18446744073709551615", "1%"},
		{"hz", "0", "1"},
		{"hz", "501", "500"},
		{"appendonly", "YES", "yes"},
		{"loglevel", "Verbose", "verbose"},
		{"oom-score-adj", "relative", "yes"},
		{"oom-score-adj", "absolute", "absolute"},
		{"save", "900 1 300 10", "900 1 300 10"},
		{"save", "+10 20", "10 20"},
		{"save", "99999999999 99999999999", "99999999999 1215752191"},
		{"save", "", ""},
		{"client-output-buffer-limit", "replica 1mb 1kb 10 NORMAL 1 2 3", "normal 1 2 3 slave 1048576 1024 10 pubsub 33554432 8388608 60"},
		{"client-output-buffer-limit", "", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
		{"notify-keyspace-events", "KEA", "AKE"},
		{"notify-keyspace-events", "g$lshzxetd", "A"},
		{"notify-keyspace-events", "KElgmn", "glnKEm"},
		{"notify-keyspace-events", "dtexzhslg$KEmn", "AKEm"},
		{"notify-keyspace-events", "", ""},
		{"oom-score-adj-values", "-2000 2000 5", "-2000 2000 5"},
		{"latency-tracking-info-percentiles", "0 50.0 99.990 33.33333333", "0 50 99.99 33.333333"},
		{"latency-tracking-info-percentiles", "-0 100 1e1 0x10", "-0 100 10 16"},
		{"latency-tracking-info-percentiles", "", ""},
		{"shutdown-on-sigint", "now save", "save now"},
		{"shutdown-on-sigint", "default nosave", "nosave"},
		{"bind", "", ""},
		{"bind", "127.0.0.1 -::1", "127.0.0.1 -::1"},
		{"proc-title-template", "{{title}", "{{title}"},
		{"proc-title-template", `{title} {{ x "`, `{title} {{ x "`},
		{"hash-max-ziplist-entries", "7", "7"},
	} {
		c := New(Options{})
		if err := c.Set([]string{tt.name, tt.value}, Access{}); err != nil {
			t.Errorf("Set(%q, %q): %v", tt.name, tt.value, err)
		} else if got := get(t, c, tt.name); got != tt.want {
			t.Errorf("Set(%q, %q), then Get = %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

func TestGetNames(t *testing.T) {
	c := New(Options{})
	for _, tt := range []struct {
		patterns string
		want     string
	}{
		{"foo", ""},
		{"MaxMemory maxmemory", "MaxMemory"},
		{"hz HZ h*", "hz hash-max-listpack-entries hash-max-listpack-value hash-max-ziplist-entries hash-max-ziplist-value hide-user-data-from-log hll-sparse-max-bytes"},
		{"hash-max-ziplist-entries", "hash-max-ziplist-entries"},
		{"HASH-MAX-LISTPACK-entries hash-max-*-entries", "HASH-MAX-LISTPACK-entries hash-max-ziplist-entries"},
		{"use-exit*", ""},
		{"use-exit-on-panic", "use-exit-on-panic"},
		{"[m]axmem*policy", "maxmemory-policy"},
		{`\*`, ""},
		{"lua-time-limi?", "lua-time-limit"},
	} {
		var names []string
		for _, p := range c.Get(strings.Fields(tt.patterns)...) {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("Get(%s) has %q, want %q", tt.patterns, got, tt.want)
		}
	}
}

func TestTypedFields(t *testing.T) {
	c := New(Options{})
	if c.MaxMemory != 0 || c.MaxMemoryPolicy != NoEviction || c.HashMaxListpackEntries != 512 || !c.ActiveRehashing || c.HZ != 10 ||
		c.ClientOutputBufferLimit[ClassPubSub] != (BufferLimit{32 << 20, 8 << 20, 60}) || c.Shards != 0 || c.ThreadingModel != "single-loop" {
		t.Errorf("defaults: %+v", c.Values)
	}
	old := c.Values
	err := c.Set([]string{"maxmemory", "18446744073709551615", "maxmemory-policy", "allkeys-lfu", "notify-keyspace-events", "Ex",
		"save", "5 6", "bind", "::1", "latency-tracking-info-percentiles", "1"}, Access{})
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxMemory != math.MaxInt64 {
		t.Errorf("MaxMemory = %d, want the largest int64", c.MaxMemory)
	}
	if c.MaxMemoryPolicy != AllKeysLFU || c.MaxMemoryPolicy.String() != "allkeys-lfu" {
		t.Errorf("MaxMemoryPolicy = %v", c.MaxMemoryPolicy)
	}
	if c.NotifyKeyspaceEvents != NotifyKeyevent|NotifyExpired {
		t.Errorf("NotifyKeyspaceEvents = %b", c.NotifyKeyspaceEvents)
	}
	if !slices.Equal(c.Save, []SavePoint{{5, 6}}) {
		t.Errorf("Save = %v", c.Save)
	}
	if len(old.Save) != 3 || len(old.Bind) != 2 || len(old.LatencyTrackingInfoPercentiles) != 3 || old.MaxMemory != 0 {
		t.Errorf("a copy has changed: %+v", old)
	}
	if d := New(Options{}); len(d.Save) != 3 || d.MaxMemory != 0 {
		t.Error("another Config has changed")
	}
}

func TestAccess(t *testing.T) {
	for _, tt := range []struct {
		permit string
		access Access
		pairs  []string
		want   string
	}{
		{"no", Access{Local: true}, []string{"dbfilename", "x"}, "can't set protected config"},
		{"local", Access{}, []string{"dbfilename", "x"}, "can't set protected config"},
		{"local", Access{Local: true}, []string{"dbfilename", "x"}, ""},
		{"yes", Access{}, []string{"dbfilename", "x"}, ""},
		{"yes", Access{}, []string{"dbfilename", "a/b"}, "dbfilename can't be a path, just a filename"},
		{"yes", Access{}, []string{"dir", "no/such"}, "No such file or directory"},
		{"yes", Access{}, []string{"dir", ""}, "No such file or directory"},
		{"yes", Access{}, []string{"dir", "config.go"}, "Not a directory"},
		{"yes", Access{Loading: true}, []string{"dir", "."}, "LOADING Redis is loading the dataset in memory"},
		{"no", Access{Loading: true}, []string{"appendonly", "yes"}, "LOADING Redis is loading the dataset in memory"},
		{"no", Access{Loading: true}, []string{"hz", "20"}, ""},
	} {
		c := New(Options{})
		if err := c.Load(Source{Options: "enable-protected-configs " + tt.permit}); err != nil {
			t.Fatal(err)
		}
		err := c.Set(tt.pairs, tt.access)
		if got := errText(err); !strings.HasSuffix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s, %+v: Set(%q) = %q, want …%q", tt.permit, tt.access, tt.pairs, got, tt.want)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestDir(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := New(Options{})
	if c.Dir() != wd {
		t.Errorf("Dir = %q, want %q", c.Dir(), wd)
	}
	c = New(Options{Dir: dir})
	if err := c.Load(Source{Options: "dir sub"}); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Dir(), filepath.Join(dir, "sub"); got != want || get(t, c, "dir") != want {
		t.Errorf("Dir = %q, want %q", got, want)
	}
	if now, _ := os.Getwd(); now != wd {
		t.Errorf("the process went to %q", now)
	}
}

func TestOnChange(t *testing.T) {
	c := New(Options{})
	var log []string
	note := func(name string) func() error {
		return func() error { log = append(log, name+"="+get(t, c, "hz")); return nil }
	}
	c.OnChange(note("hz"), "hz", "dynamic-hz")
	c.OnChange(note("all"))
	c.OnChange(note("memory"), "maxmemory")
	c.OnChange(note("listpack"), "hash-max-listpack-entries")
	c.OnChange(note("cert"), "tls-cert-file")
	set := func(pairs ...string) error { t.Helper(); log = nil; return c.Set(pairs, Access{}) }
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(log, want) {
			t.Errorf("called %q, want %q", log, want)
		}
	}
	_ = set("hz", "20", "dynamic-hz", "no")
	expect("hz=20", "all=20")
	_ = set("hz", "20")
	expect()
	_ = set("hash-max-ziplist-entries", "5") // by its alias
	expect("all=20", "listpack=20")
	_ = set("tls-cert-file", "") // volatile: the same name, but maybe another file behind it
	expect("all=20", "cert=20")

	c.OnChange(func() error {
		if c.Port < 1024 {
			return errors.New("Unable to listen on this port. Check server logs.")
		}
		return nil
	}, "port")
	err := set("port", "1", "hz", "30")
	if want := "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."; errText(err) != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	expect("hz=30", "all=30", "hz=20", "all=20") // and once more with what it was
	if c.HZ != 20 || c.Port != 6379 {
		t.Errorf("after the failure: hz %d, port %d", c.HZ, c.Port)
	}
	c.OnChange(func() error { return errors.New("") }, "timeout")
	if err := set("timeout", "1"); errText(err) != "ERR CONFIG SET failed (possibly related to argument 'timeout')" {
		t.Errorf("got %v", err)
	}
}

func TestSensitive(t *testing.T) {
	for name, want := range map[string]bool{"requirepass": true, "RequirePass": true, "tls-key-file-pass": true, "hz": false, "foo": false} {
		if got := Sensitive(name); got != want {
			t.Errorf("Sensitive(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		n    uint64
		want string
	}{{0, "0"}, {1, "1"}, {1000, "1000"}, {1024, "1kb"}, {1536, "1536"}, {3 << 20, "3mb"}, {5 << 30, "5gb"}, {1<<40 + 1024, "1073741825kb"}} {
		got := FormatMemory(tt.n)
		if back, ok := ParseMemory(got); got != tt.want || back != tt.n || !ok {
			t.Errorf("FormatMemory(%d) = %q, which is %d; want %q", tt.n, got, back, tt.want)
		}
	}
}

// checkSet is the body of the random test and of the fuzz target: Set either fails
// and changes nothing, or what Get then shows can be set again and is the same.
func checkSet(t *testing.T, c *Config, name, value string) {
	t.Helper()
	before := c.Get("*")
	if err := c.Set([]string{name, value}, Access{Local: true}); err != nil {
		if !slices.Equal(c.Get("*"), before) {
			t.Fatalf("Set(%q, %q) = %v, and changed something", name, value, err)
		}
		return
	}
	got := get(t, c, name)
	if err := c.Set([]string{name, got}, Access{Local: true}); err != nil {
		t.Fatalf("Set(%q, %q), then what Get gives, %q: %v", name, value, got, err)
	}
	if again := get(t, c, name); again != got {
		t.Fatalf("Set(%q, %q): Get = %q, and that set again gives %q", name, value, got, again)
	}
	checkRewrite(t, c, nil)
}

// checkRewrite loads what REWRITE writes, which must give the same parameters.
func checkRewrite(t *testing.T, c *Config, old []byte) {
	t.Helper()
	text := c.RewriteText(old, nil)
	d := New(Options{Directives: c.directives})
	if err := d.Load(Source{Options: string(text)}); err != nil {
		t.Fatalf("%v\nof the rewritten\n%s\nof\n%s", err, text, old)
	}
	want := c.Get("*")
	for i, p := range d.Get("*") {
		if p != want[i] {
			t.Fatalf("%s is %q, and after a REWRITE %q:\n%s", p.Name, want[i].Value, p.Value, text)
		}
	}
	// It settles, though not at once: an empty line more at the end, and a class of
	// client-output-buffer-limit takes the line of another, which then needs a new one.
	for range 5 {
		again := c.RewriteText(text, nil)
		if string(again) == string(text) {
			return
		}
		text = again
	}
	t.Fatalf("after six REWRITEs it still changes:\n%s", text)
}

func TestSetAtRandom(t *testing.T) {
	const seed = 3
	rnd := rand.New(rand.NewPCG(seed, seed))
	words := []string{"0", "1", "-1", "10", "99.9", "5%", "1mb", "yes", "no", "normal", "replica", "pubsub", "K", "EA", "n", "gn", "save", "now",
		"default", "", " ", "\"", "\\", "\x00", "::1", "x", "{title}", "9223372036854775807", "18446744073709551615", "allkeys-lru"}
	names := theTable().names
	c := New(Options{})
	for range 3000 {
		value := words[rnd.IntN(len(words))]
		for range rnd.IntN(4) {
			value += " " + words[rnd.IntN(len(words))]
		}
		checkSet(t, c, names[rnd.IntN(len(names))].name, value)
	}
}

func FuzzSet(f *testing.F) {
	for _, p := range New(Options{}).Get("*") {
		f.Add(p.Name, p.Value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		checkSet(t, New(Options{}), name, value)
	})
}
