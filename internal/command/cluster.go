package command

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/resp"
)

// A cluster of one node, with cluster-enabled: clients that speak the cluster's
// protocol connect, find all slots here, and are held to the rule that a command's
// keys share a slot. From the start the node has every slot; ADDSLOTS and DELSLOTS
// change that, and without all of them the cluster is down, as in Redis. There are no
// other nodes to meet.

var clusterHandlers = handlers{
	"cluster|addslots": cmdClusterAddSlots, "cluster|addslotsrange": cmdClusterAddSlotsRange,
	"cluster|bumpepoch": cmdClusterBumpEpoch, "cluster|count-failure-reports": cmdClusterOfNode,
	"cluster|countkeysinslot": cmdClusterCountKeysInSlot, "cluster|delslots": cmdClusterDelSlots,
	"cluster|delslotsrange": cmdClusterDelSlotsRange, "cluster|failover": cmdClusterFailover,
	"cluster|flushslots": cmdClusterFlushSlots, "cluster|forget": cmdClusterForget,
	"cluster|getkeysinslot": cmdClusterGetKeysInSlot, "cluster|help": cmdClusterHelp,
	"cluster|info": cmdClusterInfo, "cluster|keyslot": cmdClusterKeySlot, "cluster|links": cmdClusterLinks,
	"cluster|meet": cmdClusterMeet, "cluster|myid": cmdClusterMyID, "cluster|myshardid": cmdClusterMyShardID,
	"cluster|nodes": cmdClusterNodes, "cluster|replicas": cmdClusterOfNode, "cluster|replicate": cmdClusterReplicate,
	"cluster|reset": cmdClusterReset, "cluster|saveconfig": cmdClusterSaveConfig,
	"cluster|set-config-epoch": cmdClusterSetEpoch, "cluster|setslot": cmdClusterSetSlot,
	"cluster|shards": cmdClusterShards, "cluster|slaves": cmdClusterOfNode, "cluster|slots": cmdClusterSlots,
	"readonly": cmdReadOnly, "readwrite": cmdReadOnly, "asking": cmdReadOnly,
}

const (
	errClusterOff      resp.Error = "ERR This instance has cluster support disabled"
	errClusterDown     resp.Error = "CLUSTERDOWN The cluster is down"
	errClusterReadOnly resp.Error = "CLUSTERDOWN The cluster is down and only accepts read commands"
	errClusterUnserved resp.Error = "CLUSTERDOWN Hash slot not served"
	errSlot            resp.Error = "ERR Invalid or out of range slot"
	errSlotNumber      resp.Error = "ERR Invalid slot"
	errSlotOrCount     resp.Error = "ERR Invalid slot or number of keys"
	errFlushSlots      resp.Error = "ERR DB must be empty to perform CLUSTER FLUSHSLOTS."
	errClusterReset    resp.Error = "ERR CLUSTER RESET can't be called with master nodes containing keys"
	errClusterFailover resp.Error = "ERR You should send CLUSTER FAILOVER to a replica"
	errEpochNegative   resp.Error = "ERR Invalid config epoch specified: "
	errEpochSet        resp.Error = "ERR Node config epoch is already non-zero"
	errNoPeers         resp.Error = "ERR This node is a cluster by itself: it cannot meet others"
	errForgetSelf      resp.Error = "ERR I tried hard but I can't forget myself..."
	errReplicateSelf   resp.Error = "ERR Can't replicate myself"
	errSetSlot         resp.Error = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"
)

// A cluster is what the node knows of the cluster: itself.
type cluster struct {
	id, shardID string
	epoch       int64
	owned       [keyspace.Slots / 64]uint64 // a bit for each slot
	slots       int                         // how many those are
}

func newCluster() *cluster {
	c := &cluster{id: randomHex(), shardID: randomHex(), slots: keyspace.Slots}
	for i := range c.owned {
		c.owned[i] = ^uint64(0)
	}
	return c
}

func (c *cluster) has(slot int) bool { return c.owned[slot/64]>>(slot%64)&1 != 0 }

func (c *cluster) set(slot int, on bool) {
	switch {
	case c.has(slot) == on:
	case on:
		c.owned[slot/64] |= 1 << (slot % 64)
		c.slots++
	default:
		c.owned[slot/64] &^= 1 << (slot % 64)
		c.slots--
	}
}

