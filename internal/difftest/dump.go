package difftest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redweave/redweave/internal/command/spec"
)

// databases is how many of them the generator uses.
const databases = 3

// compareDumps compares all that both sides hold.
func (r *run) compareDumps() {
	r.t.Helper()
	for db := range databases {
		r.both("SELECT", fmt.Sprint(db))
		r.reap()
		for _, key := range r.keysOfBoth() {
			if fault := r.compareKey(key); fault != nil {
				r.fail([][]byte{[]byte("dump of db " + fmt.Sprint(db)), []byte(key)}, fault...)
				return
			}
		}
	}
	ours, ref := r.ours.words("DEBUG", "DIGEST"), r.ref.words("DEBUG", "DIGEST")
	if ours.Text != ref.Text {
		lines := []string{"ours      " + ours.String(), "reference " + ref.String()}
		for _, s := range []side{r.ours, r.ref} {
			lines = append(lines, s.words("INFO", "keyspace").String())
		}
		r.fail([][]byte{[]byte("DEBUG"), []byte("DIGEST")}, lines...)
		return
	}
	r.both("SELECT", "0")
}

// reap has both sides come across every key of the current database: what has
// expired counts as there until then.
func (r *run) reap() { r.both(append([]string{"EXISTS"}, r.arguments()...)...) }

// arguments returns every argument since the keyspaces were empty: there is no
// key among others.
func (r *run) arguments() []string {
	seen := map[string]bool{"": true} // EXISTS wants one at least
	for _, h := range r.history {
		for _, a := range h[1:] {
			seen[string(a)] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// keysOfBoth returns the keys that either side has, sorted.
func (r *run) keysOfBoth() []string {
	var keys []string
	for _, s := range []side{r.ours, r.ref} {
		for _, k := range s.words("KEYS", "*").Elems {
			keys = append(keys, k.Text)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// readAll holds the command that reads all of a value, by type.
var readAll = map[string][]string{
	"string": {"GET", ""},
	"list":   {"LRANGE", "", "0", "-1"},
	"set":    {"SMEMBERS", ""},
	"zset":   {"ZRANGE", "", "0", "-1", "WITHSCORES"},
	"hash":   {"HGETALL", ""},
	"stream": {"XRANGE", "", "-", "+"},
}

// compareKey compares one key's type, value, encoding and TTL, and returns what
// differs.
func (r *run) compareKey(key string) (fault []string) {
	t := r.ref.words("TYPE", key)
	read := readAll[t.Text]
	if read == nil {
		read = []string{"TYPE", ""}
	}
	read = slices.Clone(read)
	read[1] = key
	for _, words := range [][]string{{"TYPE", key}, read, {"OBJECT", "ENCODING", key}, {"PTTL", key}, {"DEBUG", "DIGEST-VALUE", key}} {
		name := strings.ToLower(words[0])
		if name == "object" {
			name = "object|encoding"
		}
		c := call{cmd: spec.ByName(name)}
		for _, w := range words {
			c.args = append(c.args, []byte(w))
		}
		ours, ref, same := rules[name].play(r, c)
		if !same && !declared(c, ours, ref) {
			return []string{strings.Join(words, " "), "ours      " + ours.String(), "reference " + ref.String()}
		}
	}
	return nil
}
