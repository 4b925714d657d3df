package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/proof"
)

func newAuditKeygen() *cobra.Command {
	var origin, name string
	cmd := &cobra.Command{
		Use: "keygen --origin NAME --out FILE", Short: "Make a signing key for audit logs",
		Long: `Make the key that a server signs the checkpoints of its audit logs with, for the
option audit_key, and print the verifier key that others check them with. The
file is a secret: who has it can rewrite the logs without being found out.`,
		Example: "  orgd audit keygen --origin audit.example.com/orgd --out /etc/orgd/audit.key",
		Args:    noArgs,
	}
	cmd.Flags().StringVar(&origin, "origin", "", "name of this instance, such as audit.example.com/orgd")
	cmd.Flags().StringVar(&name, "out", "", "file to write, which must not be there yet")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if origin == "" || name == "" {
			return usage(errors.New("--origin and --out are required"))
		}
		k, err := makeKey(name, origin)
		if err != nil {
			return err
		}
		text, err := k.VerifierKey(k.Name())
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), text)
		return nil
	}
	return cmd
}

// makeKey makes a signing key and writes it to a new file for the eyes of its
// owner.
func makeKey(name, origin string) (k *proof.Key, err error) {
	text, err := proof.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, usage(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the signing key: %w", err)
	}
	if _, err := f.WriteString(text + "\n"); err != nil {
		return nil, errors.Join(fmt.Errorf("write the signing key: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("write the signing key: %w", err)
	}
	return proof.ParseKey(text, "")
}

// readKey reads the signing key of the configuration, if there is one.
func (c *config) readKey() error {
	if c.AuditKey == "" {
		if c.AuditOrigin != "" {
			return usage(errors.New("audit_origin has no meaning without audit_key"))
		}
		return nil
	}
	text, err := os.ReadFile(c.AuditKey)
	if err != nil {
		return usage(fmt.Errorf("read audit_key: %w", err))
	}
	if c.SigningKey, err = proof.ParseKey(string(text), c.AuditOrigin); err != nil {
		return usage(fmt.Errorf("read audit_key from %s: %w", c.AuditKey, err))
	}
	return nil
}

// The key of orgd dev, beside its database.
const (
	devKeyFile = "dev-audit.key"
	devOrigin  = "localhost/orgd"
)

// devKey returns the signing key in the folder, which is made when there is
// none.
func devKey(dir string) (*proof.Key, error) {
	name := filepath.Join(dir, devKeyFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(name, devOrigin)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key of the demo: %w", err)
	}
	return proof.ParseKey(string(text), "")
}
