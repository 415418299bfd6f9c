package target

import (
	"errors"
	"os"
	"testing"

	"github.com/redweave/redweave"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

func TestServers(t *testing.T) {
	for _, model := range append(redweave.Models(), Redis) {
		t.Run(model, func(t *testing.T) {
			s, err := Start(Options{Model: model, Threads: 2, Config: map[string]string{"maxclients": "77"}})
			if errors.Is(err, ErrNoRedis) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			c, err := Dial(s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if v, err := c.Do("CONFIG", "GET", "maxclients"); err != nil || v.Elems[1].Text() != "77" {
				t.Errorf("CONFIG GET maxclients: %v, %v", v, err)
			}
			if _, err := c.Do("NOSUCH"); err == nil {
				t.Error("an error reply is no error")
			}
			if cpu, err := s.CPU(); err != nil || cpu <= 0 {
				t.Errorf("CPU: %v, %v", cpu, err)
			}
			if rss, err := s.RSS(); err != nil || rss < 1<<20 {
				t.Errorf("RSS: %v, %v", rss, err)
			}
		})
	}
}

func TestBadOptions(t *testing.T) {
	if s, err := Start(Options{Model: "nosuch"}); err == nil {
		s.Stop()
		t.Error("a model that there is not has started")
	}
}
