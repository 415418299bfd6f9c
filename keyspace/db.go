package keyspace

import (
	"encoding/binary"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/dict"
	"github.com/redweave/redweave/internal/slab"
	"github.com/redweave/redweave/lazyfree"
)

// A DB is one of a shard's numbered databases.
//
//	keys      every entry
//	expires   the entries with a TTL: the same blocks, indexed a second time,
//	          so that expiry and the volatile policies sample only them
//	fieldTTLs the hashes with a field that expires
//	objects   the large values, by the index their entries hold
//
// An entry in a second table costs that table's ten bytes or so and no copy.
type DB struct {
	shard *Shard
	mem   *slab.Arena
	id    int

	keys      *dict.Table
	expires   *dict.Table
	fieldTTLs *dict.Table

	objects     []datatypes.Object
	freeObjects []uint32

	expireCursor uint64 // where the active expire cycle goes on
	fieldCursor  uint64
	ttlMean      int64 // milliseconds, a moving mean of what the cycle saw
}

func newDB(s *Shard, id int) *DB {
	db := &DB{shard: s, mem: s.mem, id: id}
	db.newTables()
	return db
}

func (db *DB) newTables() {
	s := db.shard
	db.keys = dict.New(s.mem, keyOff, s.seed)
	db.expires = dict.New(s.mem, keyOff, s.seed)
	db.fieldTTLs = dict.New(s.mem, keyOff, s.seed)
}

// ID returns the database's number.
func (db *DB) ID() int { return db.id }

// Shard returns the shard the database is part of.
func (db *DB) Shard() *Shard { return db.shard }

// Len returns the number of keys, those included whose time has passed but
// whom nobody has met yet.
func (db *DB) Len() int { return db.keys.Len() }

// Volatile returns the number of keys with a TTL.
func (db *DB) Volatile() int { return db.expires.Len() }

// FieldVolatile returns the number of hashes with a field that expires.
func (db *DB) FieldVolatile() int { return db.fieldTTLs.Len() }

// MeanTTL returns the mean remaining life of volatile keys, in milliseconds, as
// the active expire cycle estimates it.
func (db *DB) MeanTTL() int64 { return db.ttlMean }

// IndexBytes returns the memory of the tables over keys and over volatile keys.
func (db *DB) IndexBytes() (keys, expires int64) { return db.keys.Bytes(), db.expires.Bytes() }

// Mode says what a lookup is for.
type Mode uint8

const (
	// Read counts a hit or a miss and notes the use.
	Read Mode = 0
	// NoTouch leaves the time of last use as it is.
	NoTouch Mode = 1 << iota
	// NoStats leaves the hits and misses as they are.
	NoStats
	// Write is a lookup before a modification: it counts neither hit nor miss.
	Write = NoStats
	// Peek looks without a trace.
	Peek = NoTouch | NoStats
)

// Lookup fills e with the entry of key and reports whether there is one. A key
// whose time has passed is deleted and not found. O(1).
func (db *DB) Lookup(e *Entry, key []byte, m Mode) bool {
	h := db.keys.Hash(key)
	ref := db.keys.Find(h, key)
	if ref == slab.Nil {
		e.db, e.hash, e.ref = db, h, slab.Nil
		if m&NoStats == 0 {
			db.missed(key)
		}
		return false
	}
	e.bind(db, h, ref)
	if e.flags()&flagTTL != 0 && db.expireIfDue(e) {
		e.ref = slab.Nil
		if m&NoStats == 0 {
			db.missed(key)
		}
		return false
	}
	if m&NoStats == 0 {
		db.shard.Stats.Hits++
	}
	if m&NoTouch == 0 {
		e.touch()
	}
	return true
}

func (db *DB) missed(key []byte) {
	db.shard.Stats.Misses++
	if h := db.shard.hook; h != nil {
		h.Event(db.id, EventKeyMiss, "keymiss", key)
	}
}

// Exists reports whether key is there, without a trace of the question.
func (db *DB) Exists(key []byte) bool {
	var e Entry
	return db.Lookup(&e, key, Peek)
}

// Found reports whether the handle's last lookup found a key.
func (e *Entry) Found() bool { return e.ref != slab.Nil }

// Create makes a key that is not there, with an inline value, and fills e.
// room bytes more than the value are left for it to grow into. Key and value
// are copied.
func (db *DB) Create(e *Entry, key []byte, t datatypes.Type, enc datatypes.Encoding, value []byte, room int) {
	v := db.create(e, key, t, enc, len(value), room)
	copy(v, value)
}

