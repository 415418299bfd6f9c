package keyspace

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/invariants"
	"github.com/redweave/redweave/lazyfree"
)

// The model of a keyspace is a Go map for each database.

type modelValue struct {
	typ      datatypes.Type
	str      string
	fields   map[string]string
	fieldTTL map[string]int64
	members  map[string]bool
	scores   map[string]float64
	elems    []string
	expireAt int64
}

func (v *modelValue) clone() *modelValue {
	c := *v
	c.fields, c.fieldTTL = maps.Clone(v.fields), maps.Clone(v.fieldTTL)
	c.members, c.scores = maps.Clone(v.members), maps.Clone(v.scores)
	c.elems = slices.Clone(v.elems)
	return &c
}

func (v *modelValue) empty() bool {
	switch v.typ {
	case datatypes.Hash:
		return len(v.fields) == 0
	case datatypes.Set:
		return len(v.members) == 0
	case datatypes.ZSet:
		return len(v.scores) == 0
	case datatypes.List:
		return len(v.elems) == 0
	}
	return false
}

// settle takes away the fields whose time has passed, and reports whether the
// value is still there.
func (v *modelValue) settle(now int64) bool {
	if v.expireAt != 0 && now > v.expireAt {
		return false
	}
	for f, at := range v.fieldTTL {
		if at <= now {
			delete(v.fieldTTL, f)
			delete(v.fields, f)
		}
	}
	return !v.empty()
}

const modelDBs = 3

// Limits under which a handful of elements changes the encoding.
var (
	smallHash = hash.Limits{ListPackEntries: 6, ListPackValue: 40}
	smallSet  = set.Limits{IntSetEntries: 6, ListPackEntries: 8, ListPackValue: 40}
	smallZSet = zset.Limits{ListPackEntries: 6, ListPackValue: 40}
	smallList = list.Limits{MaxListpackSize: 6}
)

// modelRun applies operations, drawn from bytes, to a shard and to the model.
type modelRun struct {
	*bench
	ops   []byte
	now   int64
	dbs   [modelDBs]map[string]*modelValue
	log   strings.Builder
	steps int
}

// b draws a number below n, 0 when the bytes have run out.
func (m *modelRun) draw(n int) int {
	if len(m.ops) == 0 {
		return 0
	}
	v := int(m.ops[0])
	m.ops = m.ops[1:]
	if n > 256 && len(m.ops) > 0 {
		v = v<<8 | int(m.ops[0])
		m.ops = m.ops[1:]
	}
	return v % n
}

var modelKeys = func() (keys []string) {
	for _, n := range []int{0, 1, 2, 7, 8, 9, 40, 41, 254, 255, 256, 3000} {
		keys = append(keys, big(n))
	}
	for i := range 12 {
		keys = append(keys, fmt.Sprint("key", i))
	}
	return keys
}()

func (m *modelRun) key() string { return modelKeys[m.draw(len(modelKeys))] }

func (m *modelRun) text() string {
	switch m.draw(8) {
	case 0:
		return fmt.Sprint(m.draw(1000) - 500)
	case 1:
		return big(m.draw(3000))
	case 2:
		return big(maxInline - 2 + m.draw(5))
	case 3:
		if m.draw(8) == 0 {
			return big(1<<16 + m.draw(70_000)*20)
		}
	}
	return big(m.draw(60))
}

func (m *modelRun) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("step %d: %s\n%s", m.steps, fmt.Sprintf(format, args...), tail(m.log.String(), 2000))
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// at draws an expiry, 0 half the time, at times one that has passed.
func (m *modelRun) at() int64 {
	if m.draw(2) == 0 {
		return 0
	}
	return m.now + int64(m.draw(60)) - 3
}

// lookup finds a key in both, as commands on its type would.
func (m *modelRun) lookup(db int, key string) (e *Entry, v *modelValue) {
	m.t.Helper()
	e = &m.e
	found := m.s.DB(db).Lookup(e, []byte(key), Mode(m.draw(4))<<1)
	if found && e.Type() == datatypes.Hash {
		for n := 1; n > 0 && found; {
			n, found = m.s.DB(db).ExpireFields(e, 2)
		}
	}
	v = m.dbs[db][key]
	if v != nil && !v.settle(m.now) {
		delete(m.dbs[db], key)
		v = nil
	}
	if found != (v != nil) || found != e.Found() {
		m.fail("key %.20q of database %d: found %v, in the model %v", key, db, found, v != nil)
	}
	return e, v
}

