package keyspace

// warmAtOnce is how many lookups wait for memory at the same time: about what a
// core can have outstanding, twice over.
const warmAtOnce = 32

// warmFrom is the number of keys from which on a database does not fit a core's
// own caches, so that warming pays.
const warmFrom = 2048

// Warm brings what lookups of the given keys will touch into the processor's
// caches, all at once: after it each lookup finds its bucket and its entry there.
// It changes nothing. A database small enough to be in the caches is left alone.
func (db *DB) Warm(keys [][]byte) {
	if db.keys.Len() < warmFrom {
		return
	}
	var hashes [warmAtOnce]uint64
	for len(keys) > 0 {
		n := min(len(keys), warmAtOnce)
		for i, key := range keys[:n] {
			hashes[i] = db.keys.Hash(key)
			db.keys.PrefetchBucket(hashes[i])
		}
		for _, h := range hashes[:n] {
			db.keys.PrefetchElement(h)
		}
		keys = keys[n:]
	}
}

// WarmEach is [DB.Warm] for keys of several databases: the i-th key is in the i-th of
// dbs, in none if that is nil.
func WarmEach(dbs []*DB, keys [][]byte) {
	var hashes [warmAtOnce]uint64
	for len(keys) > 0 {
		n := min(len(keys), warmAtOnce)
		for i, key := range keys[:n] {
			if db := dbs[i]; db != nil && db.keys.Len() >= warmFrom {
				hashes[i] = db.keys.Hash(key)
				db.keys.PrefetchBucket(hashes[i])
			}
		}
		for i, db := range dbs[:n] {
			if db != nil && db.keys.Len() >= warmFrom {
				db.keys.PrefetchElement(hashes[i])
			}
		}
		dbs, keys = dbs[n:], keys[n:]
	}
}
