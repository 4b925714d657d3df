package api

import (
	"context"
	"crypto/subtle"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

type user struct {
	ID            string         `json:"id"`
	Email         string         `json:"email"`
	FirstName     string         `json:"first_name"`
	LastName      string         `json:"last_name"`
	TwoFactor     bool           `json:"two_factor_authentication_enabled"`
	Administrator bool           `json:"administrator"`
	Status        org.UserStatus `json:"status"`
	Created       timestamp      `json:"create_time"`
	Updated       timestamp      `json:"update_time"`
	APIKey        string         `json:"api_key,omitempty"`
}

func newUser(u *org.User) user {
	return user{
		ID: string(u.ID), Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, TwoFactor: u.TwoFactor,
		Administrator: u.Administrator, Status: u.Status, Created: timestamp(u.Created), Updated: timestamp(u.Updated),
	}
}

// self is the caller as /user shows it. The zone flags are always false: there
// are no zones here.
type self struct {
	ID               string             `json:"id"`
	Email            string             `json:"email"`
	FirstName        *string            `json:"first_name"`
	LastName         *string            `json:"last_name"`
	Telephone        *string            `json:"telephone"`
	Country          *string            `json:"country"`
	Zipcode          *string            `json:"zipcode"`
	Suspended        bool               `json:"suspended"`
	TwoFactor        bool               `json:"two_factor_authentication_enabled"`
	TwoFactorLocked  bool               `json:"two_factor_authentication_locked"`
	HasProZones      bool               `json:"has_pro_zones"`
	HasBusinessZones bool               `json:"has_business_zones"`
	HasEnterprise    bool               `json:"has_enterprise_zones"`
	Betas            []string           `json:"betas"`
	Organizations    []userOrganization `json:"organizations"`
}

// userOrganization is an explicit account membership: this part of the API
// still calls accounts organizations.
type userOrganization struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	Roles       []string `json:"roles"`
	Status      string   `json:"status"`
}

func newUserOrganization(m *org.Membership) userOrganization {
	return userOrganization{
		ID: string(m.Account.ID), Name: m.Account.Name, Permissions: permissionNames(m.Role.Permissions(false)),
		Roles: []string{string(m.Role)}, Status: "member",
	}
}

type membership struct {
	ID               string               `json:"id"`
	Account          account              `json:"account"`
	APIAccessEnabled *bool                `json:"api_access_enabled"`
	Permissions      map[string]readWrite `json:"permissions"`
	Roles            []string             `json:"roles"`
	Status           string               `json:"status"`
}

type readWrite struct {
	Read  bool `json:"read"`
	Write bool `json:"write"`
}

func newMembership(m *org.Membership) membership {
	s := m.Role.Permissions(false)
	return membership{
		ID: string(m.ID), Account: newAccount(&m.Account), Roles: []string{string(m.Role)}, Status: "accepted",
		Permissions: map[string]readWrite{
			"billing":      {s.Has(auth.BillingRead), s.Has(auth.BillingWrite)},
			"logs":         {s.Has(auth.AuditRead), false},
			"organization": {s.Has(auth.AccountRead), s.Has(auth.AccountUpdate)},
		},
	}
}

// nullable returns nil for an empty text.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func getSelf(ctx context.Context, q *request) (reply, error) {
	u, err := q.server.Service.Self(ctx, q.caller)
	if err != nil {
		return reply{}, err
	}
	list := org.MembershipQuery{Numbered: page.Numbered{Page: 1, PerPage: page.MaxPerPage}}
	p, err := q.server.Service.ListMemberships(ctx, q.caller, list)
	if err != nil {
		return reply{}, err
	}
	return reply{ETag: true, Result: self{
		ID: string(u.ID), Email: u.Email, FirstName: nullable(u.FirstName), LastName: nullable(u.LastName),
		TwoFactor: u.TwoFactor, Betas: []string{}, Organizations: each(p.Items, newUserOrganization),
	}}, nil
}

// memberships reads a page of the caller's memberships. All of them are
// accepted, so that other states give an empty list.
func memberships(ctx context.Context, q *request, list org.MembershipQuery, none bool) (page.Page[org.Membership], error) {
	if err := q.query.err(); err != nil || none {
		return page.Page[org.Membership]{}, err
	}
	return q.server.Service.ListMemberships(ctx, q.caller, list)
}

func listUserOrganizations(ctx context.Context, q *request) (reply, error) {
	list := org.MembershipQuery{Name: q.query.text("name"), Numbered: q.query.numbered(page.MinPerPage, page.DefaultPerPage, page.MaxPerPage)}
	switch q.query.enum("order", "id", "name", "status") {
	case "id":
		list.Order = "account.id"
	case "name":
		list.Order = "account.name"
	}
	status := q.query.enum("status", "member", "invited")
	none := status == "invited"
	if q.query.enum("match", "any", "all") == "any" && list.Name != "" && status != "" {
		// Every membership has the status member: that filter takes all, the other none.
		if status == "member" {
			list.Name = ""
		}
		none = false
	}
	p, err := memberships(ctx, q, list, none)
	out := page.Page[userOrganization]{Items: each(p.Items, newUserOrganization), Total: p.Total}
	return numberList(out, list.Numbered), err
}

