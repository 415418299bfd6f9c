package transcript

import (
	"bytes"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Test plays every transcript under dir to a server, a subtest per file.
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
	cmd := exec.Command(binary, "--port", "0", "--unixsocket", n.Addr, "--dir", dir,
		"--save", "", "--enable-debug-command", "yes", "--loglevel", "warning")
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
			return n
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatalf("%s does not answer", binary)
	return nil
}
