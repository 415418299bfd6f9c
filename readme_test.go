package redweave_test

import (
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redweave/redweave"
	"github.com/redweave/redweave/internal/command/spec"
)

// The README is held true by the tests in this file. What it says of commands and
// parameters stands between marks, and is written anew from the tables in the code
// and from what is noted here:
//
//	go test -run README . -update

var update = flag.Bool("update", false, "rewrite the README's tables")

// differences says what a command does otherwise than in Redis 7.4, for those that
// are there in part. A container without all its subcommands needs no note.
var differences = map[string]string{
	"command|docs":  "summaries are our own words",
	"config|set":    "the parameters that are read at the start (see below) are kept, and obeyed after a restart",
	"debug":         "without what would kill or restart the process (`SEGFAULT`, `PANIC`, `OOM`, `RESTART`, …) and what looks at parts that are not there; `LISTPACK` and `QUICKLIST` write to the log",
	"info":          "fields of parts that are not there (replication, the append only file) are a lone server's, or 0; `threads` is as in Redis 8, `threading` is ours",
	"lolwut":        "weaves a piece of cloth; the version asked for has no effect",
	"memory|doctor": "our own advice",
	"shutdown":      "saves only if told to: save points have no effect",

	"bgsave":       "holds the keyspace while it writes, as `SAVE` does, and replies when it is done",
	"bgrewriteaof": "refused: there is no append only file",
	"cluster":      "a cluster of one node, which has every slot from the start and cannot meet others",
	"dump":         "hashes whose fields have TTLs are in a form of our own, which other servers refuse; nothing is compressed",
	"failover":     "there are no replicas",
	"migrate":      "everything waits meanwhile, for one deadline; connections are not kept",
	"module":       "there are no modules to load",
	"replicaof":    "`NO ONE` only: the keyspace cannot be a replica",
	"hrandfield":   "a negative count ends in an error where the reply passes twice `proto-max-bulk-len`",
	"srandmember":  "likewise",
	"zrandmember":  "likewise",
	"restore":      "the types that Redis 7.4 has for hashes whose fields have TTLs are refused: they are not publicly described",
	"save":         "the file is redis-server's, unless fields of some hash have TTLs",
	"slaveof":      "`NO ONE` only",
	"waitaof":      "there is no append only file and no replica to wait for",

	"memory|malloc-stats": "tells of our own allocator",
	"memory|stats":        "fields of the allocator are those of ours; buffers of clients are ordinary Go memory and not in `used_memory`",
	"memory|usage":        "counts our own blocks, exactly; they are not Redis's",
	"object|refcount":     "1, or Redis's number for shared integers; nothing is shared here",
	"latency|doctor":      "our own advice",
}

// A group of parameters that are accepted, kept and shown, and change nothing.
type idleGroup struct {
	why   string
	names *regexp.Regexp
}

var idleGroups = []idleGroup{
	{"no append only file, no save points", regexp.MustCompile(`^(aof|rdb|append|auto-aof|bgsave|no-appendfsync|stop-writes|sanitize-dump|dbfilename|save$|loading|key-load)`)},
	{"crypto/tls decides, or nobody connects elsewhere", regexp.MustCompile(`tls`)},
	{"a cluster of one has nobody to talk to", regexp.MustCompile(`^cluster`)},
	{"memory is kept in order in other ways, and always", regexp.MustCompile(`^(active-defrag|activedefrag|activerehashing|dynamic-hz|jemalloc)`)},
	{"the process and its system are left as they are", regexp.MustCompile(``)},
}

// idleAnyway are parameters that somebody reads, if only to show them.
var idleAnyway = []string{"appendonly", "save"}

// ownBusiness are the parameters that the configuration itself obeys.
var ownBusiness = []string{"enable-protected-configs"}

// atStart are the parameters that are obeyed when sockets and logs are opened: CONFIG
// SET takes them without effect on what is open.
var atStart = []string{"bind", "loglevel", "port", "shutdown-timeout"}

