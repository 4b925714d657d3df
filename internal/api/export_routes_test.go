package api

// RouteRow is a row of the route table, for tests outside this package.
type RouteRow struct {
	Method, Path  string
	Permission    string // "any" for every credential, "none" for a public route
	DryRun        bool
	Organizations bool // errors leave result out
	Reads         bool // a POST that changes nothing
}

// Name returns "METHOD /path".
func (r RouteRow) Name() string { return r.Method + " " + r.Path }

// RouteTable returns the route table.
func RouteTable() []RouteRow {
	var rows []RouteRow
	for _, r := range routes() {
		row := RouteRow{
			Method: r.method, Path: r.path, Permission: r.permission.String(),
			DryRun: r.dryRun, Organizations: r.family == organizations, Reads: r.reads,
		}
		switch r.needs {
		case signedIn:
			row.Permission = "any"
		case nothing:
			row.Permission = "none"
		}
		rows = append(rows, row)
	}
	return rows
}
