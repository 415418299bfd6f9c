package command

import "fmt"

// check recounts everything the channels claim, and returns the first fault. It takes
// time in proportion to the subscriptions.
func (cs *channels) check() error {
	subscribers := map[*Client]int{}
	for kind := range listenKinds {
		for name, ch := range cs.byName[kind] {
			if ch.name != name || ch.kind != kind {
				return fmt.Errorf("channel %q of kind %d is called %q, of kind %d", name, kind, ch.name, ch.kind)
			}
			if err := ch.check(subscribers); err != nil {
				return err
			}
		}
	}
	for cl, n := range subscribers {
		if err := cl.listener.check(); err != nil {
			return fmt.Errorf("client %d: %w", cl.ID, err)
		}
		if cl.listener.total() != n {
			return fmt.Errorf("client %d has %d subscriptions and stands in the lists of %d channels", cl.ID, cl.listener.total(), n)
		}
	}
	if len(subscribers) != cs.listeners {
		return fmt.Errorf("%d listeners, not %d", len(subscribers), cs.listeners)
	}
	n := 0
	for ch, prev := cs.firstPattern, (*channel)(nil); ch != nil; prev, ch = ch, ch.next {
		if n++; ch.prev != prev || cs.byName[toPattern][ch.name] != ch || ch.next == nil && ch != cs.lastPattern {
			return fmt.Errorf("pattern %q is badly linked", ch.name)
		}
	}
	if n != cs.patterns || n != len(cs.byName[toPattern]) {
		return fmt.Errorf("%d patterns in the list, %d by name, not %d", n, len(cs.byName[toPattern]), cs.patterns)
	}
	return nil
}

// check looks through a channel's list, and counts the subscriptions of each client.
func (ch *channel) check(subscribers map[*Client]int) error {
	here := map[*Client]bool{}
	n := 0
	for s, prev := ch.first, (*subscription)(nil); s != nil; prev, s = s, s.inChannel.next {
		n++
		switch {
		case s.ch != ch, s.inChannel.prev != prev, s.inChannel.next == nil && s != ch.last:
			return fmt.Errorf("channel %q: its list is badly linked", ch.name)
		case here[s.cl]:
			return fmt.Errorf("channel %q: client %d is there twice", ch.name, s.cl.ID)
		case s.cl.listener == nil, s.cl.listener.find(ch) != s:
			return fmt.Errorf("channel %q: client %d does not know of it", ch.name, s.cl.ID)
		}
		here[s.cl] = true
		subscribers[s.cl]++
	}
	if n != ch.count || n == 0 {
		return fmt.Errorf("channel %q has %d subscriptions, not %d", ch.name, n, ch.count)
	}
	return nil
}

// check looks through a client's lists.
func (l *listener) check() error {
	for kind := range listenKinds {
		n := 0
		for s, prev := l.first[kind], (*subscription)(nil); s != nil; prev, s = s, s.inClient.next {
			if n++; s.inClient.prev != prev || s.ch.kind != kind || s.inClient.next == nil && s != l.last[kind] {
				return fmt.Errorf("its list of kind %d is badly linked", kind)
			}
		}
		if n != l.count[kind] {
			return fmt.Errorf("%d subscriptions of kind %d, not %d", n, kind, l.count[kind])
		}
	}
	if l.byChannel != nil && len(l.byChannel) != l.total() {
		return fmt.Errorf("%d subscriptions by channel, not %d", len(l.byChannel), l.total())
	}
	return nil
}