// TestREADME holds the README's tables to the code, and to the notes above.
func TestREADME(t *testing.T) {
	ks, err := redweave.Open(redweave.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer ks.Close()
	idle := idleParameters(t, ks)
	rewrite(t, "README.md", func(text string) string {
		text = section(t, text, "commands", commandTable(t, ks))
		text = section(t, text, "differences", differenceTable(t, ks))
		return section(t, text, "parameters", parameterTable(idle))
	})
	rewrite(t, filepath.Join("examples", "server", "ignored.go"), func(string) string { return ignoredFile(idle) })
}

// rewrite compares a file with what it should be, and makes it so with -update.
func rewrite(t *testing.T, name string, want func(text string) string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !*update {
		t.Fatal(err)
	}
	got, should := string(b), want(string(b))
	if got == should {
		return
	}
	if !*update {
		t.Errorf("%s is not what the code says; run go test -run README . -update, and review:\n%s", name, cmp.Diff(got, should))
		return
	}
	if err := os.WriteFile(name, []byte(should), 0o644); err != nil {
		t.Fatal(err)
	}
}

// section replaces what stands between <!-- name --> and <!-- /name -->.
func section(t *testing.T, text, name, body string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, "<!-- "+name+" -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- /"+name+" -->\n")
	if !ok || !ok2 {
		t.Fatalf("the README has no section %q", name)
	}
	return before + "<!-- " + name + " -->\n" + body + "<!-- /" + name + " -->\n" + after
}

// have returns the commands that are there, subcommands as "container|sub".
func have(t *testing.T, ks *redweave.Keyspace) map[string]bool {
	t.Helper()
	v, err := ks.Do(context.Background(), "COMMAND", "LIST")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range v.Strings() {
		names[name] = true
	}
	return names
}

// wanted yields the commands a lone Redis 7.4 server has, a group at a time.
func wanted() (groups []spec.Group, commands map[spec.Group][]*spec.Command) {
	commands = map[spec.Group][]*spec.Command{}
	for c := range spec.All() {
		if c.Source == spec.Redis74 && c.Parent == nil && c.Group != spec.SentinelGroup {
			if commands[c.Group] == nil {
				groups = append(groups, c.Group)
			}
			commands[c.Group] = append(commands[c.Group], c)
		}
	}
	return groups, commands
}

// missing returns the subcommands of a container that are not there.
func missing(c *spec.Command, have map[string]bool) (names []string) {
	for _, sub := range c.Subcommands {
		if sub.Source == spec.Redis74 && !have[sub.Name] {
			names = append(names, strings.ToUpper(sub.Short()))
		}
	}
	return names
}

// different reports whether there is a note on a command or a subcommand of it.
func different(c *spec.Command) bool {
	noted := differences[c.Name] != ""
	for _, sub := range c.Subcommands {
		noted = noted || differences[sub.Name] != ""
	}
	return noted
}

// commandTable is the table of families.
func commandTable(t *testing.T, ks *redweave.Keyspace) string {
	t.Helper()
	there := have(t, ks)
	var b strings.Builder
	b.WriteString("| family | as in Redis 7.4 | partly | not there |\n|---|---|---|---|\n")
	groups, commands := wanted()
	total, full := 0, 0
	for _, g := range groups {
		var as, partly, not []string
		for _, c := range commands[g] {
			name := strings.ToUpper(c.Name)
			switch {
			case !there[c.Name]:
				not = append(not, name)
			case different(c) || len(missing(c, there)) > 0:
				partly = append(partly, name)
			default:
				as = append(as, name)
			}
		}
		total, full = total+len(commands[g]), full+len(as)+len(partly)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g, list(as), list(partly), list(not))
	}
	fmt.Fprintf(&b, "\n%d of the %d commands of Redis 7.4 are there.\n", full, total)
	writeNewer(&b, there)
	return b.String()
}

// writeNewer names the commands of later versions, those that are there and those that
// are not.
func writeNewer(b *strings.Builder, there map[string]bool) {
	var yes, no []string
	for c := range spec.All() {
		if c.Source == spec.Redis74 || c.Group == spec.SentinelGroup {
			continue
		}
		name := strings.ToUpper(strings.ReplaceAll(c.Name, "|", " "))
		if there[c.Name] {
			yes = append(yes, name)
		} else {
			no = append(no, name)
		}
	}
	fmt.Fprintf(b, "\nOf what later versions brought, these are there, as far as public documentation tells: %s.\n", strings.Join(yes, ", "))
	fmt.Fprintf(b, "\nMissing: %s.\n", strings.Join(no, ", "))
}

func list(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, " ")
}

