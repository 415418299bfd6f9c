package interop

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/coocood/freecache"
	"github.com/dgraph-io/ristretto/v2"
	"github.com/maypok86/otter/v2"
	"github.com/puzpuzpuz/xsync/v3"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp/resptest"
)

// The in-process benchmark: as many goroutines as -cpu says get or set random keys
// out of a million, 15 bytes each, with values of 32. As in a request, the key asked
// for is another string than the one stored, and the value is looked at.
//
//	go test -run '^$' -bench InProcess -cpu 2

const (
	benchKeys  = 1_000_000
	valueBytes = 32
)

var benchNames = sync.OnceValue(func() []string {
	names := make([]string, benchKeys)
	for i := range names {
		names[i] = fmt.Sprintf("key:%011d", i)
	}
	return names
})

// perCPU reports the processor time an operation took, which tells more than the
// time of day where others share the machine.
func perCPU(b *testing.B) (stop func()) {
	start := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") }
}

func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// A store is what is measured: get returns the length of the value it found.
type store interface {
	get(key string, buf []byte) ([]byte, bool)
	set(key string, value []byte)
}

type redweaveStore struct{ *redweave.Keyspace }

func (s redweaveStore) get(key string, buf []byte) ([]byte, bool) {
	v, ok, _ := s.AppendGet(buf, key)
	return v, ok
}
func (s redweaveStore) set(key string, value []byte) { s.Keyspace.Set(key, value) }

type xsyncStore struct{ *xsync.MapOf[string, []byte] }

func (s xsyncStore) get(key string, _ []byte) ([]byte, bool) { return s.Load(key) }
func (s xsyncStore) set(key string, value []byte)            { s.Store(key, value) }

type syncStore struct{ sync.Map }

func (s *syncStore) get(key string, _ []byte) ([]byte, bool) {
	v, ok := s.Load(key)
	if !ok {
		return nil, false
	}
	return v.([]byte), true
}
func (s *syncStore) set(key string, value []byte) { s.Store(key, value) }

type mutexStore struct {
	mu sync.RWMutex
	m  map[string][]byte
}

func (s *mutexStore) get(key string, _ []byte) ([]byte, bool) {
	s.mu.RLock()
	v, ok := s.m[key]
	s.mu.RUnlock()
	return v, ok
}

func (s *mutexStore) set(key string, value []byte) {
	s.mu.Lock()
	s.m[key] = value
	s.mu.Unlock()
}

type otterStore struct{ *otter.Cache[string, []byte] }

func (s otterStore) get(key string, _ []byte) ([]byte, bool) { return s.GetIfPresent(key) }
func (s otterStore) set(key string, value []byte)            { s.Set(key, value) }

type ristrettoStore struct {
	*ristretto.Cache[string, []byte]
}

func (s ristrettoStore) get(key string, _ []byte) ([]byte, bool) { return s.Get(key) }
func (s ristrettoStore) set(key string, value []byte)            { s.Set(key, value, 1) }

type freecacheStore struct{ *freecache.Cache }

func (s freecacheStore) get(key string, buf []byte) ([]byte, bool) {
	v, err := s.GetWithBuf([]byte(key), buf[:cap(buf)])
	return v, err == nil
}
func (s freecacheStore) set(key string, value []byte) { s.Set([]byte(key), value, 0) }

type miniredisStore struct{ *miniredis.Miniredis }

func (s miniredisStore) get(key string, _ []byte) ([]byte, bool) {
	v, err := s.Get(key)
	return []byte(v), err == nil
}
func (s miniredisStore) set(key string, value []byte) { s.Set(key, string(value)) }

