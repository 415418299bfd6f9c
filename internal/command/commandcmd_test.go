package command

import (
	"slices"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/command/spec"
	"github.com/redweave/redweave/resp"
)

// value runs line and parses its reply.
func (b *bench) value(line string) resp.Value {
	b.t.Helper()
	v, _, err := resp.Parse([]byte(b.do(line)))
	if err != nil {
		b.t.Fatalf("%s: %v", line, err)
	}
	return v
}

func TestCommandErrors(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ line, want string }{
		{"COMMAND NOPE", "ERR unknown subcommand 'NOPE'. Try COMMAND HELP."},
		{"COMMAND COUNT x", "ERR wrong number of arguments for 'command|count' command"},
		{"COMMAND LIST x", "ERR syntax error"},
		{"COMMAND LIST FILTERBY", "ERR syntax error"},
		{"COMMAND LIST FILTERBY ACLCAT", "ERR syntax error"},
		{"COMMAND LIST FILTERBY NOPE x", "ERR syntax error"},
		{"COMMAND LIST FILTERBY ACLCAT read x", "ERR syntax error"},
		{"COMMAND GETKEYS", "ERR wrong number of arguments for 'command|getkeys' command"},
		{"COMMAND GETKEYS NOPE a", "ERR Invalid command specified"},
		{"COMMAND GETKEYS CONFIG NOPE", "ERR Invalid command specified"},
		{"COMMAND GETKEYS PING", "ERR The command has no key arguments"},
		{"COMMAND GETKEYS GET", "ERR Invalid number of arguments specified for command"},
		{"COMMAND GETKEYSANDFLAGS GET a b", "ERR Invalid number of arguments specified for command"},
	} {
		b.want(c.line, "-"+c.want+"\r\n")
	}
}

// TestCommandSpeaksOfWhatRuns: what COMMAND shows can be called, by every way to
// ask.
func TestCommandSpeaksOfWhatRuns(t *testing.T) {
	b := newBench(t)
	names := b.value("COMMAND LIST").Strings()
	for _, name := range names {
		if cmd := commandNamed([]byte(name)); cmd == nil || cmd.run == nil && cmd.subs == nil {
			t.Errorf("%s is listed and cannot be called", name)
		}
	}
	if len(names) != len(commands.all) {
		t.Errorf("%d names of %d commands", len(names), len(commands.all))
	}
	n, _ := b.value("COMMAND COUNT").Int64()
	for _, line := range []string{"COMMAND", "COMMAND INFO"} {
		if got := len(b.value(line).Elems); int64(got) != n {
			t.Errorf("%s replies %d elements of %d", line, got, n)
		}
	}
	if got := len(b.value("COMMAND DOCS").Elems); int64(got) != 2*n {
		t.Errorf("COMMAND DOCS replies %d elements of %d", got, n)
	}
	for s := range spec.All() {
		if commands.byID[s.ID] != nil {
			continue
		}
		b.want("COMMAND INFO "+s.Name, "*1\r\n$-1\r\n")
		b.want("COMMAND DOCS "+s.Name, "*0\r\n")
	}
}

func TestCommandListFilters(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ filter, has, lacks string }{
		{"ACLCAT STRING", "get", "ping"},
		{"aclcat write", "set", "get"},
		{"PATTERN C*|GET", "config|get", "config|set"},
		{"PATTERN getset", "getset", "get"},
	} {
		names := b.value("COMMAND LIST FILTERBY " + c.filter).Strings()
		if !slices.Contains(names, c.has) || slices.Contains(names, c.lacks) {
			t.Errorf("%s: %v", c.filter, names)
		}
	}
	b.want("COMMAND LIST FILTERBY ACLCAT nope", "*0\r\n")
	b.want("COMMAND LIST FILTERBY MODULE nope", "*0\r\n")
}

// TestCommandDocsShape: maps within maps, and everything a client's help wants.
func TestCommandDocsShape(t *testing.T) {
	b := newBench(t)
	b.cl.Out.Proto = 3
	v := b.value("COMMAND DOCS SUBSTR OBJECT nope")
	if v.Kind != resp.Map || len(v.Elems) != 4 {
		t.Fatalf("%v", v)
	}
	field := func(v resp.Value, name string) resp.Value {
		t.Helper()
		for k, x := range v.Pairs() {
			if k.Text() == name {
				return x
			}
		}
		t.Fatalf("no %s in %v", name, v)
		return v
	}
	substr := field(v, "substr")
	for name, want := range map[string]string{"since": "1.0.0", "group": "string", "deprecated_since": "2.0.0", "replaced_by": "GETRANGE"} {
		if got := field(substr, name).Text(); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	args := field(substr, "arguments").Elems
	if len(args) != 3 || field(args[0], "display_text").Text() != "key" || field(args[0], "key_spec_index").Int != 0 {
		t.Errorf("arguments %v", args)
	}
	subs := field(field(v, "object"), "subcommands")
	if subs.Kind != resp.Map || field(subs, "object|freq").Kind != resp.Map {
		t.Errorf("subcommands %v", subs)
	}
}

func TestHelpIsNarrow(t *testing.T) {
	b := newNode(t)
	for _, cmd := range commands.list {
		if cmd.subs["help"] == nil {
			continue
		}
		lines := b.value(cmd.Name + " HELP").Strings()
		if n := len(lines); n < 5 || lines[n-2] != "HELP" {
			t.Errorf("%s HELP ends in %q", cmd.Name, lines)
		}
		for i, line := range lines {
			if len(line) > 100 || strings.Contains(line, "|get") || i > 0 && line == "" {
				t.Errorf("%s HELP says %q", cmd.Name, line)
			}
		}
	}
}
