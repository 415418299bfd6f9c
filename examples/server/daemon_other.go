//go:build !unix

package main

import (
	"errors"
	"runtime"
)

func inBackground() bool { return false }

// startInBackground refuses: there are no sessions to leave.
func startInBackground() error {
	return errors.New("daemonize: there is no background to go to on " + runtime.GOOS +
		"; run the server under a service manager, or set daemonize no")
}

func keepInput([]string) error { return nil }
