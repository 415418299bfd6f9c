package eventloop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/redweave/redweave/internal/config"
	"github.com/redweave/redweave/threading"
	"github.com/redweave/redweave/threading/multiloop"
)

// TestServerCPUList: the loops' threads are on the processors they are told, the
// program's others are not.
func TestServerCPUList(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || all.Count() < 2 {
		t.Skip("one processor only: ", err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	c := config.New(config.Options{})
	c.ServerCPUList, c.ServerThreads = fmt.Sprint(cpu), 3
	e := multiloop.New(threading.Options{Config: c})
	defer e.Close()
	conn, err := e.Dial()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "PING\r\n")
	if _, err := conn.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	pinned, others := 0, 0
	for range 6000 { // until the last of the loops has begun
		if pinned, others = threadsOn(cpu); pinned >= 3 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if pinned < 3 || others == 0 {
		t.Errorf("%d threads are on processor %d, want 3; %d are not", pinned, cpu, others)
	}
}

// threadsOn counts the threads of this process that may run on cpu alone, and the
// others.
func threadsOn(cpu int) (pinned, others int) {
	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		for line := range strings.Lines(string(b)) {
			if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
				if strings.TrimSpace(list) == fmt.Sprint(cpu) {
					pinned++
				} else {
					others++
				}
			}
		}
	}
	return pinned, others
}
