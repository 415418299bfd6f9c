package enginetest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/transcript"
)

// dial connects for the length of the test.
func dial(t testing.TB, e Engine) net.Conn {
	t.Helper()
	c, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * patience)) // for a whole check
	return c
}

func appendWords(b []byte, words ...string) []byte {
	args := make([][]byte, len(words))
	for i, w := range words {
		args[i] = []byte(w)
	}
	return transcript.AppendCommand(b, args)
}

// runPipeline sends a long row of commands, cut into packets at random places,
// while their replies are read: each must come, in order.
func runPipeline(t *testing.T, e Engine) {
	const commands = 5000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var stream, want []byte
	for i := range commands {
		switch rnd.IntN(4) {
		case 0:
			stream = append(stream, "PING\r\n"...) // an inline command
			want = append(want, "+PONG\r\n"...)
		case 1:
			stream = appendWords(stream, "NOPE")
			want = append(want, "-ERR unknown command 'NOPE', with args beginning with: \r\n"...)
		default:
			text := strconv.Itoa(i)
			if rnd.IntN(100) == 0 {
				text = fmt.Sprintf("%0*d", rnd.IntN(100_000), i)
			}
			stream = appendWords(stream, "ECHO", text)
			want = fmt.Appendf(want, "$%d\r\n%s\r\n", len(text), text)
		}
	}
	c := dial(t, e)
	var writing sync.WaitGroup
	writing.Go(func() {
		for len(stream) > 0 {
			n := 1 + rnd.IntN(min(1<<rnd.IntN(17), len(stream)))
			if _, err := c.Write(stream[:n]); err != nil {
				t.Error(err)
				return
			}
			stream = stream[n:]
		}
	})
	got := make([]byte, len(want))
	_, err := io.ReadFull(c, got)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("after %d bytes of replies: %.80q, want %.80q", i, got[i:], want[i:])
		}
	}
}

// runClients has clients at work at once. Each must see its own writes, and
// together they must have counted to the end.
func runClients(t *testing.T, e Engine) {
	const clients, rounds = 20, 200
	var all sync.WaitGroup
	for id := range clients {
		c := dial(t, e)
		all.Go(func() {
			r := bufio.NewReader(c)
			for i := range rounds {
				key, value := fmt.Sprintf("own:%d", id), strconv.Itoa(i)
				b := appendWords(nil, "SET", key, value)
				b = appendWords(b, "INCR", "shared")
				if _, err := c.Write(appendWords(b, "GET", key)); err != nil {
					t.Error(err)
					return
				}
				var reply []byte
				for range 3 {
					var err error
					if reply, err = transcript.ReadRaw(r); err != nil {
						t.Error(err)
						return
					}
				}
				if want := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value); string(reply) != want {
					t.Errorf("client %d reads %q after writing %s", id, reply, value)
					return
				}
			}
		})
	}
	all.Wait()
	c := dial(t, e)
	c.Write(appendWords(nil, "GET", "shared"))
	reply, err := transcript.ReadRaw(bufio.NewReader(c))
	if want := "$4\r\n4000\r\n"; err != nil || string(reply) != want {
		t.Errorf("counted to %q, %v, want %q", reply, err, want)
	}
}
