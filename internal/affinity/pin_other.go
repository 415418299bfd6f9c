//go:build !linux

package affinity

import "errors"

func pin([]int) error { return errors.New("affinity: this system does not let threads choose") }
