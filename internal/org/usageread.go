package org

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
)

// UsageQuery asks for the usage of some days, of some metrics or all (nil).
type UsageQuery struct {
	From, End usage.Day // End is the first day that is not asked for
	Metrics   []usage.MetricID
	Families  []string // ids of product families, nil for all
}

// UsageRow is a row of usage: what one tier had of an account's use of a
// metric on a day in a place. Book and Price are nil on a day without a price.
//
// A row of a closed billing period is what was billed then, and stays as it
// is. Later usage of such a day is in corrections: rows whose Period is a later
// one than that of their day.
type UsageRow struct {
	Account    *Account
	Metric     *usage.Metric
	Book       *usage.PriceBook
	Price      *usage.Price
	Period     usage.Period // that the row is billed in
	Charge     usage.Charge
	Correction bool
	Billed     bool        // Period is closed
	Root       usage.Named // of the tree that a billed row was billed to, if any
}

// Usage is an answer under way: everything that can be refused has been
// checked. Each calls a function for every row, in order of day, account,
// metric, zone, region and tier, corrections after what they correct; the row
// is good until the next call.
type Usage struct {
	Root usage.Named // of the tree, of an organization's usage
	Each func(ctx context.Context, each func(*UsageRow) error) error
}

// OrganizationUsage returns the usage of all accounts in an organization and
// below it that the caller may see.
//
// Rule: usage follows its account: an organization shows the accounts that it
// has now, with all that they used before they came, and those that were
// deleted there (ADR 17).
func (s *Service) OrganizationUsage(ctx context.Context, caller *auth.Caller, o id.Organization, q UsageQuery) (Usage, error) {
	root, scope, err := s.billedTree(ctx, caller, o)
	if err != nil {
		return Usage{}, err
	}
	return Usage{Root: root, Each: func(ctx context.Context, each func(*UsageRow) error) error {
		return s.Store.View(ctx, func(r Reader) error {
			accounts, err := billedAccounts(ctx, r, scope)
			if err != nil {
				return err
			}
			return eachUsage(ctx, r, accounts, q, each)
		})
	}}, nil
}

// billedTree returns the root of the tree that an organization is in, whose
// bills the caller may read, and the scope of the accounts that are on them.
func (s *Service) billedTree(ctx context.Context, caller *auth.Caller, o id.Organization) (usage.Named, auth.Scope, error) {
	root, scope, err := s.billed(ctx, caller, o)
	if err == nil && root.Path[0] != o {
		root, err = s.Store.Organization(ctx, root.Path[0])
	}
	return usage.Named{ID: string(root.ID), Name: root.Name}, scope, err
}

// billed returns an organization whose bills the caller may read, and the
// scope of the accounts that are on them.
func (s *Service) billed(ctx context.Context, caller *auth.Caller, o id.Organization) (Organization, auth.Scope, error) {
	org, err := visibleOrganization(ctx, s.Store, caller, o, "", "organization")
	if err != nil {
		return org, auth.Scope{}, err
	}
	denied := caller.Scope(auth.BillingRead)
	scope := auth.Scope{Roots: []id.Organization{o}, DeniedOrganizations: denied.DeniedOrganizations, DeniedAccounts: denied.DeniedAccounts}
	return org, scope, require(caller, auth.BillingRead, auth.OrganizationTarget(org.Path))
}

// AccountUsage returns the usage of one account.
func (s *Service) AccountUsage(ctx context.Context, caller *auth.Caller, a id.Account, q UsageQuery) (Usage, error) {
	acc, err := readAccount(ctx, s.Store, caller, a, auth.BillingRead)
	if err != nil {
		return Usage{}, err
	}
	return Usage{Each: func(ctx context.Context, each func(*UsageRow) error) error {
		return s.Store.View(ctx, func(r Reader) error { return eachUsage(ctx, r, []Account{acc}, q, each) })
	}}, nil
}

// accountsPerPage is how many accounts are read at once.
const accountsPerPage = 1000

// allAccounts returns the accounts in scope in order of creation.
func allAccounts(ctx context.Context, r AccountReader, scope auth.Scope) ([]Account, error) {
	var all []Account
	for n := 1; ; n++ {
		p, err := r.ListAccounts(ctx, AccountQuery{Scope: scope, Numbered: page.Numbered{Page: n, PerPage: accountsPerPage}})
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if len(p.Items) < accountsPerPage {
			break
		}
	}
	return all, nil
}

// accountIDs returns the identifiers of accounts.
func accountIDs(accounts []Account) []id.Account {
	ids := make([]id.Account, len(accounts))
	for i := range accounts {
		ids[i] = accounts[i].ID
	}
	return ids
}

// billedAccounts returns the accounts that bills of a scope are about, in order
// of their identifiers: those that are there and those that were deleted there.
//
// Rule: the deletion of an account, and of organizations above it, takes nothing
// off a bill (ADR 17).
func billedAccounts(ctx context.Context, r Reader, scope auth.Scope) ([]Account, error) {
	all, err := allAccounts(ctx, r, scope)
	if err != nil {
		return nil, err
	}
	paths := map[id.Organization][]id.Organization{}
	for _, root := range scope.Roots {
		below, err := r.SubtreePaths(ctx, root, time.Time{})
		if err != nil {
			return nil, err
		}
		for _, path := range below {
			denied := func(o id.Organization) bool { return slices.Contains(scope.DeniedOrganizations, o) }
			if !slices.ContainsFunc(path, denied) {
				paths[path[len(path)-1]] = path
			}
		}
	}
	return withDeleted(ctx, r, all, paths, scope.DeniedAccounts)
}

// withDeleted adds to accounts those that were deleted directly in
// organizations, which are given with their paths, and puts all in order of
// their identifiers.
func withDeleted(ctx context.Context, r AccountReader, all []Account, paths map[id.Organization][]id.Organization, denied []id.Account) ([]Account, error) {
	deleted, err := r.DeletedAccounts(ctx, slices.Sorted(maps.Keys(paths)))
	if err != nil {
		return nil, err
	}
	for i := range deleted {
		if slices.Contains(denied, deleted[i].ID) {
			continue
		}
		deleted[i].Path = paths[deleted[i].Organization]
		all = append(all, deleted[i])
	}
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return all, nil
}
