package demo_test

import (
	"bytes"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/demo"
	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/fsck"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/focus"
	"github.com/orgd/orgd/internal/usage/focuscheck"
)

// afternoon is when the demo is made: Monday 23 November 2026.
func afternoon() time.Time { return time.Date(2026, 11, 23, 15, 30, 0, 0, time.UTC) }

// world is a demo on a store.
type world struct {
	*demo.Credentials
	retailer id.Organization
	service  *org.Service
	handler  http.Handler
}

// seed makes the demo with the same clock and the same randomness every time.
func seed(t *testing.T, e enginetest.Engine) world {
	t.Helper()
	random := rand.NewChaCha8([32]byte{1})
	enc := api.Encoder{Limits: org.DefaultLimits, EchoProfile: true}
	svc := org.New(org.Config{
		Store: e.Open(t), Now: afternoon, Random: random, Limits: org.DefaultLimits, Encode: enc.Encode, StatusOf: api.StatusOf,
	})
	c, err := demo.Seed(t.Context(), svc)
	if err != nil {
		t.Fatal(err)
	}
	return world{&c, rootNamed(t, svc.Store, "Tidewater Outfitters"), svc, api.New(api.Config{
		Service: svc, Encoder: enc, Now: afternoon, Random: random, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		MaxBody: 1 << 20,
	}).Handler()}
}

func rootNamed(t *testing.T, store org.Store, name string) (found id.Organization) {
	t.Helper()
	err := store.View(t.Context(), func(r org.Reader) error {
		return r.(fsck.Inspector).InspectOrganizations(t.Context(), func(o org.Organization, _ int) error {
			if o.Name == name {
				found = o.ID
			}
			return nil
		})
	})
	if err != nil || found == "" {
		t.Fatalf("find %s: %q, %v", name, found, err)
	}
	return found
}

// bill returns the bill of a tree for all days of the demo.
func (w *world) bill(t *testing.T, o id.Organization, format string) []byte {
	t.Helper()
	first := afternoon().AddDate(0, 0, 1-demo.Days).Format(time.DateOnly)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orgd/v1/organizations/"+string(o)+
		"/focus?from="+first+"&to=2026-11-23&format="+format, nil)
	r.Header.Set("Authorization", "Bearer "+w.Token)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Fatalf("the bill: %d %s", rec.Code, rec.Body)
	}
	return rec.Body.Bytes()
}

// TestUsage holds the usage of the demo against what it promises. It is the
// same on every engine, from the first digit to the last; only identifiers
// differ, because a transaction that runs twice takes new ones.
func TestUsage(t *testing.T) {
	t.Parallel()
	var first []byte
	for _, e := range enginetest.All(t) {
		w := seed(t, e)
		bill := regexp.MustCompile(`\b01[0-9a-f]{30}\b`).ReplaceAll(w.bill(t, w.Organization, "csv"), []byte("id"))
		if first == nil {
			first = bill
			checkBill(t, bill, 5_000)
			checkBill(t, w.bill(t, w.Organization, "jsonl"), 5_000)
			checkBill(t, w.bill(t, w.Organization, "parquet"), 5_000)
		}
		if !bytes.Equal(first, bill) {
			t.Errorf("%s: the bill differs from that of another engine", e.Name)
		}
		w.checkTree(t)
		w.checkRetailer(t)
		w.checkSandbox(t)
	}
}