// differenceTable spells out what partly means.
func differenceTable(t *testing.T, ks *redweave.Keyspace) string {
	t.Helper()
	there := have(t, ks)
	rows := map[string]string{}
	for name, text := range differences {
		if !there[name] {
			t.Errorf("a note on %s, which is not there", name)
		}
		rows[name] = text
	}
	_, commands := wanted()
	for _, c := range slices.Concat(slices.Collect(maps.Values(commands))...) {
		if names := missing(c, there); len(names) > 0 && there[c.Name] {
			text := "without " + strings.Join(names, ", ")
			if rows[c.Name] != "" {
				text += "; " + rows[c.Name]
			}
			rows[c.Name] = text
		}
	}
	var b strings.Builder
	b.WriteString("| command | how it differs |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "| %s | %s |\n", strings.ToUpper(strings.ReplaceAll(name, "|", " ")), rows[name])
	}
	return b.String()
}

// idleParameters returns the parameters nobody obeys: those that no code but the
// configuration's own names, be it as a field or in a string.
func idleParameters(t *testing.T, ks *redweave.Keyspace) (idle []string) {
	t.Helper()
	v, err := ks.Do(context.Background(), "CONFIG", "GET", "*")
	if err != nil {
		t.Fatal(err)
	}
	read := namesInCode(t)
	aliases := map[string]bool{"slave": true, "ziplist": true}
	for name := range v.Pairs() {
		words := strings.Split(name.Str, "-")
		if slices.ContainsFunc(words, func(w string) bool { return aliases[w] }) || name.Str == "lua-time-limit" || strings.Contains(name.Str, "_") {
			continue // the older name of another
		}
		obeyed := read[strings.Join(words, "")] || slices.Contains(ownBusiness, name.Str)
		if !obeyed || slices.Contains(idleAnyway, name.Str) {
			idle = append(idle, name.Str)
		}
	}
	slices.Sort(idle)
	return idle
}

// namesInCode returns all selected fields and methods, and all strings, that occur in
// the code, in lower case and without dashes.
func namesInCode(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	note := func(s string) { names[strings.ToLower(strings.ReplaceAll(s, "-", ""))] = true }
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "internal/config" || name == "internal/interop" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != "."):
			return fs.SkipDir
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || name == "examples/server/ignored.go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				note(n.Sel.Name)
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					note(s)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// parameterTable lists the parameters without effect, by reason.
func parameterTable(idle []string) string {
	groups := make([][]string, len(idleGroups))
	for _, name := range idle {
		i := slices.IndexFunc(idleGroups, func(g idleGroup) bool { return g.names.MatchString(name) })
		groups[i] = append(groups[i], name)
	}
	var b strings.Builder
	b.WriteString("| why | accepted, kept, shown, and without effect |\n|---|---|\n")
	for i, g := range idleGroups {
		if len(groups[i]) > 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", g.why, strings.Join(groups[i], " "))
		}
	}
	fmt.Fprintf(&b, "| read at the start only | %s |\n", strings.Join(atStart, " "))
	return b.String()
}

// ignoredFile is the list as the server has it, to warn of.
func ignoredFile(idle []string) string {
	var b strings.Builder
	b.WriteString("package main\n\n// ignored are the parameters of redis-server that are accepted, kept, shown by\n" +
		"// CONFIG GET, and do nothing here yet. The README lists them, and a test of its\n// writes them down here.\nvar ignored = []string{\n")
	for _, name := range idle {
		fmt.Fprintf(&b, "\t%q,\n", name)
	}
	b.WriteString("}\n")
	return b.String()
}

// TestREADMECode holds the README's Go code to what is compiled and run: each of its
// blocks stands in an example file too.
func TestREADMECode(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples string
	for _, name := range []string{"example_test.go", "resp/resptest/example_test.go"} {
		b, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		examples += unindented(string(b))
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Error("no code")
	}
	for _, block := range blocks {
		if !strings.Contains(examples, unindented(block[1])) {
			t.Errorf("in no example file:\n%s", block[1])
		}
	}
}

// unindented is text without the blanks its lines begin with.
func unindented(text string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(text, "")
}

// TestREADMELinks looks for what the README points to.
func TestREADMELinks(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat(filepath.FromSlash(link[1])); err != nil {
			t.Error(err)
		}
	}
}
