package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestTour walks a small tour, and looks for the end of each chapter.
func TestTour(t *testing.T) {
	root, err := findSources()
	if err != nil {
		t.Skip(err)
	}
	var out bytes.Buffer
	if err := walk(&out, plan{root: filepath.Join(root, "encoding"), members: 20_000, lines: 5_000}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"goroutines in", "used most?", "err ", "Who imports fmt, sort and sync?", "json", "SINTERCARD", "package json",
		"GET session: ann", "GET session: nothing", "> DEL ", "> UNLINK ", "bytes a key on top", "garbage collection", "The tour took",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("escape sequences in what is no terminal")
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out)
	s.progress(1, 2, "one")
	s.progress(2, 2, "two")
	if out.Len() > 0 {
		t.Errorf("a file is told %q of what is done at once", out.String())
	}
	s.terminal = true
	s.progress(2, 2, "two")
	if want := "\r\x1b[K   " + strings.Repeat("█", 24) + " two\r\x1b[K"; out.String() != want {
		t.Errorf("a terminal is told %q, want %q", out.String(), want)
	}
}

func TestStudy(t *testing.T) {
	f := study("a/b/c.go", []byte(`// Package b …
package b

import (
	"fmt"
	other "net/http"
)

import "C"

// BUG(ann): It does
// not work.
func f() { fmt.Println("text"); f() }
`))
	if f.dir != "a/b" || f.pkg != "b" || f.lines != 13 {
		t.Errorf("dir %q, package %q, %d lines", f.dir, f.pkg, f.lines)
	}
	if got := strings.Join(f.imports, " "); got != "fmt net/http" {
		t.Errorf("imports %q", got)
	}
	if got := strings.Join(f.identifiers, " "); got != "b other f fmt Println f" {
		t.Errorf("identifiers %q", got)
	}
	if got := strings.Join(f.bugs, "|"); got != "It does" {
		t.Errorf("bugs %q", got)
	}
}

func TestCommas(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1263701: "1,263,701", -100: "-100", -1000: "-1,000"} {
		if got := commas(n); got != want {
			t.Errorf("commas(%d) = %q, want %q", n, got, want)
		}
	}
}
