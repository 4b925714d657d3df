package fsck_test

import (
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// injury is a change of one table behind the back of the services, and what is
// to be found then, besides others that follow from the same change.
type injury struct {
	table, name string
	sql         string
	rule        fsck.Rule
	detail      string // part of what is found
}

// injuries are done to a ledger, one after the other: each is undone.
var injuries = []injury{
	{"audit_journal", "that begins too late", "DELETE FROM audit_journal WHERE tick = (SELECT MIN(tick) FROM audit_journal WHERE log_id = '{root}')", fsck.Journal, "the journal begins with record"},
	{"audit_journal", "with a gap", "UPDATE audit_journal SET first_seq = first_seq + 1 WHERE tick = (SELECT MAX(tick) FROM audit_journal WHERE log_id = '{root}')", fsck.Journal, "goes on with record"},
	{"audit_journal", "against the order of the log", "UPDATE audit_journal SET tick = -tick WHERE log_id = '{root}'", fsck.Journal, "at tick -"},
	{"audit_journal", "of records that are not there", "UPDATE audit_journal SET last_seq = last_seq + 100 WHERE tick = (SELECT MAX(tick) FROM audit_journal)", fsck.Journal, "its head is"},
	{"audit_journal", "of no record", "UPDATE audit_journal SET first_seq = 0 WHERE tick = (SELECT MIN(tick) FROM audit_journal)", fsck.Journal, "records 0 to"},
	{"audit_journal", "of no log", "INSERT INTO audit_journal (tick, log_id, first_seq, last_seq) VALUES (1, 'nothing', 1, 1)", fsck.Journal, "at tick 1, but it has no head"},

	{"audit_subjects", "without somebody", "DELETE FROM audit_subjects WHERE subject_id = '{user}'", fsck.Subject, "is not kept as about {user}"},
	{"audit_subjects", "of a record that is not there", "INSERT INTO audit_subjects (subject_id, log_id, seq) VALUES ('x', '{root}', 9999)", fsck.Reference, "record {root} 9999"},
	{"audit_subjects", "of no log", "INSERT INTO audit_subjects (subject_id, log_id, seq) VALUES ('x', 'nothing', 1)", fsck.Reference, "record nothing 1"},
	{"audit_records", "with somebody else's data", "UPDATE audit_records SET personal = replace(personal, '{user}', '{admin}') WHERE resource_id = '{user}'", fsck.Subject, "is not kept as about {admin}"},

	{"audit_streams", "that is ahead of its log", "UPDATE audit_streams SET delivered_seq = 1000, batch_seq = 1000", fsck.Stream, "up to record 1000 of"},
	{"audit_streams", "that begins before its log", "UPDATE audit_streams SET delivered_seq = -1", fsck.Stream, "up to record -1 of"},
	{"audit_streams", "whose batch lies behind", "UPDATE audit_streams SET batch_seq = delivered_seq - 1", fsck.Stream, "its batch ends"},
	{"audit_streams", "whose batch is not there yet", "UPDATE audit_streams SET batch_seq = 1000", fsck.Stream, "its batch ends with record 1000"},
	{"audit_streams", "that counts backwards", "UPDATE audit_streams SET failures = -1", fsck.Stream, "-1 failures"},
	{"audit_streams", "without a version", "UPDATE audit_streams SET version = 0", fsck.Stream, "version 0"},
	{"audit_streams", "of no log", "UPDATE audit_streams SET log_id = 'nothing'", fsck.Reference, "organization nothing"},
	{"audit_streams", "that nobody made", "UPDATE audit_streams SET id = 'x'", fsck.NoRecord, "no record of its creation"},
	{"audit_streams", "that is gone", "DELETE FROM audit_streams", fsck.NoChange, `audit_stream "{stream}", which is absent`},
	{"audit_streams", "that nobody changed", "UPDATE audit_streams SET updated_at = updated_at + 86400000000", fsck.NoRecord, "no record of its change"},
	{"audit_streams", "that nobody holds", "UPDATE audit_streams SET lease_holder = ''", fsck.Lease, "nobody holds it"},
	{"audit_streams", "that is held for ever", "UPDATE audit_streams SET lease_end = 9000000000000000", fsck.Lease, "too long"},
	{"audit_streams", "that is paused and held", "UPDATE audit_streams SET paused = TRUE", fsck.Lease, `"deliverer" holds it`},
	{"budgets", "that nobody holds", "UPDATE budgets SET lease_end = 5", fsck.Lease, "nobody holds it"},
	{"budgets", "of nobody", "UPDATE budgets SET owner_id = '{shop}'", fsck.Reference, "owner {shop}"},
	{"budgets", "that nobody made", "UPDATE budgets SET id = 'x'", fsck.NoRecord, "no record of its creation"},
	{"budgets", "that is gone", "DELETE FROM budgets", fsck.NoChange, `budget "{budget}", which is absent`},

	{"audit_settings", "that cannot be", "UPDATE audit_settings SET retention_months = 0", fsck.Retention, "kept for 0 months"},
	{"audit_settings", "that nobody put", "UPDATE audit_settings SET updated_at = updated_at + 86400000000", fsck.NoRecord, "no record of its change"},
	{"audit_settings", "of no log", "UPDATE audit_settings SET log_id = 'nothing' WHERE log_id = '{root}'", fsck.Reference, "organization nothing"},
	{"profiles", "that nobody put", "UPDATE profiles SET updated_at = updated_at + 86400000000", fsck.NoRecord, "no record of its change"},
	{"profiles", "of nobody", "UPDATE profiles SET owner_id = 'nothing' WHERE owner_id = '{root}'", fsck.Reference, "owner nothing"},
	{"user_erasures", "that has kept the address", "UPDATE user_erasures SET email = 'x@example.com'", fsck.Erasure, "its address is still there"},
	{"user_erasures", "that was never completed", "UPDATE user_erasures SET completed_at = 0", fsck.Erasure, "its erasure is complete, and was completed at 0001"},
	{"user_erasures", "that nobody goes on with", "UPDATE user_erasures SET state = 'x'", fsck.Erasure, `state "x"`},
	{"user_erasures", "of less than nothing", "UPDATE user_erasures SET records = -1", fsck.Erasure, "after -1 of them"},
	{"user_erasures", "of nobody", "UPDATE user_erasures SET user_id = 'nothing'", fsck.Reference, "user nothing"},
	{"api_keys", "of nobody", "UPDATE api_keys SET user_id = 'nothing' WHERE user_id = '{admin}'", fsck.Reference, "user nothing"},
	{"api_tokens", "of nobody", "UPDATE api_tokens SET user_id = 'nothing'", fsck.Reference, "user nothing"},
	{"members", "who is nobody", "UPDATE members SET user_id = 'nothing'", fsck.Reference, "user nothing"},
	{"idempotency_answers", "for nobody", "UPDATE idempotency_answers SET user_id = 'nothing'", fsck.Reference, "user nothing"},

	{"usage_charges", "of another amount", "UPDATE usage_charges SET amount = '7' WHERE id = '{once}'", fsck.Charge, "it is Adjustment of 7 USD"},
	{"usage_charges", "in another currency", "UPDATE usage_charges SET currency = 'EUR' WHERE id = '{once}'", fsck.Charge, "-1.5 EUR"},
	{"usage_charges", "of no category", "UPDATE usage_charges SET category = 'x' WHERE id = '{once}'", fsck.Charge, `"x" is none of the categories`},
	{"usage_charges", "that ends later", "UPDATE usage_charges SET end_day = 2147483647 WHERE id = '{ended}'", fsck.Charge, "recurring, for 2026-05-01 and on, its record has"},
	{"usage_charges", "of another account", "UPDATE usage_charges SET account_id = '{other}' WHERE id = '{once}'", fsck.Charge, "of account {other}"},
	{"usage_charges", "of no account", "UPDATE usage_charges SET account_id = 'nothing' WHERE id = '{once}'", fsck.Reference, "account nothing"},
	{"usage_charges", "in no billing period", "UPDATE usage_charges SET start_day = start_day + 7000, end_day = end_day + 7000 WHERE id = '{once}'", fsck.Period, "no billing period that"},
	{"usage_charges", "in a closed billing period", "UPDATE usage_charges SET start_day = start_day - 30, end_day = end_day - 30 WHERE id = '{late}'", fsck.Charge, "added to the billing period 2026-06-01/2026-07-01 after"},
	{"usage_charges", "that nobody made", "UPDATE usage_charges SET id = 'x' WHERE id = '{once}'", fsck.NoRecord, "no record of its creation"},
	{"usage_charges", "that is gone", "DELETE FROM usage_charges WHERE id = '{once}'", fsck.NoChange, `charge "{once}", which is absent`},
	{"audit_records", "of taking away what was charged", `UPDATE audit_records SET before_change = replace(before_change, '"2026-07-06"', '"2026-06-06"') WHERE resource_id = '{gone}'`, fsck.Charge, "taken away from the billing period 2026-06-01/2026-07-01"},
	{"audit_records", "of no closing", "DELETE FROM audit_records WHERE resource_type = 'billing_period'", fsck.NoRecord, "no record of closing the billing period 2026-05-01/2026-06-01"},
	{"usage_periods", "that is open again", "UPDATE usage_periods SET closed_at = 0 WHERE start_day = (SELECT MIN(start_day) FROM usage_periods)", fsck.Charge, "a later one that it is charged in is"},
	{"usage_periods", "that was not closed", "UPDATE usage_periods SET closed_at = 0 WHERE start_day = (SELECT MIN(start_day) FROM usage_periods)", fsck.NoChange, "from 2026-05-01, which is not closed"},
	{"usage_periods", "with no catalogue", "UPDATE usage_periods SET catalogue = 'nothing' WHERE closed_at <> 0", fsck.Reference, "catalogue nothing"},
	{"usage_accounts", "that are gone", "DELETE FROM usage_accounts", fsck.Reference, "anchor {shop}"},
	{"usage_accounts", "of no account", "UPDATE usage_accounts SET account_id = 'nothing'", fsck.Reference, "account nothing"},
	{"usage_period_books", "that are gone", "DELETE FROM usage_period_books", fsck.Bill, "was closed by no prices"},
	{"usage_period_books", "that hold too late", "UPDATE usage_period_books SET from_day = from_day + 1", fsck.Bill, "has prices from 2026-05-02 on"},
	{"usage_period_books", "of no price book", "UPDATE usage_period_books SET book_id = 'nothing'", fsck.Reference, "price book nothing"},
	{"usage_period_books", "of no closed period", "UPDATE usage_period_books SET start_day = start_day + 1000", fsck.Reference, "closed billing period"},
	{"usage_price_books", "that are gone", "DELETE FROM usage_price_books", fsck.Reference, "price book demo-list-1"},
	{"usage_catalogues", "that are gone", "DELETE FROM usage_catalogues", fsck.Reference, "catalogue "},
	{"usage_assignments", "of no price book", "UPDATE usage_assignments SET book_id = 'nothing'", fsck.Reference, "price book nothing"},
	{"usage_assignments", "to nobody", "UPDATE usage_assignments SET is_account = TRUE", fsck.Reference, "owner {root}"},
	{"usage_billed", "by no price book", "UPDATE usage_billed SET book_id = 'nothing'", fsck.Reference, "price book nothing"},
	{"usage_restatements", "of an open period", "UPDATE usage_restatements SET day = day + 100", fsck.Reference, "closed billing period"},
	{"usage_watermarks", "that are gone", "DELETE FROM usage_watermarks", fsck.Watermark, "2026-06-01/2026-07-01 is closed, and its usage is not complete"},
	{"usage_watermarks", "that went back", "UPDATE usage_watermarks SET complete_through = complete_through - 1", fsck.Watermark, "its usage is not complete"},
	{"usage_watermarks", "of days to come", "UPDATE usage_watermarks SET complete_through = complete_through + 1000", fsck.Watermark, "was said to be complete through 2029"},
	{"usage_watermarks", "of no account", "UPDATE usage_watermarks SET account_id = 'nothing'", fsck.Reference, "account nothing"},
	{"usage_days", "of no account", "UPDATE usage_days SET account_id = 'nothing'", fsck.Reference, "account nothing"},
}

// TestCheckFindsInjuries does one injury after the other to what the services
// have written.
func TestCheckFindsInjuries(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, e)
			for _, i := range injuries {
				found, detail := checkInjured(t, e, l.store, l.url, l.names.Replace(i.sql)), l.names.Replace(i.detail)
				if !slices.ContainsFunc(found, func(v fsck.Violation) bool { return v.Rule == i.rule && strings.Contains(v.Detail, detail) }) {
					t.Errorf("%s %s: %q with %q is not among %v", i.table, i.name, i.rule, detail, found)
				}
			}
		})
	}
}

