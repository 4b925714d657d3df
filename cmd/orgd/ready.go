package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/orgd/orgd/internal/demo"
)

// ready is the ready file: what a script needs to talk to this server. A
// server without demo data leaves credentials and identifiers out.
type ready struct {
	BaseURL        string `json:"base_url"`
	Token          string `json:"token,omitempty"`
	Email          string `json:"email,omitempty"`
	APIKey         string `json:"api_key,omitempty"`
	ConsoleURL     string `json:"console_url"`
	AdminURL       string `json:"admin_url"`
	OrganizationID string `json:"organization_id,omitempty"`
	AccountID      string `json:"account_id,omitempty"`
	PID            int    `json:"pid"`
}

func readyOf(l *listeners) *ready {
	origin := "http://" + reachable(l.api.Addr())
	return &ready{
		BaseURL: origin + "/client/v4", ConsoleURL: origin + "/console/",
		AdminURL: "http://" + reachable(l.admin.Addr()), PID: os.Getpid(),
	}
}

// reachable writes an address so that one can connect to it from here: a
// listener on all addresses is on the loopback too.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}

// add adds what the demo has made.
func (r *ready) add(c demo.Credentials) {
	r.Token, r.Email, r.APIKey = c.Token, c.Email, c.APIKey
	r.OrganizationID, r.AccountID = string(c.Organization), string(c.Account)
}

// write writes the file at once, so that whoever waits for it never reads
// half of it. Without a name there is nothing to do.
func (r *ready) write(name string) error {
	if name == "" {
		return nil
	}
	if err := writePrivate(name, r); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return nil
}

// writePrivate replaces the file by the JSON of v, for the eyes of its owner.
func writePrivate(name string, v any) (err error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	// CreateTemp gives mode 0600.
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(append(text, '\n')); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
