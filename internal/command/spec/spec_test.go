package spec

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redweave/redweave/internal/command/spec/facts"
)

// TestFacts holds the whole table to the facts.
func TestFacts(t *testing.T) {
	seen := make(map[*Command]bool)
	for _, f := range facts.Commands(t) {
		c := ByName(f["name"])
		if c == nil {
			t.Errorf("%s is missing", f["name"])
			continue
		}
		seen[c] = true
		for _, check := range []struct{ what, got, want string }{
			{"name", c.Name, strings.ToLower(f["name"])},
			{"group", strings.ReplaceAll(c.Group.String(), "-", "_"), f["group"]},
			{"since", c.Since, f["since"]},
			{"arity", strconv.Itoa(c.Arity), f["arity"]},
			{"flags", csvOf((c.Flags &^ Hidden).Names()), inOrder(flagNames[:], f["command_flags"])},
			{"hidden flags", csvOf((c.Flags & Hidden).Names()), inOrder(flagNames[:], f["hidden_flags"])},
			{"acl", csvOf(c.ACL.Names()), inOrder(categoryNames[:], f["acl_categories"])},
			{"first key", strconv.Itoa(c.FirstKey), f["first_key"]},
			{"last key", strconv.Itoa(c.LastKey), f["last_key"]},
			{"step", strconv.Itoa(c.Step), f["step"]},
			{"complexity", c.Complexity, f["complexity"]},
			{"tips", csvOf(c.Tips), f["tips"]},
			{"key specs", specsOf(c), orderSpecs(f["key_specs"])},
			{"doc flags", csvOf(c.Doc.Names()), f["doc_flags"]},
			{"deprecated", c.DeprecatedSince, f["deprecated_since"]},
			{"replaced by", c.ReplacedBy, f["replaced_by"]},
			{"source", [...]string{"redis-7.4.1", "documented", "redis-unstable-20241018"}[c.Source], f["source"]},
		} {
			if check.got != check.want {
				t.Errorf("%s: %s = %q, want %q", f["name"], check.what, check.got, check.want)
			}
		}
	}
	for c := range All() {
		if !seen[c] {
			t.Errorf("%s is not among the facts", c.Name)
		}
	}
}

func csvOf(list []string) string { return strings.Join(list, ",") }

// inOrder brings a comma-separated list into the order of names.
func inOrder(names []string, list string) string {
	if list == "" {
		return ""
	}
	words := strings.Split(list, ",")
	slices.SortFunc(words, func(a, b string) int { return slices.Index(names, a) - slices.Index(names, b) })
	return csvOf(words)
}

// specsOf renders the key specs as the facts do.
func specsOf(c *Command) string {
	var list []string
	for _, s := range c.Keys {
		begin, find := s.Begin.String(), s.Find.String()
		switch s.Begin {
		case BeginIndex:
			begin += ":" + strconv.Itoa(s.Index)
		case BeginKeyword:
			begin += ":" + s.Keyword + ":" + strconv.Itoa(s.From)
		}
		switch s.Find {
		case FindRange:
			find += ":" + strconv.Itoa(s.Last) + ":" + strconv.Itoa(s.Step) + ":" + strconv.Itoa(s.Limit)
		case FindKeyNum:
			find += ":" + strconv.Itoa(s.CountAt) + ":" + strconv.Itoa(s.FirstAt) + ":" + strconv.Itoa(s.Step)
		}
		list = append(list, begin+"/"+find+"/"+strings.ToUpper(strings.Join(s.Flags.Names(), "+")))
	}
	return strings.Join(list, " ")
}

// orderSpecs brings the flags of each spec into our order.
func orderSpecs(list string) string {
	if list == "" {
		return ""
	}
	upper := strings.Split(strings.ToUpper(strings.Join(keyFlagNames[:], " ")), " ")
	specs := strings.Split(list, " ")
	for i, s := range specs {
		cut := strings.LastIndexByte(s, '/') + 1
		flags := inOrder(upper, strings.ReplaceAll(s[cut:], "+", ","))
		specs[i] = s[:cut] + strings.ReplaceAll(flags, ",", "+")
	}
	return strings.Join(specs, " ")
}

