package load

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRunCountsEveryAnswer(t *testing.T) {
	var served atomic.Int64
	big := strings.Repeat("x", 10_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "{}" || r.Header.Get("Authorization") != "Bearer t" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.URL.Path == "/chunked" {
			_, _ = io.WriteString(w, big) // over net/http's 2 KB buffer: sent in chunks
			return
		}
		_, _ = io.WriteString(w, "small")
	}))
	defer server.Close()
	messages := [][]byte{
		Message("POST", "/chunked", "{}", "Authorization", "Bearer t"),
		Message("POST", "/", "{}", "Authorization", "Bearer t"),
	}
	result, err := Run(context.Background(), Options{
		Addr: server.Listener.Addr().String(), Connections: 3, Duration: 200 * time.Millisecond, WantStatus: 200, FirstSeq: 7,
	}, func(_, seq int, buf []byte) []byte { return append(buf, messages[seq%2]...) })
	if err != nil {
		t.Fatal(err)
	}
	// The last answer of each connection may come after the end.
	if got := int64(result.Requests); got < served.Load()-3 || got > served.Load() || got == 0 {
		t.Errorf("counted %d requests, the server served %d", got, served.Load())
	}
	if result.Percentile(0.5) <= 0 || result.Percentile(0.5) > result.Percentile(0.99) {
		t.Errorf("p50 %v, p99 %v", result.Percentile(0.5), result.Percentile(0.99))
	}
	if result.LastSeq <= 7 {
		t.Errorf("last seq %d, want more than the first, 7", result.LastSeq)
	}
}

func TestRunStopsOnAnotherStatus(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := Run(context.Background(), Options{
		Addr: server.Listener.Addr().String(), Connections: 1, Duration: time.Second, WantStatus: 200,
	}, Bytes(Message("GET", "/", "")))
	if err == nil || !strings.Contains(err.Error(), "status 404, want 200") {
		t.Errorf("error %v, want one that names status 404", err)
	}
}

func TestMessageIsHTTP(t *testing.T) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(Message("POST", "/a?b=c", `{"x":1}`, "X-A", "1")))))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != `{"x":1}` || r.Header.Get("X-A") != "1" || r.URL.RawQuery != "b=c" {
		t.Errorf("request %+v with body %q, %v", r, body, err)
	}
}
