package org_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/focuscheck"
)

// download asks for a bill as p.
func (w *world) download(p *person, target string) []byte {
	w.t.Helper()
	h := api.New(api.Config{
		Service: w.Service, Encoder: api.Encoder{Limits: small}, Now: w.clock.now, Random: rand.Reader,
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxBody: 1 << 20,
	}).Handler()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, target, nil)
	r.Header.Set("X-Auth-Email", p.user.Email)
	r.Header.Set("X-Auth-Key", p.key)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("%s: %d %s", target, rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// cells returns the rows of a file as text, numbers in their shortest form, and
// what was billed in all and how many corrections there are.
func cells(t *testing.T, file []byte) (rows []string, billed decimal.Decimal, corrections int) {
	t.Helper()
	reader, _, err := focus.Open(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int { return slices.Index(reader.Columns(), name) }
	for {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return rows, billed, corrections
		}
		if err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, c := range row {
			text := c.Text
			if d, err := decimal.NewFromString(text); err == nil && text != "" {
				text = d.String()
			}
			line = append(line, text)
		}
		rows = append(rows, strings.Join(line, "|"))
		cost := decimal.RequireFromString(row[at("BilledCost")].Text)
		billed = billed.Add(cost)
		if row[at("ChargeClass")].Text == "Correction" {
			corrections++
		}
	}
}

// A bill with corrections, billed and still to be billed, breaks no rule of
// FOCUS in any of the formats, which all have the same rows.
func TestCorrectionsAreOnValidBills(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		b := newBooks(t, w, uint64(time.Now().UnixNano()))
		for range 25 {
			w.clock.advance(4 * 24 * time.Hour)
			b.use()
			b.tryClose()
			if t.Failed() {
				t.FailNow()
			}
		}
		b.use()
		for _, mapping := range []focus.Mapping{focus.Cloudflare, focus.Consolidated} {
			var first []string
			for _, f := range []focus.Format{focus.CSV, focus.JSONLines, focus.Parquet} {
				file := w.download(b.ada, "/orgd/v1/organizations/"+string(b.homes[0].ID)+"/focus?from=2026-05-01&to="+w.today().String()+
					"&format="+string(f)+"&mapping="+string(mapping))
				b.checkFile(file)
				rows, billed, corrections := cells(t, file)
				if corrections == 0 {
					t.Errorf("%s: there is no correction", f)
				}
				if want := b.cost(b.homes[0].ID); !billed.Equal(want) {
					t.Errorf("%s: %s was billed, want %s", f, billed, want)
				}
				if first == nil {
					first = rows
				}
				if !slices.Equal(rows, first) {
					t.Errorf("%s has other rows than csv", f)
				}
			}
		}
	})
}

func (b *books) checkFile(file []byte) {
	b.t.Helper()
	reader, format, err := focus.Open(bytes.NewReader(file))
	if err != nil {
		b.t.Fatal(err)
	}
	report, err := focuscheck.Check(reader, focuscheck.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, r := range slices.Concat(report.Failed(focuscheck.Must), report.Failed(focuscheck.Should)) {
		b.t.Errorf("%s: %s: %s %d times, such as %+v", format, r.ID, r.Text, r.Violations, r.Examples)
	}
}

// cost returns what all usage of an organization comes to.
func (b *books) cost(o id.Organization) decimal.Decimal {
	b.t.Helper()
	_, sum := b.rows(must[org.Usage](b.t)(b.OrganizationUsage(b.t.Context(), b.ada.caller(), o, org.UsageQuery{From: usage.DateOf(2026, time.May, 1), End: b.today() + 1})))
	return sum
}

// Who was billed stays on the rows of a closed period, wherever the account is
// now: the root that it was in, or the account itself outside any tree.
func TestPayersOfClosedPeriodsStay(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		east, west := w.root("East", ada), w.root("West", ada)
		loose, moved := w.account("Loose", ada, ""), w.account("Moved", ada, east.ID)
		w.prices()
		for _, a := range []org.Account{loose, moved} {
			must[usage.Assignment](t)(w.AssignPriceBook(t.Context(), ada.request(), org.Owner{Account: a.ID}, "demo-list-1", 0))
			w.push(ada, used(a.Name, a.ID, requests, "2026-07-02", "11000000"))
			if _, err := w.CloseBillingPeriod(t.Context(), ada.request(), a.ID, usage.DateOf(2026, time.July, 1)); err != nil {
				t.Fatal(err)
			}
			must[org.Move](t)(w.MoveAccount(t.Context(), ada.request(), a.ID, west.ID))
			w.push(ada, used(a.Name+" late", a.ID, requests, "2026-07-02", "1000000"))
		}
		bill := string(w.download(ada, "/orgd/v1/organizations/"+string(west.ID)+"/focus?from=2026-07-01&to=2026-07-31&format=jsonl"))
		var got []string
		for line := range strings.Lines(bill) {
			var row struct{ BillingAccountId, SubAccountName, InvoiceId, ChargeClass string }
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			payer := w.labels[row.BillingAccountId]
			got = append(got, strings.Join([]string{payer, row.SubAccountName, strings.Replace(row.InvoiceId, row.BillingAccountId, payer, 1), row.ChargeClass}, " "))
		}
		slices.Sort(got)
		wantLines(t, got, "East Moved East-2026-07-01-USD ", "Loose  Loose-2026-07-01-USD ",
			"West Loose West-2026-08-01-USD Correction", "West Moved West-2026-08-01-USD Correction")
	})
}
