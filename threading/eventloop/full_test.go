package eventloop_test

import (
	"testing"
	"time"
)

// A loop is told to end while more of its parcels are out than the queues hold, in either
// direction: all of them come back, and it ends.
func TestEndWithFullQueues(t *testing.T) {
	everyCourier(t, func(t *testing.T, open func(params ...string) engine) {
		for range rounds(20) {
			e := open("--io-threads", "2")
			var ws []*wire
			for range 16 {
				w := dial(t, e)
				w.do("PING")
				ws = append(ws, w)
			}
			e.Own() // so that nothing is executed
			for _, w := range ws {
				w.send(words(nil, "SET", "k", "v"))
			}
			eventually(t, "all parcels are filled", func() bool {
				n := int64(0)
				for _, s := range e.Threads() {
					n += s.BytesIn
				}
				return n >= int64(16*len("*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"))
			})
			closed := make(chan struct{})
			go func() {
				e.Close()
				close(closed)
			}()
			e.Release()
			select {
			case <-closed:
			case <-time.After(2 * time.Minute):
				panic("Close does not return") // and neither would the one when the test ends
			}
		}
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}
