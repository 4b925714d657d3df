package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/orgd/orgd/internal/audit"
)

// What stands in front of every message: the facility "log audit" with the
// severity "informational", or "warning" for what failed.
const (
	priorityInfo    = 13*8 + 6
	priorityWarning = 13*8 + 4
)

// sendSyslog sends a batch as RFC 5424 over TLS (RFC 5425). Syslog has no
// acknowledgement of its own. So every batch has its connection, we say that
// no more follows, and the batch is delivered when the receiver, having read
// all of it, closes the connection too, as RFC 5425 section 4.4 wants it. A
// connection that breaks before is a failure.
func (w *Worker) sendSyslog(ctx context.Context, b *batch) error {
	t := b.stream.Target.Syslog
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if t.CACertificate != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM([]byte(t.CACertificate))
	}
	raw, err := w.Policy.Dial(ctx, "tcp", t.Address)
	if err != nil {
		return err
	}
	// Closing it ends whatever waits for it when the time is over.
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	defer raw.Close()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return inTime(ctx, err)
	}
	if _, err := conn.Write(frames(b)); err != nil {
		return inTime(ctx, err)
	}
	if err := conn.CloseWrite(); err != nil {
		return inTime(ctx, err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // closed without its own farewell, as some receivers do
	}
	return inTime(ctx, err)
}

// inTime says that the time was over when that is why something failed.
func inTime(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// frames returns the messages of a batch, each with its length in front.
func frames(b *batch) []byte {
	var out []byte
	for i := range b.entries {
		m := syslogMessage(&b.entries[i])
		out = strconv.AppendInt(out, int64(len(m)), 10)
		out = append(append(out, ' '), m...)
	}
	return out
}

// syslogMessage returns a record as a message. Its number is the sequenceId of
// RFC 5424, which counts to 2147483647 and begins again.
func syslogMessage(e *entry) []byte {
	priority := priorityInfo
	if e.record.Result == audit.Failure {
		priority = priorityWarning
	}
	m := fmt.Appendf(nil, "<%d>1 %s - orgd - audit [meta sequenceId=\"%d\"][origin software=\"orgd\"] ",
		priority, e.record.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), (e.record.Seq-1)%(1<<31-1)+1)
	return append(m, e.json...)
}
