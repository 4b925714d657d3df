package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/page"
)

const tokenColumns = `t.id, t.user_id, t.name, t.status, t.policies, t.allow_ip, t.deny_ip, t.not_before, t.expires_at,
	t.issued_at, t.modified_at, t.last_used_at`

// tokenScan is where a row of tokenColumns goes.
type tokenScan struct {
	token                                          org.Token
	policies, allow, deny                          string
	notBefore, expires, issued, modified, lastUsed int64
}

func (s *tokenScan) into() []any {
	t := &s.token
	return []any{
		(*string)(&t.ID), (*string)(&t.User), &t.Name, (*string)(&t.Status), &s.policies, &s.allow, &s.deny,
		&s.notBefore, &s.expires, &s.issued, &s.modified, &s.lastUsed,
	}
}

func (s *tokenScan) value() (org.Token, error) {
	t := s.token
	t.NotBefore, t.Expires, t.Issued = moment(s.notBefore), moment(s.expires), moment(s.issued)
	t.Modified, t.LastUsed = moment(s.modified), moment(s.lastUsed)
	for _, part := range []struct {
		text string
		into any
	}{{s.policies, &t.Policies}, {s.allow, &t.AllowIP}, {s.deny, &t.DenyIP}} {
		if part.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return org.Token{}, fmt.Errorf("decode token %s: %w", t.ID, err)
		}
	}
	return t, nil
}

// encodeList returns the stored form of a list, "" for an empty one.
func encodeList[T any](list []T) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// Token implements org.TokenReader.
func (r *reader) Token(ctx context.Context, u id.User, t id.Token) (org.Token, error) {
	const tokenSQL = `SELECT ` + tokenColumns + ` FROM api_tokens t WHERE t.id = $1 AND t.user_id = $2`
	var s tokenScan
	if err := r.one(ctx, "token", tokenSQL, []any{string(t), string(u)}, s.into()...); err != nil {
		return org.Token{}, err
	}
	return s.value()
}

// ListTokens implements org.TokenReader.
func (r *reader) ListTokens(ctx context.Context, q org.TokenQuery) (page.Page[org.Token], error) {
	from := func(b *builder) {
		b.add(" FROM api_tokens t WHERE t.user_id = ", b.arg(string(q.User)))
		if !q.IncludeExpired {
			b.add(" AND (t.expires_at = 0 OR t.expires_at > ", b.arg(micros(q.At)), ")")
		}
	}
	var p page.Page[org.Token]
	err := r.snapshot(ctx, func(r *reader) error {
		var err error
		if p.Total, err = r.countFrom(ctx, from); err != nil {
			return err
		}
		b := &builder{dialect: r.dialect}
		b.add("SELECT ", tokenColumns)
		from(b)
		order := " ORDER BY t.issued_at, t.id"
		if q.Desc {
			order = " ORDER BY t.issued_at DESC, t.id DESC"
		}
		b.add(order, " LIMIT ", b.arg(q.PerPage), " OFFSET ", b.arg(q.Offset()))
		return r.search(ctx, b.text.String(), b.args, func(row row) error {
			var s tokenScan
			if err := row.Scan(s.into()...); err != nil {
				return err
			}
			t, err := s.value()
			p.Items = append(p.Items, t)
			return err
		})
	})
	return p, err
}

// A principal is read in one statement, as rows of the same columns: the user
// and its token come first, each membership after them.
const (
	noUser  = `'', '', '', '', FALSE, FALSE, '', 0, 0`
	noToken = `'', '', '', '', '', '', '', 0, 0, 0, 0, 0`
	noGrant = `'user', '', '', '', ''`

	tokenUser = ` FROM api_tokens t JOIN users u ON u.id = t.user_id AND u.status = 'active'`
	tokenIs   = ` WHERE t.hash = $1 AND t.status = 'active'`
	keyUser   = ` FROM users u JOIN api_keys k ON k.user_id = u.id`
	keyIs     = ` WHERE u.email_fold = $1 AND k.hash = $2 AND u.status = 'active'`
)

// Principal implements org.TokenReader.
func (r *reader) Principal(ctx context.Context, c org.CredentialRef) (org.Principal, error) {
	const tokenPrincipalSQL = `SELECT ` + noGrant + `, ` + userColumns + `, ` + tokenColumns + tokenUser + tokenIs + `
		UNION ALL SELECT ` + organizationGrants + `, ` + noUser + `, ` + noToken + tokenUser + organizationGrantsFrom + tokenIs + `
		UNION ALL SELECT ` + accountGrants + `, ` + noUser + `, ` + noToken + tokenUser + accountGrantsFrom + tokenIs
	const keyPrincipalSQL = `SELECT ` + noGrant + `, ` + userColumns + `, ` + noToken + keyUser + keyIs + `
		UNION ALL SELECT ` + organizationGrants + `, ` + noUser + `, ` + noToken + keyUser + organizationGrantsFrom + keyIs + `
		UNION ALL SELECT ` + accountGrants + `, ` + noUser + `, ` + noToken + keyUser + accountGrantsFrom + keyIs
	if c.TokenHash != "" {
		return r.principal(ctx, tokenPrincipalSQL, c.TokenHash)
	}
	return r.principal(ctx, keyPrincipalSQL, fold(c.Email), c.KeyHash)
}

