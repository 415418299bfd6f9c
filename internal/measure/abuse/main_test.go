package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/measure/target"
)

func TestMain(m *testing.M) {
	target.Main()
	if len(os.Args) == 4 && os.Args[1] == abuserFlag {
		if err := abuse(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Every model is measured beside every abuser, and survives.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	p := plan{models: redweave.Models(), clients: 3, threads: 2, rounds: 1, time: 20 * time.Millisecond, abuses: abuses}
	if testing.Short() { // each beside one
		for i, model := range p.models {
			one := p
			one.models, one.abuses = []string{model}, abuses[i%len(abuses):][:1]
			if err := run(&out, one); err != nil {
				t.Fatal(err)
			}
		}
		p.abuses = p.abuses[:1]
	} else if err := run(&out, p); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "MB"); n != len(p.models)*len(p.abuses) {
		t.Errorf("%d rows:\n%s", n, out.String())
	}
}

func TestNoSuchAbuse(t *testing.T) {
	if err := abuse("nosuch", "", strings.NewReader(""), &bytes.Buffer{}); err == nil {
		t.Error("an abuse that there is not goes on")
	}
}

func TestSummary(t *testing.T) {
	var took []time.Duration
	for i := range 1000 {
		took = append(took, time.Duration(1000-i))
	}
	l := summary(took)
	if l.p50 != 501 || l.p99 != 991 {
		t.Errorf("%d, %d", l.p50, l.p99)
	}
	l.rss = 5
	l.improve(latency{p50: 1, p99: 2, rss: 3})
	if l.p50 != 1 || l.p99 != 2 || l.rss != 5 {
		t.Errorf("%+v", l)
	}
	if summary(nil) != (latency{}) {
		t.Error("nothing has a summary")
	}
}