// checkBill wants a bill that breaks no rule.
func checkBill(t *testing.T, bill []byte, rows int64) {
	t.Helper()
	reader, format, err := focus.Open(bytes.NewReader(bill))
	if err != nil {
		t.Fatal(err)
	}
	report, err := focuscheck.Check(reader, focuscheck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows < rows {
		t.Errorf("the bill in %s has %d rows, want %d at least", format, report.Rows, rows)
	}
	for _, r := range slices.Concat(report.Failed(focuscheck.Must), report.Failed(focuscheck.Should)) {
		t.Errorf("%s: %s: %s %d times, such as %+v", format, r.ID, r.Text, r.Violations, r.Examples)
	}
}

// figures are what the usage of a tree comes to.
type figures struct {
	days            map[usage.Day]usage.Decimal // what each costs
	accounts        map[string]usage.Decimal
	metrics         map[string]map[usage.MetricID]bool // by account
	zones, regions  map[string]bool
	office          map[time.Weekday]usage.Decimal // requests of an account that rests on Sundays
	unpriced, whole int
}

func (w *world) figures(t *testing.T, each func(q org.UsageQuery) (org.Usage, error)) figures {
	t.Helper()
	f := figures{
		days: map[usage.Day]usage.Decimal{}, accounts: map[string]usage.Decimal{}, metrics: map[string]map[usage.MetricID]bool{},
		zones: map[string]bool{}, regions: map[string]bool{}, office: map[time.Weekday]usage.Decimal{},
	}
	today := usage.DayOf(afternoon())
	u, err := each(org.UsageQuery{From: today - 100, End: today + 100})
	if err != nil {
		t.Fatal(err)
	}
	err = u.Each(t.Context(), func(r *org.UsageRow) error {
		name := r.Account.Name
		if r.Price == nil {
			f.unpriced++
		} else {
			f.days[r.Charge.Day] = f.days[r.Charge.Day].Add(r.Charge.ContractedCost())
			f.accounts[name] = f.accounts[name].Add(r.Charge.ContractedCost())
		}
		f.whole++
		f.zones[r.Charge.Place.Zone.Name], f.regions[r.Charge.Place.Region.Name] = true, true
		if f.metrics[name] == nil {
			f.metrics[name] = map[usage.MetricID]bool{}
		}
		f.metrics[name][r.Metric.ID] = true
		if day := r.Charge.Day.Start().Weekday(); name == "Lumen Staff Intranet" && r.Metric.ID == "workers_standard_requests" {
			f.office[day] = f.office[day].Add(r.Charge.Consumed)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *world) checkTree(t *testing.T) {
	t.Helper()
	caller := w.caller(t)
	f := w.figures(t, func(q org.UsageQuery) (org.Usage, error) {
		return w.service.OrganizationUsage(t.Context(), caller, w.Organization, q)
	})
	if f.unpriced != 0 {
		t.Errorf("%d rows of the tree have no price", f.unpriced)
	}
	today := usage.DayOf(afternoon())
	days := slices.Sorted(maps.Keys(f.days))
	if len(days) != demo.Days || days[len(days)-1] != today {
		t.Errorf("there is usage on %d days from %s to %s, want %d up to %s", len(days), days[0], days[len(days)-1], demo.Days, today)
	}
	if len(f.accounts) != 40 {
		t.Errorf("%d accounts have usage, want all 40", len(f.accounts))
	}
	free, several := 0, 0
	for name, cost := range f.accounts {
		if cost.IsZero() {
			free++
		}
		if len(f.metrics[name]) > 2 {
			several++
		}
	}
	if free < 5 || free > 15 || several < 25 {
		t.Errorf("%d accounts stay below what is free, want a few; %d use several metrics, want most", free, several)
	}
	if len(f.zones) < 10 || len(f.regions) < 6 {
		t.Errorf("there are zones %v and regions %v, want more", f.zones, f.regions)
	}
	if sunday, tuesday := f.office[time.Sunday], f.office[time.Tuesday]; !sunday.IsPositive() || sunday.Add(sunday).GreaterThan(tuesday) {
		t.Errorf("an office uses %s on Sundays and %s on Tuesdays, want much less", sunday, tuesday)
	}
}

func (w *world) caller(t *testing.T) *auth.Caller {
	t.Helper()
	caller, err := w.service.Authenticate(t.Context(), org.Secrets{Token: w.Token}, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

// checkRetailer wants a correction of a closed period, and both trees to be
// complete up to yesterday.
func (w *world) checkRetailer(t *testing.T) {
	t.Helper()
	bill := w.bill(t, w.retailer, "csv")
	checkBill(t, bill, 500)
	if n := bytes.Count(bill, []byte(",2026-12-01T00:00:00Z,2026-11-01T00:00:00Z,Usage,Correction,Argo Data Transfer")); n != 1 {
		t.Errorf("the retailer's bill of November has %d corrections, want 1", n)
	}
	for _, o := range []id.Organization{w.Organization, w.retailer} {
		if m, err := w.service.OrganizationWatermark(t.Context(), w.caller(t), o); err != nil || m.Through.String() != "2026-11-22" {
			t.Errorf("the usage of %s is complete up to %v, %v", o, m, err)
		}
	}
}

// checkSandbox wants the account without prices to have usage without costs.
func (w *world) checkSandbox(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	caller := w.caller(t)
	found, err := w.service.ListAccounts(ctx, caller, "Robin's Sandbox", page.Numbered{Page: 1, PerPage: 10})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("find the sandbox: %d accounts, %v", len(found.Items), err)
	}
	f := w.figures(t, func(q org.UsageQuery) (org.Usage, error) {
		return w.service.AccountUsage(ctx, caller, found.Items[0].ID, q)
	})
	want := []usage.MetricID{"images_stored", "vectorize_stored_dimensions", "workers_standard_requests", "zero_trust_seats"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(f.metrics["Robin's Sandbox"]))); diff != "" {
		t.Errorf("metrics of the sandbox (-want +got):\n%s", diff)
	}
	if f.unpriced != f.whole {
		t.Errorf("%d of %d rows of the sandbox have a price, want none", f.whole-f.unpriced, f.whole)
	}
}
