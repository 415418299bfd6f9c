package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/internal/rdb"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// The database file, written when somebody asks for it: SAVE, BGSAVE, SHUTDOWN SAVE,
// DEBUG RELOAD. It is Redis's, and redis-server reads it, unless the fields of some
// hash have TTLs. There is no process to fork, so BGSAVE owns everything while it
// writes, as SAVE does, and its reply comes when it is done.

var persistenceHandlers = handlers{
	"bgrewriteaof": cmdBGRewriteAOF, "bgsave": cmdBGSave, "lastsave": cmdLastSave,
	"save": cmdSave,
}

const (
	errSave        resp.Error = "ERR"
	errNoAOF       resp.Error = "ERR There is no append only file to rewrite"
	errReloadWords resp.Error = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
	errReloadLoad  resp.Error = "ERR Error trying to load the RDB dump, check server logs"
)

// snapshots is what is known of database files.
type snapshots struct {
	saves           int64 // since the start
	lastUnix        int64 // seconds, of the last that went well
	lastSeconds     int64 // that it took; -1: there was none
	failed          bool  // the last did not go well
	dirty           int64 // the number of modifications when it was written
	loaded, expired int64 // keys of the last file that was read
}

// snapshotFile is where the parameters dir and dbfilename say that the file is.
func (x *Exec) snapshotFile() string {
	return filepath.Join(x.config.Dir(), x.config.DBFilename)
}

