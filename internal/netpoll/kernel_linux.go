package netpoll

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// # Linux: epoll
//
// The eight bytes that epoll keeps for a descriptor hold its slot and the slot's generation:
//
//	Fd:  slot (-1: the bell, an eventfd)     Pad: generation
//
// An event whose generation is not the slot's is of a connection that has been closed; it can come when a copy of the descriptor lives on
// for a moment, in a child process between fork and exec.
//
// A call that cannot wait goes by RawSyscall: the scheduler is not told, which saves more than the call itself may cost. A call that can wait
// must not, as it would hold up the garbage collector.

// kernel is the part of a Poller that deals with descriptors. Its zero value is closed.
type kernel struct {
	epfd, bell int // valid while live
	live       bool
	raw        []unix.EpollEvent
}

// rawEvents is how many events one call fetches.
const rawEvents = 256

func (k *kernel) open() bool { return k.live }

// start opens epoll and the bell.
func (k *kernel) start(p *Poller) error {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("netpoll: epoll_create1: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epfd)
		return fmt.Errorf("netpoll: eventfd: %w", err)
	}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: -1}); err != nil {
		unix.Close(epfd)
		unix.Close(bell)
		return fmt.Errorf("netpoll: epoll_ctl: %w", err)
	}
	k.raw = make([]unix.EpollEvent, rawEvents)
	p.mu.Lock()
	k.epfd, k.bell, k.live = epfd, bell, true
	p.mu.Unlock()
	return nil
}

func (k *kernel) close() {
	if k.live {
		k.live = false
		unix.Close(k.epfd)
		unix.Close(k.bell)
	}
}

// ring rings the bell. The Poller's lock is held.
func (k *kernel) ring() {
	if k.live {
		one := uint64(1)
		syscall.RawSyscall(unix.SYS_WRITE, uintptr(k.bell), uintptr(unsafe.Pointer(&one)), 8)
	}
}

func (k *kernel) add(p *Poller, s *source, fd int, want Ready) error {
	if !k.live {
		if err := k.start(p); err != nil {
			return err
		}
	}
	return k.ctl(p, unix.EPOLL_CTL_ADD, s, fd, want)
}

func (k *kernel) modify(p *Poller, s *source, fd int, want Ready) error {
	return k.ctl(p, unix.EPOLL_CTL_MOD, s, fd, want)
}

func (k *kernel) ctl(p *Poller, op int, s *source, fd int, want Ready) error {
	ev := unix.EpollEvent{Fd: s.slot, Pad: int32(p.gens[s.slot])}
	if want&Readable != 0 {
		ev.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if want&Writable != 0 {
		ev.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(k.epfd, op, fd, &ev); err != nil {
		return fmt.Errorf("netpoll: epoll_ctl: %w", err)
	}
	return nil
}

func (k *kernel) remove(fd int) {
	unix.EpollCtl(k.epfd, unix.EPOLL_CTL_DEL, fd, nil)
}

// poll looks without waiting.
func (k *kernel) poll(p *Poller) error {
	if !k.live {
		return nil
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epfd), uintptr(unsafe.Pointer(unsafe.SliceData(k.raw))), rawEvents, 0, 0, 0)
	return k.deliver(p, int(n), errno)
}

// sleep waits. A timeout is rounded up to milliseconds, so that it is over when sleep returns.
func (k *kernel) sleep(p *Poller, timeout time.Duration) error {
	ms := -1
	if timeout >= 0 {
		ms = int(min((timeout+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epfd), uintptr(unsafe.Pointer(unsafe.SliceData(k.raw))), rawEvents, uintptr(ms), 0, 0)
	return k.deliver(p, int(n), errno)
}

// deliver turns epoll's events into the Poller's.
func (k *kernel) deliver(p *Poller, n int, errno syscall.Errno) error {
	if errno != 0 {
		if errno == unix.EINTR {
			return nil
		}
		return errno
	}
	for i := range k.raw[:n] {
		ev := &k.raw[i]
		if ev.Fd < 0 {
			var b [8]byte
			syscall.RawSyscall(unix.SYS_READ, uintptr(k.bell), uintptr(unsafe.Pointer(&b)), 8)
			continue
		}
		s := p.slots[ev.Fd]
		if s == nil || int32(p.gens[ev.Fd]) != ev.Pad {
			continue
		}
		var r Ready
		if ev.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			r = Readable
		}
		if ev.Events&unix.EPOLLOUT != 0 {
			r |= Writable
		}
		p.events = append(p.events, Event{Conn: s.conn, Listener: s.ln, Ready: r})
	}
	return nil
}

// readFD reads without waiting: 0, nil says that nothing is there.
func readFD(fd int, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch {
		case errno == 0 && n > 0:
			return int(n), nil
		case errno == 0:
			return 0, io.EOF
		case errno == unix.EAGAIN:
			return 0, nil
		case errno != unix.EINTR:
			return 0, errno // small numbers become errors without an allocation
		}
	}
}

// writeFD writes without waiting.
func writeFD(fd int, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno != unix.EINTR {
			return written(n, errno)
		}
	}
}

