package main

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// unlink deletes a big set twice. DEL gives back every element before it
// returns, and everybody else waits. UNLINK takes the key away, and the elements
// are given back by a goroutine that holds up nobody; the keyspace takes the
// memory over ten times a second.
func (t *tour) unlink() error {
	t.heading("Deleting a set of " + commas(t.members) + " members: DEL and UNLINK")
	for _, command := range []string{"DEL", "UNLINK"} {
		empty, err := t.infoNumber("memory", "used_memory")
		if err != nil {
			return err
		}
		if err := t.fillBigSet(command); err != nil {
			return err
		}
		full, err := t.infoNumber("memory", "used_memory")
		if err != nil {
			return err
		}
		neighbour := t.watchNeighbour()
		start := time.Now()
		_, err = t.do(command, "big")
		held := time.Since(start)
		if err == nil {
			err = t.awaitMemory(empty + (full-empty)/100)
		}
		all, waited := time.Since(start), neighbour()
		if err != nil {
			return err
		}
		t.printf("   > %-10s returned after %8s; another goroutine's GET waited for %8s at most;\n%s%s were back after %s\n",
			command+" big", rounded(held), rounded(waited), strings.Repeat(" ", 16), megabytes(full-empty), rounded(all))
	}
	return nil
}

// fillBigSet makes the set, a thousand members a command.
func (t *tour) fillBigSet(purpose string) error {
	for from := 0; from < t.members; {
		args := []any{"SADD", "big"}
		for ; len(args) < 1002 && from < t.members; from++ {
			args = append(args, "member:"+strconv.Itoa(from))
		}
		if _, err := t.do(args...); err != nil {
			return err
		}
		t.progress(from, t.members, "SADD big …, for "+purpose)
	}
	return nil
}

// watchNeighbour reads a key again and again on another goroutine. The function it
// returns ends that, and tells the longest that a read took.
func (t *tour) watchNeighbour() (stop func() time.Duration) {
	var stopped atomic.Bool
	longest, begun := make(chan time.Duration), make(chan struct{})
	go func() {
		worst := time.Duration(0)
		for i := 0; !stopped.Load(); i++ {
			if i == 1 {
				close(begun)
			}
			start := time.Now()
			t.ks.Get("lines")
			worst = max(worst, time.Since(start))
			time.Sleep(20 * time.Microsecond)
		}
		longest <- worst
	}()
	<-begun
	return func() time.Duration {
		stopped.Store(true)
		return <-longest
	}
}

// awaitMemory waits until used_memory is down to goal.
func (t *tour) awaitMemory(goal int64) error {
	for range 5000 {
		if used, err := t.infoNumber("memory", "used_memory"); used <= goal || err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the memory of what was deleted does not come back")
}

// infoNumber returns a number out of INFO.
func (t *tour) infoNumber(section, field string) (int64, error) {
	v, err := t.do("INFO", section)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(v.Text(), "\n"+field+":")
	number, _, _ := strings.Cut(rest, "\r")
	return strconv.ParseInt(number, 10, 64)
}
