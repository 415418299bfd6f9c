package command

import (
	"math"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
)

// How push messages reach a client: what it is sent without having asked just now.
//
//	to another client     ──> its mailbox ──> its loop ──> its socket
//	to the one whose      ──> Exec.own, and behind its reply when the
//	  command runs            command is done, EXEC and scripts as a whole
//
// So a reply is never broken by a message, and a client reads the reply of what it did
// before it hears what followed from it.

// post delivers b, a push message or the reply to a blocked command, to a client.
func (x *Exec) post(cl *Client, b []byte, unblocked bool) {
	if cl == x.ctx.Client && !unblocked {
		x.own.Raw(b)
		return
	}
	first, waiting := cl.Mail.Post(b, unblocked)
	if first {
		x.host.Notify(cl)
	}
	if waiting > x.mailMost {
		x.checkMail(cl, waiting)
	}
}

// owes reports whether a command caused push messages for its own client.
func (x *Exec) owes() bool { return x.own.Len() > 0 || len(x.ownKeys.keys) > 0 }

// pushOwn appends what the client's command caused for the client itself. It is called
// behind the reply.
func (x *Exec) pushOwn(cl *Client) { x.pushOwnTo(&cl.Out, cl) }

func (x *Exec) pushOwnTo(out *resp.Writer, cl *Client) {
	if len(x.ownKeys.keys) > 0 {
		x.invalidateOwn(cl)
	}
	out.Raw(x.own.Bytes())
	x.own.Reset()
	if cap(x.own.Bytes()) > keepWire {
		x.own.Attach(nil)
	}
}

// mailMost makes the limits on mail ready for the hot path: below the lowest of them
// nobody need look.
func mailMost(limits *[3]config.BufferLimit) int {
	most := uint64(math.MaxInt)
	for _, l := range limits {
		for _, n := range [...]uint64{l.HardBytes, l.SoftBytes} {
			if n > 0 {
				most = min(most, n)
			}
		}
	}
	return int(most)
}

// checkMail disconnects a client with so much mail waiting that it is over its output
// buffer limits. A loop that moves mail to the output keeps watch over the limits there;
// this is for clients whose loop is too late, or who have none: subscribers in this
// process.
func (x *Exec) checkMail(cl *Client, waiting int) {
	limit := &x.config.ClientOutputBufferLimit[cl.OutputClass()]
	pending := uint64(waiting)
	over := limit.HardBytes > 0 && pending > limit.HardBytes
	if !over && limit.SoftBytes > 0 && pending > limit.SoftBytes {
		now := x.clock.Nanos()
		over = now-cl.Mail.FullSince(now) > int64(limit.SoftSeconds)*1e9
	}
	if !over || !cl.Mail.Shut() {
		return
	}
	x.outputCloses.Add(1)
	x.log.Warn("closing client that reached its output buffer limit", "client", cl.ID)
	if cl.Conn != nil {
		x.host.Disconnect(cl)
	} else {
		x.host.Notify(cl)
	}
}

// A wire is where messages are written that many clients get, in each protocol.
type wire [2]resp.Writer

// beginWire empties and returns the writer of protocol p+2.
func (x *Exec) beginWire(p int) *resp.Writer {
	w := &x.wire[p]
	w.Reset()
	if cap(w.Bytes()) > keepWire {
		w.Attach(nil)
	}
	w.Proto = p + 2
	return w
}

// keepWire is the largest buffer kept for writing messages in.
const keepWire = 64 << 10
