package command

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/resp"
)

// ACL: the commands over the users of package acl, and the checks that every other
// command passes. A client of a user who may do everything, as the default user may
// unless somebody says otherwise, passes without being checked: see guarded.

var aclHandlers = handlers{
	"acl|cat": cmdACLCat, "acl|deluser": cmdACLDelUser, "acl|dryrun": cmdACLDryRun,
	"acl|genpass": cmdACLGenPass, "acl|getuser": cmdACLGetUser, "acl|help": cmdHelp,
	"acl|list": cmdACLList, "acl|load": cmdACLLoad, "acl|log": cmdACLLog, "acl|save": cmdACLSave,
	"acl|setuser": cmdACLSetUser, "acl|users": cmdACLUsers, "acl|whoami": cmdACLWhoAmI,
}

const (
	errWrongPass      resp.Error = "WRONGPASS invalid username-password pair or user is disabled."
	errACLUserName    resp.Error = "ERR Usernames can't contain spaces or null characters"
	errACLDefault     resp.Error = "ERR The 'default' user cannot be removed"
	errACLGenPassBits resp.Error = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
	errACLNoFile      resp.Error = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
	errACLSave        resp.Error = "ERR There was an error trying to save the ACLs. Please check the server logs for more information"
)

// authRequired reports whether clients must say who they are: the default user has a
// password, or is off.
func (s *Server) authRequired() bool {
	u := s.users.Default()
	return !u.NoPassword() || !u.Enabled()
}

// permit checks that the client's user may run the command; if not, the denial is
// logged and the error returned.
func (x *Exec) permit(cl *Client, cmd *Command, args [][]byte, context string) (err resp.Error, ok bool) {
	d := cl.User.Check(cmd.Command, args)
	if d.Reason == acl.OK {
		return "", true
	}
	object := cmd.Name
	if d.Reason != acl.DeniedCommand {
		object = string(args[d.Arg])
	}
	x.logDenial(cl, d.Reason, object, cl.User.Name, context)
	switch d.Reason {
	case acl.DeniedKey:
		return errNoPermKey, false
	case acl.DeniedChannel:
		return errNoPermChannel, false
	}
	return resp.Error("NOPERM User " + cl.User.Name + " has no permissions to run the '" + cmd.Name + "' command"), false
}

// logDenial enters a denial in ACL LOG and counts it for INFO.
func (x *Exec) logDenial(cl *Client, r acl.Reason, object, user, context string) {
	x.logs.Lock()
	defer x.logs.Unlock()
	x.denied[r]++
	x.denials.Add(acl.Entry{
		Reason: r, Context: context, Object: object, User: user,
		ClientInfo: string(cl.appendInfo(nil, x.clock.Nanos())), CreatedMs: x.clock.UnixMilli(),
	}, int(x.config.ACLLogMaxLen))
}

// authenticate checks a name and password, and replies when they are wrong.
func (c *Ctx) authenticate(user, pass []byte) bool {
	u := c.users.Authenticate(user, pass)
	if u == nil {
		c.logDenial(c.Client, acl.DeniedAuth, upper(c.cmd.Name), string(user), "toplevel")
		c.Fail(errWrongPass)
		return false
	}
	c.Client.Authenticated = true
	c.Client.User = u
	return true
}

func cmdACLWhoAmI(c *Ctx) { c.Out.BulkString(c.Client.User.Name) }

func cmdACLUsers(c *Ctx) {
	names := c.users.Names()
	c.Out.ArrayHeader(len(names))
	for _, name := range names {
		c.Out.BulkString(name)
	}
}

func cmdACLList(c *Ctx) {
	lines := c.users.Lines()
	c.Out.ArrayHeader(len(lines))
	for _, line := range lines {
		c.Out.BulkString(line)
	}
}

