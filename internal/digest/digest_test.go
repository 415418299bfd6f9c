package digest

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What redis-server 7.0.15 answers to DEBUG DIGEST with this one key in
// database 0, and to DEBUG DIGEST-VALUE.
var digestTests = []struct {
	name, key      string
	value          func(d *Sum)
	dataset, alone string
}{
	{"string", "k", func(d *Sum) {
		d.StartValue(String)
		d.Mix([]byte("v"))
	}, "264ccf65edec66bccfa7cc659414ccca432057d2", "d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f"},
	{"string with a time to live", "k", func(d *Sum) {
		d.StartValue(String)
		d.Mix([]byte("12345"))
		d.Expires()
	}, "952374b181f4fca5df963a1e38e5bad276a7d179", "074a6e8892a0b0b4fcf085794cb69322c36c9d00"},
	{"list", "k", func(d *Sum) {
		d.StartValue(List)
		for _, e := range []string{"a", "17", ""} {
			d.Mix([]byte(e))
		}
	}, "b948d8aeff32adbde7f1adc2f5defdf5d28a8640", "03b010ca2729bc3af649103a6bed05348b450f7d"},
	{"set", "k", func(d *Sum) {
		d.StartValue(Set)
		for _, e := range []string{"3", "x", "y"} {
			d.Xor([]byte(e))
		}
	}, "d25e70ac25ffd22344ee44452b941d41037128fd", "415a07507e2348d139f9fd645a024f6be569dd65"},
	{"zset", "k", func(d *Sum) {
		d.StartValue(ZSet)
		for member, score := range map[string]float64{"a": 1, "b": 0.1, "c": math.Inf(-1), "d": math.Inf(1), "e": 1e17,
			"f": 1e16, "g": 1e-5, "h": 0, "i": 3.5, "j": 100000} {
			d.ZSetMember([]byte(member), score)
		}
	}, "450e98bedb32b8d3da27e91b7e6b7915a6ce0f56", "e4e488a978d188b5d4361eed38326868b51c4f47"},
	{"hash", "k", func(d *Sum) {
		d.StartValue(Hash)
		d.HashField([]byte("f2"), []byte("2"))
		d.HashField([]byte("f1"), []byte("v1"))
	}, "067b0cbd82b2a4732b2f9cb6d2684ca13ee3c0f6", "fc076e867f7dbf566ea58172a151d82d78b8f845"},
	{"stream", "k", func(d *Sum) {
		d.StartValue(Stream)
		d.StreamID(5, 1)
		for _, s := range []string{"a", "1", "b", "2"} {
			d.Mix([]byte(s))
		}
		d.StreamID(math.MaxUint64, 7)
		d.Mix([]byte("c"))
		d.Mix([]byte("3"))
	}, "2edc7f8c55af0c4ac1c0cdbf6a11e54f23b5a3e5", "5031eab9c2b2aa7614c1afbe3e50640fd9a02f27"},
	{"empty key and value", "", func(d *Sum) {
		d.StartValue(String)
		d.Mix(nil)
	}, "fb9ecd0df494522427a790267e98f20cd199499b", ""},
}

func TestDigest(t *testing.T) {
	for _, tt := range digestTests {
		t.Run(tt.name, func(t *testing.T) {
			var alone, key, all Sum
			tt.value(&alone)
			if tt.alone != "" && alone.String() != tt.alone {
				t.Errorf("value: %s, want %s", alone, tt.alone)
			}
			key.Mix([]byte(tt.key))
			tt.value(&key)
			all.StartDB(0)
			all.Add(key)
			if all.String() != tt.dataset {
				t.Errorf("dataset: %s, want %s", all, tt.dataset)
			}
		})
	}
}

func TestDatabases(t *testing.T) {
	value := func(d *Sum, key string, typ Type, items ...string) {
		var part Sum
		part.Mix([]byte(key))
		part.StartValue(typ)
		for _, item := range items {
			part.Mix([]byte(item))
		}
		d.Add(part)
	}
	var d Sum
	if want := "0000000000000000000000000000000000000000"; d.String() != want {
		t.Errorf("nothing at all: %s, want %s", d, want)
	}
	d.StartDB(0)
	value(&d, "k", String, "v")
	d.StartDB(3) // 1 and 2 are empty
	value(&d, "l", List, "1", "2", "3")
	value(&d, "q", String, "1")
	if want := "f3a66402dd19ef61b1da514f988d006aca404d3b"; d.String() != want {
		t.Errorf("two databases: %s, want %s", d, want)
	}
}

// TestOrder shuffles: what is added by Xor must not mind, what is mixed must.
func TestOrder(t *testing.T) {
	items := []string{"a", "b", "c", "d", "e"}
	var set, list Sum
	for _, s := range items {
		set.Xor([]byte(s))
		list.Mix([]byte(s))
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for range 20 {
		order := rnd.Perm(len(items))
		var set2, list2 Sum
		sorted := true
		for i, j := range order {
			set2.Xor([]byte(items[j]))
			list2.Mix([]byte(items[j]))
			sorted = sorted && i == j
		}
		if set2 != set {
			t.Errorf("order %v: the set's digest changed", order)
		}
		if (list2 == list) != sorted {
			t.Errorf("order %v: equal lists: %v, want %v", order, list2 == list, sorted)
		}
	}
}
