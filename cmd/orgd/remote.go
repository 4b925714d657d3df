package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// remote is a server that a command talks to.
type remote struct {
	url, token string
}

// addFlags adds the flags that name the server. Without says what the command
// does when no URL is given.
func (r *remote) addFlags(fs *pflag.FlagSet, without string) {
	fs.StringVar(&r.url, "url", "", "base URL of a server, such as http://127.0.0.1:8787"+without)
	fs.StringVar(&r.token, "token", "", "token for the server (or ORGD_TOKEN, or CLOUDFLARE_API_TOKEN, which do not show in the list of processes)")
}

// fromEnvironment takes the server that the official clients talk to, unless a
// flag names another.
func (r *remote) fromEnvironment() error {
	if r.url == "" {
		r.url = os.Getenv("CLOUDFLARE_BASE_URL")
	}
	if r.url == "" {
		return usage(errors.New("a server is needed: --url or CLOUDFLARE_BASE_URL"))
	}
	return nil
}

// target returns the URL of a path below the address of the server. The base
// URL of official clients is welcome.
func (r *remote) target(path string, query url.Values) (string, error) {
	base, err := url.Parse(r.url)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return "", usage(fmt.Errorf("--url %q is no URL such as http://127.0.0.1:8787", r.url))
	}
	base.Path = strings.TrimSuffix(strings.TrimSuffix(base.Path, "/"), "/client/v4")
	base = base.JoinPath(path)
	base.RawQuery = query.Encode()
	return base.String(), nil
}

// ask sends a request, with body as JSON unless it is nil, and returns the
// answer when it is a good one.
func (r *remote) ask(ctx context.Context, method, target string, body any) (*http.Response, error) {
	token := r.token
	for _, name := range []string{"ORGD_TOKEN", "CLOUDFLARE_API_TOKEN"} {
		if token == "" {
			token = os.Getenv(name)
		}
	}
	if token == "" {
		return nil, usage(errors.New("a server wants a token: --token, ORGD_TOKEN or CLOUDFLARE_API_TOKEN"))
	}
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, usage(fmt.Errorf("--url: %w", err))
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "orgd/"+release())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, refusalOf(resp)
	}
	return resp, nil
}

// call sends a request and decodes the result in the envelope of its answer.
func (r *remote) call(ctx context.Context, method, path string, query url.Values, body, result any) error {
	target, err := r.target(path, query)
	if err != nil {
		return err
	}
	resp, err := r.ask(ctx, method, target, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	envelope := struct {
		Result any `json:"result"`
	}{result}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("read the answer of the server: %w", err)
	}
	return nil
}

// maxRefusal is how much is read of a refusal.
const maxRefusal = 64 << 10

// refusal is what a server says when it refuses.
type refusal struct {
	status   string
	messages []string
}

// Error returns the status and the messages.
func (r *refusal) Error() string {
	if len(r.messages) == 0 {
		return "the server answered " + r.status
	}
	return "the server answered " + r.status + ": " + strings.Join(r.messages, "; ")
}

// refusalOf reads the envelope of a refusal.
func refusalOf(resp *http.Response) error {
	var envelope struct {
		Errors []struct{ Message string }
	}
	r := &refusal{status: resp.Status}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err == nil && json.Unmarshal(text, &envelope) == nil {
		for _, e := range envelope.Errors {
			r.messages = append(r.messages, e.Message)
		}
	}
	return r
}
