package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// listen opens the sockets that bind, port and unixsocket ask for. When it fails it
// has said why, and returns nothing.
func listen(s *settings, log *slog.Logger) (ls []net.Listener) {
	fail := func(format string, args ...any) []net.Listener {
		log.Warn(fmt.Sprintf(format, args...))
		for _, l := range ls {
			l.Close()
		}
		return nil
	}
	if s.port != 0 {
		for _, address := range s.bind {
			address, optional := strings.CutPrefix(address, "-") // the machine may lack the address
			l, err := listenTCP(address, s.port)
			switch {
			case err == nil:
				ls = append(ls, l)
			case optional && !errors.Is(err, syscall.EADDRINUSE):
			default:
				log.Warn(fmt.Sprintf("Warning: Could not create server TCP listening socket %s:%d: bind: %s", address, s.port, reason(err)))
				return fail("Failed listening on port %d (tcp), aborting.", s.port)
			}
		}
	}
	if s.unixSocket != "" {
		l, err := listenUnix(s.unixSocket, s.unixSocketPerm)
		if err != nil {
			log.Warn("Failed opening Unix socket: bind: " + reason(err))
			return fail("Failed listening on unix socket %s, aborting.", s.unixSocket)
		}
		ls = append(ls, l)
	}
	if len(ls) == 0 {
		return fail("Configured to not listen anywhere, exiting.")
	}
	return ls
}

// listenTCP listens at one address of bind.
func listenTCP(host string, port int) (net.Listener, error) {
	network := "tcp4"
	switch {
	case host == "*":
		host = "0.0.0.0"
	case host == "::*":
		network, host = "tcp6", "::"
	case strings.Contains(host, ":"):
		network = "tcp6"
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // what redis-server's clients have, and the faster socket
	return lc.Listen(context.Background(), network, net.JoinHostPort(host, strconv.Itoa(port)))
}

func listenUnix(path string, perm os.FileMode) (net.Listener, error) {
	os.Remove(path) // what a server that died has left
	l, err := net.Listen("unix", path)
	if err == nil && perm != 0 {
		if err = os.Chmod(path, perm); err != nil {
			l.Close()
		}
	}
	return l, err
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
