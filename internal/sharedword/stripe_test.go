package sharedword

import (
	"sync"
	"testing"
)

func TestStripe(t *testing.T) {
	var q Stripe
	before := q.Load()
	if !q.Lock() || q.Lock() {
		t.Error("one writer at a time, not none and not two")
	}
	if Overwriting && q.Load()&1 == 0 {
		t.Error("even while somebody writes")
	}
	q.Unlock()
	if after := q.Settled(); Overwriting && (after&1 != 0 || after == before) {
		t.Errorf("%d before, %d after", before, after)
	}
}

func TestStripeExcludesWriters(t *testing.T) {
	var q Stripe
	var wg sync.WaitGroup
	sum := 0
	for range 4 {
		wg.Go(func() {
			for n := 0; n < 1000; {
				if q.Lock() {
					sum++
					q.Unlock()
					n++
				} else {
					q.Settled()
				}
			}
		})
	}
	wg.Wait()
	if sum != 4000 {
		t.Errorf("%d of 4000 additions", sum)
	}
}
