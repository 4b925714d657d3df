package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// storedCatalogue is the JSON of a catalogue.
type storedCatalogue struct {
	Version string
	Metrics []usage.Metric
}

// catalogueMemo remembers the catalogue that was read last: versions never
// change, and reading one costs more than counting an event. A nil one
// remembers nothing.
type catalogueMemo struct {
	last atomic.Pointer[usage.Catalogue]
}

// Catalogue implements org.UsageReader.
func (r *reader) Catalogue(ctx context.Context) (*usage.Catalogue, error) {
	known := &usage.Catalogue{}
	if r.catalogues != nil {
		if last := r.catalogues.last.Load(); last != nil {
			known = last
		}
	}
	const catalogueSQL = `SELECT CASE WHEN version = $1 THEN '' ELSE body END FROM usage_catalogues
		ORDER BY created_at DESC, version DESC LIMIT 1`
	var body string
	if err := r.one(ctx, "catalogue", catalogueSQL, []any{known.Version}, &body); err != nil || body == "" {
		return known, err
	}
	read, err := readCatalogue(body)
	if err == nil && r.catalogues != nil {
		r.catalogues.last.Store(read)
	}
	return read, err
}

// readCatalogue reads the body of a catalogue.
func readCatalogue(body string) (*usage.Catalogue, error) {
	var c storedCatalogue
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return usage.NewCatalogue(c.Version, c.Metrics)
}

