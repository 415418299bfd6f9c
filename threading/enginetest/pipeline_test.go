package enginetest_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/threading"
)

func testTenThousandInOneWrite(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		const n = 10_000
		var stream strings.Builder
		for i := range n {
			switch i % 4 {
			case 0:
				stream.WriteString(words("SET", "k", fmt.Sprint(i)))
			case 1:
				stream.WriteString(words("INCR", "k"))
			case 2:
				stream.WriteString("GET k\r\n")
			default:
				stream.WriteString("\r\n") // no command, no reply
			}
		}
		p := enter()
		go p.trySend(stream.String())
		for i := 0; i < n; i += 4 {
			p.expect(fmt.Sprint("command ", i), "OK", fmt.Sprint(i+1), fmt.Sprint(i+1))
		}
		p.want("PING", "PONG")
		if got := e.Threads()[0]; got.Reads > n/10 {
			t.Errorf("%d reads for %d commands sent at once", got.Reads, n)
		}
	})
}

// everyForm is a stream with every way to write a command, and what it answers.
var everyForm = struct{ stream, replies string }{
	"*1\r\n$4\r\nPING\r\n" +
		"PING\r\n" +
		"\r\n" +
		"  ECHO  \"a b\\x41\"  \n" +
		"*0\r\n" +
		"*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$0\r\n\r\n" +
		"*2\r\n$3\r\nGET\r\n$3\r\nk:1\r\n" +
		"*-1\r\n" +
		"*2\r\n$4\r\nECHO\r\n$12\r\na\r\nb\r\n$3\r\nxy\r\n" +
		"NOPE\r\n" +
		"*2\r\n$4\r\nECHO\r\n$1\r\nz\r\n",
	"+PONG\r\n" +
		"+PONG\r\n" +
		"$4\r\na bA\r\n" +
		"+OK\r\n" +
		"$0\r\n\r\n" +
		"$12\r\na\r\nb\r\n$3\r\nxy\r\n" +
		"-ERR unknown command 'NOPE', with args beginning with: \r\n" +
		"$1\r\nz\r\n",
}

// expectRaw reads exactly these bytes.
func (p *peer) expectRaw(what, want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p, got); err != nil {
		p.t.Fatalf("%s: %v after %.200q", what, err, got[:n])
	}
	if string(got) != want {
		p.t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func testSplitAtEveryByte(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		other := enter()
		for i := range everyForm.stream {
			p := enter()
			p.send(everyForm.stream[:i])
			other.want("PING", "PONG") // the loop has read the first part
			p.send(everyForm.stream[i:])
			p.expectRaw(fmt.Sprintf("cut before byte %d", i), everyForm.replies)
			p.Close()
		}
		p := enter()
		for i := range everyForm.stream {
			p.send(everyForm.stream[i : i+1])
			other.want("PING", "PONG")
		}
		p.expectRaw("byte by byte", everyForm.replies)
	})
}

// A long row of commands whose reads always end in the middle of one.
func testReadsThatEndInsideACommand(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		const n = 3000
		p := enter()
		var stream, want bytes.Buffer
		for i := range n {
			v := pattern(i * 7 % 300)
			if i%500 == 499 {
				v = pattern(100_000)
			}
			stream.WriteString(words("ECHO", v))
			fmt.Fprintf(&want, "$%d\r\n%s\r\n", len(v), v)
		}
		go func() {
			for stream.Len() > 0 {
				p.trySend(string(stream.Next(3001)))
			}
		}()
		p.expectRaw("echoes", want.String())
	})
}

func testHundredMegabytes(t *testing.T) {
	size := 100 << 20
	if under.name != models[0].name {
		size = 32 << 20 // more than any buffer in between, whose sizes all models share
	}
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		w := watch(t, enter())
		p := enter()
		value := pattern(size)
		stream := []byte(words("SET", "big", value) + "PING\r\n")
		n := allocated(func() {
			p.Write(stream)
			p.expect("SET and PING", "OK", "PONG")
		})
		times := float64(n) / float64(size)
		t.Logf("%.2f times the value was allocated", times)
		// A buffer that grows fourfold, up to the length announced: 1 for the last, and
		// before it less than 1 + 1/4 + 1/16 …, wherever the first read happened to end;
		// below a megabyte it doubles.
		most := 2.4
		if p.LocalAddr().Network() == "pipe" {
			most += 1.1 // what lies between is memory as well
		}
		if times > most && !invariants.Enabled {
			t.Errorf("a value of %d bytes allocated %d: %.1f times, want %.1f at most", size, n, times, most)
		}
		want := fmt.Sprintf("$%d\r\n%s\r\n+PONG\r\n", size, value)
		p.send("GET big\r\nPING\r\n")
		p.expectRaw("GET", want)
		w.end(t)
		before := heap()
		if before > int64(6*size) {
			t.Errorf("%d bytes are still held", before)
		}
	})
}

// A pipeline whose replies add up to more than the ceiling, read all along.
func testRepliesBeyondTheCeiling(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p := enter()
		const size, n = 3 << 20, 50 // 150 MB
		value := pattern(size)
		p.send(words("SET", "big", value))
		p.expect("SET", "OK")
		stream := strings.Repeat("GET big\r\n", n) + "PING\r\n"
		if n*size <= threading.OutputCeiling {
			t.Fatal("too little")
		}
		p.send(stream)
		for range n {
			p.expect("GET", value)
		}
		p.expect("the last", "PONG")
	})
}

// One reply of many elements and 80 MB.
func testLongReply(t *testing.T) {
	everywhere(t, func(t *testing.T, e engine, enter func() *peer) {
		watch(t, enter())
		p := enter()
		const n = 80
		var want strings.Builder
		for i := range n {
			v := pattern(1<<20 - i)
			p.send(words("RPUSH", "list", v))
			p.receive()
			want.WriteString(v)
		}
		v := p.do("LRANGE", "list", "0", "-1")
		if got := strings.Join(v.Strings(), ""); got != want.String() {
			t.Errorf("%d bytes in %d elements, want %d in %d", len(got), len(v.Elems), want.Len(), n)
		}
	})
}
