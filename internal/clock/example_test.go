package clock_test

import (
	"fmt"
	"time"

	"github.com/redweave/redweave/internal/clock"
)

func ExampleManual() {
	c := clock.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	c.AfterFunc(2*time.Second, func() { fmt.Println("expired at", c.Now().Format(time.TimeOnly)) })
	c.Advance(time.Second)
	fmt.Println("it is", c.Now().Format(time.TimeOnly))
	c.Advance(time.Hour)
	fmt.Println("it is", c.Now().Format(time.TimeOnly))
	// Output:
	// it is 00:00:01
	// expired at 00:00:02
	// it is 01:00:01
}