// Metrics implements org.UsageReader.
func (r *reader) Metrics(ctx context.Context, version string) (*usage.Catalogue, error) {
	const (
		allSQL  = `SELECT c.body FROM usage_catalogues AS c`
		untoSQL = ` JOIN usage_catalogues AS last ON last.version = $1
			AND (c.created_at < last.created_at OR c.created_at = last.created_at AND c.version <= last.version)`
		orderSQL = ` ORDER BY c.created_at DESC, c.version DESC`
	)
	sql, args := allSQL+orderSQL, []any(nil)
	if version != "" {
		sql, args = allSQL+untoSQL+orderSQL, []any{version}
	}
	last := ""
	var all []usage.Metric
	seen := map[usage.MetricID]bool{}
	err := r.query(ctx, sql, args, func(row row) error {
		var body string
		if err := row.Scan(&body); err != nil {
			return err
		}
		var c storedCatalogue
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			return fmt.Errorf("read a catalogue: %w", err)
		}
		last = cmp.Or(last, c.Version)
		for _, m := range c.Metrics {
			if !seen[m.ID] {
				seen[m.ID] = true
				all = append(all, m)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if last == "" {
		return nil, fault.ErrNotFound("catalogue")
	}
	return usage.NewCatalogue(last, all)
}

// PutCatalogue implements org.UsageTx.
func (t *tx) PutCatalogue(ctx context.Context, c *usage.Catalogue, at time.Time) error {
	return t.putVersion(ctx, "usage_catalogues", "version", c.Version, storedCatalogue{c.Version, c.Metrics}, at)
}

// PriceBook implements org.UsageReader.
func (r *reader) PriceBook(ctx context.Context, b usage.BookID) (*usage.PriceBook, error) {
	const priceBookSQL = `SELECT body FROM usage_price_books WHERE id = $1`
	var body string
	if err := r.one(ctx, "price book", priceBookSQL, []any{string(b)}, &body); err != nil {
		return nil, err
	}
	var book usage.PriceBook
	if err := json.Unmarshal([]byte(body), &book); err != nil {
		return nil, fmt.Errorf("read price book %s: %w", b, err)
	}
	return &book, nil
}

// PutPriceBook implements org.UsageTx.
func (t *tx) PutPriceBook(ctx context.Context, b *usage.PriceBook, at time.Time) error {
	return t.putVersion(ctx, "usage_price_books", "id", string(b.ID), b, at)
}

// putVersion adds what never changes. The same once more is fine, something
// else under the same name is not.
func (t *tx) putVersion(ctx context.Context, table, key, name string, v any, at time.Time) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("keep %s in %s: %w", name, table, err)
	}
	n, err := t.change(ctx, `INSERT INTO `+table+` (`+key+`, body, created_at) VALUES ($1, $2, $3) ON CONFLICT (`+key+`) DO NOTHING`,
		name, string(body), micros(at))
	if err != nil || n == 1 {
		return err
	}
	var there string
	if err := t.one(ctx, name, `SELECT body FROM `+table+` WHERE `+key+` = $1`, []any{name}, &there); err != nil {
		return err
	}
	if there != string(body) {
		return fault.New(fault.Invalid, fmt.Sprintf("%q is there already, with other content: give the new version another name", name))
	}
	return nil
}

// Assignments implements org.UsageReader.
func (r *reader) Assignments(ctx context.Context, accounts []id.Account, organizations []id.Organization) ([]usage.Assignment, error) {
	const assignmentsSQL = `SELECT owner_id, is_account, book_id, start_day FROM usage_assignments
		WHERE owner_id IN (SELECT value FROM list($1)) OR owner_id IN (SELECT value FROM list($2))`
	var all []usage.Assignment
	err := r.query(ctx, assignmentsSQL, []any{list(r.dialect, accounts), list(r.dialect, organizations)}, func(row row) error {
		var a usage.Assignment
		var owner string
		var isAccount bool
		var start int64
		if err := row.Scan(&owner, &isAccount, (*string)(&a.Book), &start); err != nil {
			return err
		}
		a.Start = usage.Day(start)
		if isAccount {
			a.Account = id.Account(owner)
		} else {
			a.Organization = id.Organization(owner)
		}
		all = append(all, a)
		return nil
	})
	return all, err
}

// Assign implements org.UsageTx.
func (t *tx) Assign(ctx context.Context, a usage.Assignment) error {
	const assignSQL = `INSERT INTO usage_assignments (owner_id, start_day, book_id, is_account) VALUES ($1, $2, $3, $4)
		ON CONFLICT (owner_id, start_day) DO UPDATE SET book_id = excluded.book_id`
	owner := string(a.Organization)
	if a.Account != "" {
		owner = string(a.Account)
	}
	return t.exec(ctx, assignSQL, owner, int64(a.Start), string(a.Book), a.Account != "")
}

// Anchors implements org.UsageReader.
func (r *reader) Anchors(ctx context.Context, accounts []id.Account) (map[id.Account]usage.Anchor, error) {
	const anchorsSQL = `SELECT account_id, anchor_day FROM usage_accounts WHERE account_id IN (SELECT value FROM list($1))`
	anchors := make(map[id.Account]usage.Anchor, len(accounts))
	err := r.query(ctx, anchorsSQL, []any{list(r.dialect, accounts)}, func(row row) error {
		var account id.Account
		var day int64
		if err := row.Scan((*string)(&account), &day); err != nil {
			return err
		}
		anchors[account] = usage.Anchor(day)
		return nil
	})
	return anchors, err
}

// UsageReceipt implements org.UsageReader.
func (r *reader) UsageReceipt(ctx context.Context, source, event string) (usage.Receipt, error) {
	const receiptSQL = `SELECT 1, account_id, metric, day, zone_id, region_id, '', '', '', received_at FROM usage_events
			WHERE source = $1 AND event_id = $2
		UNION ALL SELECT 0, account_id, metric, 0, '', '', reason, pointer, message, received_at FROM usage_refusals
			WHERE source = $1 AND event_id = $2
		ORDER BY 1 DESC LIMIT 1`
	receipt := usage.Receipt{Source: source, ID: event, Outcome: usage.Refused}
	var counted, day, at int64
	l, f := &receipt.Line, &receipt.Refusal
	err := r.one(ctx, "receipt", receiptSQL, []any{source, event}, &counted, (*string)(&l.Account), (*string)(&l.Metric),
		&day, &l.Zone, &l.Region, (*string)(&f.Reason), &f.Pointer, &f.Message, &at)
	receipt.At, l.Day = moment(at), usage.Day(day)
	if counted == 1 {
		receipt.Outcome = usage.Counted
	}
	return receipt, err
}

// accountsPerQuery is how many accounts usage is read of at once: few enough for
// an engine that has to put their rows in order to do so in memory.
const accountsPerQuery = 100

// EachUsage implements org.UsageReader.
//
// PostgreSQL reads an index in its order when it is given an array to compare
// with, so that the first row is there at once. It sorts what it joins.
func (r *reader) EachUsage(ctx context.Context, q usage.Query, each func(*usage.Record) error) error {
	const (
		usageSQL = `SELECT account_id, metric, zone_id, region_id, zone_name, region_name, events, total, weight, greatest, latest, uniques
			FROM usage_days WHERE day = $1 AND account_id `
		listSQL   = `IN (SELECT value FROM list($2))`
		arraySQL  = `= ANY (CAST($2 AS TEXT[]) COLLATE "C")`
		metricSQL = ` AND metric IN (SELECT value FROM list($3))`
		orderSQL  = ` ORDER BY account_id, metric, zone_id, region_id`
	)
	sql := usageSQL + listSQL
	if r.dialect.arrays {
		sql = usageSQL + arraySQL
	}
	if q.Metrics != nil {
		sql += metricSQL
	}
	accounts := q.Accounts
	if !slices.IsSorted(accounts) {
		accounts = slices.Sorted(slices.Values(accounts))
	}
	return readAhead(func(each func(*usage.Record) error) error {
		scan := newUsageScan(q.Day)
		for some := range slices.Chunk(accounts, accountsPerQuery) {
			args := []any{int64(q.Day), list(r.dialect, some)}
			if q.Metrics != nil {
				args = append(args, list(r.dialect, q.Metrics))
			}
			err := r.query(ctx, sql+orderSQL, args, func(row row) error {
				if err := scan.read(row); err != nil {
					return err
				}
				return each(&scan.record)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}, each)
}

// usageScan reads rows of usage, one after the other, into the same record.
type usageScan struct {
	record                          usage.Record
	total, weight, greatest, latest held
	into                            []any
}

func newUsageScan(day usage.Day) *usageScan {
	s := &usageScan{record: usage.Record{Line: usage.Line{Day: day}}}
	l, p, st := &s.record.Line, &s.record.Place, &s.record.State
	s.into = []any{
		(*held)(&l.Account), (*held)(&l.Metric), (*held)(&l.Zone), (*held)(&l.Region), (*held)(&p.Zone.Name), (*held)(&p.Region.Name),
		&st.Events, &s.total, &s.weight, &s.greatest, &s.latest, &st.Unique,
	}
	return s
}

func (s *usageScan) read(row row) error {
	if err := row.Scan(s.into...); err != nil {
		return err
	}
	u := &s.record
	u.Place.Zone.ID, u.Place.Region.ID = u.Line.Zone, u.Line.Region
	return readDecimals(&u.State, string(s.total), string(s.weight), string(s.greatest), string(s.latest))
}

// held is a text that is kept when the next row has the same one, as it mostly
// has of an account or a place.
type held string

// ScanBytes implements pgtype.BytesScanner.
func (h *held) ScanBytes(text []byte) error {
	if string(*h) != string(text) {
		*h = held(text)
	}
	return nil
}

// scanState reads a row of the number of a line, its state and its place.
func scanState(row row, u *usage.Record, number *int64, place *string) error {
	var total, weight, greatest, latest string
	var at int64
	s := &u.State
	err := row.Scan(number, &u.Place.Zone.Name, &u.Place.Region.Name, &s.Events, &total, &weight, &greatest, &latest, &at, &s.By, &s.Unique, place)
	if err != nil {
		return err
	}
	s.At = moment(at)
	return readDecimals(s, total, weight, greatest, latest)
}

// readDecimals reads the numbers of a state. Where they are the same, as after
// one event, so are the decimals.
func readDecimals(s *usage.State, total, weight, greatest, latest string) error {
	var err error
	if s.Sum, err = usage.StoredDecimal(total); err == nil {
		s.Weight, err = sameOr(weight, total, s.Sum)
	}
	if err == nil {
		s.Max, err = sameOr(greatest, total, s.Sum)
	}
	if err == nil {
		s.Last, err = sameOr(latest, greatest, s.Max)
	}
	if err != nil {
		return fmt.Errorf("read the state of usage: %w", err)
	}
	return nil
}

// sameOr returns known when text is the one that it was read from.
func sameOr(text, of string, known usage.Decimal) (usage.Decimal, error) {
	if text == of {
		return known, nil
	}
	return usage.StoredDecimal(text)
}