var stores = []struct {
	name string
	open func(b *testing.B) store
}{
	{"redweave", func(b *testing.B) store {
		ks, err := redweave.Open(redweave.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { ks.Close() })
		return redweaveStore{ks}
	}},
	{"xsync.MapOf", func(*testing.B) store { return xsyncStore{xsync.NewMapOf[string, []byte]()} }},
	{"sync.Map", func(*testing.B) store { return &syncStore{} }},
	{"RWMutex+map", func(*testing.B) store { return &mutexStore{m: map[string][]byte{}} }},
	{"otter", func(*testing.B) store {
		return otterStore{otter.Must(&otter.Options[string, []byte]{MaximumSize: 2 * benchKeys})}
	}},
	{"ristretto", func(b *testing.B) store {
		c, err := ristretto.NewCache(&ristretto.Config[string, []byte]{NumCounters: 10 * benchKeys, MaxCost: 2 * benchKeys, BufferItems: 64})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Close)
		return ristrettoStore{c}
	}},
	{"freecache", func(*testing.B) store { return freecacheStore{freecache.NewCache(256 << 20)} }},
	{"miniredis", func(*testing.B) store { return miniredisStore{miniredis.NewMiniRedis()} }},
}

func BenchmarkInProcess(b *testing.B) {
	names := benchNames()
	for _, st := range stores {
		b.Run("store="+st.name, func(b *testing.B) {
			s := st.open(b)
			value := make([]byte, valueBytes)
			for _, k := range names {
				s.set(strings.Clone(k), append([]byte(nil), value...))
			}
			b.Run("op=get", func(b *testing.B) {
				b.ReportAllocs()
				defer perCPU(b)()
				b.RunParallel(func(p *testing.PB) {
					rnd := rand.New(rand.NewPCG(rand.Uint64(), 0))
					buf := make([]byte, 0, 64)
					for p.Next() {
						if v, ok := s.get(names[rnd.IntN(benchKeys)], buf[:0]); ok && (len(v) != valueBytes || v[0] != 0) {
							b.Errorf("a value of %d bytes", len(v))
						}
					}
				})
			})
			b.Run("op=set", func(b *testing.B) {
				b.ReportAllocs()
				defer perCPU(b)()
				b.RunParallel(func(p *testing.PB) {
					rnd := rand.New(rand.NewPCG(rand.Uint64(), 0))
					value := make([]byte, valueBytes)
					for p.Next() {
						s.set(names[rnd.IntN(benchKeys)], value)
					}
				})
			})
		})
	}
}

// scope is a benchmark's iteration as a test of its own: what it cleans up is not
// kept for the benchmark's end.
type scope struct{ testing.TB }

func (scope) Cleanup(func()) {}

// BenchmarkServer measures what a test pays for a server: start, one SET and one
// GET by a plain connection, stop.
func BenchmarkServer(b *testing.B) {
	b.Run("redweave/memory", func(b *testing.B) {
		b.ReportAllocs()
		defer perCPU(b)()
		for b.Loop() {
			s := resptest.NewServer(scope{b})
			c, err := s.Dial()
			converse(b, c, err)
			s.Close()
		}
	})
	b.Run("redweave/tcp", func(b *testing.B) {
		b.ReportAllocs()
		defer perCPU(b)()
		for b.Loop() {
			s := resptest.NewServer(scope{b})
			c, err := net.Dial("tcp", s.Addr())
			converse(b, c, err)
			s.Close()
		}
	})
	b.Run("miniredis/tcp", func(b *testing.B) {
		b.ReportAllocs()
		defer perCPU(b)()
		for b.Loop() {
			s := miniredis.NewMiniRedis()
			if err := s.Start(); err != nil {
				b.Fatal(err)
			}
			c, err := net.Dial("tcp", s.Addr())
			converse(b, c, err)
			s.Close()
		}
	})
}

// converse sets and gets a key and hangs up.
func converse(b *testing.B, c net.Conn, err error) {
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64)
	for _, x := range []struct{ request, last string }{
		{"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n", "+OK\r\n"},
		{"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "v\r\n"},
	} {
		if _, err := c.Write([]byte(x.request)); err != nil {
			b.Fatal(err)
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				b.Fatal(err)
			}
			if line == x.last {
				break
			}
		}
	}
}
