package api

import (
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/org"
)

// appendOrganization appends the JSON of an organization. It is what
// encoding/json makes of the wire type organization, written by hand because
// reflection would cost more than reading the row.
func (e Encoder) appendOrganization(b []byte, o *org.Organization) []byte {
	f := e.Limits.Flags(o)
	b = append(b, `{"id":`...)
	b = appendText(b, string(o.ID))
	b = append(b, `,"name":`...)
	b = appendText(b, o.Name)
	b = append(b, `,"create_time":`...)
	b = appendTime(b, o.Created)
	b = append(b, `,"meta":{"flags":{"account_creation":`...)
	b = appendFlag(b, f.AccountCreation)
	b = append(b, `,"account_deletion":`...)
	b = appendFlag(b, f.AccountDeletion)
	b = append(b, `,"account_migration":`...)
	b = appendFlag(b, f.AccountMigration)
	b = append(b, `,"account_mobility":`...)
	b = appendFlag(b, f.AccountMobility)
	b = append(b, `,"sub_org_creation":`...)
	b = appendFlag(b, f.SubOrgCreation)
	b = append(b, `},"tenant_flags":{"account_creation":`...)
	b = appendFlag(b, f.AccountCreation)
	b = append(b, `,"account_creation_applies_tenant_defaults":`...)
	b = appendFlag(b, f.AccountCreationAppliesTenantDefaults)
	b = append(b, `,"account_deletion":`...)
	b = appendFlag(b, f.AccountDeletion)
	b = append(b, `,"account_migration":`...)
	b = appendFlag(b, f.AccountMigration)
	b = append(b, `,"account_mobility":`...)
	b = appendFlag(b, f.AccountMobility)
	b = append(b, `,"enterprise_capability":`...)
	b = appendFlag(b, f.EnterpriseCapability)
	b = append(b, `,"member_management":`...)
	b = appendFlag(b, f.MemberManagement)
	b = append(b, `,"sub_org_creation":`...)
	b = appendFlag(b, f.SubOrgCreation)
	b = append(b, `},"hierarchy_tags":[`...)
	for i, tag := range o.Path {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, string(tag))
	}
	b = append(b, ']')
	if o.ManagedBy != "" {
		b = append(b, `,"managed_by":`...)
		b = appendText(b, o.ManagedBy)
	}
	b = append(b, '}')
	if o.Parent != "" {
		b = append(b, `,"parent":{"id":`...)
		b = appendText(b, string(o.Parent))
		b = append(b, `,"name":`...)
		b = appendText(b, o.ParentName)
		b = append(b, '}')
	}
	if o.Profile != nil && e.EchoProfile {
		b = append(b, `,"profile":`...)
		b = appendProfile(b, o.Profile)
	}
	return append(b, '}')
}

func appendProfile(b []byte, p *org.Profile) []byte {
	b = append(b, `{"business_address":`...)
	b = appendText(b, p.BusinessAddress)
	b = append(b, `,"business_email":`...)
	b = appendText(b, p.BusinessEmail)
	b = append(b, `,"business_name":`...)
	b = appendText(b, p.BusinessName)
	b = append(b, `,"business_phone":`...)
	b = appendText(b, p.BusinessPhone)
	b = append(b, `,"external_metadata":`...)
	b = appendText(b, p.ExternalMetadata)
	return append(b, '}')
}

func appendFlag(b []byte, on bool) []byte {
	if on {
		return append(b, `"enabled"`...)
	}
	return append(b, `"disabled"`...)
}

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, `"2006-01-02T15:04:05.999999Z"`)
}

// appendText appends a JSON string as encoding/json writes it without
// SetEscapeHTML.
func appendText(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || n != 1) && r != '\u2028' && r != '\u2029' {
				i += n
				continue
			}
			b = append(b, s[start:i]...)
			switch r {
			case '\u2028':
				b = append(b, `\u2028`...)
			case '\u2029':
				b = append(b, `\u2029`...)
			default:
				b = append(b, `\ufffd`...)
			}
			i += n
			start = i
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
