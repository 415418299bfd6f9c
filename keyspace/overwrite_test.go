package keyspace

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redweave/redweave/internal/sharedword"
)

func TestOverwriteShared(t *testing.T) {
	if !sharedword.Overwriting {
		t.Skip("not in this build")
	}
	text := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name, key, value string
		want             bool
	}{
		{"same length", "raw:100", strings.Repeat("y", 100), true},
		{"a little shorter", "raw:100", text(95), true},
		{"too long for its block", "raw:100", text(400), false},
		{"too short for its block", "raw:100", text(50), false},
		{"short", "short", "another", true},
		{"empty", "short", "", true},
		{"embstr by raw", "emb:44", text(45), false},
		{"raw by embstr", "raw:45", text(44), false},
		{"an integer", "short", "12", false},
		{"over an integer", "int", "text", false},
		{"over a TTL", "ttl", "text", false},
		{"over a set", "set", "text", false},
		{"over nothing", "none", "text", false},
		{"over a value of its own block", "outlined", text(5000), false},
		{"too long to wait for", "raw:600", text(600), false},
	}
	fill := func(o Options) *bench {
		b := newBench(t, o)
		for key, value := range map[string]string{
			"short": "value", "int": "7", "emb:44": text(44), "raw:45": text(45), "raw:100": text(100), "raw:600": text(600),
			"outlined": text(5000),
		} {
			b.put(0, key, value, 0)
		}
		b.put(0, "ttl", "value", epoch+1000)
		b.addSet(0, "set", 3)
		return b
	}
	over := func(b *bench, key, value string) bool {
		return b.s.OverwriteShared(0, b.s.Hash([]byte(key)), []byte(key), []byte(value))
	}
	for _, tt := range tests {
		b := fill(Options{})
		before, _ := b.s.AppendShared(nil, 0, []byte(tt.key), fixedClock(epoch))
		b.s.Tick(epoch + 5000)
		if got := over(b, tt.key, tt.value); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		want := tt.value
		if !tt.want {
			want = string(before)
		}
		if got, _ := b.s.AppendShared(nil, 0, []byte(tt.key), fixedClock(epoch)); string(got) != want {
			t.Errorf("%s: reads %.20q, want %.20q", tt.name, got, want)
		}
		if tt.want {
			b.s.DB(0).Lookup(&b.e, []byte(tt.key), Peek)
			if b.e.IdleMs() != 0 || b.e.Encoding() != StringOf([]byte(tt.value)).Enc {
				t.Errorf("%s: idle %d ms, encoding %v", tt.name, b.e.IdleMs(), b.e.Encoding())
			}
		}
		b.check()
	}

	b := fill(Options{})
	b.s.SetHook(&eventLog{})
	if over(b, "short", "value") {
		t.Error("overwritten beside a hook")
	}
	b.s.SetHook(nil)
	b.set.MaxMemory = b.s.Used() - 1
	if over(b, "short", "value") {
		t.Error("overwritten above maxmemory")
	}
	b.set.MaxMemory = b.s.Used()
	if !over(b, "short", "value") {
		t.Error("not overwritten at maxmemory")
	}
	b.set.Policy = AllKeysLFU
	b.s.Configured()
	if over(b, "short", "value") {
		t.Error("overwritten under LFU")
	}
	if b.s.OverwriteShared(3, b.s.Hash([]byte("short")), []byte("short"), []byte("value")) || b.s.Peek(3) != nil {
		t.Error("overwritten in a database that was never used")
	}
}

// Writers and readers of a few keys at once: every value read is one that was
// written, whole.
func TestOverwriteSharedIsWhole(t *testing.T) {
	if !sharedword.Overwriting {
		t.Skip("not in this build")
	}
	b := newBench(t, Options{})
	const keys = 3
	value := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 100+i%26/4) }
	for k := range keys {
		b.put(0, fmt.Sprint("key:", k), string(value(0)), 0)
	}
	rounds := 200_000
	if testing.Short() {
		rounds = 20_000
	}
	var wg sync.WaitGroup
	var refused, torn atomic.Int64
	for w := range 3 {
		wg.Go(func() {
			for i := range rounds {
				key := fmt.Appendf(nil, "key:%d", (i+w)%keys)
				if !b.s.OverwriteShared(0, b.s.Hash(key), key, value(i*7+w)) {
					refused.Add(1)
				}
			}
		})
		wg.Go(func() {
			buf := make([]byte, 0, 128)
			for i := range rounds {
				got, how := b.s.AppendShared(buf, 0, fmt.Appendf(nil, "key:%d", (i+w)%keys), fixedClock(0))
				if how != SharedHit || len(got) < 100 || !bytes.Equal(got, value(int(got[0]-'a'))) {
					if torn.Add(1) < 5 {
						t.Errorf("read %d, %q", how, got)
					}
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d writes met another", refused.Load(), 3*rounds)
	if refused.Load() > int64(3*rounds)/2 {
		t.Error("most writes were refused")
	}
	b.check()
}

// eventLog is a hook that hears and forgets.
type eventLog struct{}

func (*eventLog) Modified(int, []byte)                  {}
func (*eventLog) Event(int, EventClass, string, []byte) {}
func (*eventLog) Flushed(int)                           {}
