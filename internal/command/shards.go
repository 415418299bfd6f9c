package command

import (
	"math/bits"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/hist"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/keyspace"
)

// # Several shards
//
// A keyspace may consist of several shards, each with an owner of its own. A key's
// hash slot says which shard has it ([keyspace.Slot] modulo their number), and so
// keys with the same {tag} are together. There is an Exec for each shard, which counts
// what its owner runs:
//
//	           ┌── Exec 0 ── shard 0      GET a          owns 0, runs on Exec 0
//	Server ────┼── Exec 1 ── shard 1      MSET a 1 b 2   owns 0 and 2, runs on Exec 0
//	           └── Exec 2 ── shard 2      DBSIZE         owns all, runs on Exec 0
//
// [Server.Place] says which shards a command needs. Whoever runs it takes their
// ownership in ascending order, so that nobody waits in a circle, and begins on the
// Exec of the lowest with [Exec.Begin], or with [Exec.BeginSet] when they are several.
//
// What a Server holds beside the shards may be read by whoever owns any of them, and
// is written by an owner of all, with these exceptions: the registry of clients and
// the logs of slow and of denied commands have locks of their own, the figures that the
// cron keeps (rates, the peak of memory) belong to the owner of shard 0, and what is atomic
// may be counted by anybody.
//
// A command may find that it needs more than its keys' shards: to evict from others,
// or to serve those who block. It has done nothing yet when it says so (see [NeedAll]),
// and is run again by an owner of all.

// A ShardSet is a set of shards, by their numbers.
type ShardSet uint64

// MaxShards is the largest number of shards.
const MaxShards = 64

// Has reports whether shard i is in the set.
func (s ShardSet) Has(i int) bool { return s>>i&1 != 0 }

// Single reports whether there is exactly one shard in the set.
func (s ShardSet) Single() bool { return s&(s-1) == 0 && s != 0 }

// First returns the lowest shard of a set that is not empty.
func (s ShardSet) First() int { return bits.TrailingZeros64(uint64(s)) }

// Without returns the set without its lowest shard.
func (s ShardSet) Without() ShardSet { return s & (s - 1) }

// placing is how to find the shards that a command needs.
type placing uint8

const (
	placeAll  placing = iota // whatever it is about
	placeAny                 // it touches neither data nor the Server's state: any will do
	placeKey                 // that of its only key, argument FirstKey
	placeKeys                // those of its keys
	placeSort                // likewise, unless patterns make other keys of them
	placeExec                // those of the client's queue, and of the keys it watches
	placeQuit                // any, unless others know of the client
)

// anywhere names the commands that need no shard in particular: they touch at most
// their own client, or read what any owner may.
var anywhere = map[string]bool{
	"publish": true, "spublish": true, "pubsub|channels": true, "pubsub|numsub": true, "pubsub|numpat": true,
	"pubsub|shardchannels": true, "pubsub|shardnumsub": true, "pubsub|help": true,
	"ping": true, "echo": true, "select": true, "time": true, "lolwut": true,
	"readonly": true, "readwrite": true, "asking": true, "multi": true,
	"client|getname": true, "client|id": true, "client|info": true, "client|no-evict": true,
	"client|no-touch": true, "client|reply": true, "client|setinfo": true, "client|setname": true,
	"command": true, "command|count": true, "command|docs": true, "command|getkeys": true,
	"command|getkeysandflags": true, "command|help": true, "command|info": true, "command|list": true,
}

// placingOf returns how to place a command. Commands that run others own everything,
// whatever keys they name.
func placingOf(c *spec.Command) placing {
	switch {
	case anywhere[c.Name]:
		return placeAny
	case c.Name == "exec", c.Name == "discard", c.Name == "unwatch":
		return placeExec
	case c.Name == "quit":
		return placeQuit
	case c.Name == "sort", c.Name == "sort_ro":
		return placeSort
	case c.Group == spec.Scripting, c.Name == "migrate", !c.HasKeys():
		return placeAll
	case c.OneKey():
		return placeKey
	}
	return placeKeys
}

// A Place is where a command runs.
type Place struct {
	cmd *Command // nil when it will be refused

	// Shards are the shards it needs. They are none when any will do.
	Shards ShardSet

	// Travels says that another client can run it in this one's place, and only its
	// reply is wanted: it needs one shard and changes nothing of its client.
	Travels bool
}

