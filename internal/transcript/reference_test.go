package transcript

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts' expectations from the reference server")

// corpusDir is where the transcripts of the commands are kept.
const corpusDir = "../command/testdata/transcripts"

// TestReference plays the corpus to a real redis-server. With -update it writes
// down what that answers; review the change as you would code.
func TestReference(t *testing.T) {
	Test(t, corpusDir, Reference(t), Options{Reference: true, Update: *update})
}

// corpus yields the transcripts by path.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(corpusDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
