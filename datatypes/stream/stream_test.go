package stream

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/internal/slab"
)

// model is a stream as simple as can be: nodes of entries, deleted ones included.
type model struct {
	nodes      [][]modelEntry
	most       int // entries a node
	last       ID
	maxDeleted ID
	groups     map[string]*modelGroup
}

type modelEntry struct {
	id      ID
	fields  string
	deleted bool
}

type modelGroup struct {
	consumers map[string]bool
	pending   map[ID]modelPending
}

type modelPending struct {
	owner string
	time  int64
	count uint64
}

func (m *model) live() (list []modelEntry) {
	for _, n := range m.nodes {
		for _, e := range n {
			if !e.deleted {
				list = append(list, e)
			}
		}
	}
	return list
}

func (m *model) add(id ID, fields string) {
	n := len(m.nodes)
	if n == 0 || len(m.nodes[n-1]) >= m.most {
		m.nodes = append(m.nodes, nil)
		n++
	}
	m.nodes[n-1] = append(m.nodes[n-1], modelEntry{id: id, fields: fields})
	m.last = id
}

func liveIn(n []modelEntry) (k int) {
	for _, e := range n {
		if !e.deleted {
			k++
		}
	}
	return k
}

func (m *model) delete(id ID) bool {
	for i, n := range m.nodes {
		for j := range n {
			if n[j].id == id && !n[j].deleted {
				n[j].deleted = true
				if liveIn(n) == 0 {
					m.nodes = slices.Delete(m.nodes, i, i+1)
				}
				if m.maxDeleted.Less(id) {
					m.maxDeleted = id
				}
				return true
			}
		}
	}
	return false
}

// trim follows Redis's words: whole nodes, then entries of the first that stays.
func (m *model) trim(o Trimming) (deleted int64) {
	for len(m.nodes) > 0 {
		n := m.nodes[0]
		live, all := int64(liveIn(n)), int64(len(m.live()))
		if !o.ByID && all <= o.MaxLen || o.Limit != 0 && deleted+live > o.Limit {
			break
		}
		whole := all-live >= o.MaxLen
		if o.ByID {
			whole = n[len(n)-1].id.Less(o.MinID)
		}
		if whole {
			m.nodes = m.nodes[1:]
			deleted += live
			continue
		}
		for j := range n {
			if o.Nodes || o.ByID && !n[j].id.Less(o.MinID) || !o.ByID && int64(len(m.live())) <= o.MaxLen {
				break
			}
			if !n[j].deleted {
				n[j].deleted = true
				deleted++
			}
		}
		break
	}
	return deleted
}

// tape hands out decisions from bytes, and zeros when they end.
type tape struct{ b []byte }

func (t *tape) n(below int) int {
	if len(t.b) == 0 {
		return 0
	}
	x := int(t.b[0])
	t.b = t.b[1:]
	return x % below
}

func render(c *Cursor) string {
	var b strings.Builder
	for range c.Len() {
		f, v := c.Field()
		fmt.Fprintf(&b, "%s=%s;", f, v)
	}
	return b.String()
}

