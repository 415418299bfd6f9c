package keyspace

import "github.com/redweave/redweave/lazyfree"

// Transfer is Rename to a database that may be another shard's. Then the value is
// copied, since its blocks belong to the memory it stands in, and the old one is freed,
// in the background if it is large: copyObject is as in [DB.Copy].
func (db *DB) Transfer(src, dst *Entry, to *DB, key []byte, copyObject func(from, to *Entry)) {
	if db.shard == to.shard {
		db.Rename(src, dst, to, key)
		return
	}
	access := src.access()
	to.Copy(src, dst, key, copyObject)
	dst.setAccess(access)
	db.Delete(src, lazyfree.Async)
}