// typed is lookup of a key that is to hold a t, making it when it is missing.
// v is nil when it holds something else.
func (m *modelRun) typed(t datatypes.Type) (d *DB, db int, key string, e *Entry, v *modelValue) {
	db, key = m.draw(modelDBs), m.key()
	d = m.s.DB(db)
	e, v = m.lookup(db, key)
	if v == nil {
		v = &modelValue{
			typ: t, fields: map[string]string{}, fieldTTL: map[string]int64{},
			members: map[string]bool{}, scores: map[string]float64{},
		}
		m.dbs[db][key] = v
		room := m.draw(3) * m.draw(300)
		switch d.Create(e, []byte(key), t, datatypes.Raw, nil, room); t {
		case datatypes.Hash:
			hash.Init(e)
		case datatypes.Set:
			set.Init(e, datatypes.IntSet)
		case datatypes.ZSet:
			zset.Init(e, 1, 1, &smallZSet)
		case datatypes.List:
			list.Create(e, room)
		}
	}
	if v.typ != t {
		return d, db, key, e, nil
	}
	return d, db, key, e, v
}

// done deletes the key when its last element has gone.
func (m *modelRun) done(db int, key string, e *Entry, v *modelValue) {
	if v.empty() {
		e.DB().Delete(e, lazyfree.ServerDel)
		delete(m.dbs[db], key)
	}
}

func (m *modelRun) step() {
	m.steps++
	op := m.draw(32)
	fmt.Fprintf(&m.log, "%d: op %d\n", m.steps, op)
	switch op {
	case 0, 1, 2, 3:
		m.setString()
	case 4, 5:
		m.editString()
	case 6, 7, 8:
		m.editHash()
	case 9, 10:
		m.expireFields()
	case 11, 12:
		m.editSet()
	case 13, 14:
		m.editZSet()
	case 15, 16:
		m.editList()
	case 17, 18:
		m.setExpire()
	case 19, 20:
		m.rename()
	case 21, 22:
		m.copy()
	case 23, 24:
		m.delete()
	case 25:
		m.swapOrEmpty()
	case 26, 27:
		m.now += int64(m.draw(20))
		m.s.Tick(m.now)
	case 28:
		m.s.ExpireCycle(m.draw(2) == 0)
	case 29:
		m.scan()
	case 30:
		m.random()
	case 31:
		m.s.Collect()
		m.s.DefragCycle()
		m.s.Arena().Purge(0)
	}
	if m.steps%64 == 0 || invariants.Enabled && m.steps%16 == 0 {
		m.compare()
	}
}

func (m *modelRun) setString() {
	db, key, value, at := m.draw(modelDBs), m.key(), m.text(), m.at()
	e, v := m.lookup(db, key)
	if v != nil && m.draw(3) == 0 { // KEEPTTL
		at = v.expireAt
	}
	m.s.DB(db).SetString(e, []byte(key), StringOf([]byte(value)), at)
	m.dbs[db][key] = &modelValue{typ: datatypes.String, str: value, expireAt: at}
	if got := text(e); got != value {
		m.fail("set %d bytes, got %d", len(value), len(got))
	}
}

func (m *modelRun) editString() {
	_, _, _, e, v := m.typed(datatypes.String)
	if v == nil {
		return
	}
	if e.Encoding() == datatypes.Int {
		e.SetBytes(datatypes.Raw, []byte(v.str))
	}
	switch more := m.text(); m.draw(4) {
	case 0, 1:
		b := e.Grow(len(more))
		e.SetBytes(datatypes.Raw, append(b, more...))
		v.str += more
	case 2:
		n := m.draw(len(v.str) + 1)
		e.SetBytes(datatypes.Raw, e.Bytes()[:n])
		v.str = v.str[:n]
	case 3: // out of its own middle
		i := m.draw(len(v.str) + 1)
		e.SetBytes(datatypes.Raw, e.View()[i:])
		v.str = v.str[i:]
	}
	if got := text(e); got != v.str {
		m.fail("edited string has %d bytes, want %d", len(got), len(v.str))
	}
}

