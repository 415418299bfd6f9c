// Package target starts the servers that the programs beside it measure, each in a
// process of its own, so that what the system counts for it is its alone: a keyspace
// under some threading model, or a redis-server.
//
//	func main() {
//		target.Main() // this program again may be the server
//		s, err := target.Start(target.Options{Model: "sharded", Threads: 4})
//		…
//		defer s.Stop()
//		before, err := s.CPU()
//
// Everything but [Conn] may be used by any number of goroutines. Who starts a server
// stops it; one whose parent dies ends, too.
package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave"
)

const (
	// Redis is the Model that stands for the redis-server on the PATH.
	Redis = "redis-server"

	serveFlag = "-serve-target"
)

// ErrNoRedis is returned by Start when there is no redis-server.
var ErrNoRedis = errors.New("target: there is no redis-server on the PATH")

// Options say what to start.
type Options struct {
	Model   string
	Threads int               // of a model that has several; 0: its default
	Config  map[string]string // parameters that both servers know
	Profile string            // file for a profile of one of ours; "": none
	CPUs    string            // processors it is kept on, as [Keep] has them; "": all
}

// A Server is a process that is measured.
type Server struct {
	Addr  string
	cmd   *exec.Cmd
	input io.Closer // its standard input, whose end is its end; nil for a redis-server
}

// Main makes this process a server, if it was started to be one, and then does not
// return. A program that starts servers calls it first.
func Main() {
	if len(os.Args) != 3 || os.Args[1] != serveFlag {
		return
	}
	if err := serve(os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "target:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is the server's process: it prints its address, and ends when its input does.
func serve(options string, in io.Reader, out io.Writer) error {
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return err
	}
	config := map[string]string{"io-threads-do-reads": "yes"}
	if o.Threads > 0 {
		n := strconv.Itoa(o.Threads)
		config["server-threads"], config["io-threads"] = n, n
	}
	for k, v := range o.Config {
		config[k] = v
	}
	ks, err := redweave.Open(redweave.Options{Model: o.Model, Config: config})
	if err != nil {
		return err
	}
	defer ks.Close()
	if o.Profile != "" {
		f, err := os.Create(o.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go ks.Serve(l)
	fmt.Fprintln(out, l.Addr())
	_, err = io.Copy(io.Discard, in)
	return err
}

// Start starts a server and waits until it answers.
func Start(o Options) (*Server, error) {
	if o.Model == Redis {
		return startRedis(o)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: Keep(o.CPUs, self, serveFlag, string(options))}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.input, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(out, &s.Addr); err != nil {
		s.Stop()
		return nil, fmt.Errorf("target: %s does not start: %w", o.Model, err)
	}
	return s, nil
}

// CanKeep reports whether Keep can keep a process on some processors.
func CanKeep() bool {
	_, err := exec.LookPath(taskset)
	return err == nil
}

const taskset = "taskset"

// Keep is a command that is kept on some processors, "0" or "1-3", where the system has
// the means; "" means all.
func Keep(cpus, path string, args ...string) *exec.Cmd {
	if cpus == "" || !CanKeep() {
		return exec.Command(path, args...)
	}
	return exec.Command(taskset, append([]string{"-c", cpus, path}, args...)...)
}

// startRedis starts a redis-server on a port that was free a moment ago.
func startRedis(o Options) (*Server, error) {
	path, err := exec.LookPath(Redis)
	if err != nil {
		return nil, ErrNoRedis
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	args := []string{"--port", strconv.Itoa(addr.Port), "--save", "", "--bind", "127.0.0.1"}
	for k, v := range o.Config {
		args = append(args, "--"+k, v)
	}
	s := &Server{Addr: addr.String(), cmd: Keep(o.CPUs, path, args...)}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 5000 {
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			return s, c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.Stop()
	return nil, errors.New("target: redis-server does not answer")
}

// Stop ends the server, and waits for its end.
func (s *Server) Stop() {
	if s.input != nil {
		s.input.Close()
	} else {
		s.cmd.Process.Kill()
	}
	s.cmd.Wait()
}

// CPU returns the processor time that the server has used.
func (s *Server) CPU() (time.Duration, error) {
	info, err := s.info("cpu")
	if err != nil {
		return 0, err
	}
	user, _ := strconv.ParseFloat(info["used_cpu_user"], 64)
	system, _ := strconv.ParseFloat(info["used_cpu_sys"], 64)
	return time.Duration((user + system) * float64(time.Second)), nil
}

// RSS returns the server's resident memory in bytes.
func (s *Server) RSS() (int64, error) {
	info, err := s.info("memory")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(info["used_memory_rss"], 10, 64)
}

// info returns the fields of a section of INFO.
func (s *Server) info(section string) (map[string]string, error) {
	c, err := Dial(s.Addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	v, err := c.Do("INFO", section)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(v.Text()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