func cmdACLCat(c *Ctx) {
	switch len(c.Args) {
	case 2:
		c.replyCategories()
		return
	case 3:
	default:
		c.Fail(subcommandSyntax("ACL", c.Args[1]))
		return
	}
	cat, ok := spec.CategoryNamed(strings.ToLower(string(c.Args[2])))
	if !ok {
		c.Fail(resp.Error("ERR Unknown category '" + asText(c.Args[2][:min(len(c.Args[2]), 128)]) + "'"))
		return
	}
	m, n := c.Out.ReserveArray(len(commands.all)), 0
	for _, cmd := range commands.all {
		if cmd.ACL&cat != 0 {
			c.Out.BulkString(cmd.Name)
			n++
		}
	}
	c.Out.SetLen(m, n)
}

// replyCategories replies the categories that some command is of.
func (c *Ctx) replyCategories() {
	var used spec.Categories
	for _, cmd := range commands.all {
		used |= cmd.ACL
	}
	names := used.Names()
	c.Out.ArrayHeader(len(names))
	for _, name := range names {
		c.Out.BulkString(name)
	}
}

func cmdACLSetUser(c *Ctx) {
	name := string(c.Args[2])
	if !acl.ValidName(name) {
		c.Fail(errACLUserName)
		return
	}
	rules := make([]string, 0, len(c.Args)-3)
	for _, a := range c.Args[3:] {
		rules = append(rules, string(a))
	}
	if err := c.users.Set(name, rules); err != nil {
		c.Fail(resp.Error("ERR " + err.Error()))
		return
	}
	c.killUnsubscribable(c.users.Get(name))
	c.host.Applied()
	c.OK()
}

func cmdACLDelUser(c *Ctx) {
	for _, name := range c.Args[2:] {
		if string(name) == acl.DefaultName {
			c.Fail(errACLDefault)
			return
		}
	}
	deleted := int64(0)
	for _, name := range c.Args[2:] {
		if u := c.users.Delete(string(name)); u != nil {
			c.killUser(u)
			deleted++
		}
	}
	c.Out.Int(deleted)
}

// killUser ends the connections of a user that is no more.
func (c *Ctx) killUser(u *acl.User) {
	for cl := range c.everybody() {
		if cl.User == u {
			c.dismiss(cl)
		}
	}
}

// dismiss ends a client's connection: one's own after the reply. Others are gone from
// this moment on, as far as commands can see; their sockets are closed by their loops.
func (c *Ctx) dismiss(cl *Client) {
	cl.Flags |= closeNow
	if cl == c.Client {
		cl.Flags |= closeAfterReply
		return
	}
	c.Unregister(cl)
	c.host.Disconnect(cl)
}

// killUnsubscribable ends the connections of a user's clients that listen to what he
// may no longer hear.
func (c *Ctx) killUnsubscribable(u *acl.User) {
	if u.Unrestricted() {
		return
	}
	for cl := range c.everybody() {
		if cl.User != u {
			continue
		}
		cl.subscriptions(func(kind listenKind, name string) bool {
			if u.AllowsChannel([]byte(name), kind == toPattern) {
				return true
			}
			c.dismiss(cl)
			return false
		})
	}
}

func cmdACLGetUser(c *Ctx) {
	u := c.users.Get(string(c.Args[2]))
	if u == nil {
		c.Out.Null()
		return
	}
	o := c.Out
	o.MapHeader(6)
	o.BulkString("flags")
	flags := u.Flags()
	o.SetHeader(len(flags))
	for _, f := range flags {
		o.BulkString(f)
	}
	o.BulkString("passwords")
	o.ArrayHeader(len(u.Passwords()))
	for _, p := range u.Passwords() {
		o.BulkString(p)
	}
	root, others := u.Describe()
	replySelector(o, root)
	o.BulkString("selectors")
	o.ArrayHeader(len(others))
	for _, d := range others {
		o.MapHeader(3)
		replySelector(o, d)
	}
}

func replySelector(o *resp.Writer, d acl.Description) {
	replyField(o, "commands", d.Commands)
	replyField(o, "keys", d.Keys)
	replyField(o, "channels", d.Channels)
}

