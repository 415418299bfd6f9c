package enginetest

import (
	"bufio"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
)

// server is an engine as transcripts see it.
type server struct {
	Engine
	script *conn // whose script has not replied yet
}

func (s *server) Dial() (transcript.Conn, error) {
	c, err := s.Engine.Dial()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: transcript.NewConn(c), server: s}, nil
}

// Advance moves the clock on. What becomes due may have to wait for a script that does
// not end by itself.
func (s *server) Advance(d time.Duration) {
	if s.script == nil {
		s.Engine.Advance(d)
		return
	}
	done := make(chan struct{})
	go func() {
		s.Engine.Advance(d)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * promptly):
	}
}

// conn is a connection that makes time pass while its command blocks.
type conn struct {
	transcript.Conn
	server *server
	blocks bool // the last command may wait for the clock
}

func (c *conn) Send(args [][]byte) error {
	cmd := spec.Lookup(args)
	c.blocks = cmd != nil && cmd.Flags&spec.Blocking != 0
	if cmd != nil && (cmd.Group == spec.Scripting || cmd.Name == "exec") {
		c.server.script = c
	}
	return c.Conn.Send(args)
}

// A Settler is an engine that can wait until its threads have dealt with all that was
// sent before. Transcripts ask it whether a command blocks or is on its way still: of
// other engines they only know that it takes long.
type Settler interface {
	Settle()
}

const (
	// promptly is the real time a reply may take that waits for nothing.
	promptly = 20 * time.Millisecond
	// tick is the engine's time that passes at once while a command blocks.
	tick = 10 * time.Millisecond
)

// Receive waits in real time for what is on its way, and in the engine's time
// for what a blocked command waits for. A wait that must end without a reply is
// short and lets no time pass.
func (c *conn) Receive(wait time.Duration) (reply []byte, err error) {
	defer func() {
		if c.server.script == c && err == nil {
			c.server.script = nil
		}
	}()
	if !c.blocks || wait < time.Second {
		return c.Conn.Receive(c.settle(wait))
	}
	reply, err = c.Conn.Receive(c.settle(3 * promptly))
	for passed := time.Duration(0); err == transcript.ErrWaiting && passed < wait; passed += tick {
		c.server.Advance(tick)
		reply, err = c.Conn.Receive(c.settle(promptly / 10))
	}
	return reply, err
}

// settle has the engine settle, if it can, and returns the real time that is left of
// wait to give to a reply. A script may keep the engine from ever settling.
func (c *conn) settle(wait time.Duration) time.Duration {
	s, ok := c.server.Engine.(Settler)
	if !ok || c.server.script != nil || wait >= time.Second { // it will come
		return wait
	}
	s.Settle()
	return min(wait, promptly/2)
}

// commandSet holds the full names of the commands an engine has.
type commandSet map[string]bool

// commandsOf asks an engine for its commands.
func commandsOf(t testing.TB, e Engine) commandSet {
	t.Helper()
	c, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("*2\r\n$7\r\nCOMMAND\r\n$4\r\nLIST\r\n")); err != nil {
		t.Fatal(err)
	}
	raw, err := transcript.ReadRaw(bufio.NewReader(c))
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := resp.Parse(raw)
	if err != nil || v.Err() != nil {
		t.Fatalf("COMMAND LIST: %v, %v", err, v.Err())
	}
	have := commandSet{}
	for _, name := range v.Elems {
		have[name.Str] = true
	}
	return have
}

// gap tells whether the set lacks the command that args call, or one that they
// ask COMMAND about, and which.
func (have commandSet) gap(args [][]byte) (name string, _ transcript.Gap) {
	cmd := spec.Lookup(args)
	if cmd == nil {
		cmd = spec.Find(args[0]) // its subcommand is unknown to all
	}
	if cmd == nil {
		return "", transcript.NoGap
	}
	if !have[cmd.Name] {
		if cmd.Flags&spec.Blocking != 0 || changesClient[cmd.Name] {
			return cmd.Name, transcript.EndGap
		}
		return cmd.Name, transcript.SomeGap
	}
	switch cmd.Name {
	case "command|info":
		for _, a := range args[2:] {
			if s := spec.ByName(string(a)); s != nil && !have[s.Name] {
				return s.Name, transcript.SomeGap
			}
		}
	case "command|getkeys", "command|getkeysandflags":
		if s := spec.Lookup(args[min(2, len(args)):]); s != nil && !have[s.Name] {
			return s.Name, transcript.SomeGap
		}
	}
	return "", transcript.NoGap
}

// changesClient holds the commands after which a client is served differently,
// so that without them nothing can be said of what follows.
var changesClient = map[string]bool{
	"multi": true, "monitor": true, "client|tracking": true, "acl|setuser": true,
	"subscribe": true, "psubscribe": true, "ssubscribe": true,
}

func keys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
