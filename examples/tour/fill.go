package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// fill files every fact as one command. Any number of goroutines may use a
// keyspace: each command is atomic, and runs on the goroutine that calls it.
func (t *tour) fill() error {
	t.heading("Filing the standard library: " + t.root)
	names, err := listSources(t.root)
	if err != nil {
		return err
	}
	start := time.Now()
	queue, filed := make(chan string), make(chan struct{})
	var commands atomic.Int64
	group, ctx := errgroup.WithContext(context.Background())
	group.Go(func() error {
		defer close(queue)
		for _, name := range names {
			select {
			case queue <- name:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for name := range queue {
				text, err := os.ReadFile(filepath.Join(t.root, name))
				if err != nil {
					return err
				}
				n, err := t.file(study(name, text))
				if err != nil {
					return err
				}
				commands.Add(int64(n))
				filed <- struct{}{}
			}
			return nil
		})
	}
	go func() { group.Wait(); close(filed) }()
	done := 0
	for range filed {
		done++
		t.progress(done, len(names), fmt.Sprintf("%s files, %s commands", commas(done), commas(commands.Load())))
	}
	if err := group.Wait(); err != nil {
		return err
	}
	keys, err := t.do("DBSIZE")
	if err != nil {
		return err
	}
	t.printf("   %s files became %s keys: %s commands from %d goroutines in %s,\n   reading and scanning the sources included\n",
		commas(len(names)), commas(keys.Int), commas(commands.Load()), runtime.GOMAXPROCS(0), rounded(time.Since(start)))
	return nil
}

// file stores the facts of one file, and returns how many commands that took.
//
//	file:net/http/server.go   hash         package, lines, bytes
//	sizes                     sorted set   file by bytes
//	imports:net/http          set          what the package imports
//	importers:bufio           set          who imports it
//	imported                  sorted set   package by number of importers
//	identifiers               sorted set   identifier by number of uses
//	bugs                      list         known bugs, as they were found
//	lines, bytes              strings      sums
func (t *tour) file(f facts) (commands int, err error) {
	do := func(args ...any) (n int64) {
		if err != nil {
			return 0
		}
		commands++
		v, doErr := t.do(args...)
		err = doErr
		return v.Int
	}
	do("HSET", "file:"+f.name, "package", f.pkg, "lines", f.lines, "bytes", f.bytes)
	do("ZADD", "sizes", f.bytes, f.name)
	do("INCRBY", "lines", f.lines)
	do("INCRBY", "bytes", f.bytes)
	for _, p := range f.imports {
		do("SADD", "imports:"+f.dir, p)
		if do("SADD", "importers:"+p, f.dir) == 1 {
			do("ZINCRBY", "imported", 1, p)
		}
	}
	for _, name := range f.identifiers {
		do("ZINCRBY", "identifiers", 1, name)
	}
	for _, what := range f.bugs {
		do("RPUSH", "bugs", f.name+": "+what)
	}
	return commands, err
}
