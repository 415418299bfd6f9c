package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redweave/redweave/resp"
)

// asServer in the environment makes the test's program the server: a process of its
// own, for what takes one.
const asServer = "REDWEAVE_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// An output is a buffer that a server writes while a test reads.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// A process is a run of the server.
type process struct {
	out, err output
	port     int
	status   chan int
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// begin runs the server on a free port of the loopback interface.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{port: freePort(t), status: make(chan int, 1)}
	if len(args) == 0 || strings.HasPrefix(args[0], "--") {
		args = append([]string{"--port", strconv.Itoa(p.port), "--bind", "127.0.0.1"}, args...)
	}
	go func() { p.status <- run(args, &p.out, &p.err) }()
	return p
}

// start runs the server until the test ends.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := begin(t, args...)
	p.await(t, "Ready to accept connections")
	t.Cleanup(func() {
		if c, err := net.Dial("tcp", p.address()); err == nil {
			fmt.Fprint(c, "SHUTDOWN NOSAVE\r\n")
			c.Close()
			p.ended(t)
		}
	})
	return p
}

func (p *process) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// await waits until the log has a text.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	for range 20_000 {
		if strings.Contains(p.out.String(), text) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("no %q in the log:\n%s%s", text, p.out.String(), p.err.String())
}

// ended waits for the end of the run, and returns the exit status.
func (p *process) ended(t *testing.T) int {
	t.Helper()
	select {
	case status := <-p.status:
		return status
	case <-time.After(2 * time.Minute):
		t.Fatalf("the server does not end:\n%s", p.out.String())
		return -1
	}
}

// ask sends inline commands over a connection of their own, and returns the
// replies.
func ask(t *testing.T, network, address string, commands ...string) (replies []resp.Value) {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	r := resp.NewReader(c)
	for _, command := range commands {
		fmt.Fprintf(c, "%s\r\n", command)
		v, err := r.Read()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		replies = append(replies, v)
	}
	return replies
}

func (p *process) ask(t *testing.T, command string) resp.Value {
	t.Helper()
	return ask(t, "tcp", p.address(), command)[0]
}

func TestServes(t *testing.T) {
	p := start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	for _, tt := range []struct{ command, want string }{
		{"PING", "PONG"},
		{"SET a 1", "OK"},
		{"INCRBY a 41", "42"},
		{"CONFIG GET maxmemory", `["maxmemory" "104857600"]`},
		{"CONFIG GET maxmemory-policy", `["maxmemory-policy" "allkeys-lru"]`},
		{"NOSUCH", "error(ERR unknown command 'NOSUCH', with args beginning with: )"},
	} {
		if got := p.ask(t, tt.command).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.command, got, tt.want)
		}
	}
}

func TestLog(t *testing.T) {
	p := start(t)
	line := regexp.MustCompile(fmt.Sprintf(`^%d:[CM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.\-*#] `, os.Getpid()))
	for l := range strings.Lines(p.out.String()) {
		if !line.MatchString(l) {
			t.Errorf("%q is no line of redis-server's log", l)
		}
	}
	for _, want := range []string{
		":C ", ":M ", " * Ready to accept connections tcp\n", fmt.Sprintf("Running mode=standalone, port=%d.", p.port),
		"# WARNING: nothing is written to disk but by SAVE",
	} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("no %q in\n%s", want, p.out.String())
		}
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]string{
		"debug": ".-*#", "verbose": "-*#", "notice": "*#", "warning": "#", "nothing": "",
	} {
		var out bytes.Buffer
		h := newLogger(&out)
		if err := h.configure(&settings{logLevel: level}); err != nil {
			t.Fatal(err)
		}
		log := slog.New(h).With("client", "a:1")
		log.Debug("m", "n", 1)
		log.Log(t.Context(), levelVerbose, "m", "n", 1)
		log.Info("m", "n", 1)
		log.Warn("m", "n", 1)
		got := ""
		for l := range strings.Lines(out.String()) {
			mark, ok := strings.CutSuffix(l, " m client=a:1 n=1\n")
			if !ok {
				t.Errorf("%s: line %q", level, l)
				continue
			}
			got += mark[len(mark)-1:]
		}
		if got != want {
			t.Errorf("%s: %q was written, want %q", level, got, want)
		}
	}
}

