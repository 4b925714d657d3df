package api

import (
	"cmp"
	"slices"

	"github.com/orgd/orgd/internal/fault"
)

// Problem is a row of the table of refusals.
type Problem struct {
	Fault        fault.Code
	Status, Code int
}

// Problems returns the table of refusals.
func Problems() []Problem {
	var list []Problem
	for f, p := range problems {
		list = append(list, Problem{Fault: f, Status: p.status, Code: p.code})
	}
	slices.SortFunc(list, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Fault, b.Fault)) })
	return list
}
