package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/redweave/redweave"
)

// listen opens the sockets that bind, port and unixsocket ask for. When it fails it
// has said why, in redis-server's words, and returns nothing.
func listen(ks *redweave.Keyspace, s *settings, log *slog.Logger) []net.Listener {
	ls, err := ks.Listen()
	var failed *redweave.ListenError
	switch {
	case err == nil:
		return ls
	case errors.As(err, &failed) && failed.Network == "tcp":
		log.Warn(fmt.Sprintf("Warning: Could not create server TCP listening socket %s: bind: %s", failed.Address, reason(err)))
		log.Warn(fmt.Sprintf("Failed listening on port %s (tcp), aborting.", failed.Address[strings.LastIndexByte(failed.Address, ':')+1:]))
	case errors.As(err, &failed):
		log.Warn("Failed opening Unix socket: bind: " + reason(err))
		log.Warn(fmt.Sprintf("Failed listening on unix socket %s, aborting.", failed.Address))
	default:
		log.Warn("Configured to not listen anywhere, exiting.")
	}
	return nil
}

// reason is the system's word for an error, as C programs spell it.
func reason(err error) string {
	var errno syscall.Errno
	text := err.Error()
	if errors.As(err, &errno) {
		text = errno.Error()
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
