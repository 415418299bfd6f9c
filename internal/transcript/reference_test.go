package transcript

import (
	"flag"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the transcripts' expectations from the reference server")

// Corpus is where the transcripts of the commands are kept.
const corpusDir = "../command/testdata/transcripts"

// TestReference plays the corpus to a real redis-server. With -update it writes
// down what that answers; review the change as you would code.
func TestReference(t *testing.T) {
	Test(t, corpusDir, Reference(t), Options{Reference: true, Update: *update})
}
