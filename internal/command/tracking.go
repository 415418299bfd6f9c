package command

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/resp"
)

// Client-side caching: a client that keeps what it has read is told when that changes.
//
//	          GET k                      SET k
//	client 3 ──────> trackedKeys ─────────┐      "invalidate" [k]
//	                 k: 3, 12     Modified└────> clients 3 and 12, once;
//	                                             k is tracked no more
//
//	          prefix "user:"             SET user:7
//	client 9 ──────> prefixes ────────────┐
//	                 user:: 9     Modified└────> client 9, at the end of the batch,
//	                                             all its changed keys together
//
// A key is tracked by its name, whatever the database. Each shard's interests hold its
// keys; who tracks, and by which prefixes, is the Server's, and changes while everything
// is owned.
//
// Messages go to the client itself, if it speaks RESP3, or to another that it named
// with REDIRECT, which takes them in RESP2 as well when it listens to any channel.

var trackingHandlers = handlers{
	"client|caching": cmdClientCaching, "client|getredir": cmdClientGetRedir,
	"client|tracking": cmdClientTracking, "client|trackinginfo": cmdClientTrackingInfo,
}

const (
	errNoRedirect    resp.Error = "ERR The client ID you want redirect to does not exist"
	errPrefixNoBcast resp.Error = "ERR PREFIX option requires BCAST mode to be enabled"
	errSwitchBcast   resp.Error = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	errBcastOpt      resp.Error = "ERR OPTIN and OPTOUT are not compatible with BCAST"
	errOptInOut      resp.Error = "ERR You can't specify both OPTIN mode and OPTOUT mode"
	errSwitchOpt     resp.Error = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode."
	errCachingMode   resp.Error = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
	errCachingYes    resp.Error = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
	errCachingNo     resp.Error = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
	errRedirectTwice resp.Error = "ERR A client can only redirect to a single other client"
)

// invalidateChannel is the channel on which invalidations reach clients in RESP2.
const invalidateChannel = "__redis__:invalidate"

// A tracker is the part of a client that tracks.
type tracker struct {
	bcast, optIn, optOut, noLoop bool

	caching  bool        // CLIENT CACHING came before this command
	redirect uint64      // the client that gets the messages, 0 for this one
	broken   atomic.Bool // that client is gone
	prefixes []string    // in alphabetical order; with bcast
}

// remembers reports whether what the client's command reads is tracked.
func (t *tracker) remembers() bool {
	return !t.bcast && !(t.optIn && !t.caching) && !(t.optOut && t.caching)
}

// A prefix is what keys begin with that some clients want to hear of.
type prefix struct {
	text    string
	clients []*Client
}

// trackers are all clients that track.
type trackers struct {
	clients  map[uint64]*Client
	prefixes []*prefix // in alphabetical order
}

// prefix returns where a prefix stands, or would.
func (ts *trackers) prefix(text string) (i int, found bool) {
	return slices.BinarySearchFunc(ts.prefixes, text, func(p *prefix, text string) int { return cmp.Compare(p.text, text) })
}

// matches reports whether anybody wants to hear of keys that begin like this one.
func (ts *trackers) matches(key []byte) bool {
	for _, p := range ts.prefixes {
		if len(key) >= len(p.text) && string(key[:len(p.text)]) == p.text {
			return true
		}
	}
	return false
}

// tracks reports whether any client tracks keys.
func (x *Exec) tracks() bool { return len(x.trackers.clients) > 0 }

