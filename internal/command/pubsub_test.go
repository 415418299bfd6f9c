package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/config"
)

// client returns another client of the bench's server, which takes its mail.
func (b *bench) client(proto int) *Client {
	cl := &Client{Conn: &quietConn{}}
	b.x.Register(cl)
	cl.SetProto(proto)
	return cl
}

// quietConn is a connection without a socket.
type quietConn struct{}

func (*quietConn) RemoteAddr() string            { return "remote:1" }
func (*quietConn) LocalAddr() string             { return "local:1" }
func (*quietConn) FD() int                       { return -1 }
func (*quietConn) QueryBuffer() (used, free int) { return 0, 0 }
func (*quietConn) Output() int                   { return 0 }

// as returns the bench with another client.
func (b *bench) as(cl *Client) *bench {
	c := *b
	c.cl = cl
	return &c
}

// mail takes what waits for a client, with spaces for line ends.
func mail(cl *Client) string {
	b, _ := cl.Mail.Take(nil)
	return strings.ReplaceAll(string(b), "\r\n", " ")
}

func wantMail(t *testing.T, cl *Client, want string) {
	t.Helper()
	if got := mail(cl); got != want {
		t.Errorf("client %d has mail\n %q, want\n %q", cl.ID, got, want)
	}
}

// A message is written once in each protocol, and reaches listeners in the order in
// which they came, those of patterns last.
func TestPublish(t *testing.T) {
	b := newBench(t)
	two, three := b.client(2), b.client(3)
	for _, cl := range []*Client{two, three} {
		b.as(cl).do("SUBSCRIBE c")
		b.as(cl).do("PSUBSCRIBE c* d")
	}
	b.as(three).do("SSUBSCRIBE c")
	b.want("PUBLISH c m", ":4\r\n")
	wantMail(t, two, "*3 $7 message $1 c $1 m *4 $8 pmessage $2 c* $1 c $1 m ")
	wantMail(t, three, ">3 $7 message $1 c $1 m >4 $8 pmessage $2 c* $1 c $1 m ")
	b.want("SPUBLISH c m", ":1\r\n")
	wantMail(t, two, "")
	wantMail(t, three, ">3 $8 smessage $1 c $1 m ")
	b.as(three).do("HELLO 2")
	b.want("SPUBLISH c m", ":1\r\n")
	wantMail(t, three, "*3 $8 smessage $1 c $1 m ")
	b.as(two).do("RESET")
	b.want("PUBLISH c m", ":2\r\n")
	wantMail(t, two, "")
	b.x.Unregister(three)
	b.want("PUBLISH c m", ":0\r\n")
	b.want("PUBSUB NUMPAT", ":0\r\n")
	if b.x.channels.listeners != 0 {
		t.Errorf("%d listeners are left", b.x.channels.listeners)
	}
}

