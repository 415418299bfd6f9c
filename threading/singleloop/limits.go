package singleloop

import (
	"time"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/threading"
)

// limits are the parameters of the network side, read from the configuration
// when they changed.
type limits struct {
	session         threading.Limits
	maxClients      int
	acceptsPerCycle int
	idle            time.Duration // timeout; 0: never
	keepAlive       time.Duration // negative: off
	hz              int
	outputHard      int // bytes; 0: no limit
	outputSoft      int
	outputSoftFor   time.Duration
	clientMemory    int64 // maxmemory-clients in bytes; 0: no limit
	protected       bool  // protected mode holds
}

func (lp *loop) readLimits() {
	x := lp.e.Own()
	if x == nil {
		return
	}
	defer lp.e.Release()
	c := lp.e.Config()
	out := c.ClientOutputBufferLimit[config.ClassNormal]
	lp.limits = limits{
		session:         threading.LimitsOf(c),
		maxClients:      c.MaxClients,
		acceptsPerCycle: c.MaxNewConnectionsPerCycle,
		idle:            time.Duration(c.Timeout) * time.Second,
		keepAlive:       time.Duration(c.TCPKeepalive) * time.Second,
		hz:              max(c.HZ, 1),
		outputHard:      int(out.HardBytes),
		outputSoft:      int(out.SoftBytes),
		outputSoftFor:   time.Duration(out.SoftSeconds) * time.Second,
		clientMemory:    c.MaxMemoryClients,
		protected:       c.ProtectedMode && c.RequirePass == "",
	}
	if lp.limits.keepAlive == 0 {
		lp.limits.keepAlive = -1
	}
	if c.MaxMemoryClients < 0 {
		lp.limits.clientMemory = c.MaxMemory / 100 * -c.MaxMemoryClients
	}
}

// overLimit reports whether a client's output is more than it may be, or has
// been more than the soft limit for too long.
func (lp *loop) overLimit(c *client) bool {
	n := c.pendingOutput()
	l := &lp.limits
	if l.outputHard > 0 && n > l.outputHard {
		return true
	}
	if l.outputSoft == 0 || n <= l.outputSoft {
		c.softSince = 0
		return false
	}
	now := lp.e.Clock().Nanos()
	if c.softSince == 0 {
		c.softSince = now
		return false
	}
	return time.Duration(now-c.softSince) > l.outputSoftFor
}

// sweep closes clients that were idle too long, or whose output stayed above
// the soft limit, and those that take too much memory together. The loop calls it
// with every cron.
func (lp *loop) sweep(now time.Time) {
	l := &lp.limits
	nanos := lp.e.Clock().Nanos()
	for c := range lp.clients {
		idle := time.Duration(nanos - c.Client.LastNanos)
		switch {
		case l.idle > 0 && idle > l.idle && !c.held:
			lp.e.Log().Info("closing idle client", "client", c.remote)
			lp.close(c)
		case c.softSince != 0 && lp.overLimit(c):
			lp.e.stats.outputClose.Add(1)
			lp.close(c)
		}
	}
	lp.evictClients()
}

// evictClients closes the clients with the most memory until all together
// keep maxmemory-clients, or at least 128 KiB.
func (lp *loop) evictClients() {
	limit := lp.limits.clientMemory
	if limit <= 0 {
		return
	}
	limit = max(limit, 128<<10)
	total := int64(0)
	for c := range lp.clients {
		total += c.Client.MemoryBytes()
	}
	for total > limit {
		var most *client
		for c := range lp.clients {
			if !c.Client.NoEvict() && (most == nil || c.Client.MemoryBytes() > most.Client.MemoryBytes()) {
				most = c
			}
		}
		if most == nil {
			return
		}
		total -= most.Client.MemoryBytes()
		lp.e.Log().Info("evicting client", "client", most.remote)
		lp.e.stats.evicted.Add(1)
		lp.close(most)
	}
}

// deniedReply is what protected mode tells clients from elsewhere.
const deniedReply = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"
