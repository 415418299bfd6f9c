package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
	"github.com/redweave/redweave/threading"
)

const (
	// serveFlag makes this program a server: see serve.
	serveFlag = "-serve-one"
	redisName = "redis-server"
)

// counters are what a server has counted since it started.
type counters struct {
	CPU     float64 // seconds
	Mallocs uint64
	Threads []threading.ThreadStats
	Model   string
}

// options are those of a keyspace under a model.
func options(model string, threads int) redweave.Options {
	if threads == 0 {
		threads = max(2, runtime.GOMAXPROCS(0))
	}
	n := strconv.Itoa(threads)
	return redweave.Options{Model: model, Config: map[string]string{"server-threads": n, "io-threads": n}}
}

// localCounters are those of a keyspace of this process.
func localCounters(ks *redweave.Keyspace) counters {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := counters{Mallocs: m.Mallocs, Threads: ks.Threads()}
	info, err := ks.Do(context.Background(), "INFO", "cpu", "server")
	if err == nil {
		c.readInfo(info.Text())
	}
	return c
}

// readInfo reads what INFO says.
func (c *counters) readInfo(text string) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "used_cpu_user", "used_cpu_sys":
			f, _ := strconv.ParseFloat(value, 64)
			c.CPU += f
		}
	}
}

// serve is the server's process: it prints its address, and then its counters for
// every line that it reads, until there are no more.
func serve(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("want a model and a number of threads")
	}
	threads, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ks, err := redweave.Open(options(args[0], threads))
	if err != nil {
		return err
	}
	defer ks.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go ks.Serve(l)
	fmt.Fprintln(out, l.Addr())
	enc := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if err := enc.Encode(localCounters(ks)); err != nil {
			return err
		}
	}
	return nil
}

// A server is a process that is measured.
type server struct {
	addr    string
	cmd     *exec.Cmd
	ask     io.WriteCloser // ours: its standard input
	answers *bufio.Reader
}

// redisServer returns the path of redis-server, "" when there is none.
func redisServer() string {
	path, _ := exec.LookPath(redisName)
	return path
}

func startServer(model string, threads int) (*server, error) {
	if model == redisName {
		return startRedis()
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(self, serveFlag, model, strconv.Itoa(threads))}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.ask, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.answers = bufio.NewReader(out)
	addr, err := s.answers.ReadString('\n')
	s.addr = strings.TrimSpace(addr)
	return s, err
}

// startRedis starts a redis-server on a port that was free a moment ago.
func startRedis() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	s := &server{addr: addr.String()}
	s.cmd = exec.Command(redisServer(), "--port", strconv.Itoa(addr.Port), "--save", "", "--bind", "127.0.0.1")
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			return s, c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("redis-server does not answer")
}

// counters asks for the server's counters.
func (s *server) counters() (c counters, err error) {
	if s.ask != nil {
		if _, err := io.WriteString(s.ask, "\n"); err != nil {
			return c, err
		}
		line, err := s.answers.ReadBytes('\n')
		if err != nil {
			return c, err
		}
		return c, json.Unmarshal(line, &c)
	}
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return c, err
	}
	defer conn.Close()
	if _, err := conn.Write(appendCommand(nil, []string{"INFO", "cpu"})); err != nil {
		return c, err
	}
	v, err := resp.NewReader(conn).Read()
	c.readInfo(v.Text())
	return c, err
}

func (s *server) stop() {
	if s.ask != nil {
		s.ask.Close()
	} else {
		s.cmd.Process.Kill()
	}
	s.cmd.Wait()
}