func (m *modelRun) editHash() {
	d, db, key, e, v := m.typed(datatypes.Hash)
	if v == nil {
		return
	}
	h := hash.Open(e)
	for range 1 + m.draw(4) {
		f := fmt.Sprint("f", m.draw(12))
		if m.draw(4) == 0 {
			h.Delete([]byte(f), m.now)
			delete(v.fields, f)
		} else {
			value := m.text()
			h.Set([]byte(f), []byte(value), &smallHash, m.now)
			v.fields[f] = value
		}
		delete(v.fieldTTL, f)
	}
	d.TrackFields(e, h.HasTTL())
	m.done(db, key, e, v)
}

func (m *modelRun) expireFields() {
	d, db, key, e, v := m.typed(datatypes.Hash)
	if v == nil {
		return
	}
	h := hash.Open(e)
	for range 1 + m.draw(3) {
		f, at := fmt.Sprint("f", m.draw(12)), m.now+int64(m.draw(40))-2
		_, has := v.fields[f]
		switch {
		case m.draw(5) == 0:
			h.Persist([]byte(f), m.now)
			delete(v.fieldTTL, f)
		case has && at <= m.now:
			h.Expire([]byte(f), at, hash.Always, m.now)
			delete(v.fields, f)
			delete(v.fieldTTL, f)
		default:
			h.Expire([]byte(f), at, hash.Always, m.now)
			if has {
				v.fieldTTL[f] = at
			}
		}
	}
	d.TrackFields(e, h.HasTTL())
	m.done(db, key, e, v)
}

func (m *modelRun) editSet() {
	_, db, key, e, v := m.typed(datatypes.Set)
	if v == nil {
		return
	}
	s := set.Open(e)
	for range 1 + m.draw(6) {
		member := fmt.Sprint(m.draw(15))
		if m.draw(4) == 0 {
			member = "m" + big(m.draw(60))
		}
		if m.draw(4) == 0 {
			if got := s.Remove([]byte(member)); got != v.members[member] {
				m.fail("Remove of a member: %v", got)
			}
			delete(v.members, member)
		} else {
			s.Add([]byte(member), &smallSet)
			v.members[member] = true
		}
	}
	m.done(db, key, e, v)
}

func (m *modelRun) editZSet() {
	_, db, key, e, v := m.typed(datatypes.ZSet)
	if v == nil {
		return
	}
	z := zset.Open(e)
	for range 1 + m.draw(6) {
		member, score := fmt.Sprint("m", m.draw(15)), float64(m.draw(9))
		if m.draw(4) == 0 {
			z.Remove([]byte(member))
			delete(v.scores, member)
		} else {
			z.Add([]byte(member), score, zset.Flags{}, &smallZSet)
			v.scores[member] = score
		}
	}
	m.done(db, key, e, v)
}

func (m *modelRun) editList() {
	_, db, key, e, v := m.typed(datatypes.List)
	if v == nil {
		return
	}
	l := list.Open(e)
	for range 1 + m.draw(6) {
		elem := m.text()
		switch n := 1 + m.draw(3); m.draw(6) {
		case 0, 1:
			l.PushTail([][]byte{[]byte(elem)}, &smallList)
			v.elems = append(v.elems, elem)
		case 2, 3:
			l.PushHead([][]byte{[]byte(elem)}, &smallList)
			v.elems = slices.Insert(v.elems, 0, elem)
		case 4:
			l.DropHead(n, &smallList)
			v.elems = v.elems[min(n, len(v.elems)):]
		case 5:
			l.DropTail(n, &smallList)
			v.elems = v.elems[:max(len(v.elems)-n, 0)]
		}
	}
	m.done(db, key, e, v)
}

func (m *modelRun) setExpire() {
	db, key := m.draw(modelDBs), m.key()
	if e, v := m.lookup(db, key); v != nil {
		at := m.at()
		e.DB().SetExpire(e, at)
		v.expireAt = at
	}
}

func (m *modelRun) rename() {
	from, to, src, dst := m.draw(modelDBs), m.draw(modelDBs), m.key(), m.key()
	if from == to && src == dst {
		return
	}
	_, v := m.lookup(from, src)
	if v == nil {
		return
	}
	var se, de Entry
	se = m.e
	if m.lookup(to, dst); m.e.Found() {
		m.s.DB(to).Delete(&m.e, lazyfree.ServerDel)
	}
	m.s.DB(from).Rename(&se, &de, m.s.DB(to), []byte(dst))
	delete(m.dbs[from], src)
	m.dbs[to][dst] = v
	if se.Found() || !de.Found() || string(de.Key()) != dst || de.DB() != m.s.DB(to) {
		m.fail("handles after Rename: %v, %v", se.Found(), de.Found())
	}
}

