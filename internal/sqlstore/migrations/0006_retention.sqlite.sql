-- +goose Up
-- How long logs are kept, and the removal of personal data. A log whose oldest
-- records are gone begins with first_seq. email and place of an erasure are
-- what it goes on with; the address is gone when the erasure is complete.
ALTER TABLE audit_heads ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 1;

CREATE TABLE audit_settings (
    log_id           TEXT    NOT NULL PRIMARY KEY,
    retention_months INTEGER NOT NULL,
    legal_hold       INTEGER NOT NULL,
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
