package main

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

const (
	collection = "organizations"
	signedIn   = `@request.auth.id != ""`
	branches   = 25
)

// load creates the collection and fills it with rows organizations, a tree of three levels under one root.
// It returns the ids in the order of creation.
func load(app core.App, rows int) ([]string, error) {
	c := organizations()
	if err := app.Save(c); err != nil {
		return nil, fmt.Errorf("create the collection: %w", err)
	}
	ids := make([]string, 0, rows)
	err := app.RunInTransaction(func(tx core.App) error {
		for n := range rows {
			record := core.NewRecord(c)
			record.Load(organization(n, ids))
			if err := tx.Save(record); err != nil {
				return fmt.Errorf("organization %d: %w", n, err)
			}
			ids = append(ids, record.Id)
		}
		return nil
	})
	return ids, err
}

// organizations has the columns of orgd's organization, with the same indexes.
func organizations() *core.Collection {
	c := core.NewBaseCollection(collection)
	rule := signedIn
	c.ListRule, c.ViewRule, c.CreateRule = &rule, &rule, &rule
	c.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 100},
		&core.TextField{Name: "name_fold", Max: 100},
		&core.TextField{Name: "parent"},
		&core.TextField{Name: "path", Max: 1000},
		&core.NumberField{Name: "depth"},
		&core.TextField{Name: "managed_by"},
		&core.NumberField{Name: "deleted"},
		&core.TextField{Name: "business_address"},
		&core.TextField{Name: "business_email"},
		&core.TextField{Name: "business_name"},
		&core.TextField{Name: "business_phone"},
		&core.TextField{Name: "external_metadata"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("organizations_parent", false, "parent, created, id", "")
	c.AddIndex("organizations_name", false, "name_fold, created, id", "")
	c.AddIndex("organizations_created", false, "created, id", "") // the order of the list
	return c
}

func organization(n int, ids []string) map[string]any {
	o := map[string]any{
		"name": fmt.Sprintf("Organization %05d", n), "name_fold": fmt.Sprintf("organization %05d", n),
		"business_address": "1 Example Street, Springfield", "business_email": fmt.Sprintf("b%05d@example.com", n),
		"business_name": fmt.Sprintf("Business %05d", n), "business_phone": "+1 555 0100",
	}
	if n > 0 {
		parent := ids[(n-1)/branches]
		o["parent"], o["path"], o["depth"] = parent, ids[0]+"/"+parent, 2
	}
	return o
}
