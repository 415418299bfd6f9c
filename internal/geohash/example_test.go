package geohash_test

import (
	"fmt"

	"github.com/redweave/redweave/internal/geohash"
)

func Example() {
	palermo := geohash.Point{Lon: 13.361389, Lat: 38.115556}
	catania := geohash.Point{Lon: 15.087269, Lat: 37.502669}
	fmt.Printf("%s %.0f km\n", geohash.AppendText(nil, palermo), geohash.Distance(palermo, catania)/1000)

	around := geohash.Shape{Center: catania, Radius: 200, Unit: 1000}
	finder := geohash.NewFinder(&around)
	_, near := finder.Contains(palermo)
	fmt.Println(near)
	// Output:
	// sqc8b49rny0 166 km
	// true
}
