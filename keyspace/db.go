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
// An entry in a second table costs that table's ten bytes or so and no copy. Its
// flags say which tables know it, so that none is asked in vain.
//
// Places in objects are reused, and given up from the end; freeObjects may still
// name some of those. It is drained before objects grows, so none is there twice.
type DB struct {
	shard *Shard
	mem   *slab.Arena
	id    int

	keys      *dict.Table
	expires   *dict.Table
	fieldTTLs *dict.Table

	objects     []datatypes.Object
	freeObjects []uint32
	large       int // objects that are not nil

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

// build writes a new block for key with n value bytes, for the caller to fill.
// With old set the block takes old's place in keys, and oldFlags say which other
// tables know old; without, the key is inserted. old itself is the caller's to
// free.
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
	} else {
		db.keys.Replace(h, old, ref)
	}
	switch had := oldFlags&flagTTL != 0; {
	case had && ttl:
		db.expires.Replace(h, old, ref)
	case had:
		db.dropTTL(h, old)
	case ttl:
		db.addTTL(h, ref)
	}
	if oldFlags&flagFields != 0 {
		db.dropFields(h, old)
	}
	e.bind(db, h, ref)
	if outline != slab.Nil {
		e.setOutline(outline, n)
		return db.mem.Bytes(outline, n)
	}
	return e.at(e.voff, n)
}

// The tables over volatile keys and hashes change in size only here, as the shard
// counts what is in them.

func (db *DB) addTTL(h uint64, ref slab.Ref) {
	db.expires.Insert(h, ref)
	db.shard.volatile++
}

func (db *DB) dropTTL(h uint64, ref slab.Ref) {
	db.expires.Remove(h, ref)
	db.shard.volatile--
}

func (db *DB) addFields(h uint64, ref slab.Ref) {
	db.fieldTTLs.Insert(h, ref)
	db.shard.volatile++
}

func (db *DB) dropFields(h uint64, ref slab.Ref) {
	db.fieldTTLs.Remove(h, ref)
	db.shard.volatile--
}

// CreateObject makes a key that is not there with a large value.
func (db *DB) CreateObject(e *Entry, key []byte, t datatypes.Type, enc datatypes.Encoding, o datatypes.Object) {
	v := db.create(e, key, t, enc, objectSize, 0)
	binary.LittleEndian.PutUint32(v, db.addObject(o))
}

func (db *DB) addObject(o datatypes.Object) uint32 {
	db.large++
	db.shard.objects++
	for n := len(db.freeObjects); n > 0; n-- {
		i := db.freeObjects[n-1]
		db.freeObjects = db.freeObjects[:n-1]
		if int(i) < len(db.objects) {
			db.objects[i] = o
			return i
		}
	}
	db.objects = append(db.objects, o)
	return uint32(len(db.objects) - 1)
}

// dropObject takes e's large value out of the table, without freeing it.
func (db *DB) dropObject(e *Entry) datatypes.Object {
	i := e.objectIndex()
	o := db.objects[i]
	db.objects[i] = nil
	db.large--
	db.shard.objects--
	n := len(db.objects)
	if int(i) < n-1 {
		db.freeObjects = append(db.freeObjects, i)
		return o
	}
	for n > 0 && db.objects[n-1] == nil {
		n--
	}
	db.objects = db.objects[:n]
	if n < cap(db.objects)/4 && cap(db.objects) > 64 {
		db.shrinkObjects()
	}
	return o
}

// shrinkObjects moves the object table, which has become much shorter, to arrays
// of its size.
func (db *DB) shrinkObjects() {
	n := len(db.objects)
	db.objects = append(make([]datatypes.Object, 0, 2*n), db.objects...)
	free := make([]uint32, 0, n-db.large)
	for _, i := range db.freeObjects {
		if int(i) < n {
			free = append(free, i)
		}
	}
	db.freeObjects = free
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
	flags := e.flags()
	if flags&flagTTL != 0 {
		db.dropTTL(e.hash, e.ref)
	}
	if flags&flagFields != 0 {
		db.dropFields(e.hash, e.ref)
	}
	db.keys.Remove(e.hash, e.ref)
}

