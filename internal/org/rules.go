package org

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// The longest texts that are kept, in characters.
const (
	maxName      = 100
	maxTokenName = 120
	maxEmail     = 254
	maxPerson    = 60
	maxProfile   = 4096
)

// checkName trims a name and checks it.
//
// Rule: names have 1 to 100 characters after trimming, no control characters,
// and are not unique (decisions §5).
func checkName(pointer, name string) (string, error) { return checkText(pointer, name, 1, maxName) }

func checkText(pointer, text string, least, most int) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", fault.At(fault.Invalid, pointer, pointer+" has characters that are not allowed")
	}
	if n := utf8.RuneCountInString(text); n < least || n > most {
		return "", fault.At(fault.Invalid, pointer, fmt.Sprintf("%s must have %d to %d characters", pointer, least, most))
	}
	return text, nil
}

// checkEmail trims an e-mail address and checks its shape, no more: only a
// message that arrives proves an address.
func checkEmail(pointer, email string) (string, error) {
	email, err := checkText(pointer, email, 3, maxEmail)
	if err != nil {
		return "", err
	}
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at == len(email)-1 || strings.ContainsFunc(email, unicode.IsSpace) {
		return "", fault.At(fault.Invalid, pointer, pointer+" must be an e-mail address")
	}
	return email, notErased(pointer, email)
}

// notErased refuses an address that stands in place of an erased one.
//
// Rule: nobody can be found by it, invited with it or made of it (ours).
func notErased(pointer, email string) error {
	if strings.HasSuffix(strings.ToLower(email), erasedDomain) {
		return fault.At(fault.Invalid, pointer, pointer+" is the address of nobody: the user was erased")
	}
	return nil
}

// checkProfile checks the five strings of a profile. They are kept byte for
// byte, so nothing is trimmed.
//
// Rule: no format is demanded; the Terraform provider sends plain text and
// JSON alike (wire §4). The bound of 4,096 characters is ours.
func checkProfile(pointer string, p Profile) error {
	for _, f := range []struct{ name, value string }{
		{"business_address", p.BusinessAddress},
		{"business_email", p.BusinessEmail},
		{"business_name", p.BusinessName},
		{"business_phone", p.BusinessPhone},
		{"external_metadata", p.ExternalMetadata},
	} {
		at := pointer + "/" + f.name
		if !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0) {
			return fault.At(fault.Invalid, at, at+" has characters that are not allowed")
		}
		if utf8.RuneCountInString(f.value) > maxProfile {
			return fault.At(fault.Invalid, at, fmt.Sprintf("%s must have at most %d characters", at, maxProfile))
		}
	}
	return nil
}

// checkCycle refuses to hang an organization below itself.
//
// Rule: an organization cannot lie below itself or below one of its
// descendants (decisions §5; hierarchy_tags is a finite chain, semantics §1.3).
func checkCycle(o id.Organization, parentPath []id.Organization) error {
	if slices.Contains(parentPath, o) {
		return fault.At(fault.Cycle, "/parent/id", "The organization would lie below itself")
	}
	return nil
}

// checkDepth refuses a subtree of the given height below a parent when its
// lowest level would lie too deep.
//
// Rule: at most 5 levels below a root, configurable (decisions §5).
func checkDepth(limits Limits, parentPath []id.Organization, height int) error {
	if deepest := len(parentPath) + height; deepest > limits.Depth {
		return fault.At(fault.TooDeep, "/parent/id",
			fmt.Sprintf("Too deep: %d levels below the root, the limit is %d (raise it with limits.depth)", deepest, limits.Depth))
	}
	return nil
}

// checkAccounts refuses accounts beyond the limit of a root.
//
// Rule: 20,000 accounts in the whole tree of a root, configurable (decisions §5).
func checkAccounts(limits Limits, present, added int64) error {
	if present+added > limits.Accounts {
		return fault.New(fault.LimitReached,
			fmt.Sprintf("Limit reached: %d accounts in the tree of this root, the limit is %d (raise it with limits.accounts)", present, limits.Accounts))
	}
	return nil
}

// checkStreams refuses another stream beyond the limit of an organization.
//
// Rule: 10 streams for each organization, configurable. The number is ours.
func checkStreams(limits Limits, present int64) error {
	if present >= limits.Streams {
		return fault.New(fault.LimitReached,
			fmt.Sprintf("Limit reached: %d streams of this audit log, the limit is %d (raise it with limits.streams)", present, limits.Streams))
	}
	return nil
}

// checkEmpty refuses to delete an organization that something depends on.
//
// Rule: an organization with sub-organizations, accounts, or any member other
// than the caller is not deleted (decisions §5).
func checkEmpty(organizations, accounts, otherMembers int64) error {
	for _, n := range []struct {
		count int64
		what  string
	}{{organizations, "sub-organizations"}, {accounts, "accounts"}, {otherMembers, "other members"}} {
		if n.count > 0 {
			return fault.New(fault.OrganizationNotEmpty, fmt.Sprintf("The organization is not empty: it has %d %s", n.count, n.what))
		}
	}
	return nil
}

// checkLastSuperAdministrator refuses to take the last one away from a root;
// others are the active super administrators beside m.
//
// Rule: the last active super administrator of a root cannot be removed or
// demoted (decisions §4).
func checkLastSuperAdministrator(o *Organization, m *Member, others int64) error {
	if o.Parent == "" && m.Status == Active && m.Role == auth.SuperAdministrator && others <= 0 {
		return fault.New(fault.LastSuperAdministrator, "The last active super administrator of a root organization cannot be removed or demoted")
	}
	return nil
}

// checkRestorable refuses what was deleted too long ago.
//
// Rule: deletion is soft for 30 days (decisions §5).
func checkRestorable(deleted, now time.Time) error {
	if now.Sub(deleted) > RestoreWindow {
		return fault.ErrNotFound("organization")
	}
	return nil
}

// checkRole returns the role named, the default for none.
func checkRole(pointer string, role auth.Role, allowed []auth.Role) (auth.Role, error) {
	if role == "" {
		return allowed[0], nil
	}
	if !slices.Contains(allowed, role) {
		return "", fault.At(fault.Invalid, pointer, fmt.Sprintf("%s must be one of %s", pointer, join(allowed)))
	}
	return role, nil
}

func join[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

// Flags are the capabilities of an organization, as its meta shows them.
type Flags struct {
	AccountCreation                      bool
	AccountDeletion                      bool
	AccountMigration                     bool
	AccountMobility                      bool
	SubOrgCreation                       bool
	EnterpriseCapability                 bool
	MemberManagement                     bool
	AccountCreationAppliesTenantDefaults bool
}

// Flags returns what can be done in o.
//
// Rule: every organization of ours has all capabilities of both real types;
// sub-organizations end at the depth limit. The meaning of the flags is
// inferred (semantics §1.9).
func (l Limits) Flags(o *Organization) Flags {
	return Flags{
		AccountCreation: true, AccountDeletion: true, AccountMigration: true, AccountMobility: true,
		SubOrgCreation: o.Depth() < l.Depth, EnterpriseCapability: true, MemberManagement: true,
	}
}
