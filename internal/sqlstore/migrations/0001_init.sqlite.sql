-- +goose Up
-- Text compares byte by byte. Times are microseconds since 1970 UTC, 0 for none.
CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL,
    email_fold    TEXT    NOT NULL UNIQUE,
    first_name    TEXT    NOT NULL,
    last_name     TEXT    NOT NULL,
    two_factor    INTEGER NOT NULL,
    administrator INTEGER NOT NULL,
    status        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX users_created ON users (created_at, id);

CREATE TABLE api_keys (
    user_id    TEXT    NOT NULL PRIMARY KEY REFERENCES users (id),
    hash       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
    id           TEXT    NOT NULL PRIMARY KEY,
    user_id      TEXT    NOT NULL REFERENCES users (id),
    hash         TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    policies     TEXT    NOT NULL,
    allow_ip     TEXT    NOT NULL,
    deny_ip      TEXT    NOT NULL,
    not_before   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    issued_at    INTEGER NOT NULL,
    modified_at  INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_tokens_user ON api_tokens (user_id, issued_at, id);

-- How often it was changed who may do what.
CREATE TABLE rights_changes (
    slot    INTEGER NOT NULL PRIMARY KEY,
    changes INTEGER NOT NULL
) STRICT;

-- References within the tree are no foreign keys: each check would lock the
-- row of the parent on PostgreSQL. The lock of the tree guards them.
CREATE TABLE organizations (
    id         TEXT    NOT NULL PRIMARY KEY,
    parent_id  TEXT, -- null for a root
    path       TEXT    NOT NULL, -- identifiers from the root to the organization itself, joined by '/'
    depth      INTEGER NOT NULL, -- levels below the root
    name       TEXT    NOT NULL,
    name_fold  TEXT    NOT NULL,
    managed_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX organizations_parent ON organizations (parent_id, created_at, id) WHERE deleted_at = 0;
CREATE INDEX organizations_name ON organizations (name_fold, created_at, id) WHERE deleted_at = 0;

-- Every live organization below every one of its ancestors and below itself,
-- in the order in which lists go. What is above one is known from its path.
CREATE TABLE organization_closure (
    ancestor_id   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL, -- of the descendant
    descendant_id TEXT    NOT NULL,
    PRIMARY KEY (ancestor_id, created_at, descendant_id)
) STRICT, WITHOUT ROWID;

-- What lives below an organization, spread over slots that are added up, so
-- that concurrent transactions need not wait for each other.
CREATE TABLE subtree_counts (
    organization_id TEXT    NOT NULL,
    slot            INTEGER NOT NULL,
    organizations   INTEGER NOT NULL, -- below it, without itself
    accounts        INTEGER NOT NULL, -- in it and in all below it
    PRIMARY KEY (organization_id, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id                  TEXT    NOT NULL PRIMARY KEY,
    organization_id     TEXT, -- null outside any
    root_id             TEXT NOT NULL, -- of its tree, '' outside any
    name                TEXT    NOT NULL,
    name_fold           TEXT    NOT NULL,
    type                TEXT    NOT NULL,
    abuse_contact_email TEXT,
    enforce_two_factor  INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    deleted_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_root ON accounts (root_id, created_at, id) WHERE deleted_at = 0;
CREATE INDEX accounts_organization ON accounts (organization_id, id) WHERE deleted_at = 0;
CREATE INDEX accounts_deleted ON accounts (organization_id, id) WHERE deleted_at <> 0;
CREATE INDEX accounts_organization_name ON accounts (organization_id, name_fold, id) WHERE deleted_at = 0;
CREATE INDEX accounts_name ON accounts (name_fold, created_at, id) WHERE deleted_at = 0;

CREATE TABLE profiles (
    owner_id          TEXT    NOT NULL PRIMARY KEY, -- an organization or an account
    business_address  TEXT    NOT NULL,
    business_email    TEXT    NOT NULL,
    business_name     TEXT    NOT NULL,
    business_phone    TEXT    NOT NULL,
    external_metadata TEXT    NOT NULL,
    echoed            INTEGER NOT NULL, -- it was set through the body of its organization
    updated_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    user_id         TEXT    NOT NULL REFERENCES users (id),
    role            TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    code_hash       TEXT    NOT NULL,
    code_expires_at INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX members_live ON members (organization_id, user_id) WHERE status IN ('pending', 'active');
CREATE INDEX members_organization ON members (organization_id, created_at, id);
CREATE INDEX members_user ON members (user_id, status);
CREATE INDEX members_code ON members (code_hash) WHERE code_hash <> '';

CREATE TABLE account_members (
    id         TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES accounts (id),
    user_id    TEXT    NOT NULL REFERENCES users (id),
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX account_members_once ON account_members (account_id, user_id);
CREATE INDEX account_members_account ON account_members (account_id, created_at, id);
CREATE INDEX account_members_user ON account_members (user_id, created_at, id);

CREATE TABLE idempotency_answers (
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;
CREATE INDEX idempotency_answers_created ON idempotency_answers (created_at);

-- The last sequence number of each log, and the time of its last record.
CREATE TABLE audit_heads (
    log_id TEXT    NOT NULL PRIMARY KEY,
    seq    INTEGER NOT NULL,
    time   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_records (
    log_id             TEXT    NOT NULL,
    seq                INTEGER NOT NULL,
    id                 TEXT    NOT NULL,
    time               INTEGER NOT NULL,
    account_id         TEXT    NOT NULL,
    source             TEXT    NOT NULL, -- the system that pushed it, '' for our own
    source_id          TEXT    NOT NULL, -- the identifier that it has there, '' where the id says it all
    occurred           INTEGER NOT NULL, -- when that system says it was, 0 for our own
    action_type        TEXT    NOT NULL,
    action_description TEXT    NOT NULL,
    action_result      TEXT    NOT NULL,
    actor_id           TEXT    NOT NULL,
    actor_type         TEXT    NOT NULL,
    actor_context      TEXT    NOT NULL,
    actor_email        TEXT    NOT NULL,
    actor_ip           TEXT    NOT NULL,
    actor_token_id     TEXT    NOT NULL,
    actor_token_name   TEXT    NOT NULL,
    actor_salt         BLOB    NOT NULL,
    actor_commitments  TEXT    NOT NULL, -- JSON, '' unless the personal data of the actor is erased
    actor_subject      TEXT    NOT NULL, -- the user whom the actor of another system is, '' when unknown
    raw_ray_id         TEXT    NOT NULL,
    raw_method         TEXT    NOT NULL,
    raw_uri            TEXT    NOT NULL,
    raw_user_agent     TEXT    NOT NULL,
    raw_status         INTEGER NOT NULL,
    resource_id        TEXT    NOT NULL,
    resource_type      TEXT    NOT NULL,
    resource_product   TEXT    NOT NULL,
    resource_scope     TEXT    NOT NULL,
    request            TEXT    NOT NULL,
    response           TEXT    NOT NULL,
    before_change      TEXT    NOT NULL,
    after_change       TEXT    NOT NULL,
    personal           TEXT    NOT NULL  -- JSON, '' for none
) STRICT;
-- Found by (log_id, seq), with what filters look at: a writer touches one page
-- instead of one for each of them, and a filter reads no record that it does
-- not keep. That no number comes twice is seen to by audit_heads.
CREATE INDEX audit_records_log ON audit_records (log_id, seq, actor_id, actor_email, actor_ip, actor_token_id, raw_ray_id);

-- Whom the personal data of a record describes.
CREATE TABLE audit_subjects (
    subject_id TEXT    NOT NULL,
    log_id     TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (subject_id, log_id, seq)
) STRICT, WITHOUT ROWID;

-- Billable usage. Days are counted since 1970, times are microseconds since 1970 UTC.
-- Catalogues and price books are kept whole, as JSON: they never change.
CREATE TABLE usage_catalogues (
    version    TEXT    NOT NULL PRIMARY KEY,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE usage_price_books (
    id         TEXT    NOT NULL PRIMARY KEY,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which price book an account, or all accounts below an organization, has from a day on.
CREATE TABLE usage_assignments (
    owner_id   TEXT    NOT NULL, -- an account or an organization
    start_day  INTEGER NOT NULL, -- days since 1970
    book_id    TEXT    NOT NULL REFERENCES usage_price_books (id),
    is_account INTEGER NOT NULL,
    PRIMARY KEY (owner_id, start_day)
) STRICT, WITHOUT ROWID;

-- The day that the billing periods of an account are counted from.
CREATE TABLE usage_accounts (
    account_id TEXT    NOT NULL PRIMARY KEY,
    anchor_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Billing periods. What is there of one that was closed is what was billed; names are those that it was billed with.
CREATE TABLE usage_periods (
    account_id   TEXT    NOT NULL,
    start_day    INTEGER NOT NULL,
    end_day      INTEGER NOT NULL, -- the first day that is not in it
    closed_at    INTEGER NOT NULL DEFAULT 0, -- 0 while it is open
    restated_at  INTEGER NOT NULL DEFAULT 0, -- when usage was last counted in it after that, 0 for never
    due          INTEGER NOT NULL DEFAULT 0, -- there is such usage that no closed period has the corrections of
    catalogue    TEXT    NOT NULL DEFAULT '',
    account_name TEXT    NOT NULL DEFAULT '',
    root_id      TEXT    NOT NULL DEFAULT '', -- '' outside any organization
    root_name    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, start_day)
) STRICT, WITHOUT ROWID;
-- Which price book held from a day on in a period that was closed, '' for none.
CREATE TABLE usage_period_books (
    account_id TEXT    NOT NULL,
    start_day  INTEGER NOT NULL, -- of the period
    from_day   INTEGER NOT NULL,
    book_id    TEXT    NOT NULL,
    PRIMARY KEY (account_id, start_day, from_day)
) STRICT, WITHOUT ROWID;
-- What was billed for a day of a closed period when it was closed, and in which later ones as corrections.
CREATE TABLE usage_billed (
    account_id  TEXT    NOT NULL,
    day         INTEGER NOT NULL,
    metric      TEXT    NOT NULL,
    zone_id     TEXT    NOT NULL,
    region_id   TEXT    NOT NULL,
    billed_in   INTEGER NOT NULL, -- the start of a billing period
    tier        INTEGER NOT NULL,
    correction  INTEGER NOT NULL,
    zone_name   TEXT    NOT NULL,
    region_name TEXT    NOT NULL,
    list_price  TEXT    NOT NULL,
    unit_price  TEXT    NOT NULL,
    consumed    TEXT    NOT NULL,
    pricing     TEXT    NOT NULL,
    book_id     TEXT    NOT NULL, -- '' for usage without a price
    PRIMARY KEY (account_id, day, metric, zone_id, region_id, billed_in, tier)
) STRICT, WITHOUT ROWID;
-- Usage that was counted in closed periods: a row for each batch and line, in the order of commits.
CREATE TABLE usage_restatements (
    account_id      TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    start_day       INTEGER NOT NULL, -- of the period
    day             INTEGER NOT NULL,
    metric          TEXT    NOT NULL,
    zone_id         TEXT    NOT NULL,
    region_id       TEXT    NOT NULL,
    quantity_before TEXT    NOT NULL,
    quantity_after  TEXT    NOT NULL,
    events          INTEGER NOT NULL,
    restated_at     INTEGER NOT NULL,
    PRIMARY KEY (account_id, seq)
) STRICT, WITHOUT ROWID;
-- Up to which day all usage of an account has been counted.
CREATE TABLE usage_watermarks (
    account_id       TEXT    NOT NULL PRIMARY KEY,
    complete_through INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What somebody charged accounts for: fixed fees, credits, taxes, adjustments.
CREATE TABLE usage_charges (
    account_id  TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    category    TEXT    NOT NULL,
    recurring   INTEGER NOT NULL,
    amount      TEXT    NOT NULL,
    currency    TEXT    NOT NULL,
    description TEXT    NOT NULL,
    start_day   INTEGER NOT NULL,
    end_day     INTEGER NOT NULL, -- the first day that it is not for
    PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_charges_account ON usage_charges (account_id, created_at, id);
CREATE INDEX usage_charges_day ON usage_charges (account_id, recurring, start_day, id);

-- Every event that was counted, so that none is counted twice.
CREATE TABLE usage_events (
    source      TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    account_id  TEXT    NOT NULL,
    metric      TEXT    NOT NULL,
    day         INTEGER NOT NULL,
    zone_id     TEXT    NOT NULL,
    region_id   TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;
-- Events that were refused, until they are counted.
CREATE TABLE usage_refusals (
    source      TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    account_id  TEXT    NOT NULL,
    metric      TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    pointer     TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (source, event_id)
) STRICT, WITHOUT ROWID;

-- What the events of a day add up to. Amounts are decimals as text.
CREATE TABLE usage_days (
    account_id  TEXT    NOT NULL,
    day         INTEGER NOT NULL,
    metric      TEXT    NOT NULL,
    zone_id     TEXT    NOT NULL, -- '' for none
    region_id   TEXT    NOT NULL, -- '' for none
    zone_name   TEXT    NOT NULL,
    region_name TEXT    NOT NULL,
    events      INTEGER NOT NULL,
    total       TEXT    NOT NULL,
    weight      TEXT    NOT NULL,
    greatest    TEXT    NOT NULL,
    latest      TEXT    NOT NULL,
    latest_at   INTEGER NOT NULL,
    latest_by   TEXT    NOT NULL,
    uniques     INTEGER NOT NULL,
    PRIMARY KEY (account_id, day, metric, zone_id, region_id)
) STRICT, WITHOUT ROWID;
-- The keys that are behind uniques.
CREATE TABLE usage_keys (
    account_id TEXT    NOT NULL,
    day        INTEGER NOT NULL,
    metric     TEXT    NOT NULL,
    zone_id    TEXT    NOT NULL,
    region_id  TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    PRIMARY KEY (account_id, day, metric, zone_id, region_id, value)
) STRICT, WITHOUT ROWID;
