package enginetest

import "syscall"

// dieWithParent makes the kernel stop the server when the thread that started
// it ends, however that happens. SIGQUIT lets it end its own children and give
// back its shared memory, which SIGKILL would not.
func dieWithParent(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
}
