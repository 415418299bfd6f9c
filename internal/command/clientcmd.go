package command

import (
	"math"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// CLIENT: what a client says of itself, and what is seen and done of others. Pausing
// them is in clientpause.go, tracking in tracking.go.

var clientHandlers = handlers{
	"client|getname": cmdClientGetName, "client|help": cmdHelp, "client|id": cmdClientID,
	"client|info": cmdClientInfo, "client|kill": cmdClientKill, "client|list": cmdClientList,
	"client|no-evict": cmdClientNoEvict, "client|no-touch": cmdClientNoTouch,
	"client|pause": cmdClientPause, "client|reply": cmdClientReply,
	"client|setinfo": cmdClientSetInfo, "client|setname": cmdClientSetName,
	"client|unblock": cmdClientUnblock, "client|unpause": cmdClientUnpause,
}

const (
	errClientID      resp.Error = "ERR Invalid client ID"
	errNoClient      resp.Error = "ERR No such client"
	errClientIDZero  resp.Error = "ERR client-id should be greater than 0"
	errMaxAge        resp.Error = "ERR maxage is not an integer or out of range"
	errMaxAgeZero    resp.Error = "ERR maxage should be greater than 0"
	errPauseMode     resp.Error = "ERR CLIENT PAUSE mode must be WRITE or ALL"
	errUnblockReason resp.Error = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
)

func cmdClientID(c *Ctx) { c.Out.Int(int64(c.Client.ID)) }

func cmdClientGetName(c *Ctx) {
	if c.Client.Name == "" {
		c.Out.Null()
		return
	}
	c.Out.BulkString(c.Client.Name)
}

func cmdClientSetName(c *Ctx) {
	if !validName(c.Args[2]) {
		c.Fail(errClientName)
		return
	}
	c.Client.Name = string(c.Args[2])
	c.OK()
}

func cmdClientSetInfo(c *Ctx) {
	var to *string
	var name string
	switch {
	case c.is(2, "LIB-NAME"):
		to, name = &c.Client.LibName, "lib-name"
	case c.is(2, "LIB-VER"):
		to, name = &c.Client.LibVersion, "lib-ver"
	default:
		c.Fail(resp.Error("ERR Unrecognized option '" + asText(c.Args[2]) + "'"))
		return
	}
	if !validName(c.Args[3]) {
		c.Fail(resp.Error("ERR " + name + " cannot contain spaces, newlines or special characters."))
		return
	}
	*to = string(c.Args[3])
	c.OK()
}

func cmdClientInfo(c *Ctx) {
	b := c.Client.appendInfo(nil, c.clock.Nanos())
	c.Out.Verbatim("txt", string(append(b, '\n')))
}

// clientType reads a kind that CLIENT LIST and KILL select by. Our clients are normal
// ones or subscribers; the other kinds exist and are empty.
func clientType(b []byte) (class int, known bool) {
	switch {
	case equalFold(b, "NORMAL"):
		return config.ClassNormal, true
	case equalFold(b, "PUBSUB"):
		return config.ClassPubSub, true
	case equalFold(b, "REPLICA"), equalFold(b, "SLAVE"), equalFold(b, "MASTER"):
		return config.ClassReplica, true
	}
	return 0, false
}

func cmdClientList(c *Ctx) {
	want := func(*Client) bool { return true }
	switch {
	case len(c.Args) == 2:
	case len(c.Args) == 4 && c.is(2, "TYPE"):
		class, known := clientType(c.Args[3])
		if !known {
			c.Fail(unknownClientType(c.Args[3]))
			return
		}
		want = func(cl *Client) bool { return cl.OutputClass() == class }
	case len(c.Args) > 3 && c.is(2, "ID"):
		ids := map[uint64]bool{}
		for i := 3; i < len(c.Args); i++ {
			id, ok := c.intOr(i, errClientID)
			if !ok {
				return
			}
			ids[uint64(id)] = true
		}
		want = func(cl *Client) bool { return ids[cl.ID] }
	default:
		c.Fail(errSyntax)
		return
	}
	var b []byte
	now := c.clock.Nanos()
	for cl := c.first; cl != nil; cl = cl.next {
		if want(cl) {
			b = append(cl.appendInfo(b, now), '\n')
		}
	}
	c.Out.Verbatim("txt", string(b))
}

func unknownClientType(b []byte) resp.Error {
	return resp.Error("ERR Unknown client type '" + asText(b) + "'")
}

// A killFilter selects the clients CLIENT KILL ends. Zero fields select all.
type killFilter struct {
	id            uint64
	byType        bool
	class         int
	addr, laddr   []byte
	user          []byte
	maxAgeSeconds int64
	skipMe        bool
}

func (f *killFilter) selects(cl, me *Client, now int64) bool {
	return (f.id == 0 || cl.ID == f.id) &&
		(!f.byType || cl.OutputClass() == f.class) &&
		(f.addr == nil || cl.Conn.RemoteAddr() == string(f.addr)) &&
		(f.laddr == nil || cl.Conn.LocalAddr() == string(f.laddr)) &&
		(f.user == nil || cl.User.Name == string(f.user)) &&
		(f.maxAgeSeconds == 0 || (now-cl.CreatedNanos)/1e9 >= f.maxAgeSeconds) &&
		(!f.skipMe || cl != me)
}

func cmdClientKill(c *Ctx) {
	if len(c.Args) == 3 {
		// The old form: one address, and an error when nobody has it.
		f := killFilter{addr: c.Args[2]}
		if c.kill(&f) == 0 {
			c.Fail(errNoClient)
			return
		}
		c.OK()
		return
	}
	f, ok := c.parseKillFilter()
	if !ok {
		return
	}
	c.Out.Int(int64(c.kill(&f)))
}

func (c *Ctx) parseKillFilter() (f killFilter, ok bool) {
	f.skipMe = true
	for i := 2; i < len(c.Args); i += 2 {
		if i+1 == len(c.Args) {
			c.Fail(errSyntax)
			return f, false
		}
		v := c.Args[i+1]
		switch {
		case c.is(i, "ID"):
			n, ok := keyspace.ParseInt(v)
			if !ok || n < 1 {
				c.Fail(errClientIDZero)
				return f, false
			}
			f.id = uint64(n)
		case c.is(i, "TYPE"):
			class, known := clientType(v)
			if !known {
				c.Fail(unknownClientType(v))
				return f, false
			}
			f.byType, f.class = true, class
		case c.is(i, "ADDR"):
			f.addr = v
		case c.is(i, "LADDR"):
			f.laddr = v
		case c.is(i, "USER"):
			if c.users.Get(string(v)) == nil {
				c.Fail(resp.Error("ERR No such user '" + asText(v) + "'"))
				return f, false
			}
			f.user = v
		case c.is(i, "MAXAGE"):
			n, ok := keyspace.ParseInt(v)
			if !ok {
				c.Fail(errMaxAge)
				return f, false
			}
			if n < 1 {
				c.Fail(errMaxAgeZero)
				return f, false
			}
			f.maxAgeSeconds = n
		case c.is(i, "SKIPME") && equalFold(v, "YES"):
			f.skipMe = true
		case c.is(i, "SKIPME") && equalFold(v, "NO"):
			f.skipMe = false
		default:
			c.Fail(errSyntax)
			return f, false
		}
	}
	return f, true
}

// kill ends the clients f selects and returns how many they are. The caller
// itself still gets its reply.
func (c *Ctx) kill(f *killFilter) int {
	n, now := 0, c.clock.Nanos()
	for cl := range c.everybody() {
		if !f.selects(cl, c.Client, now) {
			continue
		}
		n++
		if cl == c.Client {
			cl.Flags |= closeAfterReply
			continue
		}
		c.dismiss(cl)
	}
	return n
}

// onOff reads argument i as ON or OFF, or replies a syntax error.
func (c *Ctx) onOff(i int) (on, ok bool) {
	switch {
	case c.is(i, "ON"):
		return true, true
	case c.is(i, "OFF"):
		return false, true
	}
	c.Fail(errSyntax)
	return false, false
}

func (cl *Client) setFlag(f ClientFlags, on bool) {
	cl.Flags &^= f
	if on {
		cl.Flags |= f
	}
}

func cmdClientNoEvict(c *Ctx) {
	if on, ok := c.onOff(2); ok {
		c.Client.setFlag(noEvict, on)
		c.OK()
	}
}

func cmdClientNoTouch(c *Ctx) {
	if on, ok := c.onOff(2); ok {
		c.Client.setFlag(noTouch, on)
		c.OK()
	}
}

func cmdClientReply(c *Ctx) {
	cl := c.Client
	switch {
	case c.is(2, "ON"):
		cl.Flags &^= silent
		c.OK()
	case c.is(2, "OFF"):
		cl.Flags |= replyOff
	case c.is(2, "SKIP"):
		if cl.Flags&replyOff == 0 {
			cl.Flags |= replySkipNext
		}
	default:
		c.Fail(errSyntax)
	}
}

func cmdClientPause(c *Ctx) {
	if len(c.Args) > 4 {
		c.Fail(subcommandSyntax("CLIENT", c.Args[1]))
		return
	}
	all := true
	if len(c.Args) == 4 {
		switch {
		case c.is(3, "WRITE"):
			all = false
		case c.is(3, "ALL"):
		default:
			c.Fail(errPauseMode)
			return
		}
	}
	ms, ok := c.timeoutMs(2)
	if !ok {
		return
	}
	c.pauseClients(min(ms, math.MaxInt64/nanosPerMs/2), all)
	c.OK()
}

func cmdClientUnpause(c *Ctx) {
	c.unpause()
	c.OK()
}

func cmdClientUnblock(c *Ctx) {
	if len(c.Args) > 4 {
		c.Fail(subcommandSyntax("CLIENT", c.Args[1]))
		return
	}
	if len(c.Args) == 4 && !c.is(3, "TIMEOUT") && !c.is(3, "ERROR") {
		c.Fail(errUnblockReason)
		return
	}
	id, ok := c.int(2)
	if !ok {
		return
	}
	if c.unblockByID(id, len(c.Args) == 4 && c.is(3, "ERROR")) {
		c.Out.Int(1)
		return
	}
	c.Out.Int(0)
}
