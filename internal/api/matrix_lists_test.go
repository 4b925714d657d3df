package api_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orgd/orgd/internal/engine/enginetest"
)

// page is one page of a list.
type page struct {
	Result []struct {
		ID      string
		Name    string
		Profile json.RawMessage
		Account struct{ ID string }
	}
	ResultInfo struct {
		TotalSize     *int   `json:"total_size"`
		TotalCount    int    `json:"total_count"`
		NextPageToken string `json:"next_page_token"`
	} `json:"result_info"`
}

// TestListsShowWhatIsSeen compares every list with what its caller sees, and
// every filter by something hidden with the same filter by nothing.
func TestListsShowWhatIsSeen(t *testing.T) {
	t.Parallel()
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, e.Open(t))
			w.plant(t)
			w.plantHidden(t)
			callers := w.callers(t, func(_ position, role string) bool {
				return has("organization_super_administrator organization_billing account_read_only", role)
			})
			for _, c := range callers {
				if c.refused != 0 {
					continue
				}
				t.Run(c.who+" "+c.role, func(t *testing.T) {
					t.Parallel()
					w.checkOrganizations(t, c)
					w.checkAccounts(t, c)
					w.checkOwnLists(t, c)
					w.checkFilters(t, c)
				})
			}
		})
	}
}

// plantHidden makes a user who is a member where only the founder looks.
func (w *world) plantHidden(t *testing.T) {
	t.Helper()
	w.ids["Z"] = w.send(w.founder, "POST", cf+"/organizations", `{"name":"Z name"}`).at(t, "id")
	w.ids["spy"] = w.newUser(t, "spy").id
	w.join(t, w.founder, "Z", "spy@world.test", "organization_read_only")
}

// seen returns the objects in names that c sees, in the order of names.
func (c *caller) seen(names ...string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return c.hides(n) })
}

func (w *world) checkOrganizations(t *testing.T, c *caller) {
	t.Helper()
	// What is listed, in order of creation. D was deleted.
	want := c.seen("P", "T", "C", "E", "S", "X")
	var got []string
	target := cf + "/organizations?page_size=2"
	for token := ""; ; {
		p := w.page(t, c, target+token)
		if p.ResultInfo.TotalSize == nil || *p.ResultInfo.TotalSize != len(want) {
			t.Errorf("%s%s by %s: %v organizations in total, want %d", target, token, c.name, p.ResultInfo.TotalSize, len(want))
		}
		for _, o := range p.Result {
			name := w.name(o.ID)
			got = append(got, name)
			repeats := has("P T S", name) && c.sight(name) != named
			if (o.Profile != nil) != repeats {
				t.Errorf("%s by %s: the profile of %s is %s", target, c.name, name, o.Profile)
			}
		}
		if p.ResultInfo.NextPageToken == "" {
			break
		}
		token = "&page_token=" + url.QueryEscape(p.ResultInfo.NextPageToken)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("organizations by %s (-want +got):\n%s", c.name, diff)
	}
	for _, o := range want {
		p := w.page(t, c, cf+"/organizations?id="+w.ids[o]+"&id="+unknown)
		if len(p.Result) != 1 || p.Result[0].ID != w.ids[o] {
			t.Errorf("organization %s is not found by its id by %s: %+v", o, c.name, p)
		}
	}
}

// name returns which object of the world has an identifier.
func (w *world) name(id string) string {
	for name, other := range w.ids {
		if other == id {
			return name
		}
	}
	return id
}

func (w *world) page(t *testing.T, c *caller, target string) page {
	t.Helper()
	a := w.send(c.client, "GET", target, "")
	var p page
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 {
		t.Fatalf("GET %s by %s: %d %s", target, c.name, a.status, a.body)
	}
	return p
}

func (w *world) names(p page) []string {
	var names []string
	for _, o := range p.Result {
		if o.Account.ID != "" {
			o.ID = o.Account.ID
		}
		names = append(names, w.name(o.ID))
	}
	slices.Sort(names)
	return names
}

func (w *world) checkAccounts(t *testing.T, c *caller) {
	t.Helper()
	want := c.seen("AC", "AL", "AS", "AT")
	p := w.page(t, c, cf+"/accounts?per_page=50")
	if diff := cmp.Diff(want, w.names(p), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("accounts by %s (-want +got):\n%s", c.name, diff)
	}
	if p.ResultInfo.TotalCount != len(want) {
		t.Errorf("accounts by %s: %d in total, want %d", c.name, p.ResultInfo.TotalCount, len(want))
	}
	for _, a := range want {
		// The path to the root, the root first: whoever sees the account sees it.
		chain := map[string][]string{"AT": {"P", "T"}, "AC": {"P", "T", "C"}, "AS": {"P", "S"}}[a]
		var got []string
		for _, o := range w.page(t, c, cf+"/accounts/"+w.ids[a]+"/organizations").Result {
			got = append(got, w.name(o.ID))
			if c.sight(w.name(o.ID)) == named && o.Profile != nil {
				t.Errorf("path of %s by %s: %s has its profile", a, c.name, w.name(o.ID))
			}
		}
		if diff := cmp.Diff(chain, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("path of %s by %s (-want +got):\n%s", a, c.name, diff)
		}
	}
}

