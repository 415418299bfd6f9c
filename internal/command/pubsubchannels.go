package command

import (
	"slices"
	"unsafe"

	"github.com/redweave/redweave/internal/glob"
)

// Who listens to what. A subscription stands in two lists at once, each in the
// order in which it was made: its channel's, which a message walks, and its client's,
// which UNSUBSCRIBE and the end of the connection walk.
//
//	            client 7      client 9      client 12
//	               │             │             │
//	channel "a" ── ● ─────────── ● ────────────┼──
//	               │             │             │
//	channel "b" ───┼──────────── ● ─────────── ● ─
//	               │                           │
//	pattern "n*" ─ ● ──────────────────────────┘        ● a subscription
//
// To join, to leave and to pass a message on to the next listener take O(1) each. A
// channel exists as long as somebody listens to it. Patterns stand in a list of their
// own as well, since every PUBLISH tries all of them.
//
// Channels are the Server's: they change while everything is owned, and may be read
// by the owner of any shard, which is how keyspace notifications leave it.
//
// Invariants, verified by checkChannels:
//   - no channel is without a subscription, and its count is that of its list
//   - a subscription is in its channel's list and in its client's, and a pair of
//     channel and client has at most one
//   - patterns are linked in the order in which they first had a listener

// A listenKind says how a channel is listened to.
type listenKind uint8

const (
	toChannel listenKind = iota // SUBSCRIBE
	toPattern                   // PSUBSCRIBE
	toShard                     // SSUBSCRIBE
	listenKinds
)

// A channel is a name that somebody listens to, or a pattern of such names.
type channel struct {
	kind        listenKind
	name        string
	first, last *subscription
	count       int

	prev, next *channel // of patterns
}

// A subscription is one client listening to one channel.
type subscription struct {
	ch *channel
	cl *Client

	inChannel, inClient links
}

// links are a subscription's neighbours in one of its two lists.
type links struct{ prev, next *subscription }

// A listener is the part of a client that has subscriptions.
type listener struct {
	first, last [listenKinds]*subscription
	count       [listenKinds]int
	byChannel   map[*channel]*subscription // nil while there are few
}

// few is up to how many subscriptions of a kind a client's are searched one by one.
const few = 8

// total is the number of all subscriptions.
func (l *listener) total() int { return l.count[toChannel] + l.count[toPattern] + l.count[toShard] }

// find returns the client's subscription to ch, nil when there is none.
func (l *listener) find(ch *channel) *subscription {
	if l.byChannel != nil {
		return l.byChannel[ch]
	}
	for s := l.first[ch.kind]; s != nil; s = s.inClient.next {
		if s.ch == ch {
			return s
		}
	}
	return nil
}

// channels are all there are.
type channels struct {
	byName                    [listenKinds]map[string]*channel
	firstPattern, lastPattern *channel
	patterns                  int
	listeners                 int // clients with a subscription
}

// published reports whether a message on a channel, not on a shard channel, could
// have a listener.
func (cs *channels) published() bool {
	return len(cs.byName[toChannel]) > 0 || cs.patterns > 0
}

// join makes cl listen to a channel. It reports false when it does so already.
func (cs *channels) join(cl *Client, kind listenKind, name []byte) bool {
	ch := cs.byName[kind][string(name)]
	if ch == nil {
		ch = cs.open(kind, string(name))
	} else if cl.listener != nil && cl.listener.find(ch) != nil {
		return false
	}
	if cl.listener == nil {
		cl.listener = new(listener)
		cl.setListening(true)
		cs.listeners++
	}
	s := &subscription{ch: ch, cl: cl}
	s.inChannel.prev = ch.last
	if ch.last != nil {
		ch.last.inChannel.next = s
	} else {
		ch.first = s
	}
	ch.last = s
	ch.count++
	cl.listener.add(s)
	return true
}