func cmdClientTracking(c *Ctx) {
	var on bool
	switch {
	case c.is(2, "ON"):
		on = true
	case !c.is(2, "OFF"):
		c.Fail(errSyntax)
		return
	}
	var t tracker
	var prefixes []string
	for i := 3; i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch {
		case c.is(i, "REDIRECT") && more:
			i++
			id, ok := c.redirectArg(i, t.redirect)
			if !ok {
				return
			}
			t.redirect = id
		case c.is(i, "BCAST"):
			t.bcast = true
		case c.is(i, "OPTIN"):
			t.optIn = true
		case c.is(i, "OPTOUT"):
			t.optOut = true
		case c.is(i, "NOLOOP"):
			t.noLoop = true
		case c.is(i, "PREFIX") && more:
			i++
			prefixes = append(prefixes, string(c.Args[i]))
		default:
			c.Fail(errSyntax)
			return
		}
	}
	if !on {
		c.stopTracking(c.Client)
		c.OK()
		return
	}
	if c.Client.transient() {
		c.Fail(denyBlocking("client tracking"))
		return
	}
	if err := c.trackingFault(&t, prefixes); err != "" {
		c.Fail(err)
		return
	}
	c.track(&t, prefixes)
	c.OK()
}

// redirectArg reads argument i as the ID of another client.
func (c *Ctx) redirectArg(i int, before uint64) (id uint64, ok bool) {
	if before != 0 {
		c.Fail(errRedirectTwice)
		return 0, false
	}
	n, ok := c.int(i)
	if !ok {
		return 0, false
	}
	if n <= 0 || c.client(uint64(n)) == nil {
		c.Fail(errNoRedirect)
		return 0, false
	}
	return uint64(n), true
}

// trackingFault returns what is wrong with the options, alone or with what the client
// tracks already.
func (c *Ctx) trackingFault(t *tracker, prefixes []string) resp.Error {
	now := c.Client.tracker
	switch {
	case !t.bcast && len(prefixes) > 0:
		return errPrefixNoBcast
	case now != nil && now.bcast != t.bcast:
		return errSwitchBcast
	case t.bcast && (t.optIn || t.optOut):
		return errBcastOpt
	case t.optIn && t.optOut:
		return errOptInOut
	case now != nil && (t.optIn && now.optOut || t.optOut && now.optIn):
		return errSwitchOpt
	case !t.bcast:
		return ""
	}
	for i, p := range prefixes {
		if now != nil {
			for _, q := range now.prefixes {
				if overlap(p, q) {
					return resp.Error("ERR Prefix '" + p + "' overlaps with an existing prefix '" + q +
						"'. Prefixes for a single client must not overlap.")
				}
			}
		}
		for _, q := range prefixes[i+1:] {
			if overlap(p, q) {
				return resp.Error("ERR Prefix '" + p + "' overlaps with another provided prefix '" + q +
					"'. Prefixes for a single client must not overlap.")
			}
		}
	}
	return ""
}

// overlap reports whether one string begins with the other.
func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// track makes the client track, or go on with other options.
func (c *Ctx) track(o *tracker, prefixes []string) {
	cl := c.Client
	t := cl.tracker
	if t == nil {
		t = new(tracker)
		cl.tracker = t
		cl.Flags |= tracking
		cl.tell(outsideTracks, true)
		if c.trackers.clients == nil {
			c.trackers.clients = map[uint64]*Client{}
		}
		c.trackers.clients[cl.ID] = cl
		if len(c.trackers.clients) == 1 {
			c.listen()
		}
	}
	t.bcast, t.optIn, t.optOut, t.noLoop, t.redirect = o.bcast, o.optIn, o.optOut, o.noLoop, o.redirect
	t.broken.Store(false)
	if !t.bcast {
		return
	}
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, text := range prefixes {
		if at, has := slices.BinarySearch(t.prefixes, text); !has {
			t.prefixes = slices.Insert(t.prefixes, at, text)
			c.addPrefix(text, cl)
		}
	}
}

func (x *Exec) addPrefix(text string, cl *Client) {
	i, found := x.trackers.prefix(text)
	if !found {
		for _, in := range x.interests {
			in.broadcast() // what changed before is not for this one
		}
		x.trackers.prefixes = slices.Insert(x.trackers.prefixes, i, &prefix{text: text})
	}
	p := x.trackers.prefixes[i]
	p.clients = append(p.clients, cl)
}

