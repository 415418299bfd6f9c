// Crowd measures what a server spends on many at once, beside a redis-server that
// serves the same traffic in the same run:
//
//	subscribers  10,000 on 100 channels, so that each message reaches 100
//	blocked      1,000 clients in BLPOP on 10 lists, fed by RPUSH
//	stream       a million entries, then a group of 100 consumers: XREADGROUP, XACK
//
//	go run ./internal/measure/crowd [-only stream] [-models single-loop] [-scale 1] [-profile file]
//
// It prints the processor time of each server, and its ratio to redis-server's, which
// should be at most 1.5. And it checks that the traffic was right: each subscriber got
// its messages in order, each element went to one client, each entry was delivered and
// acknowledged once.
//
// Both ends of ten thousand connections are on this machine: there must be more
// descriptors than that for this program and as many for the server.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redweave/redweave/internal/measure/target"
)

// goal is the most that a server of ours may spend, in redis-server's time.
const goal = 1.5

// A crowd is one kind of traffic.
type crowd struct {
	name string
	// run sends it to the server at addr. It calls mark where the time is to be taken: at
	// the beginning without a name, and at the end of each part with the name of that.
	run func(addr string, scale float64, mark func(part string) error) error
}

var crowds = []crowd{{"subscribers", subscribers}, {"blocked", blocked}, {"stream", stream}}

// A plan is what the command line asks for.
type plan struct {
	only    []string // names of crowds
	models  []string
	threads int
	scale   float64 // of how much is sent
	profile string
}

func main() {
	target.Main()
	var p plan
	only := flag.String("only", "subscribers,blocked,stream", "what is measured, separated by commas")
	models := flag.String("models", "single-loop", "threading models, separated by commas")
	flag.IntVar(&p.threads, "threads", 2, "threads of each model that has several")
	flag.Float64Var(&p.scale, "scale", 1, "how much is sent, 1 is the full measure")
	flag.StringVar(&p.profile, "profile", "", "file for a profile of the last server's processor time")
	flag.Parse()
	p.only, p.models = strings.Split(*only, ","), strings.Split(*models, ",")
	if err := raiseDescriptors(); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
	}
	if err := run(os.Stdout, p); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, p plan) error {
	for _, c := range crowds {
		if !slices.Contains(p.only, c.name) {
			continue
		}
		reference, err := measure(c, p, target.Redis)
		if err != nil && !errors.Is(err, target.ErrNoRedis) {
			return fmt.Errorf("%s, redis-server: %w", c.name, err)
		}
		show(w, c.name, target.Redis, reference, nil)
		for _, model := range p.models {
			parts, err := measure(c, p, model)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", c.name, model, err)
			}
			show(w, c.name, model, parts, reference)
		}
	}
	return nil
}

// A part is what a server spent on a part of the traffic.
type part struct {
	name string
	cpu  time.Duration
}

// show prints a line for each part, with its ratio to the reference if there is one.
func show(w io.Writer, crowd, model string, parts, reference []part) {
	for i, p := range parts {
		fmt.Fprintf(w, "%-12s %-24s %-14s %8.3f s", crowd, p.name, model, p.cpu.Seconds())
		if reference != nil {
			ratio := p.cpu.Seconds() / reference[i].cpu.Seconds()
			fmt.Fprintf(w, "  %5.2f x redis-server", ratio)
			if ratio > goal {
				fmt.Fprintf(w, "  above %.1f", goal)
			}
		}
		fmt.Fprintln(w)
	}
}

// measure has a server serve a crowd.
func measure(c crowd, p plan, model string) (parts []part, err error) {
	s, err := target.Start(target.Options{
		Model: model, Threads: p.threads, Profile: p.profile, Config: map[string]string{"maxclients": "12000"},
	})
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	var last time.Duration
	err = c.run(s.Addr, p.scale, func(name string) error {
		cpu, err := s.CPU()
		if err == nil && name != "" {
			parts = append(parts, part{name, cpu - last})
		}
		last = cpu
		return err
	})
	return parts, err
}

// scaled is n at a scale, but at least one.
func scaled(n int, scale float64) int { return max(int(float64(n)*scale), 1) }

// text is s with a number.
func text(s string, i int) string { return s + strconv.Itoa(i) }
