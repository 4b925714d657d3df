package api

import (
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// Organizations are written by hand: reflection over their wire type costs as
// much as reading them from the store. The wire type says what is written; a
// test holds the two together.

// organizationSize is about what an organization takes.
const organizationSize = 1200

func (e Encoder) appendOrganizations(list []org.Organization) []byte {
	b := append(make([]byte, 0, organizationSize*len(list)+2), '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.appendOrganization(b, &list[i])
	}
	return append(b, ']')
}

func (e Encoder) appendOrganization(b []byte, o *org.Organization) []byte {
	b = appendString(append(b, `{"id":`...), string(o.ID))
	b = appendString(append(b, `,"name":`...), o.Name)
	b = appendTime(append(b, `,"create_time":`...), o.Created)
	b = appendFlags(append(b, `,"meta":`...), e.Limits.Flags(o))
	b = appendPath(append(b, `,"hierarchy_tags":`...), o.Path)
	if o.ManagedBy != "" {
		b = appendString(append(b, `,"managed_by":`...), o.ManagedBy)
	}
	b = append(b, '}')
	if o.Parent != "" {
		b = appendString(append(b, `,"parent":{"id":`...), string(o.Parent))
		b = appendString(append(b, `,"name":`...), o.ParentName)
		b = append(b, '}')
	}
	if o.Profile != nil && e.EchoProfile {
		b = appendProfile(append(b, `,"profile":`...), o.Profile)
	}
	return append(b, '}')
}

// appendFlags leaves the object of both open.
func appendFlags(b []byte, f org.Flags) []byte {
	b = appendFlag(append(b, `{"flags":{"account_creation":`...), f.AccountCreation)
	b = appendFlag(append(b, `,"account_deletion":`...), f.AccountDeletion)
	b = appendFlag(append(b, `,"account_migration":`...), f.AccountMigration)
	b = appendFlag(append(b, `,"account_mobility":`...), f.AccountMobility)
	b = appendFlag(append(b, `,"sub_org_creation":`...), f.SubOrgCreation)
	b = appendFlag(append(b, `},"tenant_flags":{"account_creation":`...), f.AccountCreation)
	b = appendFlag(append(b, `,"account_creation_applies_tenant_defaults":`...), f.AccountCreationAppliesTenantDefaults)
	b = appendFlag(append(b, `,"account_deletion":`...), f.AccountDeletion)
	b = appendFlag(append(b, `,"account_migration":`...), f.AccountMigration)
	b = appendFlag(append(b, `,"account_mobility":`...), f.AccountMobility)
	b = appendFlag(append(b, `,"enterprise_capability":`...), f.EnterpriseCapability)
	b = appendFlag(append(b, `,"member_management":`...), f.MemberManagement)
	b = appendFlag(append(b, `,"sub_org_creation":`...), f.SubOrgCreation)
	return append(b, '}')
}

func appendFlag(b []byte, on bool) []byte {
	b = append(append(b, '"'), flagOf(on)...)
	return append(b, '"')
}

func appendPath(b []byte, path []id.Organization) []byte {
	if path == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, o := range path {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, string(o))
	}
	return append(b, ']')
}

func appendProfile(b []byte, p *org.Profile) []byte {
	b = appendString(append(b, `{"business_address":`...), p.BusinessAddress)
	b = appendString(append(b, `,"business_email":`...), p.BusinessEmail)
	b = appendString(append(b, `,"business_name":`...), p.BusinessName)
	b = appendString(append(b, `,"business_phone":`...), p.BusinessPhone)
	b = appendString(append(b, `,"external_metadata":`...), p.ExternalMetadata)
	return append(b, '}')
}

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, `"2006-01-02T15:04:05.999999Z"`)
}

// appendString appends what encoding/json makes of s without the escaping of
// <, > and &.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		if escape := escapeOf(r, n); escape != "" {
			b = append(append(b, s[done:i]...), escape...)
			done = i + n
		}
		i += n
	}
	return append(append(b, s[done:]...), '"')
}

// escapeOf returns the escape of a rune of n bytes, "" when it needs none.
func escapeOf(r rune, n int) string {
	switch r {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\u2028':
		return `\u2028`
	case '\u2029':
		return `\u2029`
	case utf8.RuneError:
		if n == 1 {
			return `\ufffd`
		}
	}
	const digits = "0123456789abcdef"
	if r < ' ' {
		return `\u00` + digits[r>>4:r>>4+1] + digits[r&15:r&15+1]
	}
	return ""
}
