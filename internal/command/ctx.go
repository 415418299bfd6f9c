package command

import (
	"math"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// A Ctx is one command in execution: who asked, what for, and where the reply
// goes. It belongs to its Exec and is used again for the next command, so that
// running a command allocates nothing.
type Ctx struct {
	*Exec
	frame

	inTransaction bool      // the command runs inside EXEC
	inScript      bool      // …or inside a script
	stopped       bool      // the handler blocked: there is no reply
	again         *blocked  // what is run again, nil at first
	ready         [1][]byte // the key that it is run again for

	entries [4]keyspace.Entry // handles for the command's keys
	scratch []byte
	draft   []byte            // where a new small value is put together
	drafted datatypes.MemSlot // see beginDraft
	scores  []float64         // those of a ZADD
	side    resp.Writer       // see beginSide
	txArgs  [][]byte          // of EXEC's present command
	geo     geoScratch
	sort    sortScratch
}

// A frame is what a command and the one that it runs inside another have each for itself:
// see [Ctx.call].
type frame struct {
	Client *Client
	Args   [][]byte     // Args[0] is the command's name; good until the handler returns
	Out    *resp.Writer // the reply is appended here
	cmd    *Command
	used   int  // of Ctx.entries
	failed bool // an error reply was written
}

// db returns the client's current database in the shard that holds key.
func (c *Ctx) db(key []byte) *keyspace.DB { return c.shardOf(key).DB(c.Client.DB) }

// entry returns a handle that lives as long as the command.
func (c *Ctx) entry() *keyspace.Entry {
	if c.used < len(c.entries) {
		c.used++
		return &c.entries[c.used-1]
	}
	return new(keyspace.Entry)
}

// lookup finds key in the client's database. The handle is usable for
// SetString even when the key is not there: see [keyspace.Entry.Found].
func (c *Ctx) lookup(key []byte, m keyspace.Mode) (*keyspace.Entry, bool) {
	e := c.entry()
	return e, c.lookupInto(e, key, m)
}

// lookupInto is lookup with a handle of the caller's.
func (c *Ctx) lookupInto(e *keyspace.Entry, key []byte, m keyspace.Mode) bool {
	if c.Client.Flags&noTouch != 0 {
		m |= keyspace.NoTouch
	}
	return c.db(key).Lookup(e, key, m)
}

// lookupType finds key and checks that it holds a t. ok is false when it holds
// something else: the error has been replied. found is false when there is no
// such key.
func (c *Ctx) lookupType(key []byte, t datatypes.Type, m keyspace.Mode) (e *keyspace.Entry, found, ok bool) {
	e, found = c.lookup(key, m)
	if found && e.Type() != t {
		c.Fail(ErrWrongType)
		return e, found, false
	}
	return e, found, true
}

// Fail replies an error.
func (c *Ctx) Fail(err resp.Error) {
	c.failed = true
	c.Exec.countError(err)
	c.Out.Error(err)
}

// OK replies +OK.
func (c *Ctx) OK() { c.Out.SimpleString("OK") }

// boolInt replies 1 or 0.
func (c *Ctx) boolInt(b bool) {
	n := int64(0)
	if b {
		n = 1
	}
	c.Out.Int(n)
}

// beginSide empties the side writer, where a reply whose head is known last is
// gathered.
func (c *Ctx) beginSide() *resp.Writer {
	c.side.Reset()
	c.side.Proto = c.Out.Proto
	return &c.side
}

// endSide replies what is in the side writer.
func (c *Ctx) endSide() {
	c.Out.Raw(c.side.Bytes())
	if cap(c.side.Bytes()) > 1<<20 {
		c.side = resp.Writer{}
	}
}

// modified tells the keyspace's hooks of a change of key, and of the event.
func (c *Ctx) modified(key []byte, class keyspace.EventClass, event string) {
	db := c.db(key)
	db.Modified(key)
	db.Event(class, event, key)
}

// deleted is modified for a key that went away because its last element did.
func (c *Ctx) deleted(e *keyspace.Entry, key []byte) {
	e.DB().Delete(e, lazyfree.ServerDel)
	e.DB().Event(keyspace.EventGeneric, "del", key)
}

// intOr reads argument i as a 64-bit integer; if it is none, it replies err.
func (c *Ctx) intOr(i int, err resp.Error) (int64, bool) {
	n, ok := keyspace.ParseInt(c.Args[i])
	if !ok {
		c.Fail(err)
	}
	return n, ok
}

// int reads argument i as a 64-bit integer, or replies that it is none.
func (c *Ctx) int(i int) (int64, bool) { return c.intOr(i, errNotInteger) }

// symmetricInt reads argument i as an integer whose negative is one too.
func (c *Ctx) symmetricInt(i int) (int64, bool) {
	n, ok := c.int(i)
	if ok && n == math.MinInt64 {
		c.Fail(errBelowMinimum)
		return 0, false
	}
	return n, ok
}

// count reads argument i as a non-negative integer, or replies an error.
func (c *Ctx) count(i int) (int64, bool) {
	n, ok := keyspace.ParseInt(c.Args[i])
	if !ok || n < 0 {
		c.Fail(errNotPositive)
		return 0, false
	}
	return n, true
}

// intBetween reads argument i as an integer in [lo, hi], or replies err.
func (c *Ctx) intBetween(i int, lo, hi int64, err resp.Error) (int64, bool) {
	n, ok := keyspace.ParseInt(c.Args[i])
	if !ok || n < lo || n > hi {
		c.Fail(err)
		return 0, false
	}
	return n, true
}

// int32 reads argument i as an integer that is one of C's as well.
func (c *Ctx) int32(i int) (int64, bool) {
	n, ok := c.int(i)
	if ok && (n < math.MinInt32 || n > math.MaxInt32) {
		c.Fail(errNotInt32)
		return 0, false
	}
	return n, ok
}

// span reads arguments i and i+1 as integers: where a range begins and where it ends.
func (c *Ctx) span(i int) (first, last int64, ok bool) {
	if first, ok = c.int(i); ok {
		last, ok = c.int(i + 1)
	}
	return first, last, ok
}

// float reads argument i as a double, or replies that it is none.
func (c *Ctx) float(i int) (float64, bool) {
	f, ok := zset.ParseScore(c.Args[i])
	if !ok || math.IsNaN(f) {
		c.Fail(errNotFloat)
		return 0, false
	}
	return f, true
}

// is reports whether argument i is the given upper-case word, in any case.
func (c *Ctx) is(i int, word string) bool { return equalFold(c.Args[i], word) }

// equalFold compares b with an upper-case ASCII word without regard to case.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range b {
		ch := b[i]
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		if ch != word[i] {
			return false
		}
	}
	return true
}

