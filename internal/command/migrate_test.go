package command

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/resp"
)

// target is a server at the other end of a socket, behind which a bench runs the
// commands.
type target struct {
	*bench
	l    net.Listener
	done chan struct{}
}

func newTarget(t *testing.T) *target {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	s := &target{newBench(t), l, make(chan struct{})}
	go s.serve()
	t.Cleanup(func() { l.Close(); <-s.done })
	return s
}

func (s *target) serve() {
	defer close(s.done)
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.answer(c)
		c.Close()
	}
}

func (s *target) answer(c net.Conn) {
	var p resp.Parser
	var unread []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		unread = append(unread, buf[:n]...)
		for {
			args, n, err := p.Next(unread)
			if n == 0 || err != nil {
				break
			}
			c.Write([]byte(s.run(args...)))
			unread = unread[n:]
		}
	}
}

func (s *target) migrate(b *bench, what string) string {
	host, port, _ := net.SplitHostPort(s.l.Addr().String())
	return b.do("MIGRATE " + host + " " + port + " " + what)
}

func TestMigrate(t *testing.T) {
	s, b := newTarget(t), newBench(t)
	expect := func(what, want string) {
		t.Helper()
		if got := s.migrate(b, what); got != want {
			t.Errorf("MIGRATE %s\n got %q\nwant %q", what, got, want)
		}
	}
	b.do("SET a 1")
	b.do("RPUSH b x y")
	b.do("SET c 3 PX 5000")
	expect("a 0 5000", "+OK\r\n")
	b.want("EXISTS a", ":0\r\n")
	expect("b 0 5000 COPY", "+OK\r\n")
	b.want("LLEN b", ":2\r\n")
	expect("b 0 5000", "-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n")
	expect("b 0 5000 REPLACE", "+OK\r\n")
	expect("nokey 0 5000", "+NOKEY\r\n")
	// Of several keys those go that can.
	b.do("SET a 2")
	b.do("SET d 4")
	b.want("EXISTS a c d", ":3\r\n")
	if got := b.run([]byte("MIGRATE"), []byte("127.0.0.1"), []byte(port(s)), nil, []byte("0"), []byte("5000"), []byte("KEYS"),
		[]byte("a"), []byte("nokey"), []byte("c"), []byte("d")); !strings.HasPrefix(got, "-ERR Target instance replied with error: BUSYKEY") {
		t.Error(got)
	}
	b.want("EXISTS a c d", ":1\r\n")
	expect("a 99 5000 REPLACE", "-ERR Target instance replied with error: ERR DB index is out of range\r\n")
	b.want("EXISTS a", ":1\r\n")
	expect("a 0 5000 REPLACE AUTH secret", "-ERR Target instance replied with error: ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n")
	b.want("EXISTS a", ":1\r\n")
	s.l.Close()
	<-s.done
	s.want("GET a", "$1\r\n2\r\n") // sent behind the AUTH that failed, as Redis does
	s.want("LRANGE b 0 -1", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n")
	s.want("PTTL c", ":5000\r\n")
	s.want("GET d", "$1\r\n4\r\n")
}

func port(s *target) string {
	_, port, _ := net.SplitHostPort(s.l.Addr().String())
	return port
}

// TestMigrateGivesUp: the keyspace stands still no longer than the timeout says.
func TestMigrateGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	b := newBench(t)
	b.do("SET k v")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	start := time.Now()
	b.want("MIGRATE 127.0.0.1 "+port+" k 0 50", "-"+string(errMigrateRead)+"\r\n")
	if took := time.Since(start); took < 40*time.Millisecond || took > 2*time.Minute {
		t.Errorf("took %v", took)
	}
	b.want("GET k", "$1\r\nv\r\n")
	b.want("MIGRATE 127.0.0.1 -1 k 0 50", "-"+string(errMigrateConnect)+"\r\n")
}
