// Package facts has what is known of Redis's commands, for tests: those of a Redis 7.4.1
// server, and the documented ones since.
package facts

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"testing"
)

//go:embed commands.tsv
var table string

// Commands returns the facts about each command and subcommand, by the names of the columns
// of commands.tsv.
func Commands(t testing.TB) (list []map[string]string) {
	t.Helper()
	r := csv.NewReader(strings.NewReader(table))
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		m := make(map[string]string)
		for i, column := range rows[0] {
			m[column] = row[i]
		}
		list = append(list, m)
	}
	return list
}
