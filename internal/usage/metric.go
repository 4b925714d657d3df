package usage

import (
	"errors"
	"fmt"
	"slices"
)

// Aggregation says how the events of one day become one quantity.
type Aggregation string

// The aggregations.
const (
	Sum         Aggregation = "sum"          // all quantities together
	Maximum     Aggregation = "max"          // the largest
	Average     Aggregation = "average"      // the mean, by the weight of each event
	Last        Aggregation = "last"         // that of the latest event
	UniqueCount Aggregation = "unique_count" // how many different keys
)

// Valid reports whether a is an aggregation.
func (a Aggregation) Valid() bool {
	switch a {
	case Sum, Maximum, Average, Last, UniqueCount:
		return true
	}
	return false
}

// Metric is something that is measured and billed. Its ID and Aggregation
// never change; names may, and rows keep the name they were made with.
type Metric struct {
	ID          MetricID
	Name        string
	Unit        string // of the quantity of a day, such as Requests or GB-Days
	Aggregation Aggregation
	Family      Named // the product family
	Category    string
	Service     Service
}

// Service is the place of a metric in the classification of FOCUS.
type Service struct {
	Name, Category, Subcategory string
}

// Catalogue is a set of metrics: one immutable version.
type Catalogue struct {
	Version string
	Metrics []Metric // in order of ID
	byID    map[MetricID]int
}

// NewCatalogue checks the metrics and puts them in order.
func NewCatalogue(version string, metrics []Metric) (*Catalogue, error) {
	c := &Catalogue{Version: version, Metrics: slices.Clone(metrics), byID: make(map[MetricID]int, len(metrics))}
	slices.SortFunc(c.Metrics, func(a, b Metric) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	for i := range c.Metrics {
		m := &c.Metrics[i]
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("metric %s: %w", m.ID, err)
		}
		if _, twice := c.byID[m.ID]; twice {
			return nil, fmt.Errorf("metric %s is there twice", m.ID)
		}
		c.byID[m.ID] = i
	}
	return c, nil
}

// Metric returns the metric of that name.
func (c *Catalogue) Metric(name MetricID) (*Metric, bool) {
	i, ok := c.byID[name]
	if !ok {
		return nil, false
	}
	return &c.Metrics[i], true
}

func (m *Metric) check() error {
	switch {
	case !ValidName(string(m.ID)):
		return errors.New("an id has 1 to 64 of the characters a-z, 0-9, _ and -, and begins with a letter")
	case m.Name == "":
		return errors.New("it has no name")
	case m.Unit == "":
		return errors.New("it has no unit")
	case !m.Aggregation.Valid():
		return fmt.Errorf("%q is none of the aggregations sum, max, average, last, unique_count", m.Aggregation)
	case m.Service.Name == "" || m.Service.Category == "":
		return errors.New("it has no service name or service category")
	}
	return nil
}

// ValidName reports whether s may name a metric or a price book.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
