package eventloop

import (
	"github.com/redweave/redweave/internal/command"
	"github.com/redweave/redweave/threading"
)

// A Pile is the parcels that an executor has taken, of one courier or of several, to
// execute all of them in one ownership. Its zero value is empty.
//
// While a script of the pile runs too long, the executor comes back to the pile from
// within: see [Pile.Overtake].
type Pile struct {
	parcels []*Parcel
	at      int      // the one that is executed
	keys    [][]byte // room for Warm
}

// Add puts a parcel on the pile.
func (l *Pile) Add(p *Parcel) { l.parcels = append(l.parcels, p) }

// Len returns the number of parcels.
func (l *Pile) Len() int { return len(l.parcels) }

// Execute executes all parcels. x is owned by the caller. It returns how many clients they
// are of.
//
// The lookups of parcels that have few commands are prepared together, so that
// they wait for memory at the same time. Parcels with many do that by themselves.
func (l *Pile) Execute(x *command.Exec, limits *threading.Limits) (clients int) {
	if len(l.parcels) > 1 {
		l.warm(x)
	}
	for ; l.at < len(l.parcels); l.at++ {
		p := l.parcels[l.at]
		p.Execute(x, limits)
		clients += p.Len()
	}
	return clients
}

// Overtake moves the parcels behind the one that is executed to another pile: they need
// not wait for it.
func (l *Pile) Overtake(to *Pile) {
	if l.at+1 < len(l.parcels) {
		behind := l.parcels[l.at+1:]
		to.parcels = append(to.parcels, behind...)
		clear(behind)
		l.parcels = l.parcels[:l.at+1]
	}
}

func (l *Pile) warm(x *command.Exec) {
	keys, first := l.keys[:0], l.parcels[0]
	for _, p := range l.parcels {
		keys = p.Preview(keys, first.DB())
	}
	if len(keys) > 1 {
		x.Warm(&first.Part(0).Session.Client, keys)
	}
	l.keys = keys
}

// GiveBack returns all parcels, each to its courier, who is woken once, if he sleeps. The
// pile is empty then.
func (l *Pile) GiveBack() {
	for _, p := range l.parcels {
		p.Return()
	}
	for _, p := range l.parcels { // whoever has several is told of all of them
		p.From.Publish()
	}
	clear(l.parcels)
	l.parcels, l.at = l.parcels[:0], 0
}
