package command

import (
	"crypto/rand"
	"encoding/hex"
	"iter"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/redweave/redweave/internal/acl"
	"github.com/redweave/redweave/internal/clock"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/latency"
	"github.com/redweave/redweave/internal/slowlog"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// A Server is what the commands of one engine share beside the shards: its
// parameters, its clients, its logs. Whoever executes commands owns it too.
type Server struct {
	clock  clock.Clock
	config *config.Config
	log    *slog.Logger
	host   Host

	RunID   string
	Version string // the advertised version of Redis
	PID     int
	start   int64 // monotonic

	shards    []*keyspace.Shard
	all       ShardSet     // all of them
	execs     []*Exec      // of each
	interests []*interests // of each
	budget    *keyspace.Budget

	// Clients, oldest first, and by ID. Whoever owns a shard may enter one, or take
	// it out, with registry locked; an owner of all reads without.
	registry    sync.Mutex
	first, last *Client
	clients     map[uint64]*Client
	lastID      uint64

	channels     channels    // written by an owner of all
	trackers     trackers    // likewise
	overTracked  atomic.Bool // more keys are tracked than may be
	mailMost     int         // see mailMost
	outputCloses atomic.Int64

	// logs guards what commands that own but their keys' shards write: denials,
	// denied, slow and spikes. An owner of all reads without.
	logs sync.Mutex

	users   *acl.Table
	denials acl.Log
	denied  [acl.DeniedChannel + 1]int64 // by reason, for INFO

	snapshots snapshots

	cluster *cluster // nil unless cluster-enabled

	blocked   map[uint64]*Client // by ID
	deadlines deadlineHeap       // of those who do not wait for ever
	signals   atomic.Int64       // how often a key became ready that clients wait for
	monitors  atomic.Pointer[[]*Client]
	scripts   scripts

	pause     pauseState
	reclaimer *lazyfree.Reclaimer
	settings  *keyspace.Settings
	slow      slowlog.Log
	spikes    latency.Monitor
	debug     debugState

	// What configuration says, ready for the hot path.
	maxMemory    int64
	maxBulk      int64
	slowNanos    int64
	trackLatency bool
	limits       limits
	password     string // requirepass, as the default user was told it last

	peakMemory    int64 // belongs to the owner of shard 0, as do rates
	startupMemory int64
	replID        string
	rates         rates
	startUnix     int64    // seconds
	netBase       NetStats // the network side's counters at the last CONFIG RESETSTAT
}

// A Host is the engine as commands see it: what they may ask of the side that
// has sockets and threads.
type Host interface {
	// Disconnect ends a client's connection once its owner gets to it.
	Disconnect(cl *Client)
	// Notify tells that a client's empty mailbox has something to take: see
	// [Exec.post].
	Notify(cl *Client)
	// Unpaused tells that clients held by CLIENT PAUSE may go on.
	Unpaused()
	// Terminate closes the engine (SHUTDOWN).
	Terminate()
	// Net returns the counters of the network side.
	Net() NetStats
	// CountShared brings the shards' counters up to date with what was read and
	// written beside their owners. The caller owns everything.
	CountShared()
	// Alarm has an owner of everything call [Exec.TimeOut] at a monotonic time, or
	// before, and that once: a later alarm than one that is set is none. The caller
	// owns something.
	Alarm(atNanos int64)
	// Applied is told after CONFIG SET changed parameters of the network side.
	Applied()
	// Model names the threading model, and Threads its number of threads.
	Model() (name string, threads int)
	// IOActive reports whether several threads are at work on connections at present.
	IOActive() bool
	// Threads returns the counters of the engine's threads, as of when each of them
	// published them last.
	Threads() []ThreadStats
	// TCPPort is the port listened on, 0 when there is none.
	TCPPort() int
	// Multiplexer names what waits for sockets.
	Multiplexer() string
}

// NetStats are the counters of the network side, since the start.
type NetStats struct {
	Connections, Rejected               int64
	BytesIn, BytesOut                   int64
	Reads, Writes                       int64 // clients read from and written to
	IOThreadReads, IOThreadWrites       int64 // those of them not by the main thread
	EvictedClients                      int64 // closed for maxmemory-clients
	QueryLimitCloses, OutputLimitCloses int64
	Cycles                              int64 // turns of event loops
}

// Options are what a Server is made from.
type Options struct {
	Clock     clock.Clock
	Config    *config.Config
	Log       *slog.Logger
	Host      Host
	Shards    []*keyspace.Shard
	Budget    *keyspace.Budget   // of the shards, when they are several
	Settings  *keyspace.Settings // the one the shards were made with
	Reclaimer *lazyfree.Reclaimer
	Version   string     // "" means DefaultVersion
	Users     *acl.Table // nil: the default user alone, with the password of requirepass
}

// DefaultVersion is the version of Redis we answer to.
const DefaultVersion = "7.4.1"

// NewServer returns a server and the Exec of its first shard.
func NewServer(o Options) (*Server, *Exec) {
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	s := &Server{
		clock: o.Clock, config: o.Config, log: o.Log, host: o.Host, reclaimer: o.Reclaimer,
		settings: o.Settings, Version: o.Version, RunID: randomHex(), PID: os.Getpid(),
		start: o.Clock.Nanos(), startUnix: o.Clock.UnixMilli() / 1000, clients: map[uint64]*Client{},
		blocked: map[uint64]*Client{},
		replID:  randomHex(), users: o.Users,
	}
	if s.users == nil {
		s.users = acl.New(acl.Options{AllChannels: o.Config.ACLPubsubDefault == "allchannels"})
		s.users.SetDefaultPassword(o.Config.RequirePass)
	}
	s.snapshots = snapshots{lastUnix: s.startUnix, lastSeconds: -1}
	s.password = o.Config.RequirePass
	if o.Config.ClusterEnabled {
		s.cluster = newCluster()
	}
	s.shards, s.budget, s.all = o.Shards, o.Budget, 1<<len(o.Shards)-1
	for i, sh := range s.shards {
		x := newExec(s, i)
		s.execs = append(s.execs, x)
		s.interests = append(s.interests, &interests{x: x, shard: sh})
		x.Begin()
	}
	s.startupMemory = s.usedMemory()
	s.configured()
	return s, s.execs[0]
}

// randomHex is an identity: 40 hexadecimal digits.
func randomHex() string {
	var id [20]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Register gives a client its identity and enters it in the registry.
func (s *Server) Register(cl *Client) {
	s.registry.Lock()
	defer s.registry.Unlock()
	s.lastID++
	cl.ID = s.lastID
	cl.User = s.users.Default()
	cl.registered = cl.User
	cl.SetProto(2)
	cl.Authenticated = !s.authRequired()
	cl.CreatedNanos = s.clock.Nanos()
	cl.LastNanos = cl.CreatedNanos
	if cl.Conn == nil {
		cl.Flags |= inProcess
		return
	}
	s.clients[cl.ID] = cl
	cl.prev = s.last
	if s.last != nil {
		s.last.next = cl
	} else {
		s.first = cl
	}
	s.last = cl
}

// Unregister forgets a client whose connection has ended. If it is [Client.Entangled],
// the caller owns everything.
func (s *Server) Unregister(cl *Client) {
	if cl.Entangled() {
		s.execs[0].disentangle(cl)
	}
	s.registry.Lock()
	defer s.registry.Unlock()
	if s.clients[cl.ID] != cl {
		return
	}
	delete(s.clients, cl.ID)
	if cl.prev != nil {
		cl.prev.next = cl.next
	} else {
		s.first = cl.next
	}
	if cl.next != nil {
		cl.next.prev = cl.prev
	} else {
		s.last = cl.prev
	}
	cl.prev, cl.next = nil, nil
}

// everybody yields the registered clients, oldest first. The one it yielded may be
// unregistered.
func (s *Server) everybody() iter.Seq[*Client] {
	return func(yield func(*Client) bool) {
		for cl := s.first; cl != nil; {
			next := cl.next
			if !yield(cl) {
				return
			}
			cl = next
		}
	}
}

// now is the time of the shards that are owned, in Unix milliseconds.
func (x *Exec) now() int64 { return x.owned[0].Now() }

// ProtocolError is the reply to bytes that are not the protocol; the connection
// ends after it.
func (x *Exec) ProtocolError(cl *Client, err resp.Error) {
	x.countError(err)
	if cl.Flags&replyOff == 0 {
		cl.Out.Error(err)
	}
	cl.Flags |= closeAfterReply
}
