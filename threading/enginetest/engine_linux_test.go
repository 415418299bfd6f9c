package enginetest_test

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func testKeepAlive(t *testing.T) {
	e := open(t, "tcp-keepalive", "120")
	addr := listen(t, e)
	option := func(p *peer, level, opt int) int {
		t.Helper()
		var fd int
		fmt.Sscan(fields(p.do("CLIENT", "INFO").Text())["fd"], &fd)
		v, err := unix.GetsockoptInt(fd, level, opt)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	p := connect(t, addr)
	if option(p, unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 1 || option(p, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE) != 120 {
		t.Error("tcp-keepalive 120 is not set")
	}
	if option(p, unix.IPPROTO_TCP, unix.TCP_NODELAY) != 1 {
		t.Error("TCP_NODELAY is not set")
	}
	p.want("CONFIG SET tcp-keepalive 30", "OK")
	if q := connect(t, addr); option(q, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE) != 30 {
		t.Error("a new tcp-keepalive is not set")
	}
	p.want("CONFIG SET tcp-keepalive 0", "OK")
	if q := connect(t, addr); option(q, unix.SOL_SOCKET, unix.SO_KEEPALIVE) != 0 {
		t.Error("tcp-keepalive 0 is not obeyed")
	}
}

// A client for whom there is no descriptor waits, and the loop does not spin.
func testOutOfDescriptors(t *testing.T) {
	e := open(t)
	addr := listen(t, e)
	in := connect(t, addr)
	in.want("PING", "PONG")

	port := 0
	_, text, _ := net.SplitHostPort(addr)
	fmt.Sscan(text, &port)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Skip(err)
	}
	lowest, err := unix.Dup(fd) // the lowest free number is the limit
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(lowest)
	full := old
	full.Cur = uint64(lowest)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &full); err != nil {
		t.Skip(err)
	}
	restore := sync.OnceFunc(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
	defer restore()
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	checkQuiet(t, e, "nobody can be let in")
	in.want("PING", "PONG")
	restore()
	if _, err := unix.Write(fd, []byte("PING\r\n")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, err := unix.Read(fd, buf); err != nil || string(buf[:n]) != "+PONG\r\n" {
		t.Errorf("let in at last: %q, %v", buf[:n], err)
	}
}
