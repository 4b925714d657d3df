package sqlstore_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/engine"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/storetest"
)

// proxy stands between a store and a PostgreSQL server and counts how often
// the store waits for an answer: after each Sync or Query message.
type proxy struct {
	listener net.Listener
	socket   string
	trips    atomic.Int64
}

// newProxy returns a proxy for the server of a database and the URL of the
// database through it.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &proxy{listener: l, socket: u.Query().Get("host") + "/.s.PGSQL." + u.Query().Get("port")}
	go p.serve()
	through := url.URL{Scheme: "postgres", User: url.User(u.Query().Get("user")), Host: l.Addr().String(), Path: u.Path, RawQuery: "sslmode=disable"}
	return p, through.String()
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.socket)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		}()
		go func() {
			_ = p.forward(server, bufio.NewReader(client))
			_ = server.Close()
		}()
	}
}

// forward copies messages: the first has a length only, others a type before it.
func (p *proxy) forward(server io.Writer, client *bufio.Reader) error {
	for header := 4; ; header = 5 {
		head := make([]byte, header)
		if _, err := io.ReadFull(client, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[header-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		if header == 5 && (head[0] == 'S' || head[0] == 'Q') {
			p.trips.Add(1)
		}
		if _, err := server.Write(append(head, body...)); err != nil {
			return err
		}
	}
}

func TestRoundTrips(t *testing.T) {
	for _, e := range enginetest.All(t) {
		if e.Name == "postgres" {
			checkRoundTrips(t, e.Migrated(t))
		}
	}
}

func checkRoundTrips(t *testing.T, database string) {
	p, through := newProxy(t, database)
	s, err := engine.Open(t.Context(), through, engine.Options{PostgresConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f := storetest.Fill(t, s)
	ctx, parent, ids := t.Context(), f.Mid.ID, id.NewGenerator(time.Now, rand.Reader)
	for _, c := range []struct {
		what string
		call func() error
		most int64
	}{
		{"reading an organization", func() error { _, err := s.Organization(ctx, parent); return err }, 1},
		{"reading a principal", func() error {
			_, err := s.Principal(ctx, org.CredentialRef{TokenHash: "hash"})
			return unlessAbsent(err)
		}, 1},
		{"creating an organization", func() error {
			return s.Update(ctx, func(tx org.Tx) error { return create(ctx, tx, parent, ids.New()) })
		}, 1},
		{"a view of two reads", func() error {
			return s.View(ctx, func(r org.Reader) error {
				if _, err := r.Organization(ctx, parent); err != nil {
					return err
				}
				_, err := r.AnyUser(ctx)
				return err
			})
		}, 3},
		{"a transaction that does nothing", func() error { return s.Update(ctx, func(org.Tx) error { return nil }) }, 0},
	} {
		for range 2 { // prepares the statements: those that ask, and those that assume
			if err := c.call(); err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
		}
		before := p.trips.Load()
		if err := c.call(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if n := p.trips.Load() - before; n > c.most {
			t.Errorf("%s takes %d round trips, want at most %d", c.what, n, c.most)
		}
	}
}

// unlessAbsent accepts that the token of the sample is disabled.
func unlessAbsent(err error) error {
	if fault.CodeOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// create does what the service does.
func create(ctx context.Context, tx org.Tx, parent id.Organization, fresh string) error {
	if err := tx.LockTree(ctx, false); err != nil {
		return err
	}
	at := time.UnixMicro(1_800_000_000_000_000).UTC()
	tx.Ahead(org.Ahead{Place: parent})
	if _, err := tx.Rights(ctx); err != nil {
		return err
	}
	p, err := tx.Place(ctx, parent)
	if err != nil {
		return err
	}
	o := org.Organization{ID: id.Organization(fresh), Name: "new", Parent: parent, Created: at, Updated: at}
	o.Path = append(append(o.Path, p.Path...), o.ID)
	if err := tx.InsertOrganization(ctx, o); err != nil {
		return err
	}
	r := audit.Record{Log: id.Log(parent), ID: id.Record(fresh), Time: at, Action: audit.OrganizationCreate, Result: audit.Success}
	return tx.AppendAudit(ctx, &r)
}
