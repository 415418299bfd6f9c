package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A screen shows results: tables with progress on the way, or lines of JSON.
type screen struct {
	out, err io.Writer
	json     bool
}

func newScreen(out, err io.Writer, json bool) *screen { return &screen{out, err, json} }

func (s *screen) begin(l load) {
	if !s.json {
		fmt.Fprintf(s.out, "\n%s: %s\n", l.name, l.story)
	}
}

// progress says what is being measured, on a line that the next one overwrites.
func (s *screen) progress(i, n int, name string) {
	fmt.Fprintf(s.err, "\r\033[K[%d/%d] %s …", i+1, n, name)
}

func (s *screen) table(all []result) {
	fmt.Fprint(s.err, "\r\033[K")
	if s.json {
		enc := json.NewEncoder(s.out)
		for i := range all {
			enc.Encode(&all[i])
		}
		return
	}
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(s.out, all[0].Where)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "model\tcmd/s\tcmd/CPU s\tp50\tp99\tp99.9\thand-overs\twake-ups\tlines\tallocs\t ")
	for i := range all {
		r := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t %s\n", r.Model, count(r.perSecond()), count(r.perCPUSecond()),
			short(r.P50), short(r.P99), short(r.P999), ratio(r.HandOver), ratio(r.WakeUps), ratio(r.Lines), ratio(r.Allocs), r.Why)
	}
	w.Flush()
}

// count renders a number of commands.
func count(f float64) string {
	switch {
	case f >= 1e6:
		return fmt.Sprintf("%.2f M", f/1e6)
	case f >= 1e3:
		return fmt.Sprintf("%.0f k", f/1e3)
	}
	return fmt.Sprintf("%.0f", f)
}

// short renders a time with three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d >= time.Microsecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%d ns", d)
}

// ratio renders so many for each command; negative means that it is not known.
func ratio(f float64) string {
	switch {
	case f < 0:
		return "–"
	case f == 0:
		return "0"
	case f < 0.01:
		return "<0.01"
	}
	return fmt.Sprintf("%.2f", f)
}
