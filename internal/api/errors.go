package api

import (
	"errors"
	"net/http"

	"github.com/orgd/orgd/internal/fault"
)

// problem is how a refusal looks from outside.
type problem struct {
	status int
	code   int
}

// problems is the one table of refusals: status and code of each. The
// messages are made where the refusal is made. No code is below 1000, which
// the official description forbids, and no status is 409, which the official
// clients would repeat.
var problems = map[fault.Code]problem{
	fault.Invalid:                {http.StatusBadRequest, 1001},
	fault.NotFound:               {http.StatusNotFound, 1003},
	fault.OrganizationNotEmpty:   {http.StatusBadRequest, 1005},
	fault.Cycle:                  {http.StatusBadRequest, 1006},
	fault.TooDeep:                {http.StatusBadRequest, 1007},
	fault.LimitReached:           {http.StatusBadRequest, 1008},
	fault.LastSuperAdministrator: {http.StatusBadRequest, 1009},
	fault.PeriodClosed:           {http.StatusBadRequest, 1010},
	fault.PeriodOpen:             {http.StatusBadRequest, 1011},
	fault.MalformedJSON:          {http.StatusBadRequest, 1198},
	fault.PreconditionFailed:     {http.StatusPreconditionFailed, 1412},
	fault.BodyTooLarge:           {http.StatusRequestEntityTooLarge, 1413},
	fault.IdempotencyKeyReused:   {http.StatusUnprocessableEntity, 1422},
	fault.Internal:               {http.StatusInternalServerError, 1500},
	fault.Unavailable:            {http.StatusInternalServerError, 1500},
	fault.NoRoute:                {http.StatusNotFound, 7003},
	fault.NoCredentials:          {http.StatusUnauthorized, 9106},
	fault.BadCredentials:         {http.StatusUnauthorized, 9109},
	fault.Forbidden:              {http.StatusForbidden, 10000},
	fault.RateLimited:            {http.StatusTooManyRequests, 10100},
	fault.MethodNotAllowed:       {http.StatusMethodNotAllowed, 10405},
}

// StatusOf returns the HTTP status that err is answered with.
func StatusOf(err error) int { return problems[fault.CodeOf(err)].status }

type errorBody struct {
	Code    int          `json:"code"`
	Message string       `json:"message"`
	Source  *errorSource `json:"source,omitempty"`
}

type errorSource struct {
	Pointer string `json:"pointer"`
}

// errorBodies returns what the client is told of err: every refusal in it, or
// a bare internal error with the ray id when there is none.
func errorBodies(err error, ray string) []errorBody {
	var list []errorBody
	for _, f := range faults(err) {
		p, ok := problems[f.Code]
		if !ok || p.status == http.StatusInternalServerError {
			continue
		}
		b := errorBody{Code: p.code, Message: f.Message}
		if f.Pointer != "" {
			b.Source = &errorSource{Pointer: f.Pointer}
		}
		list = append(list, b)
	}
	if len(list) == 0 {
		return []errorBody{{Code: problems[fault.Internal].code, Message: "Internal error, ray " + ray}}
	}
	return list
}

// faults returns the refusals in err, those joined by errors.Join one by one.
func faults(err error) []*fault.Error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var list []*fault.Error
		for _, e := range many.Unwrap() {
			list = append(list, faults(e)...)
		}
		return list
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return []*fault.Error{f}
	}
	return nil
}