// ledger is a store with something in every table that injuries are done to.
type ledger struct {
	*org.Service
	t     *testing.T
	store org.Store
	url   string
	root  id.Organization
	child id.Organization
	shop  id.Account
	clock *clock
	token string            // of an administrator
	names *strings.Replacer // of the identifiers in injuries
}

func newLedger(t *testing.T, e enginetest.Engine) *ledger {
	url := e.Migrated(t)
	l := &ledger{t: t, url: url, store: open(t, url), clock: &clock{at: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)}}
	enc := api.Encoder{Limits: org.DefaultLimits, EchoProfile: true}
	l.Service = org.New(org.Config{
		Store: l.store, Now: l.clock.now, Random: rand.Reader, Limits: org.DefaultLimits,
		Encode: enc.Encode, StatusOf: api.StatusOf,
	})
	b := must[org.Bootstrapped](t)(l.Bootstrap(t.Context(), org.Origin{Status: 200}, org.NewUser{Email: "admin@example.com"}))
	l.token = b.Token.Value
	names := []string{"{admin}", string(b.User.ID)}
	l.root = l.organization("Root", "")
	l.child = l.organization("Child", l.root)
	names = append(names, "{root}", string(l.root))
	names = append(names, l.people()...)
	names = append(names, l.logs(l.root, l.child)...)
	names = append(names, l.bill(l.root)...)
	l.names = strings.NewReplacer(names...)
	return l
}