// A client's own messages follow its reply, as since 7.2, and not even CLIENT REPLY OFF
// keeps them away.
func TestOwnMessages(t *testing.T) {
	b := newBench(t)
	me := b.as(b.client(3))
	me.do("SUBSCRIBE c")
	me.want("PUBLISH c m", ":1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
	me.do("MULTI")
	me.do("PUBLISH c m")
	me.do("PING")
	me.want("EXEC", "*2\r\n:1\r\n+PONG\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
	me.do("CLIENT REPLY OFF")
	me.want("PUBLISH c m", ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
	me.want("SUBSCRIBE d", ">3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n")
	me.want("UNSUBSCRIBE d", ">3\r\n$11\r\nunsubscribe\r\n$1\r\nd\r\n:1\r\n")
	me.want("NOPE", "")
	me.want("CLIENT REPLY ON", "+OK\r\n")
	me.do("CLIENT REPLY SKIP")
	me.want("PSUBSCRIBE x", ">3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:2\r\n")
	me.want("PING", "+PONG\r\n")
}

// CLIENT LIST and INFO show who listens.
func TestListenersAreShown(t *testing.T) {
	b := newBench(t)
	cl := b.client(2)
	me := b.as(cl)
	me.do("SUBSCRIBE a b")
	me.do("PSUBSCRIBE p")
	me.do("SSUBSCRIBE s t u")
	if line := string(cl.appendInfo(nil, 0)); !strings.Contains(line, " flags=P db=0 sub=2 psub=1 ssub=3 ") {
		t.Error(line)
	}
	for section, want := range map[string]string{
		"clients": "\r\npubsub_clients:1\r\n",
		"stats":   "\r\npubsub_channels:2\r\npubsub_patterns:1\r\npubsubshard_channels:3\r\n",
	} {
		if got := b.do("INFO " + section); !strings.Contains(got, want) {
			t.Errorf("INFO %s: no %q in\n%s", section, want, got)
		}
	}
	other := b.client(2)
	if got := b.do("CLIENT LIST TYPE pubsub"); !strings.Contains(got, fmt.Sprint("id=", cl.ID, " ")) || strings.Contains(got, fmt.Sprint("id=", other.ID, " ")) {
		t.Errorf("CLIENT LIST TYPE pubsub: %s", got)
	}
	b.want("CLIENT KILL TYPE pubsub", ":1\r\n")
	if !cl.Closing() || other.Closing() {
		t.Error("CLIENT KILL TYPE pubsub met another")
	}
}

// In RESP2, a subscriber's commands are refused before anything else is done with them.
func TestSubscriberMode(t *testing.T) {
	b := newBench(t)
	me := b.as(b.client(2))
	me.do("SUBSCRIBE a")
	get, _ := find([][]byte{[]byte("get")})
	me.want("GET k", "-"+string(onlyListening(get))+"\r\n")
	me.want("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n")
	me.want("UNSUBSCRIBE a", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n")
	me.want("PING", "+PONG\r\n")
}

// disconnecting is a host that counts the clients it is told to disconnect.
type disconnecting struct {
	quietHost
	told []*Client
}

func (d *disconnecting) Disconnect(cl *Client) { d.told = append(d.told, cl) }

// What waits in the mailbox counts for the output limits of subscribers.
func TestMailIsLimited(t *testing.T) {
	b := newBench(t)
	host := &disconnecting{}
	b.x.host = host
	limits := func(hard, soft uint64, seconds int) {
		b.x.config.ClientOutputBufferLimit = [3]config.BufferLimit{config.ClassPubSub: {HardBytes: hard, SoftBytes: soft, SoftSeconds: seconds}}
		b.x.configured()
	}
	publish := func(n int) { b.run([]byte("PUBLISH"), []byte("c"), []byte(strings.Repeat("x", n))) }
	subscriber := func() *Client {
		cl := b.client(3)
		b.as(cl).do("SUBSCRIBE c")
		return cl
	}
	closed := func(what string, want ...*Client) {
		t.Helper()
		if fmt.Sprint(host.told) != fmt.Sprint(want) {
			t.Errorf("%s: %d clients were closed, want %d", what, len(host.told), len(want))
		}
		host.told = nil
	}

	limits(1000, 0, 0)
	a, c := subscriber(), subscriber()
	publish(900)
	closed("below")
	mail(c)
	publish(900)
	closed("above", a)
	publish(1)
	closed("is told once")
	wantMail(t, a, "")
	if !a.Mail.IsShut() {
		t.Error("its mailbox takes more")
	}
	publish(500)
	closed("above in two steps", c)

	limits(0, 1000, 10)
	d := subscriber()
	for range 9 {
		publish(2000)
		b.clock.Advance(time.Second)
	}
	closed("not for long")
	mail(d)
	for range 9 {
		publish(2000)
		b.clock.Advance(time.Second)
	}
	closed("anew")
	b.clock.Advance(3 * time.Second)
	publish(1)
	closed("for long", d)
	if n := b.x.netStats().OutputLimitCloses; n != 3 {
		t.Errorf("%d closes are counted", n)
	}
	limits(0, 0, 0)
	subscriber()
	publish(1 << 20)
	closed("without limits")
}

// Publishing to many costs no allocation for each.
func TestPublishAllocatesNothing(t *testing.T) {
	b := newBench(t)
	var cls []*Client
	for i := range 100 {
		cl := b.client(2 + i%2)
		b.as(cl).do("SUBSCRIBE c")
		cls = append(cls, cl)
	}
	args := [][]byte{[]byte("PUBLISH"), []byte("c"), []byte("message")}
	room := make([]byte, 0, 1000)
	publish := func() {
		b.cl.Out.Reset()
		b.x.Do(b.cl, args)
		for _, cl := range cls {
			cl.Mail.Take(room)
		}
	}
	publish()
	if n := testing.AllocsPerRun(100, publish); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint("subscribers=", n), func(b *testing.B) {
			w := newBench(b)
			var cls []*Client
			for range n {
				cl := w.client(3)
				w.as(cl).do("SUBSCRIBE c")
				cls = append(cls, cl)
			}
			args := [][]byte{[]byte("PUBLISH"), []byte("c"), []byte(strings.Repeat("x", 32))}
			room := make([]byte, 0, 1000)
			b.ReportAllocs()
			for b.Loop() {
				w.cl.Out.Reset()
				w.x.Do(w.cl, args)
				for _, cl := range cls {
					cl.Mail.Take(room)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/delivery")
		})
	}
}
