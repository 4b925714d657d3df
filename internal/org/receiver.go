package org

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/fault"
)

// SecretOverlap is how long the former secret of a webhook stays in use beside
// the new one.
const SecretOverlap = 24 * time.Hour

// ReceiverSecret is what a receiver knows the sender by. Both are sealed, nil
// for none; the former one is in use until OldSecretEnd.
type ReceiverSecret struct {
	Secret       []byte
	OldSecret    []byte
	OldSecretEnd time.Time
}

// The bounds of the secret of a webhook.
const (
	webhookSecretPrefix = "whsec_"
	minWebhookSecret    = 24 // bytes
	maxWebhookSecret    = 64
	newWebhookSecret    = 32
)

// checkReceiver checks a URL.
//
// Rule: requests go to https only and never into the network of the server,
// unless the configuration allows the address (issue B). The address that a
// name stands for is checked when it is connected to.
func (s *Service) checkReceiver(pointer, text string) (*url.URL, error) {
	if _, err := checkText(pointer, text, 1, maxURL); err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") || !isPort(u.Port()) {
		return nil, fault.At(fault.Invalid, pointer, pointer+" must be a URL such as https://example.com/audit")
	}
	if u.User != nil || u.Fragment != "" || strings.HasSuffix(text, "#") {
		return nil, fault.At(fault.Invalid, pointer, pointer+" must have neither a user nor a fragment")
	}
	return u, s.checkHost(pointer, u.Hostname(), u.Scheme == "http")
}

func (s *Service) checkHost(pointer, host string, plain bool) error {
	if s.CheckHost == nil {
		return nil
	}
	if err := s.CheckHost(host, plain); err != nil {
		return fault.At(fault.Invalid, pointer, pointer+" is refused: "+err.Error())
	}
	return nil
}

// isPort reports whether text is a port, or empty.
func isPort(text string) bool {
	if text == "" {
		return true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// checkWebhookSecret checks a secret that was given. An empty one is none.
func checkWebhookSecret(secret string) error {
	if secret == "" {
		return nil
	}
	encoded, ok := strings.CutPrefix(secret, webhookSecretPrefix)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) < minWebhookSecret || len(raw) > maxWebhookSecret {
		return fault.At(fault.Invalid, "/webhook/secret",
			fmt.Sprintf("/webhook/secret must be %s and the base64 of %d to %d bytes", webhookSecretPrefix, minWebhookSecret, maxWebhookSecret))
	}
	return nil
}

// freshSecret returns a secret of a webhook.
func (s *Service) freshSecret() (string, error) {
	b := make([]byte, newWebhookSecret)
	if _, err := io.ReadFull(s.Random, b); err != nil {
		return "", fmt.Errorf("make the secret of a webhook: %w", err)
	}
	return webhookSecretPrefix + base64.StdEncoding.EncodeToString(b), nil
}

// seal keeps a secret of the receiver that the pointer names, nil for none.
func (s *Service) seal(pointer, place, secret string) ([]byte, error) {
	if secret == "" {
		return nil, nil
	}
	if s.Sealer == nil {
		return nil, fault.At(fault.Invalid, pointer, pointer+" has a secret, and this server has no secret_key to keep it under")
	}
	return s.Sealer.Seal(place, secret)
}

// renew gives the webhook at a place another secret. The former one stays in
// use for a while.
func (c *change) renew(pointer, place string, r *ReceiverSecret, secret string) error {
	sealed, err := c.s.seal(pointer, place, secret)
	if err != nil {
		return err
	}
	*r = ReceiverSecret{Secret: sealed, OldSecret: r.Secret, OldSecretEnd: c.now.Add(SecretOverlap)}
	return nil
}

// open returns the secrets of the receiver at a place that are in use, the
// latest first.
func (s *Service) open(place string, r *ReceiverSecret) ([]string, error) {
	var list []string
	sealed := [][]byte{r.Secret}
	if s.now().Before(r.OldSecretEnd) {
		sealed = append(sealed, r.OldSecret)
	}
	for _, b := range sealed {
		secret, err := s.unseal(place, b)
		if err != nil {
			return nil, err
		}
		if secret != "" {
			list = append(list, secret)
		}
	}
	return list, nil
}

// unseal returns a secret that was kept, "" for none.
func (s *Service) unseal(place string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	if s.Sealer == nil {
		return "", fmt.Errorf("open a secret of %s: there is no secret_key", place)
	}
	return s.Sealer.Open(place, sealed)
}
