package singleloop

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKeepAlive(t *testing.T) {
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
