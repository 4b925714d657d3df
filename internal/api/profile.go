package api

import (
	"context"

	"github.com/orgd/orgd/internal/org"
)

type profileBody struct {
	BusinessAddress  string `json:"business_address"`
	BusinessEmail    string `json:"business_email"`
	BusinessName     string `json:"business_name"`
	BusinessPhone    string `json:"business_phone"`
	ExternalMetadata string `json:"external_metadata"`
}

func profile(p org.Profile) profileBody { return profileBody(p) }

// readProfile reads the five strings, all of which are required. The order is
// that of the official document.
func readProfile(o *object) *org.Profile {
	if o == nil {
		return nil
	}
	return &org.Profile{
		BusinessAddress:  o.required("business_address"),
		BusinessEmail:    o.required("business_email"),
		BusinessName:     o.required("business_name"),
		BusinessPhone:    o.required("business_phone"),
		ExternalMetadata: o.required("external_metadata"),
	}
}

func getOrganizationProfile(ctx context.Context, q *request) (reply, error) {
	p, err := q.server.Service.OrganizationProfile(ctx, q.caller, q.organization())
	return reply{Result: p, ETag: true}, err
}

func putOrganizationProfile(ctx context.Context, q *request) (reply, error) {
	return q.putProfile(func(r org.Request, p org.Profile) error {
		_, err := q.server.Service.PutOrganizationProfile(ctx, r, q.organization(), p)
		return err
	})
}

func getAccountProfile(ctx context.Context, q *request) (reply, error) {
	p, err := q.server.Service.AccountProfile(ctx, q.caller, q.account())
	return reply{Result: p, ETag: true}, err
}

func putAccountProfile(ctx context.Context, q *request) (reply, error) {
	return q.putProfile(func(r org.Request, p org.Profile) error {
		_, err := q.server.Service.PutAccountProfile(ctx, r, q.account(), p)
		return err
	})
}

func (q *request) putProfile(put func(org.Request, org.Profile) error) (reply, error) {
	body, err := q.decode()
	if err != nil {
		return reply{}, err
	}
	p := readProfile(body)
	req, err := q.mutation(204)
	if err != nil {
		return reply{}, err
	}
	return reply{Status: 204}, put(req, *p)
}
