package lzf_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/lzf"
)

func Example() {
	src := []byte("to be, or not to be, to be, to be")
	dst := make([]byte, len(src))
	n := lzf.Compress(dst, src)
	back := make([]byte, len(src))
	fmt.Println(n < len(src), lzf.Expand(back, dst[:n]), string(back))
	// Output: true true to be, or not to be, to be, to be
}
