package api

import (
	"context"
	"fmt"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

type account struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Type      org.AccountType `json:"type"`
	Created   timestamp       `json:"created_on"`
	Settings  accountSettings `json:"settings"`
	ManagedBy *managedBy      `json:"managed_by,omitempty"`
}

// accountSettings leaves out an address that is unset: null breaks the official
// schema, an empty string leaves Terraform a difference. The factor has a
// default there, false, and leaves Terraform one when it is left out.
type accountSettings struct {
	AbuseContactEmail *string `json:"abuse_contact_email,omitempty"`
	EnforceTwoFactor  bool    `json:"enforce_twofactor"`
}

type managedBy struct {
	ID   id.Organization `json:"parent_org_id"`
	Name string          `json:"parent_org_name"`
}

func newAccount(a *org.Account) account {
	w := account{ID: string(a.ID), Name: a.Name, Type: a.Type, Created: timestamp(a.Created)}
	w.Settings.AbuseContactEmail = a.Settings.AbuseContactEmail
	w.Settings.EnforceTwoFactor = a.Settings.EnforceTwoFactor != nil && *a.Settings.EnforceTwoFactor
	if a.Organization != "" {
		w.ManagedBy = &managedBy{a.Organization, a.OrganizationName}
	}
	return w
}

// organizationAccount is an account as an organization lists it: all six
// settings of the document, null where unset.
type organizationAccount struct {
	ID       string                      `json:"id"`
	Name     string                      `json:"name"`
	Type     org.AccountType             `json:"type"`
	Created  timestamp                   `json:"created_on"`
	Settings organizationAccountSettings `json:"settings"`
	Tags     map[string]string           `json:"tags,omitzero"`
}

type organizationAccountSettings struct {
	AbuseContactEmail           *string `json:"abuse_contact_email"`
	AccessApprovalExpiry        *string `json:"access_approval_expiry"`
	APIAccessEnabled            *bool   `json:"api_access_enabled"`
	DefaultNameservers          *string `json:"default_nameservers"`
	EnforceTwoFactor            *bool   `json:"enforce_twofactor"`
	UseAccountCustomNSByDefault *bool   `json:"use_account_custom_ns_by_default"`
}

func newOrganizationAccount(a *org.Account) organizationAccount {
	return organizationAccount{
		ID: string(a.ID), Name: a.Name, Type: a.Type, Created: timestamp(a.Created),
		Settings: organizationAccountSettings{
			AbuseContactEmail: a.Settings.AbuseContactEmail, EnforceTwoFactor: a.Settings.EnforceTwoFactor,
		},
	}
}

type move struct {
	Account     string `json:"account_id"`
	Destination string `json:"destination_organization_id"`
	Source      string `json:"source_organization_id"`
}

func newMove(m *org.Move) move {
	return move{string(m.Account), string(m.Destination), string(m.Source)}
}

type moveStatus struct {
	Tag     string `json:"tag"`
	Moved   bool   `json:"moved"`
	Message string `json:"message"`
}

// moves answers a batch. The document has one object in statuses; a batch is
// all or nothing, so it speaks for the batch. Accounts is ours.
type moves struct {
	Statuses moveStatus   `json:"statuses"`
	Accounts []moveStatus `json:"accounts"`
}

func newMoves(list []org.Move) moves {
	w := moves{Accounts: make([]moveStatus, len(list))}
	for i, m := range list {
		text := "moved"
		if m.Source == m.Destination {
			text = "already there"
		}
		w.Accounts[i] = moveStatus{Tag: string(m.Account), Moved: true, Message: text}
		w.Statuses.Tag = string(m.Destination)
	}
	w.Statuses.Moved, w.Statuses.Message = true, fmt.Sprintf("%d accounts moved", len(list))
	return w
}

func listAccounts(ctx context.Context, q *request) (reply, error) {
	n := q.query.numbered(page.MinPerPage, page.DefaultPerPage, page.MaxPerPage)
	name := q.query.text("name")
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListAccounts(ctx, q.caller, name, n)
	return numberList(p, n), err
}

// numberList is the reply to a page/per_page list.
func numberList[T any](p page.Page[T], n page.Numbered) reply {
	return reply{Result: p.Items, Info: newNumberInfo(n, len(p.Items), p.Total)}
}

func createAccount(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewAccount{Name: body.required("name"), Type: org.AccountType(body.enum("type", string(org.Standard), string(org.Enterprise)))}
	if unit := body.object("unit"); unit != nil {
		in.Organization = id.Organization(unit.required("id"))
	}
	if s := settings(body); s != nil {
		in.Settings = *s
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	a, err := q.server.Service.CreateAccount(ctx, req, in)
	return q.changed(a), err
}

func getAccount(ctx context.Context, q *request) (reply, error) {
	a, err := q.server.Service.Account(ctx, q.caller, q.account())
	return reply{Result: a, ETag: true}, err
}

// updateAccount ignores type and unit, which Terraform sends along.
func updateAccount(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.AccountUpdate{Name: body.required("name"), Settings: settings(body)}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	a, err := q.server.Service.UpdateAccount(ctx, req, q.account(), in)
	return q.changed(a), err
}

// settings decodes the settings of an account, nil when there are none.
func settings(body *object) *org.AccountSettings {
	s := body.object("settings")
	if s == nil {
		return nil
	}
	out := &org.AccountSettings{EnforceTwoFactor: s.flag("enforce_twofactor")}
	if email, ok := s.text("abuse_contact_email"); ok {
		out.AbuseContactEmail = &email
	}
	return out
}

func deleteAccount(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	a, err := q.server.Service.DeleteAccount(ctx, req, q.account())
	return q.changed(a), err
}

func moveAccount(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	to := id.Organization(body.required("destination_organization_id"))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.MoveAccount(ctx, req, q.account(), to)
	return q.changed(m), err
}

func moveAccounts(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	var accounts []id.Account
	for _, a := range body.texts("account_ids") {
		accounts = append(accounts, id.Account(a))
	}
	to := id.Organization(body.required("destination_organization_id"))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.MoveAccounts(ctx, req, accounts, to)
	return q.changed(m), err
}

func detachAccount(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.DetachAccount(ctx, req, q.account())
	return q.changed(m), err
}

func listAccountOrganizations(ctx context.Context, q *request) (reply, error) {
	chain, err := q.server.Service.AccountOrganizations(ctx, q.caller, q.account())
	return reply{Result: chain}, err
}

func listOrganizationAccounts(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("organization accounts "+string(q.organization()), q.callerID())
	list := org.OrganizationAccountQuery{
		Organization: q.organization(),
		Name:         q.query.filter("name"),
		PublicName:   q.query.filter("account_pubname"),
		ByName:       q.query.enum("order_by", "account_name") != "",
		Desc:         q.query.enum("direction", "asc", "desc") == "desc",
		WithTotal:    q.query.flag("include_total", true),
		Request:      q.query.page(v),
	}
	numbered := q.query.text("page") != "" || q.query.text("per_page") != ""
	if numbered {
		list.Numbered = q.query.numbered(1, page.DefaultPerPage, page.MaxSize)
		list.WithTotal = true
	}
	tags := q.query.flag("include_tags", false)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListOrganizationAccounts(ctx, q.caller, list)
	if err != nil {
		return reply{}, err
	}
	items := each(p.Items, newOrganizationAccount)
	for i := range items {
		if tags {
			items[i].Tags = map[string]string{}
		}
	}
	out := page.Page[organizationAccount]{Items: items, Total: p.Total, Next: p.Next}
	if numbered {
		return numberList(out, list.Numbered), nil
	}
	return tokenList(out, v), nil
}
