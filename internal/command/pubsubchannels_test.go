package command

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A crowd is channels beside the naive list they must agree with: every subscription
// in the order in which it was made.
type crowd struct {
	t       testing.TB
	cs      channels
	clients [6]*Client
	made    []pair
}

type pair struct {
	cl   int
	kind listenKind
	name string
}

func newCrowd(t testing.TB) *crowd {
	w := &crowd{t: t}
	for i := range w.clients {
		w.clients[i] = &Client{ID: uint64(i)}
	}
	return w
}

// run does what the bytes say, three for each step.
func (w *crowd) run(data []byte) {
	for ; len(data) >= 3; data = data[3:] {
		i := int(data[1]) % len(w.clients)
		p := pair{i, listenKind(data[2]) % listenKinds, fmt.Sprint(data[2] / 3 % 24)}
		at := slices.Index(w.made, p)
		switch op := data[0] % 16; {
		case op < 10:
			if new := w.cs.join(w.clients[i], p.kind, []byte(p.name)); new != (at < 0) {
				w.t.Fatalf("joining %v: new is %v", p, new)
			}
			if at < 0 {
				w.made = append(w.made, p)
			}
		case op < 15:
			if was := w.cs.leave(w.clients[i], p.kind, []byte(p.name)); was != (at >= 0) {
				w.t.Fatalf("leaving %v: was there is %v", p, was)
			}
			if at >= 0 {
				w.made = slices.Delete(w.made, at, at+1)
			}
		default:
			w.cs.leaveAll(w.clients[i])
			w.made = slices.DeleteFunc(w.made, func(p pair) bool { return p.cl == i })
		}
		w.check()
	}
}

func (w *crowd) check() {
	w.t.Helper()
	if err := w.cs.check(); err != nil {
		w.t.Fatal(err)
	}
	want := map[string][]int{}
	for _, p := range w.made {
		at := fmt.Sprint(p.kind, " ", p.name)
		want[at] = append(want[at], p.cl)
	}
	n := 0
	for kind := range listenKinds {
		for _, name := range w.cs.matching(kind, nil) {
			var got []int
			for s := w.cs.byName[kind][name].first; s != nil; s = s.inChannel.next {
				got = append(got, int(s.cl.ID))
			}
			if at := fmt.Sprint(kind, " ", name); !slices.Equal(got, want[at]) {
				w.t.Fatalf("channel %s has %v, want %v", at, got, want[at])
			}
			n++
		}
	}
	if n != len(want) {
		w.t.Fatalf("%d channels, want %d", n, len(want))
	}
	for i, cl := range w.clients {
		var got, mine []string
		for _, p := range w.made {
			if p.cl == i {
				mine = append(mine, fmt.Sprint(p.kind, p.name))
			}
		}
		cl.subscriptions(func(kind listenKind, name string) bool {
			got = append(got, fmt.Sprint(kind, name))
			return true
		})
		slices.SortStableFunc(mine, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
		if !slices.Equal(got, mine) || cl.Entangled() != (len(mine) > 0) {
			w.t.Fatalf("client %d listens to %v, want %v", i, got, mine)
		}
	}
}

func TestChannels(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		data := make([]byte, 1500)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		newCrowd(t).run(data)
	}
}

func FuzzChannels(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x01\x00\x0a\x00\x00\x0f\x01\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { newCrowd(t).run(data[:min(len(data), 600)]) })
}

// Each rule of check is seen broken.
func TestChannelsCheckSees(t *testing.T) {
	for name, spoil := range map[string]func(cs *channels, cl *Client){
		"a count":         func(cs *channels, _ *Client) { cs.byName[toChannel]["a"].count++ },
		"a link":          func(cs *channels, _ *Client) { cs.byName[toChannel]["a"].last.inChannel.prev = nil },
		"a client's link": func(_ *channels, cl *Client) { cl.listener.last[toChannel].inClient.prev = nil },
		"no subscription": func(cs *channels, _ *Client) { cs.open(toShard, "x") },
		"a pattern":       func(cs *channels, _ *Client) { cs.patterns-- },
		"listeners":       func(cs *channels, _ *Client) { cs.listeners++ },
		"a stranger":      func(_ *channels, cl *Client) { cl.listener = new(listener) },
	} {
		w := newCrowd(t)
		for _, cl := range w.clients {
			for _, word := range []string{"a", "b"} {
				for kind := range listenKinds {
					w.cs.join(cl, kind, []byte(word))
				}
			}
		}
		w.t = t
		if err := w.cs.check(); err != nil {
			t.Fatal(err)
		}
		spoil(&w.cs, w.clients[0])
		if w.cs.check() == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}
