// Package proc starts the servers that are measured, each as a process of its own, and stops them again.
package proc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running server.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan error
	log  string
}

// Command says what to start. Ready is the file that the server writes once it answers; its JSON goes to Info.
type Command struct {
	Name string // in errors, and the name of the log file in Dir
	Dir  string // scratch folder
	Path string
	Args []string
	Env  []string // added to ours
	// Ready is the ready file, relative to Dir.
	Ready string
	Info  any
}

// Start runs the command and waits until its ready file is there.
func Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{name: c.Name, done: make(chan error, 1), log: filepath.Join(c.Dir, c.Name+".log")}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("create the log of %s: %w", c.Name, err)
	}
	defer out.Close()
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.Dir, out, out
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	if err := p.await(ctx, filepath.Join(c.Dir, c.Ready), c.Info); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// start keeps the thread that starts the process for as long as it runs: the kernel ends the process with that thread.
func (p *Process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.done <- p.cmd.Wait()
		}
	}()
	return <-started
}

func (p *Process) await(ctx context.Context, path string, info any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			if err := json.Unmarshal(text, info); err != nil {
				return fmt.Errorf("ready file of %s: %w", p.name, err)
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("ready file of %s: %w", p.name, err)
		}
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("%s ended before it was ready: %w: %s", p.name, err, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %s", p.name, ctx.Err(), p.tail())
		case <-tick.C:
		}
	}
}

func (p *Process) tail() []byte {
	text, _ := os.ReadFile(p.log)
	return bytes.TrimSpace(text[max(0, len(text)-2000):])
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// RSS is the resident memory of the process in bytes.
func (p *Process) RSS() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("memory of %s, %q: %w", p.name, line, err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("memory of %s: no VmRSS line", p.name)
}

// Stop asks the process to end, insists after ten seconds, and waits for it.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case err := <-p.done:
		p.done <- err
		return nil
	case <-time.After(10 * time.Second):
		err := errors.Join(p.cmd.Process.Kill(), <-p.done)
		return fmt.Errorf("%s did not stop within 10 s: %w", p.name, err)
	}
}
