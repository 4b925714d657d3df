package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// loadFlags say where to load a price list.
type loadFlags struct {
	remote
}

func newUsageLoad() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use: "load FILE", Short: "Add a catalogue of metrics and price books to a server",
		Long: `Add a catalogue of metrics, price books, or both to a server, from a YAML file
or, with -, from standard input. It takes an administrator of the instance.
Versions never change: the same file once more is fine.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("usage load takes one file"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), args[0], cmd.InOrStdin(), streams{cmd.OutOrStdout(), cmd.ErrOrStderr()})
		},
	}
	f.remote.addFlags(cmd.Flags(), " (or CLOUDFLARE_BASE_URL)")
	return cmd
}

func (f *loadFlags) run(ctx context.Context, name string, in io.Reader, out streams) error {
	if err := f.fromEnvironment(); err != nil {
		return err
	}
	text, err := readInput(name, in)
	if err != nil {
		return err
	}
	var added struct {
		Catalogue  string   `json:"catalogue"`
		Metrics    int      `json:"metrics"`
		PriceBooks []string `json:"price_books"`
	}
	err = f.call(ctx, http.MethodPost, "orgd/v1/usage/price_lists", nil, map[string]string{"yaml": string(text)}, &added)
	if err != nil {
		return loadError(name, err, out.err)
	}
	if added.Catalogue != "" {
		fmt.Fprintf(out.out, "catalogue %s with %d metrics\n", added.Catalogue, added.Metrics)
	}
	for _, b := range added.PriceBooks {
		fmt.Fprintf(out.out, "price book %s\n", b)
	}
	return nil
}

// loadError lists the problems that a server found in a file, each with its
// place, one a line as compilers do.
func loadError(name string, err error, w io.Writer) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return fmt.Errorf("load %s: %w", name, err)
	}
	problems := 0
	for _, m := range r.messages {
		line, text, found := strings.Cut(strings.TrimPrefix(m, "/yaml line "), ": ")
		if found && strings.HasPrefix(m, "/yaml line ") {
			fmt.Fprintf(w, "%s:%s: %s\n", name, line, text)
			problems++
		}
	}
	if problems == 0 || problems < len(r.messages) {
		return fmt.Errorf("load %s: %w", name, err)
	}
	return fmt.Errorf("%s was not loaded: %d problems", name, problems)
}

func readInput(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// assignFlags say to whom to assign a price book, and from when.
type assignFlags struct {
	remote
	organization, account, start string
}

func newUsageAssign() *cobra.Command {
	var f assignFlags
	cmd := &cobra.Command{
		Use: "assign BOOK (--organization ID | --account ID) --start DAY", Short: "Give a price book to an account or an organization",
		Long: `Give a price book to an account, or to all accounts in an organization and below
it, from a day on. What was used on that day and later is priced by it, also what
is there already.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("usage assign takes one price book"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), args[0], cmd.OutOrStdout()) },
	}
	fs := cmd.Flags()
	f.remote.addFlags(fs, " (or CLOUDFLARE_BASE_URL)")
	fs.StringVar(&f.organization, "organization", "", "id of the organization")
	fs.StringVar(&f.account, "account", "", "id of the account")
	fs.StringVar(&f.start, "start", "", "first day, such as 2026-01-01")
	return cmd
}

func (f *assignFlags) run(ctx context.Context, book string, out io.Writer) error {
	if (f.organization == "") == (f.account == "") {
		return usage(errors.New("usage assign takes one of --organization and --account"))
	}
	if _, err := time.Parse(time.DateOnly, f.start); err != nil {
		return usage(fmt.Errorf("--start %q is not a day such as 2026-01-31", f.start))
	}
	if err := f.fromEnvironment(); err != nil {
		return err
	}
	path, owner := "orgd/v1/organizations/"+url.PathEscape(f.organization), "organization "+f.organization
	if f.account != "" {
		path, owner = "orgd/v1/accounts/"+url.PathEscape(f.account), "account "+f.account
	}
	body := map[string]string{"book_id": book, "start": f.start}
	if err := f.call(ctx, http.MethodPut, path+"/price_book", nil, body, nil); err != nil {
		return fmt.Errorf("assign price book %s: %w", strings.TrimSpace(book), err)
	}
	_, err := fmt.Fprintf(out, "price book %s for %s from %s on\n", book, owner, f.start)
	return err
}
