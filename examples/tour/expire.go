package main

import (
	"time"

	"github.com/redweave/redweave"
)

// expire shows a key with a TTL, in real time: nobody deletes it, and nobody has
// to ask for it, for it to go.
func (t *tour) expire() error {
	t.heading("A key that goes by itself")
	const ttl = 300 * time.Millisecond
	if _, err := t.ks.SetWith("session", []byte("ann"), redweave.SetOptions{TTL: ttl}); err != nil {
		return err
	}
	t.printf("   > SET session ann PX %d\n", ttl.Milliseconds())
	for {
		value, found, err := t.ks.Get("session")
		if err != nil {
			return err
		}
		if !found {
			t.printf("   GET session: nothing\n")
			return nil
		}
		left, _, err := t.ks.TTL("session")
		if err != nil {
			return err
		}
		t.printf("   GET session: %s, for another %d ms\n", value, left.Milliseconds())
		time.Sleep(90 * time.Millisecond)
	}
}