func (x *Exec) removePrefix(text string, cl *Client) {
	i, found := x.trackers.prefix(text)
	if !found {
		return
	}
	p := x.trackers.prefixes[i]
	at := slices.Index(p.clients, cl)
	if p.clients = slices.Delete(p.clients, at, at+1); len(p.clients) == 0 {
		x.trackers.prefixes = slices.Delete(x.trackers.prefixes, i, i+1)
	}
}

// stopTracking ends a client's tracking. When it was the last, all keys are forgotten.
func (x *Exec) stopTracking(cl *Client) {
	t := cl.tracker
	if t == nil {
		return
	}
	for _, text := range t.prefixes {
		x.removePrefix(text, cl)
	}
	if cl == x.ctx.Client && len(x.ownKeys.keys) > 0 {
		x.ownTracker = t
	}
	cl.tracker = nil
	cl.Flags &^= tracking
	cl.tell(outsideTracks, false)
	delete(x.trackers.clients, cl.ID)
	if len(x.trackers.clients) == 0 {
		x.forgetKeys()
		x.listen()
	}
}

// forgetKeys empties the tables of tracked keys.
func (x *Exec) forgetKeys() {
	for _, in := range x.interests {
		in.tracked.forget()
		in.countTracked()
		in.changed.reset()
	}
}

func cmdClientCaching(c *Ctx) {
	t := c.Client.tracker
	if t == nil {
		c.Fail(errCachingMode)
		return
	}
	switch {
	case c.is(2, "YES"):
		if !t.optIn {
			c.Fail(errCachingYes)
			return
		}
	case c.is(2, "NO"):
		if !t.optOut {
			c.Fail(errCachingNo)
			return
		}
	default:
		c.Fail(errSyntax)
		return
	}
	t.caching = true
	c.OK()
}

func cmdClientGetRedir(c *Ctx) { c.Out.Int(c.Client.redirection()) }

// redirection is where invalidations go, as CLIENT LIST shows it: -1 when the client
// does not track, 0 for itself.
func (cl *Client) redirection() int64 {
	if cl.tracker == nil {
		return -1
	}
	return int64(cl.tracker.redirect)
}

func cmdClientTrackingInfo(c *Ctx) {
	t := c.Client.tracker
	flags := []string{"off"}
	var prefixes []string
	if t != nil {
		flags[0], prefixes = "on", t.prefixes
		add := func(name string, is bool) {
			if is {
				flags = append(flags, name)
			}
		}
		add("bcast", t.bcast)
		add("optin", t.optIn)
		add("caching-yes", t.optIn && t.caching)
		add("optout", t.optOut)
		add("caching-no", t.optOut && t.caching)
		add("noloop", t.noLoop)
		add("broken_redirect", t.broken.Load())
	}
	c.Out.MapHeader(3)
	c.Out.BulkString("flags")
	c.Out.SetHeader(len(flags))
	for _, f := range flags {
		c.Out.BulkString(f)
	}
	c.Out.BulkString("redirect")
	c.Out.Int(c.Client.redirection())
	c.Out.BulkString("prefixes")
	c.Out.ArrayHeader(len(prefixes))
	for _, p := range prefixes {
		c.Out.BulkString(p)
	}
}

// remember notes the keys that cl's command has read, for the client's cache. It is
// called when a command of a tracking client is done, be it one of an EXEC or script.
func (x *Exec) remember(cl *Client, cmd *Command, args [][]byte) {
	if cmd.flags&spec.ReadOnly == 0 || cmd.flags&spec.PubSub != 0 || !cl.tracker.remembers() || !cmd.HasKeys() ||
		runsOthers(cmd) {
		return
	}
	if cmd.placing == placeKey {
		x.rememberKey(cl, args[cmd.FirstKey])
	} else {
		keys, err := cmd.KeyPositions(x.positions[:0], args)
		if err != nil {
			return
		}
		for _, k := range keys {
			x.rememberKey(cl, args[k.Pos])
		}
		x.positions = keys
	}
	if most := x.config.TrackingTableMaxKeys; most > 0 && x.trackedKeys() > most {
		x.overTracked.Store(true)
	}
}

