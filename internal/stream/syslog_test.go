package stream_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/stream"
)

// collector is a receiver of syslog over TLS.
type collector struct {
	net.Listener
	t        *testing.T
	ca       string
	mu       sync.Mutex
	messages []string
	breaks   bool // it reads a little and resets the connection
	hangs    bool // it reads everything and never closes
	rude     bool // it closes without the farewell of TLS
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "collector"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	c := &collector{t: t, ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	c.Listener = must((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		for {
			raw, err := c.Accept()
			if err != nil {
				return
			}
			go c.serve(raw.(*net.TCPConn), tls.Server(raw, config))
		}
	}()
	return c
}

func (c *collector) is(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *collector) serve(raw *net.TCPConn, conn *tls.Conn) {
	c.mu.Lock()
	breaks, hangs, rude := c.breaks, c.hangs, c.rude
	c.mu.Unlock()
	if breaks {
		_, _ = conn.Read(make([]byte, 10))
		_ = raw.SetLinger(0) // what is not read makes it a reset
		_ = raw.Close()
		return
	}
	r := bufio.NewReader(conn)
	var messages []string
	for {
		m, err := readFrame(r)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return // a refused certificate
			}
			break
		}
		messages = append(messages, m)
	}
	c.is(func() { c.messages = append(c.messages, messages...) })
	switch {
	case hangs:
		<-c.t.Context().Done()
		_ = conn.Close()
	case rude:
		_ = raw.Close()
	default:
		_ = conn.Close()
	}
}

// readFrame reads a message in octet-counting framing.
func readFrame(r *bufio.Reader) (string, error) {
	length, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, " "))
	if err != nil {
		return "", err
	}
	m := make([]byte, n)
	_, err = io.ReadFull(r, m)
	return string(m), err
}

// rfc5424 is the header of a message: priority and version, time, host,
// application, process, kind, and structured data.
var rfc5424 = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) - orgd - audit \[meta sequenceId="(\d+)"\]\[origin software="orgd"\] (\{.*\})$`)

func TestSyslog(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		c := newCollector(w.T)
		target := org.StreamTarget{Type: org.StreamSyslog, Syslog: org.SyslogTarget{Address: c.Addr().String(), CACertificate: c.ca}}
		st := w.stream(org.NewStream{Name: "s", FromSeq: 1, Target: target})
		worker := w.worker("one", loopback, nil)
		w.write(20)
		fails := func(what, want string, change func()) {
			w.Helper()
			c.is(change)
			w.deliver(worker)
			if got := w.state(st.Stream).Delivery; got.Delivered != 0 || !strings.HasPrefix(got.LastError, want) {
				w.Errorf("%s: %+v, want %q", what, got, want)
			}
			w.pass(stream.LongestWait)
		}
		worker.SetTimeout(time.Minute)
		fails("reset", "the connection failed: ", func() { c.breaks = true })
		worker.SetTimeout(2 * time.Second)
		fails("never closed", "the receiver did not answer in time", func() { c.breaks, c.hangs = false, true })
		worker.SetTimeout(time.Minute)
		c.is(func() { c.hangs, c.rude = false, true })
		w.deliver(worker)
		c.is(func() { c.rude = false })
		w.write(1)
		w.deliver(worker)
		want := w.entries(1, 1000)
		c.mu.Lock()
		defer c.mu.Unlock()
		before := len(c.messages) - len(want) // of the attempt that was not acknowledged
		if before < 0 {
			w.Fatalf("%d messages, want %d", len(c.messages), len(want))
		}
		for i, m := range c.messages[before:] {
			checkMessage(w.T, m, i+1, want[i])
		}
	})
}

func checkMessage(t *testing.T, m string, seq int, entry string) {
	t.Helper()
	parts := rfc5424.FindStringSubmatch(m)
	if parts == nil {
		t.Errorf("not a message: %s", m)
		return
	}
	if parts[1] != "110" || parts[3] != fmt.Sprint(seq) || parts[4] != entry || !strings.HasPrefix(parts[2], "2026-08-01T") {
		t.Errorf("message %d: %s\nwant the entry %s", seq, m, entry)
	}
}

func TestSyslogCertificate(t *testing.T) {
	onEveryEngine(t, func(w *world) {
		c, other := newCollector(w.T), newCollector(w.T)
		for _, ca := range []string{"", other.ca} {
			target := org.StreamTarget{Type: org.StreamSyslog, Syslog: org.SyslogTarget{Address: c.Addr().String(), CACertificate: ca}}
			st := w.stream(org.NewStream{Name: "s", FromSeq: 1, Target: target})
			w.deliver(w.worker("one", loopback, nil))
			if got := w.state(st.Stream).Delivery.LastError; !strings.HasPrefix(got, "the certificate of the receiver is refused") {
				w.Errorf("%q", got)
			}
		}
		if len(c.messages) != 0 {
			w.Errorf("%d messages", len(c.messages))
		}
	})
}