// forget gives up all slots.
func (c *cluster) forget() {
	clear(c.owned[:])
	c.slots = 0
}

// ranges returns the slots owned as pairs of first and last.
func (c *cluster) ranges() (r [][2]int) {
	for s := 0; s < keyspace.Slots; s++ {
		if !c.has(s) {
			continue
		}
		first := s
		for s+1 < keyspace.Slots && c.has(s+1) {
			s++
		}
		r = append(r, [2]int{first, s})
	}
	return r
}

// clusterDown reports whether the cluster serves nobody: a slot is not covered.
func (x *Exec) clusterDown() bool {
	return x.config.ClusterRequireFullCoverage && x.cluster.slots < keyspace.Slots
}

// downFor is the reply to a command with keys or shard channels that the cluster cannot
// serve, because a slot is not covered.
func (x *Exec) downFor(cmd *Command) resp.Error {
	switch {
	case !x.clusterDown():
	case cmd.flags&spec.PubSub != 0:
		if !x.config.ClusterAllowPubsubshardWhenDown {
			return errClusterDown
		}
	case !x.config.ClusterAllowReadsWhenDown:
		return errClusterDown
	case cmd.flags&spec.Write != 0:
		return errClusterReadOnly
	}
	return ""
}

// hasSlot reports whether a command may have to be here or elsewhere: it has keys, or
// channels that are placed like keys.
func (cmd *Command) hasSlot() bool { return cmd.HasKeys() || cmd.flags&spec.PubSub != 0 }

// redirect checks the keys of a command as a cluster's node does.
func (x *Exec) redirect(cl *Client, cmd *Command, args [][]byte) (err resp.Error, ok bool) {
	slot, err, ok := x.slotOf(cmd, args)
	if !ok || slot < 0 {
		return err, ok
	}
	if err := x.downFor(cmd); err != "" {
		return err, false
	}
	if cl.Flags&inMulti != 0 && !cl.tx.failed {
		cl.tx.useSlot(slot)
	}
	return "", true
}

// misplaced is the reply to EXEC of a transaction whose keys are not in one slot, or in
// one that is not served any more, or "".
func (c *Ctx) misplaced(t *transaction) resp.Error {
	switch {
	case c.cluster == nil || t.slot == 0:
		return ""
	case !c.cluster.has(t.slot - 1):
		return errClusterUnserved
	case t.crossed:
		return errCrossSlot
	}
	return c.downFor(c.cmd)
}

// slotSoFar returns 1 + the slot of the command's keys, or of the transaction's that it
// is in, or 0.
func (c *Ctx) slotSoFar() int {
	if c.inTransaction && c.Client.tx.slot != 0 {
		return c.Client.tx.slot
	}
	slot, _, _ := c.slotOf(c.cmd, c.Args)
	return slot + 1
}

// slotOf returns the slot that all keys of a command share, or -1 when it has none.
func (x *Exec) slotOf(cmd *Command, args [][]byte) (slot int, err resp.Error, ok bool) {
	var room [16]spec.KeyPos
	slot = -1
	keys, _ := cmd.KeyPositions(room[:0], args)
	keys = cmd.appendShardChannels(keys, len(args))
	for _, k := range keys {
		s := keyspace.Slot(args[k.Pos])
		switch {
		case slot < 0 && !x.cluster.has(s):
			return s, errClusterUnserved, false
		case slot >= 0 && s != slot:
			return s, errCrossSlot, false
		}
		slot = s
	}
	return slot, "", true
}

// appendShardChannels appends the places of channels that are placed like keys.
func (cmd *Command) appendShardChannels(keys []spec.KeyPos, n int) []spec.KeyPos {
	switch cmd.Name {
	case "spublish":
		return append(keys, spec.KeyPos{Pos: 1})
	case "ssubscribe", "sunsubscribe":
		for i := 1; i < n; i++ {
			keys = append(keys, spec.KeyPos{Pos: i})
		}
	}
	return keys
}

// unknownNode is the reply to an ID that is not ours, and so nobody's.
func unknownNode(id []byte) resp.Error { return resp.Error("ERR Unknown node " + asText(id)) }

// notInCluster is the reply to what makes sense only with several databases.
func notInCluster(what string) resp.Error {
	return resp.Error("ERR " + what + " not allowed in cluster mode")
}

