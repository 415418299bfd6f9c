package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/redweave/redweave"
)

// A test's program is asked to be a server, as compare is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveFlag {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestEveryLoadUnderEveryModel(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-t", "10ms", "-json", "-redis=false", "-threads", "2"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for dec := json.NewDecoder(&out); dec.More(); rows++ {
		var r result
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Commands == 0 || r.Seconds <= 0 || r.P50 <= 0 || r.P50 > r.P999 || r.Why == "" {
			t.Errorf("%s, %s, %s: %+v", r.Load, r.Where, r.Model, r)
		}
	}
	want := 0
	for _, l := range loads {
		want += len(redweave.Models())
		if l.inProcess {
			want += len(redweave.Models())
		}
	}
	if rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	err := run([]string{"-t", "10ms", "-load", "hot,tiny", "-models", "single-loop", "-where", "in-process"}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hot: everybody", "tiny: pipelined", "single-loop", "cmd/CPU s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run([]string{"-h"}, &out, io.Discard); err != flag.ErrHelp || !strings.Contains(out.String(), "hand-overs") || !strings.Contains(out.String(), "-models") {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestBadPlans(t *testing.T) {
	for _, args := range [][]string{{"-load", "nosuch"}, {"-models", "nosuch"}, {"-where", "nosuch"}, {"-t", "x"}, {"-t", "-1s"}, {"-threads", "-1"}, {"-threads", "129"}, {"-nosuch"}, {"tiny"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
