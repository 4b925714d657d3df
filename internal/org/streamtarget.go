package org

import (
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"github.com/orgd/orgd/internal/fault"
)

// StreamType says how a stream is delivered.
type StreamType string

// The types of streams.
const (
	StreamWebhook StreamType = "webhook"
	StreamS3      StreamType = "s3"
	StreamSyslog  StreamType = "syslog"
)

// StreamFormat is the form of what a webhook is sent.
type StreamFormat string

// The formats: one array, or one entry a line.
const (
	FormatJSON   StreamFormat = "json"
	FormatNDJSON StreamFormat = "ndjson"
)

// StreamTarget is where a stream is delivered to. Only the part of its type
// is set. Secrets are kept beside it.
type StreamTarget struct {
	Type    StreamType
	Webhook WebhookTarget
	S3      S3Target
	Syslog  SyslogTarget
}

// WebhookTarget takes batches by POST.
type WebhookTarget struct {
	URL    string
	Format StreamFormat
}

// S3Target is a bucket of an S3-compatible store. Endpoint is a URL without a
// path.
type S3Target struct {
	Endpoint    string
	Region      string
	Bucket      string
	Prefix      string
	AccessKeyID string
	PathStyle   bool
}

// SyslogTarget takes syslog over TLS at host:port. CACertificate is PEM, empty
// for the authorities that the system trusts.
type SyslogTarget struct {
	Address       string
	CACertificate string
}

// The bounds of what describes a target.
const (
	maxURL         = 2048
	maxBucket      = 63
	maxRegion      = 64
	maxPrefix      = 512
	maxS3Key       = 256
	maxCertificate = 64 << 10
	syslogPort     = "6514" // syslog over TLS, RFC 5425
)

// checkTarget checks all that can be said of a target without reaching it, and
// fills in what was left out.
func (s *Service) checkTarget(t *StreamTarget) error {
	switch t.Type {
	case StreamWebhook:
		if t.Webhook.Format == "" {
			t.Webhook.Format = FormatJSON
		}
		if t.Webhook.Format != FormatJSON && t.Webhook.Format != FormatNDJSON {
			return fault.At(fault.Invalid, "/webhook/format", "/webhook/format must be json or ndjson")
		}
		_, err := s.checkReceiver("/webhook/url", t.Webhook.URL)
		return err
	case StreamS3:
		return s.checkS3(&t.S3)
	case StreamSyslog:
		return s.checkSyslog(&t.Syslog)
	}
	return fault.At(fault.Invalid, "/type", "/type must be one of webhook, s3, syslog")
}

func (s *Service) checkS3(t *S3Target) error {
	u, err := s.checkReceiver("/s3/endpoint", t.Endpoint)
	if err != nil {
		return err
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return fault.At(fault.Invalid, "/s3/endpoint", "/s3/endpoint must not have a path")
	}
	if t.Region == "" {
		t.Region = "us-east-1" // what stores without regions call theirs
	}
	if !madeOf(t.Region, "-", 1, maxRegion) {
		return fault.At(fault.Invalid, "/s3/region", "/s3/region must be the name of a region such as eu-central-1")
	}
	if !madeOf(t.Bucket, "-.", 3, maxBucket) || strings.Contains(t.Bucket, "..") || strings.Trim(t.Bucket, "-.") != t.Bucket {
		return fault.At(fault.Invalid, "/s3/bucket", fmt.Sprintf("/s3/bucket must have 3 to %d lower-case letters, digits, dots and dashes", maxBucket))
	}
	if _, err := checkText("/s3/prefix", t.Prefix, 0, maxPrefix); err != nil {
		return err
	}
	if t.Prefix != strings.TrimSpace(t.Prefix) || strings.HasPrefix(t.Prefix, "/") || strings.Contains(t.Prefix, "//") || strings.Contains(t.Prefix, "..") {
		return fault.At(fault.Invalid, "/s3/prefix", "/s3/prefix must not begin with a slash, nor have white space around it, empty parts or ..")
	}
	return checkKey("/s3/access_key_id", t.AccessKeyID)
}

// checkKey checks one half of the credentials of a bucket.
func checkKey(pointer, key string) error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if key == "" || len(key) > maxS3Key || strings.ContainsFunc(key, bad) {
		return fault.At(fault.Invalid, pointer, fmt.Sprintf("%s must have 1 to %d printable characters of ASCII", pointer, maxS3Key))
	}
	return nil
}

// madeOf reports whether text has lower-case letters, digits and others only.
func madeOf(text, others string, least, most int) bool {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	}
	return len(text) >= least && len(text) <= most && !strings.ContainsFunc(text, bad)
}

func (s *Service) checkSyslog(t *SyslogTarget) error {
	const pointer = "/syslog/address"
	if _, err := checkText(pointer, t.Address, 1, maxURL); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		host, port = strings.Trim(t.Address, "[]"), syslogPort
	}
	if host == "" || port == "" || !isPort(port) || strings.ContainsAny(host, "/@ ") {
		return fault.At(fault.Invalid, pointer, pointer+" must be host:port")
	}
	t.Address = net.JoinHostPort(host, port)
	if len(t.CACertificate) > maxCertificate {
		return fault.At(fault.Invalid, "/syslog/ca_certificate", fmt.Sprintf("/syslog/ca_certificate must have at most %d bytes", maxCertificate))
	}
	if t.CACertificate != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.CACertificate)) {
		return fault.At(fault.Invalid, "/syslog/ca_certificate", "/syslog/ca_certificate has no certificate in PEM")
	}
	return s.checkHost(pointer, host, false)
}

// checkSecret checks a secret that was given for a target of type t. An empty
// one is none.
func checkSecret(t StreamType, secret string) error {
	if secret != "" && t == StreamS3 {
		return checkKey("/s3/secret_access_key", secret)
	}
	return checkWebhookSecret(secret)
}