func (m *modelRun) copy() {
	from, to, src, dst := m.draw(modelDBs), m.draw(modelDBs), m.key(), m.key()
	if from == to && src == dst {
		return
	}
	_, v := m.lookup(from, src)
	if v == nil {
		return
	}
	var se, de Entry
	se = m.e
	if m.lookup(to, dst); m.e.Found() {
		m.s.DB(to).Delete(&m.e, lazyfree.ServerDel)
	}
	m.s.DB(to).Copy(&se, &de, []byte(dst), copyObject)
	m.dbs[to][dst] = v.clone()
}

func copyObject(from, to *Entry) {
	switch from.Type() {
	case datatypes.List:
		list.Open(from).Copy(to)
	case datatypes.Set:
		set.Open(from).CopyTo(to)
	case datatypes.ZSet:
		zset.Open(from).CopyTo(to)
	case datatypes.Hash:
		hash.Open(from).CopyTo(to)
	}
}

func (m *modelRun) delete() {
	db, key := m.draw(modelDBs), m.key()
	if e, v := m.lookup(db, key); v != nil {
		m.s.DB(db).Delete(e, lazyfree.Cause(m.draw(8)))
		delete(m.dbs[db], key)
		if e.Found() {
			m.fail("deleted and found")
		}
	}
}

func (m *modelRun) swapOrEmpty() {
	i, j := m.draw(modelDBs), m.draw(modelDBs)
	switch m.draw(8) {
	default:
		m.s.Swap(i, j)
		m.dbs[i], m.dbs[j] = m.dbs[j], m.dbs[i]
	case 0:
		m.s.DB(i).Empty(m.draw(2) == 0)
		clear(m.dbs[i])
	case 1:
		if m.draw(4) == 0 {
			m.s.Empty(m.draw(2) == 0)
			for _, db := range m.dbs {
				clear(db)
			}
		}
	}
}

// scan walks a database with SCAN and wants every live key, and no other.
func (m *modelRun) scan() {
	db := m.draw(modelDBs)
	seen := map[string]bool{}
	var e Entry
	for cursor := uint64(0); ; {
		cursor = m.s.DB(db).Scan(cursor, &e, func(e *Entry) {
			if !e.Due() && (e.Type() != datatypes.Hash || hash.Open(e).Live(m.now) > 0) {
				seen[string(e.Key())] = true
			}
		})
		if cursor == 0 {
			break
		}
	}
	for key, v := range m.dbs[db] {
		if !v.settle(m.now) {
			delete(m.dbs[db], key)
		} else if !seen[key] {
			m.fail("scan missed %.20q", key)
		}
	}
	if len(seen) != len(m.dbs[db]) {
		m.fail("scan saw %d keys, want %d", len(seen), len(m.dbs[db]))
	}
}

func (m *modelRun) random() {
	db := m.draw(modelDBs)
	found := m.s.DB(db).RandomKey(&m.e)
	if !found {
		for key, v := range m.dbs[db] {
			if v.settle(m.now) {
				m.fail("no random key, but there is %.20q", key)
			}
		}
		return
	}
	if v := m.dbs[db][string(m.e.Key())]; v == nil || v.expireAt != 0 && m.now > v.expireAt {
		m.fail("random key %.20q, which is not there", m.e.Key())
	}
	m.e.DB().SetExpire(&m.e, 0) // the handle is good for changes
	m.dbs[db][string(m.e.Key())].expireAt = 0
}

// compare looks at every key, and recounts.
func (m *modelRun) compare() {
	if err := m.s.Check(); err != nil {
		m.fail("%v", err)
	}
	for db := range m.dbs {
		for _, key := range slices.Sorted(maps.Keys(m.dbs[db])) {
			e, v := m.lookup(db, key)
			if v != nil {
				m.compareValue(e, v)
			}
		}
	}
}

