package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/outbound"
)

// source has the records of one stream. Everything else it leaves to nobody.
type source struct {
	Source
	records []audit.Record
}

func (s *source) StreamRecords(_ context.Context, _ org.Stream, after int64, _ int) ([]audit.Record, error) {
	const few = 3
	rest := slices.DeleteFunc(slices.Clone(s.records), func(r audit.Record) bool { return r.Seq <= after })
	return rest[:min(few, len(rest))], nil
}
func (s *source) StreamSecrets(org.Stream) ([]string, error) { return nil, nil }

func newTestWorker(s Source, size int) *Worker {
	return New(Config{
		Source: s, Encode: func(r *audit.Record) ([]byte, error) { return []byte(strings.Repeat("x", size)), nil },
		Now: time.Now, Jitter: func(d time.Duration) time.Duration { return d }, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
}

func TestNewBatch(t *testing.T) {
	t.Parallel()
	seqs := func(from, to int64) (list []audit.Record) {
		for ; from <= to; from++ {
			list = append(list, audit.Record{Seq: from})
		}
		return list
	}
	for _, c := range []struct {
		what          string
		records       []audit.Record
		size          int
		to            int64
		entries, gone int64
	}{
		{"whole", seqs(11, 20), 10, 20, 10, 0},
		{"the first ones are gone", seqs(14, 20), 10, 20, 7, 3},
		{"all are gone", nil, 10, 20, 0, 10},
		{"as many as fit", seqs(11, 20), maxBatchSize / 4, 14, 4, 0},
		{"one that is too large by itself", seqs(11, 20), maxBatchSize + 1, 11, 1, 0},
		{"some are gone and the rest is too large", seqs(13, 20), maxBatchSize / 2, 14, 2, 2},
	} {
		w := newTestWorker(&source{records: c.records}, c.size)
		b, err := w.newBatch(t.Context(), org.Stream{Delivery: org.Delivery{Delivered: 10, Batch: 20}})
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if b.from != 11 || b.to != c.to || int64(len(b.entries)) != c.entries || b.expired != c.gone {
			t.Errorf("%s: from %d to %d, %d entries, %d gone; want 11, %d, %d, %d", c.what, b.from, b.to, len(b.entries), b.expired, c.to, c.entries, c.gone)
		}
	}
}

func TestBackOff(t *testing.T) {
	t.Parallel()
	w := newTestWorker(&source{}, 0)
	for failures, most := range map[int64]time.Duration{
		0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 8: 256 * time.Second, 9: longestWait, 10: longestWait, 1 << 40: longestWait,
	} {
		if got := w.backOff(failures); got != most {
			t.Errorf("with all of the jitter after %d failures: %s, want %s", failures, got, most)
		}
	}
	w.Jitter = func(time.Duration) time.Duration { return 0 }
	if got := w.backOff(3); got != 4*time.Second {
		t.Errorf("without jitter: %s, want half of 8s", got)
	}
}

// TestDescribe demands a reason for every failure, and that none tells more
// than it may.
func TestDescribe(t *testing.T) {
	t.Parallel()
	const hidden = "https://hooks.example.com/T0K3N?key=S3CR3T"
	at := func(err error) error { return &url.Error{Op: "Post", URL: hidden, Err: err} }
	dial := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 443}, Err: err}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&statusError{status: 500}, "the receiver answered 500 Internal Server Error"},
		{&statusError{status: 599}, "the receiver answered 599"},
		{at(outbound.ErrAddress), outbound.ErrAddress.Error()},
		{at(outbound.ErrPlain), outbound.ErrPlain.Error()},
		{at(context.DeadlineExceeded), "the receiver did not answer in time"},
		{context.DeadlineExceeded, "the receiver did not answer in time"},
		{at(context.Canceled), "the server stopped"},
		{at(io.EOF), "the receiver closed the connection"},
		{at(errors.New("S3CR3T")), "the connection failed"},
		{errors.New("S3CR3T"), "the attempt failed"},
		{at(dial(errors.New("connection refused"))), "the connection failed: connection refused"},
		{at(dial(&net.DNSError{Err: "no such host", Name: "internal.name", Server: "10.0.0.53:53"})), "the name of the receiver does not resolve"},
		{at(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), "the certificate of the receiver is refused: x509: certificate signed by unknown authority"},
		{minio.ErrorResponse{StatusCode: 404, Code: "NoSuchBucket", Message: "S3CR3T"}, "the bucket answered 404 Not Found NoSuchBucket"},
		{minio.ErrorResponse{StatusCode: 502, Code: "S3CR3T <b>", Message: "S3CR3T"}, "the bucket answered 502 Bad Gateway"},
		{fmt.Errorf("%w: %w", errSecret, errors.New("S3CR3T")), "the secret cannot be opened"},
		{fmt.Errorf("%w: %w", errRecords, errors.New("select S3CR3T")), "the records cannot be read"},
	} {
		got := describe(c.err)
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
		for _, secret := range []string{"S3CR3T", "T0K3N", "10.0.0", "internal.name"} {
			if strings.Contains(got, secret) {
				t.Errorf("%v: %q tells %s", c.err, got, secret)
			}
		}
	}
}

func TestSequenceIDBeginsAgain(t *testing.T) {
	t.Parallel()
	for seq, want := range map[int64]string{1: `"1"`, 1<<31 - 1: `"2147483647"`, 1 << 31: `"1"`} {
		m := string(syslogMessage(&entry{record: &audit.Record{Seq: seq, Result: audit.Failure}, json: []byte("{}")}))
		if !strings.HasPrefix(m, "<108>1 0001-01-01T00:00:00.000000Z - orgd - audit [meta sequenceId="+want+"]") {
			t.Errorf("record %d: %s", seq, m)
		}
	}
}
