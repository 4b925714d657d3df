-- +goose Up
-- Budgets of organizations and accounts, with what was found when each was
-- evaluated last, and the thresholds that were crossed, each once, with the
-- notice that its webhook is sent. Amounts are decimals; secrets are sealed.
CREATE TABLE budgets (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner_id         TEXT COLLATE "C" NOT NULL, -- an account or an organization
    is_account       BOOLEAN NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    scope            TEXT COLLATE "C" NOT NULL, -- empty for an account
    kind             TEXT COLLATE "C" NOT NULL,
    amount           TEXT COLLATE "C" NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    thresholds       TEXT COLLATE "C" NOT NULL, -- percentages: 50,80,100
    webhook          TEXT COLLATE "C" NOT NULL, -- empty for none
    secret           BYTEA NOT NULL,
    old_secret       BYTEA NOT NULL,
    old_secret_end   BIGINT NOT NULL,
    version          BIGINT NOT NULL, -- grows with every change
    revision         BIGINT NOT NULL, -- grows when the terms change
    since_at         BIGINT NOT NULL, -- when they did
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    evaluated_at     BIGINT NOT NULL, -- 0 until then
    period_start     BIGINT NOT NULL,
    period_end       BIGINT NOT NULL,
    complete_days    BIGINT NOT NULL,
    spent            TEXT COLLATE "C" NOT NULL,
    projected        TEXT COLLATE "C" NOT NULL,
    other_currencies TEXT COLLATE "C" NOT NULL, -- EUR,GBP
    unpriced         BOOLEAN NOT NULL,
    evaluate_at      BIGINT NOT NULL, -- when it is due
    lease_holder     TEXT COLLATE "C" NOT NULL, -- the process that evaluates it
    lease_end        BIGINT NOT NULL
) WITH (fillfactor = 70); -- room to update in place
CREATE INDEX budgets_owner ON budgets (owner_id, created_at, id);
CREATE INDEX budgets_due ON budgets (evaluate_at, id);

CREATE TABLE budget_crossings (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    budget_id       TEXT COLLATE "C" NOT NULL REFERENCES budgets (id),
    budget_name     TEXT COLLATE "C" NOT NULL, -- at the time, like the terms
    revision        BIGINT NOT NULL,
    scope           TEXT COLLATE "C" NOT NULL,
    kind            TEXT COLLATE "C" NOT NULL,
    amount          TEXT COLLATE "C" NOT NULL,
    currency        TEXT COLLATE "C" NOT NULL,
    percent         BIGINT NOT NULL,
    period_start    BIGINT NOT NULL,
    period_end      BIGINT NOT NULL,
    spent           TEXT COLLATE "C" NOT NULL,
    projected       TEXT COLLATE "C" NOT NULL,
    crossed_at      BIGINT NOT NULL,
    notice          TEXT COLLATE "C" NOT NULL, -- JSON
    state           TEXT COLLATE "C" NOT NULL, -- of the notice
    redirects       BIGINT NOT NULL, -- how often it got another webhook
    failures        BIGINT NOT NULL, -- in a row
    next_attempt_at BIGINT NOT NULL,
    last_error      TEXT COLLATE "C" NOT NULL,
    last_failure_at BIGINT NOT NULL,
    delivered_at    BIGINT NOT NULL,
    lease_holder    TEXT COLLATE "C" NOT NULL, -- the process that delivers it
    lease_end       BIGINT NOT NULL
) WITH (fillfactor = 70); -- room to update in place
CREATE UNIQUE INDEX budget_crossings_once ON budget_crossings (budget_id, revision, period_start, percent);
CREATE INDEX budget_crossings_order ON budget_crossings (budget_id, crossed_at, id);
CREATE INDEX budget_crossings_waiting ON budget_crossings (next_attempt_at, id) WHERE state = 'waiting';
