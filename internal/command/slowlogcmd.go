package command

import (
	"math"
	"slices"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/latency"
	"github.com/redweave/redweave/internal/slowlog"
	"github.com/redweave/redweave/resp"
)

// SLOWLOG, and what is entered in the slow log: commands without the secrets among their
// arguments.

var slowlogHandlers = handlers{
	"slowlog|get": cmdSlowlogGet, "slowlog|help": cmdHelp, "slowlog|len": cmdSlowlogLen,
	"slowlog|reset": cmdSlowlogReset,
}

const errSlowlogCount resp.Error = "ERR count should be greater than or equal to -1"

func cmdSlowlogGet(c *Ctx) {
	count := int64(10)
	switch len(c.Args) {
	case 2:
	case 3:
		var ok bool
		if count, ok = c.intBetween(2, -1, math.MaxInt64, errSlowlogCount); !ok {
			return
		}
	default:
		c.Fail(subcommandSyntax("SLOWLOG", c.Args[1]))
		return
	}
	left := c.slow.Len()
	if count >= 0 {
		left = int(min(count, int64(left)))
	}
	o := c.Out
	o.ArrayHeader(left)
	for e := range c.slow.Newest() {
		if left--; left < 0 {
			break
		}
		o.ArrayHeader(6)
		o.Int(e.ID)
		o.Int(e.UnixSeconds)
		o.Int(e.Micros)
		o.ArrayHeader(len(e.Args))
		for _, a := range e.Args {
			o.BulkString(a)
		}
		o.BulkString(e.Client)
		o.BulkString(e.Name)
	}
}

func cmdSlowlogLen(c *Ctx) { c.Out.Int(int64(c.slow.Len())) }

func cmdSlowlogReset(c *Ctx) {
	c.slow.Reset()
	c.OK()
}

// noteSlow enters a command that took long in the slow log and tells the
// latency monitor of it. took is in nanoseconds; each of the two has its own
// threshold, and 0 means "everything" to the one, "nothing" to the other.
func (x *Exec) noteSlow(cl *Client, cmd *Command, args [][]byte, took int64) {
	now := x.now() / 1000
	us := took / 1000
	slowest := x.config.SlowlogLogSlowerThan
	if slowest >= 0 && us >= slowest && cmd.flags&spec.SkipSlowlog == 0 {
		e := slowlog.Entry{UnixSeconds: now, Micros: us, Name: cl.Name}
		if cl.Conn != nil {
			e.Client = cl.Conn.RemoteAddr()
		}
		x.logs.Lock()
		x.slow.Push(e, redacted(cmd, args), x.config.SlowlogMaxLen)
		x.logs.Unlock()
	}
	ms := us / 1000
	if threshold := x.config.LatencyMonitorThreshold; threshold > 0 && ms >= threshold {
		event := latency.EventCommand
		if cmd.flags&spec.Fast != 0 {
			event = latency.EventFastCommand
		}
		x.logs.Lock()
		x.spikes.Add(event, ms, now)
		x.logs.Unlock()
	}
}

// hidden stands where a secret stood.
var hidden = []byte("(redacted)")

// redacted returns a command's arguments without the secrets among them. The
// arguments themselves are left as they are.
func redacted(cmd *Command, args [][]byte) [][]byte {
	var secret func(i int) bool
	switch cmd.Name {
	case "auth":
		secret = func(i int) bool { return i > 0 }
	case "hello":
		secret = func(i int) bool {
			return i > 2 && equalFold(args[i-1], "AUTH") || i > 3 && equalFold(args[i-2], "AUTH")
		}
	case "acl|setuser": // names, too, as Redis has it
		secret = func(i int) bool { return i > 1 }
	case "migrate":
		at := migrateSecrets(args)
		secret = func(i int) bool { return slices.Contains(at, i) }
	case "config|set":
		secret = func(i int) bool { return i > 2 && i%2 == 1 && config.Sensitive(string(args[i-1])) }
	default:
		return args
	}
	shown := make([][]byte, len(args))
	for i, a := range args {
		shown[i] = a
		if secret(i) {
			shown[i] = hidden
		}
	}
	return shown
}

// migrateSecrets returns where the user and password of a MIGRATE stand. Keys may be
// named like its options.
func migrateSecrets(args [][]byte) (at []int) {
	for i := 6; i < len(args) && !equalFold(args[i], "KEYS"); i++ {
		if equalFold(args[i], "AUTH") {
			i++
			at = append(at, i)
		} else if equalFold(args[i], "AUTH2") {
			i += 2
			at = append(at, i-1, i)
		}
	}
	return at
}
