package netpoll

import (
	"io"
	"net"
	"sync"
	"testing"
)

// BenchmarkPingPong measures one request and its answer of 32 bytes, by clients that wait for
// each answer: through a Poller, and through a goroutine for each net.Conn, which is what there
// would be without one. The clients' own cost is in both.
func BenchmarkPingPong(b *testing.B) {
	const size = 32
	clients := func(b *testing.B, n int, dial func() (net.Conn, error)) {
		var conns []net.Conn
		for range n {
			c, err := dial()
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			conns = append(conns, c)
		}
		b.ReportAllocs()
		b.ResetTimer()
		var wg sync.WaitGroup
		for i, c := range conns {
			wg.Go(func() {
				buf := make([]byte, size)
				for k := i; k < b.N; k += n {
					c.Write(buf)
					if _, err := io.ReadFull(c, buf); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		b.StopTimer()
	}
	for _, n := range []struct {
		name    string
		clients int
	}{{"clients=1", 1}, {"clients=50", 50}} {
		for _, w := range ways {
			b.Run("poller/"+w.name+"/"+n.name, func(b *testing.B) {
				buf := make([]byte, 64<<10)
				s := startServer(b, w, func(s *server, ev Event) {
					k, err := ev.Conn.Read(buf)
					if err != nil {
						ev.Conn.Close()
						return
					}
					ev.Conn.Write(buf[:k])
				})
				clients(b, n.clients, s.dial)
				s.close()
			})
		}
		for _, w := range ways[:2] {
			b.Run("net.Conn/"+w.name+"/"+n.name, func(b *testing.B) {
				ln, dial := w.listen(b)
				go func() {
					for {
						c, err := ln.Accept()
						if err != nil {
							return
						}
						go func() {
							buf := make([]byte, 16<<10)
							for {
								k, err := c.Read(buf)
								if err != nil {
									c.Close()
									return
								}
								c.Write(buf[:k])
							}
						}()
					}
				}()
				clients(b, n.clients, dial)
				ln.Close()
			})
		}
	}
}

func BenchmarkWake(b *testing.B) {
	b.Run("running", func(b *testing.B) {
		p := New()
		for b.Loop() {
			p.Wake()
			p.Wait(-1)
		}
	})
	for _, w := range []way{ways[0], ways[3]} {
		b.Run("asleep/"+w.name, func(b *testing.B) {
			s := startServer(b, w, func(*server, Event) {})
			done := make(chan struct{})
			f := func() { done <- struct{}{} }
			for b.Loop() {
				s.post(f)
				<-done
			}
			s.close()
		})
	}
}
