package transcript

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Start is what a transcript's server finds when it starts.
type Start struct {
	conf  []string    // lines of redis.conf
	files [][2]string // names and contents
}

// Needed reports whether the file wants a server of its own.
func (s *Start) Needed() bool { return len(s.conf) > 0 || len(s.files) > 0 }

// add is the directive @start or @file.
func (s *Start) add(directive, rest string) error {
	name, text, _ := strings.Cut(rest, " ")
	if name == "" || text == "" {
		return fmt.Errorf("%s takes a name and more: %s", directive, rest)
	}
	if directive == "@start" {
		s.conf = append(s.conf, rest)
		return nil
	}
	content, err := parseArgs(text)
	if err != nil || len(content) != 1 || !filepath.IsLocal(name) {
		return fmt.Errorf("bad file: %s", rest)
	}
	s.files = append(s.files, [2]string{name, string(content[0])})
	return nil
}

// Write writes the files into dir, where the server is to run, and returns the path of
// the redis.conf to start it with.
func (s *Start) Write(dir string) (conf string, err error) {
	for _, f := range s.files {
		if err := os.WriteFile(filepath.Join(dir, f[0]), []byte(f[1]), 0o666); err != nil {
			return "", err
		}
	}
	conf = filepath.Join(dir, "redis.conf")
	return conf, os.WriteFile(conf, []byte(strings.Join(s.conf, "\n")+"\n"), 0o666)
}

// clustered reports whether the server is part of a cluster.
func (s *Start) clustered() bool {
	for _, line := range s.conf {
		if line == "cluster-enabled yes" {
			return true
		}
	}
	return false
}