// TestTable checks what every row owes the others and the reader.
func TestTable(t *testing.T) {
	n := 0
	for c := range All() {
		if c.ID != n || all[c.ID] != c {
			t.Errorf("%s has ID %d at position %d", c.Name, c.ID, n)
		}
		n++
		if c.Name != strings.ToLower(c.Name) {
			t.Errorf("%s is not in lower case", c.Name)
		}
		if c.Summary == "" || strings.ContainsAny(c.Summary, "\n`") || len(c.Summary) > 90 {
			t.Errorf("%s: summary %q", c.Name, c.Summary)
		}
		if (c.Doc&Deprecated != 0) != (c.DeprecatedSince != "") {
			t.Errorf("%s: flag deprecated and DeprecatedSince disagree", c.Name)
		}
		if c.Parent != nil {
			if want := c.Parent.Name + "|" + c.Short(); c.Name != want {
				t.Errorf("%s stands in the container %s", c.Name, c.Parent.Name)
			}
			if c.Subcommands != nil {
				t.Errorf("%s is a container in a container", c.Name)
			}
		}
		if late := c.since > mustVersion(t, "7.4.1"); late != (c.Source == Documented) && c.Source != Unstable {
			t.Errorf("%s: since %s, source %d", c.Name, c.Since, c.Source)
		}
		for _, s := range c.Keys {
			if s.Begin != BeginUnknown && s.Step < 1 {
				t.Errorf("%s: key spec with step %d", c.Name, s.Step)
			}
		}
	}
	if n != Count() {
		t.Errorf("All yields %d commands, Count() = %d", n, Count())
	}
	for range All() {
		break // an early end is no fault
	}
}

// TestNames checks that every flag has a name and every name a flag.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		what  string
		end   uint64
		names []string
	}{
		{"Flags", uint64(endFlags), flagNames[:]},
		{"Categories", uint64(endCategories), categoryNames[:]},
		{"DocFlags", uint64(endDocFlags), docFlagNames[:]},
		{"KeyFlags", uint64(endKeyFlags), keyFlagNames[:]},
		{"ArgFlags", uint64(endArgFlags), argFlagNames[:]},
	} {
		if got := len(names(c.end-1, c.names)); got != len(c.names) {
			t.Errorf("%s: %d flags, %d names", c.what, got, len(c.names))
		}
	}
	if got := (Write | Fast | Protected).Names(); !slices.Equal(got, []string{"write", "fast", "protected"}) {
		t.Errorf("Names() = %q", got)
	}
	if c, ok := CategoryNamed("sortedset"); !ok || c != CatSortedSet {
		t.Errorf("CategoryNamed(sortedset) = %v, %v", c, ok)
	}
	if _, ok := CategoryNamed("@sortedset"); ok {
		t.Error("CategoryNamed takes @sortedset")
	}
}

func mustVersion(t *testing.T, s string) Version {
	t.Helper()
	v, ok := ParseVersion(s)
	if !ok {
		t.Fatalf("ParseVersion(%q) fails", s)
	}
	return v
}

func TestVersion(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"7.4.1", "7.4.1"}, {"7.4", "7.4.0"}, {"8", "8.0.0"}, {"7.2.255", "7.2.255"},
		{"", ""}, {"7.", ""}, {"7.4.1.0", ""}, {"7.256", ""}, {"-1", ""}, {"v7", ""},
	} {
		v, ok := ParseVersion(c.in)
		if ok != (c.out != "") || ok && v.String() != c.out {
			t.Errorf("ParseVersion(%q) = %v, %v, want %q", c.in, v, ok, c.out)
		}
	}
	if !Find([]byte("get")).KnownTo(mustVersion(t, "7.4")) || Find([]byte("digest")).KnownTo(mustVersion(t, "7.4.9")) {
		t.Error("7.4 must know GET and not DIGEST")
	}
}

func TestArityOK(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want bool
	}{
		{"get", 1, false}, {"get", 2, true}, {"get", 3, false},
		{"set", 2, false}, {"set", 3, true}, {"set", 9, true},
		{"config|get", 2, false}, {"config|get", 3, true},
	} {
		if got := ByName(c.name).ArityOK(c.n); got != c.want {
			t.Errorf("%s: ArityOK(%d) = %v", c.name, c.n, got)
		}
	}
}
