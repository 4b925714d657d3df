package api

import (
	"fmt"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
)

// Encoder turns objects of the domain into the JSON that the API shows. The
// audit log keeps the same form.
type Encoder struct {
	// Limits decide what an organization is told it can do.
	Limits org.Limits
	// EchoProfile repeats in an organization the profile that was set through
	// its own body; the real API never does.
	EchoProfile bool
}

// Encode returns the JSON of an object of the domain, or of a wire type.
func (e Encoder) Encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case org.Organization:
		return e.appendOrganization(make([]byte, 0, organizationSize), &v), nil
	case *org.Organization:
		return e.appendOrganization(make([]byte, 0, organizationSize), v), nil
	case []org.Organization:
		return e.appendOrganizations(v), nil
	}
	return marshal(e.wire(v))
}

// wire maps an object of the domain to its wire type.
func (e Encoder) wire(v any) any {
	switch v := v.(type) {
	case org.Organization:
		return e.organization(&v)
	case *org.Organization:
		return e.organization(v)
	case []org.Organization:
		return each(v, e.organization)
	case org.Account:
		return newAccount(&v)
	case []org.Account:
		return each(v, newAccount)
	case org.Profile:
		return profile(v)
	case org.Member:
		return newMember(&v)
	case []org.Member:
		return each(v, newMember)
	case org.AccountMember:
		return newAccountMember(&v)
	case []org.AccountMember:
		return each(v, newAccountMember)
	case org.Move:
		return newMove(&v)
	case []org.Move:
		return newMoves(v)
	case org.Stream:
		return newStream(&v)
	case []org.Stream:
		return each(v, newStream)
	case org.ShownStream:
		return newShownStream(&v)
	case org.StreamSettings:
		return newStreamSettings(&v)
	case id.Stream:
		return reference{string(v)}
	case id.Organization:
		return reference{string(v)}
	case id.Account:
		return reference{string(v)}
	case id.Member:
		return reference{string(v)}
	case id.Token:
		return reference{string(v)}
	default:
		return wirePerson(v)
	}
}

// wirePerson maps users and what belongs to them, and what became of a push.
func wirePerson(v any) any {
	switch v := v.(type) {
	case org.User:
		return newUser(&v)
	case []org.User:
		return each(v, newUser)
	case org.CreatedUser:
		u := newUser(&v.User)
		u.APIKey = v.APIKey
		return u
	case org.Token:
		return newToken(&v)
	case []org.Token:
		return each(v, newToken)
	case org.CreatedToken:
		t := newToken(&v.Token)
		t.Value = v.Value
		return t
	case org.RolledToken:
		return string(v)
	case org.AuditSettings:
		return auditSettings(v)
	case org.Erasure:
		return newErasure(&v)
	case org.Bootstrapped:
		return newBootstrap(&v)
	case []usage.Receipt:
		return newPushedUsage(v)
	case org.PriceList:
		return newPriceList(&v)
	case usage.Assignment:
		return newAssignment(v)
	case org.Charge:
		return newCharge(&v)
	case []org.Charge:
		return each(v, newCharge)
	case id.Charge:
		return reference{string(v)}
	case usage.Anchor:
		return newBillingAnchor(v)
	case usage.BillingPeriod:
		return newBillingPeriod(&v)
	case []usage.BillingPeriod:
		return each(v, newBillingPeriod)
	case []usage.Restatement:
		return each(v, newRestatement)
	case org.Watermark:
		return newWatermark(&v)
	case org.Pushed:
		return newPushed(&v)
	case org.PushSummary:
		return newPushSummary(v)
	case org.EffectiveAccess:
		return newOrganizationAccess(&v)
	case []org.Access:
		return each(v, newAccountAccess)
	default:
		return wireBudget(v)
	}
}

// each maps a list; an empty one is [] and never null.
func each[T, W any](list []T, f func(*T) W) []W {
	out := make([]W, len(list))
	for i := range list {
		out[i] = f(&list[i])
	}
	return out
}

// reference is the answer to a deletion.
type reference struct {
	ID string `json:"id"`
}

// timestamp is a moment as the API writes it.
type timestamp time.Time

// MarshalJSON writes RFC 3339 in UTC with up to six digits of fraction.
func (t timestamp) MarshalJSON() ([]byte, error) {
	u := time.Time(t).UTC()
	if y := u.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("year %d cannot be written", y)
	}
	return u.AppendFormat(make([]byte, 0, 32), `"2006-01-02T15:04:05.999999Z"`), nil
}

// optional returns nil for the zero time.
func optional(t time.Time) *timestamp {
	if t.IsZero() {
		return nil
	}
	w := timestamp(t)
	return &w
}