// runModel plays operations from bytes to a stream and to the model.
func runModel(t *testing.T, script []byte) {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	in := &tape{script}
	lim := Limits{NodeEntries: 1 + in.n(12)}
	s := New(arena)
	m := &model{most: lim.NodeEntries, groups: map[string]*modelGroup{}}
	now := int64(1000)
	pick := func() ID { // an ID that is there, or nearly
		live := m.live()
		if len(live) == 0 || in.n(5) == 0 {
			return ID{uint64(in.n(40)), uint64(in.n(4))}
		}
		return live[in.n(256)%len(live)].id
	}
	names := []string{"ann", "bob", "", "a-consumer-with-a-long-name", "zoe"}
	groups := []string{"g", "", "workers"}
	for step := 0; len(in.b) > 0; step++ {
		now += int64(in.n(3))
		switch op := in.n(18); op {
		case 0, 1, 2, 3, 4, 5:
			id := ID{m.last.Ms + uint64(in.n(4)), uint64(in.n(5))}
			if !m.last.Less(id) {
				id, _ = m.last.Next()
			}
			var fields [][]byte
			text := ""
			for i := range 1 + in.n(3) {
				f := fmt.Sprintf("f%d", i)
				if in.n(6) == 0 {
					f = fmt.Sprint(i)
				}
				v := strings.Repeat("x", in.n(70)*in.n(2)) + fmt.Sprint(in.n(200))
				fields = append(fields, []byte(f), []byte(v))
				text += f + "=" + v + ";"
			}
			s.Add(id, fields, &lim)
			m.add(id, text)
		case 6, 7:
			id := pick()
			if got, want := s.Delete(id), m.delete(id); got != want {
				t.Fatalf("step %d: delete %v: got %v, want %v", step, id, got, want)
			}
		case 8:
			o := Trimming{MaxLen: int64(in.n(60)), Nodes: in.n(2) == 0}
			if in.n(2) == 0 {
				o.ByID, o.MinID = true, pick()
			}
			if in.n(3) == 0 {
				o.Limit = int64(in.n(20))
			}
			copied := o
			if got, want := s.Trim(&copied), m.trim(o); got != want {
				t.Fatalf("step %d: trim %+v: got %d, want %d", step, o, got, want)
			}
		case 9:
			from, to := pick(), pick()
			var got, back, want []string
			for c := s.Range(from, to); c.Next(); {
				got = append(got, c.ID.String()+" "+render(&c))
			}
			for c := s.RangeBack(from, to); c.Next(); {
				back = append(back, c.ID.String()+" "+render(&c))
			}
			for _, e := range m.live() {
				if !e.id.Less(from) && !to.Less(e.id) {
					want = append(want, e.id.String()+" "+e.fields)
				}
			}
			slices.Reverse(back)
			if !slices.Equal(got, want) || !slices.Equal(back, want) {
				t.Fatalf("step %d: range %v %v:\ngot  %q\nback %q\nwant %q", step, from, to, got, back, want)
			}
		case 10:
			name := groups[in.n(len(groups))]
			_, added := s.AddGroup([]byte(name), ID{}, 0)
			if _, there := m.groups[name]; there == added {
				t.Fatalf("step %d: group %q added: %v", step, name, added)
			} else if added {
				m.groups[name] = &modelGroup{map[string]bool{}, map[ID]modelPending{}}
			}
		case 11:
			name := groups[in.n(len(groups))]
			if g := s.Group([]byte(name)); g != nil && in.n(4) == 0 {
				s.RemoveGroup(g)
				delete(m.groups, name)
			}
		default:
			name := groups[in.n(len(groups))]
			g, mg := s.Group([]byte(name)), m.groups[name]
			if (g == nil) != (mg == nil) {
				t.Fatalf("step %d: group %q is %v", step, name, g)
			}
			if g != nil {
				groupStep(t, in, g, mg, names[in.n(len(names))], op, pick, now)
			}
		}
		if err := s.Check(); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		compareToModel(t, step, s, m)
	}
	c := s.Clone(arena)
	if err := c.Check(); err != nil {
		t.Fatalf("clone: %v", err)
	}
	compareToModel(t, -1, c, m)
	v := s.Effort()
	b := slab.NewBatch(arena.Snapshot())
	for !s.Release(b, 1+in.n(7)) {
	}
	for arena.Splice(b); c.nodes.len+int64(len(c.groups)) > 0; c.Free() {
	}
	if used := arena.Used(); used != 0 {
		t.Fatalf("%d bytes left of a stream of effort %d", used, v)
	}
}

func groupStep(t *testing.T, in *tape, g *Group, mg *modelGroup, who string, op int, pick func() ID, now int64) {
	t.Helper()
	switch op {
	case 12, 13, 14: // read on, by steps that Remember spares the search for
		w, _ := g.Consumer([]byte(who), now)
		mg.consumers[who] = true
		var got []ID
		c := g.Unread()
		before := g.Last
		for range 1 + in.n(6) {
			if !c.Next() {
				break
			}
			if in.n(2) == 0 {
				render(&c)
			}
			g.Advance(c.ID)
			g.Deliver(w, c.ID, now)
			mg.pending[c.ID] = modelPending{who, now, 1}
			got = append(got, c.ID)
		}
		g.Remember(&c)
		i := 0
		for c := g.s.Range(before, MaxID); c.Next() && i < len(got); {
			if c.ID == before {
				continue
			}
			if got[i] != c.ID {
				t.Fatalf("unread after %v: got %v, not %v", before, got, c.ID)
			}
			i++
		}
		if i != len(got) {
			t.Fatalf("unread after %v: got %v", before, got)
		}
	case 15:
		id := pick()
		_, want := mg.pending[id]
		if got := g.Ack(id); got != want {
			t.Fatalf("ack %v: got %v, want %v", id, got, want)
		}
		delete(mg.pending, id)
	case 16:
		id := pick()
		w, _ := g.Consumer([]byte(who), now)
		mg.consumers[who] = true
		p, added := g.Assign(w, id)
		was, there := mg.pending[id]
		if added == there {
			t.Fatalf("assign %v: added %v", id, added)
		}
		p.Time = now
		p.Count++
		mg.pending[id] = modelPending{who, now, was.count + 1}
	case 17:
		if w := g.Lookup([]byte(who)); w != nil && in.n(3) == 0 {
			g.RemoveConsumer(w)
			delete(mg.consumers, who)
			for id, p := range mg.pending {
				if p.owner == who {
					delete(mg.pending, id)
				}
			}
		} else if (w != nil) != mg.consumers[who] {
			t.Fatalf("consumer %q is %v", who, w)
		} else { // what is pending goes while a cursor is over it
			for p := g.Pending(nil, pick()); p.Next(); {
				if in.n(3) == 0 {
					delete(mg.pending, p.ID)
					g.Ack(p.ID)
				}
			}
		}
	}
}

