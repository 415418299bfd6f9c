package interop

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
)

// The suites of public libraries that use Redis hard, run as their authors wrote them,
// against a server of ours: the light ones under every model, the others under the first,
// unless the flags name others. All pass under every model on a machine that is not busy:
// on one that is, some of theirs who publish before they have seen that they are
// subscribed come too early for a model with several readers.
//
//	go test -run Suites -suites [-suites.only asynq] [-suites.models sharded,pipeline] [-suites.redis]
//
// Their sources are copied from the module cache, as they name a port, and built once:
// the models have the port one after the other, while other suites run beside. What they
// pass on redis-server they pass here; -suites.redis has them judge a redis-server.
var (
	suitesWanted = flag.Bool("suites", false, "run the suites of other libraries")
	suitesOnly   = flag.String("suites.only", "", "those of this library alone")
	suitesModels = flag.String("suites.models", "", "under these models alone, separated by commas")
	suitesRedis  = flag.Bool("suites.redis", false, "against the redis-server on the PATH instead")
)

// A suite is a library whose tests are run.
type suite struct {
	light                 bool // it takes seconds of processor time, and is run under every model
	waits                 bool // it sleeps for minutes, and takes its address as a flag: all models have it at once
	name, module, version string
	packages              []string // directories with tests of the server
	run, skip             string   // -run and -skip of go test
	tags                  string   // -tags of go build
	server                []string // options of the server, more than usual
	flags, env            func(addr string) []string
	edit                  [][2]string // what to change in its tests, and into what, before the port is
	starts                bool        // it starts servers itself: redis-server on its PATH is ours

	// timed says that its tests are about times so short that a busy machine may miss
	// them: it may fail once. Nobody else may, who would hide what fails now and then.
	timed bool
}

