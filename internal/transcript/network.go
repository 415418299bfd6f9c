package transcript

import (
	"bufio"
	"errors"
	"net"
	"os"
	"strconv"
	"time"
)

// Network is a server behind a listening socket, with a real clock.
type Network struct {
	Net  string // "tcp" or "unix"
	Addr string
}

// Dial opens a connection.
func (n Network) Dial() (Conn, error) {
	c, err := net.Dial(n.Net, n.Addr)
	if err != nil {
		return nil, err
	}
	return NewConn(c), nil
}

// NewConn makes a conversation of a connection that nobody else reads or writes.
func NewConn(c net.Conn) Conn { return &netConn{c, bufio.NewReader(c)} }

// Advance sleeps.
func (n Network) Advance(d time.Duration) { time.Sleep(d) }

type netConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *netConn) Send(args [][]byte) error {
	_, err := c.Write(AppendCommand(nil, args))
	return err
}

// Receive waits for the first byte of a reply and then reads it whole.
func (c *netConn) Receive(wait time.Duration) ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(wait))
	if _, err := c.r.Peek(1); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, ErrWaiting
		}
		return nil, err
	}
	c.SetReadDeadline(time.Now().Add(patience))
	return ReadRaw(c.r)
}

// AppendCommand appends a command as the array of bulk strings a client sends.
func AppendCommand(dst []byte, args [][]byte) []byte {
	dst = strconv.AppendInt(append(dst, '*'), int64(len(args)), 10)
	for _, a := range args {
		dst = strconv.AppendInt(append(dst, "\r\n$"...), int64(len(a)), 10)
		dst = append(append(dst, "\r\n"...), a...)
	}
	return append(dst, "\r\n"...)
}
