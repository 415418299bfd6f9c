package redweave_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The house's rules that a machine can hold: which way imports point, what the
// code below an owner must not do, and what every package says of itself.

const module = "github.com/redweave/redweave"

// layers draws the house from the roof down. A package may import those of the
// layers below its own, and where together is set those beside it. The first
// line whose pattern begins the package's path counts.
var layers = []struct {
	rank     int
	prefix   string // of the path below the module; "" is the root package itself
	together bool
}{
	{100, "examples/", false},
	{90, "internal/measure/target", false},
	{95, "internal/measure", false}, // programs and suites that nobody imports
	{95, "internal/difftest", true},
	{90, "resp/resptest", false},
	{80, ".", false},
	{75, "threading/enginetest", false},
	{65, "threading/eventloop", false},
	{70, "threading/", false}, // the models do not know each other
	{60, "threading", false},
	{5, "internal/command/spec", true},
	{50, "internal/command", true},
	{45, "internal/script", false},
	{40, "keyspace", false},
	{30, "lazyfree", false},
	{25, "internal/rdb", false},
	{20, "datatypes", true},
	{10, "resp", false},
	{5, "internal/", true},
}

// dependencies are the modules we may depend on, for anything but tests.
var dependencies = []string{
	"github.com/cespare/xxhash/v2", "github.com/puzpuzpuz/xsync/v3", "golang.org/x/sync", "golang.org/x/sys",
	"github.com/yuin/gopher-lua",
}

func layer(t *testing.T, pkg string) (rank int, together bool) {
	for _, l := range layers {
		if pkg == l.prefix || l.prefix != "." && strings.HasPrefix(pkg, l.prefix) {
			return l.rank, l.together
		}
	}
	t.Fatalf("package %s is in no layer: add it to the table in housekeeping_test.go", pkg)
	return 0, false
}

// A source is one Go file of ours.
type source struct {
	pkg  string // path below the module, "." for the root
	path string
	test bool
	file *ast.File
	fset *token.FileSet
}

// sources parses every Go file of the module, those of other systems too.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if path != "." && (name == "testdata" || strings.HasPrefix(name, ".") || nested == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{
			pkg: filepath.ToSlash(filepath.Dir(path)), path: path, file: f, fset: fset,
			test: strings.HasSuffix(path, "_test.go"),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		rank, together := layer(t, s.pkg)
		for _, spec := range s.file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			pkg, ours := strings.CutPrefix(path, module)
			switch {
			case ours:
				pkg = strings.TrimPrefix(pkg, "/")
				if pkg == "" {
					pkg = "."
				}
				if pkg == "internal/command/testdata/transcripts" {
					continue // data, embedded
				}
				if other, _ := layer(t, pkg); other > rank || other == rank && !together {
					t.Errorf("%s: %s (layer %d) imports %s (layer %d)", s.path, s.pkg, rank, pkg, other)
				}
				if rank == 100 && strings.HasPrefix(pkg, "internal/") {
					t.Errorf("%s: an example imports %s, which its readers cannot", s.path, pkg)
				}
			case strings.Contains(first, "."):
				if !slices.ContainsFunc(dependencies, func(d string) bool { return path == d || strings.HasPrefix(path, d+"/") }) {
					t.Errorf("%s: imports %s, which is not among our dependencies", s.path, path)
				}
			}
		}
	}
}

// Below the owner of a shard there is one goroutine at a time, and no lock.
func TestDataTypesAndKeyspaceAreSingleThreaded(t *testing.T) {
	for _, s := range sources(t) {
		below := s.pkg == "keyspace" || s.pkg == "datatypes" || strings.HasPrefix(s.pkg, "datatypes/")
		if s.test || !below {
			continue
		}
		for _, spec := range s.file.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); path == "sync" || path == "sync/atomic" || strings.Contains(path, "xsync") {
				t.Errorf("%s imports %s", s.path, path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
				t.Errorf("%s: a goroutine or a channel", s.fset.Position(n.Pos()))
			}
			return true
		})
	}
}

func TestNothingIsLeftToDo(t *testing.T) {
	unfinished := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if m := unfinished.FindString(c.Text); m != "" {
					t.Errorf("%s: %s", s.fset.Position(c.Pos()), m)
				}
			}
		}
	}
}

// Every package says what it is, once.
func TestPackageComments(t *testing.T) {
	comments, files := map[string][]string{}, map[string]int{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		files[s.pkg]++
		if s.file.Doc == nil {
			continue
		}
		text, want := s.file.Doc.Text(), "Package "+s.file.Name.Name+" "
		// A program may go by its own name, as Go's do.
		program := s.file.Name.Name == "main" && strings.HasPrefix(strings.ToLower(text), path.Base(s.pkg)+" ")
		if !program && !strings.HasPrefix(text, want) {
			first, _, _ := strings.Cut(text, "\n")
			t.Errorf("%s: the package comment begins %q, want %q", s.path, first, want)
		}
		comments[s.pkg] = append(comments[s.pkg], s.path)
	}
	for pkg := range files {
		if n := len(comments[pkg]); n != 1 {
			t.Errorf("package %s has %d package comments: %v", pkg, n, comments[pkg])
		}
	}
}
