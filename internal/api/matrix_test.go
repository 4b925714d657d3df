package api_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/engine/enginetest"
)

// The authorization matrix: every route, every role and every position that
// its holder may have, with what decisions about rights say must come of it.
// What is expected follows from the tables below, never from the code that is
// tested.

// organizationRights is what a role allows on the organization that it was
// granted on and on everything below it.
var organizationRights = map[string]string{
	"organization_super_administrator": "organization.read organization.create organization.update organization.delete " +
		"member.read member.write account.read account.create account.update account.delete account.move " +
		"profile.read profile.update audit.read audit.push audit.manage billing.read billing.write usage.push access.read",
	"organization_administrator": "organization.read organization.create organization.update organization.delete " +
		"member.read account.read account.create account.update account.delete account.move " +
		"profile.read profile.update audit.read audit.push audit.manage billing.read billing.write usage.push access.read",
	"organization_account_provisioner": "organization.read profile.read " +
		"account.read account.create account.update account.delete account.move",
	"organization_billing":      "organization.read profile.read account.read billing.read billing.write",
	"organization_audit_viewer": "organization.read account.read member.read audit.read",
	"organization_read_only":    "organization.read profile.read account.read member.read access.read",
}

// onlyBelow is what a role allows below the organization that it was granted
// on and not on that organization itself.
var onlyBelow = map[string]string{"organization_administrator": "organization.delete"}

// accountRights is what a role on one account allows.
var accountRights = map[string]string{
	"account_super_administrator": "account.read account.update account.delete account.move " +
		"member.read member.write profile.read profile.update audit.read billing.read billing.write usage.push access.read",
	"account_read_only": "account.read profile.read",
}

// sight is how much of an object somebody sees.
type sight int

const (
	hidden sight = iota // it does not exist
	named               // an organization on the path to what is seen, by name
	below               // with the rights of a role from above
	itself              // with the rights of a role on the very object
)

// position is where somebody stands to the objects of the world.
type position struct {
	who string
	// at is the organization that the role is on, account the account.
	at, account string
	also        string // another organization that the role is on
	// sees are the objects that are not hidden.
	sees map[string]sight
	// token changes the token: what it is limited to. Empty: to nothing.
	groups, resources []string
	rights            string // all that the token lets through, empty for everything
	byKey             bool   // no token at all
	// refused is the code of the answer to whatever is asked.
	refused int
	// own: the token lets through what concerns the user, and new roots.
	own bool
	// arrange completes the caller before the matrix runs.
	arrange func(*world, *testing.T, *client, position, string)
}

var (
	fromT = map[string]sight{"P": named, "T": itself, "C": below, "E": below, "D": below, "AT": below, "AC": below, "AD": below}
	fromP = map[string]sight{"P": itself, "T": below, "C": below, "E": below, "S": below, "D": below, "AT": below, "AC": below, "AS": below, "AD": below}
	fromC = map[string]sight{"P": named, "T": named, "C": itself, "AC": below}
	fromS = map[string]sight{"P": named, "S": itself, "AS": below}
)

// positions are those of members of organizations.
var positions = []position{
	{who: "own organization", at: "T", sees: fromT, own: true},
	{who: "own organization by key", at: "T", sees: fromT, own: true, byKey: true},
	{who: "ancestor's member", at: "P", sees: fromP, own: true},
	{who: "descendant's member", at: "C", sees: fromC, own: true},
	{who: "sibling's member", at: "S", sees: fromS, own: true},
	{
		who: "member on both sides", at: "C", also: "S", own: true,
		sees: map[string]sight{"P": named, "T": named, "C": itself, "S": itself, "AC": below, "AS": below},
	},
	{who: "stranger", at: "X", sees: map[string]sight{"X": itself}, own: true},
	{who: "invited", at: "T", own: true, arrange: (*world).inviteOnly},
	{who: "canceled", at: "T", own: true, arrange: (*world).cancel},
	{who: "disabled user", at: "T", refused: 9109, arrange: (*world).disable},
	{who: "expired token", at: "T", refused: 9109, arrange: (*world).expire},
	{
		who: "token limited to another subtree", at: "P", resources: []string{"organization.$S"},
		sees: map[string]sight{"P": named, "S": below, "AS": below},
	},
	{
		who: "token limited to an account", at: "P", resources: []string{"account.$AT"},
		sees: map[string]sight{"P": named, "T": named, "AT": below},
	},
	{
		who: "token that may only read", at: "P", groups: []string{"Organizations Read", "Account Settings Read"},
		resources: []string{"organization.*", "account.*"}, sees: fromP,
		rights: "organization.read member.read profile.read access.read account.read",
	},
}

