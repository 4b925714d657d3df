package focus

import (
	"math"
	"strconv"

	"github.com/orgd/orgd/internal/usage"
)

// Encoder writes charges as AppendObject writes their rows, with the account as
// billing account, and remembers what rows have in common: a metric's name and
// unit, a price's currency and the like are the same in thousands of them.
type Encoder struct {
	columns  []Column
	provider Provider
	bills    map[billKey][]piece

	// Of the row at hand.

	bill           *Bill
	charge         *usage.Charge
	listCost, cost []byte
	day            usage.Day
	start, end     []byte // of the day, as JSON
}

// NewEncoder returns an encoder of those columns.
func NewEncoder(columns []Column, p Provider) *Encoder {
	return &Encoder{columns: columns, provider: p, bills: map[billKey][]piece{}, day: math.MinInt32}
}

// billKey is what the pieces of a row depend on.
type billKey struct {
	metric     *usage.Metric
	book       *usage.PriceBook
	price      *usage.Price
	period     usage.Period
	correction bool
}

// piece is text that all rows of a bill have, or the name of a column and what
// appends the value of a row, which may be none. Every value has a comma behind
// it.
type piece struct {
	text  []byte
	value func(e *Encoder, line []byte) []byte
}

// maxBills is how many bills are remembered: those of a few thousand prices.
const maxBills = 4096

// Append appends the row of a charge, a correction or not. Mapping, Provider
// and Root of the bill are not looked at.
func (e *Encoder) Append(line []byte, b *Bill, c *usage.Charge, correction bool) ([]byte, error) {
	key := billKey{b.Metric, b.Book, b.Price, b.Period, correction}
	pieces, known := e.bills[key]
	if !known {
		var err error
		if pieces, err = e.pieces(*b, c, correction); err != nil {
			return line, err
		}
		if len(e.bills) >= maxBills {
			clear(e.bills)
		}
		e.bills[key] = pieces
	}
	e.bill, e.charge = b, c
	if b.Price != nil {
		e.listCost = appendProduct(e.listCost[:0], c.List, c.Pricing)
		e.cost = appendProduct(e.cost[:0], c.Contracted, c.Pricing)
	}
	if c.Day != e.day {
		e.day = c.Day
		e.start, e.end = appendDay(e.start[:0], c.Day), appendDay(e.end[:0], c.Day+1)
	}
	line = append(line, '{')
	for i := range pieces {
		line = append(line, pieces[i].text...)
		if pieces[i].value != nil {
			line = pieces[i].value(e, line)
		}
	}
	if line[len(line)-1] == ',' {
		line = line[:len(line)-1]
	}
	return append(line, '}'), nil
}

// pieces splits the rows of a bill into what they have in common and what not.
func (e *Encoder) pieces(b Bill, c *usage.Charge, correction bool) ([]piece, error) {
	b.Mapping, b.Provider = Cloudflare, e.provider
	row := b.Unpriced(c, correction)
	if b.Price != nil {
		row = b.Usage(c, correction)
	}
	own := ownValues()
	var all []piece
	var text []byte
	for i := range e.columns {
		column := &e.columns[i]
		if value, ok := own[column.Name]; ok {
			if v := column.Of(&row); column.Type == Decimal && v.IsNull() {
				continue // of a row without a price
			}
			all = append(all, piece{text: text, value: value})
			text = nil
			continue
		}
		one, err := appendObject(nil, e.columns[i:i+1], &row, false)
		if err != nil {
			return nil, err
		}
		if len(one) > len("{}") {
			text = append(append(text, one[1:len(one)-1]...), ',')
		}
	}
	return append(all, piece{text: text}), nil
}

