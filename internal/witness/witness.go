// Package witness asks witnesses to cosign checkpoints (C2SP tlog-witness).
package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/proof"
)

// maxAnswer bounds the answer of a witness.
const maxAnswer = 64 << 10

// Client asks one witness. It is safe for concurrent use.
type Client struct {
	verifier note.Verifier
	endpoint string
	http     *http.Client

	mu   sync.Mutex
	seen map[id.Log]int64 // the size that the witness has seen of a log
}

// New returns a client of the witness with a verifier key, whose submission
// prefix is at a URL.
func New(key, prefix string, c *http.Client) (*Client, error) {
	v, err := proof.NewWitnessVerifier(key)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(prefix)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%q is no URL of a witness", prefix)
	}
	return &Client{verifier: v, endpoint: u.JoinPath("add-checkpoint").String(), http: c, seen: make(map[id.Log]int64)}, nil
}

// Verifier returns what checks the cosignatures.
func (c *Client) Verifier() note.Verifier { return c.verifier }

// errConflict says that the witness has seen another size than it was told.
var errConflict = errors.New("the witness has seen another checkpoint")

// Cosign asks for the cosignature of a signed checkpoint. When the witness has
// seen another size of the log than is remembered here, it says which, and is
// asked again, once.
func (c *Client) Cosign(ctx context.Context, log id.Log, signed string, prove func(old int64) ([]proof.Hash, error)) (string, error) {
	text, _, _ := proof.CutSignatures(signed)
	checkpoint, err := proof.ParseCheckpoint(text)
	if err != nil {
		return "", err
	}
	old := min(c.size(log), checkpoint.Size)
	lines, seen, err := c.add(ctx, old, signed, prove)
	if errors.Is(err, errConflict) && seen != old {
		lines, _, err = c.add(ctx, seen, signed, prove)
	}
	if err == nil {
		c.remember(log, checkpoint.Size)
	}
	return lines, err
}

func (c *Client) size(log id.Log) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[log]
}

func (c *Client) remember(log id.Log, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[log] = size
}

// add sends a checkpoint. With errConflict it returns the size that the
// witness has seen.
func (c *Client) add(ctx context.Context, old int64, signed string, prove func(old int64) ([]proof.Hash, error)) (lines string, seen int64, err error) {
	hashes, err := prove(old)
	if err != nil {
		return "", 0, err
	}
	var body strings.Builder
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range hashes {
		body.WriteString(h.String() + "\n")
	}
	body.WriteString("\n" + signed)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(body.String()))
	if err != nil {
		return "", 0, fmt.Errorf("ask the witness: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("ask the witness: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", 0, fmt.Errorf("read the answer of the witness: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return string(answer), 0, nil
	case resp.StatusCode == http.StatusConflict && resp.Header.Get("Content-Type") == "text/x.tlog.size":
		seen, err := strconv.ParseInt(strings.TrimSuffix(string(answer), "\n"), 10, 64)
		if err != nil || seen < 0 {
			return "", 0, errors.New("the witness answered 409 without a size")
		}
		return "", seen, errConflict
	}
	return "", 0, fmt.Errorf("the witness answered %s", resp.Status)
}
