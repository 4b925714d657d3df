package org

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/page"
)

// The resource names of token policies. The one for organizations is ours:
// the real API has none yet.
const (
	resourceAccount      = "com.cloudflare.api.account."
	resourceOrganization = "com.cloudflare.api.organization."
	resourceUser         = "com.cloudflare.api.user."
)

// OrganizationResource names an organization, everything below it and its
// accounts in a token policy.
func OrganizationResource(o id.Organization) string { return resourceOrganization + string(o) }

// AccountResource names an account in a token policy.
func AccountResource(a id.Account) string { return resourceAccount + string(a) }

// maxPolicies bounds the policies of a token, and the resources and groups of each.
const maxPolicies = 100

// NewToken is what an API token is made of. A nil Status means active.
type NewToken struct {
	Name      string
	Status    TokenStatus
	Policies  []TokenPolicy
	AllowIP   []string
	DenyIP    []string
	NotBefore time.Time
	Expires   time.Time
}

// CreatedToken is a token with its secret, which is shown once.
type CreatedToken struct {
	Token
	Value string
}

// FullToken describes a token that withholds nothing from its owner.
func FullToken(u id.User, name string) NewToken {
	var groups []string
	for _, g := range auth.PermissionGroups() {
		groups = append(groups, g.ID)
	}
	return NewToken{Name: name, Policies: []TokenPolicy{{
		Groups:    groups,
		Resources: []string{resourceOrganization + "*", resourceAccount + "*", resourceUser + string(u)},
	}}}
}

