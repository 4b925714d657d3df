package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orgd/orgd/internal/engine"
)

// logged is what was written of a log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// messages are the messages of the lines that were written.
func messages(t *testing.T, log *logged) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(log.String()) {
		var l struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, l.Msg)
	}
	return strings.Join(all, " ")
}

func TestLogWaitsForOtherLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out logged
		logger, _ := newLogger(defaults(), &out)
		for _, want := range []string{"a b", "a b c"} {
			before := out.String()
			for _, message := range strings.Fields(strings.TrimPrefix(want, messages(t, &out))) {
				logger.Info(message)
			}
			time.Sleep(logDelay - time.Nanosecond)
			synctest.Wait()
			if out.String() != before {
				t.Fatalf("written before the delay: %s", out.String())
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if got := messages(t, &out); got != want {
				t.Errorf("after the delay: %q, want %q", got, want)
			}
		}
	})
}

// TestLogWritesTroubleAtOnce also when the logger was given attributes.
func TestLogWritesTroubleAtOnce(t *testing.T) {
	var out logged
	logger, _ := newLogger(defaults(), &out)
	logger = logger.With("a", 1).WithGroup("g")
	for _, step := range []struct {
		log           func(string, ...any)
		message, want string
	}{
		{logger.Info, "1", ""},
		{logger.Error, "2", "1 2"},
		{logger.Info, "3", "1 2"},
		{logger.Warn, "4", "1 2 3 4"},
	} {
		step.log(step.message)
		if got := messages(t, &out); got != step.want {
			t.Errorf("after %s: written %q, want %q", step.message, got, step.want)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	var out logged
	logger, _ := newLogger(defaults(), &out)
	for range 2 {
		logger.Info(strings.Repeat("x", logSize/2))
	}
	if got := len(out.String()); got < logSize {
		t.Errorf("%d bytes were written, want both lines", got)
	}
}

// TestLogIsWrittenByTheEnd ends a server in an orderly way and by a panic.
func TestLogIsWrittenByTheEnd(t *testing.T) {
	for _, end := range []struct {
		name     string
		announce func(stop func()) error
		want     string
	}{
		{"stop", func(stop func()) error { stop(); return nil }, "serving stopping stopped"},
		{"panic", func(func()) error { panic("at the worst moment") }, "serving"},
	} {
		t.Run(end.name, func(t *testing.T) {
			c := defaults()
			c.Store = "sqlite:" + filepath.Join(t.TempDir(), "orgd.db")
			if err := engine.Migrate(t.Context(), c.Store); err != nil {
				t.Fatal(err)
			}
			s, err := openReady(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			var out logged
			i, err := newInstance(c, s, &out)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			func() {
				defer func() { _ = recover() }()
				err = i.run(ctx, &listeners{listenLocal(t), listenLocal(t)}, func() error { return end.announce(stop) })
			}()
			if err != nil {
				t.Error(err)
			}
			if got := messages(t, &out); got != end.want {
				t.Errorf("the log has %q, want %q", got, end.want)
			}
			_ = s.Close()
		})
	}
}

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
