package keyspace_test

import (
	"fmt"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/keyspace"
)

func Example() {
	s := keyspace.New(keyspace.Options{})
	defer s.Close()
	s.Tick(1_700_000_000_000)
	db := s.DB(0)

	var e keyspace.Entry
	greeting := []byte("greeting")
	db.Lookup(&e, greeting, keyspace.Write)
	db.SetString(&e, greeting, keyspace.StringOf([]byte("hello")), s.Now()+100)

	if db.Lookup(&e, greeting, keyspace.Read) {
		fmt.Printf("%s, a %s\n", e.View(), e.Encoding())
	}
	s.Tick(s.Now() + 101)
	fmt.Println("still there:", db.Lookup(&e, greeting, keyspace.Read))
	// Output:
	// hello, a embstr
	// still there: false
}

// An Entry is the Slot that the packages of the types work on.
func ExampleDB_Create() {
	s := keyspace.New(keyspace.Options{})
	defer s.Close()
	db := s.DB(0)

	var e keyspace.Entry
	db.Create(&e, []byte("primes"), datatypes.Set, datatypes.IntSet, nil, 0)
	limits := set.Limits{IntSetEntries: 512, ListPackEntries: 128, ListPackValue: 64}
	primes := set.Init(&e, datatypes.IntSet)
	for _, p := range []string{"2", "3", "5", "7"} {
		primes.Add([]byte(p), &limits)
	}
	fmt.Println(e.Type(), e.Encoding(), set.Open(&e).Len())
	// Output: set intset 4
}

// Scan visits a database piece by piece, whatever happens to it in between.
func ExampleDB_Scan() {
	s := keyspace.New(keyspace.Options{})
	defer s.Close()
	db := s.DB(0)

	var e keyspace.Entry
	for i := range 1000 {
		key := fmt.Append(nil, "key", i)
		db.Lookup(&e, key, keyspace.Write)
		db.SetString(&e, key, keyspace.StringOf(key), 0)
	}
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		cursor = db.Scan(cursor, &e, func(e *keyspace.Entry) { seen[string(e.Key())] = true })
		if cursor == 0 {
			break
		}
	}
	fmt.Println(len(seen))
	// Output: 1000
}
