package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/orgd/orgd/compat/live"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
)

// server is a running `orgd dev` and, for PostgreSQL, its database server.
type server struct {
	ready     *live.Server
	readyFile string
	logFile   string
	process   *os.Process
	exited    chan struct{}
	exitErr   error
	postgres  *postgres
}

// startServer starts orgd with its demo data on an empty store of the engine.
func startServer(ctx context.Context, dir, engine string) (*server, error) {
	s := &server{
		readyFile: filepath.Join(dir, engine+".ready.json"),
		logFile:   filepath.Join(dir, engine+".log"),
		exited:    make(chan struct{}),
	}
	args := []string{"dev", "--listen", "127.0.0.1:0", "--ready-file", s.readyFile}
	switch engine {
	case "sqlite":
		args = append(args, "--data", filepath.Join(dir, "data"))
	case "postgres":
		var err error
		if s.postgres, err = startPostgres(ctx); err != nil {
			return nil, err
		}
		args = append(args, "--store", s.postgres.url())
	default:
		return nil, fmt.Errorf("no engine is named %q", engine)
	}
	if err := s.launch(filepath.Join(dir, "orgd"), args); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.awaitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, s.logTail()), s.stop())
	}
	return s, nil
}

func (s *server) launch(binary string, args []string) error {
	log, err := os.Create(s.logFile)
	if err != nil {
		return fmt.Errorf("create the log: %w", err)
	}
	defer log.Close()
	command := exec.Command(binary, args...)
	command.Stdout, command.Stderr = log, log
	command.Env = cleanEnvironment()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start orgd: %w", err)
	}
	s.process = command.Process
	go func() {
		s.exitErr = command.Wait()
		close(s.exited)
	}()
	return nil
}

// awaitReady waits for the ready file, which orgd writes when it can answer.
func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ready, err := live.Read(s.readyFile)
		if err == nil && ready.PID != s.process.Pid {
			return fmt.Errorf("the ready file has the pid %d, want %d", ready.PID, s.process.Pid)
		}
		if err == nil {
			s.ready = ready
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("orgd ended before it was ready: %w", errors.Join(s.exitErr, err))
		case <-ctx.Done():
			return fmt.Errorf("wait for orgd: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// alive fails when orgd has ended by itself.
func (s *server) alive() error {
	select {
	case <-s.exited:
		return fmt.Errorf("orgd ended during the suites: %v\n%s", s.exitErr, s.logTail())
	default:
		return nil
	}
}

// stop ends orgd gracefully, then its database server. An orgd that does not
// end in time or not with status 0 is a failure.
func (s *server) stop() error {
	var err error
	if s.process != nil {
		err = s.terminate()
	}
	if s.postgres != nil {
		err = errors.Join(err, s.postgres.stop())
	}
	return err
}

func (s *server) terminate() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop orgd: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		return errors.Join(errors.New("orgd did not stop in time"), s.process.Kill())
	}
	if s.exitErr != nil {
		return fmt.Errorf("orgd did not stop cleanly: %w\n%s", s.exitErr, s.logTail())
	}
	return nil
}

// logTail returns the last lines that orgd wrote.
func (s *server) logTail() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