func (m *modelRun) compareValue(e *Entry, v *modelValue) {
	at, _ := e.ExpireAt()
	if e.Type() != v.typ || at != v.expireAt {
		m.fail("key %.20q is a %v until %d, want a %v until %d", e.Key(), e.Type(), at, v.typ, v.expireAt)
	}
	var got, want []string
	var err error
	switch v.typ {
	case datatypes.String:
		got, want = []string{text(e)}, []string{v.str}
	case datatypes.Hash:
		h := hash.Open(e)
		err = h.Check()
		for f := range v.fields {
			b, ok := h.Get([]byte(f), m.now)
			got = append(got, fmt.Sprint(f, ok, string(b.Append(nil)), max(h.ExpireTime([]byte(f), m.now), 0)))
			want = append(want, fmt.Sprint(f, true, v.fields[f], v.fieldTTL[f]))
		}
		got, want = append(got, fmt.Sprint(h.Len())), append(want, fmt.Sprint(len(v.fields)))
	case datatypes.Set:
		s := set.Open(e)
		err = s.Check()
		s.ForEach(func(v set.Value) bool {
			got = append(got, string(v.Append(nil)))
			return true
		})
		slices.Sort(got)
		want = slices.Sorted(maps.Keys(v.members))
	case datatypes.ZSet:
		z := zset.Open(e)
		err = z.Check()
		z.ForEach(func(v zset.Value, score float64) bool {
			got = append(got, fmt.Sprint(string(v.Append(nil)), " ", score))
			return true
		})
		members := slices.SortedFunc(maps.Keys(v.scores), func(a, b string) int {
			return cmp.Or(cmp.Compare(v.scores[a], v.scores[b]), cmp.Compare(a, b))
		})
		for _, member := range members {
			want = append(want, fmt.Sprint(member, " ", v.scores[member]))
		}
	case datatypes.List:
		l := list.Open(e)
		err = l.Check()
		l.ForEach(func(v list.Value) bool {
			got = append(got, string(v.Append(nil)))
			return true
		})
		want = v.elems
	}
	if err != nil || !slices.Equal(got, want) {
		m.fail("key %.20q, a %v: %v\ngot  %.300q\nwant %.300q", e.Key(), v.typ, err, got, want)
	}
}

// runModel is the body of TestKeyspaceModel and FuzzKeyspace.
func runModel(t testing.TB, ops []byte) {
	settings := DefaultSettings()
	m := &modelRun{now: epoch, ops: ops}
	settings.Policy = Policy(m.draw(8))
	lazy := m.draw(2) == 0
	settings.Lazy = lazyfree.Settings{Eviction: lazy, Expire: lazy, ServerDel: lazy, UserDel: lazy, UserFlush: lazy}
	settings.Defrag = DefragSettings{Active: true, CycleMin: 100, CycleMax: 100}
	m.bench = newBench(t, Options{Databases: modelDBs, Settings: settings, Seed: fixedSeed})
	for i := range m.dbs {
		m.dbs[i] = map[string]*modelValue{}
	}
	start := m.s.Used()
	for len(m.ops) > 0 {
		m.step()
	}
	m.compare()
	if len(ops)%2 == 0 {
		m.s.Empty(len(ops)%4 == 0)
	} else {
		for db := range m.dbs {
			for _, key := range modelKeys {
				if e, v := m.lookup(db, key); v != nil {
					m.s.DB(db).Delete(e, lazyfree.Cause(m.steps%8))
					delete(m.dbs[db], key)
				}
			}
		}
	}
	m.settle()
	m.check()
	if m.s.Used() != start || m.s.Len() != 0 || m.s.Volatile() != 0 {
		t.Fatalf("empty: %d bytes used, %d at the start; %d keys, %d volatile", m.s.Used(), start, m.s.Len(), m.s.Volatile())
	}
}

func TestKeyspaceModel(t *testing.T) {
	rounds := 150
	if testing.Short() || invariants.Enabled {
		rounds = 25
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { runModel(t, randomOps(uint64(seed), 8000)) })
	}
}

func randomOps(seed uint64, n int) []byte {
	rnd := rand.New(rand.NewPCG(seed, 3))
	ops := make([]byte, n+int(seed%4))
	for i := range ops {
		ops[i] = byte(rnd.Uint32())
	}
	return ops
}

func FuzzKeyspace(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(8) {
		f.Add(randomOps(seed, 300))
	}
	f.Add(bytes.Repeat([]byte{7, 0, 0, 9}, 60))
	f.Fuzz(fuzzModel)
}

func fuzzModel(t *testing.T, ops []byte) {
	if len(ops) > 4000 {
		return
	}
	runModel(t, ops)
}