// create makes a key and returns the n bytes of its value for the caller to fill.
func (db *DB) create(e *Entry, key []byte, t datatypes.Type, enc datatypes.Encoding, n, room int) []byte {
	h := db.keys.Hash(key)
	return db.build(e, h, key, t, enc, n, room, 0, 0, slab.Nil)
}

// build writes a new block for key with n value bytes. With old set the block
// takes old's place in the tables, and old's flags (kept by the caller) say
// which tables know it; without, the key is inserted.
func (db *DB) build(e *Entry, h uint64, key []byte, t datatypes.Type, enc datatypes.Encoding, n, room int, expireAt int64, oldFlags byte, old slab.Ref) []byte {
	ttl := expireAt != 0
	inline, outline := n, slab.Nil
	if n+room > maxInline && !enc.IsObject() {
		inline, room, outline = outlineSize, 0, db.mem.Alloc(n+room)
	}
	ref := db.mem.Alloc(entrySize(len(key), inline+room, ttl))
	b := db.mem.Bytes(ref, entrySize(len(key), inline, ttl))
	hdr := uint64(t) | uint64(enc)<<4 | db.shard.freshAccess()<<lruShift | uint64(inline)<<vlenShift
	if ttl {
		hdr |= flagTTL << flagsShift
	}
	if outline != slab.Nil {
		hdr |= flagOutline << flagsShift
	}
	binary.LittleEndian.PutUint64(b, hdr)
	at := keyOff + dict.PutKey(b[keyOff:], key)
	if ttl {
		binary.LittleEndian.PutUint64(b[at:], uint64(expireAt))
	}
	if old == slab.Nil {
		db.keys.Insert(h, ref)
		if ttl {
			db.expires.Insert(h, ref)
		}
	} else {
		db.keys.Replace(h, old, ref)
		switch had := oldFlags&flagTTL != 0; {
		case had && ttl:
			db.expires.Replace(h, old, ref)
		case had:
			db.expires.Remove(h, old)
		case ttl:
			db.expires.Insert(h, ref)
		}
	}
	e.bind(db, h, ref)
	if outline != slab.Nil {
		e.setOutline(outline, n)
		return db.mem.Bytes(outline, n)
	}
	return e.at(e.voff, n)
}

// CreateObject makes a key that is not there with a large value.
func (db *DB) CreateObject(e *Entry, key []byte, t datatypes.Type, enc datatypes.Encoding, o datatypes.Object) {
	v := db.create(e, key, t, enc, objectSize, 0)
	binary.LittleEndian.PutUint32(v, db.addObject(o))
}

func (db *DB) addObject(o datatypes.Object) uint32 {
	db.shard.objects++
	if n := len(db.freeObjects); n > 0 {
		i := db.freeObjects[n-1]
		db.freeObjects = db.freeObjects[:n-1]
		db.objects[i] = o
		return i
	}
	db.objects = append(db.objects, o)
	return uint32(len(db.objects) - 1)
}

// dropObject takes e's large value out of the table, without freeing it.
func (db *DB) dropObject(e *Entry) datatypes.Object {
	i := e.objectIndex()
	o := db.objects[i]
	db.objects[i] = nil
	db.freeObjects = append(db.freeObjects, i)
	db.shard.objects--
	return o
}

// Delete removes the key e stands for. cause says which lazy-free setting
// governs where a large value is freed. It tells nobody: see [DB.Modified].
func (db *DB) Delete(e *Entry, cause lazyfree.Cause) {
	db.unindex(e)
	db.freeValue(e, cause)
	db.mem.Free(e.ref)
	e.ref = slab.Nil
}

// unindex takes the entry out of every table.
func (db *DB) unindex(e *Entry) {
	if e.flags()&flagTTL != 0 {
		db.expires.Remove(e.hash, e.ref)
	}
	if db.fieldTTLs.Len() > 0 && db.inFieldTTLs(e) {
		db.fieldTTLs.Remove(e.hash, e.ref)
	}
	db.keys.Remove(e.hash, e.ref)
}

// freeValue frees what the value holds beyond the entry's block.
func (db *DB) freeValue(e *Entry, cause lazyfree.Cause) {
	if e.Encoding().IsObject() {
		db.shard.release(db.dropObject(e), cause)
		return
	}
	if e.flags()&flagOutline != 0 {
		r, _ := e.outline()
		db.mem.Free(r)
	}
}

// A String is a value about to be stored: the bytes, or the integer they spell.
type String struct {
	Enc   datatypes.Encoding // Int, EmbStr or Raw
	Bytes []byte             // for EmbStr and Raw; copied
	Int   int64              // for Int
}

// embStrMax is the longest string OBJECT ENCODING calls embstr.
const embStrMax = 44

