package affinity_test

import (
	"fmt"
	"testing"

	"github.com/redweave/redweave/internal/affinity"
)

func TestParse(t *testing.T) {
	for list, want := range map[string]string{
		"0": "[0]", "0,2,1": "[0 1 2]", "0-3": "[0 1 2 3]", "0-7:2,9": "[0 2 4 6 9]", "3-1": "[1 2 3]", "1, 2": "[1 2]", "1,1-2": "[1 2]",
	} {
		if got, err := affinity.Parse(list); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v, want %s", list, got, err, want)
		}
	}
	for _, list := range []string{"", "x", "1-", "-1", "1:2", "1-2:0", "1,,2", "99999", "1024", "1-2-3"} {
		if got, err := affinity.Parse(list); err == nil {
			t.Errorf("%q is taken for %v", list, got)
		}
	}
}