// mode names how the server runs, for HELLO and INFO.
func (s *Server) mode() string {
	if s.cluster != nil {
		return "cluster"
	}
	return "standalone"
}

// clustered reports whether this is a cluster; if not, it replies so.
func (c *Ctx) clustered() bool {
	if c.cluster == nil {
		c.Fail(errClusterOff)
		return false
	}
	return true
}

// cmdReadOnly is READONLY, READWRITE and ASKING, which make a difference only where
// there are other nodes.
func cmdReadOnly(c *Ctx) {
	if c.clustered() {
		c.OK()
	}
}

func cmdClusterHelp(c *Ctx) {
	if c.clustered() {
		cmdHelp(c)
	}
}

func cmdClusterMyID(c *Ctx) {
	if c.clustered() {
		c.Out.BulkString(c.cluster.id)
	}
}

func cmdClusterMyShardID(c *Ctx) {
	if c.clustered() {
		c.Out.BulkString(c.cluster.shardID)
	}
}

func cmdClusterKeySlot(c *Ctx) {
	if c.clustered() {
		c.Out.Int(int64(keyspace.Slot(c.Args[2])))
	}
}

func cmdClusterInfo(c *Ctx) {
	if !c.clustered() {
		return
	}
	state, size := "ok", 1
	if c.clusterDown() {
		state = "fail"
	}
	slots := c.cluster.slots
	if slots == 0 {
		size = 0
	}
	c.Out.Verbatim("txt", fmt.Sprintf("cluster_state:%s\r\ncluster_slots_assigned:%d\r\ncluster_slots_ok:%d\r\n"+
		"cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:1\r\ncluster_size:%d\r\n"+
		"cluster_current_epoch:%d\r\ncluster_my_epoch:%d\r\ncluster_stats_messages_sent:0\r\n"+
		"cluster_stats_messages_received:0\r\ntotal_cluster_links_buffer_limit_exceeded:0\r\n",
		state, slots, slots, size, c.cluster.epoch, c.cluster.epoch))
}

// address is where the node says that it is found: "" means where the client found
// it.
func (x *Exec) address() (ip string, port, busPort int) {
	port = x.config.ClusterAnnouncePort
	if port == 0 {
		port = x.host.TCPPort()
	}
	busPort = x.config.ClusterAnnounceBusPort
	if busPort == 0 {
		busPort = x.config.ClusterPort
	}
	if busPort == 0 {
		busPort = port + 10000
	}
	return x.config.ClusterAnnounceIP, port, busPort
}

func cmdClusterNodes(c *Ctx) {
	if !c.clustered() {
		return
	}
	ip, port, busPort := c.address()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s:%d@%d", c.cluster.id, ip, port, busPort)
	if name := c.config.ClusterAnnounceHostname; name != "" {
		b.WriteString("," + name)
	}
	fmt.Fprintf(&b, " myself,master - 0 0 %d connected", c.cluster.epoch)
	for _, r := range c.cluster.ranges() {
		if r[0] == r[1] {
			fmt.Fprintf(&b, " %d", r[0])
		} else {
			fmt.Fprintf(&b, " %d-%d", r[0], r[1])
		}
	}
	b.WriteString("\n")
	c.Out.Verbatim("txt", b.String())
}

// replyEndpoint replies where clients should connect, as
// cluster-preferred-endpoint-type has it.
func (c *Ctx) replyEndpoint() {
	switch c.config.ClusterPreferredEndpointType {
	case "hostname":
		name := c.config.ClusterAnnounceHostname
		if name == "" {
			name = "?"
		}
		c.Out.BulkString(name)
	case "unknown-endpoint":
		c.Out.Null()
	default:
		c.Out.BulkString(c.config.ClusterAnnounceIP)
	}
}

func cmdClusterSlots(c *Ctx) {
	if !c.clustered() {
		return
	}
	_, port, _ := c.address()
	ranges := c.cluster.ranges()
	o := c.Out
	o.ArrayHeader(len(ranges))
	for _, r := range ranges {
		o.ArrayHeader(3)
		o.Int(int64(r[0]))
		o.Int(int64(r[1]))
		o.ArrayHeader(4)
		c.replyEndpoint()
		o.Int(int64(port))
		o.BulkString(c.cluster.id)
		c.replyMetadata()
	}
}

