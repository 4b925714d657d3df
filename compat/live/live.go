// Package live finds the running orgd that a suite talks to and makes what the
// suites need besides the official clients: users, through /orgd/v1.
package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// ReadyFileVariable names the environment variable with the path of the ready
// file of the server under test.
const ReadyFileVariable = "ORGD_READY_FILE"

// Server is a running orgd, as its ready file describes it.
type Server struct {
	BaseURL        string `json:"base_url"`
	Token          string `json:"token"`
	Email          string `json:"email"`
	APIKey         string `json:"api_key"`
	ConsoleURL     string `json:"console_url"`
	AdminURL       string `json:"admin_url"`
	OrganizationID string `json:"organization_id"`
	AccountID      string `json:"account_id"`
	PID            int    `json:"pid"`
}

// User is a user made by [Server.NewUser], with the key that it signs in with.
type User struct {
	ID     string
	Email  string
	Name   string
	APIKey string
}

// Open reads the ready file named by [ReadyFileVariable]. A suite without a
// server is a failure, never a skip.
func Open() (*Server, error) {
	name := os.Getenv(ReadyFileVariable)
	if name == "" {
		return nil, errors.New("no server: run compat/run, or set " + ReadyFileVariable + " to the ready file of an orgd")
	}
	return Read(name)
}

// Read reads a ready file and checks that nothing is missing in it.
func Read(name string) (*Server, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the ready file: %w", err)
	}
	s := &Server{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("decode the ready file %s: %w", name, err)
	}
	return s, s.validate()
}

func (s *Server) validate() error {
	for name, value := range map[string]string{
		"base_url": s.BaseURL, "token": s.Token, "email": s.Email, "api_key": s.APIKey, "console_url": s.ConsoleURL,
		"admin_url": s.AdminURL, "organization_id": s.OrganizationID, "account_id": s.AccountID,
	} {
		if value == "" {
			return fmt.Errorf("the ready file has no %s", name)
		}
	}
	if s.PID == 0 {
		return errors.New("the ready file has no pid")
	}
	if !strings.HasSuffix(s.BaseURL, "/client/v4") {
		return fmt.Errorf("base_url %q of the ready file does not end in /client/v4", s.BaseURL)
	}
	return nil
}

// Origin is the base URL without /client/v4.
func (s *Server) Origin() string {
	return strings.TrimSuffix(s.BaseURL, "/client/v4")
}

// NewUser creates a user as the instance administrator of the ready file. Of
// several words in name the last is the last name.
func (s *Server) NewUser(ctx context.Context, email, name string) (*User, error) {
	first, last, _ := strings.Cut(name, " ")
	var made struct {
		ID     string `json:"id"`
		Email  string `json:"email"`
		APIKey string `json:"api_key"`
	}
	body := map[string]string{"email": email, "first_name": first, "last_name": last}
	if err := s.Call(ctx, http.MethodPost, "/users", body, &made); err != nil {
		return nil, fmt.Errorf("create user %s: %w", email, err)
	}
	if made.ID == "" || made.APIKey == "" {
		return nil, fmt.Errorf("create user %s: the answer has no id or no api_key", email)
	}
	return &User{ID: made.ID, Email: made.Email, Name: name, APIKey: made.APIKey}, nil
}

// Call sends a request to /orgd/v1 with the token of the ready file and decodes
// the result into result, which may be nil.
func (s *Server) Call(ctx context.Context, method, path string, body, result any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Origin()+"/orgd/v1"+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	envelope := struct {
		Success bool `json:"success"`
		Result  any  `json:"result"`
	}{Result: result}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return fmt.Errorf("%s %s: %d: decode %q: %w", method, path, resp.StatusCode, answer, err)
	}
	if resp.StatusCode/100 != 2 || !envelope.Success {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	return nil
}

// Unique returns eight random hexadecimal characters, for names that no other
// test and no earlier run has used.
func Unique() string {
	var b [4]byte
	// crypto/rand.Read never returns an error.
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
