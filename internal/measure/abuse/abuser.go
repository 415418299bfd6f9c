package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/redweave/redweave/resp"
)

// abuserFlag makes this program an abuser: see abuse.
const abuserFlag = "-abuse"

// abuses are the kinds of them.
var abuses = []string{"flood", "deaf", "deaths"}

const (
	floodPipeline = 1000 // commands that the flooding client writes at a time
	deafPipeline  = 64
	deaths        = 10_000
	killers       = 4 // goroutines that have clients die
)

// An abuser is a process that abuses a server.
type abuser struct {
	cmd   *exec.Cmd
	input io.Closer
}

// startAbuser starts one, and waits until it is at work. Where that can be had, it gets
// only the processor time that nobody else wants.
func startAbuser(kind, addr string) (*abuser, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := []string{self, abuserFlag, kind, addr}
	if nice, err := exec.LookPath("nice"); err == nil {
		command = append([]string{nice, "-n", "19"}, command...)
	}
	a := &abuser{cmd: exec.Command(command[0], command[1:]...)}
	a.cmd.Stderr = os.Stderr
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if a.input, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		a.stop()
		return nil, fmt.Errorf("abuser does not start: %q, %w", line, err)
	}
	return a, nil
}

func (a *abuser) stop() {
	a.input.Close()
	a.cmd.Wait()
}

// abuse is the abuser's process. It ends with its input.
func abuse(kind, addr string, in io.Reader, out io.Writer) error {
	run := map[string]func(addr string, over <-chan struct{}) error{"flood": flood, "deaf": deaf, "deaths": dieOften}[kind]
	if run == nil {
		return errors.New("no such abuse: " + kind)
	}
	over := make(chan struct{})
	go func() {
		io.Copy(io.Discard, in)
		close(over)
	}()
	fmt.Fprintln(out, "at work")
	return run(addr, over)
}

// flood sends commands as fast as the server takes them, and reads all replies.
func flood(addr string, over <-chan struct{}) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	var out []byte
	for i := range floodPipeline {
		out = resp.AppendCommand(out, "GET", keyName(i%manyKeys))
	}
	go func() {
		<-over
		c.Close()
	}()
	go io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
	for {
		if _, err := c.Write(out); err != nil {
			return nil // it is over
		}
	}
}

// deaf asks for big replies and never reads one. Who is closed for that comes back.
func deaf(addr string, over <-chan struct{}) error {
	request := bytes.Repeat(resp.AppendCommand(nil, "GET", "big"), deafPipeline)
	for {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			for {
				if _, err := c.Write(request); err != nil {
					return
				}
			}
		}()
		select {
		case <-over:
			c.Close()
			return nil
		case <-closed:
			c.Close()
		}
	}
}

// dieOften connects ten thousand times, says something or half of it, and breaks off
// without a word..
func dieOften(addr string, over <-chan struct{}) error {
	var all sync.WaitGroup
	errs := make(chan error, killers)
	for k := range killers {
		all.Go(func() {
			for i := k; ; i += killers {
				select {
				case <-over:
					return
				default:
				}
				if err := dieOnce(addr, i); err != nil {
					errs <- err
					return
				}
				if i >= deaths { // done: what is left of the time is quiet
					<-over
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

func dieOnce(addr string, i int) error {
	c, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return err
	}
	text := resp.AppendCommand(nil, "GET", keyName(i%manyKeys))
	c.Write(text[:i%(len(text)+1)])
	c.(*net.TCPConn).SetLinger(0)
	return c.Close()
}
