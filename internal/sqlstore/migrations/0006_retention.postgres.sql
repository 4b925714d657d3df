-- +goose Up
-- How long logs are kept, and the removal of personal data. A log whose oldest
-- records are gone begins with first_seq. email and place of an erasure are
-- what it goes on with; the address is gone when the erasure is complete.
ALTER TABLE audit_heads ADD COLUMN first_seq BIGINT NOT NULL DEFAULT 1;

CREATE TABLE audit_settings (
    log_id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    retention_months BIGINT  NOT NULL,
    legal_hold       BOOLEAN NOT NULL,
    updated_at       BIGINT  NOT NULL
);

CREATE TABLE user_erasures (
    user_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (id),
    state        TEXT COLLATE "C" NOT NULL,
    email        TEXT COLLATE "C" NOT NULL,
    log_id       TEXT COLLATE "C" NOT NULL,
    seq          BIGINT NOT NULL,
    records      BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    completed_at BIGINT NOT NULL -- 0 until then
);

CREATE INDEX user_erasures_open ON user_erasures (requested_at, user_id) WHERE state <> 'complete';
