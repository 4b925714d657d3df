// Package demo fills an empty instance with a believable example: a provider
// of managed security with its regions and customers, a company without
// sub-organizations, people in every role and state, and six weeks of priced
// usage. All of it is made through the service, so that every change has its
// audit record.
package demo

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// Credentials are those of the demo's first user, who administers the
// instance and is the super administrator of both trees. Organization is the
// root of the larger tree, Account an account in it.
type Credentials struct {
	Email        string
	Token        string
	APIKey       string
	Organization id.Organization
	Account      id.Account
}

// Seed makes the demo. It works once, while there is no user.
func Seed(ctx context.Context, svc *org.Service) (Credentials, error) {
	var seed [32]byte
	if _, err := io.ReadFull(svc.Random, seed[:]); err != nil {
		return Credentials{}, fmt.Errorf("draw the demo's figures: %w", err)
	}
	s := seeder{svc: svc, dice: rand.NewChaCha8(seed), keys: make(map[string]string)}
	made, err := svc.Bootstrap(ctx, s.origin(http.MethodPost, "/orgd/v1/bootstrap"), administrator())
	if err != nil {
		return Credentials{}, fmt.Errorf("make the administrator: %w", err)
	}
	s.admin, err = svc.Authenticate(ctx, org.Secrets{Token: made.Token.Value}, localhost())
	if err != nil {
		return Credentials{}, fmt.Errorf("sign in as the administrator: %w", err)
	}
	c := Credentials{Email: made.User.Email, Token: made.Token.Value, APIKey: made.APIKey}
	if err := s.users(ctx); err != nil {
		return Credentials{}, err
	}
	for i, root := range []node{provider(), retailer()} {
		o, a, err := s.plant(ctx, "", root)
		if err != nil {
			return Credentials{}, err
		}
		s.roots = append(s.roots, o)
		if i == 0 {
			c.Organization, c.Account = o, a
		}
	}
	if err := s.loose(ctx); err != nil {
		return Credentials{}, err
	}
	return c, s.usage(ctx)
}

// seeder makes the demo with the rights of the administrator.
type seeder struct {
	svc     *org.Service
	admin   *auth.Caller
	keys    map[string]string // global API keys by e-mail
	dice    *rand.ChaCha8     // of the figures; identifiers and secrets come from the service
	roots   []id.Organization
	planted []planted
}

func localhost() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// origin describes the request that would have made the same change.
func (s *seeder) origin(method, uri string) org.Origin {
	var ray [8]byte
	if _, err := io.ReadFull(s.svc.Random, ray[:]); err != nil {
		panic("demo: no randomness: " + err.Error())
	}
	return org.Origin{
		RayID: hex.EncodeToString(ray[:]) + "-ORG", IP: localhost().String(),
		Method: method, URI: uri, UserAgent: "orgd-demo/1", Status: http.StatusOK,
	}
}

// as describes a request of caller.
func (s *seeder) as(caller *auth.Caller, method, uri string) org.Request {
	return org.Request{Caller: caller, Origin: s.origin(method, uri)}
}

func (s *seeder) users(ctx context.Context) error {
	for _, p := range people() {
		u, err := s.svc.CreateUser(ctx, s.as(s.admin, http.MethodPost, "/orgd/v1/users"), p)
		if err != nil {
			return fmt.Errorf("make user %s: %w", p.Email, err)
		}
		s.keys[p.Email] = u.APIKey
	}
	return nil
}

// plant makes an organization with all that is in it and below it. It returns
// the organization and the first account in it.
func (s *seeder) plant(ctx context.Context, parent id.Organization, n node) (id.Organization, id.Account, error) {
	made, err := s.svc.CreateOrganization(ctx, s.as(s.admin, http.MethodPost, "/client/v4/organizations"),
		org.NewOrganization{Name: n.name, Parent: parent, Profile: n.profile})
	if err != nil {
		return "", "", fmt.Errorf("make organization %s: %w", n.name, err)
	}
	first, err := s.accounts(ctx, made.ID, n.accounts)
	if err != nil {
		return "", "", err
	}
	for _, m := range n.members {
		if err := s.join(ctx, made.ID, m); err != nil {
			return "", "", fmt.Errorf("make %s a member of %s: %w", m.email, n.name, err)
		}
	}
	for _, child := range n.children {
		if _, _, err := s.plant(ctx, made.ID, child); err != nil {
			return "", "", err
		}
	}
	return made.ID, first, nil
}

func (s *seeder) accounts(ctx context.Context, o id.Organization, all []account) (id.Account, error) {
	var first id.Account
	for i, a := range all {
		made, err := s.svc.CreateAccount(ctx, s.as(s.admin, http.MethodPost, "/client/v4/accounts"),
			org.NewAccount{Name: a.name, Type: a.kind, Organization: o})
		if err != nil {
			return "", fmt.Errorf("make account %s: %w", a.name, err)
		}
		s.planted = append(s.planted, planted{made.ID, a.name})
		if i == 0 {
			first = made.ID
		}
		if err := s.equip(ctx, made.ID, a); err != nil {
			return "", fmt.Errorf("equip account %s: %w", a.name, err)
		}
	}
	return first, nil
}

// equip gives an account its profile and its explicit members.
func (s *seeder) equip(ctx context.Context, made id.Account, a account) error {
	if a.profile != nil {
		r := s.as(s.admin, http.MethodPut, "/client/v4/accounts/"+string(made)+"/profile")
		r.Origin.Status = http.StatusNoContent
		if _, err := s.svc.PutAccountProfile(ctx, r, made, *a.profile); err != nil {
			return err
		}
	}
	for _, m := range a.members {
		r := s.as(s.admin, http.MethodPost, "/orgd/v1/accounts/"+string(made)+"/members")
		if _, err := s.svc.CreateAccountMember(ctx, r, made, m.email, m.role); err != nil {
			return fmt.Errorf("make %s a member: %w", m.email, err)
		}
	}
	return nil
}

// join brings a membership into its state on the way that leads there.
func (s *seeder) join(ctx context.Context, o id.Organization, m member) error {
	members := "/client/v4/organizations/" + string(o) + "/members"
	in := org.NewMember{Email: m.email, Role: m.role}
	if m.how == added || m.how == removed {
		in.Status = org.Active
	}
	made, err := s.svc.CreateMember(ctx, s.as(s.admin, http.MethodPost, members), o, in)
	if err != nil {
		return err
	}
	switch m.how {
	case accepted, rejected:
		return s.answer(ctx, o, m, made.Code)
	case removed:
		r := s.as(s.admin, http.MethodDelete, members+"/"+string(made.ID))
		r.Origin.Status = http.StatusNoContent
		_, err = s.svc.DeleteMember(ctx, r, o, made.ID)
	}
	return err
}

func (s *seeder) answer(ctx context.Context, o id.Organization, m member, code string) error {
	caller, err := s.svc.Authenticate(ctx, org.Secrets{Email: m.email, Key: s.keys[m.email]}, localhost())
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	// The code is a secret, so the path that is recorded does not have it.
	r := s.as(caller, http.MethodPut, "/client/v4/organizations/"+string(o)+"/invites/"+audit.Redacted)
	_, err = s.svc.AnswerInvitation(ctx, r, o, code, m.how == accepted)
	return err
}

// loose makes the account outside any organization.
func (s *seeder) loose(ctx context.Context) error {
	_, err := s.accounts(ctx, "", []account{sandbox()})
	return err
}
