package gosdk_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cloudflare "github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/organizations"

	"github.com/orgd/orgd/compat/gosdk"
	"github.com/orgd/orgd/compat/live"
)

// suite is one run against one server.
type suite struct {
	server *live.Server

	mu       sync.Mutex
	called   map[string]bool
	callerOf map[string]string
}

// TestSDK runs every group of calls and then holds the calls that were made
// against the methods that the SDK has.
func TestSDK(t *testing.T) {
	server, err := live.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{server: server, called: map[string]bool{}, callerOf: map[string]string{}}
	t.Run("calls", func(t *testing.T) {
		for name, group := range map[string]func(*testing.T){
			"organization lifecycle":  s.organizationLifecycle,
			"organization tree":       s.organizationTree,
			"organization profile":    s.organizationProfile,
			"organization filters":    s.organizationFilters,
			"organization containing": s.organizationContaining,
			"organization pages":      s.organizationPages,
			"organization errors":     s.organizationErrors,
			"account lifecycle":       s.accountLifecycle,
			"account pages":           s.accountPages,
			"account move":            s.accountMove,
			"account profile":         s.accountProfile,
			"account errors":          s.accountErrors,
			"organization accounts":   s.organizationAccounts,
			"member lifecycle":        s.memberLifecycle,
			"member filters":          s.memberFilters,
			"member errors":           s.memberErrors,
			"user":                    s.user,
			"user organizations":      s.userOrganizations,
			"memberships":             s.memberships,
			"token lifecycle":         s.tokenLifecycle,
			"token pages":             s.tokenPages,
			"token permission groups": s.tokenPermissionGroups,
			"token limits":            s.tokenLimits,
			"token errors":            s.tokenErrors,
			"credentials":             s.credentials,
			"audit list":              s.auditList,
			"audit paging":            s.auditPaging,
			"audit history":           s.auditHistory,
			"audit descendants":       s.auditDescendants,
			"audit walk":              s.auditWalk,
			"account audit":           s.accountAudit,
			"usage":                   s.usage,
			"dry run":                 s.dryRun,
			"idempotency":             s.idempotency,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				group(t)
			})
		}
	})
	t.Run("every method is called", s.everyMethodIsCalled)
}

func (s *suite) everyMethodIsCalled(t *testing.T) {
	routes, err := live.Routes("../routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	methods, err := gosdk.Methods(routes)
	if err != nil {
		t.Fatal(err)
	}
	for name, route := range methods {
		if !s.called[name] {
			t.Errorf("no test calls %s (%s)", name, route)
		}
	}
	t.Logf("cloudflare-go: %d methods of %d routes", len(methods), len(routes))
}

// client returns a client with the token of the ready file.
func (s *suite) client(t *testing.T, opts ...option.RequestOption) *cloudflare.Client {
	t.Helper()
	return s.bare(t, append([]option.RequestOption{option.WithAPIToken(s.server.Token)}, opts...)...)
}

// as returns a client that signs in as the user, with the key scheme.
func (s *suite) as(t *testing.T, u *live.User) *cloudflare.Client {
	t.Helper()
	return s.bare(t, option.WithAPIEmail(u.Email), option.WithAPIKey(u.APIKey))
}

// bare returns a client without credentials, whose every answer is checked.
func (s *suite) bare(t *testing.T, opts ...option.RequestOption) *cloudflare.Client {
	t.Helper()
	base := []option.RequestOption{
		option.WithBaseURL(s.server.BaseURL),
		option.WithMaxRetries(0),
		option.WithMiddleware(s.watch(t)),
	}
	return cloudflare.NewClient(append(base, opts...)...)
}

// newUser creates a user of its own for a test.
func (s *suite) newUser(t *testing.T, name string) *live.User {
	t.Helper()
	u, err := s.server.NewUser(t.Context(), "go-"+live.Unique()+"@example.com", name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// newRoot creates a root organization of its own for a test.
func (s *suite) newRoot(t *testing.T, c *cloudflare.Client, name string) *organizations.Organization {
	t.Helper()
	root, err := c.Organizations.New(t.Context(), organizations.OrganizationNewParams{
		Organization: organizations.OrganizationParam{Name: cloudflare.F(name)},
	})
	must(t, err)
	return root
}

func newChild(t *testing.T, c *cloudflare.Client, parent, name string) *organizations.Organization {
	t.Helper()
	child, err := c.Organizations.New(t.Context(), organizations.OrganizationNewParams{
		Organization: organizations.OrganizationParam{
			Name:   cloudflare.F(name),
			Parent: cloudflare.F(organizations.OrganizationParentParam{ID: cloudflare.F(parent)}),
		},
	})
	must(t, err)
	return child
}

func newAccount(t *testing.T, c *cloudflare.Client, unit, name string) *accounts.Account {
	t.Helper()
	params := accounts.AccountNewParams{Name: cloudflare.F(name)}
	if unit != "" {
		params.Unit = cloudflare.F(accounts.AccountNewParamsUnit{ID: cloudflare.F(unit)})
	}
	account, err := c.Accounts.New(t.Context(), params)
	must(t, err)
	return account
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func equalSlices[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// recent fails unless the time lies within the last minute.
func recent(t *testing.T, what string, at time.Time) {
	t.Helper()
	if age := time.Since(at); age < -time.Second || age > time.Minute {
		t.Errorf("%s: %v is %v ago", what, at, age)
	}
}

// failure is how a call is expected to fail: the HTTP class, the code, words
// of the message and, where the fault is in a field, the pointer to it. Without
// words the usual ones of the code are expected.
type failure struct {
	status  int
	code    int64
	message string
	pointer string
}

// words are part of the message that the failure must have.
func (f failure) words() string {
	if f.message != "" {
		return f.message
	}
	switch f.code {
	case 1001:
		return f.pointer + " " // the field is named first
	case 1003:
		return "not found"
	case 1005:
		return "The organization is not empty"
	case 1006:
		return "The organization would lie below itself"
	case 1007:
		return "the limit is 5"
	case 1009:
		return "The last active super administrator"
	case 9106:
		return "No credentials"
	case 9109:
		return "Invalid API token"
	}
	return "no words for this code"
}

func fails(t *testing.T, err error, want failure) {
	t.Helper()
	var apiError *cloudflare.Error
	if !errors.As(err, &apiError) {
		t.Errorf("got %v, want a *cloudflare.Error with status %d", err, want.status)
		return
	}
	if apiError.StatusCode != want.status || len(apiError.Errors) != 1 {
		t.Errorf("got %v, want status %d with one error", err, want.status)
		return
	}
	got := apiError.Errors[0]
	if got.Code != want.code || !strings.Contains(got.Message, want.words()) || got.Source.Pointer != want.pointer {
		t.Errorf("%s %s: got code %d, message %q, pointer %q; want %+v, message with %q",
			apiError.Request.Method, apiError.Request.URL.Path, got.Code, got.Message, got.Source.Pointer, want, want.words())
	}
}

// notFound expects the refusal of an object that does not exist, or not for
// the caller.
func notFound(t *testing.T, what string, err error) {
	t.Helper()
	fails(t, err, failure{status: http.StatusNotFound, code: 1003, message: what + " not found"})
}