// SaveFile writes the database file. An earlier one is replaced when the new one is
// complete and on the disk. The caller owns everything.
func (x *Exec) SaveFile(path string) (err error) {
	began := x.clock.Nanos()
	f, err := os.CreateTemp(filepath.Dir(path), "temp-*.rdb")
	if err == nil {
		err = x.writeSnapshot(f)
		if err == nil {
			err = f.Sync()
		}
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err == nil {
			err = os.Chmod(f.Name(), 0o644)
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}
	s := &x.snapshots
	if s.failed = err != nil; s.failed {
		x.log.Warn("Error saving DB on disk", "error", err)
		return err
	}
	s.saves++
	s.lastUnix = x.clock.UnixMilli() / 1000
	s.lastSeconds = (x.clock.Nanos() - began) / 1e9
	s.dirty = x.dirty()
	x.log.Info("DB saved on disk")
	return nil
}

// writeSnapshot writes everything there is.
func (x *Exec) writeSnapshot(f io.Writer) error {
	own := false
	x.databases(func(_ int, dbs []*keyspace.DB) {
		for _, db := range dbs {
			own = own || db.FieldVolatile() > 0
		}
	})
	now := x.now()
	w := rdb.NewWriter(f, own)
	w.About("redis-ver", x.Version)
	w.About("redis-bits", strconv.Itoa(strconv.IntSize))
	w.About("ctime", strconv.FormatInt(now/1000, 10))
	w.About("used-mem", strconv.FormatInt(x.usedMemory(), 10))
	for _, lib := range x.scripts.functions.order {
		w.Function(lib.Code)
	}
	lfu := x.settings.Policy.LFU()
	x.databases(func(i int, dbs []*keyspace.DB) {
		keys, volatile := 0, 0
		for _, db := range dbs {
			keys += db.Len()
			volatile += db.Volatile()
		}
		if keys == 0 {
			return
		}
		w.Database(i, keys, volatile)
		var e keyspace.Entry
		for _, db := range dbs {
			db.ForEach(&e, func(e *keyspace.Entry) bool {
				writeEntry(w, e, now, lfu)
				return true
			})
		}
	})
	return w.Close()
}

// writeEntry writes one key, unless its time has passed.
func writeEntry(w *rdb.Writer, e *keyspace.Entry, now int64, lfu bool) {
	if e.Due() || e.Type() == datatypes.Hash && hash.Open(e).Live(now) == 0 {
		return
	}
	entry := rdb.Entry{Key: e.Key(), IdleSeconds: -1, Freq: -1}
	entry.ExpireAtMs, _ = e.ExpireAt()
	if lfu {
		entry.Freq = int(e.Freq())
	}
	w.Entry(&entry, e.Type(), e, now)
}

// snapshot opens a database file: of what there is now, or the one on the disk.
func (x *Exec) snapshot(now bool) (*rdb.File, error) {
	if !now {
		return x.openSnapshot(x.snapshotFile())
	}
	var b bytes.Buffer
	if err := x.writeSnapshot(&b); err != nil {
		return nil, err
	}
	return rdb.Read(b.Bytes(), false)
}

// LoadFile adds what a database file holds to the keyspace: keys replace those of the
// same name. Those whose time has passed are left out. After an error what was read
// before it is there. The caller owns everything.
func (x *Exec) LoadFile(path string) error {
	f, err := x.openSnapshot(path)
	if err != nil {
		return err
	}
	return x.loadSnapshot(f)
}

// openSnapshot opens a file on the disk, and holds it against its checksum.
func (x *Exec) openSnapshot(path string) (*rdb.File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return rdb.Read(b, x.config.RDBChecksum)
}

// loadSnapshot is LoadFile of a file that has been opened.
func (x *Exec) loadSnapshot(f *rdb.File) error {
	s := &x.snapshots
	s.loaded, s.expired = 0, 0
	c := x.typed(0)
	defer func() { x.nobody.DB = 0 }()
	for f.Next() {
		if f.Function != "" {
			if err := c.restoreLibraries([]string{f.Function}, "REPLACE"); err != "" {
				return err
			}
			continue
		}
		if f.DB >= x.shards[0].Databases() {
			return errors.New("the file has a database that is not there: " + strconv.Itoa(f.DB))
		}
		if err := c.loadEntry(f); err != nil {
			return err
		}
	}
	s.dirty = x.dirty()
	return f.Err()
}

// loadEntry makes the key at which f stands.
func (c *Ctx) loadEntry(f *rdb.File) error {
	c.used = 0
	c.Client.DB = f.DB
	lim := rdb.Limits{Hash: &c.limits.hash, List: &c.limits.list, Set: &c.limits.set, ZSet: &c.limits.zset}
	t, err := f.Load(c.beginDraft(f.Key), &lim, c.now())
	if err != nil {
		c.endDraft()
		return err
	}
	if f.ExpireAtMs != 0 && f.ExpireAtMs <= c.now() || t == datatypes.Hash && hash.Open(&c.drafted).Len() == 0 {
		c.snapshots.expired++
		c.dropDraft()
		return nil
	}
	e, found := c.lookup(f.Key, keyspace.Peek)
	if found {
		c.db(f.Key).Delete(e, lazyfree.ServerDel)
	}
	c.createLoaded(e, f.Key, t, f.ExpireAtMs, f.IdleSeconds, int64(f.Freq))
	c.snapshots.loaded++
	return nil
}

func cmdSave(c *Ctx) {
	if c.SaveFile(c.snapshotFile()) != nil {
		c.Fail(errSave)
		return
	}
	c.OK()
}

func cmdBGSave(c *Ctx) {
	if len(c.Args) > 2 || len(c.Args) == 2 && !c.is(1, "SCHEDULE") {
		c.Fail(errSyntax)
		return
	}
	if c.SaveFile(c.snapshotFile()) != nil {
		c.Fail(errSave)
		return
	}
	c.Out.SimpleString("Background saving started")
}

func cmdLastSave(c *Ctx) { c.Out.Int(c.snapshots.lastUnix) }

func cmdBGRewriteAOF(c *Ctx) { c.Fail(errNoAOF) }

// debugReload writes everything out, forgets it, and reads it again: in memory, as a
// keyspace inside a program has no business in its directory, or with NOSAVE from the
// database file.
func debugReload(c *Ctx) {
	flush, save := true, true
	for i := 2; i < len(c.Args); i++ {
		switch {
		case c.is(i, "MERGE"):
		case c.is(i, "NOFLUSH"):
			flush = false
		case c.is(i, "NOSAVE"):
			save = false
		default:
			c.Fail(errReloadWords)
			return
		}
	}
	file, err := c.snapshot(save)
	if err != nil { // before anything is lost
		c.log.Warn("DEBUG RELOAD failed", "error", err)
		c.Fail(errReloadLoad)
		return
	}
	if flush {
		for _, s := range c.shards {
			for i := range s.Databases() {
				if db := s.Peek(i); db != nil {
					db.Empty(false)
				}
			}
		}
	}
	client, args, out := c.Client, c.Args, c.Out
	err = c.loadSnapshot(file)
	c.Client, c.Args, c.Out = client, args, out
	if err != nil {
		c.log.Warn("DEBUG RELOAD failed", "error", err)
		c.Fail(errReloadLoad)
		return
	}
	c.OK()
}
