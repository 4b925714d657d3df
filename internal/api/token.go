package api

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

type token struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Status    org.TokenStatus `json:"status"`
	Issued    timestamp       `json:"issued_on"`
	Modified  timestamp       `json:"modified_on"`
	LastUsed  *timestamp      `json:"last_used_on,omitempty"`
	Expires   *timestamp      `json:"expires_on,omitempty"`
	NotBefore *timestamp      `json:"not_before,omitempty"`
	Policies  []tokenPolicy   `json:"policies"`
	Condition *tokenCondition `json:"condition,omitempty"`
	Value     string          `json:"value,omitempty"`
}

type tokenPolicy struct {
	ID        string            `json:"id"`
	Effect    string            `json:"effect"`
	Groups    []groupReference  `json:"permission_groups"`
	Resources map[string]string `json:"resources"`
}

type groupReference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type tokenCondition struct {
	RequestIP requestIP `json:"request_ip"`
}

type requestIP struct {
	In    []string `json:"in,omitempty"`
	NotIn []string `json:"not_in,omitempty"`
}

func newToken(t *org.Token) token {
	w := token{
		ID: string(t.ID), Name: t.Name, Status: t.Status, Issued: timestamp(t.Issued), Modified: timestamp(t.Modified),
		LastUsed: optional(t.LastUsed), Expires: optional(t.Expires), NotBefore: optional(t.NotBefore),
		Policies: each(t.Policies, newTokenPolicy),
	}
	if len(t.AllowIP)+len(t.DenyIP) > 0 {
		w.Condition = &tokenCondition{requestIP{t.AllowIP, t.DenyIP}}
	}
	return w
}

func newTokenPolicy(p *org.TokenPolicy) tokenPolicy {
	w := tokenPolicy{ID: p.ID, Effect: "allow", Resources: make(map[string]string, len(p.Resources))}
	if p.Deny {
		w.Effect = "deny"
	}
	w.Groups = each(p.Groups, func(g *string) groupReference {
		group, _ := auth.PermissionGroupByID(*g)
		return groupReference{*g, group.Name}
	})
	for _, r := range p.Resources {
		w.Resources[r] = "*"
	}
	return w
}

// readToken reads the body of a token. The id of a policy is given by us.
func readToken(body *object) org.NewToken {
	in := org.NewToken{Name: body.required("name"), Expires: body.time("expires_on"), NotBefore: body.time("not_before")}
	if !body.has("policies") {
		body.refuse("policies", "is required")
	}
	for _, p := range body.objects("policies") {
		in.Policies = append(in.Policies, readPolicy(p))
	}
	if c := body.object("condition"); c != nil {
		if ip := c.object("request_ip"); ip != nil {
			in.AllowIP, in.DenyIP = ip.texts("in"), ip.texts("not_in")
		}
	}
	return in
}

func readPolicy(o *object) org.TokenPolicy {
	o.required("effect")
	p := org.TokenPolicy{Deny: o.enum("effect", "allow", "deny") == "deny"}
	for _, g := range o.objects("permission_groups") {
		p.Groups = append(p.Groups, g.required("id"))
	}
	resources := o.requiredObject("resources")
	for _, name := range slices.Sorted(maps.Keys(resources.members)) {
		if v, ok := resources.text(name); ok && v != "*" {
			resources.refuse(name, `must be "*"`)
		}
		p.Resources = append(p.Resources, name)
	}
	return p
}

func listTokens(ctx context.Context, q *request) (reply, error) {
	n := q.query.numbered(page.MinPerPage, page.DefaultPerPage, page.MaxPerPage)
	expired := q.query.flag("include_expired", false)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListTokens(ctx, q.caller, expired, n)
	return numberList(p, n), err
}

func createToken(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := readToken(body)
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	t, err := q.server.Service.CreateToken(ctx, req, in)
	return q.changed(t), err
}

func getToken(ctx context.Context, q *request) (reply, error) {
	t, err := q.server.Service.Token(ctx, q.caller, q.token())
	return reply{Result: t, ETag: true}, err
}

// updateToken takes expired as a status, because clients send back what they
// read; whether a token is expired follows from its times.
func updateToken(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := readToken(body)
	if s := org.TokenStatus(body.enum("status", string(org.TokenActive), string(org.TokenDisabled), string(org.TokenExpired))); s != org.TokenExpired {
		in.Status = s
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	t, err := q.server.Service.UpdateToken(ctx, req, q.token(), in)
	return q.changed(t), err
}

func deleteToken(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	t, err := q.server.Service.DeleteToken(ctx, req, q.token())
	return q.changed(t), err
}

// rollToken answers the bare secret. Clients send an empty object or nothing.
func rollToken(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	secret, err := q.server.Service.RollToken(ctx, req, q.token())
	return q.changed(secret), err
}

type verification struct {
	ID        string          `json:"id"`
	Status    org.TokenStatus `json:"status"`
	Expires   *timestamp      `json:"expires_on,omitempty"`
	NotBefore *timestamp      `json:"not_before,omitempty"`
}

func verified(t org.Token, err error) (reply, error) {
	return reply{
		Result:   verification{string(t.ID), t.Status, optional(t.Expires), optional(t.NotBefore)},
		Messages: []message{validTokenMessage},
	}, err
}

func verifyToken(ctx context.Context, q *request) (reply, error) {
	return verified(q.server.Service.VerifyToken(ctx, q.caller))
}

func verifyAccountToken(ctx context.Context, q *request) (reply, error) {
	return verified(q.server.Service.VerifyAccountToken(ctx, q.caller, q.account()))
}

type permissionGroup struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Scopes   []string `json:"scopes"`
	Category string   `json:"category"`
}

func listPermissionGroups(_ context.Context, q *request) (reply, error) {
	name, scope := q.query.text("name"), q.query.text("scope")
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	if err := q.server.Service.MayReadTokens(q.caller); err != nil {
		return reply{}, err
	}
	list := []permissionGroup{}
	for _, g := range auth.PermissionGroups() {
		if (name == "" || strings.EqualFold(name, g.Name)) && (scope == "" || scope == g.Scope) {
			list = append(list, permissionGroup{g.ID, g.Name, []string{g.Scope}, g.Category})
		}
	}
	return reply{Result: list}, nil
}
