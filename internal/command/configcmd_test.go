package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/config"
)

func TestConfigGetSet(t *testing.T) {
	b := newBench(t)
	b.wantAll(
		"CONFIG GET maxmemory", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n",
		"CONFIG GET nothing", "*0\r\n",
		"CONFIG GET hz HZ h?", "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n",
		"CONFIG SET hz 20 maxmemory-samples 7", "+OK\r\n",
		"CONFIG GET hz maxmemory-sam*", "*4\r\n$2\r\nhz\r\n$2\r\n20\r\n$17\r\nmaxmemory-samples\r\n$1\r\n7\r\n",
		"CONFIG GET", "-ERR wrong number of arguments for 'config|get' command\r\n",
		"CONFIG SET hz", "-ERR wrong number of arguments for 'config|set' command\r\n",
		"CONFIG SET hz 10 timeout", "-ERR syntax error\r\n",
		"CONFIG SET nothing 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nothing'\r\n",
		"CONFIG SET databases 3", "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config\r\n",
		"CONFIG SET dir /", "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config\r\n",
		"CONFIG SET hz 30 maxmemory-samples x", "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - argument couldn't be parsed into an integer\r\n",
		"CONFIG GET hz", "*2\r\n$2\r\nhz\r\n$2\r\n20\r\n",
		"CONFIG REWRITE", "-ERR The server is running without a config file\r\n",
		"CONFIG NOPE", "-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n",
		"CONFIG", "-ERR wrong number of arguments for 'config' command\r\n",
	)
	b.cl.Out.Proto = 3
	b.wantAll("CONFIG GET hz", "%1\r\n$2\r\nhz\r\n$2\r\n20\r\n", "CONFIG GET nothing", "%0\r\n")
}

// hearingHost counts what it is told of parameters.
type hearingHost struct {
	quietHost
	applied int
	net     NetStats
}

func (h *hearingHost) Applied()      { h.applied++ }
func (h *hearingHost) Net() NetStats { return h.net }

func TestConfigSetIsObeyed(t *testing.T) {
	b := newBench(t)
	h := &hearingHost{}
	b.x.host = h
	b.do("CONFIG SET hz x")
	if h.applied != 0 {
		t.Error("a CONFIG SET that failed was applied")
	}
	b.want("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lfu hash-max-listpack-entries 3 lazyfree-lazy-user-del yes", "+OK\r\n")
	if h.applied != 1 {
		t.Errorf("applied %d times", h.applied)
	}
	if b.x.maxMemory != 100<<20 || !b.x.settings.Policy.LFU() || b.x.limits.hash.ListPackEntries != 3 || !b.x.settings.Lazy.UserDel {
		t.Errorf("not obeyed: %d, %v, %+v, %+v", b.x.maxMemory, b.x.settings.Policy, b.x.limits.hash, b.x.settings.Lazy)
	}
}

func TestProtectedConfigNeedsALocalClient(t *testing.T) {
	b := newBench(t)
	b.x.config.EnableProtectedConfigs = config.PermitLocal
	b.want("CONFIG SET dbfilename a.rdb", "+OK\r\n")
	b.cl.Flags &^= inProcess
	b.want("CONFIG SET dbfilename b.rdb", "-ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config\r\n")
}

func TestConfigRewrite(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "redis.conf")
	if err := os.WriteFile(file, []byte("# mine\nhz 10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.x.config.Load(config.Source{File: file}); err != nil {
		t.Fatal(err)
	}
	b.wantAll("CONFIG SET hz 50", "+OK\r\n", "CONFIG REWRITE", "+OK\r\n")
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), "# mine\nhz 50\n") {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestConfigResetStat(t *testing.T) {
	b := newBench(t)
	h := &hearingHost{net: NetStats{Connections: 5, BytesIn: 100, Cycles: 9}}
	b.x.host = h
	b.do("SET a 1")
	b.do("GET a")
	b.do("GET b")
	b.do("NOPE")
	b.want("CONFIG RESETSTAT", "+OK\r\n")
	h.net.Connections++
	info := b.info("everything")
	for field, want := range map[string]string{
		"total_connections_received": "1", "total_net_input_bytes": "0", "eventloop_cycles": "0",
		"keyspace_hits": "0", "keyspace_misses": "0", "total_error_replies": "0",
		"total_commands_processed": "1", "rdb_changes_since_last_save": "1", "lazyfreed_objects": "0",
		"errorstat_ERR": "", "cmdstat_get": "", "cmdstat_set": "",
	} {
		if got := info[field]; got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if !strings.HasPrefix(info["cmdstat_config|resetstat"], "calls=1,") {
		t.Error("CONFIG RESETSTAT itself is not counted")
	}
}

func TestHelp(t *testing.T) {
	b := newBench(t)
	for _, container := range []string{"CONFIG", "MEMORY", "SLOWLOG", "LATENCY", "DEBUG"} {
		b.x.config.EnableDebugCommand = config.PermitAll
		lines := b.ask(container + " HELP").Strings()
		if want := container + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"; lines[0] != want {
			t.Errorf("%s HELP begins %q", container, lines[0])
		}
		if !strings.Contains(strings.Join(lines, "\n"), "\nHELP\n    ") {
			t.Errorf("%s HELP does not know itself: %q", container, lines)
		}
	}
	if got := strings.Join(b.ask("CONFIG HELP").Strings(), "\n"); !strings.Contains(got, "\nSET parameter value [parameter value ...]\n") {
		t.Errorf("CONFIG HELP is %s", got)
	}
}
