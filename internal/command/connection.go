package command

import (
	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/resp"
)

// How a connection begins and ends: who the client is, how it talks, which database it
// means. CLIENT, and what AUTH asks of the users, are in clientcmd.go and aclcmd.go.

var connectionHandlers = handlers{
	"auth": cmdAuth, "echo": cmdEcho, "hello": cmdHello, "ping": cmdPing,
	"quit": cmdQuit, "reset": cmdReset, "select": cmdSelect,
}

const (
	errNoPassword      resp.Error = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	errNoProto         resp.Error = "NOPROTO unsupported protocol version"
	errProtoNotInteger resp.Error = "ERR Protocol version is not an integer or out of range"
	errHelloNoAuth     resp.Error = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)

func cmdPing(c *Ctx) {
	switch {
	case len(c.Args) > 2:
		c.Fail(arityError("ping"))
	case c.Client.inSubscriberMode():
		c.Out.ArrayHeader(2)
		c.Out.BulkString("pong")
		if len(c.Args) == 2 {
			c.Out.BulkBytes(c.Args[1])
		} else {
			c.Out.BulkString("")
		}
	case len(c.Args) == 2:
		c.Out.BulkBytes(c.Args[1])
	default:
		c.Out.SimpleString("PONG")
	}
}

func cmdEcho(c *Ctx) { c.Out.BulkBytes(c.Args[1]) }

// cmdQuit: whoever reads the reply may count on it that the client is no longer
// subscribed, and watches and tracks nothing, though it is closed only then.
func cmdQuit(c *Ctx) {
	if c.Client.Entangled() {
		c.disentangle(c.Client)
	}
	c.OK()
	c.Client.Flags |= closeAfterReply
}

func cmdSelect(c *Ctx) {
	n, ok := c.int32(1)
	if !ok {
		return
	}
	if c.cluster != nil && n != 0 {
		c.Fail(notInCluster("SELECT is"))
		return
	}
	if n < 0 || n >= int64(c.shards[0].Databases()) {
		c.Fail(errDBRange)
		return
	}
	c.Client.DB = int(n)
	c.OK()
}

func cmdAuth(c *Ctx) {
	if len(c.Args) > 3 {
		c.Fail(errSyntax)
		return
	}
	user, pass := []byte(acl.DefaultName), c.Args[len(c.Args)-1]
	if len(c.Args) == 3 {
		user = c.Args[1]
	} else if c.users.Default().NoPassword() {
		c.Fail(errNoPassword)
		return
	}
	if c.authenticate(user, pass) {
		c.OK()
	}
}

func cmdHello(c *Ctx) {
	proto := c.Client.Out.Proto
	i := 1
	if len(c.Args) > 1 {
		n, ok := c.intOr(1, errProtoNotInteger)
		if !ok {
			return
		}
		if n < 2 || n > 3 {
			c.Fail(errNoProto)
			return
		}
		proto, i = int(n), 2
	}
	var user, pass, name []byte
	for ; i < len(c.Args); i++ {
		left := len(c.Args) - 1 - i
		switch {
		case left >= 2 && c.is(i, "AUTH"):
			user, pass = c.Args[i+1], c.Args[i+2]
			i += 2
		case left >= 1 && c.is(i, "SETNAME"):
			name = c.Args[i+1]
			if !validName(name) {
				c.Fail(errClientName)
				return
			}
			i++
		default:
			c.Fail(resp.Error("ERR Syntax error in HELLO option '" + asText(c.Args[i]) + "'"))
			return
		}
	}
	if user != nil && !c.authenticate(user, pass) {
		return
	}
	if !c.Client.Authenticated && c.authRequired() {
		c.Fail(errHelloNoAuth)
		return
	}
	if name != nil {
		c.Client.Name = string(name)
	}
	c.Client.SetProto(proto)
	o := c.Out
	o.MapHeader(7)
	o.BulkString("server")
	o.BulkString("redis")
	o.BulkString("version")
	o.BulkString(c.Version)
	o.BulkString("proto")
	o.Int(int64(proto))
	o.BulkString("id")
	o.Int(int64(c.Client.ID))
	o.BulkString("mode")
	o.BulkString(c.mode())
	o.BulkString("role")
	o.BulkString("master")
	o.BulkString("modules")
	o.ArrayHeader(0)
}

func cmdReset(c *Ctx) {
	cl := c.Client
	cl.DB, cl.Name = 0, ""
	cl.SetProto(2)
	c.disentangle(cl)
	cl.Flags &^= replyOff | replySkip | replySkipNext | noEvict | noTouch
	cl.User = c.users.Default()
	cl.Authenticated = cl.Flags&inProcess != 0 || !c.authRequired()
	c.Out.SimpleString("RESET")
}
