package focus

import (
	"encoding/json"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/usage"
)

// Amount is a decimal, or null.
type Amount = decimal.NullDecimal

func some(d usage.Decimal) Amount { return Amount{Decimal: d, Valid: true} }

// Entity is an account, a zone or another thing with an id, a name and a type.
type Entity struct {
	ID, Name, Type string
}

// Row is one charge. Empty texts are null.
type Row struct {
	BillingAccount, SubAccount Entity
	Currency                   usage.Currency
	BillingPeriod              usage.Period
	ChargePeriod               usage.Period
	Category, Class            string
	Description, Frequency     string
	Consumed, Pricing          Amount
	ConsumedUnit, PricingUnit  string
	ListPrice, ContractedPrice Amount
	ListCost, ContractedCost   usage.Decimal
	BilledCost, EffectiveCost  usage.Decimal
	Provider                   Provider
	InvoiceID, PricingCategory string
	Region                     usage.Named
	Zone                       usage.Named
	Service                    usage.Service
	SKU, Meter                 string
	SKUPrice, SKUDetails       string
	Tags                       string
	Metric                     usage.Named
	Family                     usage.Named
	ProductCategory            string
	Free                       bool // there is no price: costs and billing period are null
}

// Provider names who provides, hosts and invoices.
type Provider struct {
	Service, Host, Issuer string
}

// Mapping says which level of the tree is the billing account.
type Mapping string

// The mappings.
const (
	// Cloudflare: every account is a billing account.
	Cloudflare Mapping = "cloudflare"
	// Consolidated: the root of the tree is the billing account, which has
	// one invoice; accounts are its sub accounts.
	Consolidated Mapping = "consolidated"
)

// Valid reports whether m is a mapping.
func (m Mapping) Valid() bool { return m == Cloudflare || m == Consolidated }

// The types of accounts.
const (
	typeAccount      = "Account"
	typeOrganization = "Organization"
)

// Bill is what the rows of one account, metric and billing period have in
// common.
type Bill struct {
	Mapping       Mapping
	Provider      Provider
	Account, Root usage.Named
	Metric        *usage.Metric
	Book          *usage.PriceBook
	Price         *usage.Price
	Period        usage.Period
	InvoiceID     string
	Tags          map[string]string
}

// accounts returns billing account and sub account.
func (b *Bill) accounts() (billing, sub Entity) {
	account := Entity{b.Account.ID, b.Account.Name, typeAccount}
	if b.Mapping == Consolidated {
		return Entity{b.Root.ID, b.Root.Name, typeOrganization}, account
	}
	return account, Entity{}
}

// Usage returns the row of a charge. A correction is of a period that was
// closed before b's.
func (b *Bill) Usage(c *usage.Charge, correction bool) Row {
	r := b.used(c, correction)
	r.Pricing, r.PricingUnit = some(c.Pricing), b.Price.Unit
	r.ListPrice, r.ContractedPrice = some(c.List), some(c.Contracted)
	r.ListCost, r.ContractedCost = c.ListCost(), c.ContractedCost()
	r.BilledCost, r.EffectiveCost = r.ContractedCost, r.ContractedCost
	r.PricingCategory = "Standard"
	r.SKUPrice = b.skuPrice(c)
	return r
}

// skuPrice names the price of a charge, with its tier where there are several.
func (b *Bill) skuPrice(c *usage.Charge) string {
	switch {
	case b.Price == nil:
		return ""
	case len(b.Price.Tiers) > 1:
		return b.Price.SKU + "-tier-" + strconv.Itoa(c.Tier+1)
	}
	return b.Price.SKU
}

// Unpriced returns the row of consumption that has no price: its quantity, and
// no costs and no billing period. It has a place where usage is shown, not in a
// dataset of FOCUS, whose rows all have costs.
func (b *Bill) Unpriced(c *usage.Charge, correction bool) Row {
	r := b.used(c, correction)
	r.Free = true
	return r
}

// used returns what a row says about consumption, whatever it costs.
func (b *Bill) used(c *usage.Charge, correction bool) Row {
	r := b.row()
	r.ChargePeriod = usage.Period{Start: c.Day, End: c.Day + 1}
	r.Category, r.Frequency = "Usage", "Usage-Based"
	r.Description = b.Metric.Name + " - daily usage"
	if correction {
		r.Class = "Correction"
		r.Description = b.Metric.Name + " - correction"
	}
	r.Consumed, r.ConsumedUnit = some(c.Consumed), b.Metric.Unit
	r.SKU, r.Meter = string(b.Metric.ID), b.Metric.Name
	r.Region, r.Zone = c.Place.Region, c.Place.Zone
	return r
}

// Fee returns the row of a charge that is no usage. Metric, Book and Price of
// the bill are not needed.
func (b *Bill) Fee(f *usage.Fee) Row {
	r := b.row()
	r.Currency, r.ChargePeriod, r.Description = f.Currency, f.Days, f.Description
	r.Category, r.Frequency = string(f.Category), "One-Time"
	if f.Recurring {
		r.Frequency = "Recurring"
	}
	if r.Service = f.Service; f.Service.Name == "" {
		r.Service = usage.Service{Name: "Platform", Category: "Other", Subcategory: "Other (Other)"}
	}
	r.ListCost, r.ContractedCost, r.BilledCost, r.EffectiveCost = f.Amount, f.Amount, f.Amount, f.Amount
	if f.Category == usage.Purchase {
		r.Pricing, r.PricingUnit, r.PricingCategory = some(decimal.New(1, 0)), "Units", "Standard"
		r.ListPrice, r.ContractedPrice = some(f.Amount), some(f.Amount)
		r.SKU, r.Meter, r.SKUPrice = "fee", "Fixed fee", f.ID
	}
	return r
}

// row returns what all rows of the bill have.
func (b *Bill) row() Row {
	r := Row{BillingPeriod: b.Period, Provider: b.Provider, InvoiceID: b.InvoiceID, Tags: tags(b.Tags)}
	if b.Book != nil {
		r.Currency = b.Book.Currency
	}
	if m := b.Metric; m != nil {
		r.Service, r.Family, r.ProductCategory = m.Service, m.Family, m.Category
		r.Metric = usage.Named{ID: string(m.ID), Name: m.Name}
	}
	r.BillingAccount, r.SubAccount = b.accounts()
	return r
}

// tags writes tags as an object, in order of their keys; no tags are null.
func tags(t map[string]string) string {
	if len(t) == 0 {
		return ""
	}
	text, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	return string(text)
}
