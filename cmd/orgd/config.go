package main

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/proof"
)

// config holds every option of every command.
type config struct {
	Store                  string
	SQLiteSynchronous      string
	PostgresMaxConnections int
	Listen                 string
	AdminListen            string
	Data                   string
	ReadyFile              string
	Compat                 string
	LimitsDepth            int
	LimitsAccounts         int
	LimitsStreams          int
	LimitsBudgets          int
	RateLimit              int
	TrustedProxies         []netip.Prefix
	MaxBody                int
	BootstrapSecret        string
	LogLevel               string
	LogFormat              string
	OTLPEndpoint           string
	ShutdownTimeout        time.Duration
	AuditReads             string // "on" or "off"
	AuditRetentionMonths   int
	SecretKey              string
	SecretKeyFile          string
	OutboundAllow          []netip.Prefix
	AuditKey               string
	AuditOrigin            string
	AuditWitnesses         []witnessAddress

	SigningKey *proof.Key // no option: it is read from AuditKey
}

// defaults returns the configuration that nothing was configured in.
func defaults() *config {
	return &config{
		Store:             "sqlite:orgd.db",
		SQLiteSynchronous: "full",
		Listen:            "127.0.0.1:8787",
		AdminListen:       "127.0.0.1:8788",
		LimitsDepth:       5,
		LimitsAccounts:    20_000,
		LimitsStreams:     10,
		LimitsBudgets:     20,
		RateLimit:         1200,
		MaxBody:           1 << 20,
		LogLevel:          "info",
		LogFormat:         "json",
		ShutdownTimeout:   30 * time.Second,
		AuditReads:        "off",

		AuditRetentionMonths: org.DefaultRetention,
	}
}

// devDefaults returns what `orgd dev` begins with.
func devDefaults() *config {
	c := defaults()
	c.Store, c.SQLiteSynchronous, c.RateLimit, c.LogFormat = "", "normal", 0, "text"
	return c
}

// group is a set of commands.
type group uint8

// The commands that take options.
const (
	forDev     group = 1 << iota // dev
	forServe                     // serve
	forStore                     // migrate, bootstrap, token
	forExport                    // audit export
	forFsck                      // fsck
	forServers = forDev | forServe
	forLimits  = forServers | forFsck
	forAll     = forServers | forStore | forExport | forFsck
)

// option is a row of the table from which flags, variables, keys and their
// description are made.
type option struct {
	key     string // in the file; flag and variable follow from it
	use     group
	value   func(c *config) pflag.Value
	meaning string
}

// flag returns the name of the flag, without the dashes in front.
func (o *option) flag() string { return strings.NewReplacer("_", "-", ".", "-").Replace(o.key) }

// variable returns the name of the environment variable.
func (o *option) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(o.key, ".", "_"))
}

const (
	variablePrefix = "ORGD_"
	// fileFlag names the file. It is no option itself: a file names no file.
	fileFlag     = "config"
	fileVariable = variablePrefix + "CONFIG"
	fileMeaning  = "YAML file with options"
)

// options returns the table of all options.
func options() []option {
	return []option{
		{"store", forAll, func(c *config) pflag.Value { return (*text)(&c.Store) }, "sqlite:PATH or postgres://USER@HOST/DATABASE"},
		{"sqlite_synchronous", forAll, func(c *config) pflag.Value { return &choice{&c.SQLiteSynchronous, []string{"full", "normal"}} }, "full: an answered write survives a power cut; normal: it survives a crash of orgd"},
		{"postgres_max_connections", forAll, func(c *config) pflag.Value { return &number{&c.PostgresMaxConnections, 0} }, "connections to PostgreSQL at a time, 0: as many as suit the machine"},
		{"listen", forServers, func(c *config) pflag.Value { return (*text)(&c.Listen) }, "address of the API, port 0 takes a free one"},
		{"admin_listen", forServers, func(c *config) pflag.Value { return (*text)(&c.AdminListen) }, "address of /livez, /readyz and /metrics; a free port when that of the API is free"},
		{"data", forDev, func(c *config) pflag.Value { return (*text)(&c.Data) }, "folder of the database and the credentials; empty: a temporary one"},
		{"ready_file", forServers, func(c *config) pflag.Value { return (*text)(&c.ReadyFile) }, "file to write addresses and credentials to, once ready"},
		{"compat", forServers, func(c *config) pflag.Value { return &choice{&c.Compat, []string{"", "cloudflare"}} }, "cloudflare: do not repeat the profile in an organization"},
		{"limits.depth", forLimits, func(c *config) pflag.Value { return &number{&c.LimitsDepth, 0} }, "levels of organizations below a root"},
		{"limits.accounts", forLimits, func(c *config) pflag.Value { return &number{&c.LimitsAccounts, 0} }, "accounts in the tree of a root"},
		{"limits.streams", forServers, func(c *config) pflag.Value { return &number{&c.LimitsStreams, 0} }, "streams of the audit log of an organization"},
		{"limits.budgets", forServers, func(c *config) pflag.Value { return &number{&c.LimitsBudgets, 0} }, "budgets of an organization or of an account"},
		{"rate_limit", forServers, func(c *config) pflag.Value { return &number{&c.RateLimit, 0} }, "requests of a credential per 5 minutes, 0: no limit"},
		{"trusted_proxies", forServers, func(c *config) pflag.Value { return (*prefixes)(&c.TrustedProxies) }, "addresses and CIDR blocks whose X-Forwarded-For is believed"},
		{"max_body", forServers, func(c *config) pflag.Value { return &number{&c.MaxBody, 1} }, "largest body of a request, in bytes"},
		{"bootstrap_secret", forServe, func(c *config) pflag.Value { return (*secret)(&c.BootstrapSecret) }, "secret of POST /orgd/v1/bootstrap; empty: the route is off"},
		{"audit_reads", forServers, func(c *config) pflag.Value { return &choice{&c.AuditReads, []string{"off", "on"}} }, "on: record who reads an audit log, in that log"},
		{"secret_key", forServers, func(c *config) pflag.Value { return (*secret)(&c.SecretKey) }, "key that the secrets of receivers are kept under: 32 bytes in hexadecimal or base64; several are separated by commas, the first one is for new secrets"},
		{"secret_key_file", forServers, func(c *config) pflag.Value { return (*text)(&c.SecretKeyFile) }, "file of the secret_key; orgd dev makes one"},
		{"outbound_allow", forServers, func(c *config) pflag.Value { return (*prefixes)(&c.OutboundAllow) }, "addresses and CIDR blocks that streams and notices of budgets may be sent to although they are not public, and without TLS"},
		{"audit_key", forServers | forExport, func(c *config) pflag.Value { return (*text)(&c.AuditKey) }, "file with the key that signs audit logs (orgd audit keygen); empty: no proofs"},
		{"audit_origin", forServers | forExport, func(c *config) pflag.Value { return (*text)(&c.AuditOrigin) }, "name of this instance in proofs; empty: the name in audit_key"},
		{"audit_retention_months", forServers, func(c *config) pflag.Value { return &number{&c.AuditRetentionMonths, org.LeastRetention} }, "months that records of logs without settings of their own are kept"},
		{"audit_witnesses", forServers, func(c *config) pflag.Value { return (*witnesses)(&c.AuditWitnesses) }, "witnesses that cosign checkpoints: verifier key, space and URL of each, separated by commas"},
		{"log_level", forServers, func(c *config) pflag.Value { return &choice{&c.LogLevel, []string{"debug", "info", "warn", "error"}} }, "least severe lines to log: debug, info, warn or error"},
		{"log_format", forServers, func(c *config) pflag.Value { return &choice{&c.LogFormat, []string{"json", "text"}} }, "json or text"},
		{"otlp_endpoint", forServers, func(c *config) pflag.Value { return &endpoint{&c.OTLPEndpoint} }, "URL of an OTLP/HTTP collector for traces; empty: no traces"},
		{"shutdown_timeout", forServers, func(c *config) pflag.Value { return &duration{&c.ShutdownTimeout} }, "time for accepted requests to finish after SIGTERM"},
	}
}

