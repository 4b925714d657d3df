//go:build unix

package sqlstore

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
)

// The header of the WAL-index stands twice at the beginning of the file
// PATH-shm (https://www.sqlite.org/walformat.html, section 2.1). A commit of
// whatever process becomes visible when it has rewritten both, and SQLite
// itself compares the 48 bytes to know whether its cache is still current.
const (
	headerSize = 48
	walVersion = 3007000
)

// version is a header: it is another one after every commit. The zero version
// is none.
type version [headerSize]byte

// walIndex looks at the WAL-index of a SQLite database that a connection
// holds open.
type walIndex struct {
	mapped []byte
}

func openWALIndex(path string) (*walIndex, error) {
	f, err := os.Open(path + "-shm")
	if err != nil {
		return nil, fmt.Errorf("open the WAL-index: %w", err)
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the WAL-index: %w", err)
	}
	if s.Size() < 2*headerSize {
		return nil, fmt.Errorf("the WAL-index has only %d bytes", s.Size())
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, 2*headerSize, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the WAL-index: %w", err)
	}
	return &walIndex{mapped}, nil
}

// version returns the present header, none while it is being rewritten, when
// its version is not known here, and after close. They are written second
// first and read first first, so that half a header is never taken for one; SQLite reads them alike.
func (w *walIndex) version() version {
	var first, second version
	if copy(first[:], w.mapped) != headerSize {
		return version{}
	}
	copy(second[:], w.mapped[headerSize:])
	if first != second || binary.NativeEndian.Uint32(first[:]) != walVersion {
		return version{}
	}
	return first
}

func (w *walIndex) close() error {
	if w.mapped == nil {
		return nil
	}
	mapped := w.mapped
	w.mapped = nil
	return syscall.Munmap(mapped)
}
