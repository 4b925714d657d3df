package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDevSecretKey makes the key of orgd dev once for each folder, and none
// where one is configured.
func TestDevSecretKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	read := func() string {
		t.Helper()
		c := devDefaults()
		if err := makeSecretKey(c, dir); err != nil {
			t.Fatal(err)
		}
		keys, err := secretKeys(c)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	first := read()
	if second := read(); second != first || len(strings.TrimSpace(first)) != 64 {
		t.Errorf("the first start has key %q, the second %q", first, second)
	}
	info, err := os.Stat(filepath.Join(dir, devSecretKey))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file for its owner alone", info, err)
	}
	other := t.TempDir()
	for _, c := range []*config{{SecretKey: "x"}, {SecretKeyFile: "y"}} {
		if err := makeSecretKey(c, other); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(other); err != nil || len(left) != 0 {
			t.Errorf("made %v, %v beside a configured key", left, err)
		}
	}
}

// TestSecretKeyRefused starts servers with keys that cannot be used.
func TestSecretKeyRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config config
		want   string
	}{
		{config{SecretKey: "hush"}, "read the secret_key: key 1: it is not 32 bytes in hexadecimal or base64"},
		{config{SecretKeyFile: empty}, "read the secret_key: " + empty + " is empty"},
		{config{SecretKeyFile: filepath.Join(dir, "none")}, "read the secret_key: open " + filepath.Join(dir, "none") + ": no such file or directory"},
	} {
		var out logged
		_, err := newInstance(&c.config, nil, &out)
		if err == nil || !strings.HasPrefix(err.Error(), c.want+" (") || exitCode(err) != exitUsage {
			t.Errorf("%v, want %s and exit code %d", err, c.want, exitUsage)
		}
		if err != nil && c.config.SecretKey != "" && strings.Contains(err.Error(), c.config.SecretKey) {
			t.Errorf("the refusal tells the key: %v", err)
		}
	}
}