// CreateToken makes an API token of the caller.
func (s *Service) CreateToken(ctx context.Context, r Request, in NewToken) (CreatedToken, error) {
	if err := s.checkToken(&in); err != nil {
		return CreatedToken{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (CreatedToken, error) {
		u := c.caller.User.ID
		c.record(entry{action: audit.TokenCreate, log: id.Log(u), scope: audit.ScopeUser, subject: u})
		if err := c.require(auth.TokenWrite, auth.UserTarget(u)); err != nil {
			return CreatedToken{}, err
		}
		return c.createTokenRecorded(ctx, u, in, c.entries[0])
	})
}

// createToken makes a token of u and announces its record.
func (c *change) createToken(ctx context.Context, u id.User, in NewToken) (CreatedToken, error) {
	e := c.record(entry{action: audit.TokenCreate, log: id.Log(u), scope: audit.ScopeUser, subject: u})
	return c.createTokenRecorded(ctx, u, in, e)
}

func (c *change) createTokenRecorded(ctx context.Context, u id.User, in NewToken, e *entry) (CreatedToken, error) {
	secret, err := auth.NewTokenSecret(c.s.Random)
	if err != nil {
		return CreatedToken{}, err
	}
	t := Token{ID: id.Token(c.s.ids.New()), User: u, Status: TokenActive, Issued: c.now}
	c.fillToken(&t, in)
	e.resource, e.after = string(t.ID), t
	return CreatedToken{Token: t, Value: secret}, c.InsertToken(ctx, t, auth.HashSecret(secret))
}

func (c *change) fillToken(t *Token, in NewToken) {
	t.Name, t.Policies, t.AllowIP, t.DenyIP = in.Name, in.Policies, in.AllowIP, in.DenyIP
	t.NotBefore, t.Expires, t.Modified = in.NotBefore, in.Expires, c.now
	if in.Status != "" {
		t.Status = in.Status
	}
	for i := range t.Policies {
		t.Policies[i].ID = c.s.ids.New()
	}
}

// checkToken checks all that can be said of a token without the store.
func (s *Service) checkToken(in *NewToken) (err error) {
	if in.Name, err = checkText("/name", in.Name, 1, maxTokenName); err != nil {
		return err
	}
	if in.Status != "" && in.Status != TokenActive && in.Status != TokenDisabled {
		return fault.At(fault.Invalid, "/status", "/status must be active or disabled")
	}
	if n := len(in.Policies); n == 0 || n > maxPolicies {
		return fault.At(fault.Invalid, "/policies", fmt.Sprintf("/policies must have 1 to %d policies", maxPolicies))
	}
	for i := range in.Policies {
		if err := checkPolicy(fmt.Sprintf("/policies/%d", i), &in.Policies[i]); err != nil {
			return err
		}
	}
	if _, err := prefixes("/condition/request_ip/in", in.AllowIP); err != nil {
		return err
	}
	if _, err := prefixes("/condition/request_ip/not_in", in.DenyIP); err != nil {
		return err
	}
	if !in.Expires.IsZero() && (!in.Expires.After(s.now()) || !in.Expires.After(in.NotBefore)) {
		return fault.At(fault.Invalid, "/expires_on", "/expires_on must lie in the future and after /not_before")
	}
	in.Expires, in.NotBefore = in.Expires.UTC().Truncate(time.Microsecond), in.NotBefore.UTC().Truncate(time.Microsecond)
	return nil
}

func checkPolicy(pointer string, p *TokenPolicy) error {
	if n := len(p.Groups); n == 0 || n > maxPolicies {
		return fault.At(fault.Invalid, pointer+"/permission_groups", fmt.Sprintf("%s/permission_groups must have 1 to %d groups", pointer, maxPolicies))
	}
	for i, g := range p.Groups {
		if _, ok := auth.PermissionGroupByID(g); !ok {
			at := fmt.Sprintf("%s/permission_groups/%d/id", pointer, i)
			return fault.At(fault.Invalid, at, at+" is not a permission group; GET /user/tokens/permission_groups lists them")
		}
	}
	if n := len(p.Resources); n == 0 || n > maxPolicies {
		return fault.At(fault.Invalid, pointer+"/resources", fmt.Sprintf("%s/resources must have 1 to %d resources", pointer, maxPolicies))
	}
	for _, name := range p.Resources {
		if _, ok := parseResource(name); !ok {
			return fault.At(fault.Invalid, pointer+"/resources", fmt.Sprintf("%s/resources has a name that is not %s<id or *>, %s<id or *> or %s<id>",
				pointer, resourceAccount, resourceOrganization, resourceUser))
		}
	}
	return nil
}

// parseResource understands the name of a resource.
func parseResource(name string) (auth.Resource, bool) {
	if rest, ok := strings.CutPrefix(name, resourceAccount); ok {
		if rest == "*" {
			return auth.Resource{Kind: auth.AllAccounts}, true
		}
		return auth.Resource{Kind: auth.OneAccount, Account: id.Account(rest)}, id.Valid(rest)
	}
	if rest, ok := strings.CutPrefix(name, resourceOrganization); ok {
		if rest == "*" {
			return auth.Resource{Kind: auth.AllOrganizations}, true
		}
		return auth.Resource{Kind: auth.OneOrganization, Organization: id.Organization(rest)}, id.Valid(rest)
	}
	rest, ok := strings.CutPrefix(name, resourceUser)
	return auth.Resource{Kind: auth.OneUser, User: id.User(rest)}, ok && id.Valid(rest)
}

// prefixes understands CIDR blocks and single addresses.
func prefixes(pointer string, list []string) ([]netip.Prefix, error) {
	if len(list) > maxPolicies {
		return nil, fault.At(fault.Invalid, pointer, fmt.Sprintf("%s must have at most %d entries", pointer, maxPolicies))
	}
	out := make([]netip.Prefix, 0, len(list))
	for i, text := range list {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			out = append(out, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			at := fmt.Sprintf("%s/%d", pointer, i)
			return nil, fault.At(fault.Invalid, at, at+" must be an address or a CIDR block")
		}
		out = append(out, unmapped(p).Masked())
	}
	return out, nil
}

// unmapped returns the block of IPv4 addresses that p stands for, if it is
// written as one of mapped addresses, because those of callers are unmapped.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// credential turns a stored token into what limits its caller; the paths of
// the organizations and accounts that it names are read at present.
func credential(ctx context.Context, r TokenReader, t *Token) (auth.Credential, error) {
	c := auth.Credential{Context: auth.ContextAPIToken, Token: t.ID, TokenName: t.Name, Expires: t.Expires, NotBefore: t.NotBefore}
	var err error
	if c.AllowIP, err = prefixes("", t.AllowIP); err != nil {
		return c, err
	}
	if c.DenyIP, err = prefixes("", t.DenyIP); err != nil {
		return c, err
	}
	var organizations []id.Organization
	var accounts []id.Account
	for _, tp := range t.Policies {
		p := auth.Policy{Deny: tp.Deny}
		for _, g := range tp.Groups {
			group, _ := auth.PermissionGroupByID(g)
			p.Permissions |= group.Permissions
		}
		for _, name := range tp.Resources {
			res, ok := parseResource(name)
			if !ok {
				continue
			}
			switch res.Kind {
			case auth.OneOrganization:
				organizations = append(organizations, res.Organization)
			case auth.OneAccount:
				accounts = append(accounts, res.Account)
			}
			p.Resources = append(p.Resources, res)
		}
		c.Policies = append(c.Policies, p)
	}
	return c, resolve(ctx, r, &c, organizations, accounts)
}

// resolve fills in where the named organizations and accounts lie.
func resolve(ctx context.Context, r TokenReader, c *auth.Credential, os []id.Organization, as []id.Account) error {
	if len(os) == 0 && len(as) == 0 {
		return nil
	}
	ofOrganization, ofAccount, err := r.Paths(ctx, os, as)
	if err != nil {
		return err
	}
	for i := range c.Policies {
		for j := range c.Policies[i].Resources {
			switch res := &c.Policies[i].Resources[j]; res.Kind {
			case auth.OneOrganization:
				res.Path = ofOrganization[res.Organization]
			case auth.OneAccount:
				res.Path = ofAccount[res.Account]
			}
		}
	}
	return nil
}

// Token returns a token of the caller.
func (s *Service) Token(ctx context.Context, caller *auth.Caller, t id.Token) (Token, error) {
	if err := require(caller, auth.TokenRead, auth.UserTarget(caller.User.ID)); err != nil {
		return Token{}, err
	}
	if !id.Valid(string(t)) {
		return Token{}, fault.ErrNotFound("token")
	}
	token, err := s.Store.Token(ctx, caller.User.ID, t)
	return token.at(s.now()), err
}

// at returns t with the status that it has at now.
func (t Token) at(now time.Time) Token {
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		t.Status = TokenExpired
	}
	return t
}

