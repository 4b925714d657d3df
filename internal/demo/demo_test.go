package demo_test

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/demo"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// TestSeed holds the demo against what it promises, on every engine.
func TestSeed(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			store := e.Open(t)
			enc := api.Encoder{Limits: org.DefaultLimits, EchoProfile: true}
			svc := org.New(org.Config{
				Store: store, Now: time.Now, Random: rand.Reader, Limits: org.DefaultLimits, Encode: enc.Encode, StatusOf: api.StatusOf,
			})
			c, err := demo.Seed(t.Context(), svc)
			if err != nil {
				t.Fatal(err)
			}
			violations, err := fsck.Check(t.Context(), store, fsck.Options{Depth: 2, Accounts: 40})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations {
				t.Errorf("fsck: %s", v)
			}
			checkContents(t, store, c)
			if _, err := demo.Seed(t.Context(), svc); err == nil {
				t.Error("a second seed works, want a refusal")
			}
		})
	}
}

func checkContents(t *testing.T, store org.Store, c demo.Credentials) {
	t.Helper()
	o, a, height, err := store.Subtree(t.Context(), c.Organization)
	if err != nil {
		t.Fatal(err)
	}
	if o != 11 || a != 40 || height != 2 {
		t.Errorf("below the root are %d organizations on %d levels with %d accounts, want 11, 2 and 40", o, height, a)
	}
	account, err := store.Account(t.Context(), c.Account)
	if err != nil {
		t.Fatal(err)
	}
	if account.Root() != c.Organization {
		t.Errorf("the account lies in the tree of %q, want %q", account.Root(), c.Organization)
	}
	found := inspect(t, store)
	want := inventory{
		roots: 2, loose: 1, roles: slices.Sorted(slices.Values(auth.OrganizationRoles())), accountRoles: slices.Sorted(slices.Values(auth.AccountRoles())),
		statuses: []org.MemberStatus{org.Active, org.Canceled, org.Pending, org.Rejected},
	}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(inventory{})); diff != "" {
		t.Errorf("the demo (-want +got):\n%s", diff)
	}
}

// inventory is what the demo has of each kind.
type inventory struct {
	roots, loose        int
	roles, accountRoles []auth.Role
	statuses            []org.MemberStatus
}

func inspect(t *testing.T, store org.Store) inventory {
	t.Helper()
	var i inventory
	err := store.View(t.Context(), func(r org.Reader) error {
		i = inventory{}
		return i.read(t.Context(), r.(fsck.Inspector))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(i.roles)
	slices.Sort(i.accountRoles)
	slices.Sort(i.statuses)
	i.roles, i.accountRoles, i.statuses = slices.Compact(i.roles), slices.Compact(i.accountRoles), slices.Compact(i.statuses)
	return i
}

func (i *inventory) read(ctx context.Context, in fsck.Inspector) error {
	for _, read := range []func() error{
		func() error {
			return in.InspectOrganizations(ctx, func(o org.Organization, _ int) error {
				if o.Parent == "" {
					i.roots++
				}
				return nil
			})
		},
		func() error {
			return in.InspectMembers(ctx, func(m org.Member) error {
				i.roles = append(i.roles, m.Role)
				i.statuses = append(i.statuses, m.Status)
				return nil
			})
		},
		func() error {
			return in.InspectAccountMembers(ctx, func(m org.AccountMember) error {
				i.accountRoles = append(i.accountRoles, m.Role)
				return nil
			})
		},
		func() error {
			return in.InspectAccounts(ctx, func(a org.Account, _ id.Organization) error {
				if a.Organization == "" {
					i.loose++
				}
				return nil
			})
		},
	} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}
