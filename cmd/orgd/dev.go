package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/demo"
	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/org"
)

func newDev() *cobra.Command {
	return command(forDev, devDefaults(), &cobra.Command{
		Use: "dev", Short: "Run a server with demo data, for trying out and for tests",
		Long: "Run a server with demo data. The database is a temporary one that is removed in\nthe end, unless --data names a folder to keep it in or --store another store.",
	}, dev)
}

func dev(ctx context.Context, c *config, out streams) (err error) {
	dir, remove, err := devFolder(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if c.SigningKey == nil {
		if c.SigningKey, err = devKey(dir); err != nil {
			return err
		}
	}
	if c.Store == "" {
		c.Store = "sqlite:" + filepath.Join(dir, "orgd.db")
	}
	if err := engine.Migrate(ctx, c.Store); err != nil {
		return hinted(err, storeHint)
	}
	store, err := openReady(ctx, c)
	if err != nil {
		return err
	}
	i, err := devInstance(c, store, dir, out.err)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	credentials, err := demoData(ctx, i.service, dir)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	l, err := listen(ctx, c)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return i.run(ctx, l, func() error {
		r := readyOf(l)
		r.add(credentials)
		welcome(out.out, c, r)
		return r.write(c.ReadyFile)
	})
}

// devInstance puts a server on an open store, with the keys that it needs.
func devInstance(c *config, s org.Store, dir string, logs io.Writer) (*instance, error) {
	if err := makeSecretKey(c, dir); err != nil {
		return nil, err
	}
	return newInstance(c, s, logs)
}

// devFolder returns the folder of the database, a temporary one without a
// name, and what to do with it in the end.
func devFolder(name string) (dir string, remove func() error, err error) {
	if name != "" {
		return name, func() error { return nil }, os.MkdirAll(name, 0o700)
	}
	if dir, err = os.MkdirTemp("", "orgd-dev-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for the database: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// credentialsFile keeps what was shown once, so that the next start on the
// same data shows it again.
const credentialsFile = "dev-credentials.json"

// demoData seeds an empty store, or finds the credentials of one that was
// seeded before.
func demoData(ctx context.Context, s *org.Service, dir string) (demo.Credentials, error) {
	var c demo.Credentials
	name := filepath.Join(dir, credentialsFile)
	used, err := s.Store.AnyUser(ctx)
	if err != nil {
		return c, fmt.Errorf("look for users: %w", err)
	}
	if !used {
		if c, err = demo.Seed(ctx, s); err != nil {
			return c, fmt.Errorf("make the demo data: %w", err)
		}
		debug.FreeOSMemory() // of what it took to make the demo, which a server that waits would keep
		return c, writePrivate(name, c)
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, &failure{
			code: exitFailure, err: errors.New("the store has users already, and none that orgd dev made in this folder"),
			hint: "pass the --data of the first start, take an empty store, or use orgd serve",
		}
	}
	if err != nil {
		return c, fmt.Errorf("read the credentials of the demo: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read the credentials of the demo from %s: %w", name, err)
	}
	return c, nil
}

// welcome tells how to talk to the server.
func welcome(w io.Writer, c *config, r *ready) {
	kept := "demo data, removed when this ends; --data DIR keeps it"
	if c.Data != "" {
		kept = "demo data in " + c.Data
	}
	fmt.Fprintf(w, `orgd %s, %s

  API      %s
  admin    %s (/livez, /readyz, /metrics)

  token    %s
  e-mail   %s
  API key  %s

For the shell that calls it:

  export CLOUDFLARE_BASE_URL=%s
  export CLOUDFLARE_API_TOKEN=%s
  export ORGANIZATION_ID=%s
  curl -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" $CLOUDFLARE_BASE_URL/organizations

`, release(), kept, r.BaseURL, r.AdminURL, r.Token, r.Email, r.APIKey, r.BaseURL, r.Token, r.OrganizationID)
}
