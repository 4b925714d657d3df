package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/orgd/orgd/internal/page"
)

// reply is the outcome of a request. Result is an object of the domain or a
// wire type; Info is the result_info of a list. Status 0 means 200. With
// status 204 nothing is written, with 304 nothing but the headers.
type reply struct {
	Status   int
	Result   any
	Info     any
	Messages []message
	Location string // for redirects
	ETag     bool   // a single object that carries its ETag
	// RefusalInfo is the result_info of a refusal.
	RefusalInfo any
	Raw         []byte  // written as it is, in place of an envelope
	Stream      *stream // written in place of an envelope
	encoded     []byte  // the JSON of Result
}

// hasResult reports whether an envelope with the result is written.
func (r *reply) hasResult() bool {
	return r.Location == "" && r.Status != http.StatusNoContent && r.Raw == nil && r.Stream == nil
}

type message struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The messages that successful answers may carry.
var (
	dryRunMessage     = message{1200, "Dry run: nothing was changed."}
	validTokenMessage = message{10000, "This API Token is valid and active"}
)

// tokenInfo is the result_info of a page_token list.
type tokenInfo struct {
	TotalSize     *int64 `json:"total_size,omitempty"`
	NextPageToken string `json:"next_page_token,omitempty"`
}

// numberInfo is the result_info of a page/per_page list.
type numberInfo struct {
	Page       int   `json:"page"`
	PerPage    int   `json:"per_page"`
	Count      int   `json:"count"`
	TotalCount int64 `json:"total_count"`
	TotalPages int64 `json:"total_pages"`
}

func newNumberInfo(n page.Numbered, count int, total int64) numberInfo {
	per := int64(n.PerPage)
	return numberInfo{Page: n.Page, PerPage: n.PerPage, Count: count, TotalCount: total, TotalPages: (total + per - 1) / per}
}

// marshal is json.Marshal without the escaping of <, > and &.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// successBody returns the envelope around a result that is JSON already.
func successBody(result []byte, r *reply) ([]byte, error) {
	b := make([]byte, 0, len(result)+128)
	b = append(b, `{"success":true,"errors":[],"messages":`...)
	if len(r.Messages) == 0 {
		b = append(b, "[]"...)
	} else {
		m, err := marshal(r.Messages)
		if err != nil {
			return nil, err
		}
		b = append(b, m...)
	}
	b = append(b, `,"result":`...)
	b = append(b, result...)
	if r.Info != nil {
		info, err := marshal(r.Info)
		if err != nil {
			return nil, err
		}
		b = append(b, `,"result_info":`...)
		b = append(b, info...)
	}
	return append(b, '}'), nil
}

// withInfo adds the result_info that a few refusals carry to their envelope.
func withInfo(envelope []byte, info any) []byte {
	if info == nil {
		return envelope
	}
	text, err := marshal(info)
	if err != nil {
		return envelope
	}
	return slices.Concat(envelope[:len(envelope)-1], []byte(`,"result_info":`), text, []byte("}"))
}

// errorEnvelope returns the envelope of a refusal. The organizations family
// leaves result out, because its schema knows no null; all others send null.
func errorEnvelope(err error, ray string, f family) []byte {
	list, e := marshal(errorBodies(err, ray))
	if e != nil {
		list = []byte(`[{"code":1500,"message":"Internal error"}]`)
	}
	b := make([]byte, 0, len(list)+80)
	b = append(b, `{"success":false,"errors":`...)
	b = append(b, list...)
	b = append(b, `,"messages":[]`...)
	if f != organizations {
		b = append(b, `,"result":null`...)
	}
	return append(b, '}')
}
