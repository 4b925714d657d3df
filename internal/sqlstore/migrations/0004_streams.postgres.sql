-- +goose Up
-- Streams of audit logs to receivers, each with how far it has come. Secrets
-- are sealed; empty for none.
CREATE TABLE audit_streams (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    log_id          TEXT COLLATE "C" NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    target          TEXT COLLATE "C" NOT NULL, -- JSON
    secret          BYTEA NOT NULL,
    old_secret      BYTEA NOT NULL,
    old_secret_end  BIGINT NOT NULL,
    paused          BOOLEAN NOT NULL,
    pause_reason    TEXT COLLATE "C" NOT NULL,
    version         BIGINT NOT NULL, -- grows when what is under way is void
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    delivered_seq   BIGINT NOT NULL, -- the last record that was acknowledged
    batch_seq       BIGINT NOT NULL, -- the last record of the batch under way
    expired         BIGINT NOT NULL, -- records that retention took before they were delivered
    failures        BIGINT NOT NULL, -- in a row
    next_attempt_at BIGINT NOT NULL,
    last_success_at BIGINT NOT NULL,
    last_failure_at BIGINT NOT NULL,
    last_error      TEXT COLLATE "C" NOT NULL,
    lease_holder    TEXT COLLATE "C" NOT NULL, -- the process that delivers it
    lease_end       BIGINT NOT NULL
) WITH (fillfactor = 70); -- room to update in place
CREATE INDEX audit_streams_log ON audit_streams (log_id, created_at, id);
CREATE INDEX audit_streams_running ON audit_streams (log_id) WHERE NOT paused;
