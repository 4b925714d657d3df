// Package audit is the audit log: the record and its fixed format, the
// catalogue of actions, and the queries. Every record that orgd writes of its
// own is written by package org, in the transaction of the change.
package audit

import (
	"slices"
	"time"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/id"
)

// Result says how an action ended.
type Result string

// The results.
const (
	Success Result = "success"
	Failure Result = "failure"
)

// Type is the kind of an action.
type Type string

// The types of actions.
const (
	Create Type = "create"
	Delete Type = "delete"
	View   Type = "view"
	Update Type = "update"
)

// ActorType says what acted.
type ActorType string

// The types of actors.
const (
	ActorUser   ActorType = "user"
	ActorSystem ActorType = "system"
)

// The types of actors that other systems name, apart from our own so that a
// record that was pushed never passes for one of ours.
const (
	ExternalUser    ActorType = "external_user"
	ExternalService ActorType = "external_service"
	ExternalSystem  ActorType = "external_system"
)

// Scope is the kind of thing that a resource belongs to.
type Scope string

// The scopes of resources.
const (
	ScopeOrganizations Scope = "organizations"
	ScopeAccounts      Scope = "accounts"
	ScopeUser          Scope = "user"
)

// Record is one event of a log. Its place is (Log, Seq): Seq counts from 1
// without gaps in commit order. The personal data of the actor stands in the
// clear and can be erased; the leaf hash covers salted commitments to it.
type Record struct {
	Log     id.Log
	Seq     int64
	ID      id.Record
	Time    time.Time
	Account id.Account // the account that the record is about, if any

	// Source is the name of the system that pushed the record, empty for what
	// orgd saw itself. SourceID is that system's own identifier of the record
	// where ID was made from it. Occurred is when that system says that it
	// happened; Time is when it was recorded.
	Source   string
	SourceID string
	Occurred time.Time

	Action   Action
	Result   Result
	Actor    Actor
	Raw      Raw
	Resource Resource

	// Personal is the personal data taken out of the bodies, in the order of
	// its placeholders.
	Personal []Personal
}

// Erase takes the personal data of u out of r and leaves the commitments to
// it, so that the canonical form and the leaf stay as they are. What belongs
// to nobody known is u's when it is one of its addresses; a failed request
// that names one of them loses all else of the kind too, because it went no
// further than to be refused, and nobody found out whom it described.
func (r *Record) Erase(u id.User, emails ...string) {
	owns := func(text string) bool {
		return text != "" && slices.ContainsFunc(emails, func(e string) bool { return foldEmail(e) == foldEmail(text) })
	}
	if r.Actor.ID == u || r.Actor.Subject == u || owns(r.Actor.Email) {
		r.Actor.Commitments = r.commitments()
		r.Actor.Email, r.Actor.IP, r.Raw.UserAgent, r.Actor.Salt = "", "", "", nil
	}
	named := slices.ContainsFunc(r.Personal, func(p Personal) bool { return p.Subject == "" && owns(p.Value) })
	for i := range r.Personal {
		p := &r.Personal[i]
		if p.Subject == u || owns(p.Value) || p.Subject == "" && named && r.Result == Failure {
			p.Commitment = p.commitment()
			p.Salt, p.Value = nil, ""
		}
	}
}

// Actor is who acted. Salt commits to Email, IP and Raw.UserAgent; the
// commitments are kept in Commitments once those are erased, and only then.
// Subject is the user whom an actor that another system named is known to be;
// it is no part of the canonical form.
type Actor struct {
	ID        id.User
	Type      ActorType
	Context   auth.Context
	Email     string
	IP        string
	TokenID   id.Token
	TokenName string
	Salt      []byte
	Subject   id.User

	Commitments Commitments
}

// Commitments are what is left of erased personal data of an actor.
type Commitments struct {
	Email     string
	IP        string
	UserAgent string
}

// Raw is the request as it arrived.
type Raw struct {
	RayID     string
	Method    string
	URI       string
	UserAgent string
	Status    int
}

// Resource is what was acted on. The bodies are JSON with secrets removed and
// personal data replaced by placeholders (see Redact); an absent body is nil.
type Resource struct {
	ID       string
	Type     string
	Product  string
	Scope    Scope
	Request  []byte
	Response []byte
	Before   []byte
	After    []byte
}

// Bodies returns the four bodies, in the order in which they are redacted.
func (r *Resource) Bodies() [4]*[]byte {
	return [4]*[]byte{&r.Request, &r.Response, &r.Before, &r.After}
}

// Personal is a piece of personal data of a body. Subject is the user whom it
// describes, empty when it is not a user's. Commitment is kept in place of
// salt and value once they are erased.
type Personal struct {
	Subject    id.User
	Salt       []byte
	Value      string
	Commitment string
}
