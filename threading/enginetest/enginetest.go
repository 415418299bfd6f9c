// Package enginetest is the suite that every threading model must pass, whoever
// wrote it.
//
//	func TestConformance(t *testing.T) {
//		enginetest.Run(t, func(t testing.TB) enginetest.Engine {
//			return newMyEngine(t) // empty, its clock standing still
//		})
//	}
//
// # What it checks
//
//	transcripts   conversations with redis-server, written down: commands of every family,
//	              their replies and errors byte for byte, in both protocols
//	pipeline      commands cut into packets at any place, replies in order
//	clients       many at once, each seeing what it wrote
//	order         many with pipelines at once: each gets its own replies, in order
//	atomic        commands on several keys and transactions, seen by others whole or not
//	kills         clients are killed at every stage of a command's way
//	deaths        or go by themselves, without a word
//	half closes   or have nothing more to say and wait for the rest
//	busy          a script runs too long, and all others are told
//	limits        a client that never reads goes, the others stay
//	shutdown      with commands on their way
//	one processor some of this again where only one goroutine can run at a time
//
// and that no goroutine is left after each.
//
// # Guarantees
//
// The suite talks to an engine through connections alone, and asks for a new one
// in every subtest. It sleeps only where something must not happen. Commands that
// the engine does not list in COMMAND LIST are left out of the transcripts. An engine
// that is a [Listener], a [Stopper] or a [Starter] is asked for more.
package enginetest

import (
	"io/fs"
	"net"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/redweave/redweave/internal/command/testdata/transcripts"
	"github.com/redweave/redweave/internal/transcript"
)

// An Engine is a server whose clock the suite owns.
type Engine interface {
	// Dial connects to it.
	Dial() (net.Conn, error)
	// Advance moves its clock on by d and does what becomes due.
	Advance(d time.Duration)
}

// A Starter is an engine that can have another like it started with a redis.conf. Other
// engines are not asked for the transcripts that want one: those of a cluster, and of
// files named at the start.
type Starter interface {
	// Start starts an engine, empty, its clock standing still, with the settings of the
	// file, in the current directory. It has it closed when t ends.
	Start(t testing.TB, file string) Engine
}

// Run runs the suite. open starts an empty engine with default settings and has
// it closed when t ends.
func Run(t *testing.T, open func(t testing.TB) Engine) {
	t.Run("transcripts", func(t *testing.T) { runTranscripts(t, open) })
	Stress(t, open)
	t.Run("one processor", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the same once more")
		}
		onOneProcessor(t, func(t *testing.T) { Stress(t, open) })
	})
}

// Stress is Run without the transcripts: what may go wrong between threads. It is for
// engines that are made for that, with short queues and small batches.
func Stress(t *testing.T, open func(t testing.TB) Engine) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, e Engine)
	}{
		{"pipeline", runPipeline}, {"clients", runClients}, {"order", runOrder}, {"atomic", runAtomic},
		{"kills", runKills}, {"deaths", runDeaths}, {"half closes", runHalfCloses}, {"limits", runLimits}, {"busy", runBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			leavesNothing(t, func(t *testing.T) { c.run(t, open(t)) })
		})
	}
	t.Run("shutdown", func(t *testing.T) {
		leavesNothing(t, func(t *testing.T) { runShutdown(t, open) })
	})
}

func runTranscripts(t *testing.T, open func(t testing.TB) Engine) {
	err := fs.WalkDir(transcripts.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".txt" {
			return err
		}
		text, err := fs.ReadFile(transcripts.Files, name)
		if err != nil {
			return err
		}
		f, err := transcript.Parse(name, text)
		if err != nil {
			return err
		}
		t.Run(strings.TrimSuffix(name, ".txt"), func(t *testing.T) { play(t, f, open(t)) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func play(t *testing.T, f *transcript.File, e Engine) {
	t.Chdir(t.TempDir()) // where SAVE writes to
	if f.Start.Needed() {
		e = start(t, f, e)
	}
	missing := map[string]bool{}
	have := commandsOf(t, e)
	failures, err := transcript.Run(f, &server{Engine: e}, transcript.Options{Lacks: func(args [][]byte) transcript.Gap {
		name, gap := have.gap(args)
		if gap != transcript.NoGap {
			missing[name] = true
		}
		return gap
	}})
	for _, x := range failures {
		t.Error(x)
	}
	if err != nil {
		t.Error(err)
	}
	if len(missing) > 0 {
		t.Logf("left out, for the engine lacks them: %v", keys(missing))
	}
}

// start starts the engine that a file wants.
func start(t *testing.T, f *transcript.File, e Engine) Engine {
	s, ok := e.(Starter)
	if !ok {
		t.Skip("the engine cannot be started with a redis.conf")
	}
	conf, err := f.Start.Write(".")
	if err != nil {
		t.Fatal(err)
	}
	return s.Start(t, conf)
}
