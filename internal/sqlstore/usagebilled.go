package sqlstore

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

// eachLineSQL is one answer with what was billed and what was used, line by
// line: the columns of the two that are alike share a place.
const (
	billedLineSQL = `SELECT 0 AS used, account_id, metric, zone_id, region_id, zone_name, region_name, billed_in AS at, tier AS part,
		CASE WHEN correction THEN 1 ELSE 0 END, 0, list_price, unit_price, consumed, pricing, book_id
		FROM usage_billed WHERE day = $1 AND account_id IN (SELECT value FROM list($2))`
	usedLineSQL = ` UNION ALL SELECT 1, account_id, metric, zone_id, region_id, zone_name, region_name, latest_at, 0,
		uniques, events, total, weight, greatest, latest, latest_by
		FROM usage_days WHERE day = $1 AND account_id IN (SELECT value FROM list($3))`
	lineMetricSQL = ` AND metric IN (SELECT value FROM list($4))`
	lineOrderSQL  = ` ORDER BY account_id, metric, zone_id, region_id, used, at, part`
)

// lineScan is where a row of eachLineSQL goes.
type lineScan struct {
	used                int
	line                usage.Line
	zone, region        string // their names
	at, part, n, events int64
	amounts             [4]string
	text                string
}

// EachLine implements org.UsageReader.
func (r *reader) EachLine(ctx context.Context, q usage.Query, each func(*usage.Billed, *usage.Record) error) error {
	sql := billedLineSQL + usedLineSQL + lineOrderSQL
	args := []any{int64(q.Day), list(r.dialect, q.Billed), list(r.dialect, q.Accounts)}
	if q.Metrics != nil {
		sql = billedLineSQL + lineMetricSQL + usedLineSQL + lineMetricSQL + lineOrderSQL
		args = append(args, list(r.dialect, q.Metrics))
	}
	return r.query(ctx, sql, args, func(row row) error {
		s := lineScan{line: usage.Line{Day: q.Day}}
		err := row.Scan(&s.used, (*string)(&s.line.Account), (*string)(&s.line.Metric), &s.line.Zone, &s.line.Region, &s.zone, &s.region,
			&s.at, &s.part, &s.n, &s.events, &s.amounts[0], &s.amounts[1], &s.amounts[2], &s.amounts[3], &s.text)
		if err != nil {
			return err
		}
		var d [4]usage.Decimal
		for i := range d {
			if d[i], err = decimal.NewFromString(s.amounts[i]); err != nil {
				return fmt.Errorf("read the usage of %s on %s: %w", s.line.Account, s.line.Day, err)
			}
		}
		place := usage.Place{Zone: usage.Named{ID: s.line.Zone, Name: s.zone}, Region: usage.Named{ID: s.line.Region, Name: s.region}}
		if s.used == 1 {
			return each(nil, &usage.Record{Line: s.line, Place: place, State: usage.State{
				Events: s.events, Sum: d[0], Weight: d[1], Max: d[2], Last: d[3], At: moment(s.at), By: s.text, Unique: s.n,
			}})
		}
		return each(&usage.Billed{
			Account: s.line.Account, Metric: s.line.Metric, In: usage.Day(s.at), Correction: s.n == 1, Book: usage.BookID(s.text),
			Charge: usage.Charge{
				Day: q.Day, Place: place, Tier: int(s.part), List: d[0], Contracted: d[1], Consumed: d[2], Pricing: d[3],
			},
		}, nil)
	})
}

// AddBilled implements org.UsageTx.
func (t *tx) AddBilled(ctx context.Context, all []usage.Billed) error {
	const head = `INSERT INTO usage_billed (account_id, metric, zone_id, region_id, zone_name, region_name, list_price, unit_price, consumed,
		pricing, book_id, day, billed_in, tier, correction) SELECT column1, column2, column3, column4, column5, column6, column7, column8,
		column9, column10, column11, column12, column13, column14, column15 > 0 FROM `
	var texts [11][]string
	var numbers [4][]int64
	for i := range all {
		b := &all[i]
		c := &b.Charge
		for k, v := range [...]string{
			string(b.Account), string(b.Metric), c.Place.Zone.ID, c.Place.Region.ID, c.Place.Zone.Name, c.Place.Region.Name,
			c.List.String(), c.Contracted.String(), c.Consumed.String(), c.Pricing.String(), string(b.Book),
		} {
			texts[k] = append(texts[k], v)
		}
		correction := int64(0)
		if b.Correction {
			correction = 1
		}
		for k, v := range [...]int64{int64(c.Day), int64(b.In), int64(c.Tier), correction} {
			numbers[k] = append(numbers[k], v)
		}
	}
	return t.many(ctx, head, columnsOf(texts[:], numbers[:]), "", nil)
}

// columnsOf puts columns of numbers behind those of texts.
func columnsOf(texts [][]string, numbers [][]int64) []any {
	columns := make([]any, 0, len(texts)+len(numbers))
	for _, c := range texts {
		columns = append(columns, c)
	}
	for _, c := range numbers {
		columns = append(columns, c)
	}
	return columns
}
