package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/listpack"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/keyspace"
)

const (
	manyHashes  = 1_000_000
	hashFields  = 8
	zsetMembers = 1_000_000
)

// A side is one of the two servers compared: it takes commands, and says how
// much memory it uses.
type side interface {
	hash(key []byte, fields, values [][]byte) error
	add(key, member []byte, score int64) error
	used() (int64, error)
}

// compare gives both the same data and prints what each needs beyond the payload
// that load returns.
func compare(w io.Writer, what string, load func(s side) (payload int64, err error)) error {
	var over [2]int64
	for i, open := range []func() (side, func(), error){openOurs, openRedis} {
		s, stop, err := open()
		if err != nil {
			return err
		}
		before, err := s.used()
		var payload, after int64
		if err == nil {
			payload, err = load(s)
		}
		if err == nil {
			after, err = s.used()
		}
		stop()
		if err != nil {
			return err
		}
		over[i] = after - before - payload
		row(w, what+[]string{", here", ", redis-server"}[i], "payload %.1f MB, used %.1f MB, beyond payload %.1f MB",
			mb(payload), mb(after-before), mb(over[i]))
	}
	row(w, "ours to redis-server's", "%.3f", float64(over[0])/float64(over[1]))
	return nil
}

func measureHashes(w io.Writer) error {
	if err := compareHashes(w, "hashes of 8 strings", "v%d-%07d"); err != nil {
		return err
	}
	return compareHashes(w, "hashes of 8 numbers", "%[1]d%06[2]d")
}

// compareHashes writes the value of field f of hash i by format.
func compareHashes(w io.Writer, what, format string) error {
	return compare(w, what, func(s side) (payload int64, err error) {
		fields, values := make([][]byte, hashFields), make([][]byte, hashFields)
		for i := range manyHashes {
			key := fmt.Appendf(nil, "user:%07d", i)
			payload += int64(len(key))
			for f := range fields {
				fields[f] = fmt.Appendf(fields[f][:0], "field%d", f)
				values[f] = fmt.Appendf(values[f][:0], format, f+1, i)
				payload += int64(len(fields[f]) + len(values[f]))
			}
			if err := s.hash(key, fields, values); err != nil {
				return 0, err
			}
		}
		return payload, nil
	})
}

func measureZSet(w io.Writer) error {
	return compare(w, "sorted set of a million", func(s side) (payload int64, err error) {
		key := []byte("scores")
		payload = int64(len(key))
		var member []byte
		for i := range zsetMembers {
			member = fmt.Appendf(member[:0], "member:%07d", i)
			payload += int64(len(member)) + 8
			if err := s.add(key, member, int64(i*7919%zsetMembers)); err != nil {
				return 0, err
			}
		}
		return payload, nil
	})
}

// ours is a shard, filled the way the commands do it.
type ours struct {
	s     *keyspace.Shard
	e     keyspace.Entry
	draft []byte
	lim   zset.Limits
}

func openOurs() (side, func(), error) {
	o := &ours{s: keyspace.New(keyspace.Options{SmallPages: true}), lim: zset.DefaultLimits()}
	o.s.Tick(time.Now().UnixMilli())
	return o, o.s.Close, nil
}

func (o *ours) used() (int64, error) { return o.s.Used(), nil }

func (o *ours) hash(key []byte, fields, values [][]byte) error {
	lp := listpack.AppendEmpty(o.draft[:0])
	for i := range fields {
		lp = listpack.Append(listpack.Append(lp, fields[i]), values[i])
	}
	o.draft = lp
	o.s.DB(0).Create(&o.e, key, datatypes.Hash, datatypes.ListPack, lp, 0)
	return nil
}

func (o *ours) add(key, member []byte, score int64) error {
	db := o.s.DB(0)
	if !db.Lookup(&o.e, key, keyspace.Write) {
		db.Create(&o.e, key, datatypes.ZSet, datatypes.Raw, nil, 0)
		zset.Init(&o.e, 1, len(member), &o.lim)
	}
	zset.Open(&o.e).Add(member, float64(score), zset.Flags{}, &o.lim)
	return nil
}

// redis is a redis-server of its own, spoken to without waiting for replies.
type redis struct {
	conn net.Conn
	w    *bufio.Writer
	r    *bufio.Reader
	sent int
}

func openRedis() (side, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.Command("redis-server", "--port", port, "--save", "", "--appendonly", "no", "--daemonize", "no")
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 100 {
		time.Sleep(50 * time.Millisecond)
		if conn, err := net.Dial("tcp", addr); err == nil {
			return &redis{conn: conn, w: bufio.NewWriterSize(conn, 1<<16), r: bufio.NewReaderSize(conn, 1<<16)}, stop, nil
		}
	}
	stop()
	return nil, nil, errors.New("redis-server does not answer")
}

// send queues a command whose reply is one line.
func (r *redis) send(args ...[]byte) error {
	fmt.Fprintf(r.w, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(r.w, "$%d\r\n", len(a))
		r.w.Write(a)
		r.w.WriteString("\r\n")
	}
	if r.sent++; r.sent < 500 {
		return nil
	}
	return r.drain()
}

// drain reads the replies of all commands sent.
func (r *redis) drain() error {
	if err := r.w.Flush(); err != nil {
		return err
	}
	for ; r.sent > 0; r.sent-- {
		line, err := r.r.ReadString('\n')
		if err != nil || line[0] == '-' {
			return fmt.Errorf("redis-server: %q, %w", line, err)
		}
	}
	return nil
}

func (r *redis) hash(key []byte, fields, values [][]byte) error {
	args := [][]byte{[]byte("HSET"), key}
	for i := range fields {
		args = append(args, fields[i], values[i])
	}
	return r.send(args...)
}

func (r *redis) add(key, member []byte, score int64) error {
	return r.send([]byte("ZADD"), key, strconv.AppendInt(nil, score, 10), member)
}

// used asks a while after the last command, when its buffers are small again.
func (r *redis) used() (int64, error) {
	if err := r.drain(); err != nil {
		return 0, err
	}
	time.Sleep(3 * time.Second)
	fmt.Fprint(r.conn, "INFO memory\r\n")
	head, err := r.r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(head[1:]))
	if err != nil {
		return 0, err
	}
	body := make([]byte, n+2)
	if _, err := io.ReadFull(r.r, body); err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(body), "used_memory:")
	value, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseInt(value, 10, 64)
}
