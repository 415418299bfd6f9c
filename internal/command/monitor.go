package command

import (
	"slices"
	"strconv"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/resp"
)

// # MONITOR
//
// A client that sent MONITOR is shown every command as it is run, in a line of its own:
//
//	+1700000000.123456 [0 127.0.0.1:50000] "SET" "a" "\x00"
//
// Those inside a transaction come before its EXEC, and those inside a script after its
// EVAL. Commands for administrators are not shown, nor are passwords.
//
// Whoever executes shows; so the list of monitors is replaced when it changes, and never
// changed.

var monitorHandlers = handlers{"monitor": cmdMonitor}

const errMonitorDenied resp.Error = "ERR MONITOR isn't allowed for DENY BLOCKING client"

func cmdMonitor(c *Ctx) {
	cl := c.Client
	switch {
	case c.mayNotBlock(), cl.Flags&inProcess != 0:
		// Who expects a reply for each command cannot be shown those of others.
		c.Fail(errMonitorDenied)
	case cl.Flags&isMonitor == 0: // else there is no reply at all
		cl.Flags |= isMonitor
		cl.tell(outsideMonitors, true)
		var list []*Client
		if old := c.monitors.Load(); old != nil {
			list = slices.Clone(*old)
		}
		list = append(list, cl)
		c.monitors.Store(&list)
		c.OK()
	}
}

// unmonitor shows cl no more commands. The caller owns everything.
func (s *Server) unmonitor(cl *Client) {
	if cl.Flags&isMonitor == 0 {
		return
	}
	cl.Flags &^= isMonitor
	cl.tell(outsideMonitors, false)
	list := slices.DeleteFunc(slices.Clone(*s.monitors.Load()), func(other *Client) bool { return other == cl })
	if len(list) == 0 {
		s.monitors.Store(nil)
		return
	}
	s.monitors.Store(&list)
}

// monitored reports whether anybody is shown commands.
func (s *Server) monitored() bool { return s.monitors.Load() != nil }

// feedMonitors shows the command that c has run, or is about to.
func (x *Exec) feedMonitors(c *Ctx, cmd *Command) {
	if cmd.flags&(spec.SkipMonitor|spec.Admin) != 0 {
		return
	}
	line := x.appendMonitorLine(x.line[:0], c, redacted(cmd, c.Args))
	for _, cl := range *x.monitors.Load() {
		x.post(cl, line, false)
	}
	x.line = line
	if cap(line) > 1<<20 {
		x.line = nil
	}
}

func (x *Exec) appendMonitorLine(b []byte, c *Ctx, args [][]byte) []byte {
	us := x.clock.UnixMicro()
	b = strconv.AppendInt(append(b, '+'), us/1e6, 10)
	b = append(b, '.')
	for unit := int64(100_000); unit > 0; unit /= 10 {
		b = append(b, byte('0'+us/unit%10))
	}
	b = strconv.AppendInt(append(b, " ["...), int64(c.Client.DB), 10)
	b = append(append(b, ' '), c.origin()...)
	b = append(b, ']')
	for _, a := range args {
		b = appendRepr(append(b, ' '), a)
	}
	return append(b, '\r', '\n')
}

// origin is where the command came from, as MONITOR says it.
func (c *Ctx) origin() string {
	cl := c.Client
	switch {
	case c.inScript:
		return "lua"
	case cl.Conn == nil:
		return "in-process"
	case cl.Flags&isUnix != 0:
		path := cl.Conn.LocalAddr()
		return "unix:" + path[:max(len(path)-len(":0"), 0)]
	}
	return cl.Conn.RemoteAddr()
}

// appendRepr appends s in quotes, what does not print escaped.
func appendRepr(b, s []byte) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, ch := range s {
		switch {
		case ch == '\\' || ch == '"':
			b = append(b, '\\', ch)
		case ch == '\n':
			b = append(b, `\n`...)
		case ch == '\r':
			b = append(b, `\r`...)
		case ch == '\t':
			b = append(b, `\t`...)
		case ch == '\a':
			b = append(b, `\a`...)
		case ch == '\b':
			b = append(b, `\b`...)
		case ch < ' ' || ch > '~':
			b = append(b, '\\', 'x', hex[ch>>4], hex[ch&15])
		default:
			b = append(b, ch)
		}
	}
	return append(b, '"')
}