// replyMetadata replies those names of the node that are not its endpoint.
func (c *Ctx) replyMetadata() {
	kind, name := c.config.ClusterPreferredEndpointType, c.config.ClusterAnnounceHostname
	withIP, withName := kind != "ip", kind != "hostname" && name != ""
	fields := 0
	for _, with := range []bool{withIP, withName} {
		if with {
			fields++
		}
	}
	c.Out.MapHeader(fields)
	if withIP {
		replyField(c.Out, "ip", c.config.ClusterAnnounceIP)
	}
	if withName {
		replyField(c.Out, "hostname", name)
	}
}

func cmdClusterShards(c *Ctx) {
	if !c.clustered() {
		return
	}
	ip, port, _ := c.address()
	name, tlsPort := c.config.ClusterAnnounceHostname, c.config.TLSPort
	ranges := c.cluster.ranges()
	o := c.Out
	o.ArrayHeader(1)
	o.MapHeader(2)
	o.BulkString("slots")
	o.ArrayHeader(2 * len(ranges))
	for _, r := range ranges {
		o.Int(int64(r[0]))
		o.Int(int64(r[1]))
	}
	o.BulkString("nodes")
	o.ArrayHeader(1)
	fields := 6
	for _, with := range []bool{port != 0, tlsPort != 0, name != ""} {
		if with {
			fields++
		}
	}
	o.MapHeader(fields)
	replyField(o, "id", c.cluster.id)
	if port != 0 {
		replyNumber(o, "port", port)
	}
	if tlsPort != 0 {
		replyNumber(o, "tls-port", tlsPort)
	}
	replyField(o, "ip", ip)
	o.BulkString("endpoint")
	if c.config.ClusterPreferredEndpointType == "unknown-endpoint" {
		o.BulkString("")
	} else {
		c.replyEndpoint()
	}
	if name != "" {
		replyField(o, "hostname", name)
	}
	replyField(o, "role", "master")
	replyNumber(o, "replication-offset", 0)
	replyField(o, "health", "online")
}

func cmdClusterLinks(c *Ctx) {
	if c.clustered() {
		c.Out.ArrayHeader(0)
	}
}

// cmdClusterOfNode is what is asked about one node: REPLICAS, SLAVES and
// COUNT-FAILURE-REPORTS.
func cmdClusterOfNode(c *Ctx) {
	if !c.clustered() {
		return
	}
	switch {
	case string(c.Args[2]) != c.cluster.id:
		c.Fail(unknownNode(c.Args[2]))
	case strings.HasSuffix(c.cmd.Name, "reports"):
		c.Out.Int(0)
	default:
		c.Out.ArrayHeader(0)
	}
}

// slot reads argument i as a slot, or replies err.
func (c *Ctx) slot(i int, err resp.Error) (int, bool) {
	n, ok := keyspace.ParseInt(c.Args[i])
	if !ok || n < 0 || n >= keyspace.Slots {
		c.Fail(err)
		return 0, false
	}
	return int(n), true
}

func cmdClusterCountKeysInSlot(c *Ctx) {
	if !c.clustered() {
		return
	}
	if _, ok := c.int(2); !ok {
		return
	}
	slot, ok := c.slot(2, errSlotNumber)
	if !ok {
		return
	}
	n := int64(0)
	c.keysOfSlot(slot, func([]byte) bool { n++; return true })
	c.Out.Int(n)
}

func cmdClusterGetKeysInSlot(c *Ctx) {
	if !c.clustered() {
		return
	}
	if _, ok := c.int(2); !ok {
		return
	}
	most, ok := c.int(3)
	if !ok {
		return
	}
	slot, valid := keyspace.ParseInt(c.Args[2])
	if !valid || slot < 0 || slot >= keyspace.Slots || most < 0 {
		c.Fail(errSlotOrCount)
		return
	}
	m, n := c.Out.ReserveArray(int(min(most, 16))), 0
	c.keysOfSlot(int(slot), func(key []byte) bool {
		if int64(n) == most {
			return false
		}
		c.Out.BulkBytes(key)
		n++
		return true
	})
	c.Out.SetLen(m, n)
}

