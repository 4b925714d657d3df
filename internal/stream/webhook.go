package stream

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/org"
)

// message is what a webhook is sent. Its id is the same for every attempt.
type message struct {
	url, id, contentType string
	header               map[string]string // beside those of every message
	body                 []byte
	secrets              []string // the latest first
}

// sendWebhook posts a batch.
func (w *Worker) sendWebhook(ctx context.Context, b *batch) error {
	body, kind := b.array(), "application/json"
	if b.stream.Target.Webhook.Format == org.FormatNDJSON {
		body, kind = b.lines(), "application/x-ndjson"
	}
	return w.post(ctx, &message{
		url: b.stream.Target.Webhook.URL, id: b.id(), contentType: kind, body: body, secrets: b.secrets,
		header: map[string]string{
			"Orgd-Organization": string(b.stream.Log), "Orgd-Stream": string(b.stream.ID),
			"Orgd-From-Seq": strconv.FormatInt(b.from, 10), "Orgd-To-Seq": strconv.FormatInt(b.to, 10),
		},
	})
}

// post sends a message with the headers of Standard Webhooks and returns nil
// when it was taken.
func (w *Worker) post(ctx context.Context, m *message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	signature, err := sign(m.id, w.Now(), m.body, m.secrets)
	if err != nil {
		return err
	}
	maps.Copy(m.header, map[string]string{
		"Content-Type": m.contentType, "User-Agent": "orgd",
		"Webhook-Id": m.id, "Webhook-Timestamp": strconv.FormatInt(w.Now().Unix(), 10), "Webhook-Signature": signature,
	})
	for name, value := range m.header {
		req.Header.Set(name, value)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // the status says it all; the connection can be used again
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return &statusError{status: resp.StatusCode, after: parseRetryAfter(resp.Header.Get("Retry-After"), w.Now())}
}

// sign returns the signatures of a message with each secret, in the form of
// Standard Webhooks: HMAC-SHA256 over id, time in seconds and body.
func sign(id string, at time.Time, body []byte, secrets []string) (string, error) {
	var list []string
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return "", fmt.Errorf("%w: %w", errSecret, err)
		}
		h := hmac.New(sha256.New, key)
		fmt.Fprintf(h, "%s.%d.", id, at.Unix())
		h.Write(body)
		list = append(list, "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	return strings.Join(list, " "), nil
}

// parseRetryAfter returns how long a receiver asks to be left alone, within
// limits: seconds, or a date.
func parseRetryAfter(text string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), longestWait)
}
