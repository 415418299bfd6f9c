package keyspace

import (
	"math/rand/v2"
	"testing"
)

func TestSlot(t *testing.T) {
	for _, c := range []struct {
		key  string
		slot int
	}{
		// As redis-server's CLUSTER KEYSLOT says.
		{"", 0}, {"123456789", 12739}, {"foo", 12182}, {"bar", 5061}, {"somekey", 11058}, {"foo{hash_tag}", 2515},
		{"{user1000}.following", 3443}, {"{user1000}.followers", 3443},
		{"foo{}{bar}", 8363}, {"foo{{bar}}zap", 4015}, {"foo{bar}{zap}", 5061}, {"{bar", 4015}, {"}{bar}", 5061},
	} {
		if got := Slot([]byte(c.key)); got != c.slot {
			t.Errorf("slot of %q is %d, want %d", c.key, got, c.slot)
		}
	}
}

// crc16 must be what the definition, bit by bit, gives.
func TestCRC16(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 64 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		var want uint16
		for _, c := range b {
			want ^= uint16(c) << 8
			for range 8 {
				carry := want & 0x8000
				want <<= 1
				if carry != 0 {
					want ^= 0x1021
				}
			}
		}
		if got := crc16(b); got != want {
			t.Fatalf("crc16(%x) = %#x, want %#x", b, got, want)
		}
	}
}

func BenchmarkSlot(b *testing.B) {
	key := []byte("key:000000012345")
	for b.Loop() {
		Slot(key)
	}
}
