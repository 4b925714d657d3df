package sqlstore_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestSmoke(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			s := e.Open(t)
			ctx := t.Context()
			at := time.UnixMicro(1_700_000_000_000_001).UTC()
			if err := s.Ready(ctx); err != nil {
				t.Fatal(err)
			}
			o := func(n string) id.Organization { return id.Organization("0000000000000000000000000000000" + n) }
			p := &org.Profile{BusinessName: "x"}
			root := org.Organization{ID: o("1"), Name: "Root", Path: []id.Organization{o("1")}, Created: at, Updated: at, Profile: p}
			child := org.Organization{ID: o("2"), Name: "Child", Parent: o("1"), ParentName: "Root", Path: []id.Organization{o("1"), o("2")}, Created: at, Updated: at}
			acc := org.Account{ID: "a1", Name: "Acc", Type: org.Standard, Organization: o("2"), OrganizationName: "Child", Path: child.Path, Created: at, Updated: at}
			u := org.User{ID: "u1", Email: "A@b", Status: org.UserActive, Created: at, Updated: at}
			tok := org.Token{ID: "t1", User: "u1", Name: "t", Status: org.TokenActive, Issued: at, Modified: at, Policies: []org.TokenPolicy{{ID: "p"}}}
			err := s.Update(ctx, func(tx org.Tx) error {
				for _, f := range []func(context.Context) error{
					func(ctx context.Context) error { return tx.LockTree(ctx, false) },
					func(ctx context.Context) error { return tx.Lock(ctx, "x", "y") },
					func(ctx context.Context) error { return tx.InsertUser(ctx, u) },
					func(ctx context.Context) error { return tx.InsertOrganization(ctx, root) },
					func(ctx context.Context) error { return tx.PutProfile(ctx, org.Owner{Organization: root.ID}, *p, true, at) },
					func(ctx context.Context) error { return tx.InsertOrganization(ctx, child) },
					func(ctx context.Context) error { return tx.InsertAccount(ctx, acc) },
					func(ctx context.Context) error { return tx.InsertToken(ctx, tok, "hash") },
					func(ctx context.Context) error {
						return tx.InsertMember(ctx, org.Member{ID: "m1", Organization: root.ID, User: org.UserSummary{ID: "u1"}, Role: auth.SuperAdministrator, Status: org.Active, Created: at, Updated: at})
					},
				} {
					if err := f(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Organization(ctx, root.ID)
			if diff := cmp.Diff(root, got); diff != "" || err != nil {
				t.Fatal(err, diff)
			}
			pr, err := s.Principal(ctx, org.CredentialRef{TokenHash: "hash"})
			if err != nil || len(pr.Grants) != 1 || pr.Token == nil {
				t.Fatal(err, pr)
			}
			list, err := s.ListOrganizations(ctx, org.OrganizationQuery{Scope: auth.Scope{Roots: []id.Organization{root.ID}}, Request: page.Request{Size: 1}})
			if err != nil || list.Total != 2 || len(list.Items) != 1 || list.Next == nil {
				t.Fatal(err, list)
			}
			accs, err := s.ListAccounts(ctx, org.AccountQuery{Scope: auth.Scope{Roots: []id.Organization{child.ID}}, Numbered: page.Numbered{Page: 1, PerPage: 5}})
			if err != nil || accs.Total != 1 || len(accs.Items) != 1 {
				t.Fatal(err, accs)
			}
			if diff := cmp.Diff(acc, accs.Items[0]); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}
