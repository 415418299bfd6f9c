package command

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/rdb"
)

//go:embed testdata/payloads.txt
var payloads string

// bulk takes a bulk string's bytes out of a reply.
func bulk(t testing.TB, reply string) []byte {
	t.Helper()
	head, rest, ok := strings.Cut(reply, "\r\n")
	if !ok || head[0] != '$' || head == "$-1" {
		t.Fatalf("no bulk string: %q", reply)
	}
	return []byte(strings.TrimSuffix(rest, "\r\n"))
}

func (b *bench) restore(key string, payload []byte, more ...string) string {
	args := [][]byte{[]byte("RESTORE"), []byte(key), []byte("0"), payload}
	for _, m := range more {
		args = append(args, []byte(m))
	}
	return b.run(args...)
}

// TestPayloadsOfRedis restores what redis-server dumped, in its own forms and those of
// its ancestors.
func TestPayloadsOfRedis(t *testing.T) {
	b := debugBench(t)
	n := 0
	for line := range strings.Lines(payloads) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || line[0] == '#' {
			continue
		}
		n++
		text, digest, _ := strings.Cut(rest, " ")
		payload, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.restore(name, payload); got != "+OK\r\n" {
			t.Errorf("%s: %s", name, got)
			continue
		}
		want := "*1\r\n+" + digest + "\r\n"
		key := []byte(name)
		if got := b.run([]byte("DEBUG"), []byte("DIGEST-VALUE"), key); got != want {
			t.Errorf("%s has the digest %q, want %q", name, got, want)
		}
		again := bulk(t, b.run([]byte("DUMP"), key))
		b.restore("again", again, "REPLACE")
		if got := b.run([]byte("DEBUG"), []byte("DIGEST-VALUE"), []byte("again")); got != want {
			t.Errorf("%s, dumped here, has the digest %q, want %q", name, got, want)
		}
	}
	if n < 20 {
		t.Errorf("%d payloads", n)
	}
}

func TestRestoreFieldTTLs(t *testing.T) {
	b := newBench(t)
	b.do("HSET h f v g w")
	b.do("HPEXPIRE h 1000 FIELDS 1 f")
	payload := bulk(t, b.do("DUMP h"))
	b.do("DEL h")
	if got := b.restore("h", payload); got != "+OK\r\n" {
		t.Fatal(got)
	}
	b.want("HPTTL h FIELDS 2 f g", "*2\r\n:1000\r\n:-1\r\n")
	b.want("OBJECT ENCODING h", "$10\r\nlistpackex\r\n")
	b.clock.Advance(1001 * time.Millisecond)
	b.want("HGETALL h", "*2\r\n$1\r\ng\r\n$1\r\nw\r\n")
	// Restored when its time is up a field stays away, and a hash with no other too.
	b.restore("late", payload)
	b.want("HKEYS late", "*1\r\n$1\r\ng\r\n")
	b.do("HSET only f v")
	b.do("HPEXPIRE only 1000 FIELDS 1 f")
	payload = bulk(t, b.do("DUMP only"))
	b.clock.Advance(1001 * time.Millisecond)
	b.do("SET there before")
	if got := b.restore("there", payload, "REPLACE"); got != "+OK\r\n" {
		t.Error(got)
	}
	b.want("EXISTS there", ":0\r\n")
}

// TestRestoredStringIsNobodysDraft: the value that was loaded lies in the arguments,
// and the next command put its own together there.
func TestRestoredStringIsNobodysDraft(t *testing.T) {
	b := newBench(t)
	payload := []byte("\x00\x05hello\n\x00cr\xdfve4 \n")
	given := bytes.Clone(payload)
	b.restore("a", payload)
	b.do("SADD s one two three")
	b.do("ZADD z 1 a 2 b")
	if !bytes.Equal(payload, given) {
		t.Errorf("the argument became %q", payload)
	}
	b.want("GET a", "$5\r\nhello\r\n")
}

func TestSkipChecksum(t *testing.T) {
	b := debugBench(t)
	payload := []byte("\x00\x05hello\n\x0012345678")
	if got := b.restore("a", payload); got != "-"+string(errPayload)+"\r\n" {
		t.Error(got)
	}
	b.want("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1", "+OK\r\n")
	if got := b.restore("a", payload); got != "+OK\r\n" {
		t.Error(got)
	}
	b.want("GET a", "$5\r\nhello\r\n")
}

// TestRestoreFailsWhole: what cannot be read replaces nothing.
func TestRestoreFailsWhole(t *testing.T) {
	b := newBench(t)
	b.do("SET k v")
	used := b.do("MEMORY USAGE k")
	for _, value := range []string{"\x02\x02\x01a\x01a", "\x12\x05\x02", "\x04\x02\x01f" + string(bytes.Repeat([]byte{'x'}, 100)), "\xFF"} {
		if got := b.restore("k", rdb.Seal([]byte(value), 10), "REPLACE"); got != "-"+string(errDataFormat)+"\r\n" {
			t.Errorf("%q: %s", value, got)
		}
	}
	b.want("GET k", "$1\r\nv\r\n")
	b.want("MEMORY USAGE k", used)
}

// FuzzRestore: a server that restores anything goes on.
func FuzzRestore(f *testing.F) {
	for line := range strings.Lines(payloads) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ": ")
		text, _, _ := strings.Cut(rest, " ")
		if payload, err := hex.DecodeString(text); err == nil && len(payload) > 10 {
			f.Add(payload[:len(payload)-10])
		}
	}
	b := debugBench(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		b.t = t
		b.do("FLUSHALL")
		if b.restore("k", rdb.Seal(bytes.Clone(value), 10)) != "+OK\r\n" {
			return
		}
		kind := b.do("TYPE k")
		for _, line := range map[string][]string{
			"+string\r\n": {"APPEND k x", "GETRANGE k 0 -1"},
			"+list\r\n":   {"LPUSH k x", "LREM k 0 x", "RPOP k", "LRANGE k 0 -1"},
			"+set\r\n":    {"SADD k x", "SREM k x", "SPOP k", "SMEMBERS k"},
			"+zset\r\n":   {"ZADD k 1 x", "ZREM k x", "ZPOPMIN k", "ZRANGE k 0 -1 WITHSCORES"},
			"+hash\r\n":   {"HSET k x y", "HDEL k x", "HGETALL k"},
			"+stream\r\n": {"XADD k * f v", "XRANGE k - +", "XTRIM k MAXLEN 1"},
		}[kind] {
			b.do(line)
		}
		b.do("COPY k k2")
		if got, want := b.do("DEBUG DIGEST-VALUE k2"), b.do("DEBUG DIGEST-VALUE k"); got != want {
			t.Fatalf("%s: a copy has the digest %q, not %q", kind, got, want)
		}
		if b.do("EXISTS k") == ":1\r\n" {
			payload := bulk(t, b.do("DUMP k"))
			if got := b.restore("k3", payload); got != "+OK\r\n" {
				t.Fatalf("%s: %q: %s", kind, payload, got)
			}
		}
	})
}

func BenchmarkDump(b *testing.B) {
	x := newBench(b)
	for i := range 1000 {
		x.do(fmt.Sprintf("ZADD z %d member:%d", i, i))
		x.do(fmt.Sprintf("RPUSH l element:%d", i))
	}
	for _, key := range []string{"z", "l"} {
		payload := bulk(b, x.do("DUMP "+key))
		b.Run("dump/"+key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.do("DUMP " + key)
			}
		})
		b.Run("restore/"+key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.restore("copy", payload, "REPLACE")
			}
		})
	}
}
