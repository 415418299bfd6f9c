package command

import (
	"github.com/redweave/redweave/internal/glob"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/resp"
)

// Subscriptions and messages, as commands. Who listens to what is kept in
// pubsubchannels.go, and how messages reach a client is told in push.go.

var pubsubHandlers = handlers{
	"subscribe":    func(c *Ctx) { c.subscribe(toChannel) },
	"psubscribe":   func(c *Ctx) { c.subscribe(toPattern) },
	"ssubscribe":   func(c *Ctx) { c.subscribe(toShard) },
	"unsubscribe":  func(c *Ctx) { c.unsubscribe(toChannel) },
	"punsubscribe": func(c *Ctx) { c.unsubscribe(toPattern) },
	"sunsubscribe": func(c *Ctx) { c.unsubscribe(toShard) },
	"publish":      cmdPublish, "spublish": cmdSPublish,
	"pubsub|channels":      func(c *Ctx) { c.listChannels(toChannel) },
	"pubsub|shardchannels": func(c *Ctx) { c.listChannels(toShard) },
	"pubsub|numsub":        func(c *Ctx) { c.countListeners(toChannel) },
	"pubsub|shardnumsub":   func(c *Ctx) { c.countListeners(toShard) },
	"pubsub|numpat":        cmdPubSubNumPat, "pubsub|help": cmdHelp,
}

// listenWords are what a kind of listening is called on the wire.
var listenWords = [listenKinds]struct{ subscribe, unsubscribe string }{
	toChannel: {"subscribe", "unsubscribe"},
	toPattern: {"psubscribe", "punsubscribe"},
	toShard:   {"ssubscribe", "sunsubscribe"},
}

// denyBlocking is what clients are told that have nobody who would take messages.
func denyBlocking(command string) resp.Error {
	return resp.Error("ERR " + upper(command) + " isn't allowed for a DENY BLOCKING client")
}

// subscribe listens to every channel named, and confirms each on its own.
func (c *Ctx) subscribe(kind listenKind) {
	cl := c.Client
	if cl.transient() || kind == toShard && c.inTransaction { // MULTI always allowed the older ones
		c.Fail(denyBlocking(c.cmd.Name))
		return
	}
	before := c.channels.published()
	for _, name := range c.Args[1:] {
		c.channels.join(cl, kind, name)
		c.confirm(kind, listenWords[kind].subscribe, name)
	}
	c.channelsChanged(before)
}

// unsubscribe ends the listening to the channels named, or to all of the kind.
func (c *Ctx) unsubscribe(kind listenKind) {
	cl, word := c.Client, listenWords[kind].unsubscribe
	c.takeMail()
	before := c.channels.published()
	for _, name := range c.Args[1:] {
		c.channels.leave(cl, kind, name)
		c.confirm(kind, word, name)
	}
	if len(c.Args) == 1 {
		if cl.listens(kind) == 0 {
			c.confirmNone(kind, word)
		}
		for cl.listens(kind) > 0 {
			s := cl.listener.first[kind]
			c.channels.end(s)
			c.confirm(kind, word, viewOf(s.ch.name))
		}
	}
	c.channelsChanged(before)
}

// takeMail puts the messages that wait for the client in front of the reply, which says
// that there will be no more.
func (c *Ctx) takeMail() {
	cl := c.Client
	if cl.Mail.Waiting() && cl.Conn != nil && c.Out == &cl.Out && !c.inTransaction {
		b, _ := cl.Mail.Take(cl.Out.Bytes())
		cl.Out.Attach(b)
	}
}

// confirm tells of a subscription that began or ended, and how many the client has
// now: of shard channels, or of channels and patterns together. It is a push message,
// which CLIENT REPLY OFF does not silence.
func (c *Ctx) confirm(kind listenKind, word string, name []byte) {
	o := c.pushOut()
	o.PushHeader(3)
	o.BulkString(word)
	o.BulkBytes(name)
	o.Int(c.listened(kind))
}

// confirmNone tells a client that wants to end all listening of a kind that there
// was none.
func (c *Ctx) confirmNone(kind listenKind, word string) {
	o := c.pushOut()
	o.PushHeader(3)
	o.BulkString(word)
	o.Null()
	o.Int(c.listened(kind))
}

// listened is the count a confirmation shows.
func (c *Ctx) listened(kind listenKind) int64 {
	if kind == toShard {
		return int64(c.Client.listens(toShard))
	}
	return int64(c.Client.listens(toChannel) + c.Client.listens(toPattern))
}