// keysOfSlot visits the keys of a slot until yield returns false. O(n) in all keys:
// a slot has no list of its own.
func (c *Ctx) keysOfSlot(slot int, yield func(key []byte) bool) {
	for _, s := range c.shards {
		going := true
		e := c.entry()
		s.DB(0).ForEach(e, func(e *keyspace.Entry) bool {
			if keyspace.Slot(e.Key()) == slot {
				going = yield(e.Key())
			}
			return going
		})
		if !going {
			return
		}
	}
}

func cmdClusterAddSlots(c *Ctx) { c.changeSlots(c.slotArgs, true) }
func cmdClusterDelSlots(c *Ctx) { c.changeSlots(c.slotArgs, false) }

func cmdClusterAddSlotsRange(c *Ctx) { c.changeSlots(c.slotRanges, true) }
func cmdClusterDelSlotsRange(c *Ctx) { c.changeSlots(c.slotRanges, false) }

// slotArgs reads the arguments as slots.
func (c *Ctx) slotArgs() (slots []int, ok bool) {
	for i := 2; i < len(c.Args); i++ {
		s, ok := c.slot(i, errSlot)
		if !ok {
			return nil, false
		}
		slots = append(slots, s)
	}
	return slots, true
}

// slotRanges reads the arguments as pairs of first and last slots.
func (c *Ctx) slotRanges() (slots []int, ok bool) {
	if len(c.Args)%2 != 0 {
		c.Fail(arityError(c.cmd.Name))
		return nil, false
	}
	for i := 2; i < len(c.Args); i += 2 {
		first, ok := c.slot(i, errSlot)
		if !ok {
			return nil, false
		}
		last, ok := c.slot(i+1, errSlot)
		if !ok {
			return nil, false
		}
		if first > last {
			c.Fail(resp.Error(fmt.Sprintf("ERR start slot number %d is greater than end slot number %d", first, last)))
			return nil, false
		}
		for s := first; s <= last; s++ {
			slots = append(slots, s)
		}
	}
	return slots, true
}

// changeSlots takes slots on or gives them up, all that are named or none.
func (c *Ctx) changeSlots(named func() ([]int, bool), on bool) {
	if !c.clustered() {
		return
	}
	slots, ok := named()
	if !ok {
		return
	}
	seen := map[int]bool{}
	for _, s := range slots {
		switch {
		case on && c.cluster.has(s):
			c.Fail(resp.Error("ERR Slot " + strconv.Itoa(s) + " is already busy"))
			return
		case !on && !c.cluster.has(s):
			c.Fail(resp.Error("ERR Slot " + strconv.Itoa(s) + " is already unassigned"))
			return
		case seen[s]:
			c.Fail(resp.Error("ERR Slot " + strconv.Itoa(s) + " specified multiple times"))
			return
		}
		seen[s] = true
	}
	for _, s := range slots {
		c.cluster.set(s, on)
	}
	c.OK()
}

// noKeys reports whether there are no keys.
func (c *Ctx) noKeys() bool {
	return !slices.ContainsFunc(c.shards, func(s *keyspace.Shard) bool { return s.DB(0).Len() > 0 })
}

func cmdClusterFlushSlots(c *Ctx) {
	switch {
	case !c.clustered():
	case !c.noKeys():
		c.Fail(errFlushSlots)
	default:
		c.cluster.forget()
		c.OK()
	}
}

func cmdClusterReset(c *Ctx) {
	if !c.clustered() {
		return
	}
	hard := false
	switch {
	case len(c.Args) == 2, len(c.Args) == 3 && c.is(2, "SOFT"):
	case len(c.Args) == 3 && c.is(2, "HARD"):
		hard = true
	case len(c.Args) > 3:
		c.Fail(subcommandSyntax("CLUSTER", c.Args[1]))
		return
	default:
		c.Fail(errSyntax)
		return
	}
	if !c.noKeys() {
		c.Fail(errClusterReset)
		return
	}
	c.cluster.forget()
	if hard {
		c.cluster.id, c.cluster.shardID, c.cluster.epoch = randomHex(), randomHex(), 0
	}
	c.OK()
}

func cmdClusterBumpEpoch(c *Ctx) {
	if !c.clustered() {
		return
	}
	word := "STILL "
	if c.cluster.epoch == 0 {
		c.cluster.epoch, word = 1, "BUMPED "
	}
	c.Out.SimpleString(word + strconv.FormatInt(c.cluster.epoch, 10))
}

