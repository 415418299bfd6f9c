package interop

import (
	"bytes"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
)

// The suites of public libraries that use Redis hard, run as their authors wrote them,
// against a server of ours, under every model or the first:
//
//	go test -run Suites -suites [-suites.only asynq] [-suites.models sharded] [-suites.redis]
//
// Their sources are copied from the module cache, as they name a port. What they pass
// on redis-server they pass here; -suites.redis has them judge a redis-server.
var (
	suitesWanted = flag.Bool("suites", false, "run the suites of other libraries")
	suitesOnly   = flag.String("suites.only", "", "those of this library alone")
	suitesModels = flag.String("suites.models", "", "under these models alone, separated by commas")
	suitesRedis  = flag.Bool("suites.redis", false, "against the redis-server on the PATH instead")
)

// A suite is a library whose tests are run.
type suite struct {
	everywhere            bool // under every model
	name, module, version string
	packages              []string // directories with tests of the server
	run, skip             string   // -run and -skip of go test
	server                []string // options of the server, more than usual
	flags, env            func(addr string) []string
	edit                  [][2]string // what to change in its tests, and into what
	starts                bool        // it starts servers itself: redis-server on its PATH is ours

	// timed says that its tests are about times so short that a busy machine may miss
	// them: it may fail once. Nobody else may, who would hide what fails now and then.
	timed bool
}

var suites = []suite{
	{
		name: "asynq", everywhere: true, module: "github.com/hibiken/asynq", version: "v0.26.0", packages: []string{".", "./internal/rdb"},
		skip:  "TestParseRedisURI", // names the port that is replaced
		flags: func(addr string) []string { return []string{"-redis_addr=" + addr} },
	},
	{
		// TestLock_Refresh_expired holds a lock for five milliseconds and must still have
		// it when it refreshes it.
		name: "redislock", everywhere: true, module: "github.com/bsm/redislock", version: "v0.9.4", packages: []string{"."},
		timed: true,
	},
	{
		// The specs for a lone server: cluster, sentinel, ring and modules have servers of
		// their own. Skipped beside those: a replica (which we refuse to be), a config file
		// and a loadable module that are not there, and specs that name the default port.
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
		// TestHello: miniredis counts vector sets as a module.
		name: "miniredis", module: "github.com/alicebob/miniredis/v2", version: "v2.40.0", packages: []string{"./integration"},
		skip: "TestHello", starts: true,
		env: func(string) []string { return []string{"INT=1"} },
	},
	{
		name: "redigo", everywhere: true, module: "github.com/gomodule/redigo", version: "v1.9.3", packages: []string{"./redis"},
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
	{name: "cache", module: "github.com/go-redis/cache/v9", version: "v9.0.0", packages: []string{"."}},
	{name: "limiter", module: "github.com/ulule/limiter/v3", version: "v3.11.2", packages: []string{"./drivers/store/redis"}},
	{name: "redistore", module: "github.com/boj/redistore", version: "v1.4.1", packages: []string{"."}},
	{name: "watermill", module: "github.com/ThreeDotsLabs/watermill-redisstream", version: "v1.4.5", packages: []string{"./pkg/redisstream"}},
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
		source := moduleSource(t, s)
		for _, model := range s.models() {
			t.Run(s.name+"/"+model, func(t *testing.T) {
				t.Parallel()
				runSuite(t, s, source, bin, model)
			})
		}
	}
}

// models are those that the suite is run under: all of them for the suites that use
// everything at once, else the first, unless the flags name others.
func (s *suite) models() []string {
	switch {
	case *suitesRedis:
		return []string{"redis-server"}
	case *suitesModels != "":
		return strings.Split(*suitesModels, ",")
	}
	if s.everywhere {
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
	usualAddress = regexp.MustCompile(`(localhost|127\.0\.0\.1):6379`)
	usualPort    = regexp.MustCompile(`":?6379"`)
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
			b = usualAddress.ReplaceAll(b, []byte(addr))
			b = usualPort.ReplaceAllFunc(b, func(m []byte) []byte {
				return bytes.Replace(m, []byte("6379"), []byte(port), 1)
			})
			for _, e := range s.edit {
				b = bytes.ReplaceAll(b, []byte(e[0]), []byte(e[1]))
			}
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func runSuite(t *testing.T, s suite, source, bin, model string) {
	dir := t.TempDir()
	extra := []string{"--threading-model", model, "--server-threads", "3", "--io-threads", "3", "--shards", "3"}
	if *suitesRedis {
		extra = nil
	}
	extra = append(extra, s.server...)
	env := append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var addr string
	if s.starts {
		addr = freeAddress(t)
		env = append(env, "PATH="+serverOnPath(t, bin, extra)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	} else {
		addr = startServer(t, bin, extra)
	}
	copySource(t, s, source, dir, addr)
	args := append([]string{"test", "-count=1", "-p=1", "-timeout=15m"}, s.packages...)
	if s.run != "" {
		args = append(args, "-run="+s.run)
	}
	if s.skip != "" {
		args = append(args, "-skip="+s.skip)
	}
	if s.flags != nil {
		args = append(args, s.flags(addr)...)
	}
	if s.env != nil {
		env = append(env, s.env(addr)...)
	}
	run := func() ([]byte, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, env
		return cmd.CombinedOutput()
	}
	out, err := run()
	if err != nil && s.timed {
		t.Logf("once more, after\n%s", out)
		out, err = run()
	}
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("ok ")) || bytes.HasPrefix(line, []byte("FAIL")) {
			t.Logf("%s", bytes.TrimSpace(line))
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
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

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startServer starts the server on a free port, and returns its address.
func startServer(t *testing.T, bin string, extra []string) string {
	t.Helper()
	addr := freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(bin, append([]string{"--port", port, "--save", "", "--databases", "16"}, extra...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the server does not answer: %s", log.String())
	return ""
}
