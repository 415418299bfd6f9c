package enginetest_test

import (
	"testing"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp/resptest"
	"github.com/redweave/redweave/threading/enginetest"
)

// TestModels runs the suite on every model of this module.
func TestModels(t *testing.T) {
	for _, model := range []string{"single-loop"} {
		t.Run(model, func(t *testing.T) {
			enginetest.Run(t, func(t testing.TB) enginetest.Engine {
				return resptest.NewServer(t, resptest.Options{
					Stopped: true, Keyspace: redweave.Options{
						Model: model, Config: map[string]string{"enable-debug-command": "yes"},
					},
				})
			})
		})
	}
}