func compareToModel(t *testing.T, step int, s *Stream, m *model) {
	t.Helper()
	live := m.live()
	var first ID
	if len(live) > 0 {
		first = live[0].id
	}
	if s.Len() != len(live) || s.Nodes() != len(m.nodes) || s.First() != first || s.Last() != m.last || s.MaxDeleted() != m.maxDeleted {
		t.Fatalf("step %d: %d entries, %d nodes, %v %v %v; want %d, %d, %v %v %v", step,
			s.Len(), s.Nodes(), s.First(), s.Last(), s.MaxDeleted(), len(live), len(m.nodes), first, m.last, m.maxDeleted)
	}
	if last, ok := s.LastEntry(); ok != (len(live) > 0) || ok && last != live[len(live)-1].id {
		t.Fatalf("step %d: last entry %v %v", step, last, ok)
	}
	if got, want := s.RadixNodes(), naiveRadix(s); got != want {
		t.Fatalf("step %d: %d radix nodes, want %d", step, got, want)
	}
	for name, mg := range m.groups {
		g := s.Group([]byte(name))
		n, last := 0, ID{}
		for p := g.Pending(nil, ID{}); p.Next(); n++ {
			want := mg.pending[p.ID]
			if got := (modelPending{string(g.NameOf(g.Owner(p.Pending))), p.Time, p.Count}); got != want || n > 0 && !last.Less(p.ID) {
				t.Fatalf("step %d: group %q: %v is %v, want %v", step, name, p.ID, got, want)
			}
			last = p.ID
		}
		if n != len(mg.pending) || g.Len() != n || g.Consumers() != len(mg.consumers) {
			t.Fatalf("step %d: group %q: %d pending of %d, %d consumers of %d", step, name, n, len(mg.pending), g.Consumers(), len(mg.consumers))
		}
		var names []string
		g.EachConsumer(func(name []byte, c *Consumer) {
			names = append(names, string(name))
			k := 0
			for p := g.Pending(c, ID{}); p.Next(); k++ {
				if mg.pending[p.ID].owner != string(name) {
					t.Fatalf("step %d: %v is not %q's", step, p.ID, name)
				}
			}
			if k != c.Len() {
				t.Fatalf("step %d: %q has %d of %d", step, name, k, c.Len())
			}
		})
		if !slices.IsSorted(names) || len(names) != len(mg.consumers) {
			t.Fatalf("step %d: consumers %q", step, names)
		}
	}
}

// naiveRadix builds the radix tree and counts.
func naiveRadix(s *Stream) int {
	var keys [][]byte
	s.EachNode(func(id ID, _ []byte) bool {
		var b []byte
		for i := range 8 {
			b = append(b, byte(id.Ms>>(56-8*i)))
		}
		for i := range 8 {
			b = append(b, byte(id.Seq>>(56-8*i)))
		}
		keys = append(keys, b)
		return true
	})
	if len(keys) == 0 {
		return 1
	}
	return countUnder(keys, 0)
}

// countUnder counts the nodes for keys, which are the same in their first d bytes.
func countUnder(keys [][]byte, d int) int {
	shared := len(keys[0])
	for _, k := range keys[1:] {
		i := d
		for k[i] == keys[0][i] {
			i++
		}
		shared = min(shared, i)
	}
	n := 1
	if shared > d {
		n = 2
	}
	for rest := keys; shared < 16 && len(rest) > 0; {
		i := slices.IndexFunc(rest, func(k []byte) bool { return k[shared] != rest[0][shared] })
		if i < 0 {
			i = len(rest)
		}
		n += countUnder(rest[:i], shared+1)
		rest = rest[i:]
	}
	return n
}