// accountPositions are those of explicit members of one account.
var accountPositions = []position{
	{who: "account's member", account: "AT", sees: map[string]sight{"P": named, "T": named, "AT": itself}, own: true},
	{who: "sibling account's member", account: "AS", sees: map[string]sight{"P": named, "S": named, "AS": itself}, own: true},
	{who: "account's disabled member", account: "AT", refused: 9109, arrange: (*world).disable},
}

// caller is somebody in a position with a role.
type caller struct {
	client
	position
	role          string
	administrator bool
}

// callers makes one caller for each role in each position that keep wants, and
// some others.
func (w *world) callers(t *testing.T, keep func(p position, role string) bool) []*caller {
	t.Helper()
	var list []*caller
	add := func(positions []position, rights map[string]string) {
		for _, p := range positions {
			for _, role := range slices.Sorted(maps.Keys(rights)) {
				if keep(p, role) {
					list = append(list, w.newCaller(t, p, role))
				}
			}
		}
	}
	add(positions, organizationRights)
	add(accountPositions, accountRights)
	w.pass(2 * time.Hour) // ends the expired tokens
	return append(list,
		&caller{client: w.admin, position: position{who: "instance administrator", own: true}, administrator: true},
		&caller{client: w.newUser(t, "newcomer"), position: position{who: "nobody's member", own: true}},
		&caller{client: client{}, position: position{who: "nobody", refused: 9106}},
		&caller{client: client{token: "orgd_" + strings.Repeat("x", 43)}, position: position{who: "unknown token", refused: 9109}},
	)
}

func (w *world) newCaller(t *testing.T, p position, role string) *caller {
	t.Helper()
	name := strings.ReplaceAll(p.who+" "+role, " ", "-")
	name = strings.ReplaceAll(name, "'", "")
	c := &caller{client: w.newUser(t, name), position: p, role: role}
	c.name = p.who + " with " + role
	switch {
	case p.who == "invited":
	case p.account != "":
		w.joinAccount(t, p.account, c.email, role)
	default:
		by := w.founder
		if p.at == "X" {
			by = w.other
		}
		w.ids["member "+c.email] = w.join(t, by, p.at, c.email, role)
		if p.also != "" {
			w.join(t, by, p.also, c.email, role)
		}
	}
	if p.byKey {
		c.token = ""
	}
	if p.resources != nil {
		groups, resources := p.groups, slices.Clone(p.resources)
		if groups == nil {
			groups = w.everyGroup()
		}
		for i, r := range resources {
			resources[i] = w.expand(r, nil, func(string) bool { return false })
		}
		c.client = w.withToken(t, c.client, groups, resources, "")
	}
	if p.arrange != nil {
		p.arrange(w, t, &c.client, p, role)
	}
	return c
}

func (w *world) inviteOnly(t *testing.T, c *client, p position, role string) {
	body := `{"member":{"user":{"email":"` + c.email + `"},"role":"` + role + `"}}`
	w.send(w.founder, "POST", "/client/v4/organizations/"+w.ids[p.at]+"/members", body).at(t, "id")
}

func (w *world) cancel(t *testing.T, c *client, p position, _ string) {
	target := "/client/v4/organizations/" + w.ids[p.at] + "/members/" + w.ids["member "+c.email]
	if a := w.send(w.founder, "DELETE", target, ""); a.status != 204 {
		t.Fatalf("DELETE %s: %d %s", target, a.status, a.body)
	}
}

func (w *world) disable(t *testing.T, c *client, _ position, _ string) {
	w.send(w.admin, "POST", "/orgd/v1/users/"+c.id+"/disable", "").at(t, "id")
}

func (w *world) expire(t *testing.T, c *client, _ position, _ string) {
	at := w.now.Load().Add(time.Hour).Format(time.RFC3339)
	*c = w.withToken(t, *c, w.everyGroup(), []string{"organization.*", "account.*", "user." + c.id}, `,"expires_on":"`+at+`"`)
}

