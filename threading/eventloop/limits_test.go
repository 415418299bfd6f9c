package eventloop

import (
	"testing"

	"github.com/redweave/redweave/internal/config"
)

func TestProtectedMode(t *testing.T) {
	set := func(params ...string) *limits {
		c := config.New(config.Options{})
		if len(params) > 0 {
			if err := c.Load(config.Source{Options: config.ParseArgs([]string{"--" + params[0], params[1]}).Options}); err != nil {
				t.Fatal(err)
			}
		}
		return limitsOf(c)
	}
	tests := []struct {
		name    string
		l       *limits
		clients int64 // with the new one
		local   bool
		want    string
	}{
		{"protected, from elsewhere", set(), 1, false, deniedReply},
		{"protected, from here", set(), 1, true, ""},
		{"with a password", set("requirepass", "x"), 1, false, ""},
		{"switched off", set("protected-mode", "no"), 1, false, ""},
		{"too many goes first", set("maxclients", "5"), 6, false, maxClientsReply},
		{"room for one", set("maxclients", "5"), 5, true, ""},
	}
	for _, tt := range tests {
		if got := tt.l.refuse(tt.clients, tt.local); got != tt.want {
			t.Errorf("%s: %.40q, want %.40q", tt.name, got, tt.want)
		}
	}
}
