package api_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

const rollupPrices = `catalogue:
  version: v1
  metrics:
    - {id: requests, name: Requests, unit: Requests, aggregation: sum, service: {name: S, category: Other}}
    - {id: storage, name: Storage, unit: GB-Days, aggregation: max, service: {name: S, category: Other}}
price_books:
  - id: wide
    currency: USD
    prices:
      - {metric: requests, sku: requests-1, unit: 1000 Requests, per: 1000, included: 2, tiers: [{up_to: 5, list: 0.50, contracted: 0.40}, {list: 0.10}]}
      - {metric: storage, sku: storage-1, unit: GB-Months, per: 30, block: 1, rounding: up, list: 0.015, contracted: 0.0125}
  - id: narrow
    currency: USD
    prices:
      - {metric: requests, sku: requests-2, unit: Requests, list: 0.000007}
      - {metric: storage, sku: storage-2, unit: GB-Months, per: 30, included: 1, block: 2, rounding: up, list: 0.03}
`

// TestUsageRollsUp uses things, and moves accounts and whole organizations
// between two trees in the middle of the month. At every moment an organization
// has the rows of its accounts and of its parts, and they cost what a model
// makes of all that the accounts have used, whoever had them.
func TestUsageRollsUp(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			r := &rollup{world: newWorld(t, e.Open(t)), random: rand.New(rand.NewPCG(seed, 0)), parents: map[string]string{}, homes: map[string]string{}, used: map[rollupDay]*big.Rat{}}
			r.grow(t)
			for range 3 {
				for range 4 {
					r.use(t)
					r.moveAccount(t)
				}
				r.check(t)
				r.moveOrganization(t)
				r.check(t)
			}
		})
	}
}

// rollup is two trees with usage, and what is known of it.
type rollup struct {
	*world
	random        *rand.Rand
	roots         [2]string
	organizations []string
	accounts      []string
	parents       map[string]string // of organizations, "" of roots
	homes         map[string]string // of accounts
	used          map[rollupDay]*big.Rat
	events        int
}

type rollupDay struct {
	account, metric string
	day             int
}

// grow makes the trees. The second root has other prices, and so has an
// organization of the first.
func (r *rollup) grow(t *testing.T) {
	t.Helper()
	organization := func(name, parent string) string {
		body := `{"name":"` + name + `"`
		if parent != "" {
			body += `,"parent":{"id":"` + parent + `"}`
		}
		id := r.send(r.founder, "POST", "/client/v4/organizations", body+"}").at(t, "id")
		r.organizations, r.parents[id] = append(r.organizations, id), parent
		return id
	}
	r.roots[0], r.roots[1] = organization("Root 0", ""), organization("Root 1", "")
	for i := range 6 {
		parent := r.roots[i%2]
		if i > 2 {
			parent = r.organizations[i-1]
		}
		organization(fmt.Sprint("Part ", i), parent)
	}
	for i := range 9 {
		home := r.organizations[i%len(r.organizations)]
		id := r.send(r.founder, "POST", "/client/v4/accounts", fmt.Sprintf(`{"name":"Account %d","unit":{"id":%q}}`, i, home)).at(t, "id")
		r.accounts, r.homes[id] = append(r.accounts, id), home
	}
	list, _ := json.Marshal(map[string]string{"yaml": rollupPrices}) // a text always can be
	r.send(r.admin, "POST", own+"/usage/price_lists", string(list)).at(t, "metrics")
	for o, book := range map[string]string{r.roots[0]: "wide", r.roots[1]: "narrow", r.organizations[2]: "narrow"} {
		r.send(r.founder, "PUT", own+"/organizations/"+o+"/price_book", `{"book_id":"`+book+`","start":"2026-01-01"}`).at(t, "book_id")
	}
}

// use sends events of February for some accounts.
func (r *rollup) use(t *testing.T) {
	t.Helper()
	var batch []string
	for range 40 {
		d := rollupDay{r.accounts[r.random.IntN(len(r.accounts))], "requests", 1 + r.random.IntN(28)}
		q := big.NewRat(r.random.Int64N(900_000_000), 1_000_000)
		if r.random.IntN(2) == 0 {
			d.metric = "storage"
		}
		zone := ""
		if d.metric == "requests" && r.random.IntN(2) == 0 {
			zone = `,"zone":{"id":"z1","name":"example.com"}`
		}
		r.events++
		batch = append(batch, fmt.Sprintf(`{"specversion":"1.0","type":"t","source":"/meter","id":"%d","time":"2026-02-%02dT10:00:00Z","data":{"account_id":%q,"metric":%q,"quantity":%s%s}}`,
			r.events, d.day, d.account, d.metric, q.FloatString(6), zone))
		switch old := r.used[d]; {
		case old == nil:
			r.used[d] = q
		case d.metric == "requests":
			old.Add(old, q)
		case q.Cmp(old) > 0:
			r.used[d] = q
		}
	}
	if got := r.send(r.founder, "POST", own+"/usage/events", "["+strings.Join(batch, ",")+"]").at(t, "counted"); got != "40" {
		t.Fatalf("%s events of 40 were counted", got)
	}
}

