-- The schema after all migrations, written by a test; change it by adding migrations.

CREATE TABLE account_members (
    id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);

ALTER TABLE account_members ADD CONSTRAINT account_members_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);

ALTER TABLE account_members ADD CONSTRAINT account_members_pkey PRIMARY KEY (id);

ALTER TABLE account_members ADD CONSTRAINT account_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

CREATE INDEX account_members_account ON public.account_members USING btree (account_id, created_at, id);

CREATE UNIQUE INDEX account_members_once ON public.account_members USING btree (account_id, user_id);

CREATE INDEX account_members_user ON public.account_members USING btree (user_id, created_at, id);

CREATE TABLE accounts (
    id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C",
    root_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    name_fold text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    abuse_contact_email text COLLATE "C",
    enforce_two_factor boolean,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint NOT NULL
);

ALTER TABLE accounts ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

CREATE INDEX accounts_deleted ON public.accounts USING btree (organization_id, id) WHERE (deleted_at <> 0);

CREATE INDEX accounts_name ON public.accounts USING btree (name_fold, created_at, id) WHERE (deleted_at = 0);

CREATE INDEX accounts_organization ON public.accounts USING btree (organization_id, id) WHERE (deleted_at = 0);

CREATE INDEX accounts_organization_name ON public.accounts USING btree (organization_id, name_fold, id) WHERE (deleted_at = 0);

CREATE INDEX accounts_root ON public.accounts USING btree (root_id, created_at, id) WHERE (deleted_at = 0);

