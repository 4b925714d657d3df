// Command go is the first five calls with cloudflare-go. The client reads
// CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/organizations"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	client := cloudflare.NewClient()

	// 1. Is the token good?
	token, err := client.User.Tokens.Verify(ctx)
	if err != nil {
		return err
	}
	fmt.Println("token", token.ID, token.Status)

	// 2. Which organizations can it see?
	roots, err := client.Organizations.List(ctx, organizations.OrganizationListParams{
		Parent: cloudflare.F(organizations.OrganizationListParamsParent{
			ID: cloudflare.F(organizations.OrganizationListParamsParentIDNull),
		}),
	})
	if err != nil {
		return err
	}
	if len(roots.Result) == 0 {
		return fmt.Errorf("the token sees no organization")
	}
	parent := roots.Result[0]
	fmt.Println("organization", parent.ID, parent.Name)

	// 3. Create a sub-organization.
	team, err := client.Organizations.New(ctx, organizations.OrganizationNewParams{
		Organization: organizations.OrganizationParam{
			Name:   cloudflare.F("Team North"),
			Parent: cloudflare.F(organizations.OrganizationParentParam{ID: cloudflare.F(parent.ID)}),
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("sub-organization", team.ID, "in", team.Parent.Name)

	// 4. Create an account in it.
	account, err := client.Accounts.New(ctx, accounts.AccountNewParams{
		Name: cloudflare.F("Web shop"),
		Unit: cloudflare.F(accounts.AccountNewParamsUnit{ID: cloudflare.F(team.ID)}),
	})
	if err != nil {
		return err
	}
	fmt.Println("account", account.ID, "in", account.ManagedBy.ParentOrgName)

	// 5. Read its accounts.
	list, err := client.Organizations.OrganizationAccounts.Get(ctx, team.ID, organizations.OrganizationAccountGetParams{})
	if err != nil {
		return err
	}
	for _, a := range *list {
		fmt.Println("-", a.ID, a.Name)
	}
	return nil
}
