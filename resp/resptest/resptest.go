// Package resptest is Redis for tests, as httptest is HTTP for tests: a whole
// server in the test's own process, with time under the test's control.
//
//	func TestCache(t *testing.T) {
//		s := resptest.NewServer(t)
//		client := redis.NewClient(&redis.Options{Dialer: s.DialContext})
//		…
//	}
//
// It is the real engine, not an imitation: every command, every error text, true
// TTLs. It starts in microseconds, is closed by the test's clean-up, and leaves no
// goroutine.
//
// # Time
//
// By default time runs: keys expire by themselves. A server made with
// [Options].Stopped stands still until [Server.Advance] moves it: TTLs, TIME, idle
// times and timers all follow. Inside a testing/synctest bubble use the default
// clock with Dial: it is the bubble's.
//
// # Connections
//
// [Server.Dial] connects in memory, without a port, and works inside a bubble.
// [Server.Addr] listens on a free port of the loopback interface when it is first
// called.
package resptest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/resp"
)

// Options configure a Server. The zero value works.
type Options struct {
	// Keyspace are the options of the keyspace. Its Clock is ignored when
	// Stopped is set.
	Keyspace redweave.Options

	// Stopped makes the clock stand still until Advance or SetTime moves it.
	Stopped bool

	// Start is the time a stopped clock shows at first; the zero value means
	// now.
	Start time.Time
}

// A Server is a Redis server in the test's process. Its methods may be called
// from any goroutine; those that fail the test end the one that calls them, as
// testing.TB's FailNow does.
type Server struct {
	t      testing.TB
	ks     *redweave.Keyspace
	manual *clock.Manual // nil when time runs

	mu       sync.Mutex
	listener net.Listener
	serving  sync.WaitGroup
}

// NewServer starts a server that is closed when the test ends. At most one
// Options may be given.
func NewServer(t testing.TB, options ...Options) *Server {
	t.Helper()
	var o Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		t.Fatalf("resptest: %d Options, want one at most", len(options))
	}
	s := &Server{t: t}
	if o.Stopped {
		if o.Start.IsZero() {
			o.Start = time.Now()
		}
		s.manual = clock.NewManual(o.Start)
		o.Keyspace.Clock = s.manual
	}
	ks, err := redweave.Open(o.Keyspace)
	if err != nil {
		t.Fatalf("resptest: %v", err)
	}
	s.ks = ks
	t.Cleanup(s.Close)
	return s
}

// Close ends the server and every connection to it. NewServer's clean-up calls
// it; it may be called before, and twice.
func (s *Server) Close() {
	s.ks.Close()
	s.serving.Wait()
}

// Keyspace returns the server's keyspace, for reads and writes beside the wire.
func (s *Server) Keyspace() *redweave.Keyspace { return s.ks }

// Addr returns the host:port the server listens on, and listens if it does not
// yet.
func (s *Server) Addr() string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatalf("resptest: %v", err)
		}
		s.listener = l
		s.serving.Go(func() {
			if err := s.ks.Serve(l); err != nil && !errors.Is(err, redweave.ErrClosed) {
				s.t.Errorf("resptest: %v", err)
			}
		})
	}
	return s.listener.Addr().String()
}

// Dial connects to the server in memory.
func (s *Server) Dial() (net.Conn, error) { return s.ks.Dial() }

// DialContext connects to the server in memory, whatever network and address
// say: it fits the dialer option of client libraries.
func (s *Server) DialContext(context.Context, string, string) (net.Conn, error) { return s.ks.Dial() }

// Advance moves a stopped clock forward by d, not at all when d is negative, and runs
// what becomes due. It fails the test when the clock runs.
func (s *Server) Advance(d time.Duration) {
	s.t.Helper()
	if s.manual == nil {
		s.t.Fatalf("resptest: Advance(%v) on a server whose clock runs: set Options.Stopped", d)
	}
	s.manual.Advance(d)
}

// SetTime sets a stopped clock. Like every clock that is set, it may go back;
// durations are not affected by that. It fails the test when the clock runs.
func (s *Server) SetTime(t time.Time) {
	s.t.Helper()
	if s.manual == nil {
		s.t.Fatalf("resptest: SetTime(%v) on a server whose clock runs: set Options.Stopped", t)
	}
	s.manual.Set(t)
}

// Do runs a command beside the wire, as [redweave.Keyspace.Do] does, and fails the test
// unless it succeeds. It does not end before the command: one that blocks wants a
// timeout.
func (s *Server) Do(args ...any) resp.Value {
	s.t.Helper()
	v, err := s.ks.Do(context.Background(), args...)
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return v
}
