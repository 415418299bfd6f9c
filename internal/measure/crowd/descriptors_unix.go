//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// descriptors are as many as this program or a server needs for the largest crowd.
const descriptors = 13_000

// raiseDescriptors lets this program, and the servers it starts, have enough.
func raiseDescriptors() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	if l.Cur >= descriptors {
		return nil
	}
	raised := syscall.Rlimit{Cur: descriptors, Max: max(l.Max, descriptors)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		return nil
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	return fmt.Errorf("only %d descriptors can be had, which may be too few for 10,000 clients", l.Max)
}
