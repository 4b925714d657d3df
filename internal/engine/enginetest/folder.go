package enginetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	folderPrefix = "orgd-pg-"
	lockName     = "lock"
	// longestTemp leaves room for a socket's name in the 107 bytes that the
	// kernel allows for its path.
	longestTemp = 60
)

// folder is a server's own folder. The lock in it is held for as long as its
// process lives, so a later process can tell which folders were left behind.
type folder struct {
	path string
	lock *os.File
}

// newFolder creates a folder that c owns and removes those left behind by
// processes that ended without stopping their servers.
func newFolder(c *syscall.Credential) (*folder, error) {
	parent := tempParent()
	sweep(parent)
	path, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return nil, err
	}
	f := &folder{path: path}
	if err := f.takeLock(); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	if err := chown(path, c); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *folder) join(name string) string { return filepath.Join(f.path, name) }

// takeLock locks a file before it gets the name that sweep looks for, so that
// there is no moment in which the folder looks abandoned.
func (f *folder) takeLock() error {
	fresh := f.join(lockName + ".new")
	file, err := os.Create(fresh)
	if err != nil {
		return err
	}
	f.lock = file
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock %s: %w", fresh, err)
	}
	return os.Rename(fresh, f.join(lockName))
}

func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

// sweep removes the folders in parent whose owner is gone. It is a courtesy:
// what it may not remove stays.
func sweep(parent string) {
	locks, err := filepath.Glob(filepath.Join(parent, folderPrefix+"*", lockName))
	if err != nil {
		return
	}
	for _, name := range locks {
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			removeAbandoned(filepath.Dir(name))
		}
		_ = file.Close()
	}
}

// removeAbandoned keeps the lock until the rest is gone, so that a folder in
// which a server is still ending is found again by the next sweep.
func removeAbandoned(path string) {
	if os.RemoveAll(filepath.Join(path, "data")) == nil {
		_ = os.RemoveAll(path)
	}
}

// tempParent returns a folder for temporary files that is short enough for a
// socket's path and that the server's user can enter.
func tempParent() string {
	dir := os.TempDir()
	if len(dir) > longestTemp || !openToAll(dir) {
		return "/tmp"
	}
	return dir
}

// openToAll reports whether everybody may search dir and the folders above.
func openToAll(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}

func chown(path string, c *syscall.Credential) error {
	if c == nil {
		return nil
	}
	return os.Chown(path, int(c.Uid), int(c.Gid))
}