var suites = []suite{
	{
		name: "asynq", light: true, waits: true, module: "github.com/hibiken/asynq", version: "v0.26.0", packages: []string{".", "./internal/rdb"},
		// It compares times to the second.
		timed: true,
		skip:  "TestParseRedisURI", // names the port that is replaced
		flags: func(addr string) []string { return []string{"-redis_addr=" + addr} },
	},
	{
		// TestLock_Refresh_expired holds a lock for five milliseconds and must still have
		// it when it refreshes it.
		name: "redislock", light: true, module: "github.com/bsm/redislock", version: "v0.9.4", packages: []string{"."},
		timed: true,
	},
	{
		// Brokers and presence on scripts, streams and pub/sub. Its servers beside the
		// usual one are another make and a cluster.
		name: "centrifuge", module: "github.com/centrifugal/centrifuge", version: "v0.34.2", packages: []string{"."},
		tags: "integration", run: "Redis|TestNode_On|TestPreShardedSlots", skip: "Cluster|Sentinel|TestRedisConsistentIndex",
		edit: [][2]string{
			{`{"df_single_list", false, false, 7379},`, ""}, {`{"df_single_strm", true, false, 7379},`, ""}, {`{"df_single", false, 7379},`, ""},
			{`{"rd_cluster_list", false, true, 0},`, ""}, {`{"rd_cluster_strm", true, true, 0},`, ""}, {`{"rd_cluster", true, 0},`, ""},
			{`{"rd_cluster", false, 0},`, ""},
		},
	},
	{
		// The specs for a lone server. Cluster, sentinel, ring and modules have servers of
		// their own. Skipped beside those: a replica (which we refuse
		// to be), a config file and a loadable module that are not there, and specs that name
		// the default port.
		name: "go-redis", module: "github.com/redis/go-redis/v9", version: "v9.23.0", packages: []string{"."},
		run:    "TestGinkgoSuite",
		server: []string{"--enable-debug-command", "yes"},
		env:    func(string) []string { return []string{"REDIS_VERSION=7.4"} },
		edit:   [][2]string{{"if !RECluster {", "if false {"}},
		flags: func(string) []string {
			return []string{"-ginkgo.no-color", "-ginkgo.skip=" + strings.Join([]string{
				"Cluster", "cluster races", "Command Tips", "Sentinel", "Ring", "UniversalClient", "TLS",
				"JSON", "RediSearch", `FT\.`, "[Tt]imeseries", "VectorSet", `TS\.`, "Probabilistic",
				"SlaveOf", "ReplicaOf", "ConfigRewrite", "module loadex",
				"Credentials Provider", "withConn",
			}, "|")}
		},
	},
	{
		// Each test compares miniredis with a real server, which is ours here.
		// TestHello: miniredis counts vector sets as a module. It is timed for TestStreamGroup:
		// both have to answer XPENDING IDLE 10 within ten milliseconds of XREADGROUP.
		name: "miniredis", module: "github.com/alicebob/miniredis/v2", version: "v2.40.0", packages: []string{"./integration"},
		skip: "TestHello", starts: true, timed: true,
		env: func(string) []string { return []string{"INT=1"} },
	},
	{
		name: "redigo", light: true, module: "github.com/gomodule/redigo", version: "v1.9.3", packages: []string{"./redis"},
		starts: true,
		flags: func(addr string) []string {
			_, port, _ := net.SplitHostPort(addr)
			return []string{"-redis-port=" + port}
		},
	},
	{
		// Its other tests play the server themselves, or want clusters and other stores.
		name: "rueidis", module: "github.com/redis/rueidis", version: "v1.0.79", packages: []string{"."},
		run: "^(TestSingleClientIntegration|TestUnblockOnCancel.*|TestNegativeConnWriteTimeout|TestNegativeKeepalive)$",
	},
	{
		// Its clusters, sentinels and TLS are stand-ins of its own. TestPoolIssue344 asks for more
		// than a busy machine does in time.
		name: "radix", light: true, module: "github.com/mediocregopher/radix/v4", version: "v4.1.4", packages: []string{"."},
		skip: "Cluster|Sentinel|TestPoolIssue344|TestDialUseTLS",
	},
	{name: "cache", light: true, module: "github.com/go-redis/cache/v9", version: "v9.0.0", packages: []string{"."}},
	{name: "redistore", light: true, module: "github.com/boj/redistore", version: "v1.4.1", packages: []string{"."}},
	{
		// TestClaimIdle times out on redis-server as well, once in four runs.
		name: "watermill", module: "github.com/ThreeDotsLabs/watermill-redisstream", version: "v1.4.5", packages: []string{"./pkg/redisstream"},
		skip: "TestClaimIdle",
	},
}

func TestSuites(t *testing.T) {
	if !*suitesWanted {
		t.Skip("asked for by -suites")
	}
	bin := buildServer(t)
	for _, s := range suites {
		if *suitesOnly != "" && *suitesOnly != s.name {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			addr := freeAddress(t)
			tests := buildSuite(t, s, addr)
			for _, model := range s.models() {
				t.Run(model, func(t *testing.T) {
					at := addr
					if s.waits {
						t.Parallel()
						at = freeAddress(t)
					}
					runSuite(t, s, tests, bin, at, model)
				})
			}
		})
	}
}

// models are those that the suite is run under.
func (s *suite) models() []string {
	switch {
	case *suitesRedis:
		return []string{"redis-server"}
	case *suitesModels != "":
		return strings.Split(*suitesModels, ",")
	case s.light:
		return redweave.Models()
	}
	return redweave.Models()[:1]
}

// buildServer builds examples/server, and returns its path.
func buildServer(t *testing.T) string {
	if *suitesRedis {
		path, err := exec.LookPath("redis-server")
		if err != nil {
			t.Skip(err)
		}
		return path
	}
	bin := filepath.Join(t.TempDir(), "server")
	cmd := exec.Command("go", "build", "-o", bin, "./examples/server")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// moduleSource returns the directory of a suite's module, which is fetched if need be.
func moduleSource(t *testing.T, s suite) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", s.module+"@"+s.version)
	cmd.Dir = t.TempDir()
	out, err := cmd.Output()
	var m struct{ Dir string }
	if err != nil || json.Unmarshal(out, &m) != nil {
		t.Fatalf("fetching %s: %v %s", s.module, err, out)
	}
	return m.Dir
}

