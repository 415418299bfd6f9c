package command

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redweave/redweave/keyspace"
	"github.com/redweave/redweave/lazyfree"
	"github.com/redweave/redweave/resp"
)

// MIGRATE sends keys to another server and deletes them here when that has them.
//
// A key must not change between being sent and being deleted, so whoever runs
// MIGRATE keeps its keys' shards until the answer has come: as with Redis, other
// clients of those shards wait. Redis counts the timeout anew for each read and write.
// Here it is for all of it together, connecting included: what the caller allows is
// the longest time the keyspace stands still. Redis keeps the connection for ten
// seconds, in case of another MIGRATE; here each has its own, so that no socket
// outlives the command.

const (
	errMigrateKeys    resp.Error = "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
	errMigrateConnect resp.Error = "IOERR error or timeout connecting to the client"
	errMigrateWrite   resp.Error = "IOERR error or timeout writing to target instance"
	errMigrateRead    resp.Error = "IOERR error or timeout reading to target instance"
)

// A migration is a MIGRATE as it was asked.
type migration struct {
	copies, replace bool
	user, password  []byte // user nil: the default one; password nil: no AUTH
	keys            [][]byte
	db              int64
	timeout         time.Duration
}

// defaultMigrateTimeout is for a timeout that is not positive.
const defaultMigrateTimeout = time.Second

func (o *migration) parse(c *Ctx) bool {
	o.keys = c.Args[3:4]
options:
	for i := 6; i < len(c.Args); i++ {
		left := len(c.Args) - i - 1
		switch {
		case c.is(i, "COPY"):
			o.copies = true
		case c.is(i, "REPLACE"):
			o.replace = true
		case left > 0 && c.is(i, "AUTH"):
			o.user, o.password = nil, c.Args[i+1]
			i++
		case left > 1 && c.is(i, "AUTH2"):
			o.user, o.password = c.Args[i+1], c.Args[i+2]
			i += 2
		case c.is(i, "KEYS"):
			if len(c.Args[3]) > 0 {
				c.Fail(errMigrateKeys)
				return false
			}
			o.keys = c.Args[i+1:]
			break options
		default:
			c.Fail(errSyntax)
			return false
		}
	}
	ms, ok := c.int(5)
	if !ok {
		return false
	}
	if o.db, ok = c.int(4); !ok {
		return false
	}
	o.timeout = defaultMigrateTimeout
	if ms > 0 {
		o.timeout = time.Duration(min(ms, int64(1<<63-1)/int64(time.Millisecond))) * time.Millisecond
	}
	return true
}

func cmdMigrate(c *Ctx) {
	var o migration
	if !o.parse(c) {
		return
	}
	request, sent := c.migrateRequest(&o)
	if len(sent) == 0 {
		c.Out.SimpleString("NOKEY")
		return
	}
	conn, err := o.dial(string(c.Args[1]), string(c.Args[2]))
	if err != "" {
		c.Fail(err)
		return
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		c.Fail(errMigrateWrite)
		return
	}
	if err := c.migrated(&o, sent, resp.NewReader(bufio.NewReader(conn))); err != "" {
		c.Fail(err)
		return
	}
	c.OK()
}

// migrateRequest returns the commands for the other server, and the keys that are
// there to be sent.
func (c *Ctx) migrateRequest(o *migration) (request []byte, sent [][]byte) {
	if o.password != nil {
		auth := [][]byte{[]byte("AUTH"), o.user, o.password}
		if o.user == nil {
			auth = slices.Delete(auth, 1, 2)
		}
		request = resp.AppendCommand(request, auth...)
	}
	request = resp.AppendCommand(request, "SELECT", strconv.FormatInt(o.db, 10))
	var payload []byte
	for _, key := range o.keys {
		e, found := c.lookupDump(key)
		if !found {
			continue
		}
		ttl := int64(0)
		if at, expires := e.ExpireAt(); expires {
			ttl = max(at-c.now(), 1)
		}
		payload = c.appendDump(payload[:0], e)
		args := [][]byte{[]byte("RESTORE"), key, strconv.AppendInt(nil, ttl, 10), payload}
		if o.replace {
			args = append(args, []byte("REPLACE"))
		}
		request = resp.AppendCommand(request, args...)
		sent = append(sent, key)
	}
	return request, sent
}

// dial connects to the other server. Everything that is done with the connection
// must be done before the timeout has passed.
func (o *migration) dial(host, port string) (net.Conn, resp.Error) {
	deadline := time.Now().Add(o.timeout)
	d := net.Dialer{Deadline: deadline}
	conn, err := d.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		var unknown *net.DNSError
		var invalid *net.AddrError
		if errors.As(err, &unknown) || errors.As(err, &invalid) {
			return nil, errMigrateConnect
		}
		return nil, errMigrateWrite // nobody there: Redis finds out when it writes
	}
	conn.SetDeadline(deadline)
	return conn, ""
}

// migrated reads the answers and deletes the keys that have arrived. It returns the
// first thing that went wrong, after having gone on with the other keys.
func (c *Ctx) migrated(o *migration, sent [][]byte, r *resp.Reader) (failure resp.Error) {
	answer := func() (ok, lost bool) {
		v, err := r.Read()
		if err != nil {
			return false, true
		}
		if v.Err() != nil {
			if failure == "" {
				failure = resp.Error("ERR Target instance replied with error: " + v.Str)
			}
			return false, false
		}
		return true, false
	}
	preparations := 1
	if o.password != nil {
		preparations++
	}
	ready := true
	for range preparations {
		ok, lost := answer()
		if lost {
			return errMigrateRead
		}
		ready = ready && ok
	}
	for _, key := range sent {
		ok, lost := answer()
		if lost {
			return errMigrateRead
		}
		// A key that went to another database or user than was meant stays here.
		if ok && ready && !o.copies {
			c.moved(key)
		}
	}
	return failure
}

// moved deletes a key that another server has now.
func (c *Ctx) moved(key []byte) {
	e := c.entry()
	if c.lookupInto(e, key, keyspace.Peek) {
		c.db(key).Delete(e, lazyfree.ServerDel)
		c.modified(key, keyspace.EventGeneric, "del")
	}
}
