// Idle measures what a server costs that has nothing to do: the processor time of each
// model with connections that are silent, as a share of one core.
//
//	go run ./internal/measure/idle [-clients 50] [-threads 4] [-t 5s] [-models sharded]
//
// Asking for the time used costs a command or two, which are counted, too.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/measure/target"
)

// goal is the most that an idle server may use of a core.
const goal = 0.005

func main() {
	target.Main()
	clients := flag.Int("clients", 50, "connections")
	threads := flag.Int("threads", 4, "threads of each model that has several")
	t := flag.Duration("t", 5*time.Second, "how long each is watched")
	models := flag.String("models", strings.Join(append(redweave.Models(), target.Redis), ","), "what is measured, separated by commas")
	flag.Parse()
	if err := run(os.Stdout, strings.Split(*models, ","), *clients, *threads, *t); err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, models []string, clients, threads int, t time.Duration) error {
	for _, model := range models {
		share, err := measure(target.Options{Model: model, Threads: threads}, clients, t)
		if err != nil {
			return fmt.Errorf("%s: %w", model, err)
		}
		verdict := ""
		if share > goal {
			verdict = fmt.Sprintf("  above %.1f %%", 100*goal)
		}
		fmt.Fprintf(w, "%-14s %6.2f %% of a core%s\n", model, 100*share, verdict)
	}
	return nil
}

// settling is the time a server has to become idle.
const settling = time.Second

// measure returns the share of a core that a server uses while its clients, who have
// been served once, are silent.
func measure(o target.Options, clients int, t time.Duration) (share float64, err error) {
	s, err := target.Start(o)
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	for range clients {
		c, err := target.Dial(s.Addr)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		if _, err := c.Do("SET", "key", "value"); err != nil {
			return 0, err
		}
	}
	time.Sleep(min(settling, t))
	before, err := s.CPU()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	time.Sleep(t)
	after, err := s.CPU()
	return float64(after-before) / float64(time.Since(began)), err
}
