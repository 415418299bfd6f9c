// Abuse measures what well-behaved clients suffer from others: the latency of a GET
// when they are alone, and beside one client that floods, one that never reads, and ten
// thousand that connect and die.
//
//	go run ./internal/measure/abuse [-clients 20] [-threads 4] [-rounds 5] [-t 500ms] [-models sharded]
//
//	   the other processors                 │   processor 0
//	┌──────────────┐   GET, one at a time   │  ┌─────────┐
//	│ this process ├────────────────────────┼─>│         │
//	└──────────────┘                        │  │ server, │
//	┌──────────────┐                        │  │ all its │
//	│ abuser,      │                        │  │ threads │
//	│ a process    ├────────────────────────┼─>│         │
//	└──────────────┘                        │  └─────────┘
//
// The server has a processor of its own, so that what is measured is what it lets one
// client do to others. Where everybody has all processors, a server that is never idle,
// as somebody floods it, keeps those who wait for its replies off its processor for the
// scheduler's time slice: milliseconds, whatever it does. The abuser gets only the time
// of the others' processors that nobody else wants, as he would have a machine of his own.
//
// The goal is that the 99th percentile is at most twice that of the well-behaved alone.
// The last column is the memory that the server has more than before the abuse.
//
// The machine has other things to do, which come and go. So each figure is the best of
// several rounds, in which the cases alternate.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/measure/target"
)

// goal is how much worse the 99th percentile may become.
const goal = 2

// A plan is what the command line asks for.
type plan struct {
	models  []string
	clients int
	threads int
	rounds  int
	time    time.Duration // of each measurement
	abuses  []string
	profile string // file for one of the server's processor time; "": none
	apart   bool   // the server has a processor of its own
}

const (
	serverCPUs = "0"
	apartEnv   = "ABUSE_APART"
)

// processors returns those for everybody but the server, if that can have one of its own.
func processors() (others string, apart bool) {
	n := runtime.NumCPU()
	if os.Getenv(apartEnv) != "" {
		return "", true
	}
	return fmt.Sprint("1-", n-1), n > 1 && target.CanKeep()
}

// again runs this program on some processors, and returns its exit status.
func again(cpus string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "abuse:", err)
		return 1
	}
	c := target.Keep(cpus, self, os.Args[1:]...)
	c.Env = append(os.Environ(), apartEnv+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if c.Run() != nil {
		return 1
	}
	return 0
}