func (r *rollup) moveAccount(t *testing.T) {
	t.Helper()
	a, to := r.accounts[r.random.IntN(len(r.accounts))], r.organizations[r.random.IntN(len(r.organizations))]
	if r.homes[a] == to {
		return
	}
	r.send(r.founder, "POST", "/client/v4/accounts/"+a+"/move", `{"destination_organization_id":"`+to+`"}`).at(t, "account_id")
	r.homes[a] = to
}

// moveOrganization puts an organization that is no root below another one
// that is not below it.
func (r *rollup) moveOrganization(t *testing.T) {
	t.Helper()
	for {
		o, to := r.organizations[2+r.random.IntN(len(r.organizations)-2)], r.organizations[r.random.IntN(len(r.organizations))]
		if r.within(to, o) || r.parents[o] == to || r.depth(to) > 1 {
			continue
		}
		r.send(r.founder, "PUT", "/client/v4/organizations/"+o, `{"name":"Moved","parent":{"id":"`+to+`"}}`).at(t, "id")
		r.parents[o] = to
		return
	}
}

// within reports whether o is organization above or below it.
func (r *rollup) within(o, above string) bool {
	for ; o != ""; o = r.parents[o] {
		if o == above {
			return true
		}
	}
	return false
}

func (r *rollup) depth(o string) (n int) {
	for o = r.parents[o]; o != ""; o = r.parents[o] {
		n++
	}
	return n
}

// rows returns the rows of February, each as it was written.
func (r *rollup) rows(t *testing.T, of string) []string {
	t.Helper()
	var answer struct {
		Success bool
		Result  []json.RawMessage
	}
	a := r.send(r.founder, "GET", "/client/v4/"+of+"/billable/usage?from=2026-02-01&to=2026-02-28", "")
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || !answer.Success {
		t.Fatalf("%s: %v %s", of, err, a.body)
	}
	rows := make([]string, len(answer.Result))
	for i, raw := range answer.Result {
		rows[i] = string(raw)
	}
	slices.Sort(rows)
	return rows
}

// check compares every organization with its accounts, its parts and the model.
func (r *rollup) check(t *testing.T) {
	t.Helper()
	ofAccount := map[string][]string{}
	for _, a := range r.accounts {
		ofAccount[a] = r.rows(t, "accounts/"+a)
		r.compare(t, "account "+a, ofAccount[a], a)
	}
	of := map[string][]string{}
	for _, o := range r.organizations {
		of[o] = r.rows(t, "organizations/"+o)
	}
	for _, o := range r.organizations {
		var accounts, below, parts []string
		for _, a := range r.accounts {
			if r.within(r.homes[a], o) {
				accounts = append(accounts, a)
				below = append(below, ofAccount[a]...)
			}
			if r.homes[a] == o {
				parts = append(parts, ofAccount[a]...)
			}
		}
		for _, child := range r.organizations {
			if r.parents[child] == o {
				parts = append(parts, of[child]...)
			}
		}
		slices.Sort(below)
		slices.Sort(parts)
		if !slices.Equal(of[o], below) || !slices.Equal(of[o], parts) {
			t.Errorf("organization %s has %d rows, its accounts %d, its parts %d, and they are not the same", o, len(of[o]), len(below), len(parts))
		}
		r.compare(t, "organization "+o, of[o], accounts...)
		r.compareBill(t, o, accounts)
	}
}

// rollupSums is what rows add up to.
type rollupSums struct{ requests, storage, list, contracted *big.Rat }

func newRollupSums() rollupSums {
	return rollupSums{new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)}
}

func (s rollupSums) String() string {
	return fmt.Sprintf("%s requests, %s GB-days, %s list, %s contracted", s.requests.FloatString(9), s.storage.FloatString(9), s.list.FloatString(18), s.contracted.FloatString(18))
}

