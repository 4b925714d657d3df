package audit_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/orgd/orgd/internal/audit"
)

// TestCategoriesHaveEveryProduct reads the products out of the catalogue.
func TestCategoriesHaveEveryProduct(t *testing.T) {
	in := make(map[string]int)
	for _, c := range audit.Categories() {
		for _, p := range c.Products {
			in[p.Value]++
		}
	}
	text, err := os.ReadFile("action.go")
	if err != nil {
		t.Fatal(err)
	}
	actions := regexp.MustCompile(`Action\{\w+, "\w+", "(\w+)"`).FindAllSubmatch(text, -1)
	if len(actions) < 20 {
		t.Fatalf("found %d actions in the catalogue", len(actions))
	}
	named := make(map[string]bool)
	for _, a := range actions {
		named[string(a[1])] = true
		if in[string(a[1])] != 1 {
			t.Errorf("product %s is in %d categories", a[1], in[string(a[1])])
		}
	}
	for p := range in {
		if !named[p] {
			t.Errorf("no action has the product %s", p)
		}
	}
}
