package gosdk_test

import (
	"slices"
	"testing"

	"github.com/cloudflare/cloudflare-go/v7/organizations"
	"github.com/cloudflare/cloudflare-go/v7/tenants"

	"github.com/orgd/orgd/compat/gosdk"
)

// deviation is an answer and what is wrong with it.
type deviation struct {
	name  string
	body  string
	into  interface{ UnmarshalJSON([]byte) error }
	extra string // Type.key that is allowed
	want  []string
}

func deviations() []deviation {
	return []deviation{
		{
			name: "exact", into: new(organizations.OrganizationParent),
			body: `{"id":"a","name":"b"}`,
		},
		{
			name: "missing", into: new(organizations.OrganizationParent),
			body: `{"id":"a"}`,
			want: []string{"$.name: required, but missing"},
		},
		{
			name: "null", into: new(organizations.OrganizationParent),
			body: `{"id":"a","name":null}`,
			want: []string{"$.name: null, but not nullable"},
		},
		{
			name: "nullable", into: new(tenants.TenantAccount),
			body: `{"id":"a","name":null,"created_on":"2026-01-01T00:00:00Z","type":"standard","settings":{"abuse_contact_email":null,` +
				`"access_approval_expiry":null,"api_access_enabled":null,"default_nameservers":null,"enforce_twofactor":false,` +
				`"use_account_custom_ns_by_default":null}}`,
		},
		{
			name: "number for a string", into: new(organizations.OrganizationParent),
			body: `{"id":1,"name":"b"}`,
			want: []string{"$.id: 1 is not the JSON type of string"},
		},
		{
			name: "unknown key", into: new(organizations.OrganizationParent),
			body: `{"id":"a","name":"b","more":1}`,
			want: []string{`$: unknown key "more" in OrganizationParent`},
		},
		{
			name: "allowed key", into: new(organizations.OrganizationParent),
			body:  `{"id":"a","name":"b","more":1}`,
			extra: "OrganizationParent.more",
		},
		{
			name: "nested, invalid time and enum", into: new(organizations.MemberNewResponseEnvelope),
			body: `{"success":true,"errors":[],"messages":[],"result":{"id":"a","create_time":"yesterday","update_time":"2026-01-01T00:00:00Z",` +
				`"meta":{},"status":"odd","user":{"id":"a","email":"b","name":"c"}}}`,
			want: []string{
				`$.result.create_time: the SDK cannot decode "yesterday" into time.Time`,
				"$.result.status: odd is not a known organizations.OrganizationMemberStatus",
				"$.result.user.two_factor_authentication_enabled: required, but missing",
			},
		},
	}
}

// TestDeviations shows that the check of decoded answers can fail, and how.
func TestDeviations(t *testing.T) {
	for _, tt := range deviations() {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.into.UnmarshalJSON([]byte(tt.body)); err != nil {
				t.Fatalf("decode: %v", err)
			}
			extra := func(typeName, key string) bool { return typeName+"."+key == tt.extra }
			if got := gosdk.Deviations(tt.into, extra); !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}
