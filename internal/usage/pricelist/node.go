package pricelist

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/orgd/orgd/internal/usage"
)

// problems collects what does not fit.
type problems struct {
	all []error
}

func (p *problems) at(n *yaml.Node, format string, args ...any) {
	p.all = append(p.all, fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...)))
}

// mapping is a YAML mapping whose keys are taken out one by one; done refuses
// those that nobody took.
type mapping struct {
	*problems
	node   *yaml.Node
	values map[string]*yaml.Node
	order  []string
	taken  map[string]bool
}

func (p *problems) mapping(n *yaml.Node, what string) *mapping {
	m := &mapping{problems: p, node: n, values: map[string]*yaml.Node{}, taken: map[string]bool{}}
	if n.Kind != yaml.MappingNode {
		p.at(n, "%s is not a mapping of keys to values", what)
		return m
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			p.at(key, "a key is a word")
			continue
		}
		if _, twice := m.values[key.Value]; twice {
			p.at(key, "%s is there twice", key.Value)
			continue
		}
		m.values[key.Value] = n.Content[i+1]
		m.order = append(m.order, key.Value)
	}
	return m
}

// take returns the value of a key, nil when it is absent or null.
func (m *mapping) take(key string) *yaml.Node {
	m.taken[key] = true
	n := m.values[key]
	if n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	return n
}

// done refuses keys that were not taken.
func (m *mapping) done() {
	for _, key := range m.order {
		if !m.taken[key] {
			known := make([]string, 0, len(m.taken))
			for k := range m.taken {
				known = append(known, k)
			}
			slices.Sort(known)
			m.at(m.values[key], "%q is none of the keys %s", key, strings.Join(known, ", "))
		}
	}
}

// text returns the text of a key, as it is written.
func (m *mapping) text(key string, required bool) string {
	n := m.take(key)
	if n == nil {
		if required {
			m.at(m.node, "%s is missing", key)
		}
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		m.at(n, "%s is not a text", key)
		return ""
	}
	return n.Value
}

// number returns the number of a key, as it is written: nothing makes a float
// of it on the way.
func (m *mapping) number(key string, places int32) *usage.Decimal {
	n := m.take(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode {
		m.at(n, "%s is not a number", key)
		return nil
	}
	d, err := usage.ParseDecimal(n.Value, places)
	if err != nil {
		m.at(n, "%s %v", key, err)
		return nil
	}
	return &d
}

// or returns the number, or another when there is none.
func or(d *usage.Decimal, other usage.Decimal) usage.Decimal {
	if d == nil {
		return other
	}
	return *d
}

// list returns the parts of a key's list.
func (m *mapping) list(key string) []*yaml.Node {
	n := m.take(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.at(n, "%s is not a list", key)
		return nil
	}
	return n.Content
}

// inner returns the mapping of a key, nil when it is absent.
func (m *mapping) inner(key string) *mapping {
	n := m.take(key)
	if n == nil {
		return nil
	}
	return m.mapping(n, key)
}
