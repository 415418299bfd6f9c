package difftest_test

import (
	"testing"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/difftest"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp/resptest"
)

func TestPayloadsAgainstRedis(t *testing.T) {
	reference := transcript.Reference(t)
	s := resptest.NewServer(t, resptest.Options{
		Keyspace: redweave.Options{Config: map[string]string{"enable-debug-command": "yes"}},
	})
	difftest.Payloads(t, ours{s}, reference, difftest.Options{Commands: min(*commands/10, 500), Seed: *seed})
}
