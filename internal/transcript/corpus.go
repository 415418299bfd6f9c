package transcript

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Test plays every transcript under dir to a server, a subtest per file. A file that
// wants a server of its own has a reference started.
func Test(t *testing.T, dir string, s Server, o Options) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		files++
		name, _ := filepath.Rel(dir, path)
		t.Run(strings.TrimSuffix(filepath.ToSlash(name), ".txt"), func(t *testing.T) { testFile(t, path, s, o) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("no transcripts in %s", dir)
	}
}

func testFile(t *testing.T, path string, s Server, o Options) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	if f.Start.Needed() {
		s = startReference(t, &f.Start)
	}
	failures, err := Run(f, s, o)
	for _, x := range failures {
		t.Error(x)
	}
	if err != nil {
		t.Fatal(err)
	}
	if written := f.Format(); o.Update && !bytes.Equal(written, text) {
		if err := os.WriteFile(path, written, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// ReferenceVersion is the version of redis-server the expectations come from.
const ReferenceVersion = "7.0"

// Reference starts a redis-server of the reference version that lives as long
// as the test, on a socket in a directory of its own, and skips the test where
// none is installed.
func Reference(tb testing.TB) Server {
	tb.Helper()
	return startReference(tb, &Start{})
}

func startReference(tb testing.TB, start *Start) Server {
	tb.Helper()
	const binary = "redis-server"
	if out, err := exec.Command(binary, "--version").Output(); err != nil {
		tb.Skipf("no %s here", binary)
	} else if !strings.Contains(string(out), "v="+ReferenceVersion+".") {
		tb.Skipf("the reference is of version %s, this is %s", ReferenceVersion, out)
	}
	dir, err := os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		tb.Fatal(err)
	}
	n := Network{"unix", filepath.Join(dir, "s")}
	args := []string{
		"--port", "0", "--unixsocket", n.Addr, "--dir", dir,
		"--save", "", "--enable-debug-command", "yes", "--loglevel", "warning",
	}
	if start.Needed() {
		conf, err := start.Write(dir)
		if err != nil {
			tb.Fatal(err)
		}
		args = append([]string{conf}, args...)
	}
	if start.clustered() {
		args = append(args, "--bind", "127.0.0.1", "--cluster-port", freePort(tb))
	}
	cmd := exec.Command(binary, args...)
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for range 12_000 {
		if c, err := net.Dial(n.Net, n.Addr); err == nil {
			c.Close()
			if start.clustered() {
				takeSlots(tb, n)
			}
			return n
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatalf("%s does not answer", binary)
	return nil
}

// takeSlots gives a cluster's node all slots, and waits until it serves them, which takes
// it two seconds after its start.
func takeSlots(tb testing.TB, n Network) {
	tb.Helper()
	p := player{server: n, conns: map[string]Conn{}}
	defer p.close()
	err := p.use("main")
	if err == nil {
		_, err = p.do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	}
	for start := time.Now(); err == nil; time.Sleep(20 * time.Millisecond) {
		var v Reply
		if v, err = p.do("CLUSTER", "INFO"); strings.Contains(v.Text, "cluster_state:ok") {
			return
		}
		if time.Since(start) > patience {
			err = errors.New("the reference's cluster stays down")
		}
	}
	tb.Fatal(err)
}

// freePort returns a port that nobody listens on.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