func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		script := make([]byte, 200+rnd.IntN(3000))
		for i := range script {
			script[i] = byte(rnd.Uint32())
		}
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { runModel(t, script) })
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{1, 0, 1, 0, 10, 0, 12, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 4000 {
			t.Skip("long")
		}
		runModel(t, script)
	})
}

// TestTree compares the tree with a map, at sizes where pages split and join.
func TestTree(t *testing.T) {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	v := &arena.View
	for _, width := range []int{0, 8, 24} {
		rnd := rand.New(rand.NewPCG(uint64(width), 1))
		tr := newTree(width)
		have := map[ID]bool{}
		span := 200
		for step := range 20000 {
			if step%4000 == 0 {
				span = 50 + rnd.IntN(4000)
			}
			id := ID{uint64(rnd.IntN(span)), uint64(rnd.IntN(3))}
			if rnd.IntN(5+step%4000/800) < 3 {
				if _, added := tr.put(arena, id); added == have[id] {
					t.Fatalf("put %v: %v", id, added)
				}
				have[id] = true
			} else {
				if tr.delete(arena, id) != have[id] {
					t.Fatalf("delete %v", id)
				}
				delete(have, id)
			}
			if step%500 == 0 {
				if err := tr.check(v); err != nil {
					t.Fatal(err)
				}
				compareTree(t, &tr, v, have)
			}
		}
		tr.free(arena)
	}
	if arena.Used() != 0 {
		t.Fatalf("%d bytes left", arena.Used())
	}
}

func compareTree(t *testing.T, tr *tree, v *slab.View, have map[ID]bool) {
	t.Helper()
	var want []ID
	for id := range have {
		want = append(want, id)
	}
	slices.SortFunc(want, ID.Compare)
	var got, back []ID
	for at := tr.first(v); at.ok(); at = tr.next(v, at) {
		got = append(got, at.id())
	}
	for at := tr.last(v); at.ok(); at = tr.prev(v, at) {
		back = append(back, at.id())
	}
	slices.Reverse(back)
	if !slices.Equal(got, want) || !slices.Equal(back, want) || tr.len != int64(len(want)) {
		t.Fatalf("got %d and %d of %d", len(got), len(back), len(want))
	}
	for i, id := range want {
		if at := tr.seek(v, id); at.id() != id {
			t.Fatalf("seek %v: %v", id, at.id())
		}
		next, _ := id.Next()
		if at := tr.seek(v, next); at.ok() != (i+1 < len(want)) || at.ok() && at.id() != want[i+1] {
			t.Fatalf("seek after %v", id)
		}
		prev, ok := id.Prev()
		if at := tr.seekBack(v, prev); ok && (at.ok() != (i > 0) || at.ok() && at.id() != want[i-1]) {
			t.Fatalf("seek before %v", id)
		}
	}
}

