package audit

import (
	"slices"
	"strconv"
	"time"
)

// Field is a part of a record that a filter looks at.
type Field uint8

// The fields that lists can be filtered by.
const (
	FieldID Field = iota
	FieldActionResult
	FieldActionType
	FieldActorContext
	FieldActorEmail
	FieldActorID
	FieldActorIP
	FieldActorTokenID
	FieldActorTokenName
	FieldActorType
	FieldRawRayID
	FieldRawMethod
	FieldRawStatus
	FieldRawURI
	FieldResourceID
	FieldResourceProduct
	FieldResourceScope
	FieldResourceType
	FieldAccount
	FieldZone // of every record "": there are no zones here
	Fields    // the number of fields
)

// Of returns what f looks at in a record, byte for byte as filters compare
// it. Personal data that was erased is "".
func (f Field) Of(r *Record) string {
	switch f {
	case FieldID:
		return string(r.ID)
	case FieldActionResult:
		return string(r.Result)
	case FieldActionType:
		return string(r.Action.Type)
	case FieldRawRayID:
		return r.Raw.RayID
	case FieldRawMethod:
		return r.Raw.Method
	case FieldRawStatus:
		return strconv.Itoa(r.Raw.Status)
	case FieldRawURI:
		return r.Raw.URI
	case FieldResourceID:
		return r.Resource.ID
	case FieldResourceProduct:
		return r.Resource.Product
	case FieldResourceScope:
		return string(r.Resource.Scope)
	case FieldResourceType:
		return r.Resource.Type
	case FieldAccount:
		return string(r.Account)
	case FieldZone:
		return ""
	default:
		return f.ofActor(&r.Actor)
	}
}

func (f Field) ofActor(a *Actor) string {
	switch f {
	case FieldActorContext:
		return string(a.Context)
	case FieldActorEmail:
		return a.Email
	case FieldActorID:
		return string(a.ID)
	case FieldActorIP:
		return a.IP
	case FieldActorTokenID:
		return string(a.TokenID)
	case FieldActorTokenName:
		return a.TokenName
	case FieldActorType:
		return string(a.Type)
	}
	return ""
}

// Filter lets records pass whose field has one of the values, or with Not
// those whose field has none of them. Values is not empty.
type Filter struct {
	Field  Field
	Not    bool
	Values []string
}

// Matches reports whether r passes f.
func (f *Filter) Matches(r *Record) bool {
	return slices.Contains(f.Values, f.Field.Of(r)) != f.Not
}

// Query asks for the records of a log from Since on and before Before that
// pass every filter, in the order of the log, the last first unless Ascending.
//
// The times of a log never go back, so that the window is a range of its
// sequence numbers. A page begins behind the number After, 0 for the first,
// and has Limit records at most.
//
// The records of several logs are in the order in which they were entered in
// the journal: by tick, and those of one tick by number. There Tick is the
// tick of After.
type Query struct {
	Since, Before time.Time
	Filters       []Filter
	Ascending     bool
	After         int64
	Tick          int64
	Limit         int
}

// Merged is a page of the records of several logs. Tick is that of the last
// one, and More says whether others that match follow.
type Merged struct {
	Records []Record
	Tick    int64
	More    bool
}

// Matches reports whether r is in the window and passes every filter.
func (q *Query) Matches(r *Record) bool {
	if r.Time.Before(q.Since) || !r.Time.Before(q.Before) {
		return false
	}
	for i := range q.Filters {
		if !q.Filters[i].Matches(r) {
			return false
		}
	}
	return true
}
