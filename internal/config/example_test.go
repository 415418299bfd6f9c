package config_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/config"
)

func Example() {
	c := config.New(config.Options{})
	args := config.ParseArgs([]string{"--maxmemory", "100mb", "--save", "", "--hz", "50"})
	if err := c.Load(config.Source{Options: args.Options}); err != nil {
		fmt.Println(err)
		return
	}
	c.OnChange(func() error { fmt.Println("now", c.MaxMemory); return nil }, "maxmemory")

	fmt.Println(c.Set([]string{"maxmemory", "1gb"}, config.Access{}))
	fmt.Println(c.Set([]string{"maxmemory", "2gb", "hz", "often"}, config.Access{}))
	fmt.Println(c.Get("maxmemory", "HZ"))
	// Output:
	// now 1073741824
	// <nil>
	// ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer
	// [{maxmemory 1073741824} {HZ 50}]
}

func ExampleConfig_Load() {
	c := config.New(config.Options{Version: "7.4.1"})
	fmt.Println(c.Load(config.Source{Options: "hz 10\nfoo bar"}))
	// Output:
	// *** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***
	// Reading the configuration file, at line 3
	// >>> 'foo bar'
	// Bad directive or wrong number of arguments
}
