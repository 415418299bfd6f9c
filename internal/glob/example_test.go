package glob_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/glob"
)

func ExampleMatch() {
	for _, pattern := range []string{"h?llo", "h[^e]llo", "H*", `h\*`} {
		fmt.Println(pattern, glob.Match([]byte(pattern), []byte("hello"), false))
	}
	// Output:
	// h?llo true
	// h[^e]llo false
	// H* false
	// h\* false
}
