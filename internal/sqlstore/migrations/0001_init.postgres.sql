-- +goose Up
-- Text compares byte by byte, as on SQLite. Times are microseconds since 1970 UTC, 0 for none.
CREATE TABLE users (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL,
    email_fold    TEXT COLLATE "C" NOT NULL UNIQUE,
    first_name    TEXT COLLATE "C" NOT NULL,
    last_name     TEXT COLLATE "C" NOT NULL,
    two_factor    BOOLEAN NOT NULL,
    administrator BOOLEAN NOT NULL,
    status        TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX users_created ON users (created_at, id);

CREATE TABLE api_keys (
    user_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (id),
    hash       TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    hash         TEXT COLLATE "C" NOT NULL UNIQUE,
    name         TEXT COLLATE "C" NOT NULL,
    status       TEXT COLLATE "C" NOT NULL,
    policies     TEXT COLLATE "C" NOT NULL,
    allow_ip     TEXT COLLATE "C" NOT NULL,
    deny_ip      TEXT COLLATE "C" NOT NULL,
    not_before   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    issued_at    BIGINT NOT NULL,
    modified_at  BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, issued_at, id);

-- How often it was changed who may do what, spread over slots that are added
-- up, so that the changes need not wait for each other.
CREATE TABLE rights_changes (
    slot    INTEGER NOT NULL PRIMARY KEY,
    changes BIGINT  NOT NULL
);

-- References within the tree are no foreign keys: each check would lock the
-- row of the parent on PostgreSQL. The lock of the tree guards them.
CREATE TABLE organizations (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    parent_id  TEXT COLLATE "C", -- null for a root
    path       TEXT COLLATE "C" NOT NULL, -- identifiers from the root to the organization itself, joined by '/'
    depth      INTEGER NOT NULL, -- levels below the root
    name       TEXT COLLATE "C" NOT NULL,
    name_fold  TEXT COLLATE "C" NOT NULL,
    managed_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL
);
CREATE INDEX organizations_parent ON organizations (parent_id, created_at, id) WHERE deleted_at = 0;
CREATE INDEX organizations_name ON organizations (name_fold, created_at, id) WHERE deleted_at = 0;

-- Every live organization below every one of its ancestors and below itself,
-- in the order in which lists go. What is above one is known from its path.
CREATE TABLE organization_closure (
    ancestor_id   TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL, -- of the descendant
    descendant_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (ancestor_id, created_at, descendant_id)
);

-- What lives below an organization, spread over slots that are added up, so
-- that concurrent transactions need not wait for each other.
CREATE TABLE subtree_counts (
    organization_id TEXT COLLATE "C" NOT NULL,
    slot            INTEGER NOT NULL,
    organizations   BIGINT NOT NULL, -- below it, without itself
    accounts        BIGINT NOT NULL, -- in it and in all below it
    PRIMARY KEY (organization_id, slot)
) WITH (fillfactor = 50); -- room to update in place

CREATE TABLE accounts (
    id                  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id     TEXT COLLATE "C", -- null outside any
    root_id             TEXT COLLATE "C" NOT NULL, -- of its tree, '' outside any
    name                TEXT COLLATE "C" NOT NULL,
    name_fold           TEXT COLLATE "C" NOT NULL,
    type                TEXT COLLATE "C" NOT NULL,
    abuse_contact_email TEXT COLLATE "C",
    enforce_two_factor  BOOLEAN,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    deleted_at          BIGINT NOT NULL
);
CREATE INDEX accounts_root ON accounts (root_id, created_at, id) WHERE deleted_at = 0;
CREATE INDEX accounts_organization ON accounts (organization_id, id) WHERE deleted_at = 0;
CREATE INDEX accounts_deleted ON accounts (organization_id, id) WHERE deleted_at <> 0;
CREATE INDEX accounts_organization_name ON accounts (organization_id, name_fold, id) WHERE deleted_at = 0;
CREATE INDEX accounts_name ON accounts (name_fold, created_at, id) WHERE deleted_at = 0;

CREATE TABLE profiles (
    owner_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- an organization or an account
    business_address  TEXT COLLATE "C" NOT NULL,
    business_email    TEXT COLLATE "C" NOT NULL,
    business_name     TEXT COLLATE "C" NOT NULL,
    business_phone    TEXT COLLATE "C" NOT NULL,
    external_metadata TEXT COLLATE "C" NOT NULL,
    echoed            BOOLEAN NOT NULL, -- it was set through the body of its organization
    updated_at        BIGINT NOT NULL
);

CREATE TABLE members (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    user_id         TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    role            TEXT COLLATE "C" NOT NULL,
    status          TEXT COLLATE "C" NOT NULL,
    code_hash       TEXT COLLATE "C" NOT NULL,
    code_expires_at BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX members_live ON members (organization_id, user_id) WHERE status IN ('pending', 'active');
CREATE INDEX members_organization ON members (organization_id, created_at, id);
CREATE INDEX members_user ON members (user_id, status);
CREATE INDEX members_code ON members (code_hash) WHERE code_hash <> '';

CREATE TABLE account_members (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    role       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_members_once ON account_members (account_id, user_id);
CREATE INDEX account_members_account ON account_members (account_id, created_at, id);
CREATE INDEX account_members_user ON account_members (user_id, created_at, id);

CREATE TABLE idempotency_answers (
    user_id     TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    status      INTEGER NOT NULL,
    body        BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_answers_created ON idempotency_answers (created_at);

-- The last sequence number of each log, and the time of its last record.
CREATE TABLE audit_heads (
    log_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL,
    time   BIGINT NOT NULL
) WITH (fillfactor = 50); -- room to update in place

CREATE TABLE audit_records (
    log_id             TEXT COLLATE "C" NOT NULL,
    seq                BIGINT NOT NULL,
    id                 TEXT COLLATE "C" NOT NULL,
    time               BIGINT NOT NULL,
    account_id         TEXT COLLATE "C" NOT NULL,
    source             TEXT COLLATE "C" NOT NULL, -- the system that pushed it, '' for our own
    source_id          TEXT COLLATE "C" NOT NULL, -- the identifier that it has there, '' where the id says it all
    occurred           BIGINT NOT NULL, -- when that system says it was, 0 for our own
    action_type        TEXT COLLATE "C" NOT NULL,
    action_description TEXT COLLATE "C" NOT NULL,
    action_result      TEXT COLLATE "C" NOT NULL,
    actor_id           TEXT COLLATE "C" NOT NULL,
    actor_type         TEXT COLLATE "C" NOT NULL,
    actor_context      TEXT COLLATE "C" NOT NULL,
    actor_email        TEXT COLLATE "C" NOT NULL,
    actor_ip           TEXT COLLATE "C" NOT NULL,
    actor_token_id     TEXT COLLATE "C" NOT NULL,
    actor_token_name   TEXT COLLATE "C" NOT NULL,
    actor_salt         BYTEA NOT NULL,
    actor_commitments  TEXT COLLATE "C" NOT NULL, -- JSON, '' unless the personal data of the actor is erased
    actor_subject      TEXT COLLATE "C" NOT NULL, -- the user whom the actor of another system is, '' when unknown
    raw_ray_id         TEXT COLLATE "C" NOT NULL,
    raw_method         TEXT COLLATE "C" NOT NULL,
    raw_uri            TEXT COLLATE "C" NOT NULL,
    raw_user_agent     TEXT COLLATE "C" NOT NULL,
    raw_status         INTEGER NOT NULL,
    resource_id        TEXT COLLATE "C" NOT NULL,
    resource_type      TEXT COLLATE "C" NOT NULL,
    resource_product   TEXT COLLATE "C" NOT NULL,
    resource_scope     TEXT COLLATE "C" NOT NULL,
    request            TEXT COLLATE "C" NOT NULL,
    response           TEXT COLLATE "C" NOT NULL,
    before_change      TEXT COLLATE "C" NOT NULL,
    after_change       TEXT COLLATE "C" NOT NULL,
    personal           TEXT COLLATE "C" NOT NULL, -- JSON, '' for none
    PRIMARY KEY (log_id, seq)
);

-- Whom the personal data of a record describes.
CREATE TABLE audit_subjects (
    subject_id TEXT COLLATE "C" NOT NULL,
    log_id     TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    PRIMARY KEY (subject_id, log_id, seq)
);

-- Billable usage. Days are counted since 1970, times are microseconds since 1970 UTC.
-- Catalogues and price books are kept whole, as JSON: they never change.
CREATE TABLE usage_catalogues (
    version    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    body       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE usage_price_books (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    body       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Which price book an account, or all accounts below an organization, has from a day on.
CREATE TABLE usage_assignments (
    owner_id   TEXT COLLATE "C" NOT NULL, -- an account or an organization
    start_day  BIGINT NOT NULL, -- days since 1970
    book_id    TEXT COLLATE "C" NOT NULL REFERENCES usage_price_books (id),
    is_account BOOLEAN NOT NULL,
    PRIMARY KEY (owner_id, start_day)
);

-- The day that the billing periods of an account are counted from.
CREATE TABLE usage_accounts (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    anchor_day BIGINT NOT NULL
);
-- Billing periods. What is there of one that was closed is what was billed; names are those that it was billed with.
CREATE TABLE usage_periods (
    account_id   TEXT COLLATE "C" NOT NULL,
    start_day    BIGINT NOT NULL,
    end_day      BIGINT NOT NULL, -- the first day that is not in it
    closed_at    BIGINT NOT NULL DEFAULT 0, -- 0 while it is open
    restated_at  BIGINT NOT NULL DEFAULT 0, -- when usage was last counted in it after that, 0 for never
    due          BOOLEAN NOT NULL DEFAULT FALSE, -- there is such usage that no closed period has the corrections of
    catalogue    TEXT COLLATE "C" NOT NULL DEFAULT '',
    account_name TEXT COLLATE "C" NOT NULL DEFAULT '',
    root_id      TEXT COLLATE "C" NOT NULL DEFAULT '', -- '' outside any organization
    root_name    TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, start_day)
);
-- Which price book held from a day on in a period that was closed, '' for none.
CREATE TABLE usage_period_books (
    account_id TEXT COLLATE "C" NOT NULL,
    start_day  BIGINT NOT NULL, -- of the period
    from_day   BIGINT NOT NULL,
    book_id    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, start_day, from_day)
);
-- What was billed for a day of a closed period when it was closed, and in which later ones as corrections.
CREATE TABLE usage_billed (
    account_id  TEXT COLLATE "C" NOT NULL,
    day         BIGINT NOT NULL,
    metric      TEXT COLLATE "C" NOT NULL,
    zone_id     TEXT COLLATE "C" NOT NULL,
    region_id   TEXT COLLATE "C" NOT NULL,
    billed_in   BIGINT NOT NULL, -- the start of a billing period
    tier        BIGINT NOT NULL,
    correction  BOOLEAN NOT NULL,
    zone_name   TEXT COLLATE "C" NOT NULL,
    region_name TEXT COLLATE "C" NOT NULL,
    list_price  TEXT COLLATE "C" NOT NULL,
    unit_price  TEXT COLLATE "C" NOT NULL,
    consumed    TEXT COLLATE "C" NOT NULL,
    pricing     TEXT COLLATE "C" NOT NULL,
    book_id     TEXT COLLATE "C" NOT NULL, -- '' for usage without a price
    PRIMARY KEY (account_id, day, metric, zone_id, region_id, billed_in, tier)
);
-- Usage that was counted in closed periods: a row for each batch and line, in the order of commits.
CREATE TABLE usage_restatements (
    account_id      TEXT COLLATE "C" NOT NULL,
    seq             BIGINT NOT NULL,
    start_day       BIGINT NOT NULL, -- of the period
    day             BIGINT NOT NULL,
    metric          TEXT COLLATE "C" NOT NULL,
    zone_id         TEXT COLLATE "C" NOT NULL,
    region_id       TEXT COLLATE "C" NOT NULL,
    quantity_before TEXT COLLATE "C" NOT NULL,
    quantity_after  TEXT COLLATE "C" NOT NULL,
    events          BIGINT NOT NULL,
    restated_at     BIGINT NOT NULL,
    PRIMARY KEY (account_id, seq)
);
-- Up to which day all usage of an account has been counted.
CREATE TABLE usage_watermarks (
    account_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    complete_through BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);

-- What somebody charged accounts for: fixed fees, credits, taxes, adjustments.
CREATE TABLE usage_charges (
    account_id  TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    category    TEXT COLLATE "C" NOT NULL,
    recurring   BOOLEAN NOT NULL,
    amount      TEXT COLLATE "C" NOT NULL,
    currency    TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    start_day   BIGINT NOT NULL,
    end_day     BIGINT NOT NULL, -- the first day that it is not for
    PRIMARY KEY (account_id, id)
);
CREATE INDEX usage_charges_account ON usage_charges (account_id, created_at, id);
CREATE INDEX usage_charges_day ON usage_charges (account_id, recurring, start_day, id);

-- Every event that was counted, so that none is counted twice.
CREATE TABLE usage_events (
    source      TEXT COLLATE "C" NOT NULL,
    event_id    TEXT COLLATE "C" NOT NULL,
    account_id  TEXT COLLATE "C" NOT NULL,
    metric      TEXT COLLATE "C" NOT NULL,
    day         BIGINT NOT NULL,
    zone_id     TEXT COLLATE "C" NOT NULL,
    region_id   TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (source, event_id)
);
-- Events that were refused, until they are counted.
CREATE TABLE usage_refusals (
    source      TEXT COLLATE "C" NOT NULL,
    event_id    TEXT COLLATE "C" NOT NULL,
    account_id  TEXT COLLATE "C" NOT NULL,
    metric      TEXT COLLATE "C" NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    pointer     TEXT COLLATE "C" NOT NULL,
    message     TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (source, event_id)
);

-- What the events of a day add up to. Amounts are decimals as text.
CREATE TABLE usage_days (
    account_id  TEXT COLLATE "C" NOT NULL,
    day         BIGINT NOT NULL,
    metric      TEXT COLLATE "C" NOT NULL,
    zone_id     TEXT COLLATE "C" NOT NULL, -- '' for none
    region_id   TEXT COLLATE "C" NOT NULL, -- '' for none
    zone_name   TEXT COLLATE "C" NOT NULL,
    region_name TEXT COLLATE "C" NOT NULL,
    events      BIGINT NOT NULL,
    total       TEXT COLLATE "C" NOT NULL,
    weight      TEXT COLLATE "C" NOT NULL,
    greatest    TEXT COLLATE "C" NOT NULL,
    latest      TEXT COLLATE "C" NOT NULL,
    latest_at   BIGINT NOT NULL,
    latest_by   TEXT COLLATE "C" NOT NULL,
    uniques     BIGINT NOT NULL,
    PRIMARY KEY (account_id, day, metric, zone_id, region_id)
) WITH (fillfactor = 70); -- room to update in place
-- The keys that are behind uniques.
CREATE TABLE usage_keys (
    account_id TEXT COLLATE "C" NOT NULL,
    day        BIGINT NOT NULL,
    metric     TEXT COLLATE "C" NOT NULL,
    zone_id    TEXT COLLATE "C" NOT NULL,
    region_id  TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, day, metric, zone_id, region_id, value)
);
