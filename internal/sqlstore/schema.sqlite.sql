-- The schema after all migrations, written by a test; change it by adding migrations.

CREATE TABLE account_members (
    id         TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES accounts (id),
    user_id    TEXT    NOT NULL REFERENCES users (id),
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX account_members_account ON account_members (account_id, created_at, id);

CREATE UNIQUE INDEX account_members_once ON account_members (account_id, user_id);

CREATE INDEX account_members_user ON account_members (user_id, created_at, id);

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

CREATE INDEX accounts_deleted ON accounts (organization_id, id) WHERE deleted_at <> 0;

CREATE INDEX accounts_name ON accounts (name_fold, created_at, id) WHERE deleted_at = 0;

CREATE INDEX accounts_organization ON accounts (organization_id, id) WHERE deleted_at = 0;

CREATE INDEX accounts_organization_name ON accounts (organization_id, name_fold, id) WHERE deleted_at = 0;

CREATE INDEX accounts_root ON accounts (root_id, created_at, id) WHERE deleted_at = 0;

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

CREATE TABLE audit_cosignatures (
    log_id     TEXT    NOT NULL PRIMARY KEY,
    size       INTEGER NOT NULL,
    checkpoint TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_heads (
    log_id TEXT    NOT NULL PRIMARY KEY,
    seq    INTEGER NOT NULL,
    time   INTEGER NOT NULL
, first_seq INTEGER NOT NULL DEFAULT 1) STRICT, WITHOUT ROWID;

CREATE TABLE audit_journal (
    tick      INTEGER NOT NULL PRIMARY KEY,
    log_id    TEXT    NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX audit_journal_seq ON audit_journal (log_id, last_seq, tick);

CREATE UNIQUE INDEX audit_journal_tick ON audit_journal (log_id, tick, last_seq);

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

CREATE INDEX audit_records_account ON audit_records (account_id, log_id, seq) WHERE account_id <> '';

CREATE UNIQUE INDEX audit_records_id ON audit_records (id, log_id);

CREATE INDEX audit_records_log ON audit_records (log_id, seq, actor_id, actor_email, actor_ip, actor_token_id, raw_ray_id);

CREATE INDEX audit_records_resource ON audit_records (resource_id, log_id, seq);

CREATE INDEX audit_records_time ON audit_records (log_id, time, seq);

CREATE TABLE audit_settings (
    log_id           TEXT    NOT NULL PRIMARY KEY,
    retention_months INTEGER NOT NULL,
    legal_hold       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_streams (
    id              TEXT NOT NULL PRIMARY KEY,
    log_id          TEXT NOT NULL,
    name            TEXT NOT NULL,
    target          TEXT NOT NULL, -- JSON
    secret          BLOB NOT NULL,
    old_secret      BLOB NOT NULL,
    old_secret_end  INTEGER NOT NULL,
    paused          INTEGER NOT NULL,
    pause_reason    TEXT NOT NULL,
    version         INTEGER NOT NULL, -- grows when what is under way is void
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    delivered_seq   INTEGER NOT NULL, -- the last record that was acknowledged
    batch_seq       INTEGER NOT NULL, -- the last record of the batch under way
    expired         INTEGER NOT NULL, -- records that retention took before they were delivered
    failures        INTEGER NOT NULL, -- in a row
    next_attempt_at INTEGER NOT NULL,
    last_success_at INTEGER NOT NULL,
    last_failure_at INTEGER NOT NULL,
    last_error      TEXT NOT NULL,
    lease_holder    TEXT NOT NULL, -- the process that delivers it
    lease_end       INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_streams_log ON audit_streams (log_id, created_at, id);

CREATE INDEX audit_streams_running ON audit_streams (log_id) WHERE NOT paused;

CREATE TABLE audit_subjects (
    subject_id TEXT    NOT NULL,
    log_id     TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (subject_id, log_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_tiles (
    log_id TEXT    NOT NULL,
    level  INTEGER NOT NULL, -- of the tiles: 0 has the leaves, 1 the roots of 256 of them
    idx    INTEGER NOT NULL, -- of the row in its level
    data   BLOB    NOT NULL,
    PRIMARY KEY (log_id, level, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_trees (
    log_id     TEXT    NOT NULL PRIMARY KEY,
    size       INTEGER NOT NULL,
    nodes      BLOB    NOT NULL,
    checkpoint TEXT    NOT NULL, -- '' without a signing key
    time       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_crossings (
    id              TEXT NOT NULL PRIMARY KEY,
    budget_id       TEXT NOT NULL REFERENCES budgets (id),
    budget_name     TEXT NOT NULL, -- at the time, like the terms
    revision        INTEGER NOT NULL,
    scope           TEXT NOT NULL,
    kind            TEXT NOT NULL,
    amount          TEXT NOT NULL,
    currency        TEXT NOT NULL,
    percent         INTEGER NOT NULL,
    period_start    INTEGER NOT NULL,
    period_end      INTEGER NOT NULL,
    spent           TEXT NOT NULL,
    projected       TEXT NOT NULL,
    crossed_at      INTEGER NOT NULL,
    notice          TEXT NOT NULL, -- JSON
    state           TEXT NOT NULL, -- of the notice
    redirects       INTEGER NOT NULL, -- how often it got another webhook
    failures        INTEGER NOT NULL, -- in a row
    next_attempt_at INTEGER NOT NULL,
    last_error      TEXT NOT NULL,
    last_failure_at INTEGER NOT NULL,
    delivered_at    INTEGER NOT NULL,
    lease_holder    TEXT NOT NULL, -- the process that delivers it
    lease_end       INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX budget_crossings_once ON budget_crossings (budget_id, revision, period_start, percent);

CREATE INDEX budget_crossings_order ON budget_crossings (budget_id, crossed_at, id);

CREATE INDEX budget_crossings_waiting ON budget_crossings (next_attempt_at, id) WHERE state = 'waiting';

CREATE TABLE budgets (
    id               TEXT NOT NULL PRIMARY KEY,
    owner_id         TEXT NOT NULL, -- an account or an organization
    is_account       INTEGER NOT NULL,
    name             TEXT NOT NULL,
    scope            TEXT NOT NULL, -- empty for an account
    kind             TEXT NOT NULL,
    amount           TEXT NOT NULL,
    currency         TEXT NOT NULL,
    thresholds       TEXT NOT NULL, -- percentages: 50,80,100
    webhook          TEXT NOT NULL, -- empty for none
    secret           BLOB NOT NULL,
    old_secret       BLOB NOT NULL,
    old_secret_end   INTEGER NOT NULL,
    version          INTEGER NOT NULL, -- grows with every change
    revision         INTEGER NOT NULL, -- grows when the terms change
    since_at         INTEGER NOT NULL, -- when they did
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    evaluated_at     INTEGER NOT NULL, -- 0 until then
    period_start     INTEGER NOT NULL,
    period_end       INTEGER NOT NULL,
    complete_days    INTEGER NOT NULL,
    spent            TEXT NOT NULL,
    projected        TEXT NOT NULL,
    other_currencies TEXT NOT NULL, -- EUR,GBP
    unpriced         INTEGER NOT NULL,
    evaluate_at      INTEGER NOT NULL, -- when it is due
    lease_holder     TEXT NOT NULL, -- the process that evaluates it
    lease_end        INTEGER NOT NULL
) STRICT;

CREATE INDEX budgets_due ON budgets (evaluate_at, id);

CREATE INDEX budgets_owner ON budgets (owner_id, created_at, id);

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

CREATE INDEX members_code ON members (code_hash) WHERE code_hash <> '';

CREATE UNIQUE INDEX members_live ON members (organization_id, user_id) WHERE status IN ('pending', 'active');

CREATE INDEX members_organization ON members (organization_id, created_at, id);

CREATE INDEX members_user ON members (user_id, status);

CREATE TABLE organization_closure (
    ancestor_id   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL, -- of the descendant
    descendant_id TEXT    NOT NULL,
    PRIMARY KEY (ancestor_id, created_at, descendant_id)
) STRICT, WITHOUT ROWID;

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

CREATE INDEX organizations_deleted ON organizations (parent_id, id) WHERE deleted_at <> 0;

CREATE INDEX organizations_name ON organizations (name_fold, created_at, id) WHERE deleted_at = 0;

CREATE INDEX organizations_parent ON organizations (parent_id, created_at, id) WHERE deleted_at = 0;

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

CREATE TABLE rights_changes (
    slot    INTEGER NOT NULL PRIMARY KEY,
    changes INTEGER NOT NULL
) STRICT;

CREATE TABLE subtree_counts (
    organization_id TEXT    NOT NULL,
    slot            INTEGER NOT NULL,
    organizations   INTEGER NOT NULL, -- below it, without itself
    accounts        INTEGER NOT NULL, -- in it and in all below it
    PRIMARY KEY (organization_id, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_accounts (
    account_id TEXT    NOT NULL PRIMARY KEY,
    anchor_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_assignments (
    owner_id   TEXT    NOT NULL, -- an account or an organization
    start_day  INTEGER NOT NULL, -- days since 1970
    book_id    TEXT    NOT NULL REFERENCES usage_price_books (id),
    is_account INTEGER NOT NULL,
    PRIMARY KEY (owner_id, start_day)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE usage_catalogues (
    version    TEXT    NOT NULL PRIMARY KEY,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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

CREATE TABLE usage_keys (
    account_id TEXT    NOT NULL,
    day        INTEGER NOT NULL,
    metric     TEXT    NOT NULL,
    zone_id    TEXT    NOT NULL,
    region_id  TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    PRIMARY KEY (account_id, day, metric, zone_id, region_id, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_period_books (
    account_id TEXT    NOT NULL,
    start_day  INTEGER NOT NULL, -- of the period
    from_day   INTEGER NOT NULL,
    book_id    TEXT    NOT NULL,
    PRIMARY KEY (account_id, start_day, from_day)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE usage_price_books (
    id         TEXT    NOT NULL PRIMARY KEY,
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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

CREATE TABLE usage_watermarks (
    account_id       TEXT    NOT NULL PRIMARY KEY,
    complete_through INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_erasures (
    user_id      TEXT    NOT NULL PRIMARY KEY REFERENCES users (id),
    state        TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    log_id       TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    records      INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    completed_at INTEGER NOT NULL -- 0 until then
) STRICT, WITHOUT ROWID;

CREATE INDEX user_erasures_open ON user_erasures (requested_at, user_id) WHERE state <> 'complete';

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
