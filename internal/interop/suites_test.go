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
// against a server of ours under every model:
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
	name, module, version string
	packages              []string // directories with tests of the server
	run, skip             string   // -run and -skip of go test
	flags                 func(addr string) []string
}

var suites = []suite{
	{
		name: "asynq", module: "github.com/hibiken/asynq", version: "v0.26.0", packages: []string{".", "./internal/rdb"},
		skip:  "TestParseRedisURI", // names the port that is replaced
		flags: func(addr string) []string { return []string{"-redis_addr=" + addr} },
	},
	{name: "redislock", module: "github.com/bsm/redislock", version: "v0.9.4", packages: []string{"."}},
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
		for _, model := range suiteModels() {
			t.Run(s.name+"/"+model, func(t *testing.T) {
				t.Parallel()
				runSuite(t, s, source, bin, model)
			})
		}
	}
}

func suiteModels() []string {
	switch {
	case *suitesRedis:
		return []string{"redis-server"}
	case *suitesModels != "":
		return strings.Split(*suitesModels, ",")
	}
	return redweave.Models()
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

var usualAddress = regexp.MustCompile(`(localhost|127\.0\.0\.1):6379`)

// copySource copies a module, with addr wherever it names Redis's usual address.
func copySource(t *testing.T, from, to, addr string) {
	t.Helper()
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
		if strings.HasSuffix(path, "_test.go") {
			b = usualAddress.ReplaceAll(b, []byte(addr))
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
	addr := startServer(t, bin, extra)
	copySource(t, source, dir, addr)
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
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("ok ")) || bytes.HasPrefix(line, []byte("FAIL")) {
			t.Logf("%s", bytes.TrimSpace(line))
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// startServer starts the server on a free port, and returns its address.
func startServer(t *testing.T, bin string, extra []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
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
