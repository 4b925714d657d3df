package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
)

// example is a value for every option that is not its default, in the file's
// notation, and what it becomes.
var examples = map[string]struct {
	value string
	set   func(c *config)
}{
	"store":                    {"sqlite:other.db", func(c *config) { c.Store = "sqlite:other.db" }},
	"sqlite_synchronous":       {"normal", func(c *config) { c.SQLiteSynchronous = "normal" }},
	"postgres_max_connections": {"7", func(c *config) { c.PostgresMaxConnections = 7 }},
	"listen":                   {":80", func(c *config) { c.Listen = ":80" }},
	"admin_listen":             {":81", func(c *config) { c.AdminListen = ":81" }},
	"data":                     {"folder", func(c *config) { c.Data = "folder" }},
	"ready_file":               {"ready.json", func(c *config) { c.ReadyFile = "ready.json" }},
	"compat":                   {"cloudflare", func(c *config) { c.Compat = "cloudflare" }},
	"limits.depth":             {"9", func(c *config) { c.LimitsDepth = 9 }},
	"limits.accounts":          {"17", func(c *config) { c.LimitsAccounts = 17 }},
	"limits.streams":           {"3", func(c *config) { c.LimitsStreams = 3 }},
	"limits.budgets":           {"4", func(c *config) { c.LimitsBudgets = 4 }},
	"rate_limit":               {"5", func(c *config) { c.RateLimit = 5 }},
	"trusted_proxies": {"10.1.2.3/8,2001:db8::1", func(c *config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	}},
	"max_body":               {"99", func(c *config) { c.MaxBody = 99 }},
	"bootstrap_secret":       {"hush", func(c *config) { c.BootstrapSecret = "hush" }},
	"audit_retention_months": {"6", func(c *config) { c.AuditRetentionMonths = 6 }},
	"audit_reads":            {"on", func(c *config) { c.AuditReads = "on" }},
	"secret_key":             {"0102", func(c *config) { c.SecretKey = "0102" }},
	"secret_key_file":        {"secret.key", func(c *config) { c.SecretKeyFile = "secret.key" }},
	"outbound_allow": {"127.0.0.1,10.0.0.0/8", func(c *config) {
		c.OutboundAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	}},
	"audit_key": {"key.file", func(c *config) { c.AuditKey = "key.file" }},
	"audit_witnesses": {witnessKey + " https://witness.example.com/prefix", func(c *config) {
		c.AuditWitnesses = []witnessAddress{{witnessKey, "https://witness.example.com/prefix"}}
	}},
	"audit_origin":     {"audit.example.com", func(c *config) { c.AuditOrigin = "audit.example.com" }},
	"log_level":        {"warn", func(c *config) { c.LogLevel = "warn" }},
	"log_format":       {"text", func(c *config) { c.LogFormat = "text" }},
	"otlp_endpoint":    {"http://127.0.0.1:4318", func(c *config) { c.OTLPEndpoint = "http://127.0.0.1:4318" }},
	"shutdown_timeout": {"3s", func(c *config) { c.ShutdownTimeout = 3 * time.Second }},
}

// witnessKey is the verifier key of no witness.
const witnessKey = "witness.example.com+cc73f2e6+BO1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"

// TestOptions sets every option in the table by flag, by variable and in the
// file.
func TestOptions(t *testing.T) {
	if got, want := len(options()), len(examples); got != want {
		t.Fatalf("there are %d options and examples of %d", got, want)
	}
	for _, o := range options() {
		e, ok := examples[o.key]
		if !ok {
			t.Errorf("no example of %s", o.key)
			continue
		}
		t.Run(o.key, func(t *testing.T) {
			want := defaults()
			e.set(want)
			if cmp.Equal(want, defaults(), equalPrefixes) {
				t.Fatal("the example is the default")
			}
			check := func(source string, got *config) {
				t.Helper()
				if diff := cmp.Diff(want, got, equalPrefixes); diff != "" {
					t.Errorf("set by %s (-want +got):\n%s", source, diff)
				}
			}
			check("flag", load(t, "--"+o.flag(), e.value))
			check("file", load(t, "--config", writeConfig(t, o.key, e.value)))
			t.Setenv(o.variable(), e.value)
			check("variable", load(t))
		})
	}
}

// TestPrecedence sets an option in several places at once.
func TestPrecedence(t *testing.T) {
	file := writeConfig(t, "limits.depth", "1")
	t.Setenv("ORGD_CONFIG", file)
	if got := load(t).LimitsDepth; got != 1 {
		t.Errorf("file: depth %d, want 1", got)
	}
	t.Setenv("ORGD_LIMITS_DEPTH", "2")
	if got := load(t).LimitsDepth; got != 2 {
		t.Errorf("file and variable: depth %d, want 2", got)
	}
	if got := load(t, "--limits-depth", "3").LimitsDepth; got != 3 {
		t.Errorf("file, variable and flag: depth %d, want 3", got)
	}
	t.Setenv("ORGD_LIMITS_DEPTH", "")
	if got := load(t).LimitsDepth; got != 1 {
		t.Errorf("file and empty variable: depth %d, want 1", got)
	}
}

func TestFileLists(t *testing.T) {
	name := filepath.Join(t.TempDir(), "orgd.yaml")
	if err := os.WriteFile(name, []byte("trusted_proxies: [10.0.0.0/8, 192.0.2.7]\ncompat:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}
	if diff := cmp.Diff(want, load(t, "--config", name).TrustedProxies, equalPrefixes); diff != "" {
		t.Errorf("trusted_proxies (-want +got):\n%s", diff)
	}
}

// TestSecretIsNotShown looks for a secret where values are printed.
func TestSecretIsNotShown(t *testing.T) {
	c := defaults()
	c.BootstrapSecret = "hush"
	for _, o := range options() {
		if strings.Contains(o.value(c).String(), "hush") {
			t.Errorf("%s shows the secret", o.key)
		}
	}
}

var equalPrefixes = cmp.Options{cmpopts.EquateComparable(netip.Prefix{})}

// load returns what serve and fsck together would be configured with.
func load(t *testing.T, args ...string) *config {
	t.Helper()
	c := defaults()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	c.addFlags(fs, forAll)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := c.load(fs); err != nil {
		t.Fatal(err)
	}
	return c
}

// writeConfig writes a file with one key.
func writeConfig(t *testing.T, key, value string) string {
	t.Helper()
	var b strings.Builder
	parts := strings.Split(key, ".")
	for i, p := range parts {
		b.WriteString(strings.Repeat("  ", i) + p + ":")
		if i < len(parts)-1 {
			b.WriteString("\n")
		}
	}
	b.WriteString(" " + `"` + value + `"` + "\n")
	name := filepath.Join(t.TempDir(), "orgd.yaml")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
