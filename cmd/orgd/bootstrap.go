package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
)

func newBootstrap() *cobra.Command {
	var email, name string
	var asJSON bool
	cmd := command(forStore, defaults(), &cobra.Command{
		Use: "bootstrap --email EMAIL", Short: "Make the first administrator",
		Long: "Make the first user: the administrator of this instance, with a token and an API\nkey that are shown once. It works while there is no user. An empty store is\nprepared first.",
	}, func(ctx context.Context, c *config, out streams) error {
		if email == "" {
			return usage(errors.New("--email is required"))
		}
		made, err := bootstrap(ctx, c, email, name)
		if err != nil {
			return err
		}
		return printBootstrapped(out.out, made, asJSON)
	})
	cmd.Flags().StringVar(&email, "email", "", "e-mail of the administrator")
	cmd.Flags().StringVar(&name, "name", "", "first and last name of the administrator")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func bootstrap(ctx context.Context, c *config, email, name string) (made org.Bootstrapped, err error) {
	if err := prepare(ctx, c); err != nil {
		return made, err
	}
	store, err := openReady(ctx, c)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service, _ := newService(c, store)
	in := org.NewUser{Email: email, FirstName: name}
	if at := strings.LastIndexByte(name, ' '); at >= 0 {
		in.FirstName, in.LastName = name[:at], name[at+1:]
	}
	made, err = service.Bootstrap(ctx, origin("bootstrap"), in)
	if errors.Is(err, fault.New(fault.Forbidden, "")) {
		return made, &failure{code: exitFailure, err: errors.New("this instance has users already"), hint: "orgd token makes another token for one of them"}
	}
	return made, err
}

func printBootstrapped(w io.Writer, b org.Bootstrapped, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintf(w, "administrator  %s\ntoken          %s\nAPI key        %s\n\nNeither is shown again. orgd token makes another token.\n",
			b.User.Email, b.Token.Value, b.APIKey)
		return err
	}
	type user struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	}
	return json.NewEncoder(w).Encode(struct {
		User   user   `json:"user"`
		Token  issued `json:"token"`
		APIKey string `json:"api_key"`
	}{user{string(b.User.ID), b.User.Email}, issuedOf(b.Token), b.APIKey})
}