func TestLogFile(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	p := begin(t, "--dir", dir, "--logfile", "server.log")
	path := filepath.Join(dir, "server.log")
	for range 20_000 {
		if b, _ := os.ReadFile(path); bytes.Contains(b, []byte("Ready to accept")) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	ask(t, "tcp", p.address(), "PING")
	syscallSelf(t, os.Interrupt)
	if status := p.ended(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(b, []byte("bye bye")) {
		t.Errorf("the log: %v\n%s", err, b)
	}
	if p.out.String() != "" {
		t.Errorf("standard output has %q", p.out.String())
	}
}

// syscallSelf sends this process a signal.
func syscallSelf(t *testing.T, sig os.Signal) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(sig)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := begin(t)
			p.await(t, "Ready to accept connections")
			c, err := net.Dial("tcp", p.address())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			syscallSelf(t, sig)
			if status := p.ended(t); status != 0 {
				t.Errorf("exit status %d", status)
			}
			p.await(t, "Received SIG")
			p.await(t, "User requested shutdown...")
			p.await(t, "bye bye")
			if _, err := net.Dial("tcp", p.address()); err == nil {
				t.Error("it listens still")
			}
		})
	}
}

func TestShutdownCommand(t *testing.T) {
	p := begin(t)
	p.await(t, "Ready to accept connections")
	c, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "SHUTDOWN NOSAVE\r\n")
	if status := p.ended(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

var versionLine = regexp.MustCompile(`^Redis server v=7\.\d+\.\d+ sha=\w+:\d malloc=\S+ bits=(32|64) build=\w+\n$`)

func TestVersionAndHelp(t *testing.T) {
	for _, arg := range []string{"-v", "--version"} {
		var out, errs bytes.Buffer
		if status := run([]string{arg, "--port", "1"}, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Errorf("%s: exit status %d, %q", arg, status, errs.String())
		}
		if !versionLine.MatchString(out.String()) {
			t.Errorf("%s: %q", arg, out.String())
		}
	}
	for _, arg := range []string{"-h", "--help"} {
		var out, errs bytes.Buffer
		if status := run([]string{arg}, &out, &errs); status != 1 || out.Len() > 0 || !strings.HasPrefix(errs.String(), "Usage: ") {
			t.Errorf("%s: exit status %d, %q, %q", arg, status, out.String(), errs.String())
		}
	}
}

// TestRefused holds what is said to a configuration that is no good, and that
// nothing starts.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const fatal = "\n*** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***\nReading the configuration file, at line "
	for _, tt := range []struct {
		name     string
		args     []string
		err, log string
	}{
		{"unknown", []string{"--bogus", "3"}, fatal + "2\n>>> 'bogus \"3\"'\nBad directive or wrong number of arguments\n", ""},
		{"range", []string{"--port", "99999999"}, fatal + "2\n>>> 'port \"99999999\"'\nargument must be between 0 and 65535 inclusive\n", ""},
		{"file", []string{file("bad.conf", "# one\nhz 10\nmaxmemory lots\n")}, fatal + "3\n>>> 'maxmemory lots'\nargument must be a memory value\n", ""},
		{"replication", []string{file("replica.conf", "replicaof a 1\n")}, fatal + "1\n>>> 'replicaof a 1'\nBad directive or wrong number of arguments\n", ""},
		{"no file", []string{filepath.Join(dir, "none.conf")}, "", "Fatal error, can't open config file '" + filepath.Join(dir, "none.conf") + "': No such file or directory\n"},
		{"included file", []string{"--include", "none.conf"}, "", "# Fatal error, can't open config file 'none.conf': No such file or directory\n"},
		{"user's rule", []string{"--user", "ann", "&*", "&x"}, fatal + "2\n>>> 'user \"ann\" \"&*\" \"&x\"'\nError in user declaration '&x': Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels\n", ""},
		{"user's command", []string{"--user", "ann", "+@nosuch"}, "", "# Error loading ACL rule '+@nosuch' for the user named 'ann': Unknown command or category name in ACL\n"},
		{"user's name", []string{"--user", "a b", "on"}, "", "# Spaces not allowed in ACL usernames\n"},
		{"users without a file", []string{"--aclfile", "none.acl"}, "", "# Aborting Redis startup because of ACL errors: Error loading ACLs, opening file 'none.acl': No such file or directory\n"},
		{"log file", []string{"--logfile", filepath.Join(dir, "none", "log")}, "\n*** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***\nCan't open the log file: No such file or directory\n", ""},
		{"nowhere", []string{"--port", "0"}, "", "# Configured to not listen anywhere, exiting.\n"},
		{"unix socket", []string{"--port", "0", "--unixsocket", filepath.Join(dir, "none", "s")}, "", "# Failed opening Unix socket: bind: No such file or directory\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(tt.args, &out, &errs); status != 1 {
				t.Errorf("exit status %d", status)
			}
			if errs.String() != tt.err {
				t.Errorf("standard error has\n%s\nwant\n%s", errs.String(), tt.err)
			}
			if !strings.Contains(out.String(), tt.log) || strings.Contains(out.String(), "Ready") {
				t.Errorf("the log has\n%s\nwant\n%s", out.String(), tt.log)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	p := start(t)
	var out, errs bytes.Buffer
	if status := run([]string{"--port", strconv.Itoa(p.port), "--bind", "127.0.0.1"}, &out, &errs); status != 1 {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{
		fmt.Sprintf("# Warning: Could not create server TCP listening socket 127.0.0.1:%d: bind: Address already in use\n", p.port),
		fmt.Sprintf("# Failed listening on port %d (tcp), aborting.\n", p.port),
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if got := p.ask(t, "PING").Str; got != "PONG" {
		t.Errorf("the first server says %q", got)
	}
}

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redis.conf")
	port := freePort(t)
	text := fmt.Sprintf("# a server\nbind 127.0.0.1 -::1\nport %d\ndatabases 3\nsave \"\"\nset-max-intset-entries 7\n", port)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := begin(t, path, "--set-max-intset-entries", "9")
	p.port = port
	p.await(t, "Ready to accept connections")
	if strings.Contains(p.out.String(), "WARNING") {
		t.Errorf("a warning of nothing:\n%s", p.out.String())
	}
	for i, v := range ask(t, "tcp", p.address(),
		"CONFIG GET set-max-intset-entries", "CONFIG GET databases", "SELECT 3", "CONFIG SET hz 50", "CONFIG REWRITE") {
		want := []string{`["set-max-intset-entries" "9"]`, `["databases" "3"]`, "error(ERR DB index is out of range)", "OK", "OK"}[i]
		if v.String() != want {
			t.Errorf("%s, want %s", v, want)
		}
	}
	syscallSelf(t, os.Interrupt)
	p.ended(t)
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), "\nhz 50\n") || !strings.HasPrefix(string(b), "# a server\n") {
		t.Errorf("rewritten: %v\n%s", err, b)
	}
}

func TestUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permissions")
	}
	// Names of sockets are short: the test's own folder may be too deep.
	dir, err := os.MkdirTemp("", "rw")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	if err := os.WriteFile(path, nil, 0o644); err != nil { // left by another server
		t.Fatal(err)
	}
	p := begin(t, "--port", "0", "--unixsocket", path, "--unixsocketperm", "700")
	p.await(t, "Ready to accept connections unix")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	if v := ask(t, "unix", path, "PING")[0]; v.Str != "PONG" {
		t.Errorf("PING: %s", v)
	}
	syscallSelf(t, os.Interrupt)
	if status := p.ended(t); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
}

