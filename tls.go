package redweave

import (
	"crypto/tls"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/internal/tlsconf"
)

// A TLSError says why the tls-* parameters do not make a server.
type TLSError struct{ Err error }

func (e *TLSError) Error() string { return "redweave: configuring TLS: " + e.Err.Error() }

func (e *TLSError) Unwrap() error { return e.Err }

// secrets are the certificates in use: CONFIG SET of a tls-* parameter reads them
// anew, and connections from then on are shown those.
type secrets struct{ current atomic.Pointer[tls.Config] }

// load reads the certificates, and has CONFIG SET do so from now on.
func (s *secrets) load(c *config.Config) error {
	read := func() error {
		if c.TLSPort == 0 {
			return nil
		}
		t, err := tlsconf.New(&c.Values)
		if err != nil {
			return err
		}
		s.current.Store(t)
		return nil
	}
	c.OnChange(func() error {
		if read() != nil {
			return tlsconf.Error("Unable to update TLS configuration. Check server logs.")
		}
		return nil
	}, tlsconf.Parameters...)
	return read()
}

// listen listens at one address of bind, for clients that speak TLS. Each
// connection shakes hands on a goroutine of its own: no loop waits for it.
func (s *secrets) listen(host string, port int) (net.Listener, error) {
	l, err := listenTCP(host, port)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load(), nil },
	}), nil
}

// listenError says where it could not be listened.
func listenError(host string, port int, err error) error {
	return &ListenError{"tcp", host + ":" + strconv.Itoa(port), err}
}