func (x *Exec) rememberKey(cl *Client, key []byte) {
	in := x.interestsOf(key)
	in.tracked.add(key, cl.ID)
	in.countTracked()
}

// runsOthers reports whether a command reads by way of other commands, each of which
// is tracked on its own.
func runsOthers(cmd *Command) bool {
	switch cmd.Name {
	case "eval_ro", "evalsha_ro", "fcall_ro":
		return true
	}
	return false
}

// tracked is called when a command of a tracking client is done.
func (x *Exec) tracked(cl *Client, cmd *Command, args [][]byte) {
	x.remember(cl, cmd, args)
	if cl.Flags&inMulti == 0 {
		cl.tracker.endCaching(cmd)
	}
}

// endCaching ends what CLIENT CACHING began: it holds for one command, or for a
// transaction. The commands of CLIENT do not count.
func (t *tracker) endCaching(cmd *Command) {
	if t.caching && (cmd == nil || cmd.Parent == nil || cmd.Parent.Name != "client") {
		t.caching = false
	}
}

// countTracked lets others know how much the shard's table holds.
func (in *interests) countTracked() {
	t := &in.tracked
	in.shard.ExternalBytes += t.bytes() - in.trackedBytes
	in.trackedBytes = t.bytes()
	in.toldKeys.Store(int64(t.len()))
}

// trackedKeys is the number of tracked keys of all shards. Any owner may ask.
func (s *Server) trackedKeys() int {
	n := int64(0)
	for _, in := range s.interests {
		n += in.toldKeys.Load()
	}
	return int(n)
}

// trackedItems is the number of pairs of a tracked key and a client. The caller owns
// everything.
func (s *Server) trackedItems() (n int) {
	for _, in := range s.interests {
		n += in.tracked.items
	}
	return n
}

// limitTracked has clients forget keys, drawn at random, as long as there are more than
// tracking-table-max-keys. The effort is bounded, and grows each time it was not
// enough.
func (x *Exec) limitTracked() {
	most := x.config.TrackingTableMaxKeys
	if most == 0 || x.trackedKeys() <= most {
		x.overTracked.Store(false)
		x.trackEffort = 0
		return
	}
	x.trackEffort++ // as Redis: a hundred keys, two hundred …
	for range 100 * x.trackEffort {
		in := x.fullestOwned()
		if in == nil {
			return
		}
		x.keyRoom = in.tracked.random(in.shard.Rand(), x.keyRoom[:0])
		in.invalidateTracked(x.keyRoom)
		if x.trackedKeys() <= most {
			x.overTracked.Store(false)
			x.trackEffort = 0
			return
		}
	}
}

// fullestOwned returns, of the shards that are owned, the one with most tracked keys.
func (x *Exec) fullestOwned() (most *interests) {
	n := 0
	for i, in := range x.interests {
		if x.set.Has(i) && in.tracked.len() > n {
			n, most = in.tracked.len(), in
		}
	}
	return most
}

// invalidate tells the clients that may have a key cached that it changed.
func (in *interests) invalidate(key []byte) {
	x := in.x
	if len(x.trackers.prefixes) > 0 && x.trackers.matches(key) {
		in.changed.add(key, x.causer())
		if x.ctx.Client == &x.nobody {
			in.broadcast()
		} else {
			x.broadcasts = true
		}
	}
	in.invalidateTracked(key)
}

// causer is the client whose command causes what happens, 0 when there is none.
func (x *Exec) causer() uint64 {
	if x.ctx.Client == nil {
		return 0
	}
	return x.ctx.Client.ID
}

