package mailbox_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/redweave/redweave/internal/mailbox"
)

// What is posted comes out once, whole and in order, and whoever finds the box empty
// is the one who tells.
func TestOrder(t *testing.T) {
	var box mailbox.Box
	const n = 10_000
	told := make(chan struct{}, n)
	go func() {
		for i := range uint64(n) {
			if box.Post(binary.BigEndian.AppendUint64(nil, i), i == n-1) {
				told <- struct{}{}
			}
			if i%64 == 0 {
				runtime.Gosched()
			}
		}
	}()
	var got []byte
	for unblocked := false; !unblocked; {
		<-told
		got, unblocked = box.Take(got)
	}
	if len(got) != 8*n {
		t.Fatalf("%d bytes, want %d", len(got), 8*n)
	}
	for i := range uint64(n) {
		if v := binary.BigEndian.Uint64(got[8*i:]); v != i {
			t.Fatalf("message %d is %d", i, v)
		}
	}
	if b, unblocked := box.Take(nil); b != nil || unblocked || box.Waiting() || box.Len() != 0 {
		t.Errorf("an empty box gave %q, %v", b, unblocked)
	}
}

// A box that was full once does not keep the memory.
func TestForgets(t *testing.T) {
	var box mailbox.Box
	box.Post(bytes.Repeat([]byte("x"), 1<<20), false)
	if box.Len() != 1<<20 {
		t.Fatalf("%d bytes wait", box.Len())
	}
	box.Take(nil)
	if first := box.Post([]byte("y"), false); !first {
		t.Error("the box was not empty")
	}
}
