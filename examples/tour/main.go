// Tour shows what a keyspace inside a program is good for, in a few seconds and
// without a server: it reads the sources of the Go standard library that stand on
// this machine, files them as Redis's data types, and asks them questions.
//
//	go run ./examples/tour
//
// Its chapters are files of their own, one idea each:
//
//	fill.go      one command per fact, from several goroutines
//	ask.go       questions to sorted sets, sets, hashes and lists
//	expire.go    keys that go away by themselves
//	unlink.go    a million elements given back behind the caller's back
//	memory.go    bytes per key, and what is left for the garbage collector
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	root, err := findSources()
	if err != nil {
		return err
	}
	return walk(w, plan{root: root, members: 1_000_000, lines: 500_000})
}

// A plan is how far a tour goes.
type plan struct {
	root    string // the folder of sources
	members int    // of the set that is unlinked
	lines   int    // that become keys of their own
}

// A tour is a plan on its way.
type tour struct {
	plan
	*screen
	ks *redweave.Keyspace
}

// walk does all chapters one after another.
func walk(w io.Writer, p plan) error {
	start := time.Now()
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		return err
	}
	defer ks.Close()
	t := &tour{p, newScreen(w), ks}
	t.title("A keyspace inside this program: no server, no port, no copy of Redis")
	for _, chapter := range []func() error{t.fill, t.ask, t.expire, t.unlink, t.memory} {
		if err := chapter(); err != nil {
			return err
		}
	}
	t.printf("\nThe tour took %s. The same keyspace can serve redis-cli: see examples/server.\n",
		rounded(time.Since(start)))
	return nil
}

// do runs a command.
func (t *tour) do(args ...any) (resp.Value, error) {
	return t.ks.Do(context.Background(), args...)
}
