// Package focus is the shape of a bill: the columns of the Cost and Usage
// dataset of FOCUS 1.3, the rows that usage makes, writers and readers for CSV,
// JSON lines and Parquet, and the metadata document that goes with a dataset.
//
// Every writer writes the same values. Numbers are plain decimals without an
// exponent, times are UTC and end in Z, and what has no value is null: an empty
// field in CSV, null in JSON and in Parquet, never an empty text or a zero.
package focus

import (
	"time"

	"github.com/orgd/orgd/internal/usage"
)

// Version is the version of FOCUS that the rows follow.
const Version = "1.3"

// Type is the type of a column.
type Type uint8

// The types of columns.
const (
	String Type = iota
	Decimal
	DateTime
	KeyValue // a JSON object of names and values, as text
)

// String returns the type as metadata names it.
func (t Type) String() string {
	switch t {
	case Decimal:
		return "DECIMAL"
	case DateTime:
		return "DATETIME"
	case KeyValue:
		return "JSON"
	}
	return "STRING"
}

// Level says whether a dataset must have a column.
type Level uint8

// The levels of columns.
const (
	Mandatory Level = iota
	Conditional
	Recommended
	Custom // not of FOCUS: begins with x_
)

// Value is what a row has in a column. The zero value is null.
type Value struct {
	set    bool
	text   string
	number usage.Decimal
	at     time.Time
}

// IsNull reports whether there is no value.
func (v *Value) IsNull() bool { return !v.set }

func textValue(s string) Value { return Value{set: s != "", text: s} }

func numberValue(d usage.Decimal) Value { return Value{set: true, number: d} }

func maybeNumber(d Amount) Value { return Value{set: d.Valid, number: d.Decimal} }

func dayValue(d usage.Day) Value { return Value{set: true, at: d.Start()} }

// Format returns the value of a column of that type as CSV has it.
func (v *Value) Format(t Type) string {
	switch {
	case !v.set:
		return ""
	case t == Decimal:
		return v.number.String()
	case t == DateTime:
		return v.at.UTC().Format(time.RFC3339)
	}
	return v.text
}