// StringOf picks the encoding Redis would give b.
func StringOf(b []byte) String {
	if n, ok := ParseInt(b); ok {
		return String{Enc: datatypes.Int, Int: n}
	}
	if len(b) <= embStrMax {
		return String{Enc: datatypes.EmbStr, Bytes: b}
	}
	return String{Enc: datatypes.Raw, Bytes: b}
}

// SetString stores v under key, over whatever was there: e is the handle of a
// lookup of key by the same command, found or not. The key expires at expireAt
// (Unix milliseconds), never when that is 0. O(1) beside freeing the old value.
func (db *DB) SetString(e *Entry, key []byte, v String, expireAt int64) {
	n := len(v.Bytes)
	if v.Enc == datatypes.Int {
		n = 8
	}
	dst := db.overwrite(e, key, datatypes.String, v.Enc, n, expireAt)
	if v.Enc == datatypes.Int {
		binary.LittleEndian.PutUint64(dst, uint64(v.Int))
		return
	}
	copy(dst, v.Bytes)
}

// overwrite gives key a new inline value of n bytes, for the caller to fill, in
// the present block where it fits well.
func (db *DB) overwrite(e *Entry, key []byte, t datatypes.Type, enc datatypes.Encoding, n int, expireAt int64) []byte {
	if e.ref == slab.Nil {
		return db.build(e, e.hash, key, t, enc, n, 0, expireAt, 0, slab.Nil)
	}
	flags := e.flags()
	if !e.Encoding().IsObject() && flags&flagOutline == 0 && n <= maxInline &&
		(flags&flagTTL != 0) == (expireAt != 0) {
		need, have := int(e.voff)+n, db.mem.Cap(e.ref)
		if need <= have && have-need <= max(have/4, 16) && !db.inFieldTTLs(e) {
			hdr := uint64(t) | uint64(enc)<<4 | uint64(flags)<<flagsShift |
				db.shard.freshAccess()<<lruShift | uint64(n)<<vlenShift | e.header()&(255<<56)
			if db.shard.lfu {
				hdr = hdr&^(lruMask<<lruShift) | e.header()&(lruMask<<lruShift)
			}
			e.setHeader(hdr)
			if expireAt != 0 {
				binary.LittleEndian.PutUint64(e.at(e.voff-8, 8), uint64(expireAt))
			}
			return e.at(e.voff, n)
		}
	}
	if db.inFieldTTLs(e) {
		db.fieldTTLs.Remove(e.hash, e.ref)
	}
	access := e.access()
	db.freeValue(e, lazyfree.ServerDel)
	old := e.ref
	dst := db.build(e, e.hash, key, t, enc, n, 0, expireAt, flags, old)
	if db.shard.lfu {
		e.setHeader(e.header()&^(lruMask<<lruShift) | access<<lruShift)
	}
	db.mem.Free(old)
	return dst
}

// SetExpire makes the key expire at the given time in Unix milliseconds, 0 for
// never. The block moves only when the TTL appears or goes away.
func (db *DB) SetExpire(e *Entry, atMs int64) {
	had := e.flags()&flagTTL != 0
	switch {
	case had && atMs != 0:
		binary.LittleEndian.PutUint64(e.at(e.voff-8, 8), uint64(atMs))
	case had:
		db.expires.Remove(e.hash, e.ref)
		e.spliceTTL(0)
	case atMs != 0:
		e.spliceTTL(atMs)
		db.expires.Insert(e.hash, e.ref)
	}
}

// spliceTTL moves the entry to a block with a TTL (atMs not 0) or without. The
// expires table knows of neither block meanwhile.
func (e *Entry) spliceTTL(atMs int64) {
	db, mem := e.db, e.db.mem
	n := e.vlen()
	kend := e.koff + uint32(len(e.Key()))
	size := int(kend) + n
	flags := e.flags() &^ flagTTL
	if atMs != 0 {
		size += 8
		flags |= flagTTL
	}
	ref := mem.Alloc(size)
	b := mem.Bytes(ref, size)
	copy(b, e.at(0, int(kend)))
	if atMs != 0 {
		binary.LittleEndian.PutUint64(b[kend:], uint64(atMs))
	}
	copy(b[size-n:], e.at(e.voff, n))
	e.setFlags(flags &^ flagTTL) // reindex below leaves expires alone
	e.reindex(ref)
	b[flagsOff] = flags
	mem.Free(e.ref)
	e.bind(db, e.hash, ref)
}

