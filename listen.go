package redweave

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// ErrNowhere is returned by Listen when the parameters name no address.
var ErrNowhere = errors.New("redweave: configured to not listen anywhere")

// A ListenError says which address the parameters name cannot be listened at.
type ListenError struct {
	Network string // "tcp" or "unix"
	Address string // host:port as configured, or the path
	Err     error
}

func (e *ListenError) Error() string {
	return "redweave: listening at " + e.Address + ": " + e.Err.Error()
}

func (e *ListenError) Unwrap() error { return e.Err }

// Listen opens the sockets that the parameters bind, port, tls-port and unixsocket ask for,
// for Serve. An address of bind that begins with a minus may be missing from the
// machine. The error is a *ListenError or ErrNowhere, and nothing is left open.
func (k *Keyspace) Listen() (ls []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range ls {
				l.Close()
			}
			ls = nil
		}
	}()
	p := k.engine.Parameters()
	for _, via := range []struct {
		port   int
		listen func(host string, port int) (net.Listener, error)
	}{{p.Port, listenTCP}, {p.TLSPort, k.secrets.listen}} {
		if via.port == 0 {
			continue
		}
		for _, bind := range p.Bind {
			host, optional := strings.CutPrefix(bind, "-")
			l, err := via.listen(host, via.port)
			switch {
			case err == nil:
				ls = append(ls, l)
			case optional && !errors.Is(err, syscall.EADDRINUSE):
			default:
				return ls, listenError(host, via.port, err)
			}
		}
	}
	if p.UnixSocket != "" {
		l, err := listenUnix(p.UnixSocket, os.FileMode(p.UnixSocketPerm))
		if err != nil {
			return ls, &ListenError{"unix", p.UnixSocket, err}
		}
		ls = append(ls, l)
	}
	if len(ls) == 0 {
		return nil, ErrNowhere
	}
	return ls, nil
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
	lc.SetMultipathTCP(false) // what Redis's clients have, and the faster socket
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

// serveConfigured listens where the parameters say, and serves all of it.
func (k *Keyspace) serveConfigured() error {
	ls, err := k.Listen()
	if err != nil {
		return err
	}
	var g errgroup.Group
	for _, l := range ls {
		g.Go(func() error { return k.Serve(l) })
	}
	return g.Wait()
}