func TestMaxClients(t *testing.T) {
	p := start(t, "--maxclients", "2")
	var clients []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", p.address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "PING\r\n")
		if v, err := resp.NewReader(c).Read(); err != nil || v.Str != "PONG" {
			t.Fatalf("PING: %s, %v", v, err)
		}
		clients = append(clients, c)
	}
	c, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := resp.NewReader(c).Read(); err != nil || v.Str != "ERR max number of clients reached" {
		t.Errorf("the third client reads %s, %v", v, err)
	}
	c.Close()
	fmt.Fprint(clients[1], "SHUTDOWN NOSAVE\r\n") // nobody else has room to
	p.ended(t)
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.pid")
	p := begin(t, "--pidfile", path)
	p.await(t, "Ready to accept connections")
	if b, err := os.ReadFile(path); err != nil || string(b) != fmt.Sprintln(os.Getpid()) {
		t.Errorf("%q, %v", b, err)
	}
	syscallSelf(t, os.Interrupt)
	p.ended(t)
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is still there")
	}
}

func TestWithoutEffect(t *testing.T) {
	p := start(t, "--save", "", "--tls-dh-params-file", "x", "--tls-session-cache-size", "4")
	for _, want := range []string{"the parameter tls-dh-params-file has no effect yet", "the parameter tls-session-cache-size has no effect yet"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("no %q in\n%s", want, p.out.String())
		}
	}
	if n := strings.Count(p.out.String(), "WARNING"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, p.out.String())
	}
}