func (r *reader) principal(ctx context.Context, sql string, args ...any) (org.Principal, error) {
	var p org.Principal
	var g grantScan
	var u userScan
	var t tokenScan
	into := append(append(g.into(), u.into()...), t.into()...)
	err := r.query(ctx, sql, args, func(row row) error {
		if err := row.Scan(into...); err != nil {
			return err
		}
		g.add(&p.Grants, &p.Accounts)
		if g.kind != "user" {
			return nil
		}
		p.User = u.value()
		if t.token.ID == "" {
			return nil
		}
		token, err := t.value()
		p.Token = &token
		return err
	})
	if err != nil {
		return org.Principal{}, err
	}
	if p.User.ID == "" {
		return org.Principal{}, fault.ErrNotFound("credential")
	}
	return p, nil
}

// Paths implements org.TokenReader.
func (r *reader) Paths(ctx context.Context, os []id.Organization, as []id.Account) (map[id.Organization][]id.Organization, map[id.Account][]id.Organization, error) {
	const pathsSQL = `SELECT '', o.id, o.path FROM organizations o WHERE o.id IN (SELECT value FROM list($1)) AND o.deleted_at = 0
		UNION ALL SELECT a.id, '', COALESCE(o.path, '') FROM accounts a` + accountJoin + `
		WHERE a.id IN (SELECT value FROM list($2)) AND a.deleted_at = 0`
	organizations := make(map[id.Organization][]id.Organization, len(os))
	accounts := make(map[id.Account][]id.Organization, len(as))
	err := r.query(ctx, pathsSQL, []any{list(r.dialect, os), list(r.dialect, as)}, func(row row) error {
		var a id.Account
		var o id.Organization
		var path string
		if err := row.Scan((*string)(&a), (*string)(&o), &path); err != nil {
			return err
		}
		if a != "" {
			accounts[a] = splitPath(path)
		} else {
			organizations[o] = splitPath(path)
		}
		return nil
	})
	return organizations, accounts, err
}

// InsertToken implements org.TokenTx.
func (t *tx) InsertToken(ctx context.Context, token org.Token, secretHash string) error {
	const insertTokenSQL = `INSERT INTO api_tokens (id, user_id, name, status, policies, allow_ip, deny_ip, not_before, expires_at,
		issued_at, modified_at, last_used_at, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	args, err := tokenArgs(&token)
	if err != nil {
		return err
	}
	return t.exec(ctx, insertTokenSQL, append(args, secretHash)...)
}

// tokenArgs returns the parameters for all columns of a token but its hash.
func tokenArgs(t *org.Token) ([]any, error) {
	policies, err := encodeList(t.Policies)
	if err != nil {
		return nil, fmt.Errorf("encode token %s: %w", t.ID, err)
	}
	allow, err := encodeList(t.AllowIP)
	if err != nil {
		return nil, fmt.Errorf("encode token %s: %w", t.ID, err)
	}
	deny, err := encodeList(t.DenyIP)
	if err != nil {
		return nil, fmt.Errorf("encode token %s: %w", t.ID, err)
	}
	return []any{
		string(t.ID), string(t.User), t.Name, string(t.Status), policies, allow, deny, micros(t.NotBefore),
		micros(t.Expires), micros(t.Issued), micros(t.Modified), micros(t.LastUsed),
	}, nil
}

// UpdateToken implements org.TokenTx.
func (t *tx) UpdateToken(ctx context.Context, token org.Token) error {
	const updateTokenSQL = `UPDATE api_tokens SET name = $3, status = $4, policies = $5, allow_ip = $6, deny_ip = $7,
		not_before = $8, expires_at = $9, issued_at = $10, modified_at = $11, last_used_at = $12 WHERE id = $1 AND user_id = $2`
	args, err := tokenArgs(&token)
	if err != nil {
		return err
	}
	return t.must(ctx, updateTokenSQL, args...)
}

// RollToken implements org.TokenTx.
func (t *tx) RollToken(ctx context.Context, token org.Token, secretHash string) error {
	const rollTokenSQL = `UPDATE api_tokens SET hash = $2, modified_at = $3 WHERE id = $1`
	return t.must(ctx, rollTokenSQL, string(token.ID), secretHash, micros(token.Modified))
}

// DeleteToken implements org.TokenTx.
func (t *tx) DeleteToken(ctx context.Context, token org.Token) error {
	const deleteTokenSQL = `DELETE FROM api_tokens WHERE id = $1`
	return t.must(ctx, deleteTokenSQL, string(token.ID))
}

// PutKey implements org.TokenTx.
func (t *tx) PutKey(ctx context.Context, u id.User, keyHash string, at time.Time) error {
	const putKeySQL = `INSERT INTO api_keys (user_id, hash, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at`
	return t.exec(ctx, putKeySQL, string(u), keyHash, micros(at))
}

// TouchTokens implements org.TokenTx. Rows are taken in the order of the
// identifiers, so that two processes do not wait for each other.
func (t *tx) TouchTokens(ctx context.Context, used map[id.Token]time.Time) error {
	const touchTokenSQL = `UPDATE api_tokens SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`
	for _, token := range slices.Sorted(maps.Keys(used)) {
		if err := t.exec(ctx, touchTokenSQL, string(token), micros(used[token])); err != nil {
			return err
		}
	}
	return nil
}
