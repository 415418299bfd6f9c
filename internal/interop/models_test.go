package interop

import (
	"testing"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/resp/resptest"
)

// eachModel runs f under every threading model, with the options of a server that has
// it, three threads and three shards: enough for whatever two keys or two clients can
// be apart in.
func eachModel(t *testing.T, f func(t *testing.T, o resptest.Options)) {
	for _, model := range redweave.Models() {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			f(t, resptest.Options{Keyspace: redweave.Options{Model: model, Config: map[string]string{
				"server-threads": "3", "io-threads": "3", "shards": "3",
			}}})
		})
	}
}