// pushOut is where a push message goes that is a command's own reply.
func (c *Ctx) pushOut() *resp.Writer {
	if c.Client.Flags&silent == 0 {
		return c.Out
	}
	c.own.Proto = c.Client.Out.Proto
	return &c.own
}

// channelsChanged has the shards tell of events when the first listener came, and no
// more when the last is gone.
func (x *Exec) channelsChanged(before bool) {
	if x.channels.published() != before {
		x.listen()
	}
	if invariants.Enabled && x.channels.listeners < 50 {
		if err := x.channels.check(); err != nil {
			panic("command: " + err.Error())
		}
	}
}

// forgetListener ends all that a client listens to.
func (x *Exec) forgetListener(cl *Client) {
	if cl.listener == nil {
		return
	}
	before := x.channels.published()
	x.channels.leaveAll(cl)
	x.channelsChanged(before)
}

func cmdPublish(c *Ctx) { c.Out.Int(int64(c.publish(c.Args[1], c.Args[2]))) }

func cmdSPublish(c *Ctx) {
	n := 0
	if ch := c.channels.byName[toShard][string(c.Args[1])]; ch != nil {
		n = c.deliver(ch, "smessage", c.Args[1], c.Args[2])
	}
	c.Out.Int(int64(n))
}

// publish sends a message to those who listen to a channel, then to those who listen
// to a pattern it matches, and returns how many that were.
func (x *Exec) publish(name, payload []byte) (n int) {
	if ch := x.channels.byName[toChannel][string(name)]; ch != nil {
		n = x.deliver(ch, "message", name, payload)
	}
	for ch := x.channels.firstPattern; ch != nil; ch = ch.next {
		if glob.Match(viewOf(ch.name), name, false) {
			n += x.deliver(ch, "pmessage", name, payload)
		}
	}
	return n
}

// deliver posts a message to all who listen to ch. It is written once in each
// protocol that one of them speaks.
func (x *Exec) deliver(ch *channel, word string, name, payload []byte) int {
	var wire [2][]byte // RESP2, RESP3
	for s := ch.first; s != nil; s = s.inChannel.next {
		p := s.cl.pushes() - 2
		if wire[p] == nil {
			wire[p] = x.message(p, ch, word, name, payload)
		}
		x.post(s.cl, wire[p], false)
	}
	return ch.count
}

// message writes a message in protocol p+2. It is good until the next in that protocol.
func (x *Exec) message(p int, ch *channel, word string, name, payload []byte) []byte {
	w := x.beginWire(p)
	w.Grow(len(ch.name) + len(name) + len(payload) + 64)
	if ch.kind == toPattern {
		w.PushHeader(4)
		w.BulkString(word)
		w.BulkString(ch.name)
	} else {
		w.PushHeader(3)
		w.BulkString(word)
	}
	w.BulkBytes(name)
	w.BulkBytes(payload)
	return w.Bytes()
}

// inSubscriberMode reports whether a client may give the few commands alone that go
// with listening: in RESP2 a message cannot be told from a reply.
func (cl *Client) inSubscriberMode() bool { return cl.Flags&listening != 0 && cl.Out.Proto != 3 }

// allowedWhileListening reports whether a command may be given in subscriber mode.
func allowedWhileListening(cmd *Command) bool {
	switch cmd.Name {
	case "ping", "subscribe", "ssubscribe", "unsubscribe", "sunsubscribe", "psubscribe", "punsubscribe",
		"quit", "reset":
		return true
	}
	return false
}

func onlyListening(cmd *Command) resp.Error {
	return resp.Error("ERR Can't execute '" + cmd.Name + "': only (P|S)SUBSCRIBE / " +
		"(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
}

// listChannels replies the channels that have a listener. The order is not promised;
// Redis's is that of a hash table, ours is alphabetical.
func (c *Ctx) listChannels(kind listenKind) {
	if len(c.Args) > 3 {
		c.Fail(subcommandSyntax("PUBSUB", c.Args[1]))
		return
	}
	var pattern []byte
	if len(c.Args) == 3 {
		pattern = c.Args[2]
	}
	names := c.channels.matching(kind, pattern)
	c.Out.ArrayHeader(len(names))
	for _, name := range names {
		c.Out.BulkString(name)
	}
}

func (c *Ctx) countListeners(kind listenKind) {
	names := c.Args[2:]
	c.Out.ArrayHeader(2 * len(names))
	for _, name := range names {
		n := 0
		if ch := c.channels.byName[kind][string(name)]; ch != nil {
			n = ch.count
		}
		c.Out.BulkBytes(name)
		c.Out.Int(int64(n))
	}
}

func cmdPubSubNumPat(c *Ctx) { c.Out.Int(int64(c.channels.patterns)) }
