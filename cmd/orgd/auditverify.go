package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orgd/orgd/internal/audit/export"
)

func newAuditVerify() *cobra.Command {
	var key, old string
	var witnesses []string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify EXPORT --key KEY", Short: "Check an export of an audit log without the server",
		Long: `Check an export of an audit log (format ndjson; - reads standard input) without
the server: every record against its hash in the signed tree, bodies and
personal data against the record, and the tree against its checkpoint. With
--checkpoint, check as well that the log begins as it did when an earlier
checkpoint was signed; keep one from every check for the next.

The exit code is 0 when all of it holds, 1 when something does not, and 2 when
there is nothing to check it with.`,
		Example: `  orgd audit verify acme.ndjson --key audit.example.com+3c36b532+AYqI...
  orgd audit verify acme.ndjson --key verifier.key --checkpoint last-month.ndjson`,
	}
	cmd.Flags().StringVar(&key, "key", "", "verifier key of the log or its instance, or a file with it")
	cmd.Flags().StringVar(&old, "checkpoint", "", "file with an earlier checkpoint of the log, or an earlier export of it")
	cmd.Flags().StringArrayVar(&witnesses, "witness", nil, "verifier key of a witness that has to have cosigned; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the outcome as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || key == "" {
			return usage(errors.New("verify takes one export, and --key"))
		}
		r, err := verifyExport(args[0], cmd.InOrStdin(), key, old, witnesses)
		if err != nil {
			return usage(err)
		}
		if asJSON {
			err = printJSON(cmd.OutOrStdout(), r)
		} else {
			err = printReport(cmd.OutOrStdout(), r)
		}
		if err != nil {
			return err
		}
		if n := int64(len(r.Findings)) + r.More; n > 0 {
			return &failure{code: exitFailure, err: fmt.Errorf("the log does not hold (findings: %d), first: %s", n, r.Findings[0])}
		}
		return nil
	}
	return cmd
}

func verifyExport(name string, standard io.Reader, key, old string, witnesses []string) (*export.Report, error) {
	o := export.Options{Key: inFile(key), Witnesses: witnesses}
	if old != "" {
		text, err := readCheckpoint(old)
		if err != nil {
			return nil, fmt.Errorf("read the earlier checkpoint: %w", err)
		}
		o.Old = text
	}
	from := standard
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the export: %w", err)
		}
		defer f.Close()
		from = f
	}
	return export.Verify(from, o)
}

// inFile returns the text of the file with this name, or the name itself when
// it is none: a verifier key is not a name that a file has.
func inFile(name string) string {
	if strings.Count(name, "+") >= 2 {
		return name
	}
	if text, err := os.ReadFile(name); err == nil {
		return string(text)
	}
	return name
}

// readCheckpoint reads a checkpoint from a file of its own or from the end of
// an export.
func readCheckpoint(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return export.ReadCheckpoint(f)
}

// printReport tells people what was found.
func printReport(w io.Writer, r *export.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "log         %s\n", r.Header.Log)
	if r.Trailer.End {
		fmt.Fprintf(&b, "records     %d to %d, %d in all\n", r.Trailer.FromSeq, r.Trailer.ToSeq, r.Trailer.Count)
	}
	if r.Trailer.Expired > 0 {
		fmt.Fprintf(&b, "expired     1 to %d, as the server says\n", r.Trailer.Expired)
	}
	if r.Erased > 0 {
		fmt.Fprintf(&b, "erased      personal data in %d records, as they say themselves\n", r.Erased)
	}
	if r.Checkpoint.Origin != "" {
		fmt.Fprintf(&b, "checkpoint  %d records, root %s, signed by %s\n", r.Checkpoint.Size, r.Checkpoint.Root, r.Checkpoint.Origin)
	}
	for _, name := range r.Witnesses {
		fmt.Fprintf(&b, "cosigned    by %s\n", name)
	}
	if r.Old != nil {
		fmt.Fprintf(&b, "compared    with the checkpoint of %d records\n", r.Old.Size)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "WRONG       %s\n", f)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "WRONG       and %d more\n", r.More)
	}
	if len(r.Findings) == 0 {
		b.WriteString("the log holds\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// jsonReport is what --json prints.
type jsonReport struct {
	OK         bool          `json:"ok"`
	Log        string        `json:"log"`
	FromSeq    int64         `json:"from_seq"`
	ToSeq      int64         `json:"to_seq"`
	Count      int64         `json:"count"`
	Expired    int64         `json:"expired"`
	Erased     int64         `json:"erased"`
	Checkpoint *jsonTree     `json:"checkpoint"`
	Compared   *jsonTree     `json:"compared"`
	Witnesses  []string      `json:"witnesses"`
	Findings   []jsonFinding `json:"findings"`
	More       int64         `json:"more_findings"`
}

type jsonTree struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

type jsonFinding struct {
	Kind   string `json:"kind"`
	Seq    int64  `json:"seq,omitempty"`
	ID     string `json:"id,omitempty"`
	Detail string `json:"detail"`
}

func printJSON(w io.Writer, r *export.Report) error {
	out := jsonReport{
		OK: len(r.Findings) == 0, Log: string(r.Header.Log), FromSeq: r.Trailer.FromSeq, ToSeq: r.Trailer.ToSeq, Count: r.Trailer.Count,
		Expired: r.Trailer.Expired, Erased: r.Erased, Witnesses: append([]string{}, r.Witnesses...), Findings: []jsonFinding{}, More: r.More,
	}
	if c := r.Checkpoint; c.Origin != "" {
		out.Checkpoint = &jsonTree{c.Origin, c.Size, c.Root.String()}
	}
	if c := r.Old; c != nil {
		out.Compared = &jsonTree{c.Origin, c.Size, c.Root.String()}
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, jsonFinding{string(f.Kind), f.Seq, f.ID, f.Detail})
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("write the outcome: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
