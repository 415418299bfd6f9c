package difftest

import (
	"math/rand/v2"
	"testing"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/transcript"
)

func TestText17(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0"}, {1, "1"}, {-2.5, "-2.5"}, {0.1, "0.10000000000000001"}, {1e17, "1e+17"}, {1e16, "10000000000000000"},
		{3.0000000000000004, "3.0000000000000004"}, {1e-5, "1.0000000000000001e-05"}, {1.5e300, "1.5000000000000001e+300"}, {0.0001, "0.0001"},
		{12345678901234567, "12345678901234568"},
	} {
		if got := text17(c.f); got != c.want {
			t.Errorf("text17(%v) = %s, want %s", c.f, got, c.want)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		rule      rule
		ours, ref string
		want      bool
	}{
		{rule{}, "+OK\r\n", "+OK\r\n", true},
		{rule{}, "+OK\r\n", "$2\r\nOK\r\n", false},
		{rule{}, "$-1\r\n", "*-1\r\n", false},
		{rule{}, "$3\r\n0.1\r\n", "$19\r\n0.10000000000000001\r\n", true},
		{rule{}, "$19\r\n0.10000000000000001\r\n", "$3\r\n0.1\r\n", false},
		{rule{}, "$18\r\n100000000000000000\r\n", "$5\r\n1e+17\r\n", true},
		{rule{}, "$3\r\n1.0\r\n", "$1\r\n1\r\n", false},
		{rule{}, ":1\r\n", ":2\r\n", false},
		{rule{clock: 2}, ":100\r\n", ":101\r\n", true},
		{rule{clock: 2}, ":100\r\n", ":104\r\n", false},
		{rule{clock: 2}, ":-1\r\n", ":-2\r\n", false},
		{rule{}, "*2\r\n+a\r\n+b\r\n", "*2\r\n+b\r\n+a\r\n", false},
		{rule{}, "*1\r\n+a\r\n", "*2\r\n+a\r\n+a\r\n", false},
	} {
		ours, err1 := transcript.Decode([]byte(c.ours))
		ref, err2 := transcript.Decode([]byte(c.ref))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if got := c.rule.same(ours, ref); got != c.want {
			t.Errorf("%+v: %q and %q are the same: %v", c.rule, c.ours, c.ref, got)
		}
	}
}

// everything is a server that has every command.
func everything() map[string]bool {
	all := map[string]bool{}
	for c := range spec.All() {
		all[c.Name] = true
	}
	return all
}

// TestSeedRepeats: a seed gives the same commands each time, but for what the
// clock puts into them.
func TestSeedRepeats(t *testing.T) {
	commands := func() []string {
		g := newGenerator(rand.New(rand.NewPCG(7, 7)), Options{}, everything())
		var list []string
		for range 1000 {
			c := g.next()
			if c.cmd.Group == spec.List {
				list = append(list, show(c.args))
			}
		}
		return list
	}
	a, b := commands(), commands()
	if len(a) == 0 || len(a) != len(b) {
		t.Fatalf("%d and %d commands", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("%s and %s", a[i], b[i])
		}
	}
}

// TestBlockingNeverForEver: what may wait is given a time to give up at.
func TestBlockingNeverForEver(t *testing.T) {
	g := newGenerator(rand.New(rand.NewPCG(7, 8)), Options{Only: []string{"blpop", "bzpopmin", "blmove"}}, everything())
	for range 1000 {
		c := g.next()
		if last := string(c.args[len(c.args)-1]); last == "0" {
			t.Fatal(show(c.args))
		}
	}
}

func TestDeclaredNamesCommands(t *testing.T) {
	for _, d := range differences {
		if spec.ByName(d.command) == nil || d.reason == "" {
			t.Errorf("%q is no command, or has no reason", d.command)
		}
	}
	for name := range rules {
		if spec.ByName(name) == nil {
			t.Errorf("a rule for %q", name)
		}
	}
	for name, reason := range left {
		if spec.ByName(name) == nil || reason == "" {
			t.Errorf("%q is left out", name)
		}
	}
}
