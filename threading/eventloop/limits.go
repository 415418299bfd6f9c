package eventloop

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/threading"
)

// limits are the parameters of the network side, read from the configuration
// when they changed, by its owner. Loops share them: they are never written to.
type limits struct {
	session         threading.Limits
	maxClients      int64
	acceptsPerCycle int
	idle            time.Duration // timeout; 0: never
	keepAlive       time.Duration // negative: off
	hz              int
	outputs         [3]outputLimit // by config.ClassNormal and so on
	clientMemory    int64          // maxmemory-clients in bytes; 0: no limit
	protected       bool           // protected mode holds
}

// outputLimit is how much output may be pending. Zeros are no limits.
type outputLimit struct {
	hard    int // bytes, at any time
	soft    int // bytes, for no longer than softFor
	softFor time.Duration
}

func limitsOf(c *config.Config) *limits {
	l := &limits{
		session:         threading.LimitsOf(c),
		maxClients:      int64(c.MaxClients),
		acceptsPerCycle: c.MaxNewConnectionsPerCycle,
		idle:            time.Duration(c.Timeout) * time.Second,
		keepAlive:       time.Duration(c.TCPKeepalive) * time.Second,
		hz:              max(c.HZ, 1),
		clientMemory:    c.MaxMemoryClients,
		protected:       c.ProtectedMode && c.RequirePass == "",
	}
	if l.keepAlive == 0 {
		l.keepAlive = -1
	}
	for class, out := range c.ClientOutputBufferLimit {
		l.outputs[class] = outputLimit{
			hard: int(min(out.HardBytes, math.MaxInt)), soft: int(min(out.SoftBytes, math.MaxInt)),
			softFor: time.Duration(out.SoftSeconds) * time.Second,
		}
	}
	if c.MaxMemoryClients < 0 { // a percentage
		l.clientMemory = c.MaxMemory / 100 * -c.MaxMemoryClients
	}
	return l
}

// refuse returns what a new client is told that may not come in, "" for one that
// may. clients are those there are with it, and local says that it is on this machine.
func (l *limits) refuse(clients int64, local bool) string {
	switch {
	case clients > l.maxClients:
		return maxClientsReply
	case l.protected && !local:
		return deniedReply
	}
	return ""
}

// overHardLimit reports whether so much pending output is more than a client may
// have at any time.
func (lp *Loop) overHardLimit(c *Client, pending int) bool {
	hard := lp.limits.outputs[c.Client.OutputClass()].hard
	return hard > 0 && pending > hard
}

// overSoftLimit reports whether a client's output has been more than the soft
// limit for too long.
func (lp *Loop) overSoftLimit(c *Client) bool {
	l := &lp.limits.outputs[c.Client.OutputClass()]
	if l.soft == 0 || c.pendingOutput() <= l.soft {
		c.overSoft = false
		return false
	}
	now := lp.group.Clock().Nanos()
	if !c.overSoft {
		c.overSoft, c.overSince = true, now
	}
	return time.Duration(now-c.overSince) > l.softFor
}

// sweep closes clients that were idle too long, unless they listen, or whose output stayed above
// the soft limit, and those that take too much memory together. The loop calls it
// with every cron.
func (lp *Loop) sweep() {
	now := lp.nanos
	for c := range lp.clients {
		idle := time.Duration(now - c.activeNanos)
		switch {
		case c.away:
		case lp.limits.idle > 0 && idle > lp.limits.idle && !c.held && !c.waiting &&
			c.Client.OutputClass() != config.ClassPubSub:
			lp.group.Log().Info("closing idle client", "client", c.remote)
			lp.close(c)
		case c.blocked && lp.overSoftLimit(c):
			lp.closeForOutput(c)
		}
	}
	if lp.limits.clientMemory > 0 {
		lp.evictClients(max(lp.limits.clientMemory, leastClientMemory))
	}
}

// leastClientMemory is the least that maxmemory-clients limits clients to.
const leastClientMemory = 128 << 10

// evictClients closes the clients with the most memory until those of all loops
// together have no more than limit.
//
// Each loop knows its own clients. With every cron it tells the others what they cost
// and, once all together cost too much, what the largest costs that may be closed. The
// loop that has the largest closes it, when the others have had a cron to tell: so
// whoever is closed was the largest then, and nobody is closed for what has been given
// back since.
func (lp *Loop) evictClients(limit int64) {
	mine := int64(0)
	for c := range lp.clients {
		mine += c.Client.MemoryBytes()
	}
	lp.memory.Store(mine)
	loops := lp.group.Loops()
	if mine+lp.othersMemory() <= limit {
		lp.largest.Store(0)
		lp.pressed = 0
		return
	}
	if lp.pressed == 0 {
		lp.pressed = lp.now
	}
	list := lp.evictable()
	for {
		largest := int64(0)
		if len(list) > 0 {
			largest = list[0].Client.MemoryBytes()
		}
		lp.largest.Store(largest)
		if largest == 0 || len(loops) > 1 && lp.now-lp.pressed < 2*sweepInterval {
			return
		}
		for _, other := range loops {
			if other.largest.Load() > largest {
				return
			}
		}
		// Who has closed a larger one in the meantime has told of the memory first.
		if mine+lp.othersMemory() <= limit {
			return
		}
		c := list[0]
		list = list[1:]
		mine -= largest
		lp.memory.Store(mine)
		lp.group.Log().Info("evicting client", "client", c.remote)
		lp.group.evicted.Add(1)
		lp.close(c)
		lp.pressed = lp.now // the others may have closed somebody, too
	}
}

// othersMemory is what the clients of the other loops cost, as those told last.
func (lp *Loop) othersMemory() (n int64) {
	for _, other := range lp.group.Loops() {
		if other != lp {
			n += other.memory.Load()
		}
	}
	return n
}

// evictable returns the clients that have not asked to be spared, those with the
// most memory first.
func (lp *Loop) evictable() (cs []*Client) {
	if lp.group.Own() == nil {
		return nil
	}
	for c := range lp.clients {
		if !c.Client.NoEvict() {
			cs = append(cs, c)
		}
	}
	lp.group.Release()
	slices.SortFunc(cs, func(a, b *Client) int {
		return cmp.Compare(b.Client.MemoryBytes(), a.Client.MemoryBytes())
	})
	return cs
}

const maxClientsReply = "-ERR max number of clients reached\r\n"

// deniedReply is what protected mode tells clients from elsewhere.
const deniedReply = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"
