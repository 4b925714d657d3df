package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// A line of the log waits so long for others, or until so many bytes wait:
// writing each at once is a twentieth of what a small request costs.
const (
	logDelay = 100 * time.Millisecond
	logSize  = 64 << 10
)

// logBuffer gathers what is written to it. Failing to write a log is nothing
// that anybody could be told of.
type logBuffer struct {
	to io.Writer

	mu      sync.Mutex
	waiting []byte
	due     bool // flush will be called
}

// Write keeps a line for flush.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, line...)
	switch {
	case len(b.waiting) >= logSize:
		b.write()
	case !b.due:
		b.due = true
		time.AfterFunc(logDelay, b.flush)
	}
	return len(line), nil
}

// flush writes what waits.
func (b *logBuffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = false
	b.write()
}

func (b *logBuffer) write() {
	if len(b.waiting) > 0 {
		_, _ = b.to.Write(b.waiting)
		b.waiting = b.waiting[:0]
	}
}

// bufferedHandler lets the lines of what goes well wait, and nothing else.
type bufferedHandler struct {
	slog.Handler
	buffer *logBuffer
}

// Handle writes a warning or an error at once, with all that came before it.
func (h bufferedHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level > slog.LevelInfo {
		h.buffer.flush()
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h bufferedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bufferedHandler{h.Handler.WithAttrs(attrs), h.buffer}
}

// WithGroup implements slog.Handler.
func (h bufferedHandler) WithGroup(name string) slog.Handler {
	return bufferedHandler{h.Handler.WithGroup(name), h.buffer}
}

// newLogger returns a logger and what writes its last lines.
func newLogger(c *config, w io.Writer) (logger *slog.Logger, flush func()) {
	var level slog.Level
	// One of the names that the option allows, and slog knows them all.
	_ = level.UnmarshalText([]byte(c.LogLevel))
	b := &logBuffer{to: w}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(b, o)
	if c.LogFormat == "text" {
		h = slog.NewTextHandler(b, o)
	}
	return slog.New(bufferedHandler{h, b}), b.flush
}
