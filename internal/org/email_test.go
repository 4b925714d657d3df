package org_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// TestInviteStrangerEverywhere invites somebody whom nobody knows to several
// organizations at once: one of the invitations makes the user, and the
// others find it.
func TestInviteStrangerEverywhere(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, w *world) {
		ada := w.person("ada")
		var roots []org.Organization
		for i := range 6 {
			roots = append(roots, w.root(fmt.Sprint("Root ", i), ada))
		}
		for stranger := range 10 {
			users := make([]id.User, len(roots))
			var group sync.WaitGroup
			for i, root := range roots {
				group.Go(func() {
					email := fmt.Sprintf([]string{"Stranger%d@example.com", "stranger%d@EXAMPLE.com"}[i%2], stranger)
					m, err := w.invite(root.ID, ada, email)
					if err != nil {
						t.Errorf("%s: %v", root.Name, err)
					}
					users[i] = m.User.ID
				})
			}
			group.Wait()
			for i, u := range users {
				if u != users[0] {
					t.Errorf("%s invited user %s, %s invited %s", roots[i].Name, u, roots[0].Name, users[0])
				}
			}
		}
	})
}