// compare holds the sums of rows against the model.
func (r *rollup) compare(t *testing.T, what string, rows []string, accounts ...string) {
	t.Helper()
	got, want := newRollupSums(), r.model(accounts)
	for _, text := range rows {
		var row struct {
			Metric                                     string `json:"x_BillableMetricId"`
			ConsumedQuantity, ListCost, ContractedCost json.Number
		}
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			t.Fatal(err)
		}
		got.add(t, row.Metric, row.ConsumedQuantity, row.ListCost, row.ContractedCost)
	}
	if got.String() != want.String() {
		t.Errorf("%s: rows add up to %s, want %s", what, got, want)
	}
}

func (s rollupSums) add(t *testing.T, metric string, consumed, list, contracted json.Number) {
	t.Helper()
	quantity := s.requests
	if metric == "storage" {
		quantity = s.storage
	}
	for _, sum := range []struct {
		to   *big.Rat
		text json.Number
	}{{quantity, consumed}, {s.list, list}, {s.contracted, contracted}} {
		value, ok := new(big.Rat).SetString(string(sum.text))
		if !ok {
			t.Fatalf("%q is not a number", sum.text)
		}
		sum.to.Add(sum.to, value)
	}
}

// compareBill holds the bill of an organization in the format of FOCUS against
// the model.
func (r *rollup) compareBill(t *testing.T, o string, accounts []string) {
	t.Helper()
	a := r.send(r.founder, "GET", own+"/organizations/"+o+"/focus?from=2026-02-01&to=2026-02-28&format=jsonl", "")
	if a.status != 200 {
		t.Fatalf("the bill of %s: %d %s", o, a.status, a.body)
	}
	got, want := newRollupSums(), r.model(accounts)
	for line := range strings.Lines(a.body) {
		var row struct {
			SkuID                                  string `json:"SkuId"`
			ConsumedQuantity, ListCost, BilledCost json.Number
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		got.add(t, row.SkuID, row.ConsumedQuantity, row.ListCost, row.BilledCost)
	}
	if got.String() != want.String() {
		t.Errorf("the bill of %s adds up to %s, want %s", o, got, want)
	}
}

// model prices what accounts have used by the prices of where they are now.
func (r *rollup) model(accounts []string) rollupSums {
	all := newRollupSums()
	for _, a := range accounts {
		requests, storage := new(big.Rat), new(big.Rat)
		for d, q := range r.used {
			switch {
			case d.account != a:
			case d.metric == "requests":
				requests.Add(requests, q)
			default:
				storage.Add(storage, q)
			}
		}
		all.requests.Add(all.requests, requests)
		all.storage.Add(all.storage, storage)
		months := new(big.Rat).Quo(storage, big.NewRat(30, 1))
		if r.narrow(a) {
			pay(all, requests, big.NewRat(7, 1e6), big.NewRat(7, 1e6))
			pay(all, blocks(above(months, 1), 2), big.NewRat(3, 100), big.NewRat(3, 100))
			continue
		}
		billable := above(new(big.Rat).Quo(requests, big.NewRat(1000, 1)), 2)
		rest := above(billable, 5)
		pay(all, new(big.Rat).Sub(billable, rest), big.NewRat(1, 2), big.NewRat(2, 5))
		pay(all, rest, big.NewRat(1, 10), big.NewRat(1, 10))
		pay(all, blocks(months, 1), big.NewRat(15, 1000), big.NewRat(125, 10000))
	}
	return all
}

// narrow reports whether the nearest organization with prices has narrow ones.
func (r *rollup) narrow(account string) bool {
	for o := r.homes[account]; ; o = r.parents[o] {
		switch o {
		case r.organizations[2], r.roots[1]:
			return true
		case r.roots[0]:
			return false
		}
	}
}

func pay(all rollupSums, q, list, contracted *big.Rat) {
	all.list.Add(all.list, new(big.Rat).Mul(q, list))
	all.contracted.Add(all.contracted, new(big.Rat).Mul(q, contracted))
}

// above returns what of q is more than a number.
func above(q *big.Rat, n int64) *big.Rat {
	rest := new(big.Rat).Sub(q, big.NewRat(n, 1))
	if rest.Sign() < 0 {
		return new(big.Rat)
	}
	return rest
}

// blocks rounds q up to whole blocks.
func blocks(q *big.Rat, size int64) *big.Rat {
	n := new(big.Rat).Quo(q, big.NewRat(size, 1))
	whole := new(big.Int).Div(new(big.Int).Sub(new(big.Int).Add(n.Num(), n.Denom()), big.NewInt(1)), n.Denom())
	return new(big.Rat).Mul(new(big.Rat).SetInt(whole), big.NewRat(size, 1))
}