// stringOf returns the bytes of a string value; those of an int are rendered
// into the context's scratch buffer and good until its next use.
func (c *Ctx) stringOf(e *keyspace.Entry) []byte {
	if e.Encoding() == datatypes.Int {
		c.scratch = keyspace.AppendInt(c.scratch[:0], e.Int())
		return c.scratch
	}
	return e.View()
}

// randomArgs reads the count of HRANDFIELD or ZRANDMEMBER, negative for draws with
// repetition, and the word that asks for values as well.
func (c *Ctx) randomArgs(word string) (count int64, values, ok bool) {
	if count, ok = c.symmetricInt(2); !ok {
		return 0, false, false
	}
	values = len(c.Args) == 4 && c.is(3, word)
	switch {
	case len(c.Args) > 3 && !values:
		c.Fail(errSyntax)
		return 0, false, false
	case values && (count > math.MaxInt64/2 || count < -(math.MaxInt64/2)):
		c.Fail(errOutOfRange)
		return 0, false, false
	}
	return count, values, true
}

// repeated draws count times, with repetition, for a reply that began at start of the
// output. How often is the client's to choose, so it is done in pieces, and a reply that
// has become larger than anything else can be is taken back.
func (c *Ctx) repeated(count int64, start int, draw func(n int)) {
	const piece = 4096
	for ; count > 0; count -= piece {
		draw(int(min(count, piece)))
		if int64(c.Out.Len()-start) > 2*c.maxBulk {
			c.Out.Truncate(start)
			c.Fail(errReplyTooLarge)
			return
		}
	}
}