func listMemberships(ctx context.Context, q *request) (reply, error) {
	list := org.MembershipQuery{Name: q.query.text("account.name"), Numbered: q.query.numbered(page.MinPerPage, page.DefaultPerPage, page.MaxPerPage)}
	if name := q.query.text("name"); name != "" {
		list.Name = name
	}
	if order := q.query.enum("order", "id", "account.name", "status"); order != "status" {
		list.Order = order
	}
	status := q.query.enum("status", "accepted", "pending", "rejected")
	p, err := memberships(ctx, q, list, status == "pending" || status == "rejected")
	out := page.Page[membership]{Items: each(p.Items, newMembership), Total: p.Total}
	return numberList(out, list.Numbered), err
}

func listTenants(ctx context.Context, q *request) (reply, error) {
	list, err := q.server.Service.OwnOrganizations(ctx, q.caller)
	if list == nil {
		list = []org.Organization{}
	}
	return reply{Result: list}, err
}

func listUsers(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("users", q.callerID())
	list := org.UserQuery{Email: q.query.filter("email"), Request: q.query.page(v)}
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListUsers(ctx, q.caller, list)
	return tokenList(p, v), err
}

func createUser(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewUser{Email: body.required("email")}
	in.FirstName, _ = body.text("first_name")
	in.LastName, _ = body.text("last_name")
	in.TwoFactor = isTrue(body.flag("two_factor_authentication_enabled"))
	in.Administrator = isTrue(body.flag("administrator"))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	u, err := q.server.Service.CreateUser(ctx, req, in)
	return q.changed(u), err
}

func isTrue(b *bool) bool { return b != nil && *b }

func (q *request) user() id.User { return id.User(q.PathValue("user_id")) }

func getUser(ctx context.Context, q *request) (reply, error) {
	u, err := q.server.Service.User(ctx, q.caller, q.user())
	return reply{Result: u, ETag: true}, err
}

func disableUser(ctx context.Context, q *request) (reply, error) {
	return setUser(ctx, q, q.server.Service.DisableUser)
}

func enableUser(ctx context.Context, q *request) (reply, error) {
	return setUser(ctx, q, q.server.Service.EnableUser)
}

func setUser(ctx context.Context, q *request, set func(context.Context, org.Request, id.User) (org.User, error)) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	u, err := set(ctx, req, q.user())
	return q.changed(u), err
}

type erasure struct {
	User      string           `json:"user_id"`
	State     org.ErasureState `json:"state"`
	Records   int64            `json:"records"`
	Requested timestamp        `json:"request_time"`
	Completed *timestamp       `json:"complete_time,omitempty"`
}

func newErasure(e *org.Erasure) erasure {
	return erasure{User: string(e.User), State: e.State, Records: e.Records, Requested: timestamp(e.Requested), Completed: optional(e.Completed)}
}

func eraseUser(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(202)
	if err != nil {
		return reply{}, err
	}
	e, err := q.server.Service.EraseUser(ctx, req, q.user())
	return q.changed(e), err
}

func getErasure(ctx context.Context, q *request) (reply, error) {
	e, err := q.server.Service.Erasure(ctx, q.caller, q.user())
	return reply{Result: e}, err
}

type bootstrapped struct {
	User   user      `json:"user"`
	Token  newSecret `json:"token"`
	APIKey string    `json:"api_key"`
}

type newSecret struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

func newBootstrap(b *org.Bootstrapped) bootstrapped {
	return bootstrapped{newUser(&b.User), newSecret{string(b.Token.ID), b.Token.Value}, b.APIKey}
}

// bootstrap makes the first administrator for whoever knows the secret that
// the server was started with. Without such a secret the route does not exist.
func bootstrap(ctx context.Context, q *request) (reply, error) {
	want := q.server.BootstrapSecret
	if want == "" {
		return reply{}, fault.New(fault.NoRoute, "No such route: "+q.Method+" "+q.route.path)
	}
	given := q.Header.Get("X-Orgd-Bootstrap-Secret")
	if given == "" {
		return reply{}, fault.New(fault.NoCredentials, "No credentials: send X-Orgd-Bootstrap-Secret")
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(want)) != 1 {
		return reply{}, fault.New(fault.BadCredentials, "Invalid bootstrap secret")
	}
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := org.NewUser{Email: body.required("email")}
	name, _ := body.text("name")
	in.FirstName, in.LastName, _ = strings.Cut(strings.TrimSpace(name), " ")
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	b, err := q.server.Service.Bootstrap(ctx, req.Origin, in)
	return q.changed(b), err
}