func main() {
	target.Main()
	cpus, apart := processors()
	if apart && os.Getenv(apartEnv) == "" { // this program again, on the others' processors
		os.Exit(again(cpus))
	}
	if len(os.Args) == 4 && os.Args[1] == abuserFlag {
		if err := abuse(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "abuser:", err)
			os.Exit(1)
		}
		return
	}
	var p plan
	models := flag.String("models", strings.Join(append(redweave.Models(), target.Redis), ","), "what is measured, separated by commas")
	flag.IntVar(&p.clients, "clients", 20, "well-behaved clients")
	flag.IntVar(&p.threads, "threads", 4, "threads of each model that has several")
	flag.IntVar(&p.rounds, "rounds", 5, "rounds, of which the best counts")
	flag.DurationVar(&p.time, "t", 500*time.Millisecond, "how long each measurement takes")
	kinds := flag.String("abuses", strings.Join(abuses, ","), "what it suffers, separated by commas")
	flag.StringVar(&p.profile, "profile", "", "file for a profile of the server's processor time")
	flag.Parse()
	p.abuses = strings.Split(*kinds, ",")
	p.models = strings.Split(*models, ",")
	if p.apart = apart; !apart {
		fmt.Println("note: the server has no processor of its own")
	}
	if err := run(os.Stdout, p); err != nil {
		fmt.Fprintln(os.Stderr, "abuse:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, p plan) error {
	fmt.Fprintf(w, "%-14s %-10s %10s %10s %8s %9s\n", "model", "beside", "p50", "p99", "x alone", "memory")
	for _, model := range p.models {
		if err := measure(w, p, model); err != nil {
			return fmt.Errorf("%s: %w", model, err)
		}
	}
	return nil
}

// measure prints a model's rows.
func measure(w io.Writer, p plan, model string) error {
	s, err := prepared(model, p)
	if err != nil {
		return err
	}
	defer s.Stop()
	if _, err := behave(s.Addr, p.clients, p.time); err != nil { // to be warm
		return err
	}
	before, err := s.RSS()
	if err != nil {
		return err
	}
	var alone latency
	besides := make([]latency, len(p.abuses))
	for range p.rounds {
		l, err := behave(s.Addr, p.clients, p.time)
		if err != nil {
			return err
		}
		alone.improve(l)
		for i, kind := range p.abuses {
			if l, err = beside(s, kind, p); err != nil {
				return err
			}
			besides[i].improve(l)
		}
	}
	fmt.Fprintf(w, "%-14s %-10s %10s %10s\n", model, "nobody", short(alone.p50), short(alone.p99))
	times := func(l latency) float64 { return float64(l.p99) / float64(alone.p99) }
	for i, kind := range p.abuses {
		l := besides[i]
		verdict := ""
		if times(l) > goal {
			verdict = " *"
		}
		fmt.Fprintf(w, "%-14s %-10s %10s %10s %8.2f %6d MB%s\n", "", kind, short(l.p50), short(l.p99), times(l),
			(l.rss-before)>>20, verdict)
	}
	return nil
}

// improve makes l the better of two rounds, with the worse of their memory.
func (l *latency) improve(other latency) {
	rss := max(l.rss, other.rss)
	if l.p99 == 0 || other.p99 < l.p99 {
		*l = other
	}
	l.rss = rss
}

const bigValue = 1 << 20

// prepared starts a server with the keys that everybody asks for.
func prepared(model string, p plan) (*target.Server, error) {
	o := target.Options{
		Model: model, Threads: p.threads, Profile: p.profile, Config: map[string]string{"maxclients": "20000"},
	}
	if p.apart {
		o.CPUs = serverCPUs
	}
	s, err := target.Start(o)
	if err != nil {
		return nil, err
	}
	c, err := target.Dial(s.Addr)
	if err == nil {
		defer c.Close()
		for i := range manyKeys {
			if _, err = c.Do("SET", keyName(i), strings.Repeat("x", 32)); err != nil {
				break
			}
		}
	}
	if err == nil {
		_, err = c.Do("SET", "big", strings.Repeat("x", bigValue))
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

const manyKeys = 1000

func keyName(i int) string { return fmt.Sprintf("key:%06d", i) }

// beside measures a server's clients while there is an abuser of it.
func beside(s *target.Server, kind string, p plan) (latency, error) {
	a, err := startAbuser(kind, s.Addr)
	if err != nil {
		return latency{}, err
	}
	defer a.stop()
	l, err := behave(s.Addr, p.clients, p.time)
	if err == nil {
		l.rss, err = s.RSS()
	}
	return l, err
}

// A latency is what clients waited for a reply.
type latency struct {
	p50, p99 time.Duration
	rss      int64 // of the server, at the end
}

// behave has clients GET one key after the other, without pipelines.
func behave(addr string, clients int, t time.Duration) (latency, error) {
	took := make([][]time.Duration, clients)
	errs := make([]error, clients)
	var all sync.WaitGroup
	until := time.Now().Add(t)
	for i := range clients {
		all.Go(func() { took[i], errs[i] = one(addr, i, until) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return latency{}, err
		}
	}
	return summary(slices.Concat(took...)), nil
}

// one is a well-behaved client.
func one(addr string, id int, until time.Time) (took []time.Duration, err error) {
	c, err := target.Dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for i, now := id, time.Now(); now.Before(until); i++ {
		if _, err := c.Do("GET", keyName(i%manyKeys)); err != nil {
			return nil, err
		}
		then := now
		now = time.Now()
		took = append(took, now.Sub(then))
	}
	return took, nil
}

func summary(took []time.Duration) (l latency) {
	if len(took) == 0 {
		return l
	}
	slices.Sort(took)
	l.p50, l.p99 = took[len(took)/2], took[len(took)*99/100]
	return l
}

// short renders a time with three digits.
func short(d time.Duration) string {
	if d >= time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.0f µs", float64(d)/1e3)
}