// Rename moves the value of src, with its TTL, to the key dst of database to,
// where nothing stands. src's entry is gone after; dst's handle is filled.
func (db *DB) Rename(src, dst *Entry, to *DB, key []byte) {
	expireAt, _ := src.ExpireAt()
	t, enc, access := src.Type(), src.Encoding(), src.access()
	fieldTTL := db.inFieldTTLs(src)
	h := to.keys.Hash(key)
	switch {
	case enc.IsObject():
		db.unindex(src)
		i := src.objectIndex()
		if to != db {
			i = to.addObject(db.dropObject(src))
		}
		v := to.build(dst, h, key, t, enc, objectSize, 0, expireAt, 0, slab.Nil)
		binary.LittleEndian.PutUint32(v, i)
	case src.flags()&flagOutline != 0:
		db.unindex(src)
		r, n := src.outline()
		to.build(dst, h, key, t, enc, outlineSize, 0, expireAt, 0, slab.Nil)
		dst.setFlags(dst.flags() | flagOutline)
		dst.setOutline(r, n)
	default:
		db.unindex(src)
		v := to.build(dst, h, key, t, enc, src.vlen(), 0, expireAt, 0, slab.Nil)
		copy(v, src.View())
	}
	dst.setHeader(dst.header()&^(lruMask<<lruShift) | access<<lruShift)
	if fieldTTL {
		to.fieldTTLs.Insert(dst.hash, dst.ref)
	}
	db.mem.Free(src.ref)
	src.ref = slab.Nil
}

// Copy gives key of database db, where nothing stands, a copy of src's value and
// TTL. dst's handle is filled. A large value is copied by copyObject, from src's
// slot to dst's, which holds no bytes when it is called.
func (db *DB) Copy(src, dst *Entry, key []byte, copyObject func(from, to *Entry)) {
	expireAt, _ := src.ExpireAt()
	t, enc := src.Type(), src.Encoding()
	h := db.keys.Hash(key)
	if enc.IsObject() {
		db.build(dst, h, key, t, datatypes.Raw, 0, objectSize, expireAt, 0, slab.Nil)
		copyObject(src, dst)
	} else {
		v := db.build(dst, h, key, t, enc, len(src.View()), 0, expireAt, 0, slab.Nil)
		copy(v, src.View())
	}
	if src.db.inFieldTTLs(src) {
		db.fieldTTLs.Insert(dst.hash, dst.ref)
	}
}

// TrackFields notes whether the hash e has fields that expire, so that the
// active cycle finds it. Hash commands call it after changing field TTLs.
func (db *DB) TrackFields(e *Entry, expires bool) {
	switch in := db.inFieldTTLs(e); {
	case expires && !in:
		db.fieldTTLs.Insert(e.hash, e.ref)
	case !expires && in:
		db.fieldTTLs.Remove(e.hash, e.ref)
	}
}

func (db *DB) inFieldTTLs(e *Entry) bool {
	return db.fieldTTLs.Len() > 0 && e.Type() == datatypes.Hash &&
		db.fieldTTLs.Find(e.hash, e.Key()) == e.ref
}

// Scan visits some of the keys and returns the cursor to go on with, 0 at the
// end: Redis's SCAN and its guarantee. yield gets a handle that is good during
// the call and must not modify the database. Keys whose time has passed are
// visited too: ask [Entry.Due].
func (db *DB) Scan(cursor uint64, e *Entry, yield func(e *Entry)) uint64 {
	return db.keys.Scan(cursor, func(ref slab.Ref) {
		e.bind(db, 0, ref)
		yield(e)
	})
}

// ForEach visits every key until yield returns false. yield must not modify
// the database.
func (db *DB) ForEach(e *Entry, yield func(e *Entry) bool) {
	db.keys.ForEach(func(ref slab.Ref) bool {
		e.bind(db, 0, ref)
		return yield(e)
	})
}

// RandomKey fills e with a key drawn fairly from those that have not expired,
// and reports whether there is one. Expired keys it meets are deleted.
func (db *DB) RandomKey(e *Entry) bool {
	for db.keys.Len() > 0 {
		ref := db.keys.Random(db.shard.rnd)
		e.bind(db, 0, ref)
		e.hash = db.keys.Hash(e.Key())
		if !e.Due() || !db.expireIfDue(e) {
			return true
		}
	}
	return false
}

// Empty removes every key and returns how many there were.
func (db *DB) Empty(async bool) int {
	n := db.keys.Len()
	if h := db.shard.hook; h != nil {
		h.Flushed(db.id)
	}
	db.shard.objects -= len(db.objects) - len(db.freeObjects)
	db.shard.releaseDB(&contents{
		keys: db.keys, expires: db.expires, fieldTTLs: db.fieldTTLs, objects: db.objects,
	}, async)
	db.objects, db.freeObjects = nil, nil
	db.newTables()
	db.expireCursor, db.fieldCursor, db.ttlMean = 0, 0, 0
	return n
}