// TestTrimReferences tells what becomes of references.
func TestTrimReferences(t *testing.T) {
	for _, tt := range []struct {
		refs          References
		deleted, left int
		pendingInA    int
	}{{KeepRefs, 6, 4, 5}, {DeleteRefs, 6, 4, 0}, {OnlyAcked, 2, 8, 5}} {
		arena := slab.New(slab.Options{})
		s := New(arena)
		lim := Limits{NodeEntries: 3}
		for i := range 10 {
			s.Add(ID{uint64(i + 1), 0}, [][]byte{[]byte("f"), []byte("v")}, &lim)
		}
		a, _ := s.AddGroup([]byte("a"), ID{}, 0)
		b, _ := s.AddGroup([]byte("b"), ID{7, 0}, 0)
		w, _ := a.Consumer([]byte("w"), 1)
		for i := range 7 {
			a.Advance(ID{uint64(i + 1), 0})
			a.Deliver(w, ID{uint64(i + 1), 0}, 1)
		}
		a.Ack(ID{2, 0})
		a.Ack(ID{7, 0})
		n := s.Trim(&Trimming{MaxLen: 4, Refs: tt.refs})
		if n != int64(tt.deleted) || s.Len() != tt.left || a.Len() != tt.pendingInA || b.Len() != 0 {
			t.Errorf("%d: deleted %d, left %d, %d pending", tt.refs, n, s.Len(), a.Len())
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		arena.Close()
	}
}

// TestValidateNode feeds damaged nodes to what looks at bytes from outside.
func TestValidateNode(t *testing.T) {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	s := New(arena)
	lim := DefaultLimits()
	for i := range 20 {
		fields := [][]byte{[]byte("f"), fmt.Append(nil, i)}
		if i%3 == 0 {
			fields = append(fields, []byte("more"), bytes.Repeat([]byte("x"), 70))
		}
		s.Add(ID{uint64(i + 5), uint64(i)}, fields, &lim)
	}
	s.Delete(ID{7, 2})
	var node []byte
	var id ID
	s.EachNode(func(at ID, lp []byte) bool {
		id, node = at, bytes.Clone(lp)
		return false
	})
	last, err := ValidateNode(node, id)
	if err != nil || last != (ID{24, 19}) {
		t.Fatal(last, err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 20000 {
		bad := bytes.Clone(node)
		for range 1 + rnd.IntN(3) {
			bad[rnd.IntN(len(bad))] = byte(rnd.Uint32())
		}
		if rnd.IntN(4) == 0 {
			bad = bad[:rnd.IntN(len(bad))]
		}
		if _, err := ValidateNode(bad, id); err != nil {
			refused++
			continue
		}
		other := New(arena) // what passed must do no harm
		other.AppendNode(id, bad)
		other.SetLast(MaxID)
		for c := other.Range(ID{}, MaxID); c.Next(); {
			render(&c)
		}
		for c := other.RangeBack(ID{}, MaxID); c.Next(); {
			render(&c)
		}
		if err := other.Check(); err != nil {
			t.Fatal(err)
		}
		other.Free()
	}
	if refused < 10000 {
		t.Errorf("only %d refused", refused)
	}
}

func TestAllocations(t *testing.T) {
	if invariants.Enabled {
		t.Skip("checking allocates")
	}
	arena := slab.New(slab.Options{})
	defer arena.Close()
	s := New(arena)
	lim := DefaultLimits()
	g, _ := s.AddGroup([]byte("g"), ID{}, 0)
	w, _ := g.Consumer([]byte("w"), 1)
	fields := [][]byte{[]byte("field"), []byte("value")}
	n := uint64(0)
	if a := testing.AllocsPerRun(2000, func() {
		n++
		s.Add(ID{n, 0}, fields, &lim)
		c := g.Unread()
		for c.Next() {
			g.Advance(c.ID)
			g.Deliver(w, c.ID, 5)
		}
		if n%2 == 0 {
			g.Ack(ID{n / 2, 0})
			s.Delete(ID{n / 3, 0})
		}
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkAdd(b *testing.B) {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	s := New(arena)
	lim := DefaultLimits()
	fields := [][]byte{[]byte("f"), []byte("v")}
	b.ReportAllocs()
	n := uint64(1 << 40)
	for b.Loop() {
		n += 1
		s.Add(ID{n / 4, n % 4}, fields, &lim)
	}
	b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "bytes/entry")
}

func BenchmarkDeliverAck(b *testing.B) {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	s := New(arena)
	g, _ := s.AddGroup([]byte("g"), ID{}, 0)
	var ws []*Consumer
	for i := range 100 {
		w, _ := g.Consumer(fmt.Append(nil, "worker-", i), 1)
		ws = append(ws, w)
	}
	const pending = 1_000_000
	n := uint64(0)
	for ; n < pending; n++ {
		g.Deliver(ws[n%100], ID{n, 0}, 1)
	}
	b.ReportAllocs()
	b.ReportMetric(float64(g.Bytes())/float64(g.Len()), "bytes/pending")
	for b.Loop() {
		g.Deliver(ws[n%100], ID{n, 0}, 1)
		g.Ack(ID{n - pending, 0})
		n++
	}
}

func BenchmarkReadGroup(b *testing.B) {
	arena := slab.New(slab.Options{})
	defer arena.Close()
	s := New(arena)
	lim := DefaultLimits()
	fields := [][]byte{[]byte("f"), []byte("v")}
	for i := range 1_000_000 {
		s.Add(ID{uint64(i + 1), 0}, fields, &lim)
	}
	g, _ := s.AddGroup([]byte("g"), ID{}, 0)
	b.ReportAllocs()
	for b.Loop() {
		c := g.Unread()
		if !c.Next() {
			g.Last = ID{}
			continue
		}
		c.Field()
		g.Advance(c.ID)
		g.Remember(&c)
	}
}

// Free gives all blocks back at once and leaves a stream without entries or groups.
func (s *Stream) Free() {
	v := &s.a.View
	for at := s.nodes.first(v); at.ok(); at = s.nodes.next(v, at) {
		s.a.Free(s.ref(at))
	}
	s.nodes.free(s.a)
	for _, g := range s.groups {
		g.free()
	}
	*s = *New(s.a)
}
