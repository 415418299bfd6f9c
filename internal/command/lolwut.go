package command

import (
	"math/rand/v2"
	"strings"
)

// cmdLolwut replies a piece of cloth:
//
//	LOLWUT [VERSION version [columns [rows]]]
//
// Every version weaves the same way; the number is read, as clients send it,
// and has no effect.
func cmdLolwut(c *Ctx) {
	columns, rows := int64(48), int64(8)
	if len(c.Args) > 2 && c.is(1, "VERSION") {
		numbers := [...]*int64{new(int64), &columns, &rows}
		for i := 2; i < min(len(c.Args), 2+len(numbers)); i++ {
			n, ok := c.int(i)
			if !ok {
				return
			}
			*numbers[i-2] = min(max(n, 1), 200)
		}
	}
	c.Out.Verbatim("txt", weave(c.owned[0].Rand(), int(columns), int(rows))+
		"\nRedweave: two threads crossing. Redis ver. "+c.Version+"\n")
}

// weave draws a fabric. At each crossing either the warp is on top, |, or the
// weft, -, by a rule drawn at random; here and there a thread is dropped.
//
//	plain  |-|-|-   twill  ||--||   satin  |----|
//	       -|-|-|          |--||-          ---|--
func weave(rnd *rand.Rand, columns, rows int) string {
	rules := [...]func(x, y int) bool{
		func(x, y int) bool { return (x+y)%2 == 0 },
		func(x, y int) bool { return (x+y)%4 < 2 },
		func(x, y int) bool { return (x+2*y)%5 == 0 },
	}
	warp := rules[rnd.IntN(len(rules))]
	var b strings.Builder
	for y := range rows {
		for x := range columns {
			switch {
			case rnd.IntN(60) == 0:
				b.WriteByte('.')
			case warp(x, y):
				b.WriteByte('|')
			default:
				b.WriteByte('-')
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
