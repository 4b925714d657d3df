package orgd

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Live does in some organizations what people do there, so that their audit logs have records of every kind: of their
// own changes, refused ones, and what other systems tell.
func Live(ctx context.Context, c *Client, organizations []string) error {
	return parallel(ctx, len(organizations), func(i int) error { return c.live(ctx, organizations[i], i) })
}

func (c *Client) live(ctx context.Context, organization string, i int) error {
	at := apiPath + "/organizations/" + organization
	var account, member struct {
		ID string `json:"id"`
	}
	inAccount := func() string { return apiPath + "/accounts/" + account.ID }
	for _, step := range []struct {
		method string
		path   func() string
		body   any
		result any
	}{
		{http.MethodPost, func() string { return apiPath + "/accounts" }, map[string]any{"name": fmt.Sprintf("Shop %d", i), "unit": map[string]string{"id": organization}}, &account},
		{http.MethodPut, inAccount, map[string]any{"name": fmt.Sprintf("Shop %d renamed", i)}, nil},
		{http.MethodPost, func() string { return at + "/members" }, map[string]any{"member": map[string]any{"user": map[string]string{"email": fmt.Sprintf("guest%d@example.com", i)}}}, &member},
		{http.MethodPost, func() string { return "/orgd/v1/organizations/" + organization + "/audit" }, told(i), nil},
	} {
		if err := c.Call(ctx, step.method, step.path(), step.body, step.result); err != nil {
			return err
		}
	}
	// Refused, because there is an account in it.
	if err := c.Call(ctx, http.MethodDelete, at, nil, nil); err == nil {
		return fmt.Errorf("organization %s was deleted with an account in it", organization)
	}
	return nil
}

// told is a batch of records of another system.
func told(i int) []map[string]any {
	batch := make([]map[string]any, 5)
	for n := range batch {
		batch[n] = map[string]any{
			"id": fmt.Sprintf("told-%d-%d", i, n), "source": "idp", "time": time.Now().UTC().Add(-time.Hour),
			"action":   map[string]string{"type": "update", "result": "success", "description": "Change group"},
			"actor":    map[string]string{"type": "external_user", "id": fmt.Sprintf("emp-%d", i), "email": "ada@example.com", "ip_address": "192.0.2.7"},
			"raw":      map[string]any{"method": "PATCH", "uri": "/groups/7", "status_code": 200, "user_agent": "idp/1.0"},
			"resource": map[string]any{"id": "group-7", "type": "group", "product": "directory", "before": map[string]any{"members": []int{1, 2}}, "after": map[string]any{"members": []int{1, 2, 3}}},
		}
	}
	return batch
}
