package command

import (
	"strings"
	"testing"
)

// newNode returns a bench that is a cluster of one node.
func newNode(t *testing.T) *bench {
	b := newBench(t)
	b.x.cluster = newCluster()
	b.x.cluster.id = strings.Repeat("a", 40)
	return b
}

// Replies as a redis-server 7.0 gives them that has every slot.
func TestClusterNode(t *testing.T) {
	b := newNode(t)
	id := "$40\r\n" + b.x.cluster.id + "\r\n"
	b.want("CLUSTER MYID", id)
	b.want("CLUSTER KEYSLOT {a}x", ":15495\r\n")
	b.want("CLUSTER SLOTS", "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$0\r\n\r\n:0\r\n"+id+"*0\r\n")
	b.want("CLUSTER LINKS", "*0\r\n")
	b.want("CLUSTER NODES", "$90\r\n"+b.x.cluster.id+" :0@10000 myself,master - 0 0 0 connected 0-16383\n\r\n")
	if info := b.do("CLUSTER INFO"); !strings.Contains(info, "cluster_state:ok\r\ncluster_slots_assigned:16384\r\n") {
		t.Errorf("CLUSTER INFO: %s", info)
	}
	b.want("SET a 1", "+OK\r\n")
	b.want("CLUSTER COUNTKEYSINSLOT 15495", ":1\r\n")
	b.want("CLUSTER GETKEYSINSLOT 15495 10", "*1\r\n$1\r\na\r\n")
	b.want("CLUSTER GETKEYSINSLOT 15495 0", "*0\r\n")
	b.want("CLUSTER GETKEYSINSLOT 1 -1", "-ERR Invalid slot or number of keys\r\n")
	b.want("CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot\r\n")
	b.want("CLUSTER REPLICAS x", "-ERR Unknown node x\r\n")
	b.want("CLUSTER REPLICAS "+b.x.cluster.id, "*0\r\n")
	b.want("READONLY", "+OK\r\n")
	b.want("ASKING", "+OK\r\n")
}

// A command's keys share a slot, and there is one database.
func TestClusterRefuses(t *testing.T) {
	b := newNode(t)
	b.want("MSET a 1 b 2", "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
	b.want("MSET {x}a 1 {x}b 2", "+OK\r\n")
	b.want("DEL a b", "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
	b.want("DBSIZE", ":2\r\n")
	b.want("SELECT 1", "-ERR SELECT is not allowed in cluster mode\r\n")
	b.want("SELECT 0", "+OK\r\n")
	b.want("SWAPDB 0 1", "-ERR SWAPDB is not allowed in cluster mode\r\n")
	b.want("MOVE a 1", "-ERR MOVE is not allowed in cluster mode\r\n")
	b.want("COPY {x}a {x}c DB 1", "-ERR Copying to another database is not allowed in cluster mode\r\n")
	b.want("REPLICAOF NO ONE", "-ERR REPLICAOF not allowed in cluster mode.\r\n")
}

// All commands of a transaction share a slot.
func TestClusterTransaction(t *testing.T) {
	b := newNode(t)
	b.want("MULTI", "+OK\r\n")
	b.want("SET a 1", "+QUEUED\r\n")
	b.want("PING", "+QUEUED\r\n")
	b.want("SET b 1", "+QUEUED\r\n")
	b.want("EXEC", "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
	b.want("MULTI", "+OK\r\n")
	b.want("SET a 1", "+QUEUED\r\n")
	b.want("GET {a}b", "+QUEUED\r\n")
	b.want("EXEC", "*2\r\n+OK\r\n$-1\r\n")
	b.want("MULTI", "+OK\r\n")
	b.want("MGET a b", "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
	b.want("EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n")
}

// A slot that is given up is not served, and without all slots nothing is.
func TestClusterSlots(t *testing.T) {
	b := newNode(t)
	b.want("CLUSTER ADDSLOTS 1", "-ERR Slot 1 is already busy\r\n")
	b.want("CLUSTER ADDSLOTS x", "-ERR Invalid or out of range slot\r\n")
	b.want("CLUSTER DELSLOTS 15495 1 15495", "-ERR Slot 15495 specified multiple times\r\n")
	b.want("CLUSTER DELSLOTS 15495 1", "+OK\r\n")
	b.want("CLUSTER DELSLOTS 1", "-ERR Slot 1 is already unassigned\r\n")
	b.want("GET a", "-CLUSTERDOWN Hash slot not served\r\n")
	b.want("GET b", "-CLUSTERDOWN The cluster is down\r\n")
	b.want("PING", "+PONG\r\n")
	b.x.config.ClusterRequireFullCoverage = false
	b.want("GET b", "$-1\r\n")
	b.want("CLUSTER ADDSLOTSRANGE 1 1 15495 15495", "+OK\r\n")
	b.want("CLUSTER ADDSLOTSRANGE 2 1", "-ERR start slot number 2 is greater than end slot number 1\r\n")
	b.want("SET a 1", "+OK\r\n")
	b.want("CLUSTER FLUSHSLOTS", "-ERR DB must be empty to perform CLUSTER FLUSHSLOTS.\r\n")
	b.want("CLUSTER RESET", "-ERR CLUSTER RESET can't be called with master nodes containing keys\r\n")
	b.want("FLUSHALL", "+OK\r\n")
	b.want("CLUSTER FLUSHSLOTS", "+OK\r\n")
	b.want("CLUSTER SLOTS", "*0\r\n")
	b.want("CLUSTER RESET HARD", "+OK\r\n")
}

func TestNoCluster(t *testing.T) {
	b := newBench(t)
	for _, line := range []string{"CLUSTER INFO", "CLUSTER HELP", "CLUSTER NODES", "READONLY", "READWRITE", "ASKING", "CLUSTER SLOTS"} {
		b.want(line, "-ERR This instance has cluster support disabled\r\n")
	}
}
