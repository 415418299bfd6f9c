package digest_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/digest"
)

// SET k v, then DEBUG DIGEST-VALUE k.
func ExampleSum() {
	var d digest.Sum
	d.StartValue(digest.String)
	d.Mix([]byte("v"))
	fmt.Println(d)
	// Output: d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f
}