// addFlags adds the flags of the commands in use, bound to c, to fs.
func (c *config) addFlags(fs *pflag.FlagSet, use group) {
	fs.String(fileFlag, "", fileMeaning+" (or "+fileVariable+")")
	for _, o := range options() {
		if o.use&use != 0 {
			fs.Var(o.value(c), o.flag(), o.meaning)
		}
	}
}

// load fills in what the flags left open: from the environment and then from
// the file.
func (c *config) load(fs *pflag.FlagSet) error {
	name, err := fs.GetString(fileFlag)
	if err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	if name == "" {
		name = os.Getenv(fileVariable)
	}
	inFile, err := readFile(name)
	if err != nil {
		return err
	}
	merged := inFile.Copy()
	inEnvironment := koanf.New(".")
	if err := inEnvironment.Load(environment(), nil); err != nil {
		return fmt.Errorf("read the environment: %w", err)
	}
	if err := merged.Merge(inEnvironment); err != nil {
		return fmt.Errorf("merge file and environment: %w", err)
	}
	for _, o := range options() {
		f := fs.Lookup(o.flag())
		if f == nil || f.Changed || !merged.Exists(o.key) {
			continue
		}
		from := o.key + " in " + name
		if inEnvironment.Exists(o.key) {
			from = o.variable()
		}
		if err := f.Value.Set(textOf(merged.Get(o.key))); err != nil {
			return usage(fmt.Errorf("invalid value of %s: %w", from, err))
		}
		f.Changed = true
	}
	return c.freeAdminPort(fs)
}

// freeAdminPort takes a free port for the operator beside a free one for the
// API, so that several servers on one machine need one flag each.
func (c *config) freeAdminPort(fs *pflag.FlagSet) error {
	f := fs.Lookup("admin-listen")
	if f == nil || f.Changed || !strings.HasSuffix(c.Listen, ":0") {
		return nil
	}
	return f.Value.Set("127.0.0.1:0")
}

// readFile reads the file and refuses keys that are no options. Without a
// name there is nothing to read.
func readFile(name string) (*koanf.Koanf, error) {
	k := koanf.New(".")
	if name == "" {
		return k, nil
	}
	if err := k.Load(file.Provider(name), yaml.Parser()); err != nil {
		return nil, usage(fmt.Errorf("read the configuration file %s: %w", name, err))
	}
	all := options()
	for _, key := range k.Keys() {
		if !slices.ContainsFunc(all, func(o option) bool { return o.key == key }) {
			return nil, usage(fmt.Errorf("unknown key %q in %s", key, name))
		}
	}
	return k, nil
}

// environment reads the variables of the options. Other variables that begin
// with ORGD_ are none of ours: an orchestrator may set ORGD_PORT and the like
// for a service of that name.
func environment() koanf.Provider {
	keys := make(map[string]string)
	for _, o := range options() {
		keys[o.variable()] = o.key
	}
	return env.Provider(".", env.Opt{
		Prefix: variablePrefix,
		TransformFunc: func(name, value string) (string, any) {
			if value == "" {
				return "", nil // as if it were not set
			}
			return keys[name], value
		},
	})
}

// textOf writes a value of the file the way that it is given to a flag.
func textOf(value any) string {
	if value == nil {
		return ""
	}
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ",")
}
