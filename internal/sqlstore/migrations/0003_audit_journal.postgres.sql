-- +goose Up
-- The order of records across logs: the numbers from first_seq to last_seq of
-- a log were entered at a tick. Within a log, both grow together.
CREATE TABLE audit_journal (
    tick      BIGINT NOT NULL PRIMARY KEY,
    log_id    TEXT COLLATE "C" NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq  BIGINT NOT NULL
);
CREATE UNIQUE INDEX audit_journal_tick ON audit_journal (log_id, tick, last_seq);
CREATE UNIQUE INDEX audit_journal_seq ON audit_journal (log_id, last_seq, tick);

-- The logs of what was deleted are part of those of what is above.
CREATE INDEX organizations_deleted ON organizations (parent_id, id) WHERE deleted_at <> 0;
