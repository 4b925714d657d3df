package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/orgd/orgd/internal/outbound"
)

// What fails before anything is sent.
var (
	errSecret   = errors.New("the secret cannot be opened")
	errRecords  = errors.New("the records cannot be read")
	errEndpoint = errors.New("the endpoint is not one of a bucket")
)

// statusError is an answer that is no acknowledgement.
type statusError struct {
	status int
	after  time.Duration // before which the receiver wants no other attempt
}

func (e *statusError) Error() string { return "the receiver answered " + status(e.status) }

func status(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprint(code)
}

// gone reports whether the receiver wants no more: only 410 says so for ever.
// Everything else may be put right at the other end.
func gone(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status == http.StatusGone
}

// retryAfter returns how long the receiver wants to be left alone.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.after
	}
	return 0
}

// describe says why an attempt failed, for those who manage the stream. It
// tells neither secrets nor what the network of the server looks like: no URL,
// no address, nothing that the receiver said but its status.
func describe(err error) string {
	otherwise := "the attempt failed"
	if inner, ok := errors.AsType[*url.Error](err); ok && !inner.Timeout() {
		err, otherwise = inner.Err, "the connection failed"
	}
	for _, known := range []error{errSecret, errRecords, errEndpoint, outbound.ErrAddress, outbound.ErrPlain} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[minio.ErrorResponse](err); ok && e.StatusCode != 0 {
		return "the bucket answered " + status(e.StatusCode) + code(e.Code)
	}
	if timedOut(err) {
		return "the receiver did not answer in time"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name of the receiver does not resolve"
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate of the receiver is refused: " + e.Err.Error()
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return "the connection failed: " + e.Err.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the receiver closed the connection"
	}
	if errors.Is(err, context.Canceled) {
		return "the server stopped"
	}
	return otherwise
}

// code returns the code of an answer of a bucket, if it is a word.
func code(s string) string {
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return ""
		}
	}
	if s == "" || len(s) > 60 {
		return ""
	}
	return " " + s
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && e.Timeout()
}
