package focus

import (
	"time"

	"github.com/orgd/orgd/internal/usage"
)

// Metadata is the document beside a dataset: which columns it has, who made
// it, how recent it is and what of it is complete. Its keys are those of FOCUS.
type Metadata struct {
	DataGenerator DataGenerator
	Schema        Schema
	Recency       Recency
}

// DataGenerator names who made the data.
type DataGenerator struct {
	DataGenerator string
}

// Schema describes the columns.
type Schema struct {
	SchemaId             string
	FocusVersion         string
	CreationDate         string
	DataGeneratorVersion string
	ColumnDefinition     []ColumnDefinition
}

// ColumnDefinition describes one column.
type ColumnDefinition struct {
	ColumnName       string
	DataType         string
	Deprecated       bool   `json:",omitempty"`
	StringEncoding   string `json:",omitempty"`
	NumericPrecision int    `json:",omitempty"`
	NumberScale      int    `json:",omitempty"`
	// ProviderTagPrefixes is only there for Tags, where it must be.
	ProviderTagPrefixes []string `json:",omitempty"`
}

// Recency says what of the dataset is complete.
type Recency struct {
	DatasetInstanceId          string
	DatasetInstanceLastUpdated string
	RecencyLastUpdated         string
	TimeSectors                []TimeSector
}

// TimeSector is a span of time. What is complete can only change through
// corrections in a later billing period.
type TimeSector struct {
	TimeSectorStart       string
	TimeSectorEnd         string
	TimeSectorComplete    bool
	TimeSectorLastUpdated string
}

// The schema of this version. Another set of columns has another id.
const (
	schemaID      = "f3a6e1de-6e0b-5c6a-9d3f-0f0c05130001"
	schemaVersion = "1.0.0"
)

// SchemaCreated is when the set of columns was put together.
func schemaCreated() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }

// TagPrefix begins the keys of the tags that orgd itself sets.
const TagPrefix = "orgd:"

// Describe returns the metadata of the rows of the days from first up to but
// without end, which are complete before the day complete.
func Describe(generator string, first, end, complete usage.Day, now time.Time) Metadata {
	m := Metadata{
		DataGenerator: DataGenerator{generator},
		Schema: Schema{
			SchemaId: schemaID, FocusVersion: Version, CreationDate: schemaCreated().Format(time.RFC3339), DataGeneratorVersion: schemaVersion,
		},
	}
	m.Recency.DatasetInstanceId = "CostAndUsage"
	m.Recency.RecencyLastUpdated = now.UTC().Format(time.RFC3339)
	m.Recency.DatasetInstanceLastUpdated = m.Recency.RecencyLastUpdated
	for _, c := range Written() {
		m.Schema.ColumnDefinition = append(m.Schema.ColumnDefinition, define(&c))
	}
	border := min(max(complete, first), end)
	for _, s := range []struct {
		start, end usage.Day
		complete   bool
	}{{first, border, true}, {border, end, false}} {
		if s.start < s.end {
			m.Recency.TimeSectors = append(m.Recency.TimeSectors, TimeSector{
				TimeSectorStart: s.start.Start().Format(time.RFC3339), TimeSectorEnd: s.end.Start().Format(time.RFC3339),
				TimeSectorComplete: s.complete, TimeSectorLastUpdated: m.Recency.RecencyLastUpdated,
			})
		}
	}
	return m
}

func define(c *Column) ColumnDefinition {
	d := ColumnDefinition{ColumnName: c.Name, DataType: c.Type.String(), Deprecated: c.Deprecated}
	switch c.Type {
	case String, KeyValue:
		d.StringEncoding = "UTF-8"
	case Decimal:
		d.NumericPrecision, d.NumberScale = decimalPrecision, usage.MaxDecimals
	}
	if c.Name == "Tags" {
		d.ProviderTagPrefixes = []string{TagPrefix}
	}
	return d
}
