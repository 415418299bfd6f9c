package keyspace

import (
	"strings"
	"testing"
)

// Check sees each of its rules broken.
func TestCheckFindsFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		harm func(b *bench)
		want string
	}{
		"flag without table": {func(b *bench) { e := b.find(0, "plain"); e.setFlags(e.flags() | flagFields) }, "field TTLs"},
		"table without flag": {func(b *bench) {
			e := b.find(0, "plain")
			b.s.DB(0).expires.Insert(e.hash, e.ref)
		}, "expires"},
		"missing in expires": {func(b *bench) {
			e := b.find(0, "ttl")
			b.s.DB(0).expires.Remove(e.hash, e.ref)
		}, "expires"},
		"lost value":          {func(b *bench) { b.s.DB(0).objects[b.find(0, "set").objectIndex()] = nil }, "object table"},
		"value of two":        {func(b *bench) { b.s.DB(0).freeObjects = []uint32{b.find(0, "set").objectIndex()} }, "free and used"},
		"forgotten place":     {func(b *bench) { b.s.DB(0).objects = append(b.s.DB(0).objects, nil) }, "free places"},
		"count of values":     {func(b *bench) { b.s.objects++ }, "large values"},
		"count of volatile":   {func(b *bench) { b.s.volatile-- }, "volatile"},
		"length":              {func(b *bench) { b.find(0, "plain").setVlen(60_000) }, "ends at"},
		"integer":             {func(b *bench) { b.find(0, "int").setVlen(7) }, "an integer"},
		"outline":             {func(b *bench) { e := b.find(0, "out"); r, _ := e.outline(); e.setOutline(r, 1<<20) }, "outlined"},
		"kind":                {func(b *bench) { b.find(0, "plain").setKind(15, 2) }, "type 15"},
		"leaked block":        {func(b *bench) { b.s.Empty(false); b.s.mem.Alloc(1000) }, "unexplained 1"},
		"number of database":  {func(b *bench) { b.s.DB(0).id = 3 }, "place"},
		"fields forgotten":    {func(b *bench) { e := b.find(0, "hash"); e.setFlags(e.flags() &^ flagFields) }, "field TTLs"},
		"hidden in wrong one": {func(b *bench) { e := b.find(0, "plain"); b.s.DB(0).keys.Remove(e.hash, e.ref) }, "unexplained"},
	} {
		b := newBench(t, Options{})
		b.put(0, "plain", "value", 0)
		b.put(0, "int", "12345", 0)
		b.put(0, "ttl", "value", epoch+1)
		b.put(0, "out", big(5000), 0)
		b.addSet(0, "set", 20)
		b.ttlHash(0, "hash", 3, epoch+9)
		if strings.HasPrefix(name, "hidden") {
			b.s.DB(0).Empty(false)
			b.put(0, "plain", "value", 0)
		}
		b.check()
		tt.harm(b)
		if err := b.s.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something with %q", name, err, tt.want)
		}
	}
}
