package keyspace

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/lazyfree"
)

// bench is a shard under test.
type bench struct {
	t   testing.TB
	s   *Shard
	set *Settings
	rec *lazyfree.Reclaimer
	e   Entry
}

const epoch = 1_700_000_000_000 // ms; when a bench begins

func newBench(t testing.TB, o Options) *bench {
	t.Helper()
	b := &bench{t: t, set: o.Settings, rec: lazyfree.New()}
	if b.set == nil {
		b.set = DefaultSettings()
	}
	o.Settings, o.Reclaimer = b.set, b.rec
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 2))
	}
	b.s = New(o)
	b.s.Tick(epoch)
	t.Cleanup(func() {
		b.rec.Close()
		b.s.Close()
	})
	return b
}

func (b *bench) check() {
	b.t.Helper()
	if err := b.s.Check(); err != nil {
		b.t.Fatal(err)
	}
}

// put stores a string.
func (b *bench) put(db int, key, value string, expireAt int64) {
	d := b.s.DB(db)
	d.Lookup(&b.e, []byte(key), Write)
	d.SetString(&b.e, []byte(key), StringOf([]byte(value)), expireAt)
}

// find fills b.e.
func (b *bench) find(db int, key string) *Entry {
	b.t.Helper()
	if !b.s.DB(db).Lookup(&b.e, []byte(key), Write) {
		b.t.Fatalf("key %.40q is not there", key)
	}
	return &b.e
}

func (b *bench) has(db int, key string) bool { return b.s.DB(db).Exists([]byte(key)) }

// text is the string e holds.
func text(e *Entry) string {
	if e.Encoding() == datatypes.Int {
		return string(AppendInt(nil, e.Int()))
	}
	return string(e.View())
}

// want says what the string at key must be.
func (b *bench) want(db int, key, value string) {
	b.t.Helper()
	if got := text(b.find(db, key)); got != value {
		b.t.Fatalf("key %.40q holds %.60q (%d bytes), want %.60q (%d)", key, got, len(got), value, len(value))
	}
}

var (
	hashLimits = hash.Limits{ListPackEntries: 128, ListPackValue: 64}
	setLimits  = set.Limits{IntSetEntries: 512, ListPackEntries: 128, ListPackValue: 64}
)

// addHash puts n fields into the hash at key.
func (b *bench) addHash(db int, key string, from, n int) *Entry {
	d, e := b.s.DB(db), &b.e
	if !d.Lookup(e, []byte(key), Write) {
		d.Create(e, []byte(key), datatypes.Hash, datatypes.ListPack, nil, 0)
		hash.Init(e)
	}
	h := hash.Open(e)
	for i := range n {
		h.Set(fmt.Appendf(nil, "f%d", from+i), fmt.Appendf(nil, "v%d", from+i), &hashLimits, b.s.Now())
	}
	return e
}

// ttlHash makes a hash of n fields that expire at the given time.
func (b *bench) ttlHash(db int, key string, n int, at int64) *Entry {
	e := b.addHash(db, key, 0, n)
	h := hash.Open(e)
	for i := range n {
		h.Expire(fmt.Appendf(nil, "f%d", i), at, hash.Always, b.s.Now())
	}
	e.DB().TrackFields(e, true)
	return e
}

// settle waits for the reclaimer and takes all back.
func (b *bench) settle() {
	b.t.Helper()
	if err := b.rec.Wait(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.s.home.CollectAll()
}

func big(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

var fixedSeed = maphash.MakeSeed()

// AppendShared is AppendHashed with the hash it takes.
func (s *Shard) AppendShared(dst []byte, db int, key []byte, now interface{ UnixMilli() int64 }) ([]byte, Shared) {
	return s.AppendHashed(dst, db, s.Hash(key), key, now)
}
