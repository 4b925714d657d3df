package enginetest_test

import (
	"testing"
	"time"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/org"
)

// TestStoresAreEmpty fills a store, so that the next test would find what is
// left if its database was used again as it is.
func TestStoresAreEmpty(t *testing.T) {
	for _, e := range enginetest.All(t) {
		for _, run := range []string{"first", "second"} {
			t.Run(e.Name+"/"+run, func(t *testing.T) {
				s := e.Open(t)
				if any, err := s.AnyUser(t.Context()); any || err != nil {
					t.Fatalf("the store has users: %t, %v", any, err)
				}
				u := org.User{ID: "u", Email: "u@example.com", Status: org.UserActive, Created: time.UnixMicro(1)}
				err := s.Update(t.Context(), func(tx org.Tx) error {
					if err := tx.InsertUser(t.Context(), u); err != nil {
						return err
					}
					return tx.InsertToken(t.Context(), org.Token{ID: "t", User: "u"}, "hash")
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}
