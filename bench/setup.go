package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/orgd/orgd/bench/orgd"
	"github.com/orgd/orgd/bench/pgbench"
)

// bootstrap migrates the database and makes its first administrator.
func (s *suite) bootstrap(ctx context.Context, st *store) error {
	var made struct {
		Token struct{ Value string }
	}
	o := s.program("bootstrap", "bootstrap", "--store", st.url, "--email", adminEmail, "--json")
	if err := orgd.Command(ctx, o, &made); err != nil {
		return err
	}
	st.admin = made.Token.Value
	return nil
}

// addLimited makes the user with three grants and gives it a token.
func (s *suite) addLimited(ctx context.Context, st *store, server *orgd.Server) error {
	email, err := orgd.AddLimited(ctx, server.Client(st.admin), st.data)
	if err != nil {
		return err
	}
	var made struct{ Value string }
	o := s.program("token", "token", "--store", st.url, "--email", email, "--json")
	if err := orgd.Command(ctx, o, &made); err != nil {
		return err
	}
	st.limited = made.Value
	return nil
}

// total is how many organizations the owner of the token sees.
func (st *store) total(ctx context.Context, token string) (int, error) {
	_, text, err := orgd.Get(ctx, st.server.Addr, firstPage, bearer(token))
	if err != nil {
		return 0, err
	}
	var list struct {
		Info struct {
			Total int `json:"total_size"`
		} `json:"result_info"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return 0, fmt.Errorf("decode the first page: %w", err)
	}
	return list.Info.Total, nil
}

// baselineTables are what pgbench inserts: the row and the record that creating the sample organization left.
func baselineTables(sample string) []pgbench.Table {
	return []pgbench.Table{
		{Name: "organizations", Sample: "id = '" + sample + "'", Set: map[string]string{
			"id": pgbench.NewID, "parent_id": pgbench.SomeID, "created_at": pgbench.Counter,
			"name": "'New ' || " + pgbench.Counter, "name_fold": "'new ' || " + pgbench.Counter,
		}, IDs: []string{"id", "parent_id"}},
		{Name: "audit_records", Sample: "resource_id = '" + sample + "'", Set: map[string]string{
			"log_id": pgbench.SomeID, "seq": pgbench.Counter, "id": pgbench.NewID, "resource_id": pgbench.NewID,
		}, IDs: []string{"log_id"}},
	}
}