// Place says which shards cl's next command needs. Nobody needs to own anything to
// ask. Of a keyspace with a single shard there is no need to ask.
func (s *Server) Place(cl *Client, args [][]byte) Place {
	cmd, unknownSub := find(args)
	if cmd == nil || unknownSub || !arityFits(cmd, len(args)) {
		return Place{} // its error has no place
	}
	if cl.Flags&inMulti != 0 && !cmd.atOnce {
		return Place{cmd: cmd, Shards: s.shardsOfWatches(cl)} // it is only queued
	}
	switch cmd.placing {
	case placeKey:
		return Place{cmd, 1 << s.shardIndex(args[cmd.FirstKey]), cmd.travels && cl.mayTravel()}
	case placeAny:
		return Place{cmd: cmd, Shards: s.shardsOfWatches(cl)}
	case placeKeys:
		set := s.shardsOf(cl, cmd, args)
		if !cmd.travels { // WATCH
			set |= s.shardsOfWatches(cl)
		}
		return Place{cmd, set, set.Single() && cmd.travels && cl.mayTravel()}
	case placeSort:
		if !sortsByPattern(args) {
			return Place{cmd: cmd, Shards: s.shardsOf(cl, cmd, args)}
		}
	case placeQuit:
		if !cl.Entangled() {
			return Place{cmd: cmd}
		}
	case placeExec:
		return Place{cmd: cmd, Shards: s.shardsOfWatches(cl) | s.shardsOfQueue(cl, cmd)}
	}
	return Place{cmd: cmd, Shards: s.all}
}

// shardsOfWatches returns the shards of the keys that cl watches. What is about the
// client as a whole, or may be, asks whether one of them was changed.
func (s *Server) shardsOfWatches(cl *Client) (set ShardSet) {
	for _, w := range cl.watches {
		set |= 1 << s.shardIndex([]byte(w.at.key))
	}
	return set
}

// shardsOfQueue returns the shards that the commands need which cl has queued, if cmd
// is EXEC.
func (s *Server) shardsOfQueue(cl *Client, cmd *Command) (set ShardSet) {
	if cl.Flags&inMulti == 0 || cmd.Name != "exec" {
		return 0
	}
	var args [][]byte
	t, start, arg := cl.tx, 0, 0
	for _, q := range t.queue {
		args = args[:0]
		for _, end := range t.ends[arg : arg+q.args] {
			args = append(args, t.buf[start:end:end])
			start = end
		}
		arg += q.args
		switch q.cmd.placing {
		case placeAny:
		case placeKey:
			set |= 1 << s.shardIndex(args[q.cmd.FirstKey])
		case placeKeys:
			set |= s.shardsOf(cl, q.cmd, args)
		default:
			return s.all
		}
	}
	return set
}

// ShardOf returns the number of the shard that has key.
func (s *Server) ShardOf(key []byte) int {
	if len(s.shards) == 1 {
		return 0
	}
	return s.shardIndex(key)
}

func (s *Server) shardIndex(key []byte) int {
	return int(uint32(keyspace.Slot(key)) % uint32(len(s.shards)))
}

// shardsOf returns the shards of a command's keys. Arguments that make no sense are
// for the command to refuse, by an owner of all.
func (s *Server) shardsOf(cl *Client, cmd *Command, args [][]byte) (set ShardSet) {
	keys, err := cmd.KeyPositions(cl.keyRoom[:0], args)
	cl.keyRoom = keys[:0]
	if err != nil || len(keys) == 0 {
		return s.all
	}
	for _, k := range keys {
		set |= 1 << s.shardIndex(args[k.Pos])
	}
	return set
}

// stays are the states of a client whose commands run for itself alone.
const stays = silent | closeAfterReply | closeNow | inMulti | forgetful | listening | tracking

func (cl *Client) mayTravel() bool { return cl.Flags&stays == 0 && cl.Authenticated }

// sortsByPattern reports whether a SORT looks up keys made of elements.
func sortsByPattern(args [][]byte) bool {
	for _, a := range args[2:] {
		if equalFold(a, "BY") || equalFold(a, "GET") {
			return true
		}
	}
	return false
}

// StandFor makes cl a stand-in for another client, whose commands it runs on another
// owner's shard: those that travel. Its replies are for that client.
func (cl *Client) StandFor(of *Client) {
	cl.ID, cl.Name, cl.User, cl.DB = of.ID, of.Name, of.User, of.DB
	cl.Flags, cl.Authenticated, cl.Conn = of.Flags, of.Authenticated, of.Conn
	cl.Out.Proto = of.Out.Proto
}

// Sent notes that a stand-in will run a command for cl, and when it came. The caller owns
// something.
func (cl *Client) Sent(p *Place, nanos int64) {
	cl.LastCommand, cl.LastNanos = p.cmd, nanos
}

// All returns the set of all shards.
func (s *Server) All() ShardSet { return s.all }

// Owned returns the set of shards that x's owner owns.
func (x *Exec) Owned() ShardSet { return x.set }

// Exec returns the Exec of shard i.
func (s *Server) Exec(i int) *Exec { return s.execs[i] }

// BeginSet is Begin for an owner of several shards, x's being the lowest. EndSet must
// follow before ownership is given back.
func (x *Exec) BeginSet(set ShardSet) {
	x.only, x.owned = nil, x.some[:0]
	for s := set; s != 0; s = s.Without() {
		i := s.First()
		x.owned = append(x.owned, x.shards[i])
		x.interests[i].x = x
	}
	x.set = set
	x.ctx.Client = nil
	x.nanos = x.clock.Nanos()
	x.late = false
	if x.nanos >= x.tickEnds {
		x.tick()
	} else {
		x.tellTime() // those of others may be behind
	}
}

