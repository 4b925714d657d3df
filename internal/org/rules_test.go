package org

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/usage"
)

// refused is what a refusal looks like: code, pointer and message.
type refused struct {
	code    fault.Code
	pointer string
	message string
}

func checkRefusal(t *testing.T, err error, want *refused) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Errorf("got %v, want %+v", err, *want)
		return
	}
	if got := (refused{f.Code, f.Pointer, f.Message}); got != *want {
		t.Errorf("refused with\n got %+v\nwant %+v", got, *want)
	}
}

func TestCheckName(t *testing.T) {
	tooLong := &refused{fault.Invalid, "/name", "/name must have 1 to 100 characters"}
	notAllowed := &refused{fault.Invalid, "/name", "/name has characters that are not allowed"}
	for _, x := range []struct {
		name string
		want string
		no   *refused
	}{
		{name: "a", want: "a"},
		{name: " \t\n a b  ", want: "a b"},
		{name: strings.Repeat("x", 100), want: strings.Repeat("x", 100)},
		{name: " " + strings.Repeat("x", 100) + " ", want: strings.Repeat("x", 100)},
		{name: strings.Repeat("\u00fc", 100), want: strings.Repeat("\u00fc", 100)},
		{name: strings.Repeat("\U0001f600", 100), want: strings.Repeat("\U0001f600", 100)},
		{name: "<b>&amp;'\"", want: "<b>&amp;'\""},
		{name: "", no: tooLong},
		{name: " \u00a0\t", no: tooLong},
		{name: strings.Repeat("x", 101), no: tooLong},
		{name: "a\nb", no: notAllowed},
		{name: "a\x00", no: notAllowed},
		{name: "a\x1f", no: notAllowed},
		{name: "\x7f", no: notAllowed},
		{name: "a\u0085b", no: notAllowed},
		{name: "a\xff", no: notAllowed},
	} {
		t.Run(fmt.Sprintf("%.20q", x.name), func(t *testing.T) {
			got, err := checkName("/name", x.name)
			checkRefusal(t, err, x.no)
			if got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}

func TestCheckEmail(t *testing.T) {
	shape := &refused{fault.Invalid, "/e", "/e must be an e-mail address"}
	length := &refused{fault.Invalid, "/e", "/e must have 3 to 254 characters"}
	for _, x := range []struct {
		email string
		want  string
		no    *refused
	}{
		{email: "a@b", want: "a@b"},
		{email: " Ada.L+x@Example.com\n", want: "Ada.L+x@Example.com"},
		{email: `"a@b"@example.com`, want: `"a@b"@example.com`},
		{email: "\u00fc@\u00fc.example", want: "\u00fc@\u00fc.example"},
		{email: strings.Repeat("x", 252) + "@b", want: strings.Repeat("x", 252) + "@b"},
		{email: strings.Repeat("x", 253) + "@b", no: length},
		{email: "", no: length},
		{email: "@b", no: length},
		{email: "@bc", no: shape},
		{email: "ab@", no: shape},
		{email: "abc", no: shape},
		{email: "a b@c", no: shape},
		{email: "a@b\u00a0c", no: shape},
		{email: "a\x00@b", no: &refused{fault.Invalid, "/e", "/e has characters that are not allowed"}},
	} {
		t.Run(fmt.Sprintf("%.20q", x.email), func(t *testing.T) {
			got, err := checkEmail("/e", x.email)
			checkRefusal(t, err, x.no)
			if got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
		})
	}
}

func TestCheckProfile(t *testing.T) {
	fields := map[string]func(*Profile) *string{
		"business_address":  func(p *Profile) *string { return &p.BusinessAddress },
		"business_email":    func(p *Profile) *string { return &p.BusinessEmail },
		"business_name":     func(p *Profile) *string { return &p.BusinessName },
		"business_phone":    func(p *Profile) *string { return &p.BusinessPhone },
		"external_metadata": func(p *Profile) *string { return &p.ExternalMetadata },
	}
	for name, field := range fields {
		at := "/profile/" + name
		for value, no := range map[string]*refused{
			"":                             nil,
			" kept\tbyte\r\nfor byte\x01 ": nil,
			`{"line1":"x"}`:                nil,
			strings.Repeat("\u00fc", 4096): nil,
			strings.Repeat("x", 4097):      {fault.Invalid, at, at + " must have at most 4096 characters"},
			"a\x00":                        {fault.Invalid, at, at + " has characters that are not allowed"},
			"\xff":                         {fault.Invalid, at, at + " has characters that are not allowed"},
		} {
			t.Run(fmt.Sprintf("%s %.10q", name, value), func(t *testing.T) {
				var p Profile
				*field(&p) = value
				checkRefusal(t, checkProfile("/profile", p), no)
			})
		}
	}
}

func TestCheckCycle(t *testing.T) {
	below := &refused{fault.Cycle, "/parent/id", "The organization would lie below itself"}
	path := []id.Organization{"root", "middle", "leaf"}
	for o, no := range map[id.Organization]*refused{"leaf": below, "middle": below, "root": below, "other": nil, "roo": nil} {
		checkRefusal(t, checkCycle(o, path), no)
	}
	checkRefusal(t, checkCycle("root", nil), nil)
}

func TestCheckDepth(t *testing.T) {
	tooDeep := func(levels, limit int) *refused {
		return &refused{
			fault.TooDeep, "/parent/id",
			fmt.Sprintf("Too deep: %d levels below the root, the limit is %d (raise it with limits.depth)", levels, limit),
		}
	}
	path := make([]id.Organization, 6)
	for _, x := range []struct {
		limit, parent, height int // parent is the number of organizations on its path
		no                    *refused
	}{
		{limit: 5, parent: 1, height: 0},
		{limit: 5, parent: 1, height: 4},
		{limit: 5, parent: 5, height: 0},
		{limit: 5, parent: 0, height: 5},
		{limit: 1, parent: 1, height: 0},
		{limit: 5, parent: 6, height: 0, no: tooDeep(6, 5)},
		{limit: 5, parent: 5, height: 1, no: tooDeep(6, 5)},
		{limit: 5, parent: 1, height: 5, no: tooDeep(6, 5)},
		{limit: 1, parent: 2, height: 0, no: tooDeep(2, 1)},
		{limit: 0, parent: 1, height: 0, no: tooDeep(1, 0)},
	} {
		t.Run(fmt.Sprintf("%+v", x), func(t *testing.T) {
			checkRefusal(t, checkDepth(Limits{Depth: x.limit}, path[:x.parent], x.height), x.no)
		})
	}
}

func TestCheckStreams(t *testing.T) {
	for present, no := range map[int64]*refused{
		0: nil, 2: nil,
		3: {code: fault.LimitReached, message: "Limit reached: 3 streams of this audit log, the limit is 3 (raise it with limits.streams)"},
		4: {code: fault.LimitReached, message: "Limit reached: 4 streams of this audit log, the limit is 3 (raise it with limits.streams)"},
	} {
		checkRefusal(t, checkStreams(Limits{Streams: 3}, present), no)
	}
}

func TestCheckBudgets(t *testing.T) {
	for present, no := range map[int64]*refused{
		0: nil, 2: nil,
		3: {code: fault.LimitReached, message: "Limit reached: 3 budgets, the limit is 3 (raise it with limits.budgets)"},
		4: {code: fault.LimitReached, message: "Limit reached: 4 budgets, the limit is 3 (raise it with limits.budgets)"},
	} {
		checkRefusal(t, checkBudgets(Limits{Budgets: 3}, present), no)
	}
}

func TestCheckThresholds(t *testing.T) {
	many := make([]int, 11)
	for i := range many {
		many[i] = i + 1
	}
	for _, c := range []struct {
		list, want []int
		no         *refused
	}{
		{[]int{100, 50, 1000, 1}, []int{1, 50, 100, 1000}, nil},
		{many[:10], many[:10], nil},
		{nil, nil, &refused{code: fault.Invalid, pointer: "/thresholds", message: "/thresholds must have 1 to 10 percentages"}},
		{many, nil, &refused{code: fault.Invalid, pointer: "/thresholds", message: "/thresholds must have 1 to 10 percentages"}},
		{[]int{1, 0}, nil, &refused{code: fault.Invalid, pointer: "/thresholds/1", message: "/thresholds/1 must be a whole number from 1 to 1000"}},
		{[]int{1001}, nil, &refused{code: fault.Invalid, pointer: "/thresholds/0", message: "/thresholds/0 must be a whole number from 1 to 1000"}},
		{[]int{-50}, nil, &refused{code: fault.Invalid, pointer: "/thresholds/0", message: "/thresholds/0 must be a whole number from 1 to 1000"}},
		{[]int{80, 50, 80}, nil, &refused{code: fault.Invalid, pointer: "/thresholds/2", message: "/thresholds/2 is there twice"}},
	} {
		got, err := checkThresholds(c.list)
		checkRefusal(t, err, c.no)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v became %v, want %v", c.list, got, c.want)
		}
	}
}

func TestCheckTerms(t *testing.T) {
	organization, account := Owner{Organization: "o"}, Owner{Account: "a"}
	terms := func(change func(*BudgetTerms)) BudgetTerms {
		t := BudgetTerms{Scope: BudgetSubtree, Kind: usage.CumulativeBudget, Amount: decimal.NewFromInt(1), Currency: "USD"}
		change(&t)
		return t
	}
	amount := func(text string) BudgetTerms {
		return terms(func(t *BudgetTerms) { t.Amount = decimal.RequireFromString(text) })
	}
	for _, c := range []struct {
		owner Owner
		terms BudgetTerms
		no    *refused
	}{
		{organization, terms(func(*BudgetTerms) {}), nil},
		{organization, terms(func(t *BudgetTerms) { t.Scope, t.Kind = BudgetOwn, usage.ProjectedBudget }), nil},
		{account, terms(func(t *BudgetTerms) { t.Scope = "" }), nil},
		{account, terms(func(*BudgetTerms) {}), &refused{code: fault.Invalid, pointer: "/scope", message: "/scope is for budgets of organizations only"}},
		{organization, terms(func(t *BudgetTerms) { t.Scope = "" }), &refused{code: fault.Invalid, pointer: "/scope", message: "/scope must be one of subtree, own"}},
		{organization, terms(func(t *BudgetTerms) { t.Kind = "monthly" }), &refused{code: fault.Invalid, pointer: "/kind", message: "/kind must be one of cumulative, projected"}},
		{organization, terms(func(t *BudgetTerms) { t.Currency = "usd" }), &refused{code: fault.Invalid, pointer: "/currency", message: "/currency must be a currency code of ISO 4217 such as USD"}},
		{organization, amount("999999999999999999.999999999"), nil},
		{organization, amount("0.000000001"), nil},
		{organization, amount("0"), &refused{code: fault.Invalid, pointer: "/amount", message: "/amount must be greater than 0"}},
		{organization, amount("-1"), &refused{code: fault.Invalid, pointer: "/amount", message: "/amount must be greater than 0"}},
		{organization, amount("0.0000000001"), &refused{code: fault.Invalid, pointer: "/amount", message: "/amount has more than 9 digits after the point"}},
		{organization, amount("1000000000000000000"), &refused{code: fault.Invalid, pointer: "/amount", message: "/amount has more than 18 digits before the point"}},
	} {
		checkRefusal(t, checkTerms(&Budget{Owner: c.owner, BudgetTerms: c.terms}), c.no)
	}
}

func TestCheckAccounts(t *testing.T) {
	full := func(present int) *refused {
		return &refused{code: fault.LimitReached, message: fmt.Sprintf(
			"Limit reached: %d accounts in the tree of this root, the limit is 10 (raise it with limits.accounts)", present)}
	}
	for _, x := range []struct {
		present, added int64
		no             *refused
	}{
		{0, 1, nil},
		{9, 1, nil},
		{10, 0, nil},
		{0, 10, nil},
		{10, 1, full(10)},
		{9, 2, full(9)},
		{0, 11, full(0)},
	} {
		checkRefusal(t, checkAccounts(Limits{Accounts: 10}, x.present, x.added), x.no)
	}
	if got, want := DefaultLimits, (Limits{Depth: 5, Accounts: 20_000, Streams: 10, Budgets: 20}); got != want {
		t.Errorf("the default limits are %+v, want %+v", got, want)
	}
}

func TestCheckEmpty(t *testing.T) {
	has := func(what string) *refused {
		return &refused{code: fault.OrganizationNotEmpty, message: "The organization is not empty: it has " + what}
	}
	for _, x := range []struct {
		organizations, accounts, members int64
		no                               *refused
	}{
		{0, 0, 0, nil},
		{1, 0, 0, has("1 sub-organizations")},
		{0, 2, 0, has("2 accounts")},
		{0, 0, 3, has("3 other members")},
		{1, 1, 1, has("1 sub-organizations")},
	} {
		checkRefusal(t, checkEmpty(x.organizations, x.accounts, x.members), x.no)
	}
}

func TestCheckLastSuperAdministrator(t *testing.T) {
	last := &refused{
		code:    fault.LastSuperAdministrator,
		message: "The last active super administrator of a root organization cannot be removed or demoted",
	}
	root, child := Organization{ID: "r"}, Organization{ID: "c", Parent: "r"}
	for _, x := range []struct {
		what   string
		o      Organization
		role   auth.Role
		status MemberStatus
		others int64
		no     *refused
	}{
		{"the last of a root", root, auth.SuperAdministrator, Active, 0, last},
		{"the last but one", root, auth.SuperAdministrator, Active, 1, nil},
		{"the last of a sub-organization", child, auth.SuperAdministrator, Active, 0, nil},
		{"another role", root, auth.Administrator, Active, 0, nil},
		{"an invitation", root, auth.SuperAdministrator, Pending, 0, nil},
	} {
		t.Run(x.what, func(t *testing.T) {
			m := Member{Role: x.role, Status: x.status}
			checkRefusal(t, checkLastSuperAdministrator(&x.o, &m, x.others), x.no)
		})
	}
}

func TestCheckRestorable(t *testing.T) {
	deleted := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	gone := &refused{code: fault.NotFound, message: "organization not found"}
	window := 30 * 24 * time.Hour
	for after, no := range map[time.Duration]*refused{
		0: nil, window - time.Microsecond: nil, window: nil, window + time.Microsecond: gone,
	} {
		checkRefusal(t, checkRestorable(deleted, deleted.Add(after)), no)
	}
}

func TestCheckRole(t *testing.T) {
	for _, x := range []struct {
		role auth.Role
		want auth.Role
		no   *refused
	}{
		{role: "", want: "account_super_administrator"},
		{role: "account_super_administrator", want: "account_super_administrator"},
		{role: "account_read_only", want: "account_read_only"},
		{role: "Account_read_only", no: &refused{fault.Invalid, "/role", "/role must be one of account_super_administrator, account_read_only"}},
		{role: "organization_read_only", no: &refused{fault.Invalid, "/role", "/role must be one of account_super_administrator, account_read_only"}},
	} {
		got, err := checkRole("/role", x.role, auth.AccountRoles())
		checkRefusal(t, err, x.no)
		if got != x.want {
			t.Errorf("checkRole(%q) = %q, want %q", x.role, got, x.want)
		}
	}
}

func TestCheckSettings(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, x := range []struct {
		what string
		in   *AccountSettings
		want *string
		no   *refused
	}{
		{what: "no settings"},
		{what: "no e-mail", in: &AccountSettings{}},
		{what: "an empty e-mail is none", in: &AccountSettings{AbuseContactEmail: text("")}},
		{what: "an e-mail is trimmed", in: &AccountSettings{AbuseContactEmail: text(" a@b ")}, want: text("a@b")},
		{
			what: "no e-mail address", in: &AccountSettings{AbuseContactEmail: text("abc")}, want: text("abc"),
			no: &refused{fault.Invalid, "/settings/abuse_contact_email", "/settings/abuse_contact_email must be an e-mail address"},
		},
	} {
		t.Run(x.what, func(t *testing.T) {
			checkRefusal(t, checkSettings(x.in), x.no)
			if x.in == nil {
				return
			}
			if diff := cmp.Diff(x.want, x.in.AbuseContactEmail); diff != "" {
				t.Errorf("e-mail (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckNewMember(t *testing.T) {
	status := &refused{fault.Invalid, "/m/status", "/m/status of a new member must be active, or absent to invite"}
	for _, x := range []struct {
		what string
		in   NewMember
		want NewMember
		no   *refused
	}{
		{
			what: "defaults", in: NewMember{Email: " a@b "},
			want: NewMember{Email: "a@b", Role: auth.SuperAdministrator, Status: Pending},
		},
		{
			what: "everything set", in: NewMember{Email: "a@b", Role: auth.Billing, Status: Active},
			want: NewMember{Email: "a@b", Role: auth.Billing, Status: Active},
		},
		{what: "no e-mail", in: NewMember{}, no: &refused{fault.Invalid, "/m/user/email", "/m/user/email must have 3 to 254 characters"}},
		{what: "a role of accounts", in: NewMember{Email: "a@b", Role: auth.AccountReadOnly}, no: &refused{
			fault.Invalid, "/m/role",
			"/m/role must be one of organization_super_administrator, organization_administrator, " +
				"organization_account_provisioner, organization_billing, organization_audit_viewer, organization_read_only",
		}},
		{what: "canceled", in: NewMember{Email: "a@b", Status: Canceled}, no: status},
		{what: "rejected", in: NewMember{Email: "a@b", Status: Rejected}, no: status},
	} {
		t.Run(x.what, func(t *testing.T) {
			err := checkNewMember("/m", &x.in)
			checkRefusal(t, err, x.no)
			if err == nil && x.in != x.want {
				t.Errorf("got %+v, want %+v", x.in, x.want)
			}
		})
	}
}

func TestFlagsOfAnOrganization(t *testing.T) {
	for depth, subOrganizations := range map[int]bool{0: true, 4: true, 5: false, 6: false} {
		o := Organization{Path: make([]id.Organization, depth+1)}
		want := Flags{
			AccountCreation: true, AccountDeletion: true, AccountMigration: true, AccountMobility: true,
			SubOrgCreation: subOrganizations, EnterpriseCapability: true, MemberManagement: true,
		}
		if got := DefaultLimits.Flags(&o); got != want {
			t.Errorf("at depth %d: %+v, want %+v", depth, got, want)
		}
	}
}

func TestParseResource(t *testing.T) {
	const x = "0190a0b0c0d07000800000000000000a"
	for name, want := range map[string]auth.Resource{
		"com.cloudflare.api.account.*":         {Kind: auth.AllAccounts},
		"com.cloudflare.api.account." + x:      {Kind: auth.OneAccount, Account: x},
		"com.cloudflare.api.organization.*":    {Kind: auth.AllOrganizations},
		"com.cloudflare.api.organization." + x: {Kind: auth.OneOrganization, Organization: x},
		"com.cloudflare.api.user." + x:         {Kind: auth.OneUser, User: x},
	} {
		if got, ok := parseResource(name); !ok || !cmp.Equal(got, want) {
			t.Errorf("parseResource(%s) = %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{
		"", "*", "com.cloudflare.api.user.*", "com.cloudflare.api.account.", "com.cloudflare.api.account." + x + "0",
		"com.cloudflare.api.zone." + x, "com.cloudflare.api.account.zone." + x, strings.ToUpper("com.cloudflare.api.account.*"),
	} {
		if got, ok := parseResource(name); ok {
			t.Errorf("parseResource(%s) = %+v", name, got)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1/32",
		"192.0.2.77/24":        "192.0.2.0/24",
		"2001:db8::1":          "2001:db8::1/128",
		"2001:db8::1/32":       "2001:db8::/32",
		"::ffff:192.0.2.1":     "192.0.2.1/32",
		"0.0.0.0/0":            "0.0.0.0/0",
		"::ffff:192.0.2.0/120": "192.0.2.0/24",
	} {
		got, err := prefixes("/in", []string{text})
		if err != nil || got[0].String() != want {
			t.Errorf("prefixes(%s) = %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "example.com", "192.0.2.1/33", "192.0.2", "fe80::1%eth0", "192.0.2.1-192.0.2.9"} {
		_, err := prefixes("/in", []string{"192.0.2.1", text})
		checkRefusal(t, err, &refused{fault.Invalid, "/in/1", "/in/1 must be an address or a CIDR block"})
	}
	_, err := prefixes("/in", make([]string, 101))
	checkRefusal(t, err, &refused{fault.Invalid, "/in", "/in must have at most 100 entries"})
}
