package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/measure/target"
)

func TestMain(m *testing.M) {
	target.Main()
	os.Exit(m.Run())
}

// Every crowd is served rightly by every model.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	p := plan{models: redweave.Models(), threads: 3, scale: 0.01}
	for _, c := range crowds {
		p.only = append(p.only, c.name)
	}
	if testing.Short() { // each model serves one of them
		for i, model := range p.models {
			one := p
			one.models, one.only = []string{model}, p.only[i%len(p.only):][:1]
			if err := run(io.Discard, one); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	if err := run(&out, p); err != nil {
		t.Fatal(err)
	}
	for _, model := range p.models {
		if n := strings.Count(out.String(), " "+model+" "); n != 5 {
			t.Errorf("%d lines of %s:\n%s", n, model, out.String())
		}
	}
}

func TestScaled(t *testing.T) {
	if a, b := scaled(1000, 0.5), scaled(10, 0.001); a != 500 || b != 1 {
		t.Errorf("%d, %d", a, b)
	}
}