// freeValue frees what the value holds beyond the entry's block.
func (db *DB) freeValue(e *Entry, cause lazyfree.Cause) {
	if e.Encoding().IsObject() {
		db.shard.release(db.dropObject(e), cause)
		return
	}
	if e.outlined() {
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

// size is the bytes v takes in an entry.
func (v *String) size() int {
	if v.Enc == datatypes.Int {
		return 8
	}
	return len(v.Bytes)
}

// put writes v's bytes.
func (v *String) put(dst []byte) {
	if v.Enc == datatypes.Int {
		binary.LittleEndian.PutUint64(dst, uint64(v.Int))
		return
	}
	copy(dst, v.Bytes)
}

// SetString stores v under key, over whatever was there: e is the handle of a
// lookup of key by the same command, found or not. The key expires at expireAt
// (Unix milliseconds), never when that is 0. O(1) beside freeing the old value.
// key and v may alias the entry.
func (db *DB) SetString(e *Entry, key []byte, v String, expireAt int64) {
	n := v.size()
	if e.ref == slab.Nil {
		v.put(db.build(e, e.hash, key, datatypes.String, v.Enc, n, 0, expireAt, 0, slab.Nil))
		return
	}
	if flags := e.flags(); flags&flagFields == 0 && (flags&flagTTL != 0) == (expireAt != 0) {
		if dst, ok := e.fit(n, flags); ok {
			v.put(dst)
			e.overwritten(v.Enc, n, flags)
			if expireAt != 0 {
				binary.LittleEndian.PutUint64(e.at(e.voff-8, 8), uint64(expireAt))
			}
			return
		}
	}
	db.replace(e, key, &v, n, expireAt)
}

// fits reports whether an entry of need bytes may stay in a block of have: neither
// too little nor, by a quarter or 16 bytes, too much.
func fits(need, have int) bool { return need <= have && have-need <= max(have/4, 16) }

// fit returns the place of the present value if n bytes fit it well.
func (e *Entry) fit(n int, flags byte) (dst []byte, ok bool) {
	mem := e.db.mem
	switch {
	case e.Encoding().IsObject():
	case flags&flagOutline != 0:
		r, _ := e.outline()
		if n > maxInline && slab.ClassSize(n) == mem.Cap(r) {
			return mem.Bytes(r, n), true
		}
	case n <= maxInline:
		need, have := int(e.voff)+n, mem.Cap(e.ref)
		if fits(need, have) {
			return e.at(e.voff, n), true
		}
	}
	return nil, false
}

// overwritten notes a string of n bytes in the place of the value before it.
func (e *Entry) overwritten(enc datatypes.Encoding, n int, flags byte) {
	hdr := e.header()
	access := hdr & (lruMask << lruShift)
	if s := e.db.shard; !s.lfu {
		access = s.lruClock << lruShift
	}
	if flags&flagOutline != 0 {
		r, _ := e.outline()
		e.setOutline(r, n)
		n = outlineSize
	}
	e.setHeader(uint64(datatypes.String) | uint64(enc)<<4 | access |
		uint64(flags)<<flagsShift | uint64(n)<<vlenShift | hdr&(255<<klenShift))
}

// replace is SetString where a new block is needed. The old value is freed when
// nothing can refer to it any more.
func (db *DB) replace(e *Entry, key []byte, v *String, n int, expireAt int64) {
	old := &db.shard.replaced
	*old = *e
	v.put(db.build(e, old.hash, key, datatypes.String, v.Enc, n, 0, expireAt, old.flags(), old.ref))
	if db.shard.lfu {
		e.setAccess(old.access())
	}
	db.freeValue(old, lazyfree.ServerDel)
	db.mem.Free(old.ref)
}

// SetExpire makes the key expire at the given time in Unix milliseconds, 0 for
// never. The block moves only when the TTL appears or goes away, if then.
func (db *DB) SetExpire(e *Entry, atMs int64) {
	had := e.flags()&flagTTL != 0
	switch {
	case had && atMs != 0:
		binary.LittleEndian.PutUint64(e.at(e.voff-8, 8), uint64(atMs))
	case had:
		db.dropTTL(e.hash, e.ref)
		e.spliceTTL(0)
	case atMs != 0:
		e.spliceTTL(atMs)
		db.addTTL(e.hash, e.ref)
	}
}

// spliceTTL makes room for a TTL before the value (atMs not 0), or closes the
// gap. expires must not know the entry meanwhile.
func (e *Entry) spliceTTL(atMs int64) {
	mem, n := e.db.mem, e.vlen()
	kend := e.keyEnd()
	voff := kend
	if atMs != 0 {
		voff += 8
	}
	if size := int(voff) + n; slab.ClassSize(size) == mem.Cap(e.ref) {
		copy(e.at(voff, n), e.at(e.voff, n))
	} else {
		ref := mem.Alloc(size)
		b := mem.Bytes(ref, size)
		copy(b, e.at(0, int(kend)))
		copy(b[voff:], e.at(e.voff, n))
		b[flagsOff] &^= flagTTL
		e.setFlags(e.flags() &^ flagTTL)
		e.moveTo(ref)
	}
	e.voff = voff
	if atMs == 0 {
		e.setFlags(e.flags() &^ flagTTL)
		return
	}
	e.setFlags(e.flags() | flagTTL)
	binary.LittleEndian.PutUint64(e.at(kend, 8), uint64(atMs))
}

// Rename moves the value of src, with its TTL, to the key dst of database to,
// where nothing stands. src's entry is gone after; dst's handle is filled.
func (db *DB) Rename(src, dst *Entry, to *DB, key []byte) {
	expireAt, _ := src.ExpireAt()
	t, enc, access, flags := src.Type(), src.Encoding(), src.access(), src.flags()
	h := to.keys.Hash(key)
	db.unindex(src)
	switch {
	case enc.IsObject():
		i := src.objectIndex()
		if to != db {
			i = to.addObject(db.dropObject(src))
		}
		v := to.build(dst, h, key, t, enc, objectSize, 0, expireAt, 0, slab.Nil)
		binary.LittleEndian.PutUint32(v, i)
	case flags&flagOutline != 0:
		r, n := src.outline()
		to.build(dst, h, key, t, enc, outlineSize, 0, expireAt, 0, slab.Nil)
		dst.setFlags(dst.flags() | flagOutline)
		dst.setOutline(r, n)
	default:
		v := to.build(dst, h, key, t, enc, src.vlen(), 0, expireAt, 0, slab.Nil)
		copy(v, src.View())
	}
	dst.setAccess(access)
	to.TrackFields(dst, flags&flagFields != 0)
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
	db.TrackFields(dst, src.flags()&flagFields != 0)
}

// TrackFields notes whether the hash e has fields that expire, so that the
// active cycle finds it. Hash commands call it after changing field TTLs.
func (db *DB) TrackFields(e *Entry, expires bool) {
	switch flags := e.flags(); {
	case expires && flags&flagFields == 0:
		e.setFlags(flags | flagFields)
		db.addFields(e.hash, e.ref)
	case !expires && flags&flagFields != 0:
		e.setFlags(flags &^ flagFields)
		db.dropFields(e.hash, e.ref)
	}
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
	if n == 0 {
		return 0
	}
	s := db.shard
	s.objects -= db.large
	s.volatile -= db.expires.Len() + db.fieldTTLs.Len()
	s.releaseDB(&contents{
		keys: db.keys, expires: db.expires, fieldTTLs: db.fieldTTLs, objects: db.objects,
	}, async)
	db.objects, db.freeObjects, db.large = nil, nil, 0
	db.newTables()
	db.expireCursor, db.fieldCursor, db.ttlMean = 0, 0, 0
	return n
}
