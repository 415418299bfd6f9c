package difftest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/difftest"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp/resptest"
)

var (
	commands = flag.Int("difftest.commands", 2000, "random commands in each run")
	seed     = flag.Uint64("difftest.seed", 1, "seed of the first run; 0 for any")
	runs     = flag.Int("difftest.runs", 4, "runs")
	model    = flag.String("difftest.model", "", "threading model of ours; empty for the default")
	only     = flag.String("difftest.only", "", "commands to draw from, separated by commas")
)

// ours is a server in this process as difftest sees it.
type ours struct{ *resptest.Server }

func (o ours) Dial() (transcript.Conn, error) {
	c, err := o.Server.Dial()
	if err != nil {
		return nil, err
	}
	return transcript.NewConn(c), nil
}

func (o ours) Advance(d time.Duration) { time.Sleep(d) }

func TestAgainstRedis(t *testing.T) { against(t, false) }

// TestEventsAgainstRedis compares keyspace notifications with every reply.
func TestEventsAgainstRedis(t *testing.T) { against(t, true) }

func against(t *testing.T, events bool) {
	reference := transcript.Reference(t)
	for i := range *runs {
		o := difftest.Options{Commands: *commands, Events: events}
		if *seed != 0 {
			o.Seed = *seed + uint64(i)
		}
		if *only != "" {
			o.Only = strings.Split(*only, ",")
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := resptest.NewServer(t, resptest.Options{
				Keyspace: redweave.Options{Model: *model, Config: map[string]string{"enable-debug-command": "yes"}},
			})
			difftest.Run(t, ours{s}, reference, o)
		})
	}
}

// TestWaitingClients compares who of several clients that wait is served when, and with
// what.
func TestWaitingClients(t *testing.T) {
	reference := transcript.Reference(t)
	for i := range *runs {
		o := difftest.Options{Commands: *commands / 10}
		if *seed != 0 {
			o.Seed = *seed + uint64(i)
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			difftest.RunBlocking(t, ours{resptest.NewServer(t)}, reference, o)
		})
	}
}

// TestPubSubAgainstRedis compares what several clients are sent that subscribe, publish
// and track keys.
func TestPubSubAgainstRedis(t *testing.T) {
	reference := transcript.Reference(t)
	for i := range *runs {
		o := difftest.Options{Commands: *commands / 4}
		if *seed != 0 {
			o.Seed = *seed + uint64(i)
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := resptest.NewServer(t, resptest.Options{Keyspace: redweave.Options{Model: *model}})
			difftest.RunPubSub(t, ours{s}, reference, o)
		})
	}
}
