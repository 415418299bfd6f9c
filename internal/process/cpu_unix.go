//go:build unix

package process

import "syscall"

// Times returns the CPU time used so far.
func Times() CPU {
	var self, children syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	return CPU{
		User: seconds(self.Utime), System: seconds(self.Stime),
		ChildrenUser: seconds(children.Utime), ChildrenSystem: seconds(children.Stime),
	}
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
