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
			if first, _ := box.Post(binary.BigEndian.AppendUint64(nil, i), i == n-1); first {
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
	if first, waiting := box.Post([]byte("y"), false); !first || waiting != 1 {
		t.Errorf("the box was not empty, or holds %d bytes, not 1", waiting)
	}
}

// What is shut takes nothing more, and remembers nothing.
func TestShut(t *testing.T) {
	var box mailbox.Box
	box.Post([]byte("x"), false)
	if box.IsShut() || !box.Shut() || box.Shut() || !box.IsShut() {
		t.Error("a box is shut once")
	}
	if first, waiting := box.Post([]byte("y"), true); first || waiting != 0 {
		t.Errorf("a shut box took something: %v, %d", first, waiting)
	}
	if b, unblocked := box.Take(nil); len(b) != 0 || unblocked {
		t.Errorf("a shut box gave %q, %v", b, unblocked)
	}
}

// A box knows since when somebody finds it too full, until it is emptied.
func TestFullSince(t *testing.T) {
	var box mailbox.Box
	box.Post([]byte("x"), false)
	if a, b := box.FullSince(5), box.FullSince(9); a != 5 || b != 5 {
		t.Errorf("full since %d, then since %d, want 5 twice", a, b)
	}
	box.Take(nil)
	box.Post([]byte("y"), false)
	if at := box.FullSince(12); at != 12 {
		t.Errorf("full since %d after it was emptied, want 12", at)
	}
}
