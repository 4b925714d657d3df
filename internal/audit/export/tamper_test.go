package export_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// server is a service on a real store whose database others can get at.
type server struct {
	*org.Service
	t      *testing.T
	engine enginetest.Engine
	url    string
	log    id.Log
	admin  org.Secrets
	public string
	old    string // a checkpoint from before
}

// newServer returns a server with an organization that has a log of 9 records,
// and a checkpoint of its first 6.
func newServer(t *testing.T, e enginetest.Engine) *server {
	t.Helper()
	url := e.Migrated(t)
	key, public := newKey(t)
	enc := api.Encoder{Limits: org.DefaultLimits}
	s := &server{t: t, engine: e, url: url, public: public, Service: org.New(org.Config{
		Store: enginetest.OpenAt(t, url), Now: time.Now, Random: rand.Reader, Limits: org.DefaultLimits,
		Encode: enc.Encode, StatusOf: api.StatusOf, Key: key,
	})}
	b, err := s.Bootstrap(t.Context(), org.Origin{Status: 200}, org.NewUser{Email: "admin@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	s.admin = org.Secrets{Email: b.User.Email, Key: b.APIKey}
	o, err := s.CreateOrganization(t.Context(), s.request(), org.NewOrganization{Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	s.log = id.Log(o.ID)
	s.rename(5)
	s.old = s.proof().Checkpoint
	s.sql(backup)
	if e.Name == "postgres" { // where a database is used again
		t.Cleanup(func() { s.sql("DROP TABLE old_records, old_heads, old_trees, old_tiles") })
	}
	s.rename(3)
	s.proof()
	return s
}

func (s *server) request() org.Request {
	s.t.Helper()
	caller, err := s.Authenticate(s.t.Context(), s.admin, netip.Addr{})
	if err != nil {
		s.t.Fatal(err)
	}
	return org.Request{Caller: caller, Origin: org.Origin{URI: "test", Status: 200}}
}

// rename makes n records.
func (s *server) rename(n int) {
	s.t.Helper()
	for i := range n {
		if _, err := s.UpdateOrganization(s.t.Context(), s.request(), id.Organization(s.log), org.OrganizationUpdate{Name: fmt.Sprint("name ", i)}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *server) proof() *org.LogProof {
	s.t.Helper()
	p, err := s.LogProof(s.t.Context(), s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// sql changes the database behind the back of the server.
func (s *server) sql(statements string) {
	s.t.Helper()
	s.engine.Exec(s.t, s.url, strings.ReplaceAll(statements, "{log}", string(s.log)))
}

// export returns what the server exports of the log.
func (s *server) export() string {
	s.t.Helper()
	e, err := s.ExportAudit(s.t.Context(), s.request(), id.Organization(s.log), org.AuditRange{})
	if err != nil {
		s.t.Fatal(err)
	}
	source, err := api.ExportSource(s.t.Context(), id.Organization(s.log), &org.AuditRange{}, &e)
	if err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := export.Write(s.t.Context(), &b, export.Native, source); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

// forge makes the tree of the log anew from the records as they are now, and
// signs it with another key.
func (s *server) forge() {
	s.t.Helper()
	s.sql("DELETE FROM audit_trees WHERE log_id = '{log}'; DELETE FROM audit_tiles WHERE log_id = '{log}'")
	other, _ := newKey(s.t)
	g := org.Growth{Tree: org.Tree{Log: s.log, Time: time.Now()}, Levels: [][]proof.Hash{nil}}
	run := proof.NewRange(0)
	records, err := s.Store.AuditRecords(s.t.Context(), s.log, 0, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range records {
		leaf := audit.LeafHash(audit.Canonical(&records[i]))
		run.Append(leaf)
		g.Levels[0] = append(g.Levels[0], leaf)
	}
	g.Size, g.Nodes = run.End(), run.Hashes()
	root, err := run.Root(g.Size, nil, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if g.Checkpoint, err = other.Sign(proof.Checkpoint{Origin: instance + "/" + string(s.log), Size: g.Size, Root: root}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Store.Update(s.t.Context(), func(tx org.Tx) error { return tx.GrowTrees(s.t.Context(), []org.Growth{g}) }); err != nil {
		s.t.Fatal(err)
	}
}

// The backup of a database, within itself.
const (
	backup = `CREATE TABLE old_records AS SELECT * FROM audit_records; CREATE TABLE old_heads AS SELECT * FROM audit_heads;
		CREATE TABLE old_trees AS SELECT * FROM audit_trees; CREATE TABLE old_tiles AS SELECT * FROM audit_tiles`
	restore = `DELETE FROM audit_records; DELETE FROM audit_heads; DELETE FROM audit_trees; DELETE FROM audit_tiles;
		INSERT INTO audit_records SELECT * FROM old_records; INSERT INTO audit_heads SELECT * FROM old_heads;
		INSERT INTO audit_trees SELECT * FROM old_trees; INSERT INTO audit_tiles SELECT * FROM old_tiles`
)

// TestDatabaseTampering changes the log in the database of a server that goes
// on serving: whoever has the verifier key and an older checkpoint finds out.
func TestDatabaseTampering(t *testing.T) {
	t.Parallel()
	const edit = "UPDATE audit_records SET action_result = 'failure' WHERE log_id = '{log}' AND seq = 3;"
	for _, tt := range []struct {
		name   string
		tamper func(*server)
		want   []string
	}{
		{"nothing", func(*server) {}, nil},
		{"new records", func(s *server) { s.rename(4) }, nil},
		{"a record edited", func(s *server) { s.sql(edit) }, []string{"record 3 (…): leaf: it was changed"}},
		{"a body edited", func(s *server) {
			s.sql(`UPDATE audit_records SET request = '{"name":"x"}' WHERE log_id = '{log}' AND seq = 4`)
		}, []string{"record 4 (…): leaf: it was changed"}},
		{"one deleted from the middle", func(s *server) {
			s.sql("DELETE FROM audit_records WHERE log_id = '{log}' AND seq = 5")
		}, []string{"record 5: gap: it is missing between its neighbours"}},
		{"the newest cut", func(s *server) {
			s.sql("DELETE FROM audit_records WHERE log_id = '{log}' AND seq > 7; UPDATE audit_heads SET seq = 7 WHERE log_id = '{log}'")
		}, []string{"record 8: cut: the records 8 to 9 are missing at the end of the log, which was signed with 9 records"}},
		{"the newest cut, and replaced by others", func(s *server) {
			s.sql("DELETE FROM audit_records WHERE log_id = '{log}' AND seq > 7; UPDATE audit_heads SET seq = 7 WHERE log_id = '{log}'")
			s.rename(4)
		}, []string{"record 8 (…): leaf: it was changed", "record 9 (…): leaf: it was changed"}},
		{"two swapped", func(s *server) {
			s.sql("UPDATE audit_records SET seq = -4 WHERE log_id = '{log}' AND seq = 4;" +
				"UPDATE audit_records SET seq = 4 WHERE log_id = '{log}' AND seq = 5;" +
				"UPDATE audit_records SET seq = 5 WHERE log_id = '{log}' AND seq = -4")
		}, []string{"record 4 (…): leaf: it was changed", "record 5 (…): leaf: it was changed", "record 5 (…): order: its time is before"}},
		{"all rewritten with another key", func(s *server) {
			s.sql(edit)
			s.forge()
		}, []string{"the log: signature: the checkpoint is not signed by"}},
		{"all rewritten, under the old signature", func(s *server) {
			s.sql(edit)
			signed := s.proof().Checkpoint
			s.forge()
			s.sql("UPDATE audit_trees SET checkpoint = '" + signed + "' WHERE log_id = '{log}'")
			s.rename(1) // which the server does not sign
		}, []string{"record 10: root: the records 10 to 10 are not in the tree that was signed", "the log: rewritten: its first 6 records are not those"}},
		{"all rewritten, under the old signature, and nothing new", func(s *server) {
			s.sql(edit)
			signed := s.proof().Checkpoint
			s.forge()
			s.sql("UPDATE audit_trees SET checkpoint = '" + signed + "' WHERE log_id = '{log}'")
		}, []string{"the log: root: the records make up the root", "the log: rewritten: its first 6 records are not those"}},
		{"all rewritten, for the server to sign anew", func(s *server) {
			s.sql(edit + "DELETE FROM audit_trees WHERE log_id = '{log}'; DELETE FROM audit_tiles WHERE log_id = '{log}'")
		}, []string{"the log: rewritten: its first 6 records are not those that the older checkpoint was signed for"}},
		{"an old backup", func(s *server) {
			s.old = s.proof().Checkpoint
			s.sql(restore)
		}, []string{"record 7: cut: the older checkpoint was signed for 9 records, the log has 6 now"}},
		{"an old backup that went on", func(s *server) {
			s.old = s.proof().Checkpoint
			s.sql(restore)
			s.rename(5)
		}, []string{"the log: rewritten: its first 9 records are not those that the older checkpoint was signed for"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, e := range enginetest.All(t) {
				t.Run(e.Name, func(t *testing.T) {
					t.Parallel()
					s := newServer(t, e)
					tt.tamper(s)
					got := findings(verify(t, s.export(), export.Options{Key: s.public, Old: s.old}))
					for i := range got {
						if open, end := strings.Index(got[i], "("), strings.Index(got[i], "): "); open > 0 && end > open {
							got[i] = got[i][:open] + "(…" + got[i][end:]
						}
					}
					if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
						t.Errorf("got %q, want %q", got, tt.want)
					}
				})
			}
		})
	}
}
