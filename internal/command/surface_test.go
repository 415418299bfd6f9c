package command

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/internal/command/spec/facts"
	"github.com/redweave/redweave/internal/command/testdata/transcripts"
	"github.com/redweave/redweave/internal/transcript"
	"github.com/redweave/redweave/resp"
)

// The tests here walk the surface of Redis 7.4.1, row by row of the table of facts:
// every command is there, says of itself what the facts say, and is exercised by a
// transcript that has it succeed and one that has it fail.
//
// Exceptions stand in lists. Each list is exact: a name that has no business there any
// more fails the test, too.

// outside are the commands of 7.4.1 that are not ours to have, beside Sentinel's.
var outside = []string{"sync", "psync", "replconf", "failover"}

// noSuccess are those that no transcript has succeed, as none can.
var noSuccess = slices.Concat(
	words("shutdown"),     // ends the server
	words("bgrewriteaof"), // there is no append only file
	words("module|load module|loadex module|unload"), // there are no modules
	// There is no other node to meet, to forget, to follow or to take over from.
	words("cluster|meet cluster|forget cluster|replicate cluster|failover"),
)

// infallible are those that take whatever they are given.
var infallible = words(`
	command command|docs command|info latency|histogram latency|reset pubsub|numsub
	pubsub|shardnumsub punsubscribe quit unsubscribe
`)

func words(s string) []string { return strings.Fields(s) }

// surface returns the facts about the commands of 7.4.1, modules and what is outside
// aside.
func surface(t *testing.T) []map[string]string {
	t.Helper()
	var list []map[string]string
	for _, m := range facts.Commands(t) {
		m["name"] = strings.ToLower(m["name"])
		if m["source"] == "redis-7.4.1" && m["group"] != "sentinel" && !slices.Contains(outside, m["name"]) {
			list = append(list, m)
		}
	}
	if len(list) < 350 {
		t.Fatalf("only %d facts", len(list))
	}
	return list
}

// exact compares what is missing with the list of what is known to be.
func exact(t *testing.T, what string, missing map[string]bool, known []string) {
	t.Helper()
	for _, name := range known {
		if !missing[name] {
			t.Errorf("%s has arrived: take it off the list of those %s", name, what)
		}
		delete(missing, name)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s is %s", name, what)
	}
}

func TestSurfaceIsThere(t *testing.T) {
	for _, fact := range surface(t) {
		name := fact["name"]
		if cmd := commandNamed([]byte(name)); cmd == nil || cmd.run == nil && cmd.subs == nil {
			t.Errorf("%s has no handler", name)
		}
	}
}

// TestSurfaceAsTheFacts asks COMMAND INFO, as a client does.
func TestSurfaceAsTheFacts(t *testing.T) {
	b := newBench(t)
	for _, fact := range surface(t) {
		name := fact["name"]
		v := b.value("COMMAND INFO " + name)
		if len(v.Elems) != 1 || len(v.Elems[0].Elems) < 10 {
			t.Errorf("COMMAND INFO %s: %v", name, v)
			continue
		}
		info := v.Elems[0].Elems
		for _, check := range []struct{ what, got, want string }{
			{"name", info[0].Text(), name},
			{"arity", strconv.FormatInt(info[1].Int, 10), fact["arity"]},
			{"flags", sorted(info[2].Strings(), ""), sorted(strings.Split(fact["command_flags"], ","), "")},
			{"first key", strconv.FormatInt(info[3].Int, 10), fact["first_key"]},
			{"last key", strconv.FormatInt(info[4].Int, 10), fact["last_key"]},
			{"step", strconv.FormatInt(info[5].Int, 10), fact["step"]},
			{"categories", sorted(info[6].Strings(), ""), sorted(strings.Split(fact["acl_categories"], ","), "@")},
			{"tips", sorted(info[7].Strings(), ""), sorted(strings.Split(fact["tips"], ","), "")},
			{"key specs", keySpecText(info[8]), fact["key_specs"]},
		} {
			if check.what == "key specs" {
				check.got, check.want = sortedSpecs(check.got), sortedSpecs(check.want)
			}
			if check.got != check.want {
				t.Errorf("%s: %s is %q, not %q", name, check.what, check.got, check.want)
			}
		}
	}
}

func sorted(list []string, prefix string) string {
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
	for i := range list {
		list[i] = prefix + list[i]
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

// keySpecText writes the key specs of COMMAND INFO as the facts have them:
// index:1/range:0:1:0/RO+ACCESS.
func keySpecText(v resp.Value) string {
	var list []string
	for _, s := range v.Elems {
		m := pairsOf(s)
		list = append(list, keySpecPart(m["begin_search"])+"/"+keySpecPart(m["find_keys"])+"/"+
			strings.ToUpper(strings.Join(m["flags"].Strings(), "+")))
	}
	return strings.Join(list, " ")
}

func keySpecPart(v resp.Value) string {
	m := pairsOf(v)
	spec := pairsOf(m["spec"])
	text := m["type"].Text()
	for _, field := range []string{"index", "keyword", "startfrom", "lastkey", "keynumidx", "firstkey", "keystep", "limit"} {
		if x, ok := spec[field]; ok && x.Kind == resp.Integer {
			text += ":" + strconv.FormatInt(x.Int, 10)
		} else if ok {
			text += ":" + x.Text()
		}
	}
	return text
}

// pairsOf reads a map, flat as RESP2 has it.
func pairsOf(v resp.Value) map[string]resp.Value {
	m := map[string]resp.Value{}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		m[v.Elems[i].Text()] = v.Elems[i+1]
	}
	return m
}

// sortedSpecs brings the flags of each key spec into one order.
func sortedSpecs(text string) string {
	specs := strings.Fields(text)
	for i, s := range specs {
		cut := strings.LastIndexByte(s, '/') + 1
		flags := strings.Split(s[cut:], "+")
		slices.Sort(flags)
		specs[i] = s[:cut] + strings.Join(flags, "+")
	}
	return strings.Join(specs, " ")
}

// told goes through the transcripts and returns the commands that succeed in one, and
// those that fail.
func told(t *testing.T) (succeed, fail map[string]bool) {
	t.Helper()
	succeed, fail = map[string]bool{}, map[string]bool{}
	err := fs.WalkDir(transcripts.Files, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".txt" {
			return err
		}
		text, err := fs.ReadFile(transcripts.Files, name)
		if err != nil {
			return err
		}
		f, err := transcript.Parse(name, text)
		if err != nil {
			return err
		}
		for _, step := range f.Steps {
			switch cmd := spec.Lookup(step.Args); {
			case cmd == nil || step.Want == "":
			case step.Want[0] == '-':
				fail[cmd.Name] = true
			default:
				succeed[cmd.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return succeed, fail
}

func TestSurfaceIsTold(t *testing.T) {
	succeed, fail := told(t)
	quiet, sound := map[string]bool{}, map[string]bool{}
	for _, fact := range surface(t) {
		name := fact["name"]
		cmd := spec.ByName(name)
		if cmd.Subcommands != nil && commandNamed([]byte(name)).run == nil {
			continue
		}
		quiet[name] = !succeed[name]
		sound[name] = !fail[name]
	}
	for _, m := range []map[string]bool{quiet, sound} {
		maps.DeleteFunc(m, func(_ string, missing bool) bool { return !missing })
	}
	exact(t, "never seen to succeed", quiet, noSuccess)
	exact(t, "never seen to fail", sound, infallible)
}