// sight returns how much of an object the caller sees.
func (c *caller) sight(object string) sight { return c.sees[object] }

// hides reports whether an object of the world does not exist for the caller.
// A deleted account exists for those who have a right to its bills.
func (c *caller) hides(object string) bool {
	if object == "AD" && !c.may("billing.read", object) && !c.may("billing.write", object) {
		return true
	}
	return len(object) <= 2 && c.sees[object] == hidden
}

// may reports whether the caller holds a right on an object that it sees.
func (c *caller) may(right, object string) bool {
	if c.position.rights != "" && !has(c.position.rights, right) {
		return false
	}
	switch object {
	case "user", "instance":
		return c.own
	case "administration":
		return c.administrator
	}
	s := c.sight(object)
	if s == named || s == hidden {
		return false
	}
	if c.account != "" {
		return has(accountRights[c.role], right)
	}
	return has(organizationRights[c.role], right) && !(s == itself && has(onlyBelow[c.role], right))
}

func has(words, word string) bool { return slices.Contains(strings.Fields(words), word) }

// need is one thing that a request needs of its caller: to see an object, and
// a right on it if one is named. A refusal may point at where the object is
// named. Needs are asked for in order.
type need struct{ object, right, pointer string }

// matrixCase is one request for a route.
type matrixCase struct {
	title  string // when a route has several
	needs  []need
	target string // with placeholders
	body   string
	header []string
	status int // when it is permitted
	code   int // and the code, if that is a refusal
	// keyCode is the code when it is permitted but asked with a key.
	keyCode int
	// make makes objects for one request and names them.
	make func(testing.TB, *world, *caller) map[string]string
}

// see and may write needs.
func see(object string) need          { return need{object: object} }
func may(right, object string) need   { return need{object: object, right: right} }
func (n need) at(pointer string) need { n.pointer = pointer; return n }

// expect returns status and body that a refusal must have; the body is empty
// where it is not a matter of rights.
func (m *matrixCase) expect(c *caller, r api.RouteRow) (status int, body string) {
	if r.Permission == "none" {
		return m.status, ""
	}
	end := `}],"messages":[],"result":null}`
	if r.Organizations {
		end = `}],"messages":[]}`
	}
	switch c.refused {
	case 9106:
		return 401, `{"success":false,"errors":[{"code":9106,"message":"No credentials: send Authorization: Bearer <token>, or X-Auth-Email and X-Auth-Key"` + end
	case 9109:
		return 401, `{"success":false,"errors":[{"code":9109,"message":"Invalid API token"` + end
	}
	for _, n := range m.needs {
		switch {
		case c.hides(n.object):
			return 404, ""
		case n.right != "" && !c.may(n.right, n.object):
			return 403, `{"success":false,"errors":[{"code":10000,"message":"Forbidden: needs ` + n.right + `"` + n.source() + end
		}
	}
	if m.keyCode != 0 && c.token == "" {
		return 400, ""
	}
	return m.status, ""
}

// elsewhere are the callers of which the other engines are asked: rights are
// decided in one place, and an engine only says who holds which.
func elsewhere(p position, role string) bool {
	return has("organization_super_administrator organization_administrator account_super_administrator", role) &&
		slices.Contains([]string{
			"own organization", "descendant's member", "sibling's member", "canceled", "disabled user", "expired token",
			"token limited to another subtree", "token limited to an account", "account's member",
		}, p.who)
}

// TestMatrix runs everything on SQLite, and what depends on the engine on the
// others.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for i, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, e.Open(t))
			w.plant(t)
			keep := elsewhere
			if i == 0 {
				keep = func(position, string) bool { return true }
			}
			callers := w.callers(t, keep)
			for _, r := range api.RouteTable() {
				t.Run(r.Name(), func(t *testing.T) {
					t.Parallel()
					for _, c := range callers {
						for _, m := range matrix[r.Name()] {
							w.check(t, c, r, &m)
						}
					}
				})
			}
		})
	}
}

