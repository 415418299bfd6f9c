package rdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/redweave/redweave/datatypes"
	"github.com/redweave/redweave/datatypes/hash"
	"github.com/redweave/redweave/datatypes/list"
	"github.com/redweave/redweave/datatypes/set"
	"github.com/redweave/redweave/datatypes/zset"
	"github.com/redweave/redweave/internal/rdb"
	"github.com/redweave/redweave/internal/slab"
)

// fileOf writes a file of n strings in two databases.
func fileOf(t testing.TB, n int) []byte {
	t.Helper()
	a := slab.New(slab.Options{})
	defer a.Close()
	var b bytes.Buffer
	w := rdb.NewWriter(&b, false)
	w.About("redis-ver", "7.4.1")
	w.Function("#!lua name=x")
	for db := range 2 {
		w.Database(db, n, n/2)
		for i := range n {
			s := datatypes.NewMemSlot(a, datatypes.EmbStr, fmt.Appendf(nil, "value %d", i))
			e := rdb.Entry{Key: fmt.Appendf(nil, "key %d", i), IdleSeconds: -1, Freq: -1}
			if i%2 == 0 {
				e.ExpireAtMs = int64(i + 1)
			}
			if i%3 == 0 {
				e.IdleSeconds = int64(i)
			}
			if i%5 == 0 {
				e.Freq = i % 256
			}
			w.Entry(&e, datatypes.String, s, 0)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads a file to its end.
func readAll(b []byte, checksum bool, visit func(f *rdb.File, s *datatypes.MemSlot)) error {
	f, err := rdb.Read(b, checksum)
	if err != nil {
		return err
	}
	a := slab.New(slab.Options{})
	defer a.Close()
	hl := hash.Limits{ListPackEntries: 128, ListPackValue: 64}
	ll := list.Limits{MaxListpackSize: -2}
	sl := set.Limits{IntSetEntries: 512, ListPackEntries: 128, ListPackValue: 64}
	zl := zset.Limits{ListPackEntries: 128, ListPackValue: 64}
	lim := rdb.Limits{Hash: &hl, List: &ll, Set: &sl, ZSet: &zl}
	for f.Next() {
		if f.Function != "" {
			continue
		}
		s := datatypes.NewMemSlot(a, datatypes.ListPack, nil)
		if _, err := f.Load(s, &lim, 0); err != nil {
			return err
		}
		visit(f, s)
		rdb.Discard(s)
	}
	return f.Err()
}

func TestFile(t *testing.T) {
	const n = 100
	i := 0
	err := readAll(fileOf(t, n), true, func(f *rdb.File, s *datatypes.MemSlot) {
		k := i % n
		want := rdb.Entry{DB: i / n, Key: fmt.Appendf(nil, "key %d", k), IdleSeconds: -1, Freq: -1}
		if k%2 == 0 {
			want.ExpireAtMs = int64(k + 1)
		}
		if k%3 == 0 {
			want.IdleSeconds = int64(k)
		}
		if k%5 == 0 {
			want.Freq = k
		}
		if got := fmt.Sprintf("%+v", f.Entry); got != fmt.Sprintf("%+v", want) {
			t.Errorf("entry %d is %s, want %+v", i, got, want)
		}
		if got := string(s.Bytes()); got != fmt.Sprintf("value %d", k) {
			t.Errorf("entry %d holds %q", i, got)
		}
		i++
	})
	if err != nil || i != 2*n {
		t.Errorf("%d entries, %v", i, err)
	}
}

func TestFileRefused(t *testing.T) {
	b := fileOf(t, 3)
	for n := range b {
		if err := readAll(b[:n], true, func(*rdb.File, *datatypes.MemSlot) {}); err == nil {
			t.Errorf("a file cut off after %d of %d bytes is taken", n, len(b))
		}
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 0x55
		if err := readAll(bad, true, func(*rdb.File, *datatypes.MemSlot) {}); err == nil {
			t.Errorf("a file with byte %d changed is taken", i)
		}
	}
	if err := readAll([]byte("REDIS9999\xff12345678"), true, nil); !errors.Is(err, rdb.ErrFormat) {
		t.Errorf("version 9999: %v", err)
	}
}

// FuzzFile: no file makes the reader panic or take more memory than it is long.
func FuzzFile(f *testing.F) {
	f.Add(fileOf(f, 3))
	f.Add([]byte("REDIS0010\xfe\x00\xfb\x01\x00\x01\x01k\x01\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		readAll(b, false, func(*rdb.File, *datatypes.MemSlot) {})
	})
}
