package openapitest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

func unnamedError(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return fmt.Errorf("keys that the document does not name: %s", strings.Join(keys, ", "))
}

// unnamedKeys returns JSON pointers to the keys in value that none of the
// schemas names. All schemas apply to the value. Of several alternatives the
// one that explains most counts.
func unnamedKeys(schemas []*openapi3.Schema, value any, pointer string) []string {
	var best []string
	found := false
	for _, view := range views(schemas) {
		if !fits(view, value) {
			continue
		}
		keys := unnamedInView(view, value, pointer)
		if !found || len(keys) < len(best) {
			best, found = keys, true
		}
	}
	return best
}

// views resolves allOf, anyOf and oneOf: each view is a set of schemas that
// apply together.
func views(schemas []*openapi3.Schema) [][]*openapi3.Schema {
	all := [][]*openapi3.Schema{nil}
	for _, s := range schemas {
		own := [][]*openapi3.Schema{{s}}
		if len(s.AllOf) > 0 {
			own = cross(own, views(values(s.AllOf)))
		}
		for _, alternatives := range []openapi3.SchemaRefs{s.AnyOf, s.OneOf} {
			var either [][]*openapi3.Schema
			for _, one := range alternatives {
				either = append(either, views([]*openapi3.Schema{one.Value})...)
			}
			if len(either) > 0 {
				own = cross(own, either)
			}
		}
		all = cross(all, own)
	}
	return all
}

func cross(left, right [][]*openapi3.Schema) [][]*openapi3.Schema {
	var product [][]*openapi3.Schema
	for _, l := range left {
		for _, r := range right {
			product = append(product, slices.Concat(l, r))
		}
	}
	return product
}

func values(refs openapi3.SchemaRefs) []*openapi3.Schema {
	schemas := make([]*openapi3.Schema, len(refs))
	for i, ref := range refs {
		schemas[i] = ref.Value
	}
	return schemas
}

func fits(view []*openapi3.Schema, value any) bool {
	for _, s := range view {
		if s.VisitJSON(value) != nil {
			return false
		}
	}
	return true
}

func unnamedInView(view []*openapi3.Schema, value any, pointer string) []string {
	var unnamed []string
	switch v := value.(type) {
	case []any:
		items := itemSchemas(view)
		for i, element := range v {
			unnamed = append(unnamed, unnamedKeys(items, element, pointer+"/"+strconv.Itoa(i))...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := pointer + "/" + key
			schemas, named := propertySchemas(view, key)
			if !named {
				unnamed = append(unnamed, at)
				continue
			}
			if len(schemas) > 0 {
				unnamed = append(unnamed, unnamedKeys(schemas, v[key], at)...)
			}
		}
	}
	return unnamed
}

func itemSchemas(view []*openapi3.Schema) []*openapi3.Schema {
	var items []*openapi3.Schema
	for _, s := range view {
		if s.Items != nil {
			items = append(items, s.Items.Value)
		}
	}
	return items
}

// propertySchemas returns what applies to a key, and whether anything names
// it. Below a key that only a free-form object names, nothing applies.
func propertySchemas(view []*openapi3.Schema, key string) ([]*openapi3.Schema, bool) {
	var schemas []*openapi3.Schema
	named := false
	for _, s := range view {
		additional := s.AdditionalProperties
		switch {
		case s.Properties[key] != nil:
			schemas, named = append(schemas, s.Properties[key].Value), true
		case additional.Schema != nil:
			schemas, named = append(schemas, additional.Schema.Value), true
		case additional.Has != nil && *additional.Has:
			named = true
		}
	}
	return schemas, named
}
