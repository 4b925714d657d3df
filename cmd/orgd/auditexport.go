package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/api"
	"github.com/orgd/orgd/internal/audit/export"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// exportFlags say what to export, from where, and where to.
type exportFlags struct {
	remote
	organization                          string
	format, fields, since, before, output string
	from, to                              int64
}

func newAuditExport() *cobra.Command {
	var f exportFlags
	cmd := command(forExport, defaults(), &cobra.Command{
		Use: "export --organization ID", Short: "Write the audit log of an organization to a file",
		Long: `Write the audit log of an organization to a file, from a server (--url) or from
the store. The file appears under its name when it is whole and its trailer was
checked. On a terminal the progress is shown. orgd audit verify checks files of
the format ndjson; read from the store, they have a checkpoint to be checked with
only if --audit-key is given.`,
	}, func(ctx context.Context, c *config, out streams) error { return runExport(ctx, c, &f, out) })
	cmd.Example = `  orgd audit export --url http://127.0.0.1:8787 --organization $ORGANIZATION_ID -o acme.ndjson
  orgd audit export --store sqlite:orgd.db --audit-key audit.key --organization $ORGANIZATION_ID -o acme.ndjson
  orgd audit export --url http://127.0.0.1:8787 --organization $ORGANIZATION_ID --format csv --since 2026-01-01 --before 2026-02-01`
	fs := cmd.Flags()
	f.remote.addFlags(fs, "; empty: read the store")
	fs.StringVar(&f.organization, "organization", "", "id of the organization")
	fs.StringVar(&f.format, "format", "ndjson", "ndjson, csv or ocsf")
	fs.StringVar(&f.fields, "fields", "", "logpush: ndjson with the field names of Logpush")
	fs.StringVar(&f.since, "since", "", "only records from then on: a date or a time such as 2026-01-31T00:00:00Z")
	fs.StringVar(&f.before, "before", "", "only records before then: a date or a time")
	fs.Int64Var(&f.from, "from-seq", 0, "number of the first record; 0: from the beginning")
	fs.Int64Var(&f.to, "to-seq", 0, "number of the last record; 0: to the end")
	fs.StringVarP(&f.output, "output", "o", "", "file to write; empty: standard output")
	return cmd
}

func runExport(ctx context.Context, c *config, f *exportFlags, out streams) error {
	if f.organization == "" {
		return usage(errors.New("--organization is required"))
	}
	format, err := f.exportFormat()
	if err != nil {
		return err
	}
	to, err := openOutput(f.output, out.out)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // so that no part of a file is left
	defer stop()
	check := newExportCheck(to, format, newProgress(out.err))
	if f.url != "" {
		err = f.fromServer(ctx, check)
	} else {
		err = f.fromStore(ctx, c, format, check)
	}
	check.progress.finish()
	if err == nil {
		err = check.whole()
	}
	if err != nil {
		return errors.Join(err, to.discard())
	}
	return to.keep()
}

// exportFormat returns the format, as the API understands the two flags.
func (f *exportFlags) exportFormat() (export.Format, error) {
	switch {
	case f.fields == "logpush" && f.format == "ndjson":
		return export.Logpush, nil
	case f.fields != "":
		return "", usage(fmt.Errorf("--fields %q: only logpush is known, for the format ndjson", f.fields))
	case f.format == "ndjson":
		return export.Native, nil
	case f.format == "csv":
		return export.CSV, nil
	case f.format == "ocsf":
		return export.OCSF, nil
	}
	return "", usage(fmt.Errorf("--format %q is none of ndjson, csv, ocsf", f.format))
}

// fromStore exports without a server, with the rights of the operator.
func (f *exportFlags) fromStore(ctx context.Context, c *config, format export.Format, to *exportCheck) (err error) {
	window := org.AuditRange{From: f.from, To: f.to}
	if window.Since, err = parseMoment("--since", f.since); err != nil {
		return err
	}
	if window.Before, err = parseMoment("--before", f.before); err != nil {
		return err
	}
	store, err := openReady(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service, _ := newService(c, store)
	o := id.Organization(f.organization)
	e, err := service.ExportAudit(ctx, org.Request{Caller: org.System(), Origin: origin("audit export")}, o, window)
	if err != nil {
		return fmt.Errorf("export the log of %s: %w", o, err)
	}
	source, err := api.ExportSource(ctx, o, &window, &e)
	if err != nil {
		return err
	}
	to.expect(e.From, e.To)
	return export.Write(ctx, to, format, source)
}

func parseMoment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage(fmt.Errorf("%s %q is neither a date nor a time such as 2026-01-31T00:00:00Z", flag, text))
}

// fromServer asks a server for the file.
func (f *exportFlags) fromServer(ctx context.Context, to *exportCheck) error {
	query := url.Values{"format": {f.format}}
	for name, value := range map[string]string{"fields": f.fields, "since": f.since, "before": f.before} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, value := range map[string]int64{"from_seq": f.from, "to_seq": f.to} {
		if value != 0 {
			query.Set(name, strconv.FormatInt(value, 10))
		}
	}
	target, err := f.target("orgd/v1/organizations/"+url.PathEscape(f.organization)+"/audit/export", query)
	if err != nil {
		return err
	}
	resp, err := f.ask(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	from, fromErr := strconv.ParseInt(resp.Header.Get("Orgd-From-Seq"), 10, 64)
	last, lastErr := strconv.ParseInt(resp.Header.Get("Orgd-To-Seq"), 10, 64)
	if err := errors.Join(fromErr, lastErr); err != nil {
		return fmt.Errorf("the answer is no export: %w", err)
	}
	to.expect(from, last)
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("the export was cut off after %d records of %d: %w", to.records(), last-from+1, err)
	}
	return nil
}

// output is where a file goes. Under its name it appears when it is whole.
type output struct {
	io.Writer
	name string
	temp *os.File // nil for standard output
}

func openOutput(name string, standard io.Writer) (*output, error) {
	if name == "" || name == "-" {
		return &output{Writer: standard}, nil
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return nil, fmt.Errorf("make the file: %w", err)
	}
	return &output{Writer: temp, name: name, temp: temp}, nil
}

func (o *output) discard() error {
	if o.temp == nil {
		return nil
	}
	return errors.Join(o.temp.Close(), os.Remove(o.temp.Name()))
}

func (o *output) keep() error {
	if o.temp == nil {
		return nil
	}
	if err := o.temp.Sync(); err != nil {
		return errors.Join(fmt.Errorf("write the file: %w", err), o.discard())
	}
	if err := o.temp.Close(); err != nil {
		return errors.Join(fmt.Errorf("write the file: %w", err), os.Remove(o.temp.Name()))
	}
	return os.Rename(o.temp.Name(), o.name)
}