// invalidateTracked tells those that have read the key.
func (in *interests) invalidateTracked(key []byte) {
	if in.tracked.len() == 0 {
		return
	}
	x := in.x
	x.ids = in.tracked.take(key, x.ids[:0])
	if len(x.ids) == 0 {
		return
	}
	in.countTracked()
	m := invalidation{x: x, keys: [][]byte{key}}
	for _, id := range x.ids {
		cl := x.trackers.clients[id]
		switch {
		case cl == nil, cl.tracker.bcast:
		case cl != x.ctx.Client:
			m.send(cl)
		case !cl.tracker.noLoop:
			x.ownKeys.add(key, 0)
		}
	}
}

// invalidateOwn tells a client of its own changes, when its command is done: by then
// that may have switched the protocol, or where messages go.
func (x *Exec) invalidateOwn(cl *Client) {
	// Who has ended tracking in the same transaction is told all the same.
	t := cmp.Or(cl.tracker, x.ownTracker)
	for _, k := range x.ownKeys.keys {
		if t == nil {
			break // its connection has ended
		}
		m := invalidation{x: x, all: k.by == everyKey, null: cl.pushes(), keys: [][]byte{x.ownKeys.key(k)}}
		m.sendAs(cl, t)
	}
	x.ownKeys.reset()
	x.ownTracker = nil
}

// everyKey marks a changedKey that stands for all of them.
const everyKey = math.MaxUint64

