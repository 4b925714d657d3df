-- +goose Up
-- Streams of audit logs to receivers, each with how far it has come. Secrets
-- are sealed; empty for none.
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