// checkOwnLists compares the lists of what the caller itself is a member of.
func (w *world) checkOwnLists(t *testing.T, c *caller) {
	t.Helper()
	var tenants, memberships []string
	for object, s := range c.sees {
		switch {
		case s == itself && c.account == "":
			tenants = append(tenants, object)
		case s == itself:
			memberships = append(memberships, object)
		}
	}
	if c.rights != "" {
		tenants = []string{"P"} // the token shows it, the role is on it
	}
	for target, want := range map[string][]string{
		"/user/tenants": tenants, "/memberships": memberships, "/user/organizations": memberships,
	} {
		slices.Sort(want)
		if diff := cmp.Diff(want, w.names(w.page(t, c, cf+target)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s by %s (-want +got):\n%s", target, c.name, diff)
		}
	}
}

// checkFilters asks every filter about every hidden object.
func (w *world) checkFilters(t *testing.T, c *caller) {
	t.Helper()
	organizations := []string{"P", "T", "C", "E", "S", "X", "Y", "Z", "D"}
	for _, o := range organizations {
		if !c.hides(o) {
			continue
		}
		for _, filter := range []string{"id=", "parent.id=", "containing.organization="} {
			w.checkSame(t, c, "/organizations?"+filter, w.ids[o], unknown)
			w.checkSame(t, c, "/organizations?id="+w.ids["P"]+"&"+filter, w.ids[o], unknown)
		}
		for _, filter := range []string{"name=", "name.startsWith=", "name.endsWith=", "name.contains="} {
			w.checkSame(t, c, "/organizations?"+filter, url.QueryEscape(o+" name"), "no+such+name")
		}
	}
	for _, a := range []string{"AT", "AC", "AS", "AL"} {
		if c.hides(a) {
			w.checkSame(t, c, "/organizations?containing.account=", w.ids[a], unknown)
			w.checkSame(t, c, "/accounts?name=", url.QueryEscape(a+" name"), "no+such+name")
		}
	}
	w.checkSame(t, c, "/organizations?containing.user=", w.ids["spy"], unknown)
	// The person is a member of T, of which only those are told who may read
	// members there.
	if want := c.seen("P", "T"); c.may("member.read", "T") {
		p := w.page(t, c, cf+"/organizations?containing.user="+w.ids["person"])
		if diff := cmp.Diff(want, w.names(p), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("containing the person, by %s (-want +got):\n%s", c.name, diff)
		}
	} else {
		w.checkSame(t, c, "/organizations?containing.user=", w.ids["person"], unknown)
	}
}

// checkSame demands the same answer to two values of a filter.
func (w *world) checkSame(t *testing.T, c *caller, filter, value, other string) {
	t.Helper()
	hidden := w.send(c.client, "GET", cf+filter+value, "")
	absent := w.send(c.client, "GET", cf+filter+other, "")
	if diff := differ(hidden, absent); diff != "" || hidden.status != 200 {
		t.Errorf("%s%s by %s tells what is hidden: %s\nhidden: %d %s\nabsent: %d %s",
			filter, value, c.name, diff, hidden.status, hidden.body, absent.status, absent.body)
	}
}

// TestUnknownIdsLookAlike sends whatever fits in a path where an identifier
// belongs: the answer is that to an identifier that nothing has.
func TestUnknownIdsLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.All(t)[0].Open(t))
	w.plant(t)
	for _, route := range slices.Sorted(maps.Keys(matrix)) {
		method, path, _ := strings.Cut(route, " ")
		if !strings.Contains(path, "{") {
			continue
		}
		for i, m := range matrix[route] {
			want := w.sendPath(path, method, m.body, unknown)
			if want.status != 404 || want.code() != 1003 {
				t.Errorf("%s with an unknown id: got %d %s", route, want.status, want.body)
			}
			for _, id := range []string{"x", "%00", "a%2Fb", "%2Fb", "%ff", "a%20b", strings.Repeat("a", 300), strings.ToUpper(unknown), "%2e%2e"} {
				if diff := differ(want, w.sendPath(path, method, m.body, id)); diff != "" {
					t.Errorf("%s case %d: id %s differs from an unknown one in %s", route, i, id, diff)
				}
			}
		}
	}
}

// sendPath sends a request of the founder, who is an administrator of the
// instance here, with id in place of every identifier of a path.
func (w *world) sendPath(path, method, body, id string) answer {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = id
		}
	}
	body = w.expand(body, map[string]string{"fresh": "x"}, func(string) bool { return true })
	by := w.founder
	if strings.HasPrefix(path, own+"/users") {
		by = w.admin
	}
	target := strings.Join(segments, "/")
	if strings.HasSuffix(path, "/access") {
		target += "?user=" + unknown
	}
	if strings.Contains(path, "/logs/audit") {
		target += window
	}
	switch {
	case strings.HasSuffix(path, "/proofs/inclusion"):
		target += "?audit_id=" + unknown
	case strings.HasSuffix(path, "/proofs/consistency"):
		target += "?from=0"
	}
	return w.send(by, method, target, body)
}
