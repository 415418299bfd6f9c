package redweave

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/resp"
)

// ErrSlowSubscriber ends a subscription whose messages were not taken in time: see
// [Subscription].
var ErrSlowSubscriber = errors.New("redweave: a subscriber that is too slow: too many messages wait for it")

// A Message is what was published to a channel.
type Message struct {
	Channel string
	Pattern string // that matched, "" where the channel itself is subscribed to
	Payload string
}

// A Subscription is a client of this process that listens to channels. It begins with
// Subscribe or PSubscribe, and ends with Close, the end of its context, or that of the
// keyspace, whichever comes first.
//
// # Slow readers
//
// Whoever publishes never waits. Messages wait in memory until they are taken, for
// as long as there are no more of them than the parameter client-output-buffer-limit
// allows its class pubsub: by default 32 MiB at any time, and 8 MiB for a minute. After
// that all of them are dropped, and the subscription ends with ErrSlowSubscriber. None is
// dropped silently.
type Subscription struct {
	k      *Keyspace
	client *command.Client
	stop   func() bool // the context is no longer of interest

	once   sync.Once
	ended  chan struct{}
	reason error // why, nil after Close; readable when ended is closed

	buf []byte // taken from the mailbox
	at  int    // buf[at:] has not been read
}

// Subscribe listens to channels, one at least. Messages published from now on are the
// subscription's, which ends with ctx.
func (k *Keyspace) Subscribe(ctx context.Context, channels ...string) (*Subscription, error) {
	return k.subscribe(ctx, "SUBSCRIBE", channels)
}

// PSubscribe is Subscribe for patterns, in the notation of the command KEYS. A message
// comes once for each pattern that its channel matches.
func (k *Keyspace) PSubscribe(ctx context.Context, patterns ...string) (*Subscription, error) {
	return k.subscribe(ctx, "PSUBSCRIBE", patterns)
}

func (k *Keyspace) subscribe(ctx context.Context, word string, names []string) (*Subscription, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	cl := k.engine.Attach()
	cl.Reset(3)
	cl.Stay()
	args := [][]byte{bytesOf(word)}
	for _, name := range names {
		args = append(args, bytesOf(name))
	}
	err := k.engine.Do(ctx, cl, args)
	if err == nil {
		var v resp.Value
		if v, _, err = resp.Parse(cl.Out.Bytes()); err == nil {
			err = v.Err() // no names, or none that may be listened to
		}
	}
	if err != nil {
		k.engine.Detach(cl)
		return nil, err
	}
	cl.Out.Attach(nil)
	s := &Subscription{k: k, client: cl, ended: make(chan struct{})}
	s.stop = context.AfterFunc(ctx, func() { s.end(ctx.Err()) })
	return s, nil
}

// Publish sends a message to all who listen to channel, clients and subscriptions of this
// process, and returns how many that are.
func (k *Keyspace) Publish(channel, message string) (receivers int, err error) {
	v, err := k.Do(context.Background(), "PUBLISH", channel, message)
	return int(v.Int), err
}

// Close ends the subscription. It may be called twice, and while somebody ranges over
// Messages.
func (s *Subscription) Close() error {
	s.stop()
	s.end(nil)
	return nil
}

func (s *Subscription) end(reason error) {
	s.once.Do(func() {
		s.k.engine.Detach(s.client)
		s.reason = reason
		close(s.ended)
	})
}

// Messages yields the messages in the order in which they were published, and waits for
// those to come. Breaking off loses none: the next range goes on from there. Only one
// goroutine at a time may range.
//
// When the subscription ends other than by Close, the last thing yielded is the reason:
// the context's error, ErrClosed, or ErrSlowSubscriber.
func (s *Subscription) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			m, err := s.next()
			if err == errClosedByUser || !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// errClosedByUser is the end of a subscription that nobody has to be told of.
var errClosedByUser = errors.New("redweave: subscription closed")

// next waits for a message, or for the end.
func (s *Subscription) next() (Message, error) {
	for {
		select {
		case <-s.ended:
			if s.reason == nil {
				return Message{}, errClosedByUser
			}
			return Message{}, s.reason
		default:
		}
		if m, ok := s.parsed(); ok {
			return m, nil
		}
		if s.client.Mail.IsShut() {
			s.stop()
			s.end(ErrSlowSubscriber)
			continue
		}
		select {
		case <-s.client.Arrived:
		case <-s.ended:
		case <-s.k.engine.Done():
			s.stop()
			s.end(ErrClosed)
		}
	}
}

// parsed returns the first message that waits.
func (s *Subscription) parsed() (m Message, ok bool) {
	for {
		if s.at == len(s.buf) {
			s.buf, _ = s.client.Mail.Take(s.buf[:0])
			s.at = 0
			if len(s.buf) == 0 {
				return Message{}, false
			}
		}
		v, n, err := resp.Parse(s.buf[s.at:])
		if err != nil {
			panic("redweave: a mailbox with half a message: " + err.Error())
		}
		s.at += n
		switch e := v.Elems; {
		case len(e) == 3 && e[0].Str == "message":
			return Message{Channel: e[1].Str, Payload: e[2].Str}, true
		case len(e) == 4 && e[0].Str == "pmessage":
			return Message{Pattern: e[1].Str, Channel: e[2].Str, Payload: e[3].Str}, true
		}
	}
}
