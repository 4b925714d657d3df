package sqlstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	walHeaderWords  = 48 / 8
	walIndexRegion  = 32 << 10 // what SQLite maps at a time
	walIndexVersion = 3007000
)

// walIndex looks at the WAL-index of a SQLite database, where all processes
// that use it agree on what is committed: a commit is there for others once it
// has rewritten both copies of the header
// (https://www.sqlite.org/walformat.html, section 2.1), and by comparing them
// SQLite itself knows whether its cache is still current.
//
// It opens no file. It has a connection of its own and looks into the memory
// that SQLite maps for it, which stays where it is for as long as the
// connection is open, because that keeps others from leaving the WAL.
type walIndex struct {
	tls    *libc.TLS
	db     uintptr
	header *[2 * walHeaderWords]uint64
}

// openWALIndex needs a database that is in WAL mode already.
func openWALIndex(path string) (*walIndex, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	w := &walIndex{tls: libc.NewTLS()}
	if err := w.open(path); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *walIndex) open(path string) error {
	name, err := libc.CString(path)
	if err != nil {
		return fmt.Errorf("name the database: %w", err)
	}
	defer libc.Xfree(w.tls, name)
	out := w.tls.Alloc(int(unsafe.Sizeof(w.db)))
	defer w.tls.Free(int(unsafe.Sizeof(w.db)))
	rc := sqlite3.Xsqlite3_open_v2(w.tls, name, out, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_FULLMUTEX, 0)
	w.db = *cPointer[uintptr](out)
	if rc != sqlite3.SQLITE_OK {
		return w.failed("open the database", rc)
	}
	sqlite3.Xsqlite3_busy_timeout(w.tls, w.db, 5000)
	if err := w.read(); err != nil {
		return err
	}
	return w.find(out)
}

// read makes SQLite open the WAL and its index.
func (w *walIndex) read() error {
	query, err := libc.CString("SELECT COUNT(*) FROM sqlite_schema")
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	defer libc.Xfree(w.tls, query)
	if rc := sqlite3.Xsqlite3_exec(w.tls, w.db, query, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return w.failed("read the schema", rc)
	}
	return nil
}

// find asks the file of the connection where it has mapped the index; out is
// room for a pointer.
func (w *walIndex) find(out uintptr) error {
	name, err := libc.CString("main")
	if err != nil {
		return fmt.Errorf("find the file: %w", err)
	}
	defer libc.Xfree(w.tls, name)
	if rc := sqlite3.Xsqlite3_file_control(w.tls, w.db, name, sqlite3.SQLITE_FCNTL_FILE_POINTER, out); rc != sqlite3.SQLITE_OK {
		return w.failed("find the file", rc)
	}
	file := *cPointer[uintptr](out)
	methods := cPointer[sqlite3.Tsqlite3_io_methods](cPointer[sqlite3.Tsqlite3_file](file).FpMethods)
	if methods == nil || methods.FiVersion < 2 || methods.FxShmMap == 0 {
		return errors.New("the file has no shared memory")
	}
	shmMap := cFunc[func(_ *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32](methods.FxShmMap)
	*cPointer[uintptr](out) = 0
	if rc := shmMap(w.tls, file, 0, walIndexRegion, 0, out); rc != sqlite3.SQLITE_OK {
		return w.failed("map the WAL-index", rc)
	}
	w.header = cPointer[[2 * walHeaderWords]uint64](*cPointer[uintptr](out))
	if w.header == nil {
		return errors.New("there is no WAL-index")
	}
	return nil
}

// cPointer returns the pointer to what stands at an address outside of Go's
// memory, nil for 0.
func cPointer[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// cFunc returns the function that a pointer of a translated C program stands
// for.
func cFunc[F any](pointer uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{pointer})) }

func (w *walIndex) failed(what string, rc int32) error {
	return fmt.Errorf("%s: %s", what, libc.GoString(sqlite3.Xsqlite3_errstr(w.tls, rc)))
}

// version returns the present header, none while it is being rewritten and
// when its format is not known here. A writer rewrites the second copy first;
// they are read in the order of addresses, so that half a header is never
// taken for one.
func (w *walIndex) version() version {
	var v version
	for i := range v {
		v[i] = atomic.LoadUint64(&w.header[i])
	}
	for i := range v {
		if atomic.LoadUint64(&w.header[walHeaderWords+i]) != v[i] {
			return version{}
		}
	}
	if *(*uint32)(unsafe.Pointer(&v[0])) != walIndexVersion {
		return version{}
	}
	return v
}

func (w *walIndex) close() error {
	w.header = nil
	rc := sqlite3.Xsqlite3_close_v2(w.tls, w.db)
	w.tls.Close()
	if rc != sqlite3.SQLITE_OK {
		return errors.New("close the connection at the WAL-index: " + libc.GoString(sqlite3.Xsqlite3_errstr(w.tls, rc)))
	}
	return nil
}