// ownValues are the columns that differ between the rows of a bill, or between
// accounts.
func ownValues() map[string]func(*Encoder, []byte) []byte {
	number := func(name string, of func(*usage.Charge) usage.Decimal) func(*Encoder, []byte) []byte {
		name = `"` + name + `":`
		return func(e *Encoder, line []byte) []byte {
			return append(appendDecimal(append(line, name...), of(e.charge)), ',')
		}
	}
	amount := func(name string, of func(*Encoder) []byte) func(*Encoder, []byte) []byte {
		name = `"` + name + `":`
		return func(e *Encoder, line []byte) []byte { return append(append(append(line, name...), of(e)...), ',') }
	}
	words := func(name string, of func(*Encoder) string) func(*Encoder, []byte) []byte {
		name = `"` + name + `":`
		return func(e *Encoder, line []byte) []byte {
			s := of(e)
			if s == "" {
				return line
			}
			line, _ = appendText(append(line, name...), s) // every text has JSON
			return append(line, ',')
		}
	}
	cost := func(e *Encoder) []byte { return e.cost }
	all := map[string]func(*Encoder, []byte) []byte{}
	for _, name := range []string{"BilledCost", "ContractedCost", "EffectiveCost"} {
		all[name] = amount(name, cost)
	}
	all["ListCost"] = amount("ListCost", func(e *Encoder) []byte { return e.listCost })
	all["ChargePeriodStart"] = amount("ChargePeriodStart", func(e *Encoder) []byte { return e.start })
	all["ChargePeriodEnd"] = amount("ChargePeriodEnd", func(e *Encoder) []byte { return e.end })
	all["ContractedUnitPrice"] = number("ContractedUnitPrice", func(c *usage.Charge) usage.Decimal { return c.Contracted })
	all["ListUnitPrice"] = number("ListUnitPrice", func(c *usage.Charge) usage.Decimal { return c.List })
	all["PricingQuantity"] = number("PricingQuantity", func(c *usage.Charge) usage.Decimal { return c.Pricing })
	all["ConsumedQuantity"] = number("ConsumedQuantity", func(c *usage.Charge) usage.Decimal { return c.Consumed })
	all["BillingAccountId"] = words("BillingAccountId", func(e *Encoder) string { return e.bill.Account.ID })
	all["BillingAccountName"] = words("BillingAccountName", func(e *Encoder) string { return e.bill.Account.Name })
	all["RegionId"] = words("RegionId", func(e *Encoder) string { return e.charge.Place.Region.ID })
	all["RegionName"] = words("RegionName", func(e *Encoder) string {
		if r := e.charge.Place.Region; r.Name == "" {
			return r.ID
		}
		return e.charge.Place.Region.Name
	})
	for _, prefix := range []string{"x_Zone", "Resource"} {
		all[prefix+"Id"] = words(prefix+"Id", func(e *Encoder) string { return e.charge.Place.Zone.ID })
		all[prefix+"Name"] = words(prefix+"Name", func(e *Encoder) string { return e.charge.Place.Zone.Name })
	}
	all["ResourceType"] = words("ResourceType", func(e *Encoder) string {
		if e.charge.Place.Zone.ID == "" {
			return ""
		}
		return "Zone"
	})
	all["SkuPriceId"] = words("SkuPriceId", func(e *Encoder) string { return e.bill.skuPrice(e.charge) })
	return all
}

// appendDay appends the start of a day as a JSON string.
func appendDay(line []byte, d usage.Day) []byte {
	v := dayValue(d)
	return append(append(append(line, '"'), v.Format(DateTime)...), '"')
}

// smallDigits is how many digits surely fit an int64.
const smallDigits = 18

// appendDecimal appends d as its String does.
func appendDecimal(line []byte, d usage.Decimal) []byte {
	if d.NumDigits() > smallDigits {
		return append(line, d.String()...)
	}
	return appendScaled(line, d.CoefficientInt64(), d.Exponent())
}

// appendProduct appends a times b.
func appendProduct(line []byte, a, b usage.Decimal) []byte {
	if a.NumDigits()+b.NumDigits() > smallDigits {
		return append(line, a.Mul(b).String()...)
	}
	return appendScaled(line, a.CoefficientInt64()*b.CoefficientInt64(), a.Exponent()+b.Exponent())
}

// appendScaled appends n times ten to the power of exponent, without an
// exponent and without zeros behind the last digit after the point.
func appendScaled(line []byte, n int64, exponent int32) []byte {
	if n == 0 {
		return append(line, '0')
	}
	for ; exponent < 0 && n%10 == 0; exponent++ {
		n /= 10
	}
	if n < 0 {
		line, n = append(line, '-'), -n
	}
	if exponent >= 0 {
		line = strconv.AppendInt(line, n, 10)
		for ; exponent > 0; exponent-- {
			line = append(line, '0')
		}
		return line
	}
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	point := len(text) + int(exponent)
	if point > 0 {
		return append(append(append(line, text[:point]...), '.'), text[point:]...)
	}
	line = append(line, "0."...)
	for ; point < 0; point++ {
		line = append(line, '0')
	}
	return append(line, text...)
}
