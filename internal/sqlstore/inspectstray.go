package sqlstore

import (
	"context"
	"fmt"
)

// stray finds rows that name something that is not there.
type stray struct {
	kind, what string // of the row, and of what it names
	key, name  string // the identifiers of both
	from       string // the table that the row is in, or what is made of it
	to         string // the table of what it names, and how the two fit
}

// What rows name.
const (
	toUser    = `users t WHERE t.id = x.user_id`
	toAccount = `accounts t WHERE t.id = x.account_id`
	toLog     = `organizations t WHERE t.id = x.log_id`
	toBook    = `usage_price_books t WHERE t.id = x.book_id`
	toClosed  = `usage_periods t WHERE t.account_id = x.account_id AND t.start_day = x.start_day AND t.closed_at <> 0`
	toOwner   = `(SELECT id, FALSE AS is_account FROM organizations UNION ALL SELECT id, TRUE FROM accounts) t
		WHERE t.id = x.owner_id`
	ofItsKind = ` AND t.is_account = x.is_account`
	startDay  = `CAST(x.start_day AS TEXT)`
)

// strays are the references between tables that fsck follows by no other rule.
// Foreign keys are among them: a copy of a database need not have been made
// with them in force.
func strays() []stray {
	return []stray{
		{"API key", "user", "x.user_id", "x.user_id", "api_keys", toUser},
		{"token", "user", "x.id", "x.user_id", "api_tokens", toUser},
		{"member", "user", "x.id", "x.user_id", "members", toUser},
		{"member", "user", "x.id", "x.user_id", "account_members", toUser},
		{"answer", "user", "x.key", "x.user_id", "idempotency_answers", toUser},
		{"erasure", "user", "x.user_id", "x.user_id", "user_erasures", toUser},
		{"profile", "owner", "x.owner_id", "x.owner_id", "profiles", toOwner},
		{"settings", "organization", "x.log_id", "x.log_id", "audit_settings", toLog},
		{"stream", "organization", "x.id", "x.log_id", "audit_streams", toLog},
		{
			"subject", "record", "x.subject_id", "x.log_id || ' ' || CAST(x.seq AS TEXT)", "audit_subjects",
			`audit_records t WHERE t.log_id = x.log_id AND t.seq = x.seq`,
		},
		{"cosigned checkpoint", "tree", "x.log_id", "x.log_id", "audit_cosignatures", `audit_trees t WHERE t.log_id = x.log_id`},
		{"budget", "owner", "x.id", "x.owner_id", "budgets", toOwner + ofItsKind},
		{"assignment", "owner", "x.owner_id", "x.owner_id", "usage_assignments", toOwner + ofItsKind},
		{"assignment", "price book", "x.owner_id", "x.book_id", "usage_assignments", toBook},
		{"usage of account", "account", "x.account_id", "x.account_id", "(SELECT DISTINCT account_id FROM usage_days)", toAccount},
		{"anchor", "account", "x.account_id", "x.account_id", "usage_accounts", toAccount},
		{"watermark", "account", "x.account_id", "x.account_id", "usage_watermarks", toAccount},
		{"charge", "account", "x.id", "x.account_id", "usage_charges", toAccount},
		{
			"billing periods of account", "anchor", "x.account_id", "x.account_id", "(SELECT DISTINCT account_id FROM usage_periods)",
			`usage_accounts t WHERE t.account_id = x.account_id`,
		},
		{
			"billing periods of account", "catalogue", "x.account_id", "x.catalogue",
			"(SELECT DISTINCT account_id, catalogue FROM usage_periods WHERE catalogue <> '')", `usage_catalogues t WHERE t.version = x.catalogue`,
		},
		{"prices of account", "closed billing period", "x.account_id", startDay, "usage_period_books", toClosed},
		{
			"prices of account", "price book", "x.account_id", "x.book_id",
			"(SELECT DISTINCT account_id, book_id FROM usage_period_books WHERE book_id <> '')", toBook,
		},
		{
			"bill of account", "price book", "x.account_id", "x.book_id",
			"(SELECT DISTINCT account_id, book_id FROM usage_billed WHERE book_id <> '')", toBook,
		},
		{
			"restatement of account", "closed billing period", "x.account_id", startDay, "usage_restatements",
			toClosed + ` AND t.start_day <= x.day AND t.end_day > x.day`,
		},
	}
}

// InspectStrays calls f for every row that names something that is not there:
// what kind of thing the row is and its identifier, and those of what it names.
func (r *reader) InspectStrays(ctx context.Context, f func(kind, key, what, name string) error) error {
	for _, s := range strays() {
		sql := `SELECT ` + s.key + ` AS key, ` + s.name + ` AS name FROM ` + s.from + ` x WHERE NOT EXISTS (SELECT 1 FROM ` + s.to + `) ORDER BY key, name`
		err := r.query(ctx, sql, nil, func(row row) error {
			var key, name string
			if err := row.Scan(&key, &name); err != nil {
				return err
			}
			return f(s.kind, key, s.what, name)
		})
		if err != nil {
			return fmt.Errorf("look for the %s of each %s: %w", s.what, s.kind, err)
		}
	}
	return nil
}