// TestMatrixHasEveryRoute also holds the rows against the permissions in the
// route table, which the OpenAPI document shows.
func TestMatrixHasEveryRoute(t *testing.T) {
	t.Parallel()
	routes := make(map[string]bool)
	for _, r := range api.RouteTable() {
		routes[r.Name()] = true
		cases := matrix[r.Name()]
		if len(cases) == 0 {
			t.Errorf("%s has no row in the authorization matrix", r.Name())
		}
		for _, m := range cases {
			rights := 0
			named := false
			for _, n := range m.needs {
				if n.right != "" {
					rights++
					named = named || n.right == r.Permission
				}
			}
			if m.status == 404 || r.Name() == "GET /client/v4/organizations/{organization_id}" {
				continue // nobody is permitted; to see the name is enough
			}
			if open := r.Permission == "any" || r.Permission == "none"; open == (rights > 0) {
				t.Errorf("%s %s: the route table has %s, the matrix %v", r.Name(), m.title, r.Permission, m.needs)
			} else if !open && !named {
				t.Errorf("%s %s: no need is %s, as the route table has it: %v", r.Name(), m.title, r.Permission, m.needs)
			}
		}
	}
	for name := range matrix {
		if !routes[name] {
			t.Errorf("the authorization matrix has a row for %s, which is no route", name)
		}
	}
}

// check sends one request and compares what comes back.
func (w *world) check(t *testing.T, c *caller, r api.RouteRow, m *matrixCase) {
	t.Helper()
	own := map[string]string{"me": c.id, "email": c.email}
	if m.make != nil && c.refused == 0 {
		maps.Copy(own, m.make(t, w, c))
	}
	all := func(string) bool { return false }
	target, body := w.expand(m.target, own, all), w.expand(m.body, own, all)
	got := w.send(c.client, r.Method, target, body, m.header...)
	status, want := m.expect(c, r)
	about := r.Name() + " (" + m.title + ") by " + c.name
	if c.name == "" {
		about += c.who
	}
	if got.status != status || (want != "" && got.body != want) {
		t.Errorf("%s:\n %s %s\n got %d %s\nwant %d %s", about, target, body, got.status, got.body, status, want)
		return
	}
	if code := got.code(); status < 400 && code != 0 || m.code != 0 && status == m.status && code != m.code {
		t.Errorf("%s: got %d %s, want code %d", about, got.status, got.body, m.code)
	}
	if status == 404 {
		w.checkAbsence(t, c, m, about, r.Method, own, got)
	}
}

// checkAbsence sends the same request with nothing in place of what is hidden:
// the answer must not differ.
func (w *world) checkAbsence(t *testing.T, c *caller, m *matrixCase, about, method string, own map[string]string, got answer) {
	t.Helper()
	own = maps.Clone(own)
	for _, made := range []string{"token", "deleted", "invitation"} {
		delete(own, made)
	}
	absent := func(object string) bool { return object == "code" || object == "foreign" || c.hides(object) }
	target, body := w.expand(m.target, own, absent), w.expand(m.body, own, absent)
	nothing := w.send(c.client, method, target, body, m.header...)
	if diff := differ(got, nothing); diff != "" {
		t.Errorf("%s: the answer tells a hidden object from an absent one: %s\nhidden: %d %s\nabsent: %d %s",
			about, diff, got.status, got.body, nothing.status, nothing.body)
	}
	if got.code() != 1003 {
		t.Errorf("%s: got %s, want code 1003", about, got.body)
	}
}

// differ says in what two answers differ, but for their rays.
func differ(a, b answer) string {
	switch {
	case a.status != b.status:
		return "status"
	case a.body != b.body:
		return "body"
	}
	for name := range a.header {
		if name != "Cf-Ray" && !slices.Equal(a.header[name], b.header[name]) {
			return "header " + name
		}
	}
	if len(a.header) != len(b.header) {
		return "headers"
	}
	return ""
}

// code returns the code of the first error, 0 without one.
func (a answer) code() int {
	var envelope struct {
		Errors []struct{ Code int }
	}
	if err := json.Unmarshal([]byte(a.body), &envelope); err != nil || len(envelope.Errors) == 0 {
		return 0
	}
	return envelope.Errors[0].Code
}

// source returns where a refusal points.
func (n need) source() string {
	if n.pointer == "" {
		return ""
	}
	return `,"source":{"pointer":"` + n.pointer + `"}`
}

// String names a need.
func (n need) String() string { return strconv.Quote(n.right) + " on " + n.object }