// invalidateAll tells every tracking client to forget everything, and forgets who has
// what. The caller owns everything.
func (x *Exec) invalidateAll() {
	if !x.tracks() {
		return
	}
	ids := x.ids[:0]
	for id := range x.trackers.clients {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	x.ids = ids
	for _, id := range ids {
		cl := x.trackers.clients[id]
		if cl == x.ctx.Client {
			x.ownKeys.add(nil, everyKey)
			continue
		}
		m := invalidation{x: x, all: true, null: cl.pushes()}
		m.send(cl)
	}
	for _, in := range x.interests {
		in.tracked.forget()
		in.countTracked()
	}
}

// client returns the client of an ID, nil when there is none. Any owner may ask.
func (s *Server) client(id uint64) *Client {
	s.registry.Lock()
	defer s.registry.Unlock()
	return s.clients[id]
}

// An invalidation is one message on its way to several clients: written once in each
// form that one of them takes.
type invalidation struct {
	x    *Exec
	keys [][]byte
	all  bool // forget everything
	null int  // with all: the protocol whose null says so, which is the tracking client's
	wire [2][]byte
}

// send sends the message to cl, or to whom cl redirects.
func (m *invalidation) send(cl *Client) { m.sendAs(cl, cl.tracker) }

// sendAs is send with a tracker that may be cl's no more.
func (m *invalidation) sendAs(cl *Client, t *tracker) {
	to, redirected := cl, t.redirect != 0
	if redirected {
		if to = m.x.client(t.redirect); to == nil {
			m.x.tellBroken(cl, t)
			return
		}
	}
	p := to.pushes() - 2
	if p == 0 && (!redirected || to.OutputClass() != config.ClassPubSub) {
		return // replies are all that this client can take
	}
	if m.wire[p] == nil {
		m.wire[p] = m.write(p)
	}
	m.x.post(to, m.wire[p], false)
}

// tellBroken tells a client that nobody hears what it redirected.
func (x *Exec) tellBroken(cl *Client, t *tracker) {
	t.broken.Store(true)
	if cl.pushes() != 3 {
		return
	}
	w := x.beginWire(1)
	w.PushHeader(2)
	w.BulkString("tracking-redir-broken")
	w.Int(int64(t.redirect))
	x.post(cl, w.Bytes(), false)
}

// write writes the message in protocol p+2.
func (m *invalidation) write(p int) []byte {
	w := m.x.beginWire(p)
	if p == 1 {
		w.PushHeader(2)
		w.BulkString("invalidate")
	} else {
		w.PushHeader(3)
		w.BulkString("message")
		w.BulkString(invalidateChannel)
	}
	if m.all {
		if m.null == 3 {
			w.RawString("_\r\n")
		} else {
			w.RawString("$-1\r\n")
		}
		return w.Bytes()
	}
	w.ArrayHeader(len(m.keys))
	for _, k := range m.keys {
		w.BulkBytes(k)
	}
	return w.Bytes()
}

// changedKeys are the keys that were changed since the last broadcast.
type changedKeys struct {
	text []byte
	keys []changedKey
}

// A changedKey is text[from:to], and who changed it first.
type changedKey struct {
	from, to int
	by       uint64
}

func (ch *changedKeys) reset() { ch.text, ch.keys = ch.text[:0], ch.keys[:0] }

func (ch *changedKeys) key(k changedKey) []byte { return ch.text[k.from:k.to] }

func (ch *changedKeys) add(key []byte, by uint64) {
	from := len(ch.text)
	ch.text = append(ch.text, key...)
	ch.keys = append(ch.keys, changedKey{from, len(ch.text), by})
}

// settle sorts the keys by name and leaves the first change of each.
func (ch *changedKeys) settle() {
	slices.SortStableFunc(ch.keys, func(a, b changedKey) int { return cmp.Compare(string(ch.key(a)), string(ch.key(b))) })
	ch.keys = slices.CompactFunc(ch.keys, func(a, b changedKey) bool { return string(ch.key(a)) == string(ch.key(b)) })
}

// with returns the keys that begin with text.
func (ch *changedKeys) with(text string) []changedKey {
	first, _ := slices.BinarySearchFunc(ch.keys, text, func(k changedKey, text string) int { return cmp.Compare(string(ch.key(k)), text) })
	last := first
	for last < len(ch.keys) && strings.HasPrefix(string(ch.key(ch.keys[last])), text) {
		last++
	}
	return ch.keys[first:last]
}

// broadcast tells the clients that track by prefixes of the keys that changed.
func (in *interests) broadcast() {
	ch := &in.changed
	if len(ch.keys) == 0 {
		return
	}
	ch.settle()
	for _, p := range in.x.trackers.prefixes {
		if keys := ch.with(p.text); len(keys) > 0 {
			in.broadcastTo(p.clients, keys)
		}
	}
	ch.reset()
	if cap(ch.text) > keepWire {
		*ch = changedKeys{}
	}
}

func (in *interests) broadcastTo(clients []*Client, changed []changedKey) {
	everything := invalidation{x: in.x}
	for _, k := range changed {
		everything.keys = append(everything.keys, in.changed.key(k))
	}
	for _, cl := range clients {
		m := &everything
		if cl.tracker.noLoop && slices.ContainsFunc(changed, func(k changedKey) bool { return k.by == cl.ID }) {
			m = &invalidation{x: in.x}
			for _, k := range changed {
				if k.by != cl.ID {
					m.keys = append(m.keys, in.changed.key(k))
				}
			}
			if len(m.keys) == 0 {
				continue
			}
			m.send(cl)
			everything.wire = [2][]byte{} // they shared the buffers
			continue
		}
		m.send(cl)
	}
}

// broadcast is called at the end of a batch: see [interests.broadcast]. What changed on
// several shards is told of together.
func (x *Exec) broadcast() {
	x.broadcasts = false
	var all *interests
	for s := x.set; s != 0; s = s.Without() {
		in := x.interests[s.First()]
		switch {
		case len(in.changed.keys) == 0:
		case all == nil:
			all = in
		default:
			for _, k := range in.changed.keys {
				all.changed.add(in.changed.key(k), k.by)
			}
			in.changed.reset()
		}
	}
	if all != nil {
		all.broadcast()
	}
}
