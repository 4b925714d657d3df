package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// debianBin is where Debian's package keeps the programs of the server.
const debianBin = "/usr/lib/postgresql/15/bin"

// postgres is a private PostgreSQL server with one empty database. The suites
// have one of their own, instead of the one that the tests of the main module
// use, so that this module does not depend on all that orgd depends on.
type postgres struct {
	dir     string
	command *exec.Cmd
	exited  chan struct{}
}

// startPostgres starts a server that listens on a socket in a new folder.
func startPostgres(ctx context.Context) (*postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	owner, err := postgresOwner()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "orgd-compat-pg-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	p := &postgres{dir: dir, exited: make(chan struct{})}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return nil, errors.Join(fmt.Errorf("give the folder away: %w", err), p.stop())
		}
	}
	if err := p.run(ctx, bin, owner); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.stop())
	}
	return p, nil
}

func (p *postgres) run(ctx context.Context, bin string, owner *syscall.Credential) error {
	data := filepath.Join(p.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres",
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	initdb.Dir = p.dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", p.dir, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "logging_collector=off", "-c", "log_destination=stderr")
	server.Dir = p.dir
	server.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGINT}
	output := &strings.Builder{}
	server.Stdout, server.Stderr = output, output
	if err := server.Start(); err != nil {
		return err
	}
	p.command = server
	go func() {
		_ = server.Wait() // the state of the process tells
		close(p.exited)
	}()
	return p.awaitReady(ctx, bin, output)
}

// awaitReady asks until the server accepts connections: its socket is there
// before it does.
func (p *postgres) awaitReady(ctx context.Context, bin string, output *strings.Builder) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "--quiet", "--host", p.dir, "--username", "postgres").Run() == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("it ended: %s\n%s", p.command.ProcessState, output)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// url names the server's own, empty database.
func (p *postgres) url() string { return "postgres://postgres@/postgres?host=" + p.dir }

// stop ends the server and removes its folder.
func (p *postgres) stop() error {
	var err error
	if p.command != nil {
		err = p.command.Process.Signal(syscall.SIGINT)
		if errors.Is(err, os.ErrProcessDone) {
			err = nil
		}
		select {
		case <-p.exited:
		case <-time.After(stopTimeout):
			err = errors.Join(err, errors.New("PostgreSQL did not stop in time"), p.command.Process.Kill())
		}
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

func postgresBin() (string, error) {
	if _, err := os.Stat(filepath.Join(debianBin, "postgres")); err == nil {
		return debianBin, nil
	}
	program, err := exec.LookPath("postgres")
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL server in %s or PATH: %w", debianBin, err)
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", fmt.Errorf("find PostgreSQL: %w", err)
	}
	return filepath.Dir(program), nil
}

// postgresOwner is the account that the server runs under when root starts it,
// because PostgreSQL refuses root; nil stands for our own account.
func postgresOwner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the account of PostgreSQL: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}
