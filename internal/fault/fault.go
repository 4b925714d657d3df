// Package fault is the one error type that crosses package borders: a code
// that names the refusal, a message that is safe to show to the caller, the
// place in the request it is about, and the cause for the log.
package fault

import (
	"errors"
	"strings"
)

// Code names a refusal. What a client sees for it (status, number) is decided
// by one table, in package api.
type Code string

// The refusals of orgd. A code is named after what was refused, never after
// the HTTP status it happens to map to.
const (
	Internal               Code = "internal"
	Invalid                Code = "invalid"
	MalformedJSON          Code = "malformed_json"
	NoCredentials          Code = "no_credentials"
	BadCredentials         Code = "bad_credentials"
	Forbidden              Code = "forbidden"
	NotFound               Code = "not_found"
	OrganizationNotEmpty   Code = "organization_not_empty"
	Cycle                  Code = "cycle"
	TooDeep                Code = "too_deep"
	LimitReached           Code = "limit_reached"
	LastSuperAdministrator Code = "last_super_administrator"
	PeriodClosed           Code = "period_closed"
	PeriodOpen             Code = "period_open"
	MethodNotAllowed       Code = "method_not_allowed"
	NoRoute                Code = "no_route"
	BodyTooLarge           Code = "body_too_large"
	RateLimited            Code = "rate_limited"
	PreconditionFailed     Code = "precondition_failed"
	IdempotencyKeyReused   Code = "idempotency_key_reused"
	Unavailable            Code = "unavailable"
)

// Refusal reports whether a mutation refused with c by a known caller is
// itself an event of the audit log: a denied permission or a broken rule of
// the tree or of bills. Malformed input and absent objects are not.
func (c Code) Refusal() bool {
	switch c {
	case Forbidden, OrganizationNotEmpty, Cycle, TooDeep, LimitReached, LastSuperAdministrator, PeriodClosed, PeriodOpen:
		return true
	}
	return false
}

// Error is a refusal. The zero Pointer means that it is not about one field.
type Error struct {
	Code    Code
	Message string // safe for the caller
	Pointer string // JSON pointer into the body, or the name of a query parameter
	Err     error  // the cause, for the log only
}

// Error returns the safe message and, when there is one, the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an Error of the same code, so that
// errors.Is(err, fault.New(fault.NotFound, "")) asks for the kind of refusal.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// New returns a refusal with a message that is safe to show.
func New(code Code, message string) *Error {
	return &Error{Code: code, Message: message}
}

// At returns a refusal of the field that pointer names.
func At(code Code, pointer, message string) *Error {
	return &Error{Code: code, Message: message, Pointer: pointer}
}

// Wrap returns a refusal that keeps its cause for the log.
func Wrap(code Code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, Err: cause}
}

// Pointer returns the JSON Pointer (RFC 6901) of a member of what place points to.
func Pointer(place, member string) string {
	if strings.ContainsAny(member, "~/") {
		member = strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
	}
	return place + "/" + member
}

// CodeOf returns the code of the first Error in err's tree, Internal when
// there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// ErrNotFound is the absence of an object, or of the right to know of it.
func ErrNotFound(what string) *Error { return New(NotFound, what+" not found") }
