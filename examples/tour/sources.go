package main

import (
	"errors"
	"go/build"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// findSources returns the folder with the sources of the standard library: that
// of the Go that built this program, or else of the go command.
func findSources() (string, error) {
	roots := []string{build.Default.GOROOT}
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		roots = append(roots, strings.TrimSpace(string(out)))
	}
	for _, root := range roots {
		src := filepath.Join(root, "src")
		if _, err := os.Stat(filepath.Join(src, "fmt", "print.go")); root != "" && err == nil {
			return src, nil
		}
	}
	return "", errors.New("the sources of the Go standard library are not on this machine: " +
		"set GOROOT to a Go installation, or let the go command be found in PATH")
}

// listSources returns the Go files of the standard library below root, without
// tests, commands and what others wrote. The names are relative, with slashes.
func listSources(root string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "cmd" || d.Name() == "testdata" || d.Name() == "vendor"):
			return fs.SkipDir
		case !d.IsDir() && path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// facts are what the tour wants to know about a file.
type facts struct {
	name        string // net/http/server.go
	dir         string // net/http
	pkg         string // http
	bytes       int
	lines       int
	imports     []string
	identifiers []string // every use of one
	bugs        []string // what comments call a BUG
}

// study reads a file's facts off its text.
func study(name string, text []byte) facts {
	f := facts{name: name, dir: path.Dir(name), bytes: len(text)}
	file := token.NewFileSet().AddFile(name, -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	before, importing := token.ILLEGAL, false
	for {
		_, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			f.lines = file.LineCount()
			return f
		case tok == token.COMMENT:
			f.bugs = appendBug(f.bugs, lit)
			continue
		case tok == token.IDENT:
			f.identifiers = append(f.identifiers, lit)
			if before == token.PACKAGE {
				f.pkg = lit
			}
		case tok == token.IMPORT:
			importing = true
		case tok == token.FUNC, tok == token.TYPE, tok == token.VAR, tok == token.CONST:
			importing = false // imports stand first
		case tok == token.STRING && importing:
			if p, err := strconv.Unquote(lit); err == nil && p != "C" {
				f.imports = append(f.imports, p)
			}
		}
		before = tok
	}
}

// appendBug takes a comment's note on a known bug, as go doc shows them:
//
//	// BUG(who): what
func appendBug(bugs []string, comment string) []string {
	if note, ok := strings.CutPrefix(comment, "// BUG("); ok {
		if _, what, ok := strings.Cut(note, "): "); ok {
			bugs = append(bugs, what)
		}
	}
	return bugs
}
