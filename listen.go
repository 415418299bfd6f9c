package redweave

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/redweave/redweave/internal/netpoll"
)

// serveConfigured listens where the parameters bind, port and unixsocket say, and
// serves all of it.
func (k *Keyspace) serveConfigured() error {
	listeners, err := k.configuredListeners()
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return err
	}
	if len(listeners) == 0 {
		return errors.New("redweave: configured to not listen anywhere")
	}
	var g errgroup.Group
	for _, l := range listeners {
		g.Go(func() error { return k.Serve(l) })
	}
	return g.Wait()
}

func (k *Keyspace) configuredListeners() (ls []net.Listener, err error) {
	p := k.engine.Parameters()
	if p.Port != 0 {
		for _, addr := range p.Bind {
			// A leading minus says that the machine may lack the address.
			host, optional := strings.CutPrefix(addr, "-")
			network := "tcp4"
			switch {
			case host == "*":
				host = "0.0.0.0"
			case host == "::*":
				network, host = "tcp6", "::"
			case strings.Contains(host, ":"):
				network = "tcp6"
			}
			l, err := netpoll.Listen(network, net.JoinHostPort(host, strconv.Itoa(p.Port)), netpoll.ListenOptions{})
			if err != nil {
				if optional && !inUse(err) {
					continue
				}
				return ls, fmt.Errorf("redweave: listening on %s: %w", addr, err)
			}
			ls = append(ls, l)
		}
		if len(ls) == 0 {
			return ls, fmt.Errorf("redweave: none of %q can be listened on", p.Bind)
		}
	}
	if p.UnixSocket != "" {
		os.Remove(p.UnixSocket)
		l, err := net.Listen("unix", p.UnixSocket)
		if err != nil {
			return ls, fmt.Errorf("redweave: listening on %s: %w", p.UnixSocket, err)
		}
		ls = append(ls, l)
		if p.UnixSocketPerm != 0 {
			if err := os.Chmod(p.UnixSocket, os.FileMode(p.UnixSocketPerm)); err != nil {
				return ls, err
			}
		}
	}
	return ls, nil
}

// inUse reports whether somebody else listens there: not a missing address, which
// may be optional.
func inUse(err error) bool { return strings.Contains(err.Error(), "in use") }