func cmdClusterSetEpoch(c *Ctx) {
	if !c.clustered() {
		return
	}
	epoch, ok := c.int(2)
	switch {
	case !ok:
	case epoch < 0:
		c.Fail(errEpochNegative + resp.Error(strconv.FormatInt(epoch, 10)))
	case c.cluster.epoch != 0:
		c.Fail(errEpochSet)
	default:
		c.cluster.epoch = epoch
		c.OK()
	}
}

func cmdClusterSaveConfig(c *Ctx) {
	if c.clustered() {
		c.OK() // there is nothing that a restart must not forget
	}
}

func cmdClusterFailover(c *Ctx) {
	switch {
	case !c.clustered():
	case len(c.Args) > 3:
		c.Fail(subcommandSyntax("CLUSTER", c.Args[1]))
	case len(c.Args) == 3 && !c.is(2, "FORCE") && !c.is(2, "TAKEOVER"):
		c.Fail(errSyntax)
	default:
		c.Fail(errClusterFailover)
	}
}

func cmdClusterForget(c *Ctx) {
	switch {
	case !c.clustered():
	case string(c.Args[2]) == c.cluster.id:
		c.Fail(errForgetSelf)
	default:
		c.Fail(unknownNode(c.Args[2]))
	}
}

func cmdClusterReplicate(c *Ctx) {
	switch {
	case !c.clustered():
	case string(c.Args[2]) == c.cluster.id:
		c.Fail(errReplicateSelf)
	default:
		c.Fail(unknownNode(c.Args[2]))
	}
}

// cmdClusterMeet refuses at once, where a node would answer OK and then try in vain:
// whoever builds a cluster waits for nodes that have said OK.
func cmdClusterMeet(c *Ctx) {
	switch {
	case !c.clustered():
		return
	case len(c.Args) > 5:
		c.Fail(subcommandSyntax("CLUSTER", c.Args[1]))
		return
	}
	var ports [2]int64 // the node's, and its bus's
	for i, arg := range c.Args[3:] {
		port, ok := keyspace.ParseInt(arg)
		if !ok {
			kind := [2]string{"base", "bus"}[i]
			c.Fail(resp.Error("ERR Invalid TCP " + kind + " port specified: " + asText(arg)))
			return
		}
		ports[i] = port
	}
	if len(c.Args) == 4 {
		ports[1] = ports[0] + 10000
	}
	for _, p := range ports {
		if _, err := netip.ParseAddr(string(c.Args[2])); err != nil || p <= 0 || p > 65535 {
			c.Fail(resp.Error("ERR Invalid node address specified: " + asText(c.Args[2]) + ":" + asText(c.Args[3])))
			return
		}
	}
	c.Fail(errNoPeers)
}

// cmdClusterSetSlot can only say again what is so: there is no other node to give a
// slot to or to have one from.
func cmdClusterSetSlot(c *Ctx) {
	if !c.clustered() {
		return
	}
	slot, ok := c.slot(2, errSlot)
	if !ok {
		return
	}
	self := len(c.Args) == 5 && string(c.Args[4]) == c.cluster.id
	switch {
	case len(c.Args) == 4 && c.is(3, "STABLE"):
		c.OK()
	case len(c.Args) != 5:
		c.Fail(errSetSlot)
	case c.is(3, "NODE") && self:
		c.cluster.set(slot, true)
		c.OK()
	case c.is(3, "NODE"):
		c.Fail(unknownNode(c.Args[4]))
	case c.is(3, "MIGRATING") && !c.cluster.has(slot):
		c.Fail(resp.Error("ERR I'm not the owner of hash slot " + strconv.Itoa(slot)))
	case c.is(3, "IMPORTING") && c.cluster.has(slot):
		c.Fail(resp.Error("ERR I'm already the owner of hash slot " + strconv.Itoa(slot)))
	case (c.is(3, "MIGRATING") || c.is(3, "IMPORTING")) && self:
		c.OK() // from itself to itself: all is there
	case c.is(3, "MIGRATING") || c.is(3, "IMPORTING"):
		c.Fail(resp.Error("ERR I don't know about node " + asText(c.Args[4])))
	default:
		c.Fail(errSetSlot)
	}
}
