package keyspace

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/internal/slab"
)

// Check recounts everything the shard claims and returns the first fault. It
// takes time in proportion to the memory in use, and must not be called while a
// command is at work. The rules:
//
//   - the arena's and the tables' own
//   - every entry's value ends inside its block, its length inside maxInline
//   - expires holds just the entries with a TTL, fieldTTLs just the hashes that
//     have a field with one, under the same Refs as keys
//   - every large value stands in the object table once, every other place there
//     is free, and the shard's count is right
//   - the blocks of entries and tables add up to the arena's Used, the rest being
//     large values and what the reclaimer has not returned
func (s *Shard) Check() error {
	if err := s.mem.Check(); err != nil {
		return err
	}
	c := checker{shard: s}
	for _, db := range s.dbs {
		if db == nil {
			continue
		}
		if err := c.database(db); err != nil {
			return fmt.Errorf("keyspace: database %d: %w", db.id, err)
		}
	}
	if c.objects != s.objects || c.allVolatile != s.volatile {
		return fmt.Errorf("keyspace: %d large values and %d volatile keys and hashes, counted %d and %d",
			s.objects, s.volatile, c.objects, c.allVolatile)
	}
	// The tables' directories are ordinary Go memory, at most this much of them.
	directories := c.index/16 + 64
	rest := s.mem.Used() - c.entries - c.index
	if rest < -directories || rest > 0 && c.objects == 0 && s.reclaimer.Pending() == 0 && !s.home.Ready() {
		return fmt.Errorf("keyspace: %d bytes used: entries %d, tables %d, unexplained %d", s.mem.Used(), c.entries, c.index, rest)
	}
	return nil
}

// checker sums up what Check finds.
type checker struct {
	shard          *Shard
	db             *DB
	entries, index int64 // bytes
	objects        int
	seen           map[uint32]bool // places in the database's object table
	volatile       int             // in the database
	fields         int
	allVolatile    int // in the shard
}

func (c *checker) database(db *DB) error {
	c.db, c.seen, c.volatile, c.fields = db, map[uint32]bool{}, 0, 0
	if c.shard.dbs[db.id] != db {
		return fmt.Errorf("stands in another one's place")
	}
	for _, t := range []struct {
		name string
		t    interface {
			Check() error
			Bytes() int64
		}
	}{{"keys", db.keys}, {"expires", db.expires}, {"fieldTTLs", db.fieldTTLs}} {
		if err := t.t.Check(); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		c.index += t.t.Bytes()
	}
	var err error
	var e Entry
	db.ForEach(&e, func(e *Entry) bool {
		err = c.entry(e)
		return err == nil
	})
	if err != nil {
		return err
	}
	if c.volatile != db.expires.Len() || c.fields != db.fieldTTLs.Len() {
		return fmt.Errorf("%d keys with a TTL and %d hashes with field TTLs, noted %d and %d",
			c.volatile, c.fields, db.expires.Len(), db.fieldTTLs.Len())
	}
	return c.places(db)
}

// places checks the object table against the entries seen.
func (c *checker) places(db *DB) error {
	c.objects += len(c.seen)
	c.allVolatile += c.volatile + c.fields
	if len(c.seen) != db.large {
		return fmt.Errorf("%d large values, counted %d", db.large, len(c.seen))
	}
	free := 0
	for i, o := range db.objects {
		if (o != nil) != c.seen[uint32(i)] {
			return fmt.Errorf("place %d holds %T, but is used: %v", i, o, c.seen[uint32(i)])
		}
		if o == nil {
			free++
		}
	}
	noted := map[uint32]bool{}
	for _, i := range db.freeObjects {
		if noted[i] {
			return fmt.Errorf("place %d is noted as free twice", i)
		}
		noted[i] = true
		if int(i) < len(db.objects) {
			free--
		}
		if c.seen[i] {
			return fmt.Errorf("place %d is noted as free and used", i)
		}
	}
	if free != 0 {
		return fmt.Errorf("%d free places more than noted", free)
	}
	return nil
}

func (c *checker) entry(e *Entry) error {
	db, key := c.db, e.Key()
	h := db.keys.Hash(key)
	if got := db.keys.Find(h, key); got != e.ref {
		return fmt.Errorf("key %.50q stands in block %d and is found in %d", key, e.ref, got)
	}
	block := db.mem.Cap(e.ref)
	if end := int(e.voff) + e.vlen(); end > block || e.vlen() > maxInline {
		return fmt.Errorf("key %.50q: value of %d bytes ends at %d in a block of %d", key, e.vlen(), end, block)
	}
	c.entries += int64(e.Size())
	if err := c.value(e); err != nil {
		return fmt.Errorf("key %.50q: %w", key, err)
	}
	if fields := e.Type() == datatypes.Hash && hash.Open(e).HasTTL(); fields != (e.flags()&flagFields != 0) {
		return fmt.Errorf("key %.50q: field TTLs: %v, flags %b", key, fields, e.flags())
	}
	for _, t := range []struct {
		name string
		in   slab.Ref
		want bool
		n    *int
	}{
		{"expires", db.expires.Find(h, key), e.flags()&flagTTL != 0, &c.volatile},
		{"fieldTTLs", db.fieldTTLs.Find(h, key), e.flags()&flagFields != 0, &c.fields},
	} {
		if (t.in != slab.Nil) != t.want || t.want && t.in != e.ref {
			return fmt.Errorf("key %.50q in block %d: %s has block %d, wanted there: %v", key, e.ref, t.name, t.in, t.want)
		}
		if t.want {
			*t.n++
		}
	}
	return nil
}

// value checks how the value is kept.
func (c *checker) value(e *Entry) error {
	typ, enc, outlined := e.Type(), e.Encoding(), e.outlined()
	if typ == datatypes.None || typ > datatypes.Stream || enc > datatypes.StreamTree {
		return fmt.Errorf("type %d, encoding %d", typ, enc)
	}
	switch {
	case enc.IsObject():
		if e.vlen() != objectSize || outlined {
			return fmt.Errorf("a large value of %d bytes here, outlined: %v", e.vlen(), outlined)
		}
		i := e.objectIndex()
		if int(i) >= len(e.db.objects) || e.db.objects[i] == nil || c.seen[i] {
			return fmt.Errorf("place %d of %d in the object table, used by another: %v", i, len(e.db.objects), c.seen[i])
		}
		c.seen[i] = true
	case outlined:
		r, n := e.outline()
		if e.vlen() != outlineSize || n > e.db.mem.Cap(r) {
			return fmt.Errorf("outlined value of %d bytes in a block of %d", n, e.db.mem.Cap(r))
		}
	case enc == datatypes.Int && e.vlen() != 8:
		return fmt.Errorf("an integer of %d bytes", e.vlen())
	}
	return nil
}