// EndSet ends what BeginSet began.
func (x *Exec) EndSet() {
	for s := x.set; s != 0; s = s.Without() {
		i := s.First()
		x.interests[i].x = x.execs[i]
	}
	x.some = x.owned
	x.alone()
}

// concernsOthers reports whether a command may have to do with more than the shards
// that are owned: when it writes where clients are blocked on keys, as serving them
// may take any key.
func (x *Exec) concernsOthers(cl *Client, cmd *Command) bool {
	if x.ownsAll() || cl.flagsOf(cmd)&spec.Write == 0 {
		return false
	}
	if x.only != nil {
		return len(x.interests[x.onlyAt].waiting) > 0
	}
	for s := x.set; s != 0; s = s.Without() {
		if len(x.interests[s.First()].waiting) > 0 {
			return true
		}
	}
	return false
}

// alone makes x the Exec of an owner of its own shard alone.
func (x *Exec) alone() {
	x.only, x.onlyAt = x.shards[x.home], x.home
	x.owned, x.set = x.shards[x.home:x.home+1], 1<<x.home
}

// narrow says that what comes touches one of the shards alone that are owned, so that
// its keys' slots need not be looked at. widen ends it.
func (x *Exec) narrow(shard int) { x.only, x.onlyAt = x.shards[shard], shard }

func (x *Exec) widen() { x.only = nil }

// ownsAll reports whether the owner has all shards.
func (x *Exec) ownsAll() bool { return x.set == x.all }

// shardOf returns the shard that holds key, which the owner owns.
func (x *Exec) shardOf(key []byte) *keyspace.Shard {
	if invariants.Enabled {
		x.mustOwn(key)
	}
	if x.only != nil {
		return x.only
	}
	return x.shards[x.shardIndex(key)]
}

// mustOwn panics when the shard of key is somebody else's.
func (x *Exec) mustOwn(key []byte) {
	if i := x.ShardOf(key); !x.set.Has(i) || x.only != nil && x.onlyAt != i {
		panic("command: " + x.ctx.commandName() + " touches a key of a shard that it does not own: " + string(key))
	}
}

func (c *Ctx) commandName() string {
	if c.Client == nil || c.cmd == nil {
		return "a call"
	}
	return c.cmd.Name
}

// Publish tells other owners how much memory is in use. Whoever owns calls it before
// he gives back what he owned.
func (x *Exec) Publish() {
	for _, s := range x.owned {
		s.Publish()
	}
}

// Bounded reports whether memory is bounded, so that Publish is worth while after
// every batch.
func (x *Exec) Bounded() bool { return x.maxMemory > 0 }

// The figures of all Execs together, for an owner of all.

// stat returns a command's counters.
func (x *Exec) stat(id int) *Stats {
	if len(x.execs) == 1 {
		return &x.stats[id]
	}
	sum := &Stats{}
	for _, y := range x.execs {
		st := &y.stats[id]
		sum.Calls += st.Calls
		sum.Nanos += st.Nanos
		sum.Rejected += st.Rejected
		sum.Failed += st.Failed
		if st.Latency != nil {
			if sum.Latency == nil {
				sum.Latency = new(hist.Histogram)
			}
			sum.Latency.Merge(st.Latency)
		}
	}
	return sum
}

// errorCounts returns how often each error code was replied.
func (x *Exec) errorCounts() map[string]int64 {
	if len(x.execs) == 1 {
		return x.errors
	}
	sum := map[string]int64{}
	for _, y := range x.execs {
		for code, n := range y.errors {
			sum[code] += n
		}
	}
	return sum
}

// totals returns the commands that ran and the errors they replied.
func (x *Exec) totals() (calls, errors int64) {
	for _, y := range x.execs {
		calls, errors = calls+y.calls, errors+y.totalErrors
	}
	return calls, errors
}

// defragmenting returns the share of the processor that active defragmentation takes,
// in percent.
func (x *Exec) defragmenting() (percent int) {
	for _, s := range x.shards {
		percent = max(percent, s.Defragmenting())
	}
	return percent
}

// shardStats returns the counters of all shards.
func (x *Exec) shardStats() keyspace.Stats {
	var sum keyspace.Stats
	for _, s := range x.shards {
		sum.Add(&s.Stats)
	}
	sum.StalePercent /= float64(len(x.shards))
	return sum
}

// keys returns the number of keys in all databases.
func (x *Exec) keys() (n int) {
	for _, s := range x.shards {
		n += s.Len()
	}
	return n
}

// databases visits database i of every shard that has used it, for each i in
// use.
func (x *Exec) databases(visit func(i int, dbs []*keyspace.DB)) {
	var dbs []*keyspace.DB
	for i := range x.shards[0].Databases() {
		dbs = dbs[:0]
		for _, s := range x.shards {
			if db := s.Peek(i); db != nil {
				dbs = append(dbs, db)
			}
		}
		if len(dbs) > 0 {
			visit(i, dbs)
		}
	}
}
