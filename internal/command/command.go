// Package command is the way from an argument vector to a reply: the command
// table, the checks every command passes, and the handlers.
//
//	args ──> Exec.Do ──> find ──> arity, auth, memory … ──> handler ──> reply
//	                      │                                   │
//	                 spec (data)                       keyspace (data)
//
// A file per family holds the handlers (string.go, list.go, …). A handler reads
// its arguments, checks all of them before it touches a key, works on the
// keyspace, and appends its reply to c.Out. It never knows which threading model
// runs it: whoever calls [Exec.Do] owns the shards.
//
// # Where things are
//
//	command.go, spec          the table; families lists the handlers in the README's order
//	exec.go, ctx.go           what every command passes, and what handlers work with
//	server.go, client.go      what the engine shares beside the shards; a connection
//	settings.go, cron.go      what parameters say; what is done now and then
//	timing.go, threads.go     how long commands took, what threads did
//	shards.go                 which shards a command needs, and who may touch what
//	blocked.go                commands that wait
//	transaction.go            MULTI, EXEC, WATCH
//	interests.go, push.go     who hears of changes, and how messages reach a client
//	typed.go                  calls without arguments and replies
//
// Files are named by the family, then by what of it they hold: hashttl.go, zsetblock.go.
// A family whose name means something else here ends in cmd: clientcmd.go has CLIENT,
// client.go the Client. What several families use is in draft.go, expiry.go and
// errors.go.
//
// # Adding a command
//
//  1. Describe it in internal/command/spec (the family's file).
//  2. Write the handler, func cmdName(c *Ctx), in the family's file here.
//  3. Enter it in the family's handlers map, at the top of that file.
//  4. Record its transcript under testdata/transcripts.
//  5. Run the tests; add it to the README's table if it differs from Redis.
package command

import (
	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/hist"
)

// A handler runs one command. The arity has been checked.
type handler func(c *Ctx)

// handlers names the commands of a family. A subcommand stands as
// "container|sub".
type handlers map[string]handler

// families lists every family there is, in the order of the README's table.
var families = []handlers{
	genericHandlers, sortHandlers, dumpHandlers, objectHandlers,
	stringHandlers, stringCondHandlers, incrExHandlers, lcsHandlers,
	listHandlers, listBlockHandlers,
	setHandlers,
	zsetHandlers, zsetBlockHandlers,
	hashHandlers, hashTTLHandlers, hashGetExHandlers,
	streamHandlers,
	geoHandlers,
	bitmapHandlers,
	hyperLogLogHandlers,
	pubsubHandlers,
	transactionHandlers,
	scriptHandlers, functionHandlers,
	connectionHandlers, clientHandlers, trackingHandlers,
	aclHandlers, commandHandlers, configHandlers, debugHandlers, infoHandlers, latencyHandlers,
	memoryHandlers, moduleHandlers, monitorHandlers, persistenceHandlers, replicationHandlers,
	serverHandlers, slowlogHandlers,
	clusterHandlers,
}

// A Command is an entry of the table: what the specification says, and who
// runs it. The table is built once and shared by all servers of the process.
type Command struct {
	*spec.Command
	run handler // nil for a container that only has subcommands

	id      int // index into Exec.stats
	flags   spec.Flags
	placing placing
	travels bool // see Place
	subs    map[string]*Command
	atOnce  bool // inside MULTI too it runs, rather than being queued
}

// runAtOnce names the commands that are never queued.
var runAtOnce = map[string]bool{
	"discard": true, "exec": true, "multi": true, "quit": true, "reset": true, "watch": true,
}

// Stats are one command's counters, as INFO commandstats shows them.
type Stats struct {
	Calls, Nanos     int64
	Rejected, Failed int64
	Latency          *hist.Histogram // nil until the first call that was timed
}

// table holds every command the handlers make available.
type table struct {
	list []*Command // top level, in the specification's order
	all  []*Command // with subcommands; Command.id is the index
	byID []*Command // by spec.Command.ID, nil where there is no handler
}

// commands is immutable after init.
var commands table

func init() { commands = buildTable() }

func buildTable() table {
	var t table
	have := handlers{}
	for _, f := range families {
		for name, h := range f {
			if have[name] != nil {
				panic("command: two handlers for " + name)
			}
			have[name] = h
		}
	}
	t.byID = make([]*Command, spec.Count())
	add := func(s *spec.Command) *Command {
		cmd := &Command{Command: s, run: have[s.Name], id: len(t.all), flags: s.Flags, placing: placingOf(s)}
		cmd.atOnce = runAtOnce[s.Name]
		cmd.travels = (cmd.placing == placeKey || cmd.placing == placeKeys) &&
			s.Flags&(spec.Blocking|spec.NoMulti) == 0 && s.Name != "watch"
		delete(have, s.Name)
		t.all = append(t.all, cmd)
		t.byID[s.ID] = cmd
		return cmd
	}
	for s := range spec.All() {
		if s.Parent != nil {
			continue
		}
		any := have[s.Name] != nil
		for _, sub := range s.Subcommands {
			any = any || have[sub.Name] != nil
		}
		if !any {
			continue
		}
		cmd := add(s)
		t.list = append(t.list, cmd)
		for _, sub := range s.Subcommands {
			if have[sub.Name] == nil {
				continue
			}
			if cmd.subs == nil {
				cmd.subs = map[string]*Command{}
			}
			_, short, _ := cutName(sub.Name)
			cmd.subs[short] = add(sub)
		}
	}
	for name := range have {
		panic("command: no specification for " + name)
	}
	return t
}

// find returns the command args call, with its subcommand where it has any, or
// nil. sub reports that the container is known and its subcommand is not.
func find(args [][]byte) (cmd *Command, unknownSub bool) {
	s := spec.Find(args[0])
	if s == nil {
		return nil, false
	}
	cmd = commands.byID[s.ID]
	if cmd == nil || cmd.subs == nil || len(args) < 2 {
		return cmd, false
	}
	var buf [32]byte
	if len(args[1]) <= len(buf) {
		if sub := cmd.subs[string(lowerInto(buf[:0], args[1]))]; sub != nil {
			return sub, false
		}
	}
	if cmd.run != nil {
		return cmd, false // COMMAND without a known subcommand answers for itself
	}
	return cmd, true
}

// commandNamed returns the command of a name in any case, "config|get" for a
// subcommand, or nil.
func commandNamed(name []byte) *Command {
	container, sub, isSub := cutName(string(name))
	args := [][]byte{[]byte(container), []byte(sub)}
	if !isSub {
		args = args[:1]
	}
	cmd, unknownSub := find(args)
	if unknownSub || cmd == nil || isSub && cmd.Parent == nil {
		return nil
	}
	return cmd
}

func cutName(name string) (container, sub string, ok bool) {
	for i := range len(name) {
		if name[i] == '|' {
			return name[:i], name[i+1:], true
		}
	}
	return name, "", false
}

func lowerInto(dst, s []byte) []byte {
	for _, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
