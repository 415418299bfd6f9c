//go:build !linux

package netpoll

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Elsewhere no descriptor is watched: every socket is bridged (see conn.go). What follows is
// never reached with a descriptor, as dupFD gives none.

var errNoDescriptors = errors.New("netpoll: descriptors are not watched on this system")

type kernel struct{}

func (k *kernel) open() bool                                { return false }
func (k *kernel) close()                                    {}
func (k *kernel) ring()                                     {}
func (k *kernel) pending() bool                             { return false }
func (k *kernel) add(*Poller, *source, int, Ready) error    { return errNoDescriptors }
func (k *kernel) modify(*Poller, *source, int, Ready) error { return errNoDescriptors }
func (k *kernel) remove(int)                                {}
func (k *kernel) poll(*Poller) error                        { return nil }
func (k *kernel) sleep(*Poller, time.Duration) error        { return errNoDescriptors }
func readFD(int, []byte) (int, error)                       { return 0, errNoDescriptors }
func writeFD(int, []byte) (int, error)                      { return 0, errNoDescriptors }
func closeFD(int) error                                     { return errNoDescriptors }
func acceptFD(int, time.Duration) (*Conn, error)            { return nil, errNoDescriptors }
func dupFD(any) (fd int, ok bool, err error)                { return -1, false, nil }
func localAddrFD(int) net.Addr                              { return nil }
func reusePort(network, address string, raw syscall.RawConn) error {
	return errors.New("netpoll: ReusePort is not available on this system")
}
func bindable(string, *net.TCPAddr) error {
	return errors.New("netpoll: ReusePort is not available on this system")
}

// CanReusePort tells whether [Listen] can let several listeners share a port.
const CanReusePort = false

// Multiplexer names what a Poller waits for sockets with.
const Multiplexer = "goroutines"
