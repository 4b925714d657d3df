package enginetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// superuser is the database role of the tests, and the account of the machine
// that the server runs under when root starts it: PostgreSQL refuses root.
const superuser = "postgres"

// debianBin is where Debian's package keeps the server's programs.
const debianBin = "/usr/lib/postgresql/15/bin"

// server is a postgres process and the folder that holds all its files.
type server struct {
	folder   *folder
	port     int
	tcp      bool
	password string
	// credential is nil unless privileges are dropped.
	credential *syscall.Credential
	process    *os.Process
	// exited is closed when the process has ended; exitErr is set before.
	exited  chan struct{}
	exitErr error

	stopOnce sync.Once
	stopErr  error
}

// startServer prepares a cluster and starts a process on it. It does not wait
// for the server to be ready.
func startServer(ctx context.Context, o Options) (*server, error) {
	bin, err := findBin(debianBin)
	if err != nil {
		return nil, err
	}
	var credential *syscall.Credential
	if os.Geteuid() == 0 {
		if credential, err = superuserCredential(); err != nil {
			return nil, fmt.Errorf("drop privileges: %w", err)
		}
	}
	dir, err := newFolder(credential)
	if err != nil {
		return nil, err
	}
	s := &server{
		folder: dir, port: 5432, tcp: o.TCP, password: rand.Text(),
		credential: credential, exited: make(chan struct{}),
	}
	if err := s.launch(ctx, bin, o); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return s, nil
}

func (s *server) launch(ctx context.Context, bin string, o Options) error {
	if err := s.initdb(ctx, bin); err != nil {
		return err
	}
	if o.TCP {
		port, err := freePort(ctx)
		if err != nil {
			return err
		}
		s.port = port
	}
	return s.run(filepath.Join(bin, "postgres"), s.arguments(o))
}

// initdb creates the cluster. Its collation is a linguistic one, as on most
// servers in the field, so that a query which forgets COLLATE "C" gets a
// different order here than on SQLite. It holds its thread, as run does: another
// server's goroutine could take that over, end, and initdb with it.
func (s *server) initdb(ctx context.Context, bin string) error {
	passwordFile := s.folder.join("password")
	if err := os.WriteFile(passwordFile, []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := chown(passwordFile, s.credential); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"),
		"-D", s.folder.join("data"), "--no-sync", "--no-instructions",
		"--username="+superuser, "--pwfile="+passwordFile,
		"--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
	s.prepare(cmd)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *server) arguments(o Options) []string {
	listen := ""
	if o.TCP {
		listen = "127.0.0.1"
	}
	args := []string{
		"-D", s.folder.join("data"), "-k", s.folder.path, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=" + listen, "-c", "max_connections=200",
	}
	if !o.Fsync {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	return args
}

// run starts the program and watches it. The kernel ends it together with the
// thread that started it, so that thread is kept for the server's lifetime.
func (s *server) run(program string, args []string) error {
	log, err := os.Create(s.folder.join("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	s.prepare(cmd)
	cmd.Stdout, cmd.Stderr = log, log

	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err != nil {
			return
		}
		s.exitErr = cmd.Wait()
		close(s.exited)
	}()
	return <-started
}

// prepare gives a command the server's user, folder and environment.
func (s *server) prepare(cmd *exec.Cmd) {
	cmd.Dir = s.folder.path
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = dieWithParent(s.credential)
}

func (s *server) url() url.URL {
	u := url.URL{Scheme: "postgres"}
	q := url.Values{"sslmode": {"disable"}}
	if s.tcp {
		u.User = url.UserPassword(superuser, s.password)
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	} else {
		q.Set("user", superuser)
		q.Set("host", s.folder.path)
		q.Set("port", strconv.Itoa(s.port))
	}
	u.RawQuery = q.Encode()
	return u
}

// stop ends the process without saving anything, because its files go too.
func (s *server) stop() error {
	s.stopOnce.Do(func() {
		s.stopErr = errors.Join(s.end(), s.folder.remove())
	})
	return s.stopErr
}

func (s *server) end() error {
	if err := s.process.Signal(syscall.SIGQUIT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(stopTimeout):
	}
	err := s.process.Kill()
	<-s.exited
	return errors.Join(fmt.Errorf("no end within %s of the request", stopTimeout), err)
}

// logTail returns the last lines that the server wrote.
func (s *server) logTail() string {
	const most = 4096
	text, err := os.ReadFile(s.folder.join("log"))
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-most):]))
}

// findBin returns the folder of the server's programs: preferred, or where
// PATH leads.
func findBin(preferred string) (string, error) {
	if _, err := os.Stat(filepath.Join(preferred, "postgres")); err == nil {
		return preferred, nil
	}
	program, err := exec.LookPath("postgres")
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL server in %s or PATH, scripts/setup installs one: %w", preferred, err)
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", err
	}
	return filepath.Dir(program), nil
}

func superuserCredential() (*syscall.Credential, error) {
	u, err := user.Lookup(superuser)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of %s: %w", superuser, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of %s: %w", superuser, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
