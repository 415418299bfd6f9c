package netpoll

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// pairs returns n connections of one way, watched by p, each with its client's end, which
// nobody watches.
func pairs(t *testing.T, p *Poller, w way, n int) (conns, clients []*Conn) {
	t.Helper()
	nl, dial := w.listen(t)
	ln, err := NewListener(nl)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for len(conns) < n {
		nc, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		client, err := NewConn(nc)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		clients = append(clients, client)
		var c *Conn
		for c == nil {
			if c, err = ln.Accept(); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Add(c); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	return conns, clients
}

// truth is what the kernel says that a descriptor is ready for.
func truth(t *testing.T, c *Conn) (r Ready) {
	t.Helper()
	ask := []unix.PollFd{{Fd: int32(c.FD()), Events: unix.POLLIN | unix.POLLOUT}}
	if _, err := unix.Poll(ask, 0); err != nil {
		t.Fatal(err)
	}
	if ask[0].Revents&(unix.POLLIN|unix.POLLHUP|unix.POLLERR) != 0 {
		r |= Readable
	}
	if ask[0].Revents&unix.POLLOUT != 0 {
		r |= Writable
	}
	return r
}

// Whatever clients and loop do, who is ready for what its loop wants is in the next
// Wait's events: the kernel is asked each time.
func TestLevelsAreTrue(t *testing.T) {
	for _, w := range ways[:2] {
		t.Run(w.name, func(t *testing.T) {
			for seed := range uint64(40) {
				rnd := rand.New(rand.NewPCG(seed, 7))
				p := New()
				conns, clients := pairs(t, p, w, 4)
				var log []string
				buf := make([]byte, 256<<10)
				for range 300 {
					i := rnd.IntN(len(conns))
					c, client := conns[i], clients[i]
					size := 1 + rnd.IntN(1<<(1+rnd.IntN(18)))
					what, n, err := "", 0, error(nil)
					switch op := rnd.IntN(20); {
					case op < 5:
						what = "client writes"
						n, err = client.Write(buf[:size])
					case op < 9:
						what = "loop reads"
						n, err = c.Read(buf[:size])
					case op < 12:
						what = "loop writes"
						n, err = c.Write(buf[:size])
					case op < 15:
						what = "client reads"
						n, err = client.Read(buf[:size])
					case op < 18:
						what, n = "loop wants", rnd.IntN(4)
						err = c.Want(Ready(n))
					case op < 19 && w.name == "tcp":
						what = "client urges"
						err = unix.Sendto(client.FD(), []byte("!"), unix.MSG_OOB|unix.MSG_DONTWAIT, nil)
					case rnd.IntN(10) == 0:
						what = "client ends"
						err = unix.Shutdown(client.FD(), unix.SHUT_WR)
					default:
						what = "loop moves"
						p.Remove(c)
						err = p.Add(c)
					}
					log = append(log, fmt.Sprintf("%d: %s, %d of %d: %v", i, what, n, size, err))
					if err != nil && err != io.EOF && err != unix.EPIPE && err != unix.EAGAIN && err != net.ErrClosed {
						t.Fatalf("seed %d: %v\n%q", seed, err, log)
					}
					if rnd.IntN(3) > 0 {
						continue
					}
					want := make([]Ready, len(conns))
					for j, c := range conns {
						want[j] = truth(t, c) & c.want
					}
					events, err := p.Wait(0)
					if err != nil {
						t.Fatal(err)
					}
					got := map[*Conn]Ready{}
					for _, ev := range events {
						if got[ev.Conn] != 0 {
							t.Fatalf("seed %d: two events for a connection\n%q", seed, log)
						}
						got[ev.Conn] = ev.Ready
					}
					for j, c := range conns {
						if missing := want[j] &^ got[c]; missing != 0 {
							t.Fatalf("seed %d: connection %d is ready for %d, told %d\n%q", seed, j, want[j], got[c], log)
						}
					}
					if err := p.check(); err != nil {
						t.Fatalf("seed %d: %v\n%q", seed, err, log)
					}
				}
				p.Close()
			}
		})
	}
}
