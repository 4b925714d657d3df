// Command bare is the baseline of a read: a net/http server with orgd's server settings whose only handler writes
// the bytes and headers of an answer that was recorded from orgd, whatever was asked.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// Answer is the recorded answer; the file holds it as JSON.
type Answer struct {
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

func main() {
	file := flag.String("answer", "", "file with the recorded answer")
	ready := flag.String("ready-file", "", "file to write once the server listens")
	flag.Parse()
	if err := run(*file, *ready); err != nil {
		log.Fatal(err)
	}
}

func run(file, ready string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the recorded answer: %w", err)
	}
	var a Answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("decode the recorded answer: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	info := fmt.Sprintf(`{"addr":%q}`, listener.Addr())
	if err := os.WriteFile(ready+".part", []byte(info), 0o600); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	if err := os.Rename(ready+".part", ready); err != nil {
		return fmt.Errorf("publish the ready file: %w", err)
	}
	if err := newServer(handler(a)).Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// newServer has the settings of orgd's server: each deadline costs a timer.
func newServer(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler: h, Protocols: &protocols,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 90 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
}

func handler(a Answer) http.Handler {
	body := []byte(a.Body)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		for name, values := range a.Header {
			header[name] = values
		}
		_, _ = w.Write(body)
	})
}