CREATE TABLE api_keys (
    user_id text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE api_keys ADD CONSTRAINT api_keys_pkey PRIMARY KEY (user_id);

ALTER TABLE api_keys ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

CREATE TABLE api_tokens (
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    hash text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    policies text COLLATE "C" NOT NULL,
    allow_ip text COLLATE "C" NOT NULL,
    deny_ip text COLLATE "C" NOT NULL,
    not_before bigint NOT NULL,
    expires_at bigint NOT NULL,
    issued_at bigint NOT NULL,
    modified_at bigint NOT NULL,
    last_used_at bigint NOT NULL
);

ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_hash_key UNIQUE (hash);

ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (id);

ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

CREATE INDEX api_tokens_user ON public.api_tokens USING btree (user_id, issued_at, id);

CREATE TABLE audit_cosignatures (
    log_id text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    checkpoint text COLLATE "C" NOT NULL
);

ALTER TABLE audit_cosignatures ADD CONSTRAINT audit_cosignatures_pkey PRIMARY KEY (log_id);

CREATE TABLE audit_heads (
    log_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    time bigint NOT NULL,
    first_seq bigint NOT NULL
) WITH (fillfactor=50);

ALTER TABLE audit_heads ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (log_id);

CREATE TABLE audit_journal (
    tick bigint NOT NULL,
    log_id text COLLATE "C" NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
);

ALTER TABLE audit_journal ADD CONSTRAINT audit_journal_pkey PRIMARY KEY (tick);

CREATE UNIQUE INDEX audit_journal_seq ON public.audit_journal USING btree (log_id, last_seq, tick);

CREATE UNIQUE INDEX audit_journal_tick ON public.audit_journal USING btree (log_id, tick, last_seq);

CREATE TABLE audit_records (
    log_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    time bigint NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    occurred bigint NOT NULL,
    action_type text COLLATE "C" NOT NULL,
    action_description text COLLATE "C" NOT NULL,
    action_result text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    actor_type text COLLATE "C" NOT NULL,
    actor_context text COLLATE "C" NOT NULL,
    actor_email text COLLATE "C" NOT NULL,
    actor_ip text COLLATE "C" NOT NULL,
    actor_token_id text COLLATE "C" NOT NULL,
    actor_token_name text COLLATE "C" NOT NULL,
    actor_salt bytea NOT NULL,
    actor_commitments text COLLATE "C" NOT NULL,
    actor_subject text COLLATE "C" NOT NULL,
    raw_ray_id text COLLATE "C" NOT NULL,
    raw_method text COLLATE "C" NOT NULL,
    raw_uri text COLLATE "C" NOT NULL,
    raw_user_agent text COLLATE "C" NOT NULL,
    raw_status integer NOT NULL,
    resource_id text COLLATE "C" NOT NULL,
    resource_type text COLLATE "C" NOT NULL,
    resource_product text COLLATE "C" NOT NULL,
    resource_scope text COLLATE "C" NOT NULL,
    request text COLLATE "C" NOT NULL,
    response text COLLATE "C" NOT NULL,
    before_change text COLLATE "C" NOT NULL,
    after_change text COLLATE "C" NOT NULL,
    personal text COLLATE "C" NOT NULL
);

ALTER TABLE audit_records ADD CONSTRAINT audit_records_pkey PRIMARY KEY (log_id, seq);

CREATE INDEX audit_records_account ON public.audit_records USING btree (account_id, log_id, seq) WHERE (account_id <> ''::text);

CREATE INDEX audit_records_actor ON public.audit_records USING btree (log_id, actor_id, seq);

CREATE INDEX audit_records_email ON public.audit_records USING btree (log_id, actor_email, seq);

CREATE UNIQUE INDEX audit_records_id ON public.audit_records USING btree (log_id, id);

CREATE INDEX audit_records_ip ON public.audit_records USING btree (log_id, actor_ip, seq);

CREATE INDEX audit_records_ray ON public.audit_records USING btree (log_id, raw_ray_id, seq);

CREATE INDEX audit_records_resource ON public.audit_records USING btree (resource_id, log_id, seq);

CREATE INDEX audit_records_time ON public.audit_records USING btree (log_id, "time", seq);

CREATE INDEX audit_records_token ON public.audit_records USING btree (log_id, actor_token_id, seq);

CREATE TABLE audit_settings (
    log_id text COLLATE "C" NOT NULL,
    retention_months bigint NOT NULL,
    legal_hold boolean NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE audit_settings ADD CONSTRAINT audit_settings_pkey PRIMARY KEY (log_id);

CREATE TABLE audit_streams (
    id text COLLATE "C" NOT NULL,
    log_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    old_secret bytea NOT NULL,
    old_secret_end bigint NOT NULL,
    paused boolean NOT NULL,
    pause_reason text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    delivered_seq bigint NOT NULL,
    batch_seq bigint NOT NULL,
    expired bigint NOT NULL,
    failures bigint NOT NULL,
    next_attempt_at bigint NOT NULL,
    last_success_at bigint NOT NULL,
    last_failure_at bigint NOT NULL,
    last_error text COLLATE "C" NOT NULL,
    lease_holder text COLLATE "C" NOT NULL,
    lease_end bigint NOT NULL
) WITH (fillfactor=70);

ALTER TABLE audit_streams ADD CONSTRAINT audit_streams_pkey PRIMARY KEY (id);

CREATE INDEX audit_streams_log ON public.audit_streams USING btree (log_id, created_at, id);

CREATE INDEX audit_streams_running ON public.audit_streams USING btree (log_id) WHERE (NOT paused);

CREATE TABLE audit_subjects (
    subject_id text COLLATE "C" NOT NULL,
    log_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL
);

ALTER TABLE audit_subjects ADD CONSTRAINT audit_subjects_pkey PRIMARY KEY (subject_id, log_id, seq);

CREATE TABLE audit_tiles (
    log_id text COLLATE "C" NOT NULL,
    level integer NOT NULL,
    idx bigint NOT NULL,
    data bytea NOT NULL
);

ALTER TABLE audit_tiles ADD CONSTRAINT audit_tiles_pkey PRIMARY KEY (log_id, level, idx);

CREATE TABLE audit_trees (
    log_id text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    nodes bytea NOT NULL,
    checkpoint text COLLATE "C" NOT NULL,
    time bigint NOT NULL
) WITH (fillfactor=50);

ALTER TABLE audit_trees ADD CONSTRAINT audit_trees_pkey PRIMARY KEY (log_id);

CREATE TABLE budget_crossings (
    id text COLLATE "C" NOT NULL,
    budget_id text COLLATE "C" NOT NULL,
    budget_name text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    scope text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    amount text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    percent bigint NOT NULL,
    period_start bigint NOT NULL,
    period_end bigint NOT NULL,
    spent text COLLATE "C" NOT NULL,
    projected text COLLATE "C" NOT NULL,
    crossed_at bigint NOT NULL,
    notice text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    redirects bigint NOT NULL,
    failures bigint NOT NULL,
    next_attempt_at bigint NOT NULL,
    last_error text COLLATE "C" NOT NULL,
    last_failure_at bigint NOT NULL,
    delivered_at bigint NOT NULL,
    lease_holder text COLLATE "C" NOT NULL,
    lease_end bigint NOT NULL
) WITH (fillfactor=70);

ALTER TABLE budget_crossings ADD CONSTRAINT budget_crossings_budget_id_fkey FOREIGN KEY (budget_id) REFERENCES budgets(id);

ALTER TABLE budget_crossings ADD CONSTRAINT budget_crossings_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX budget_crossings_once ON public.budget_crossings USING btree (budget_id, revision, period_start, percent);

CREATE INDEX budget_crossings_order ON public.budget_crossings USING btree (budget_id, crossed_at, id);

CREATE INDEX budget_crossings_waiting ON public.budget_crossings USING btree (next_attempt_at, id) WHERE (state = 'waiting'::text);

CREATE TABLE budgets (
    id text COLLATE "C" NOT NULL,
    owner_id text COLLATE "C" NOT NULL,
    is_account boolean NOT NULL,
    name text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    amount text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    thresholds text COLLATE "C" NOT NULL,
    webhook text COLLATE "C" NOT NULL,
    secret bytea NOT NULL,
    old_secret bytea NOT NULL,
    old_secret_end bigint NOT NULL,
    version bigint NOT NULL,
    revision bigint NOT NULL,
    since_at bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    evaluated_at bigint NOT NULL,
    period_start bigint NOT NULL,
    period_end bigint NOT NULL,
    complete_days bigint NOT NULL,
    spent text COLLATE "C" NOT NULL,
    projected text COLLATE "C" NOT NULL,
    other_currencies text COLLATE "C" NOT NULL,
    unpriced boolean NOT NULL,
    evaluate_at bigint NOT NULL,
    lease_holder text COLLATE "C" NOT NULL,
    lease_end bigint NOT NULL
) WITH (fillfactor=70);

ALTER TABLE budgets ADD CONSTRAINT budgets_pkey PRIMARY KEY (id);

CREATE INDEX budgets_due ON public.budgets USING btree (evaluate_at, id);

CREATE INDEX budgets_owner ON public.budgets USING btree (owner_id, created_at, id);

CREATE TABLE idempotency_answers (
    user_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    created_at bigint NOT NULL
);

ALTER TABLE idempotency_answers ADD CONSTRAINT idempotency_answers_pkey PRIMARY KEY (user_id, key);

CREATE INDEX idempotency_answers_created ON public.idempotency_answers USING btree (created_at);

CREATE TABLE members (
    id text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    code_hash text COLLATE "C" NOT NULL,
    code_expires_at bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE members ADD CONSTRAINT members_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id);

ALTER TABLE members ADD CONSTRAINT members_pkey PRIMARY KEY (id);

ALTER TABLE members ADD CONSTRAINT members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

CREATE INDEX members_code ON public.members USING btree (code_hash) WHERE (code_hash <> ''::text);

CREATE UNIQUE INDEX members_live ON public.members USING btree (organization_id, user_id) WHERE (status = ANY (ARRAY['pending'::text, 'active'::text]));

CREATE INDEX members_organization ON public.members USING btree (organization_id, created_at, id);

CREATE INDEX members_user ON public.members USING btree (user_id, status);

CREATE TABLE organization_closure (
    ancestor_id text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    descendant_id text COLLATE "C" NOT NULL
);

ALTER TABLE organization_closure ADD CONSTRAINT organization_closure_pkey PRIMARY KEY (ancestor_id, created_at, descendant_id);

CREATE TABLE organizations (
    id text COLLATE "C" NOT NULL,
    parent_id text COLLATE "C",
    path text COLLATE "C" NOT NULL,
    depth integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    name_fold text COLLATE "C" NOT NULL,
    managed_by text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint NOT NULL
);

ALTER TABLE organizations ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);

CREATE INDEX organizations_deleted ON public.organizations USING btree (parent_id, id) WHERE (deleted_at <> 0);

CREATE INDEX organizations_name ON public.organizations USING btree (name_fold, created_at, id) WHERE (deleted_at = 0);

CREATE INDEX organizations_parent ON public.organizations USING btree (parent_id, created_at, id) WHERE (deleted_at = 0);

CREATE TABLE profiles (
    owner_id text COLLATE "C" NOT NULL,
    business_address text COLLATE "C" NOT NULL,
    business_email text COLLATE "C" NOT NULL,
    business_name text COLLATE "C" NOT NULL,
    business_phone text COLLATE "C" NOT NULL,
    external_metadata text COLLATE "C" NOT NULL,
    echoed boolean NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE profiles ADD CONSTRAINT profiles_pkey PRIMARY KEY (owner_id);

CREATE TABLE rights_changes (
    slot integer NOT NULL,
    changes bigint NOT NULL
);

ALTER TABLE rights_changes ADD CONSTRAINT rights_changes_pkey PRIMARY KEY (slot);

CREATE TABLE subtree_counts (
    organization_id text COLLATE "C" NOT NULL,
    slot integer NOT NULL,
    organizations bigint NOT NULL,
    accounts bigint NOT NULL
) WITH (fillfactor=50);

ALTER TABLE subtree_counts ADD CONSTRAINT subtree_counts_pkey PRIMARY KEY (organization_id, slot);

CREATE TABLE usage_accounts (
    account_id text COLLATE "C" NOT NULL,
    anchor_day bigint NOT NULL
);

ALTER TABLE usage_accounts ADD CONSTRAINT usage_accounts_pkey PRIMARY KEY (account_id);

CREATE TABLE usage_assignments (
    owner_id text COLLATE "C" NOT NULL,
    start_day bigint NOT NULL,
    book_id text COLLATE "C" NOT NULL,
    is_account boolean NOT NULL
);

ALTER TABLE usage_assignments ADD CONSTRAINT usage_assignments_book_id_fkey FOREIGN KEY (book_id) REFERENCES usage_price_books(id);

ALTER TABLE usage_assignments ADD CONSTRAINT usage_assignments_pkey PRIMARY KEY (owner_id, start_day);

CREATE TABLE usage_billed (
    account_id text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    metric text COLLATE "C" NOT NULL,
    zone_id text COLLATE "C" NOT NULL,
    region_id text COLLATE "C" NOT NULL,
    billed_in bigint NOT NULL,
    tier bigint NOT NULL,
    correction boolean NOT NULL,
    zone_name text COLLATE "C" NOT NULL,
    region_name text COLLATE "C" NOT NULL,
    list_price text COLLATE "C" NOT NULL,
    unit_price text COLLATE "C" NOT NULL,
    consumed text COLLATE "C" NOT NULL,
    pricing text COLLATE "C" NOT NULL,
    book_id text COLLATE "C" NOT NULL
);

ALTER TABLE usage_billed ADD CONSTRAINT usage_billed_pkey PRIMARY KEY (account_id, day, metric, zone_id, region_id, billed_in, tier);

CREATE TABLE usage_catalogues (
    version text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);

ALTER TABLE usage_catalogues ADD CONSTRAINT usage_catalogues_pkey PRIMARY KEY (version);

CREATE TABLE usage_charges (
    account_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    category text COLLATE "C" NOT NULL,
    recurring boolean NOT NULL,
    amount text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    start_day bigint NOT NULL,
    end_day bigint NOT NULL
);

ALTER TABLE usage_charges ADD CONSTRAINT usage_charges_pkey PRIMARY KEY (account_id, id);

CREATE INDEX usage_charges_account ON public.usage_charges USING btree (account_id, created_at, id);

CREATE INDEX usage_charges_day ON public.usage_charges USING btree (account_id, recurring, start_day, id);

CREATE TABLE usage_days (
    account_id text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    metric text COLLATE "C" NOT NULL,
    zone_id text COLLATE "C" NOT NULL,
    region_id text COLLATE "C" NOT NULL,
    zone_name text COLLATE "C" NOT NULL,
    region_name text COLLATE "C" NOT NULL,
    events bigint NOT NULL,
    total text COLLATE "C" NOT NULL,
    weight text COLLATE "C" NOT NULL,
    greatest text COLLATE "C" NOT NULL,
    latest text COLLATE "C" NOT NULL,
    latest_at bigint NOT NULL,
    latest_by text COLLATE "C" NOT NULL,
    uniques bigint NOT NULL
) WITH (fillfactor=70);

ALTER TABLE usage_days ADD CONSTRAINT usage_days_pkey PRIMARY KEY (account_id, day, metric, zone_id, region_id);

CREATE TABLE usage_events (
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    metric text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    zone_id text COLLATE "C" NOT NULL,
    region_id text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL
);

ALTER TABLE usage_events ADD CONSTRAINT usage_events_pkey PRIMARY KEY (source, event_id);

CREATE TABLE usage_keys (
    account_id text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    metric text COLLATE "C" NOT NULL,
    zone_id text COLLATE "C" NOT NULL,
    region_id text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL
);

ALTER TABLE usage_keys ADD CONSTRAINT usage_keys_pkey PRIMARY KEY (account_id, day, metric, zone_id, region_id, value);

CREATE TABLE usage_period_books (
    account_id text COLLATE "C" NOT NULL,
    start_day bigint NOT NULL,
    from_day bigint NOT NULL,
    book_id text COLLATE "C" NOT NULL
);

ALTER TABLE usage_period_books ADD CONSTRAINT usage_period_books_pkey PRIMARY KEY (account_id, start_day, from_day);

CREATE TABLE usage_periods (
    account_id text COLLATE "C" NOT NULL,
    start_day bigint NOT NULL,
    end_day bigint NOT NULL,
    closed_at bigint NOT NULL,
    restated_at bigint NOT NULL,
    due boolean NOT NULL,
    catalogue text COLLATE "C" NOT NULL,
    account_name text COLLATE "C" NOT NULL,
    root_id text COLLATE "C" NOT NULL,
    root_name text COLLATE "C" NOT NULL
);

ALTER TABLE usage_periods ADD CONSTRAINT usage_periods_pkey PRIMARY KEY (account_id, start_day);

CREATE TABLE usage_price_books (
    id text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);

ALTER TABLE usage_price_books ADD CONSTRAINT usage_price_books_pkey PRIMARY KEY (id);

CREATE TABLE usage_refusals (
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    metric text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    pointer text COLLATE "C" NOT NULL,
    message text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL
);

ALTER TABLE usage_refusals ADD CONSTRAINT usage_refusals_pkey PRIMARY KEY (source, event_id);

CREATE TABLE usage_restatements (
    account_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    start_day bigint NOT NULL,
    day bigint NOT NULL,
    metric text COLLATE "C" NOT NULL,
    zone_id text COLLATE "C" NOT NULL,
    region_id text COLLATE "C" NOT NULL,
    quantity_before text COLLATE "C" NOT NULL,
    quantity_after text COLLATE "C" NOT NULL,
    events bigint NOT NULL,
    restated_at bigint NOT NULL
);

ALTER TABLE usage_restatements ADD CONSTRAINT usage_restatements_pkey PRIMARY KEY (account_id, seq);

CREATE TABLE usage_watermarks (
    account_id text COLLATE "C" NOT NULL,
    complete_through bigint NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE usage_watermarks ADD CONSTRAINT usage_watermarks_pkey PRIMARY KEY (account_id);

CREATE TABLE user_erasures (
    user_id text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    log_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    records bigint NOT NULL,
    requested_at bigint NOT NULL,
    completed_at bigint NOT NULL
);

ALTER TABLE user_erasures ADD CONSTRAINT user_erasures_pkey PRIMARY KEY (user_id);

ALTER TABLE user_erasures ADD CONSTRAINT user_erasures_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

CREATE INDEX user_erasures_open ON public.user_erasures USING btree (requested_at, user_id) WHERE (state <> 'complete'::text);

CREATE TABLE users (
    id text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    email_fold text COLLATE "C" NOT NULL,
    first_name text COLLATE "C" NOT NULL,
    last_name text COLLATE "C" NOT NULL,
    two_factor boolean NOT NULL,
    administrator boolean NOT NULL,
    status text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

ALTER TABLE users ADD CONSTRAINT users_email_fold_key UNIQUE (email_fold);

ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX users_created ON public.users USING btree (created_at, id);
