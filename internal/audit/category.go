package audit

// Product is what records name as the product of their resource.
type Product struct {
	Value, Label string
}

// Category is a group of products that are looked for together.
type Category struct {
	Value, Label string
	Products     []Product
}

// Categories returns all categories. Every product of the catalogue of actions
// is in exactly one of them.
func Categories() []Category {
	return []Category{
		{"accounts", "Accounts", []Product{{"accounts", "Accounts"}, {"profile", "Profile"}}},
		{"billing", "Billing", []Product{{"budgets", "Budgets"}, {"usage", "Billable usage"}}},
		{"identity", "Identity and access", []Product{{"members", "Members"}, {"tokens", "API tokens"}, {"users", "Users"}}},
		{"logs", "Logs", []Product{{"logs", "Audit logs"}}},
		{"organizations", "Organizations", []Product{{"organizations", "Organizations"}}},
	}
}
