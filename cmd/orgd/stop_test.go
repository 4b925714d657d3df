package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStop stops a server while it reads the body of a request that it has
// accepted.
func TestStop(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "orgd.db")
	token := prepared(t, "orgd", store)
	p := start(t, "orgd", "serve", "--store", store)
	slow := newSlowRequest(t, p, token, `{"name":"Slow"}`)

	p.signal(t, syscall.SIGTERM)
	await(t, "readyz says stopping", func() bool { return probe(p.AdminURL+"/readyz") == "503 stopping\n" })
	await(t, "the port is closed", func() bool {
		c, err := net.Dial("tcp", slow.address)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if got := probe(p.AdminURL + "/livez"); got != "200 ok\n" {
		t.Errorf("livez while stopping: %q, want 200 ok", got)
	}
	select {
	case <-p.exited:
		t.Fatalf("orgd ended before the request that it had accepted\n%s", p.output)
	default:
	}

	created := slow.finish(t)
	if !created.ok() {
		t.Fatalf("the accepted request was answered with status %d: %s", created.Status, created.Text)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d, want 0\n%s", code, p.output)
	}

	again := start(t, "orgd", "serve", "--store", store)
	newClient(again.BaseURL, token).must(t, "GET", "/organizations/"+created.id(), nil)
	// Housekeeping has written down when the token was used.
	var verified struct {
		LastUsed string `json:"last_used_on"`
	}
	r := newClient(again.BaseURL, token).must(t, "GET", "/user/tokens", nil)
	var tokens []json.RawMessage
	if err := json.Unmarshal(r.Result, &tokens); err != nil || len(tokens) != 1 {
		t.Fatalf("tokens %s: %v, want one", r.Result, err)
	}
	if err := json.Unmarshal(tokens[0], &verified); err != nil || verified.LastUsed == "" {
		t.Errorf("token %s: %v, want last_used_on", tokens[0], err)
	}
}

// TestStopTwice ends a server at once by a second signal.
func TestStopTwice(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "orgd.db")
	token := prepared(t, "orgd", store)
	p := start(t, "orgd", "serve", "--store", store)
	newSlowRequest(t, p, token, `{"name":"Slow"}`)
	p.signal(t, syscall.SIGINT)
	await(t, "readyz says stopping", func() bool { return probe(p.AdminURL+"/readyz") == "503 stopping\n" })
	p.signal(t, syscall.SIGINT)
	p.wait(t)
	if s := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGINT {
		t.Errorf("orgd ended with %v, want the signal\n%s", p.cmd.ProcessState, p.output)
	}
}

// TestStopTimeout does not wait for ever for a request.
func TestStopTimeout(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "orgd.db")
	token := prepared(t, "orgd", store)
	p := start(t, "orgd", "serve", "--store", store, "--shutdown-timeout", "100ms")
	newSlowRequest(t, p, token, `{"name":"Slow"}`)
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitFailure {
		t.Errorf("exit code %d, want %d\n%s", code, exitFailure, p.output)
	}
	if want := "orgd: finish accepted requests within 100ms: context deadline exceeded\n"; !strings.HasSuffix(p.output.String(), want) {
		t.Errorf("output %q, want it to end in %q", p.output, want)
	}
}

// slowRequest is a request of which the server has all but the last byte.
type slowRequest struct {
	address string
	conn    net.Conn
	answer  *bufio.Reader
	last    byte
}

// newSlowRequest creates an organization, slowly.
func newSlowRequest(t *testing.T, p *process, token, body string) *slowRequest {
	t.Helper()
	s := &slowRequest{address: strings.TrimSuffix(strings.TrimPrefix(p.BaseURL, "http://"), "/client/v4"), last: body[len(body)-1]}
	var err error
	if s.conn, err = net.Dial("tcp", s.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close() })
	_, err = fmt.Fprintf(s.conn, "POST /client/v4/organizations HTTP/1.1\r\nHost: orgd\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", token, len(body))
	if err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when the handler reads it: from here on
	// the request is under way.
	s.answer = bufio.NewReader(s.conn)
	line, err := s.answer.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("answer %q: %v, want 100 Continue", line, err)
	}
	if _, err := s.answer.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s.conn, body[:len(body)-1]); err != nil {
		t.Fatal(err)
	}
	return s
}

// finish sends the last byte and returns the answer.
func (s *slowRequest) finish(t *testing.T) *reply {
	t.Helper()
	if _, err := s.conn.Write([]byte{s.last}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(s.answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := &reply{Status: resp.StatusCode, Text: string(text)}
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return r
}

// probe asks the operator's side and returns status and text.
func probe(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, text)
}

// await waits for a condition.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(stopTimeout); time.Now().Before(end); time.Sleep(pollPeriod) {
		if condition() {
			return
		}
	}
	t.Fatalf("waited %s in vain until %s", stopTimeout, what)
}
