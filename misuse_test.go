package redweave_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

// What a caller does wrong is an error, whatever the command, and leaves nothing behind.

func TestNilContext(t *testing.T) {
	ks := openWith(t)
	var none context.Context
	_, ping := ks.Do(none, "PING")
	_, pop := ks.Do(none, "BLPOP", "queue", 0)
	_, sub := ks.Subscribe(none, "news")
	_, psub := ks.PSubscribe(none, "n*")
	for i, err := range []error{ping, pop, sub, psub, ks.Shutdown(none)} {
		if err == nil || err.Error() != "redweave: nil context" {
			t.Errorf("call %d: %v", i, err)
		}
	}
	publish(t, ks, "news", "rain", 0)
}

// A context that is over ends waiting, and nothing else.
func TestContextThatIsOver(t *testing.T) {
	ks := openWith(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := ks.Do(over, "INCR", "n"); v.Int != 1 || err != nil {
		t.Errorf("INCR: %v, %v", v, err)
	}
	if v, err := ks.Do(over, "BLPOP", "queue", 0); !errors.Is(err, context.Canceled) {
		t.Errorf("BLPOP: %v, %v", v, err)
	}
	if v, err := ks.Do(t.Context(), "RPUSH", "queue", "x"); v.Int != 1 || err != nil {
		t.Errorf("RPUSH after a BLPOP that was given up: %v, %v", v, err)
	}
}

func TestSetWithRefusedOptions(t *testing.T) {
	ks := openWith(t)
	ks.Set("k", []byte("before"))
	const syntax, expire resp.Error = "ERR syntax error", "ERR invalid expire time in 'set' command"
	for _, tt := range []struct {
		o    redweave.SetOptions
		want error
	}{
		{redweave.SetOptions{NX: true, XX: true}, syntax},
		{redweave.SetOptions{TTL: time.Second, KeepTTL: true}, syntax},
		{redweave.SetOptions{TTL: -time.Second}, expire}, // not for ever
		{redweave.SetOptions{TTL: -1}, expire},
	} {
		if set, err := ks.SetWith("k", []byte("after"), tt.o); set || err != tt.want {
			t.Errorf("%+v: %v, %v; want %v", tt.o, set, err, tt.want)
		}
	}
	if v, _, _ := ks.Get("k"); string(v) != "before" {
		t.Errorf("the value is %q now", v)
	}
}

func TestDoArgumentsWithoutText(t *testing.T) {
	ks := openWith(t)
	type name string
	for _, arg := range []any{nil, struct{}{}, []string{"a"}, new(int), name("a"), errors.New("a")} {
		if _, err := ks.Do(t.Context(), "SET", "k", arg); err == nil || !strings.HasPrefix(err.Error(), "redweave: an argument of type ") {
			t.Errorf("%T: %v", arg, err)
		}
	}
	if _, err := ks.Do(t.Context(), "SET", "k", "v", "PX", time.Second); err == nil || !strings.Contains(err.Error(), "Milliseconds") {
		t.Errorf("a duration: %v", err)
	}
	if n, err := ks.Exists("k"); n != 0 || err != nil {
		t.Errorf("Exists: %d, %v", n, err)
	}
}

func TestCallsAfterClose(t *testing.T) {
	for _, model := range redweave.Models() {
		ks := openWith(t, "--threading-model", model, "--port", "0", "--unixsocket", t.TempDir()+"/s")
		ks.Set("k", []byte("v"))
		if err := ks.Close(); err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		for what, call := range map[string]func() error{
			"Do":             func() error { _, err := ks.Do(ctx, "PING"); return err },
			"Do that blocks": func() error { _, err := ks.Do(ctx, "BLPOP", "queue", 0); return err },
			"Get":            func() error { _, _, err := ks.Get("k"); return err },
			"Set":            func() error { return ks.Set("k", nil) },
			"SetWith":        func() error { _, err := ks.SetWith("k", nil, redweave.SetOptions{NX: true}); return err },
			"Del":            func() error { _, err := ks.Del("k"); return err },
			"Exists":         func() error { _, err := ks.Exists("k"); return err },
			"Expire":         func() error { _, err := ks.Expire("k", 1); return err },
			"TTL":            func() error { _, _, err := ks.TTL("k"); return err },
			"Incr":           func() error { _, err := ks.Incr("k", 1); return err },
			"Dial":           func() error { _, err := ks.Dial(); return err },
			"Listen":         func() error { _, err := ks.Listen(); return err },
			"ListenAndServe": func() error { return ks.ListenAndServe("127.0.0.1:0") },
			"Subscribe":      func() error { _, err := ks.Subscribe(ctx, "news"); return err },
			"Publish":        func() error { _, err := ks.Publish("news", "rain"); return err },
			"Save":           func() error { return ks.Save(t.TempDir() + "/f") },
			"Load":           func() error { return ks.Load(t.TempDir() + "/f") },
		} {
			if err := call(); err != redweave.ErrClosed {
				t.Errorf("%s under %s: %v", what, model, err)
			}
		}
		if err := ks.Close(); err != nil {
			t.Errorf("Close a second time under %s: %v", model, err)
		}
	}
}
