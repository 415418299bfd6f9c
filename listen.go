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

	"github.com/redweave/redweave/internal/netpoll"
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
// machine. The error is a *ListenError, ErrNowhere or ErrClosed, and nothing is left open.
func (k *Keyspace) Listen() (ls []net.Listener, err error) {
	select {
	case <-k.Done():
		return nil, ErrClosed
	default:
	}
	defer func() {
		if err != nil {
			for _, l := range ls {
				l.Close()
			}
			ls = nil
		}
	}()
	p := k.engine.Parameters()
	// TLS first: whoever finds the plain port answering finds the other one, too.
	for _, via := range []struct {
		port   int
		listen func(host string, port int) ([]net.Listener, error)
	}{{p.TLSPort, k.tlsDoor}, {p.Port, k.doors}} {
		if via.port == 0 {
			continue
		}
		for _, bind := range p.Bind {
			host, optional := strings.CutPrefix(bind, "-")
			doors, err := via.listen(host, via.port)
			switch {
			case err == nil:
				ls = append(ls, doors...)
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

// doors listens at an address of bind, once for each loop that wants a door of its own,
// where the system lets several share a port and spreads the clients over them.
func (k *Keyspace) doors(host string, port int) ([]net.Listener, error) {
	network, address := tcpAddress(host, port)
	if several, ok := k.engine.(interface{ Doors() int }); ok && several.Doors() > 1 && netpoll.CanReusePort {
		if err := netpoll.Bindable(network, address); err != nil {
			return nil, err
		}
		var ls []net.Listener
		for range several.Doors() {
			door, err := netpoll.Listen(network, address, netpoll.ListenOptions{ReusePort: true})
			if err != nil {
				break // not for so many
			}
			ls = append(ls, door)
		}
		if len(ls) > 0 {
			return ls, nil
		}
	}
	l, err := listenTCP(host, port)
	return []net.Listener{l}, err
}

func (k *Keyspace) tlsDoor(host string, port int) ([]net.Listener, error) {
	l, err := k.secrets.listen(host, port)
	return []net.Listener{l}, err
}

// listenTCP listens at one address of bind.
func listenTCP(host string, port int) (net.Listener, error) {
	network, address := tcpAddress(host, port)
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // what Redis's clients have, and the faster socket
	return lc.Listen(context.Background(), network, address)
}

// tcpAddress is an address of bind as the net package spells it.
func tcpAddress(host string, port int) (network, address string) {
	network = "tcp4"
	switch {
	case host == "*":
		host = "0.0.0.0"
	case host == "::*":
		network, host = "tcp6", "::"
	case strings.Contains(host, ":"):
		network = "tcp6"
	}
	return network, net.JoinHostPort(host, strconv.Itoa(port))
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
