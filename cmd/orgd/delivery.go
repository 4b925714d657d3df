package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	random "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/outbound"
	"github.com/orgd/orgd/internal/seal"
	"github.com/orgd/orgd/internal/stream"
)

// setUpStreams lets the service keep secrets, if there is a key for them, and
// makes the worker that delivers what it records.
func (i *instance) setUpStreams(enc api.Encoder) error {
	c := i.config
	keys, err := secretKeys(c)
	if err != nil {
		return err
	}
	if keys != "" {
		sealer, err := seal.New(keys, rand.Reader)
		if err != nil {
			return usage(fmt.Errorf("read the secret_key: %w", err))
		}
		i.service.Sealer = sealer
	}
	policy := outbound.Policy{Allow: c.OutboundAllow}
	i.streams = stream.New(stream.Config{
		Source: i.service, Policy: policy, Encode: enc.AuditEntry, Now: time.Now, Jitter: jitter, Name: rand.Text(),
		Logger: i.logger, Registry: i.registry,
	})
	i.service.CheckHost, i.service.Changed = policy.CheckHost, i.streams.Wake
	return nil
}

// jitter returns a random duration up to most.
func jitter(most time.Duration) time.Duration { return random.N(most + 1) }

// secretKeys returns the keys that secrets are kept under, "" for none.
func secretKeys(c *config) (string, error) {
	if c.SecretKey != "" || c.SecretKeyFile == "" {
		return c.SecretKey, nil
	}
	text, err := os.ReadFile(c.SecretKeyFile)
	if err != nil {
		return "", usage(fmt.Errorf("read the secret_key: %w", err))
	}
	if len(text) == 0 {
		return "", usage(fmt.Errorf("read the secret_key: %s is empty", c.SecretKeyFile))
	}
	return string(text), nil
}

// devSecretKey is the file of the key that orgd dev makes.
const devSecretKey = "secret.key"

// makeSecretKey gives orgd dev a key, unless one is configured: the one of the
// first start on the same data.
func makeSecretKey(c *config, dir string) error {
	if c.SecretKey != "" || c.SecretKeyFile != "" {
		return nil
	}
	c.SecretKeyFile = filepath.Join(dir, devSecretKey)
	if _, err := os.Stat(c.SecretKeyFile); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := seal.NewKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.SecretKeyFile, []byte(key+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the secret_key: %w", err)
	}
	return nil
}
