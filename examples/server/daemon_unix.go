//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
)

// A Go program cannot fork, as redis-server does to daemonize: threads do not
// survive it. It starts itself a second time instead, in a session of its own,
// and leaves. The environment tells the second one that it is.
const daemonEnv = "REDWEAVE_IN_BACKGROUND"

func inBackground() bool { return os.Getenv(daemonEnv) != "" }

// startInBackground starts this program again, with the same arguments.
func startInBackground() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, os.Args[1:]...) // no output, and no input but what keepInput kept
	cmd.Env = append(os.Environ(), daemonEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if kept != nil {
		if _, err := kept.Seek(0, io.SeekStart); err != nil {
			return err
		}
		cmd.Stdin = kept
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// kept is a copy of the standard input, for the copy in the background.
var kept *os.File

// keepInput copies the standard input when the arguments say that configuration
// stands there, as it can be read but once.
func keepInput(args []string) error {
	if !slices.Contains(args, "-") || inBackground() {
		return nil
	}
	f, err := os.CreateTemp("", "redweave-conf-")
	if err != nil {
		return err
	}
	os.Remove(f.Name())
	if _, err := io.Copy(f, os.Stdin); err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	kept, os.Stdin = f, f
	return err
}
