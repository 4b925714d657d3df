package api

import (
	"context"
	"fmt"
	"io"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
)

// getFocus answers with a bill: a file in the format of FOCUS. What has no price
// is on no bill.
func getFocus(ctx context.Context, q *request) (reply, error) {
	window := q.query.usageRange(usage.DayOf(q.server.Now()))
	format := focus.Format(q.query.enum("format", string(focus.CSV), string(focus.JSONLines), string(focus.Parquet)))
	if format == "" {
		format = focus.CSV
	}
	mapping := q.query.mapping()
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	b, err := q.server.Service.OrganizationBill(ctx, q.caller, q.organization(), window)
	if err != nil {
		return reply{}, err
	}
	name := fmt.Sprintf("focus-%s-%s-%s.%s", q.organization(), window.From, window.End-1, format)
	return reply{Stream: &stream{
		contentType: format.MediaType(),
		header:      map[string]string{"Content-Disposition": `attachment; filename="` + name + `"`},
		write:       func(ctx context.Context, w io.Writer) error { return writeFocus(ctx, w, format, mapping, &b) },
	}}, nil
}

func writeFocus(ctx context.Context, w io.Writer, f focus.Format, m focus.Mapping, b *org.Bill) error {
	out, err := focus.NewWriter(f, w)
	if err != nil {
		return err
	}
	place := func(bill *focus.Bill, billed bool, root usage.Named, c usage.Currency) {
		bill.Mapping, bill.Root = m, b.Root
		if billed {
			bill.Root = root
		}
		if bill.Root.ID == "" { // it was in no tree when it was billed
			bill.Mapping = focus.Cloudflare
		}
		payer := bill.Account.ID
		if bill.Mapping == focus.Consolidated {
			payer = bill.Root.ID
		}
		bill.InvoiceID = fmt.Sprintf("%s-%s-%s", payer, bill.Period.Start, c)
	}
	err = b.Each(ctx, func(row *org.UsageRow) error {
		if row.Price == nil {
			return nil
		}
		bill := newBill(row)
		place(&bill, row.Billed, row.Root, row.Book.Currency)
		r := bill.Usage(&row.Charge, row.Correction)
		return out.Write(&r)
	}, func(row *org.ChargeRow) error {
		bill := newBill(&org.UsageRow{Account: row.Account, Period: row.Period})
		place(&bill, row.Billed, row.Root, row.Fee.Currency)
		r := bill.Fee(&row.Fee)
		return out.Write(&r)
	})
	if err != nil {
		return err
	}
	return out.Close()
}
