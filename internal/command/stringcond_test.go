package command

import (
	"strings"
	"testing"

	"github.com/redweave/redweave/keyspace"
)

// An eavesdropper notes what a shard's hook is told.
type eavesdropper struct {
	events  []string
	changes int
}

func (h *eavesdropper) Modified(int, []byte) { h.changes++ }
func (h *eavesdropper) Flushed(int)          {}
func (h *eavesdropper) Event(_ int, class keyspace.EventClass, event string, key []byte) {
	if class != keyspace.EventKeyMiss {
		h.events = append(h.events, event+" "+string(key))
	}
}

// TestEventsOfNewCommands: what is told of changes by commands that the reference
// does not know. Whoever changes a key tells of it, and nobody else does.
func TestEventsOfNewCommands(t *testing.T) {
	b := newBench(t)
	var h eavesdropper
	b.x.shards[0].SetHook(&h)
	for _, c := range []struct{ line, want string }{
		{"SET k v IFEQ x", ""},
		{"SET k v IFNE x", "new k, set k"},
		{"SET k w IFEQ v EX 10", "set k, expire k"},
		{"SET k w IFEQ v", ""},
		{"DIGEST k", ""},
		{"DELEX k IFEQ v", ""},
		{"DELEX k IFEQ w", "del k"},
		{"MSETEX 2 a 1 b 2 NX", "new a, set a, new b, set b"},
		{"MSETEX 2 a 1 b 2 NX EX 10", ""},
		{"MSETEX 2 a 3 b 4 XX EX 10", "set a, expire a, set b, expire b"},
		{"INCREX n", "new n, incrby n"},
		{"INCREX n BYINT 5 UBOUND 3", ""},
		{"INCREX n BYINT 5 UBOUND 3 SATURATE", "incrby n"},
		{"INCREX n EX 10", "incrby n, expire n"},
		{"INCREX n EX 20 ENX", "incrby n"},
		{"INCREX n PERSIST", "incrby n, persist n"},
		{"INCREX n PERSIST", "incrby n"},
		{"INCREX n BYFLOAT 1.5", "incrbyfloat n"},
		{"INCREX n BYFLOAT 1 PXAT 1", "incrbyfloat n, del n"},
		{"HSETEX h FXX FIELDS 1 a 1", ""},
		{"HSETEX h FIELDS 2 a 1 b 2", "new h, hset h"},
		{"HSETEX h EX 10 FIELDS 1 a 1", "hset h, hexpire h"},
		{"HSETEX h FNX FIELDS 1 a 1", ""},
		{"HSETEX h PXAT 1 FIELDS 1 nofield 1", ""},
		{"HSETEX h PXAT 1 FIELDS 1 a 1", "hdel h"},
		{"HGETEX h FIELDS 1 b", ""},
		{"HGETEX h EX 10 FIELDS 2 b nofield", "hexpire h"},
		{"HGETEX h PERSIST FIELDS 1 b", "hpersist h"},
		{"HGETEX h PERSIST FIELDS 1 b", ""},
		{"HGETEX h PXAT 1 FIELDS 1 nofield", ""},
		{"HGETEX h PXAT 1 FIELDS 1 b", "hdel h, del h"},
		{"HSETEX h FIELDS 2 a 1 b 2", "new h, hset h"},
		{"HGETDEL h FIELDS 2 a nofield", "hdel h"},
		{"HGETDEL h FIELDS 1 nofield", ""},
		{"HGETDEL h FIELDS 1 b", "hdel h, del h"},
		{"PFADD p a", "new p, pfadd p"},
		{"PFADD p a", ""},
		{"PFCOUNT p", "-"}, // the count goes into the string: a change without an event
		{"PFCOUNT p", ""},
		{"PFMERGE p2 p", "new p2, pfadd p2"},
		{"SETBIT s 5 0", "new s, setbit s"},
		{"SETBIT s 5 0", ""},
		{"SETBIT s 5 1", "setbit s"},
		{"BITFIELD s GET u8 0", ""},
		{"BITFIELD s OVERFLOW FAIL INCRBY u2 0 4", ""},
		{"BITOP DIFF1 d nokey s", "new d, set d"},
		{"BITOP AND d nokey", "del d"},
		{"BITOP AND d nokey", ""},
	} {
		h = eavesdropper{}
		reply := b.do(c.line)
		want, changed := c.want, c.want != ""
		if want == "-" {
			want = ""
		}
		if got := strings.Join(h.events, ", "); got != want || (h.changes > 0) != changed {
			t.Errorf("%s: %q, %d changes, want %q; replied %q", c.line, got, h.changes, want, reply)
		}
	}
}

// TestFieldsKeepTheirHash: a hash whose fields HSETEX and HGETEX let expire is found
// by the active cycle and by commands, whatever its encoding.
func TestFieldsKeepTheirHash(t *testing.T) {
	for _, value := range []string{"1", strings.Repeat("long", 40)} {
		b := newBench(t)
		db := b.x.shards[0].DB(0)
		b.want("HSETEX h PX 100 FIELDS 2 a "+value+" b 2", ":1\r\n")
		if db.FieldVolatile() != 1 {
			t.Fatal("not tracked after HSETEX")
		}
		b.want("HGETEX h PERSIST FIELDS 1 b", "*1\r\n$1\r\n2\r\n")
		b.clock.Advance(101_000_000)
		b.want("HKEYS h", "*1\r\n$1\r\nb\r\n")
		b.want("HGETEX h PX 50 FIELDS 1 b", "*1\r\n$1\r\n2\r\n")
		if db.FieldVolatile() != 1 {
			t.Fatal("not tracked after HGETEX")
		}
		b.clock.Advance(51_000_000)
		b.want("HGETDEL h FIELDS 1 b", "*1\r\n$-1\r\n")
		b.want("EXISTS h", ":0\r\n")
		if db.FieldVolatile() != 0 {
			t.Fatal("tracked although it is gone")
		}
	}
}