// clock goes on by a second whenever somebody looks at it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { return c.advance(time.Second) }

func (c *clock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

// lately asks for the last records.
func (l *ledger) lately() audit.Query {
	now := l.clock.now()
	return audit.Query{Since: now.Add(-time.Hour), Before: now.Add(time.Hour), Limit: 10}
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (l *ledger) request() org.Request {
	admin := must[*auth.Caller](l.t)(l.Authenticate(l.t.Context(), org.Secrets{Token: l.token}, netip.Addr{}))
	return org.Request{Caller: admin, Origin: org.Origin{Method: "POST", URI: "/x", Status: 200}}
}

func (l *ledger) organization(name string, parent id.Organization) id.Organization {
	in := org.NewOrganization{Name: name, Parent: parent, Profile: &org.Profile{BusinessName: name}}
	return must[org.Organization](l.t)(l.CreateOrganization(l.t.Context(), l.request(), in)).ID
}

// people makes a user, and one whose data is erased.
func (l *ledger) people() []string {
	ctx := l.t.Context()
	user := func(email string) id.User {
		r := l.request()
		r.Idempotency = &org.Idempotency{Key: email, Fingerprint: email, Seal: func(any) ([]byte, error) { return []byte("sealed"), nil }}
		return must[org.CreatedUser](l.t)(l.CreateUser(ctx, r, org.NewUser{Email: email, FirstName: "First", LastName: "Last"})).ID
	}
	u, erased := user("user@example.com"), user("erased@example.com")
	must[org.Erasure](l.t)(l.EraseUser(ctx, l.request(), erased))
	l.clock.advance(3 * time.Minute)
	if err := l.ContinueErasures(ctx); err != nil {
		l.t.Fatal(err)
	}
	return []string{"{user}", string(u)}
}

// logs writes into the logs of two organizations in turn, reads both, and
// makes what looks at one: settings, a stream that is held, and a budget.
func (l *ledger) logs(root, child id.Organization) []string {
	ctx := l.t.Context()
	for _, o := range []id.Organization{root, child, root, child, root} {
		must[org.AuditSettings](l.t)(l.PutAuditSettings(ctx, l.request(), o, org.AuditSettings{RetentionMonths: 12}))
	}
	must[org.AuditPage](l.t)(l.AuditSubtree(ctx, l.request(), root, l.lately()))
	in := org.NewStream{Name: "stream", FromSeq: 2, Target: org.StreamTarget{Type: org.StreamSyslog, Syslog: org.SyslogTarget{Address: "logs.example.com"}}}
	gone := must[org.ShownStream](l.t)(l.CreateStream(ctx, l.request(), root, in))
	must[id.Stream](l.t)(l.DeleteStream(ctx, l.request(), root, gone.ID))
	st := must[org.ShownStream](l.t)(l.CreateStream(ctx, l.request(), root, in))
	if held, err := l.ClaimStreams(ctx, org.Holder{Name: "deliverer", Lease: time.Minute}, 1); err != nil || len(held) != 1 {
		l.t.Fatalf("%d streams are held, %v", len(held), err)
	}
	terms := org.BudgetTerms{Kind: usage.CumulativeBudget, Amount: decimal.NewFromInt(100), Currency: "USD"}
	b := must[org.ShownBudget](l.t)(l.CreateBudget(ctx, l.request(), org.Owner{Organization: root}, org.NewBudget{Name: "budget", BudgetTerms: terms, Thresholds: []int{50}}))
	return []string{"{stream}", string(st.ID), "{budget}", string(b.ID)}
}

// bill charges an account and closes two billing periods of it.
func (l *ledger) bill(root id.Organization) []string {
	ctx := l.t.Context()
	list := must[*pricelist.List](l.t)(pricelist.Demo())
	must[org.PriceList](l.t)(l.PutPriceList(ctx, l.request(), org.PriceList{Catalogue: list.Catalogue, Books: list.Books}))
	must[usage.Assignment](l.t)(l.AssignPriceBook(ctx, l.request(), org.Owner{Organization: root}, "demo-list-1", 0))
	shop := must[org.Account](l.t)(l.CreateAccount(ctx, l.request(), org.NewAccount{Name: "Shop", Organization: root})).ID
	l.shop = shop
	other := must[org.Account](l.t)(l.CreateAccount(ctx, l.request(), org.NewAccount{Name: "Other", Organization: root})).ID
	day := func(text string) usage.Day { return must[usage.Day](l.t)(usage.ParseDay(text)) }
	charge := func(start string, recurring bool) id.Charge {
		return must[org.Charge](l.t)(l.CreateCharge(ctx, l.request(), shop, org.NewCharge{Fee: usage.Fee{
			Category: usage.Adjustment, Amount: decimal.RequireFromString("-1.5"), Description: "Fee", Recurring: recurring, Days: usage.Period{Start: day(start)},
		}})).ID
	}
	use := func(name, on string) {
		must[[]usage.Receipt](l.t)(l.PushUsage(ctx, l.request(), []usage.Submission{{Event: usage.Event{
			Source: "/meter", ID: name, Account: shop, Metric: "workers_standard_requests", Time: day(on).Start(), Quantity: decimal.New(12, 6),
		}}}))
	}
	once, ended := charge("2026-05-31", false), charge("2026-05-01", true)
	use("1", "2026-06-02")
	for _, start := range []string{"2026-05-01", "2026-06-01"} {
		must[usage.BillingPeriod](l.t)(l.CloseBillingPeriod(ctx, l.request(), shop, day(start)))
	}
	use("2", "2026-06-03")
	late, gone := charge("2026-07-05", false), charge("2026-07-06", false)
	for _, c := range []id.Charge{ended, gone} {
		must[id.Charge](l.t)(l.DeleteCharge(ctx, l.request(), shop, c))
	}
	return []string{
		"{shop}", string(shop), "{other}", string(other),
		"{once}", string(once), "{ended}", string(ended), "{late}", string(late), "{gone}", string(gone),
	}
}

// TestCheckFindsOneSubjectAmongMany has more records that describe somebody than
// are looked at together, in two logs.
func TestCheckFindsOneSubjectAmongMany(t *testing.T) {
	const more = `, time, account_id, source, source_id, occurred, action_type, action_description, action_result, actor_id, actor_type, actor_context,
		actor_email, actor_ip, actor_token_id, actor_token_name, actor_salt, actor_commitments, actor_subject, raw_ray_id, raw_method, raw_uri,
		raw_user_agent, raw_status, resource_id, resource_type, resource_product, resource_scope, request, response, before_change, after_change, personal`
	const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
		INSERT INTO audit_records (log_id, seq, id` + more + `)
			SELECT CASE WHEN i < 1200 THEN 'many 1' ELSE 'many 2' END, i, 'many ' || i` + more + ` FROM audit_records CROSS JOIN n WHERE resource_id = '{user}';
		INSERT INTO audit_subjects (subject_id, log_id, seq) SELECT '{user}', log_id, seq FROM audit_records WHERE log_id LIKE 'many%' AND seq <> 2100`
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, e)
			e.Exec(t, l.url, l.names.Replace(many))
			var found []string
			for _, v := range check(t, l.store, fsck.Options{}) {
				if v.Rule == fsck.Subject {
					found = append(found, v.Object+": "+v.Detail)
				}
			}
			if want := "log many 2: its record 2100 is not kept as about "; len(found) != 1 || !strings.HasPrefix(found[0], want) {
				t.Errorf("found %q, want one %q", found, want)
			}
		})
	}
}
