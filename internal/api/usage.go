package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/usage"
	"github.com/orgd/orgd/internal/usage/cloudevent"
	"github.com/orgd/orgd/internal/usage/pricelist"
)

// pushedUsage is the answer to events of usage.
type pushedUsage struct {
	Counted    int            `json:"counted"`
	Duplicates int            `json:"duplicates"`
	Refused    int            `json:"refused"`
	Receipts   []usageReceipt `json:"receipts"`
}

// usageReceipt is what became of an event.
type usageReceipt struct {
	Source     string     `json:"source,omitempty"`
	ID         string     `json:"id,omitempty"`
	Outcome    string     `json:"outcome"`
	AccountID  string     `json:"account_id,omitempty"`
	Metric     string     `json:"metric,omitempty"`
	Day        string     `json:"day,omitempty"`
	ZoneID     string     `json:"zone_id,omitempty"`
	RegionID   string     `json:"region_id,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Pointer    string     `json:"pointer,omitempty"`
	Message    string     `json:"message,omitempty"`
	ReceivedAt *time.Time `json:"received_at,omitempty"`
}

func newUsageReceipt(r *usage.Receipt) usageReceipt {
	out := usageReceipt{
		Source: r.Source, ID: r.ID, Outcome: string(r.Outcome), AccountID: string(r.Line.Account), Metric: string(r.Line.Metric),
		Reason: string(r.Refusal.Reason), Pointer: r.Refusal.Pointer, Message: r.Refusal.Message,
	}
	if r.Outcome != usage.Refused {
		out.Day, out.ZoneID, out.RegionID = r.Line.Day.String(), r.Line.Zone, r.Line.Region
	}
	if !r.At.IsZero() {
		out.ReceivedAt = &r.At
	}
	return out
}

func newPushedUsage(receipts []usage.Receipt) pushedUsage {
	out := pushedUsage{Receipts: each(receipts, newUsageReceipt)}
	for i := range receipts {
		switch receipts[i].Outcome {
		case usage.Counted:
			out.Counted++
		case usage.Duplicate:
			out.Duplicates++
		case usage.Refused:
			out.Refused++
		}
	}
	return out
}

func pushUsage(ctx context.Context, q *request) (reply, error) {
	events, err := q.events()
	if err != nil {
		return reply{}, err
	}
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	receipts, err := q.server.Service.PushUsage(ctx, r, events)
	return q.changed(receipts), err
}

// events reads the CloudEvents of the body, in the mode that the content type
// names. Without one that it knows, attributes are headers.
func (q *request) events() ([]usage.Submission, error) {
	body, err := q.plainBody()
	if err != nil {
		return nil, err
	}
	q.raw = body
	media, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	switch {
	case err == nil && media == cloudevent.BatchMediaType:
		return batchOfEvents(body)
	case err == nil && media == cloudevent.MediaType:
		return oneEvent(cloudevent.Structured(body))
	case q.Header.Get("Ce-Specversion") != "":
		return oneEvent(cloudevent.Binary(q.Header.Get, body))
	case bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")):
		return batchOfEvents(body)
	}
	return oneEvent(cloudevent.Structured(body))
}

// oneEvent is the only event of a body. What cannot be read refuses the whole
// request, because nothing could be counted.
func oneEvent(e *usage.Event, refusal *usage.Refusal) ([]usage.Submission, error) {
	if refusal != nil {
		return nil, eventFault(refusal)
	}
	return []usage.Submission{{Event: *e}}, nil
}

func batchOfEvents(body []byte) ([]usage.Submission, error) {
	var all []usage.Submission
	err := cloudevent.Each(body, org.BatchEvents, func(i int, e *usage.Event, refusal *usage.Refusal) error {
		all = append(all, usage.Submission{Event: *e, Refusal: refusal, Unreadable: refusal != nil, At: "/" + strconv.Itoa(i)})
		return nil
	})
	if refusal, ok := errors.AsType[*usage.Refusal](err); ok {
		if refusal.Pointer == "" && !json.Valid(body) { // cut off, or more than one value
			return nil, fault.At(fault.MalformedJSON, "/", "The body is not valid JSON")
		}
		return nil, eventFault(refusal)
	}
	if len(all) == 0 && err == nil {
		return nil, fault.At(fault.Invalid, "/", fmt.Sprintf("The body must have 1 to %d events", org.BatchEvents))
	}
	return all, err
}

// eventFault is the refusal of a body that has nothing to count.
func eventFault(r *usage.Refusal) error {
	pointer, what, code := r.Pointer, r.Pointer, fault.Invalid
	if pointer == "" || pointer == "/data" && strings.HasPrefix(r.Message, "is not valid") {
		pointer, what = "/", "The body"
	}
	if r.Message == "is not valid JSON" || r.Message == "is not UTF-8" {
		code = fault.MalformedJSON
	}
	if !strings.HasPrefix(r.Message, "is ") {
		what += ":"
	}
	return fault.At(code, pointer, what+" "+r.Message)
}

func getUsageReceipt(ctx context.Context, q *request) (reply, error) {
	if err := q.query.err(); err != nil {
		return reply{}, err
	}
	receipt, err := q.server.Service.UsageReceipt(ctx, q.caller, q.PathValue("source"), q.PathValue("event_id"))
	return reply{Result: newUsageReceipt(&receipt)}, err
}

// priceList is what was added to prices.
type priceList struct {
	Catalogue  string   `json:"catalogue,omitempty"`
	Metrics    int      `json:"metrics"`
	PriceBooks []string `json:"price_books"`
}

func newPriceList(l *org.PriceList) priceList {
	out := priceList{PriceBooks: each(l.Books, func(b *usage.PriceBook) string { return string(b.ID) })}
	if l.Catalogue != nil {
		out.Catalogue, out.Metrics = l.Catalogue.Version, len(l.Catalogue.Metrics)
	}
	return out
}

func createPriceList(ctx context.Context, q *request) (reply, error) {
	o, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	list, err := pricelist.Read(strings.NewReader(o.required("yaml")))
	if o.err() == nil && err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			o.refuse("yaml", "%s", line)
		}
	}
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	out, err := q.server.Service.PutPriceList(ctx, r, org.PriceList{Catalogue: list.Catalogue, Books: list.Books})
	return q.changed(out), err
}

// assignment is the price book of an account or organization from a day on.
type assignment struct {
	BookID string `json:"book_id"`
	Start  string `json:"start"`
}

func newAssignment(a usage.Assignment) assignment {
	return assignment{string(a.Book), a.Start.String()}
}

func putOrganizationPriceBook(ctx context.Context, q *request) (reply, error) {
	return putPriceBook(ctx, q, org.Owner{Organization: q.organization()})
}

func putAccountPriceBook(ctx context.Context, q *request) (reply, error) {
	return putPriceBook(ctx, q, org.Owner{Account: q.account()})
}

func putPriceBook(ctx context.Context, q *request, owner org.Owner) (reply, error) {
	o, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	book := usage.BookID(o.required("book_id"))
	start := o.day("start")
	r, err := q.mutation(http.StatusOK)
	if err != nil {
		return reply{}, err
	}
	out, err := q.server.Service.AssignPriceBook(ctx, r, owner, book, start)
	return q.changed(out), err
}

// day returns a day that must be there.
func (o *object) day(name string) usage.Day {
	text := o.required(name)
	d, err := usage.ParseDay(text)
	if text != "" && err != nil {
		o.refuse(name, "must be a date such as 2026-01-31")
	}
	return d
}
