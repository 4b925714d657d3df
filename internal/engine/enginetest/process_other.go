//go:build unix && !linux

package enginetest

import "syscall"

// dieWithParent cannot tie the server's life to ours here: only Main stops it.
func dieWithParent(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Setpgid: true}
}