// usualAddress is Redis's, as tests write it; some name the port alone.
var (
	usualAddress = regexp.MustCompile(`(localhost|127\.0\.0\.1):6379\b`)
	usualPort    = regexp.MustCompile(`":?6379"|\bport = 6379\b|[( ]6379[)}]`)
)

// copySource copies a suite's module, with addr wherever it names Redis's usual address
// (unless it starts the server, and so says where).
func copySource(t *testing.T, s suite, from, to, addr string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !s.starts && strings.HasSuffix(path, "_test.go") {
			for _, e := range s.edit {
				b = bytes.ReplaceAll(b, []byte(e[0]), []byte(e[1]))
			}
			b = usualAddress.ReplaceAll(b, []byte(addr))
			b = usualPort.ReplaceAllFunc(b, func(m []byte) []byte {
				return bytes.Replace(m, []byte("6379"), []byte(port), 1)
			})
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// buildSuite builds a suite's tests against the address, and returns for each package
// the directory and the program.
func buildSuite(t *testing.T, s suite, addr string) (tests [][2]string) {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	copySource(t, s, moduleSource(t, s), dir, addr)
	for i, pkg := range s.packages {
		path := filepath.Join(bin, strconv.Itoa(i)+".test")
		cmd := exec.Command("go", "test", "-c", "-tags", s.tags, "-o", path, pkg)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		tests = append(tests, [2]string{filepath.Join(dir, pkg), path})
	}
	return tests
}

// runSuite runs the tests against a server of the model at the address, which they
// were built for.
func runSuite(t *testing.T, s suite, tests [][2]string, bin, addr, model string) {
	extra := []string{"--threading-model", model, "--server-threads", "3", "--io-threads", "3"}
	if *suitesRedis {
		extra = nil
	}
	extra = append(extra, s.server...)
	env := os.Environ()
	if s.starts {
		env = append(env, "PATH="+serverOnPath(t, bin, extra)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	} else {
		startServer(t, bin, addr, extra)
	}
	args := []string{"-test.timeout=6m"}
	if s.run != "" {
		args = append(args, "-test.run="+s.run)
	}
	if s.skip != "" {
		args = append(args, "-test.skip="+s.skip)
	}
	if s.flags != nil {
		args = append(args, s.flags(addr)...)
	}
	if s.env != nil {
		env = append(env, s.env(addr)...)
	}
	for i, pkg := range s.packages {
		run := func() ([]byte, error) {
			cmd := exec.Command(tests[i][1], args...)
			cmd.Dir, cmd.Env = tests[i][0], env
			return cmd.CombinedOutput()
		}
		start := time.Now()
		out, err := run()
		if err != nil && s.timed {
			t.Logf("once more, after\n%s", out)
			start = time.Now()
			out, err = run()
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("ok %s %s under %s: %v", s.module, pkg, model, time.Since(start).Round(time.Second/10))
	}
}

// serverOnPath returns a directory in which redis-server is the server with more
// options than it is started with.
func serverOnPath(t *testing.T, bin string, extra []string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nexec '" + bin + "' \"$@\" " + strings.Join(extra, " ") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freeAddress returns an address that nobody has. The kernel does not give it to
// connections, so that the next server of a suite finds it free.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20000+rand.IntN(10000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no address is free")
	return ""
}

// startServer starts the server, and waits until it answers at the address.
func startServer(t *testing.T, bin, addr string, extra []string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(bin, append([]string{"--port", port, "--save", "", "--databases", "16"}, extra...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the server does not answer: %s", log.String())
}