// cmdACLDryRun says what would become of a command, without running it.
func cmdACLDryRun(c *Ctx) {
	u := c.users.Get(string(c.Args[2]))
	if u == nil {
		c.Fail(resp.Error("ERR User '" + asText(c.Args[2]) + "' not found"))
		return
	}
	args := c.Args[3:]
	cmd, unknownSub := find(args)
	switch {
	case cmd == nil || unknownSub || cmd.run == nil:
		c.Fail(resp.Error("ERR Command '" + asText(args[0]) + "' not found"))
		return
	case !arityFits(cmd, len(args)):
		c.Fail(arityError(cmd.Name))
		return
	}
	d := u.Check(cmd.Command, args)
	who := "User " + u.Name + " has no permissions to "
	switch d.Reason {
	case acl.OK:
		c.OK()
	case acl.DeniedKey:
		c.Out.BulkString(who + "access the '" + string(args[d.Arg]) + "' key")
	case acl.DeniedChannel:
		c.Out.BulkString(who + "access the '" + string(args[d.Arg]) + "' channel")
	default:
		c.Out.BulkString(who + "run the '" + cmd.Name + "' command")
	}
}

func cmdACLGenPass(c *Ctx) {
	bits := int64(256)
	switch len(c.Args) {
	case 2:
	case 3:
		var ok bool
		if bits, ok = c.intOr(2, errNotInteger); !ok {
			return
		}
		if bits <= 0 || bits > 4096 {
			c.Fail(errACLGenPassBits)
			return
		}
	default:
		c.Fail(subcommandSyntax("ACL", c.Args[1]))
		return
	}
	var raw [512]byte
	digits := int(bits+3) / 4
	b := raw[:(digits+1)/2]
	rand.Read(b)
	c.Out.BulkString(hex.EncodeToString(b)[:digits])
}

func cmdACLLog(c *Ctx) {
	count := int64(10)
	if len(c.Args) > 3 {
		c.Fail(subcommandSyntax("ACL", c.Args[1]))
		return
	}
	if len(c.Args) == 3 {
		if c.is(2, "RESET") {
			c.denials.Reset()
			c.OK()
			return
		}
		var ok bool
		if count, ok = c.int(2); !ok {
			return
		}
		count = max(count, 0)
	}
	entries := c.denials.Latest(int(min(count, int64(1)<<30)))
	now := c.clock.UnixMilli()
	o := c.Out
	o.ArrayHeader(len(entries))
	for _, e := range entries {
		o.MapHeader(10)
		replyNumber(o, "count", e.Count)
		replyField(o, "reason", e.Reason.String())
		replyField(o, "context", e.Context)
		replyField(o, "object", e.Object)
		replyField(o, "username", e.User)
		o.BulkString("age-seconds")
		o.Double(float64(now-e.CreatedMs) / 1000)
		replyField(o, "client-info", e.ClientInfo)
		replyNumber(o, "entry-id", int(e.ID))
		replyNumber(o, "timestamp-created", int(e.CreatedMs))
		replyNumber(o, "timestamp-last-updated", int(e.UpdatedMs))
	}
}

func cmdACLLoad(c *Ctx) {
	if c.config.ACLFile == "" {
		c.Fail(errACLNoFile)
		return
	}
	before := map[string]*acl.User{}
	for _, name := range c.users.Names() {
		before[name] = c.users.Get(name)
	}
	if err := c.users.Load(c.config.ACLFile); err != nil {
		c.log.Warn("loading the ACL file failed", "error", err)
		c.Fail(resp.Error("ERR " + err.Error()))
		return
	}
	for name, u := range before {
		if now := c.users.Get(name); now == nil {
			c.killUser(u)
		} else {
			c.killUnsubscribable(now)
		}
	}
	c.host.Applied()
	c.OK()
}

func cmdACLSave(c *Ctx) {
	if c.config.ACLFile == "" {
		c.Fail(errACLNoFile)
		return
	}
	if err := c.users.Save(c.config.ACLFile); err != nil {
		c.log.Warn("saving the ACL file failed", "error", err)
		c.Fail(errACLSave)
		return
	}
	c.OK()
}
