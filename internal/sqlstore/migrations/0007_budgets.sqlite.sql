-- +goose Up
-- Budgets of organizations and accounts, with what was found when each was
-- evaluated last, and the thresholds that were crossed, each once, with the
-- notice that its webhook is sent. Amounts are decimals; secrets are sealed.
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
CREATE INDEX budgets_owner ON budgets (owner_id, created_at, id);
CREATE INDEX budgets_due ON budgets (evaluate_at, id);

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
