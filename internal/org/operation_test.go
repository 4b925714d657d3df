package org_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// operation is a change of the organization Left or the account Inner in it,
// with what it takes and what it leaves behind. They can be done one after
// the other.
type operation struct {
	name       string
	permission string
	absent     refusal // the answer to those who do not see the object
	trail      string  // its record, without the result
	account    bool    // it is about Inner, which lies in Leaf
	do         func(org.Request) error
	// Refused, if not nil, is done where do would be refused, with another record.
	refused      func(org.Request) error
	refusedTrail string
}

// failure describes the record of the operation when it is forbidden.
func (op *operation) failure() string {
	if op.refused != nil {
		return op.refusedTrail + " failure 403"
	}
	return op.trail + " failure 403"
}

// refuse does the operation in the name of somebody who may not.
func (op *operation) refuse(p *person) error {
	if op.refused != nil {
		return op.refused(p.request())
	}
	return op.do(p.request())
}

// operations returns every operation but those about two places and those
// about the caller's own, which have tests of their own.
func (w *world) operations(x *tree) []operation {
	w.t.Helper()
	ctx := w.t.Context()
	bare := w.child("Bare", x.owner, x.left.ID)
	extra := w.account("Extra", x.owner, x.leaf.ID)
	second := w.join(x.left.ID, x.owner, w.person("second"), auth.ReadOnly)
	third := w.join(x.left.ID, x.owner, w.person("third"), auth.ReadOnly)
	w.person("fourth")
	w.person("fifth")
	must[org.AccountMember](w.t)(w.CreateAccountMember(ctx, x.owner.request(), extra.ID, x.guest.user.Email, auth.AccountReadOnly))
	fifth := must[org.AccountMember](w.t)(w.CreateAccountMember(ctx, x.owner.request(), x.inner.ID, "fifth@example.com", auth.AccountReadOnly))
	organization, account := notFound("organization"), notFound("account")
	stream := org.NewStream{Name: "Stream", Target: org.StreamTarget{Type: org.StreamSyslog, Syslog: org.SyslogTarget{Address: "logs.example.com"}}}
	kept := must[org.ShownStream](w.t)(w.CreateStream(ctx, x.owner.request(), x.left.ID, stream))
	gone := must[org.ShownStream](w.t)(w.CreateStream(ctx, x.owner.request(), x.left.ID, stream))
	terms := org.BudgetTerms{Scope: org.BudgetSubtree, Kind: usage.CumulativeBudget, Amount: decimal.NewFromInt(1), Currency: "USD"}
	left := org.Owner{Organization: x.left.ID}
	budget := must[org.ShownBudget](w.t)(w.CreateBudget(ctx, x.owner.request(), left, org.NewBudget{Name: "Budget", BudgetTerms: terms}))
	ended := must[org.ShownBudget](w.t)(w.CreateBudget(ctx, x.owner.request(), left, org.NewBudget{Name: "Budget", BudgetTerms: terms}))
	return []operation{
		{
			"make a budget", "billing.write", organization, "Left: Create Budget", false,
			func(r org.Request) error {
				_, err := w.CreateBudget(ctx, r, left, org.NewBudget{Name: "Budget", BudgetTerms: terms})
				return err
			}, nil, "",
		},
		{
			"change a budget", "billing.write", organization, "Left: Update Budget", false,
			func(r org.Request) error {
				_, err := w.UpdateBudget(ctx, r, left, budget.ID, org.BudgetChange{Thresholds: []int{50}})
				return err
			}, nil, "",
		},
		{
			"delete a budget", "billing.write", organization, "Left: Delete Budget", false,
			func(r org.Request) error {
				_, err := w.DeleteBudget(ctx, r, left, ended.ID)
				return err
			}, nil, "",
		},
		{
			"make a stream", "audit.manage", organization, "Left: Create Stream", false,
			func(r org.Request) error {
				_, err := w.CreateStream(ctx, r, x.left.ID, stream)
				return err
			}, nil, "",
		},
		{
			"change a stream", "audit.manage", organization, "Left: Update Stream", false,
			func(r org.Request) error {
				_, err := w.UpdateStream(ctx, r, x.left.ID, kept.ID, org.StreamChange{Paused: new(true)})
				return err
			}, nil, "",
		},
		{
			"replay a stream", "audit.manage", organization, "Left: Replay Stream", false,
			func(r org.Request) error {
				_, err := w.ReplayStream(ctx, r, x.left.ID, kept.ID, 1)
				return err
			}, nil, "",
		},
		{
			"delete a stream", "audit.manage", organization, "Left: Delete Stream", false,
			func(r org.Request) error {
				_, err := w.DeleteStream(ctx, r, x.left.ID, gone.ID)
				return err
			}, nil, "",
		},
		{
			"create an organization", "organization.create",
			refusal{fault.NotFound, "/parent/id", "parent organization not found"},
			"Left: Create Organization", false,
			func(r org.Request) error {
				_, err := w.CreateOrganization(ctx, r, org.NewOrganization{Name: "New", Parent: x.left.ID})
				return err
			}, nil, "",
		},
		{
			"update an organization", "organization.update", organization, "Left: Update Organization", false,
			func(r org.Request) error {
				_, err := w.UpdateOrganization(ctx, r, x.left.ID, org.OrganizationUpdate{Name: "Renamed", SetProfile: true, Profile: &org.Profile{BusinessName: "b"}})
				return err
			}, nil, "",
		},
		{
			"set the profile of an organization", "profile.update", organization, "Left: Update Profile", false,
			func(r org.Request) error {
				_, err := w.PutOrganizationProfile(ctx, r, x.left.ID, org.Profile{BusinessName: "x"})
				return err
			}, nil, "",
		},
		{
			"invite", "member.write", organization, "Left: Invite Member", false,
			func(r org.Request) error {
				_, err := w.CreateMember(ctx, r, x.left.ID, org.NewMember{Email: "invited@example.com"})
				return err
			}, nil, "",
		},
		{
			"invite several", "member.write", organization, "Left: Invite Member", false,
			func(r org.Request) error {
				_, err := w.CreateMembers(ctx, r, x.left.ID, []org.NewMember{{Email: "several@example.com"}})
				return err
			}, nil, "",
		},
		{
			"add a member", "member.write", organization, "Left: Add Member", false,
			func(r org.Request) error {
				_, err := w.CreateMember(ctx, r, x.left.ID, org.NewMember{Email: "fourth@example.com", Status: org.Active})
				return err
			}, nil, "",
		},
		{
			"change a role", "member.write", organization, "Left: Change Role", false,
			func(r org.Request) error {
				_, err := w.SetMemberRole(ctx, r, x.left.ID, second.ID, auth.Billing)
				return err
			}, nil, "",
		},
		{
			"remove a member", "member.write", organization, "Left: Remove Member", false,
			func(r org.Request) error {
				_, err := w.DeleteMember(ctx, r, x.left.ID, third.ID)
				return err
			}, nil, "",
		},
		{
			"create an account", "account.create",
			refusal{fault.NotFound, "/unit/id", "organization not found"},
			"Left: Create Account", false,
			func(r org.Request) error {
				_, err := w.CreateAccount(ctx, r, org.NewAccount{Name: "New", Organization: x.left.ID})
				return err
			}, nil, "",
		},
		{
			"delete an organization", "organization.delete", organization, "Left: Delete Organization", false,
			func(r org.Request) error {
				_, err := w.DeleteOrganization(ctx, r, bare.ID)
				return err
			}, func(r org.Request) error { // nobody sees Bare that may not delete it
				_, err := w.DeleteOrganization(ctx, r, x.left.ID)
				return err
			}, "Root: Delete Organization",
		},
		{
			"update an account", "account.update", account, "Leaf: Update Account", true,
			func(r org.Request) error {
				_, err := w.UpdateAccount(ctx, r, x.inner.ID, org.AccountUpdate{Name: "Renamed"})
				return err
			}, nil, "",
		},
		{
			"set the profile of an account", "profile.update", account, "Leaf: Update Profile", true,
			func(r org.Request) error {
				_, err := w.PutAccountProfile(ctx, r, x.inner.ID, org.Profile{BusinessName: "x"})
				return err
			}, nil, "",
		},
		{
			"add a member to an account", "member.write", account, "Leaf: Add Member", true,
			func(r org.Request) error {
				_, err := w.CreateAccountMember(ctx, r, x.inner.ID, "fourth@example.com", auth.AccountReadOnly)
				return err
			}, nil, "",
		},
		{
			"remove a member of an account", "member.write", account, "Leaf: Remove Member", true,
			func(r org.Request) error {
				_, err := w.DeleteAccountMember(ctx, r, x.inner.ID, fifth.ID)
				return err
			}, nil, "",
		},
		{
			"delete an account", "account.delete", account, "Leaf: Delete Account", true,
			func(r org.Request) error {
				_, err := w.DeleteAccount(ctx, r, extra.ID)
				return err
			}, nil, "",
		},
	}
}

// dump describes all that is stored.
func (w *world) dump() []string {
	w.t.Helper()
	var lines []string
	ctx := w.t.Context()
	err := w.store.View(ctx, func(r org.Reader) error {
		lines = nil
		in := r.(fsck.Inspector)
		add := func(v any) error { lines = append(lines, fmt.Sprintf("%+v", v)); return nil }
		return errors.Join(
			in.InspectOrganizations(ctx, func(o org.Organization, _ int) error { return add(o) }),
			in.InspectAccounts(ctx, func(a org.Account, _ id.Organization) error { return add(a) }),
			in.InspectMembers(ctx, func(m org.Member) error { return add(m) }),
			in.InspectAccountMembers(ctx, func(m org.AccountMember) error { return add(m) }),
			in.InspectUsers(ctx, func(u org.User) error { return add(u) }),
			in.InspectTokens(ctx, func(t org.Token) error { return add(t) }),
			in.InspectHeads(ctx, func(l id.Log, first, seq int64, last time.Time) error { return add(fmt.Sprint(l, first, seq, last)) }),
		)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}
