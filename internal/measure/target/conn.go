package target

import (
	"bufio"
	"net"

	"github.com/redweave/redweave/resp"
)

// A Conn is a client, for one goroutine, or for one that sends and one that receives.
type Conn struct {
	net.Conn
	out []byte
	w   *bufio.Writer
	r   *resp.Reader
}

// Dial connects to a server.
func Dial(addr string) (*Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, w: bufio.NewWriterSize(c, 4<<10), r: resp.NewReader(c)}, nil
}

// Send sends a command, with the next Flush.
func (c *Conn) Send(args ...string) error {
	c.out = resp.AppendCommand(c.out[:0], args...)
	_, err := c.w.Write(c.out)
	return err
}

// Flush has what was sent go out.
func (c *Conn) Flush() error { return c.w.Flush() }

// Receive reads a reply. One that is an error is returned as such.
func (c *Conn) Receive() (resp.Value, error) {
	v, err := c.r.Read()
	if err != nil {
		return v, err
	}
	return v, v.Err()
}

// Do sends a command and reads the reply.
func (c *Conn) Do(args ...string) (resp.Value, error) {
	if err := c.Send(args...); err != nil {
		return resp.Value{}, err
	}
	if err := c.Flush(); err != nil {
		return resp.Value{}, err
	}
	return c.Receive()
}
