// Package orgd starts the server under measurement, talks to it as a client and fills it with the data set.
package orgd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"

	"github.com/orgd/orgd/bench/proc"
)

// Server is a running `orgd serve` or `orgd dev` and the credential of its administrator.
type Server struct {
	*proc.Process
	Addr  string // host:port of the API
	Token string
}

// Options says what to start.
type Options struct {
	Name   string // of the log and ready files
	Binary string
	Dir    string
	Args   []string // of the command line, after the common ones
}

// ready is the part of the ready file that matters here.
type ready struct {
	BaseURL        string `json:"base_url"`
	Token          string `json:"token"`
	OrganizationID string `json:"organization_id"`
}

// Serve starts `orgd serve` on the store.
func Serve(ctx context.Context, o Options, store string) (*Server, error) {
	o.Args = append([]string{"serve", "--store", store, "--admin-listen", "127.0.0.1:0"}, o.Args...)
	s, _, err := start(ctx, o)
	return s, err
}

// Dev starts `orgd dev` and returns it with the id of an organization of its demo.
func Dev(ctx context.Context, o Options) (*Server, string, error) {
	o.Args = append([]string{"dev", "--data", filepath.Join(o.Dir, o.Name)}, o.Args...)
	return start(ctx, o)
}

func start(ctx context.Context, o Options) (*Server, string, error) {
	file := o.Name + ".ready"
	var info ready
	p, err := proc.Start(ctx, proc.Command{
		Name: o.Name, Dir: o.Dir, Path: o.Binary, Ready: file, Info: &info,
		Args: append(o.Args, "--listen", "127.0.0.1:0", "--ready-file", filepath.Join(o.Dir, file)),
	})
	if err != nil {
		return nil, "", err
	}
	base, err := url.Parse(info.BaseURL)
	if err != nil {
		return nil, "", fmt.Errorf("base_url of %s: %w", o.Name, err)
	}
	return &Server{Process: p, Addr: base.Host, Token: info.Token}, info.OrganizationID, nil
}

// Command runs another subcommand of the binary and decodes the JSON that it prints.
func Command(ctx context.Context, o Options, into any) error {
	cmd := exec.CommandContext(ctx, o.Binary, o.Args...)
	cmd.Dir = o.Dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run orgd %s: %w: %s", o.Args[0], err, stderr.Bytes())
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("decode what orgd %s printed: %w", o.Args[0], err)
	}
	return nil
}

// Client calls the API with one credential.
type Client struct {
	http  *http.Client
	base  string
	token string
}

// Client returns a client that keeps as many connections as it has callers at a time.
func (s *Server) Client(token string) *Client {
	return &Client{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: seedWorkers}},
		base: "http://" + s.Addr, token: token,
	}
}

// Get returns the answer to a GET, with its headers, from any server; header is name, value, name, value.
func Get(ctx context.Context, addr, path string, header []string) (http.Header, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make a request: %w", err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return answer(http.DefaultClient, r)
}

// answer sends the request and refuses any status but 200.
func answer(client *http.Client, r *http.Request) (http.Header, []byte, error) {
	a, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer to %s %s: %w", r.Method, r.URL.Path, err)
	}
	if a.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s %s: status %d: %s", r.Method, r.URL.Path, a.StatusCode, text)
	}
	return a.Header, text, nil
}

// Post sends a body as JSON and decodes the result of the envelope.
func (c *Client) Post(ctx context.Context, path string, body, result any) error {
	return c.Call(ctx, http.MethodPost, path, body, result)
}

// Call does the same with any method.
func (c *Client) Call(ctx context.Context, method, path string, body, result any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body of %s: %w", path, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	_, text, err = answer(c.http, r)
	if err != nil {
		return err
	}
	envelope := struct {
		Result any `json:"result"`
	}{result}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return fmt.Errorf("decode the answer of %s: %w", path, err)
	}
	return nil
}