// add enters a subscription in the client's list.
func (l *listener) add(s *subscription) {
	kind := s.ch.kind
	s.inClient.prev = l.last[kind]
	if l.last[kind] != nil {
		l.last[kind].inClient.next = s
	} else {
		l.first[kind] = s
	}
	l.last[kind] = s
	l.count[kind]++
	switch {
	case l.byChannel != nil:
		l.byChannel[s.ch] = s
	case l.count[kind] > few:
		l.byChannel = make(map[*channel]*subscription)
		for k := range listenKinds {
			for s := l.first[k]; s != nil; s = s.inClient.next {
				l.byChannel[s.ch] = s
			}
		}
	}
}

// open makes a channel.
func (cs *channels) open(kind listenKind, name string) *channel {
	ch := &channel{kind: kind, name: name}
	if cs.byName[kind] == nil {
		cs.byName[kind] = map[string]*channel{}
	}
	cs.byName[kind][name] = ch
	if kind == toPattern {
		ch.prev = cs.lastPattern
		if cs.lastPattern != nil {
			cs.lastPattern.next = ch
		} else {
			cs.firstPattern = ch
		}
		cs.lastPattern = ch
		cs.patterns++
	}
	return ch
}

// leave ends cl's listening to a channel. It reports false when it did not listen.
func (cs *channels) leave(cl *Client, kind listenKind, name []byte) bool {
	ch := cs.byName[kind][string(name)]
	if ch == nil || cl.listener == nil {
		return false
	}
	s := cl.listener.find(ch)
	if s == nil {
		return false
	}
	cs.end(s)
	return true
}

// end takes a subscription out of its lists, and with the last of them its channel
// and its client's listener.
func (cs *channels) end(s *subscription) {
	ch, cl := s.ch, s.cl
	if s.inChannel.prev != nil {
		s.inChannel.prev.inChannel.next = s.inChannel.next
	} else {
		ch.first = s.inChannel.next
	}
	if s.inChannel.next != nil {
		s.inChannel.next.inChannel.prev = s.inChannel.prev
	} else {
		ch.last = s.inChannel.prev
	}
	if ch.count--; ch.count == 0 {
		cs.close(ch)
	}
	l, kind := cl.listener, ch.kind
	if s.inClient.prev != nil {
		s.inClient.prev.inClient.next = s.inClient.next
	} else {
		l.first[kind] = s.inClient.next
	}
	if s.inClient.next != nil {
		s.inClient.next.inClient.prev = s.inClient.prev
	} else {
		l.last[kind] = s.inClient.prev
	}
	l.count[kind]--
	delete(l.byChannel, ch)
	if l.total() == 0 {
		cl.listener = nil
		cl.setListening(false)
		cs.listeners--
	}
}

// close forgets a channel nobody listens to.
func (cs *channels) close(ch *channel) {
	delete(cs.byName[ch.kind], ch.name)
	if ch.kind != toPattern {
		return
	}
	if ch.prev != nil {
		ch.prev.next = ch.next
	} else {
		cs.firstPattern = ch.next
	}
	if ch.next != nil {
		ch.next.prev = ch.prev
	} else {
		cs.lastPattern = ch.prev
	}
	cs.patterns--
}

// leaveAll ends all that cl listens to.
func (cs *channels) leaveAll(cl *Client) {
	for kind := range listenKinds {
		for cl.listener != nil && cl.listener.first[kind] != nil {
			cs.end(cl.listener.first[kind])
		}
	}
}

// matching returns the names of the channels of a kind that match a pattern, nil
// being every one, in alphabetical order.
func (cs *channels) matching(kind listenKind, pattern []byte) []string {
	var names []string
	for name := range cs.byName[kind] {
		if pattern == nil || glob.Match(pattern, viewOf(name), false) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// subscriptions calls visit with each channel, pattern and shard channel that the
// client listens to, until visit returns false. The caller owns everything.
func (cl *Client) subscriptions(visit func(kind listenKind, name string) bool) {
	if cl.listener == nil {
		return
	}
	for kind := range listenKinds {
		for s := cl.listener.first[kind]; s != nil; s = s.inClient.next {
			if !visit(kind, s.ch.name) {
				return
			}
		}
	}
}

// listens returns how many channels of a kind the client listens to.
func (cl *Client) listens(kind listenKind) int {
	if cl.listener == nil {
		return 0
	}
	return cl.listener.count[kind]
}

// viewOf is s as bytes that nobody may change.
func viewOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
