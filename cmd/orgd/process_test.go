package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 2 * time.Minute
	pollPeriod   = 2 * time.Millisecond
)

// process is a running orgd.
type process struct {
	ready
	cmd    *exec.Cmd
	output *bytes.Buffer // of both streams; read it only after exited
	exited chan struct{}
	err    error
}

// launch starts a program, orgd or a build of it, without waiting for more.
func launch(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(program, args...), output: &bytes.Buffer{}, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s %s: %v", program, strings.Join(args, " "), err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// start starts orgd on free ports and waits until it is ready.
func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ready.json")
	p := launch(t, program, append(args, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file", file)...)
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(pollPeriod) {
		if text, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(text, &p.ready); err != nil {
				t.Fatalf("decode the ready file: %v\n%s", err, text)
			}
			return p
		}
		select {
		case <-p.exited:
			t.Fatalf("orgd ended before it was ready: %v\n%s", p.err, p.output)
		default:
		}
	}
	t.Fatalf("orgd was not ready within %s", startTimeout)
	return nil
}

// kill ends the process the hard way and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

// signal sends a signal.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("send %s: %v", s, err)
	}
}

// wait waits for the end of the process and returns its exit code.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		t.Fatalf("orgd did not end within %s", stopTimeout)
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs a program to its end and returns what it wrote.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// client calls one server with one token.
type client struct {
	http  *http.Client
	base  string
	token string
}

func newClient(base, token string) *client {
	return &client{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}, Timeout: 2 * time.Minute}, base: base, token: token}
}

// reply is an answer of the API. A status of 0 means that there was none.
type reply struct {
	Status int             `json:"-"`
	Text   string          `json:"-"`
	Result json.RawMessage `json:"result"`
}

// ok reports whether the answer is a success.
func (r *reply) ok() bool { return r.Status/100 == 2 }

// id returns the id of the object that was answered.
func (r *reply) id() string {
	var o struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(r.Result, &o) // no object, no id
	return o.ID
}

// call sends one request. The error is one of the connection.
func (c *client) call(ctx context.Context, method, path string, body any) (*reply, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	// The transport repeats what it takes for safe to repeat when a kept
	// connection breaks: not these requests, whose number matters.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	r := &reply{Status: resp.StatusCode, Text: string(text)}
	if len(text) > 0 {
		if err := json.Unmarshal(text, r); err != nil {
			return nil, fmt.Errorf("decode %q: %w", text, err)
		}
	}
	return r, nil
}

// must makes a call that has to succeed.
func (c *client) must(t *testing.T, method, path string, body any) *reply {
	t.Helper()
	r, err := c.call(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if !r.ok() {
		t.Fatalf("%s %s: status %d: %s", method, path, r.Status, r.Text)
	}
	return r
}

// bootstrapped is what orgd bootstrap --json prints.
type bootstrapped struct {
	Token struct {
		Value string `json:"value"`
	} `json:"token"`
}

// prepared makes the first administrator of an empty store and returns its
// token.
func prepared(t *testing.T, program, store string) string {
	t.Helper()
	var b bootstrapped
	out := run(t, program, "bootstrap", "--store", store, "--email", "admin@example.com", "--json")
	if err := json.Unmarshal([]byte(out), &b); err != nil {
		t.Fatalf("decode %q: %v", out, err)
	}
	return b.Token.Value
}
