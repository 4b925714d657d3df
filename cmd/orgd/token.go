package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// tokenFlags say what token to make.
type tokenFlags struct {
	email, name, expires            string
	organizations, accounts, groups []string
	asJSON                          bool
}

func newToken() *cobra.Command {
	var f tokenFlags
	cmd := command(forStore, defaults(), &cobra.Command{
		Use: "token --email EMAIL", Short: "Make a token for a user",
		Long: "Make a token for a user, shown once. It withholds nothing that the user may do,\nunless the flags limit it.",
		Example: `  orgd token --email you@example.com --name deploy --expires 720h
  orgd token --email you@example.com --organization $ORGANIZATION_ID --permission-group 'Audit Logs Read'`,
	}, func(ctx context.Context, c *config, out streams) error {
		if f.email == "" {
			return usage(errors.New("--email is required"))
		}
		made, err := issueToken(ctx, c, &f)
		if err != nil {
			return err
		}
		return printToken(out.out, made, f.asJSON)
	})
	fs := cmd.Flags()
	fs.StringVar(&f.email, "email", "", "e-mail of the user")
	fs.StringVar(&f.name, "name", "command line", "name of the token")
	fs.StringVar(&f.expires, "expires", "", "when it ends: a time span such as 720h, or a time such as 2030-01-31T00:00:00Z")
	fs.StringSliceVar(&f.organizations, "organization", nil, "limit it to this organization and all below it (repeatable)")
	fs.StringSliceVar(&f.accounts, "account", nil, "limit it to this account (repeatable)")
	fs.StringSliceVar(&f.groups, "permission-group", nil, "limit it to this permission group, by name or id (repeatable)")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func issueToken(ctx context.Context, c *config, f *tokenFlags) (made org.CreatedToken, err error) {
	store, err := openReady(ctx, c)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	u, err := store.UserByEmail(ctx, f.email)
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return made, fmt.Errorf("there is no user %s", f.email)
	}
	if err != nil {
		return made, fmt.Errorf("find user %s: %w", f.email, err)
	}
	in, err := f.token(ctx, store, u.ID)
	if err != nil {
		return made, err
	}
	service, _ := newService(c, store)
	return service.IssueToken(ctx, origin("token"), f.email, &in)
}

// token returns the token that the flags ask for.
func (f *tokenFlags) token(ctx context.Context, r org.Reader, u id.User) (org.NewToken, error) {
	t := org.FullToken(u, f.name)
	var err error
	if t.Expires, err = parseExpiry(f.expires, time.Now()); err != nil {
		return t, err
	}
	policy := &t.Policies[0]
	if len(f.groups) > 0 {
		if policy.Groups, err = groupIDs(f.groups); err != nil {
			return t, err
		}
	}
	if limited, err := f.resources(ctx, r); err != nil || len(limited) == 0 {
		return t, err
	} else {
		policy.Resources = limited
	}
	return t, nil
}

// resources names the organizations and accounts that the token is limited
// to. They must exist, because a mistyped one would silently allow nothing.
func (f *tokenFlags) resources(ctx context.Context, r org.Reader) ([]string, error) {
	var names []string
	for _, o := range f.organizations {
		if _, err := r.Organization(ctx, id.Organization(o)); err != nil {
			return nil, usage(fmt.Errorf("--organization %s: %w", o, err))
		}
		names = append(names, org.OrganizationResource(id.Organization(o)))
	}
	for _, a := range f.accounts {
		if _, err := r.Account(ctx, id.Account(a)); err != nil {
			return nil, usage(fmt.Errorf("--account %s: %w", a, err))
		}
		names = append(names, org.AccountResource(id.Account(a)))
	}
	return names, nil
}

// groupIDs finds permission groups by name or identifier.
func groupIDs(wanted []string) ([]string, error) {
	var ids, names []string
	for _, g := range auth.PermissionGroups() {
		names = append(names, g.Name)
	}
	for _, w := range wanted {
		at := ""
		for _, g := range auth.PermissionGroups() {
			if g.ID == w || strings.EqualFold(g.Name, w) {
				at = g.ID
			}
		}
		if at == "" {
			return nil, usage(fmt.Errorf("--permission-group %q is none of %s", w, strings.Join(names, ", ")))
		}
		ids = append(ids, at)
	}
	return ids, nil
}

// parseExpiry understands a time span from now, or a time. Empty is never.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if span, spanErr := time.ParseDuration(s); spanErr == nil {
		at, err = now.Add(span), nil
	}
	if err != nil || !at.After(now) {
		return time.Time{}, usage(fmt.Errorf("--expires %q is neither a time span such as 720h nor a time in the future such as 2030-01-31T00:00:00Z", s))
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

// issued is a token as it is printed.
type issued struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Value     string     `json:"value"`
	ExpiresOn *time.Time `json:"expires_on,omitempty"`
}

func issuedOf(t org.CreatedToken) issued {
	i := issued{ID: string(t.ID), Name: t.Name, Value: t.Value}
	if !t.Expires.IsZero() {
		i.ExpiresOn = &t.Expires
	}
	return i
}

func printToken(w io.Writer, t org.CreatedToken, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(issuedOf(t))
	}
	_, err := fmt.Fprintln(w, t.Value)
	return err
}
