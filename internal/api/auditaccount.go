package api

import (
	"context"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/org"
)

// accountAuditFilters are the families of filters of an account's records:
// some words differ, and there are zones, of which there are none here.
func accountAuditFilters() []auditFilter {
	families := auditFilters()
	for i := range families {
		switch f := &families[i]; f.field {
		case audit.FieldActorType:
			f.words = slices.Concat([]string{"account"}, f.words)
		case audit.FieldResourceScope:
			f.words = []string{"accounts", "user", "zones", "memberships"}
		}
	}
	return append(families,
		auditFilter{"audit_log_id", audit.FieldID, auditIDs, nil},
		auditFilter{"zone_id", audit.FieldZone, auditList, nil},
		auditFilter{"zone_name", audit.FieldZone, auditText, nil})
}

// accountAudit returns the query for an account's records.
func (q *query) accountAudit(list audit.Query) org.AccountAuditQuery {
	products := q.auditCategories()
	list.Filters = q.auditFilters(accountAuditFilters())
	for i := range list.Filters {
		f := &list.Filters[i]
		switch {
		case f.Field == audit.FieldResourceScope && slices.Contains(f.Values, string(audit.ScopeAccounts)):
			f.Values = append(f.Values, string(audit.ScopeOrganizations))
		case f.Field == audit.FieldResourceProduct && !f.Not && len(products) > 0:
			f.Values, products = append(f.Values, products...), nil
		}
	}
	if len(products) > 0 {
		list.Filters = append(list.Filters, audit.Filter{Field: audit.FieldResourceProduct, Values: products})
	}
	return org.AccountAuditQuery{Query: list, Names: q.texts("account_name"), NotNames: q.texts("account_name.not")}
}

// auditCategories returns the products of the categories that the request
// names.
func (q *query) auditCategories() []string {
	var products []string
	categories := audit.Categories()
	for _, name := range q.split("product_category") {
		i := slices.IndexFunc(categories, func(c audit.Category) bool { return strings.EqualFold(c.Value, name) })
		if i < 0 {
			names := make([]string, len(categories))
			for j, c := range categories {
				names[j] = c.Value
			}
			q.refuse("product_category", "must be one of %s", strings.Join(names, ", "))
			return nil
		}
		for _, p := range categories[i].Products {
			products = append(products, p.Value)
		}
	}
	return products
}

// newAccountEntries returns records as those of an account. What is recorded
// in the log of its organization has the scope of that; here it is the
// account's.
func newAccountEntries(a *org.Account, records []audit.Record) ([]auditEntry, error) {
	list := make([]auditEntry, len(records))
	for i := range records {
		e, err := newAuditEntry(&records[i])
		if err != nil {
			return nil, err
		}
		e.Account = &auditAccount{a.ID, a.Name}
		if e.Resource.Scope.Name == audit.ScopeOrganizations {
			e.Resource.Scope.Name = audit.ScopeAccounts
		}
		list[i] = e
	}
	return list, nil
}

func listAccountAudit(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("account audit log "+string(q.account()), q.callerID())
	list := q.query.accountAudit(q.query.auditWindow(v))
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, a, err := q.server.Service.AccountAuditLog(ctx, req, q.account(), list)
	if err != nil {
		return reply{}, err
	}
	entries, err := newAccountEntries(&a, p.Records)
	return auditReply(entries, &p, v), err
}

func getAccountAuditHistory(ctx context.Context, q *request) (reply, error) {
	source := audit.RecordID(q.PathValue("id"))
	v := q.query.view("account audit history "+string(q.account())+" "+string(source), q.callerID())
	list := q.query.auditWindow(v)
	q.query.moment("action_time")
	req, err := q.reading()
	if err != nil {
		return reply{}, err
	}
	p, a, status, err := q.server.Service.AccountAuditHistory(ctx, req, q.account(), source, list)
	if err != nil {
		return historyRefusal(status, err)
	}
	entries, err := newAccountEntries(&a, p.Records)
	return historyReply(entries, &p, v, status), err
}

type auditCategory struct {
	Label    string         `json:"label"`
	Value    string         `json:"value"`
	Products []auditProduct `json:"products"`
}

type auditProduct struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

func listAuditCategories(ctx context.Context, q *request) (reply, error) {
	categories, err := q.server.Service.AuditCategories(ctx, q.caller, q.account())
	if err != nil {
		return reply{}, err
	}
	list := make([]auditCategory, len(categories))
	for i, c := range categories {
		list[i] = auditCategory{Label: c.Label, Value: c.Value}
		for _, p := range c.Products {
			list[i].Products = append(list[i].Products, auditProduct{p.Label, p.Value})
		}
	}
	return reply{Result: list}, nil
}
