package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redweave/redweave/resp"
)

// ask puts questions, each a single command but one.
func (t *tour) ask() error {
	t.heading("Asking")
	for _, question := range []func() error{
		t.askIdentifiers, t.askImported, t.askImporters, t.askKindred, t.askBiggest, t.askBugs,
	} {
		if err := question(); err != nil {
			return err
		}
	}
	return nil
}

// question asks, and shows the command and the time it took.
func (t *tour) question(text string, args ...any) (resp.Value, error) {
	start := time.Now()
	v, err := t.do(args...)
	took := time.Since(start)
	if err == nil {
		t.printf("\n   %s\n   > %s   (%s)\n", text, strings.TrimSpace(fmt.Sprintln(args...)), rounded(took))
	}
	return v, err
}

// scores are the members of a sorted set's range, with their scores.
func scores(v resp.Value) (members []string, of []int64) {
	for _, pair := range v.Elems {
		if len(pair.Elems) == 2 {
			members = append(members, pair.Elems[0].Str)
			of = append(of, int64(pair.Elems[1].Float))
		}
	}
	return members, of
}

// chart draws members by score.
func (t *tour) chart(v resp.Value) {
	names, counts := scores(v)
	for i, name := range names {
		t.printf("   %10s  %-14s %s\n", commas(counts[i]), name, strings.Repeat("▇", int(30*counts[i]/max(counts[0], 1))))
	}
}

func (t *tour) askIdentifiers() error {
	v, err := t.question("Which identifiers are used most?", "ZRANGE", "identifiers", 0, 9, "REV", "WITHSCORES")
	if err != nil {
		return err
	}
	t.chart(v)
	all, err := t.do("ZCARD", "identifiers")
	if err != nil {
		return err
	}
	once, err := t.question("How many of them are used just once?", "ZCOUNT", "identifiers", 1, 1)
	if err != nil {
		return err
	}
	t.printf("   %s of %s\n", commas(once.Int), commas(all.Int))
	return nil
}

func (t *tour) askImported() error {
	v, err := t.question("Which packages are imported by the most others?", "ZRANGE", "imported", 0, 4, "REV", "WITHSCORES")
	if err == nil {
		t.chart(v)
	}
	return err
}

func (t *tour) askImporters() error {
	v, err := t.question("Who imports fmt, sort and sync?", "SINTER", "importers:fmt", "importers:sort", "importers:sync")
	if err != nil {
		return err
	}
	names := v.Strings()
	slices.Sort(names)
	if len(names) == 0 {
		names = []string{"nobody"}
	}
	t.wrap(names)
	return nil
}

// A pair of packages and how many imports they share.
type pair struct {
	a, b   string
	shared int64
}

// askKindred compares the packages with the longest lists of imports, each with
// each.
func (t *tour) askKindred() error {
	packages, err := t.importers(60)
	if err != nil {
		return err
	}
	start := time.Now()
	var pairs []pair
	for i, a := range packages {
		for _, b := range packages[:i] {
			v, err := t.do("SINTERCARD", 2, "imports:"+a, "imports:"+b)
			if err != nil {
				return err
			}
			pairs = append(pairs, pair{a, b, v.Int})
		}
	}
	took := time.Since(start)
	if len(pairs) == 0 {
		return nil
	}
	slices.SortFunc(pairs, func(p, q pair) int { return cmp.Or(cmp.Compare(q.shared, p.shared), cmp.Compare(p.a, q.a)) })
	t.printf("\n   Which packages share the most imports?\n   > SINTERCARD 2 imports:… imports:…   (%s times, %s each)\n",
		commas(len(pairs)), rounded(took/time.Duration(len(pairs))))
	for _, p := range pairs[:min(5, len(pairs))] {
		t.printf("   %10d  %s and %s\n", p.shared, p.a, p.b)
	}
	return nil
}

// importers returns the n packages that import the most, found by SCAN.
func (t *tour) importers(n int) ([]string, error) {
	counts := map[string]int64{}
	for cursor := "0"; ; {
		page, err := t.do("SCAN", cursor, "MATCH", "imports:*", "COUNT", 1000)
		if err != nil {
			return nil, err
		}
		for _, key := range page.Elems[1].Strings() {
			size, err := t.do("SCARD", key)
			if err != nil {
				return nil, err
			}
			counts[strings.TrimPrefix(key, "imports:")] = size.Int
		}
		if cursor = page.Elems[0].Str; cursor == "0" {
			break
		}
	}
	var packages []string
	for p := range counts {
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	return packages[:min(n, len(packages))], nil
}

func (t *tour) askBiggest() error {
	v, err := t.question("Which files are the biggest?", "ZRANGE", "sizes", 0, 4, "REV", "WITHSCORES")
	if err != nil {
		return err
	}
	names, sizes := scores(v)
	for i, name := range names {
		about, err := t.do("HMGET", "file:"+name, "package", "lines")
		if err != nil {
			return err
		}
		fields := about.Strings()
		t.printf("   %10s  package %-8s %6s lines  %s\n", commas(sizes[i]), fields[0], fields[1], name)
	}
	return nil
}

func (t *tour) askBugs() error {
	n, err := t.do("LLEN", "bugs")
	if err != nil {
		return err
	}
	v, err := t.question(fmt.Sprintf("Which bugs are known? (%d notes)", n.Int), "LRANGE", "bugs", 0, 2)
	if err != nil {
		return err
	}
	for _, note := range v.Strings() {
		t.printf("   %s …\n", note)
	}
	return nil
}

// wrap prints words in lines of a terminal's width.
func (t *tour) wrap(words []string) {
	line := "  "
	for _, w := range words {
		if len(line)+len(w) > 90 {
			t.printf("%s\n", line)
			line = "  "
		}
		line += " " + w
	}
	t.printf("%s\n", line)
}
