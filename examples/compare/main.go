// Compare runs the same workload under every threading model in turn, and says which
// model did best at what, and why.
//
//	go run ./examples/compare [-load tiny,many] [-models single-loop,sharded] [-t 2s] [-threads 4] [-json]
//
// Over loopback each model is a process of its own, this program again, so that its
// processor time is its own; a redis-server found on the PATH joins as a row. In
// process, goroutines of this program are the callers. The loads are chosen because
// they turn the ranking over: see loads.go. What two cores cannot show is counted:
// hand-overs, wake-ups and cache lines that cross from one thread to another, for each
// command: see why.go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/redweave/redweave"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveFlag {
		if err := serve(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "compare: serving:", err)
			os.Exit(1)
		}
		return
	}
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// maxThreads is how many io-threads and server-threads may be.
const maxThreads = 128

// A plan is what the command line asks for.
type plan struct {
	loads     []load
	models    []string
	threads   int // of each model; 0 means as many as suit the machine
	time      time.Duration
	inProcess bool
	network   bool
	redis     bool // redis-server, if it is there
	json      bool
}

// usage is what -h says before it lists the flags.
const usage = `Compare runs the same loads under every threading model in turn.

cmd/CPU s   commands a second of the server's processor time
p50 …       how long a reply takes, in half of the cases, in 99 and in 99.9 of a hundred
hand-overs  from one thread to another, a command
wake-ups    of a thread that slept, a command
lines       cache lines that cross from one thread to another, a command, as reckoned
allocs      allocations, a command

`

// readPlan reads the command line. The error is flag.ErrHelp when that asks for help,
// which it then has got.
func readPlan(args []string, stdout io.Writer) (p plan, err error) {
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	names := f.String("load", "all", "loads, separated by commas: "+strings.Join(loadNames(), ", "))
	models := f.String("models", strings.Join(redweave.Models(), ","), "threading models, separated by commas")
	f.IntVar(&p.threads, "threads", 0, "threads of each model that has several; 0: as many as suit the machine, and two at least")
	f.DurationVar(&p.time, "t", time.Second, "how long each measurement takes")
	where := f.String("where", "both", "in-process, loopback or both")
	f.BoolVar(&p.redis, "redis", true, "compare with a redis-server found on the PATH")
	f.BoolVar(&p.json, "json", false, "print JSON, a line for each measurement")
	err = f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		f.SetOutput(stdout)
		f.PrintDefaults()
		return p, err
	case err != nil:
		return p, fmt.Errorf("%w; -h lists what there is", err)
	case f.NArg() > 0:
		return p, fmt.Errorf("%q is no flag; -h lists what there is", f.Arg(0))
	case p.time <= 0:
		return p, fmt.Errorf("-t is a positive time, not %v", p.time)
	case p.threads < 0 || p.threads > maxThreads:
		return p, fmt.Errorf("-threads is a number from 0 to %d, not %d", maxThreads, p.threads)
	}
	if p.loads, err = loadsNamed(*names); err != nil {
		return p, err
	}
	p.models = strings.Split(*models, ",")
	for _, m := range p.models {
		if !slices.Contains(redweave.Models(), m) {
			return p, fmt.Errorf("there is no threading model %q", m)
		}
	}
	p.inProcess = *where == "in-process" || *where == "both"
	p.network = *where == "loopback" || *where == "both"
	if !p.inProcess && !p.network {
		return p, fmt.Errorf("-where is in-process, loopback or both, not %q", *where)
	}
	return p, nil
}

// run measures all that the plan names, and shows each result as it comes.
func run(args []string, stdout, stderr io.Writer) error {
	p, err := readPlan(args, stdout)
	if err != nil {
		return err
	}
	s := newScreen(stdout, stderr, p.json)
	for _, l := range p.loads {
		if p.network {
			if err := compare(s, p, l, overLoopback); err != nil {
				return err
			}
		}
		if p.inProcess && l.inProcess {
			if err := compare(s, p, l, inProcess); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare measures one load under every model.
func compare(s *screen, p plan, l load, measure func(plan, load, string) (result, error)) error {
	s.begin(l)
	names := p.models
	if p.redis && redisServer() != "" {
		names = append(slices.Clone(names), redisName)
	}
	var all []result
	for i, name := range names {
		s.progress(i, len(names), name)
		r, err := measure(p, l, name)
		if err == errNotHere {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s under %s: %w", l.name, name, err)
		}
		all = append(all, r)
	}
	s.table(all)
	return nil
}
