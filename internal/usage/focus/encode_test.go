package focus

import (
	"math/rand/v2"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

// The encoder writes the same bytes as AppendObject does for the row of each
// charge, whatever came before.
func TestEncoderWritesRows(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	columns := Written()
	provider := Provider{Service: "p", Host: "h", Issuer: "i"}
	e := NewEncoder(columns, provider)
	bills := encoderBills()
	for range 5000 {
		b := bills[random.IntN(len(bills))]
		b.Account = usage.Named{ID: pick(random, "acc1", "acc2"), Name: pick(random, "", `a "b"`, "Ada & Söhne <x>", "plain")}
		c := usage.Charge{
			Day: usage.Day(20_000 + random.IntN(3)), Tier: random.IntN(2),
			Place: usage.Place{
				Zone:   usage.Named{ID: pick(random, "", "z1"), Name: pick(random, "", "shop.example", "\u2028")},
				Region: usage.Named{ID: pick(random, "", "eu"), Name: pick(random, "", "Europe")},
			},
			Consumed: someDecimal(random), Pricing: someDecimal(random), List: someDecimal(random), Contracted: someDecimal(random),
		}
		correction := random.IntN(4) == 0
		got, err := e.Append(nil, &b, &c, correction)
		if err != nil {
			t.Fatal(err)
		}
		b.Mapping, b.Provider = Cloudflare, provider
		row := b.Unpriced(&c, correction)
		if b.Price != nil {
			row = b.Usage(&c, correction)
		}
		want, err := AppendObject(nil, columns, &row)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatalf("charge %+v:\ngot  %s\nwant %s", c, got, want)
		}
	}
}

func pick(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

// someDecimal returns a number with few digits or many, with zeros at its end
// or not, or none but zeros.
func someDecimal(r *rand.Rand) usage.Decimal {
	d := decimal.New(r.Int64N(2_000_000)-500_000, int32(r.IntN(14)-9))
	switch r.IntN(6) {
	case 0:
		return decimal.New(0, d.Exponent())
	case 1:
		return decimal.New(r.Int64(), -9)
	case 2:
		return decimal.New(r.Int64(), 3).Mul(decimal.New(r.Int64(), -12))
	case 3:
		return decimal.New(d.CoefficientInt64()*1000, d.Exponent()-2)
	}
	return d
}

func encoderBills() []Bill {
	metrics := []usage.Metric{
		{ID: "m1", Name: "Metric <1>", Unit: "GB", Family: usage.Named{ID: "f", Name: "F"}, Category: "c", Service: usage.Service{Name: "s", Category: "Compute"}},
		{ID: "m2", Name: "Metric 2", Unit: "Requests", Service: usage.Service{Name: "s", Category: "Compute", Subcategory: "x"}},
	}
	end := decimal.New(5, 0)
	book := usage.PriceBook{ID: "b", Currency: "USD", Prices: []usage.Price{
		{Metric: "m1", SKU: "m1-1", Unit: "GB", Tiers: []usage.Tier{{}}},
		{Metric: "m2", SKU: "m2-1", Unit: "1000 Requests", Tiers: []usage.Tier{{UpTo: &end}, {}}},
	}}
	var all []Bill
	for i := range metrics {
		for _, period := range []usage.Period{{Start: 20_000, End: 20_030}, {Start: 20_030, End: 20_061}} {
			all = append(all,
				Bill{Metric: &metrics[i], Period: period},
				Bill{Metric: &metrics[i], Period: period, Book: &book, Price: &book.Prices[i]})
		}
	}
	return all
}