// writevFD writes several slices without waiting.
func writevFD(fd int, bufs [][]byte) (int, error) {
	var iov [maxPieces]unix.Iovec
	k := 0
	for _, b := range bufs[:min(len(bufs), maxPieces)] {
		if len(b) > 0 {
			iov[k].Base = unsafe.SliceData(b)
			iov[k].SetLen(len(b))
			k++
		}
	}
	if k == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov)), uintptr(k))
		if errno != unix.EINTR {
			return written(n, errno)
		}
	}
}

func written(n uintptr, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, errno
}

func closeFD(fd int) error {
	if err := unix.Close(fd); err != nil && err != unix.EINTR { // after EINTR it is closed all the same
		return err
	}
	return nil
}

// acceptFD takes one client, nil if there is none.
func acceptFD(ln int, keepAlive time.Duration) (*Conn, error) {
	for {
		fd, sa, err := unix.Accept4(ln, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			if _, ok := sa.(*unix.SockaddrUnix); !ok {
				tuneTCP(fd, keepAlive)
			}
			return newFDConn(fd, netAddr(sa)), nil
		case unix.EAGAIN:
			return nil, nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		}
		return nil, fmt.Errorf("netpoll: accept: %w", err)
	}
}

// tuneTCP sets what Redis sets: no delay, and keep-alive with three questions in one more period. What fails is not needed to go on.
func tuneTCP(fd int, keepAlive time.Duration) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if keepAlive <= 0 {
		return
	}
	idle := max(1, int(keepAlive/time.Second))
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, idle)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(1, idle/3))
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3)
}

// dupFD returns a copy of the descriptor of a TCP or unix socket: the net package's own poller keeps the original. ok is false for other
// kinds of connections and listeners.
func dupFD(v any) (fd int, ok bool, err error) {
	var sc syscall.Conn
	switch v := v.(type) {
	case *net.TCPConn:
		sc = v
	case *net.UnixConn:
		sc = v
	case *net.TCPListener:
		sc = v
	case *net.UnixListener:
		sc = v
	default:
		return -1, false, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, false, err
	}
	fd = -1
	cerr := raw.Control(func(orig uintptr) {
		fd, err = unix.FcntlInt(orig, unix.F_DUPFD_CLOEXEC, 0)
	})
	if cerr != nil {
		return -1, false, cerr
	}
	return fd, err == nil, err
}

// reusePort is for net.ListenConfig.
func reusePort(_, _ string, raw syscall.RawConn) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

func localAddrFD(fd int) net.Addr {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil
	}
	return netAddr(sa)
}

// netAddr translates the kernel's kind of address.
func netAddr(sa unix.Sockaddr) net.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: net.IP(sa.Addr[:]), Port: sa.Port}
	case *unix.SockaddrInet6:
		zone := ""
		if sa.ZoneId != 0 {
			zone = strconv.Itoa(int(sa.ZoneId))
		}
		return &net.TCPAddr{IP: net.IP(sa.Addr[:]), Port: sa.Port, Zone: zone}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	}
	return nil
}
