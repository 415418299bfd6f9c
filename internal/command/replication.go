package command

import (
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// Replication as a lone master answers it: there are no replicas and there is no
// master, and never will be.

var replicationHandlers = handlers{
	"failover": cmdFailover, "replicaof": cmdReplicaOf, "role": cmdRole, "slaveof": cmdReplicaOf,
	"wait": cmdWait, "waitaof": cmdWaitAOF,
}

const (
	errMasterPort      resp.Error = "ERR Invalid master port"
	errNoReplication   resp.Error = "ERR This server cannot be a replica: its keyspace lives in one process"
	errReplicaOfNodes  resp.Error = "ERR REPLICAOF not allowed in cluster mode."
	errNoReplicas      resp.Error = "ERR FAILOVER requires connected replicas."
	errNoFailover      resp.Error = "ERR No failover in progress."
	errFailoverNodes   resp.Error = "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead."
	errWaitLocal       resp.Error = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
	errWaitLocalRange  resp.Error = "ERR value is out of range, value must between 0 and 1"
	errFailoverTimeout resp.Error = "ERR FAILOVER timeout must be greater than 0"
)

func cmdRole(c *Ctx) {
	c.Out.ArrayHeader(3)
	c.Out.BulkString("master")
	c.Out.Int(0)
	c.Out.ArrayHeader(0)
}

// cmdWait waits for replicas that there are not: at once when none are asked for, else
// until the time is up.
func cmdWait(c *Ctx) {
	replicas, ok := c.int(1)
	if !ok {
		return
	}
	timeout, ok := c.timeoutMs(2)
	if !ok {
		return
	}
	none := func(out *resp.Writer) { out.Int(0) }
	if replicas <= 0 || c.mayNotBlock() {
		none(c.Out)
		return
	}
	c.block(wait{timeout: timeout, none: none})
}

// cmdWaitAOF is cmdWait for what is on disks, ours and those of replicas.
func cmdWaitAOF(c *Ctx) {
	local, ok := c.intBetween(1, 0, 1, errWaitLocalRange)
	if !ok {
		return
	}
	replicas, ok := c.count(2)
	if !ok {
		return
	}
	timeout, ok := c.timeoutMs(3)
	switch none := func(out *resp.Writer) { out.ArrayHeader(2); out.Int(0); out.Int(0) }; {
	case !ok:
	case local > 0:
		c.Fail(errWaitLocal)
	case replicas == 0 || c.mayNotBlock():
		none(c.Out)
	default:
		c.block(wait{timeout: timeout, none: none})
	}
}

func cmdReplicaOf(c *Ctx) {
	if c.cluster != nil {
		c.Fail(errReplicaOfNodes)
		return
	}
	if c.is(1, "NO") && c.is(2, "ONE") {
		c.OK()
		return
	}
	if port, ok := keyspace.ParseInt(c.Args[2]); !ok || port < 0 || port > 65535 {
		c.Fail(errMasterPort)
		return
	}
	c.Fail(errNoReplication)
}

func cmdFailover(c *Ctx) {
	switch {
	case c.cluster != nil:
		c.Fail(errFailoverNodes)
	case len(c.Args) == 2 && c.is(1, "ABORT"):
		c.Fail(errNoFailover)
	default:
		c.checkFailover()
	}
}

// checkFailover reads FAILOVER's options, which come to nothing in any case.
func (c *Ctx) checkFailover() {
	for i := 1; i < len(c.Args); i++ {
		left := len(c.Args) - 1 - i
		switch {
		case c.is(i, "TIMEOUT") && left >= 1:
			i++
			if ms, ok := c.int(i); !ok {
				return
			} else if ms <= 0 {
				c.Fail(errFailoverTimeout)
				return
			}
		case c.is(i, "TO") && left >= 2:
			if _, ok := c.int(i + 2); !ok {
				return
			}
			i += 2
		case c.is(i, "FORCE"), c.is(i, "ABORT"):
		default:
			c.Fail(errSyntax)
			return
		}
	}
	c.Fail(errNoReplicas)
}
