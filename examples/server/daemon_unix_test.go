//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDaemonize starts a server that goes to the background, told so on its
// standard input, and ends it by its pidfile.
func TestDaemonize(t *testing.T) {
	dir := t.TempDir()
	pidFile, port := filepath.Join(dir, "pid"), freePort(t)
	cmd := exec.Command(os.Args[0], "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "-")
	cmd.Env = append(os.Environ(), asServer+"=1")
	cmd.Stdin = strings.NewReader("daemonize yes\nlogfile log\nloglevel verbose\npidfile " + pidFile + "\ndir " + dir + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v, %q", err, out)
	}
	var pid int
	waitFor(t, "a pidfile", func() bool {
		b, _ := os.ReadFile(pidFile)
		pid, _ = strconv.Atoi(string(bytes.TrimSpace(b)))
		return pid > 0
	})
	defer syscall.Kill(pid, syscall.SIGKILL)
	if pid == cmd.Process.Pid {
		t.Error("the server is the process that was started")
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	waitFor(t, "a listener", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if v := ask(t, "tcp", address, "CONFIG GET loglevel")[0]; v.String() != `["loglevel" "verbose"]` {
		t.Errorf("the configuration from standard input did not arrive: %s", v)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end", func() bool { _, err := os.Stat(pidFile); return err != nil })
	if b, err := os.ReadFile(filepath.Join(dir, "log")); err != nil || !bytes.Contains(b, []byte("Received SIGTERM")) {
		t.Errorf("%v\n%s", err, b)
	}
}

// waitFor waits until something is so.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 20_000 {
		if so() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("no sign of %s", what)
}
