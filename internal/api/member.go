package api

import (
	"context"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/org"
)

type member struct {
	ID      string           `json:"id"`
	Created timestamp        `json:"create_time"`
	Updated timestamp        `json:"update_time"`
	Status  org.MemberStatus `json:"status"`
	Meta    memberMeta       `json:"meta"`
	User    memberUser       `json:"user"`
}

type memberMeta struct {
	Role       roleName    `json:"role"`
	Invitation *invitation `json:"invitation,omitempty"`
}

type roleName struct {
	Name auth.Role `json:"name"`
}

type invitation struct {
	Expires timestamp `json:"expire_time"`
	Code    string    `json:"code,omitempty"`
}

type memberUser struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Name      string `json:"name"`
	TwoFactor bool   `json:"two_factor_authentication_enabled"`
}

// newMember hides the name and the two-factor flag of a user who has not
// accepted yet: an invitation is no reason to tell who is behind an e-mail.
func newMember(m *org.Member) member {
	w := member{
		ID: string(m.ID), Created: timestamp(m.Created), Updated: timestamp(m.Updated), Status: m.Status,
		Meta: memberMeta{Role: roleName{m.Role}},
		User: memberUser{ID: string(m.User.ID), Email: m.User.Email},
	}
	switch m.Status {
	case org.Active:
		w.User.Name, w.User.TwoFactor = m.User.Name(), m.User.TwoFactor
	case org.Pending:
		w.Meta.Invitation = &invitation{Expires: timestamp(m.CodeExpires), Code: m.Code}
	}
	return w
}

type accountMember struct {
	ID      string     `json:"id"`
	Created timestamp  `json:"create_time"`
	Role    auth.Role  `json:"role"`
	User    memberUser `json:"user"`
}

func newAccountMember(m *org.AccountMember) accountMember {
	return accountMember{
		ID: string(m.ID), Created: timestamp(m.Created), Role: m.Role,
		User: memberUser{ID: string(m.User.ID), Email: m.User.Email, Name: m.User.Name(), TwoFactor: m.User.TwoFactor},
	}
}

func listMembers(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("members "+string(q.organization()), q.callerID())
	list := org.MemberQuery{Organization: q.organization(), Email: q.query.filter("user.email"), Request: q.query.page(v)}
	for _, status := range q.query.split("status") {
		switch s := org.MemberStatus(status); s {
		case org.Active, org.Pending, org.Rejected, org.Canceled:
			list.Statuses = append(list.Statuses, s)
		default:
			q.query.refuse("status", "must be one of active, pending, rejected, canceled")
		}
	}
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListMembers(ctx, q.caller, list)
	return tokenList(p, v), err
}

// readMember reads what the document calls a single member.
func readMember(o *object) org.NewMember {
	return org.NewMember{
		Email:  o.requiredObject("user").required("email"),
		Role:   auth.Role(o.enum("role", roleNames(auth.OrganizationRoles())...)),
		Status: org.MemberStatus(o.enum("status", string(org.Active), string(org.Canceled))),
	}
}

func roleNames(roles []auth.Role) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

func createMember(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	in := readMember(body.requiredObject("member"))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.CreateMember(ctx, req, q.organization(), in)
	return q.changed(m), err
}

func createMembers(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	var in []org.NewMember
	for _, o := range body.objects("members") {
		in = append(in, readMember(o))
	}
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.CreateMembers(ctx, req, q.organization(), in)
	return q.changed(m), err
}

func getMember(ctx context.Context, q *request) (reply, error) {
	m, err := q.server.Service.Member(ctx, q.caller, q.organization(), q.member())
	return reply{Result: m, ETag: true}, err
}

func updateMember(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	body.required("role")
	role := auth.Role(body.enum("role", roleNames(auth.OrganizationRoles())...))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.SetMemberRole(ctx, req, q.organization(), q.member(), role)
	return q.changed(m), err
}

// deleteMember answers 204; a dry run shows the member as it would become.
func deleteMember(ctx context.Context, q *request) (reply, error) {
	status := 204
	if q.dryRun() {
		status = 200
	}
	req, err := q.mutation(status)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.DeleteMember(ctx, req, q.organization(), q.member())
	return q.changed(m), err
}

func answerInvitation(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	body.required("status")
	answer := body.enum("status", "accept", "reject")
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.AnswerInvitation(ctx, req, q.organization(), q.PathValue("member_code"), answer == "accept")
	return q.changed(m), err
}

func listAccountMembers(ctx context.Context, q *request) (reply, error) {
	v := q.query.view("account members "+string(q.account()), q.callerID())
	req := q.query.page(v)
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	p, err := q.server.Service.ListAccountMembers(ctx, q.caller, q.account(), req)
	return tokenList(p, v), err
}

func createAccountMember(ctx context.Context, q *request) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	email := body.required("email")
	role := auth.Role(body.enum("role", roleNames(auth.AccountRoles())...))
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.CreateAccountMember(ctx, req, q.account(), email, role)
	return q.changed(m), err
}

func deleteAccountMember(ctx context.Context, q *request) (reply, error) {
	req, err := q.mutation(200)
	if err != nil {
		return reply{}, err
	}
	m, err := q.server.Service.DeleteAccountMember(ctx, req, q.account(), q.member())
	return q.changed(m), err
}
