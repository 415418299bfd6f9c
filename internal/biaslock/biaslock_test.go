package biaslock

import (
	"sync"
	"testing"

	"github.com/puzpuzpuz/xsync/v3"
)

// Readers must see both halves of a pair that writers change together, and no
// increment may be lost.
func TestExclusion(t *testing.T) {
	const writers, readers, rounds = 2, 2, 300
	var l Lock
	var a, b int
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range rounds {
				if i%64 != 0 {
					for range biasAfter { // let the bias come back between writes
						l.RUnlock(l.RLock())
					}
				}
				l.Lock()
				a++
				b++
				l.Unlock()
				if testing.Short() && i > rounds/4 {
					break
				}
			}
		})
	}
	stop := make(chan struct{})
	var rg sync.WaitGroup
	for range readers {
		rg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				tok := l.RLock()
				if a != b {
					t.Errorf("a reader saw half a write: %d, %d", a, b)
				}
				l.RUnlock(tok)
			}
		})
	}
	wg.Wait()
	close(stop)
	rg.Wait()
	if a != b || a == 0 {
		t.Errorf("lost writes: %d, %d", a, b)
	}
}

func TestBiasComesAndGoes(t *testing.T) {
	var l Lock
	for i := range biasAfter {
		if l.biased.Load() {
			t.Fatalf("biased after %d reads, want %d", i, biasAfter)
		}
		l.RUnlock(l.RLock())
	}
	if !l.biased.Load() {
		t.Fatalf("not biased after %d reads", biasAfter)
	}
	const n = 10
	for range n {
		l.RUnlock(l.RLock())
	}
	l.Lock()
	if got := l.Reads(); got != n+biasAfter {
		t.Errorf("Reads() = %d, want %d", got, n+biasAfter)
	}
	l.Unlock()
	if l.biased.Load() {
		t.Error("still biased after a writer")
	}
}

func TestReadersThatWrite(t *testing.T) {
	var l Lock
	const n = 3 * biasAfter
	for range n {
		l.RUnlockWrite(l.RLock())
	}
	if !l.biased.Load() {
		t.Error("not biased, though nobody owned")
	}
	l.RUnlock(l.RLock())
	l.Lock()
	if l.Writes() != n || l.Reads() != 1 {
		t.Errorf("Writes() = %d, Reads() = %d, want %d, 1", l.Writes(), l.Reads(), n)
	}
	l.Unlock()
}

// Whoever escalates owns, and alone, from a slot as well as through the mutex.
func TestEscalate(t *testing.T) {
	var l Lock
	var wg sync.WaitGroup
	sum := 0
	const rounds = 2000
	for range 4 {
		wg.Go(func() {
			for i := range rounds {
				if i%8 != 0 {
					l.RUnlock(l.RLock())
					continue
				}
				for range biasAfter {
					l.RUnlock(l.RLock())
				}
				l.Escalate(l.RLock())
				sum++
				l.Unlock()
			}
		})
	}
	wg.Wait()
	if sum != 4*rounds/8 {
		t.Errorf("%d of %d additions", sum, 4*rounds/8)
	}
	l.Lock()
	if want := uint64(4 * (rounds - rounds/8 + rounds/8*biasAfter)); l.Reads() != want {
		t.Errorf("Reads() = %d, want %d: an escalated read is none", l.Reads(), want)
	}
	l.Unlock()
}

func TestWriterWaitsForBiasedReader(t *testing.T) {
	var l Lock
	for range biasAfter {
		l.RUnlock(l.RLock())
	}
	tok := l.RLock()
	if tok.s == nil {
		t.Fatal("the reader is not in a slot")
	}
	locked := make(chan struct{})
	go func() { l.Lock(); close(locked); l.Unlock() }()
	for l.biased.Load() {
	}
	select {
	case <-locked:
		t.Fatal("a writer passed a reader")
	default:
	}
	l.RUnlock(tok)
	<-locked
}

// guarded is what the benchmarks' locks guard.
var guarded int

func BenchmarkRead(b *testing.B) {
	b.Run("biaslock", func(b *testing.B) {
		var l Lock
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.RUnlock(l.RLock())
			}
		})
	})
	b.Run("RBMutex", func(b *testing.B) {
		l := xsync.NewRBMutex()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.RUnlock(l.RLock())
			}
		})
	})
	b.Run("RWMutex", func(b *testing.B) {
		var l sync.RWMutex
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.RLock()
				_ = guarded
				l.RUnlock()
			}
		})
	})
}

func BenchmarkWrite(b *testing.B) {
	b.Run("biaslock", func(b *testing.B) {
		var l Lock
		for b.Loop() {
			l.Lock()
			guarded++
			l.Unlock()
		}
	})
	b.Run("RBMutex", func(b *testing.B) {
		l := xsync.NewRBMutex()
		for b.Loop() {
			l.Lock()
			guarded++
			l.Unlock()
		}
	})
}
