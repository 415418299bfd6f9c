package enginetest_test

import (
	"maps"
	"testing"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp/resptest"
	"github.com/redweave/redweave/threading/enginetest"
)

// models are the models of this module, and the parameters to test them with.
var models = []struct {
	name   string
	params map[string]string
}{
	{"single-loop", nil},
	{"sync-drain", map[string]string{"io-threads": "3", "io-threads-do-reads": "yes"}},
	{"multi-loop", map[string]string{"server-threads": "3"}},
	{"sharded", map[string]string{"shards": "3"}},
}

// TestModels runs the suite on every model of this module.
func TestModels(t *testing.T) {
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			enginetest.Run(t, func(t testing.TB) enginetest.Engine {
				params := map[string]string{"enable-debug-command": "yes"}
				maps.Copy(params, m.params)
				return resptest.NewServer(t, resptest.Options{
					Stopped: true, Keyspace: redweave.Options{Model: m.name, Config: params},
				})
			})
		})
	}
}
