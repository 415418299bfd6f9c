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
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, redweave.Models(), 3, 4, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "of a core"); n != len(redweave.Models()) {
		t.Errorf("%d rows:\n%s", n, out.String())
	}
}

// Whatever the machine does beside: who spins uses all of a core.
func TestNobodySpins(t *testing.T) {
	for _, model := range redweave.Models() {
		share := 1.0
		for n := 0; n < 5 && share > 0.3; n++ { // it may still be starting; spinning does not end
			var err error
			if share, err = measure(target.Options{Model: model, Threads: 4}, 3, 300*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if share > 0.3 {
			t.Errorf("%s: %.0f %% of a core", model, 100*share)
		}
	}
}

func TestNoSuchModel(t *testing.T) {
	if err := run(&bytes.Buffer{}, []string{"nosuch"}, 1, 1, time.Millisecond); err == nil {
		t.Error("a model that there is not is measured")
	}
}
