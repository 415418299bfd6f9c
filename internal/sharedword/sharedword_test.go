package sharedword

import (
	"encoding/binary"
	"testing"
	"unsafe"
)

func TestWordIsLittleEndian(t *testing.T) {
	var mem [2]uint64
	b := unsafe.Slice((*byte)(unsafe.Pointer(&mem)), 16)
	binary.LittleEndian.PutUint32(b[4:], 0xA1B2C3D4)
	p := unsafe.Pointer(&b[4])
	if got := Load(p); got != 0xA1B2C3D4 {
		t.Errorf("Load = %#x", got)
	}
	Store(p, 0x01020304)
	if got := binary.LittleEndian.Uint32(b[4:]); got != 0x01020304 {
		t.Errorf("Store wrote %#x", got)
	}
	if binary.LittleEndian.Uint32(b) != 0 || binary.LittleEndian.Uint64(b[8:]) != 0 {
		t.Errorf("Store touched its neighbours: % x", b)
	}
}