// ListTokens returns a page of the caller's tokens in order of issue.
func (s *Service) ListTokens(ctx context.Context, caller *auth.Caller, includeExpired bool, p page.Numbered) (page.Page[Token], error) {
	var out page.Page[Token]
	if err := require(caller, auth.TokenRead, auth.UserTarget(caller.User.ID)); err != nil {
		return out, err
	}
	q := TokenQuery{User: caller.User.ID, IncludeExpired: includeExpired, At: s.now(), Numbered: p}
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, err = r.ListTokens(ctx, q)
		return err
	})
	for i, t := range out.Items {
		out.Items[i] = t.at(q.At)
	}
	return out, err
}

// lockToken holds a token of the caller that is to be changed.
func (c *change) lockToken(ctx context.Context, t id.Token, action audit.Action) (Token, *entry, error) {
	u := c.caller.User.ID
	e := c.record(entry{action: action, log: id.Log(u), scope: audit.ScopeUser, resource: string(t), subject: u})
	if err := c.require(auth.TokenWrite, auth.UserTarget(u)); err != nil {
		return Token{}, nil, err
	}
	if !id.Valid(string(t)) {
		return Token{}, nil, fault.ErrNotFound("token")
	}
	if err := c.Lock(ctx, "user:"+string(u)); err != nil {
		return Token{}, nil, err
	}
	token, err := c.Token(ctx, u, t)
	if err != nil {
		return Token{}, nil, err
	}
	e.before = token
	c.rights = true
	return token, e, c.match(token.at(c.now))
}

// UpdateToken replaces name, policies, condition and times of a token; its
// secret stays. An empty status leaves the status alone.
func (s *Service) UpdateToken(ctx context.Context, r Request, t id.Token, in NewToken) (Token, error) {
	if err := s.checkToken(&in); err != nil {
		return Token{}, err
	}
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (Token, error) {
		token, e, err := c.lockToken(ctx, t, audit.TokenUpdate)
		if err != nil {
			return Token{}, err
		}
		c.fillToken(&token, in)
		e.after = token
		return token, c.Tx.UpdateToken(ctx, token)
	})
}

// RolledToken is the new secret of a token.
type RolledToken string

// RollToken gives a token another secret; the old one is invalid at once.
func (s *Service) RollToken(ctx context.Context, r Request, t id.Token) (RolledToken, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (RolledToken, error) {
		token, e, err := c.lockToken(ctx, t, audit.TokenRoll)
		if err != nil {
			return "", err
		}
		secret, err := auth.NewTokenSecret(s.Random)
		if err != nil {
			return "", err
		}
		token.Modified = c.now
		e.after = token
		return RolledToken(secret), c.Tx.RollToken(ctx, token, auth.HashSecret(secret))
	})
}

// DeleteToken removes a token.
func (s *Service) DeleteToken(ctx context.Context, r Request, t id.Token) (id.Token, error) {
	return mutate(ctx, s, r, func(ctx context.Context, c *change) (id.Token, error) {
		token, _, err := c.lockToken(ctx, t, audit.TokenDelete)
		if err != nil {
			return "", err
		}
		return t, c.Tx.DeleteToken(ctx, token)
	})
}

// VerifyToken returns the token that the caller was authenticated with.
func (s *Service) VerifyToken(ctx context.Context, caller *auth.Caller) (Token, error) {
	if caller.Credential.Token == "" {
		return Token{}, fault.New(fault.Invalid, "The request was not made with an API token")
	}
	t, err := s.Store.Token(ctx, caller.User.ID, caller.Credential.Token)
	return t.at(s.now()), err
}

// VerifyAccountToken does the same for a token that reaches the account.
func (s *Service) VerifyAccountToken(ctx context.Context, caller *auth.Caller, a id.Account) (Token, error) {
	if _, err := visibleAccount(ctx, s.Store, caller, a); err != nil {
		return Token{}, err
	}
	return s.VerifyToken(ctx, caller)
}

// MayReadTokens refuses a caller whose credential hides the caller's tokens.
func (s *Service) MayReadTokens(caller *auth.Caller) error {
	return require(caller, auth.TokenRead, auth.UserTarget(caller.User.ID))
}
