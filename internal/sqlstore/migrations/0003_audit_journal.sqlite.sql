-- +goose Up
-- The order of records across logs: the numbers from first_seq to last_seq of
-- a log were entered at a tick. Within a log, both grow together.
CREATE TABLE audit_journal (
    tick      INTEGER NOT NULL PRIMARY KEY,
    log_id    TEXT    NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_journal_tick ON audit_journal (log_id, tick, last_seq);
CREATE UNIQUE INDEX audit_journal_seq ON audit_journal (log_id, last_seq, tick);

-- The logs of what was deleted are part of those of what is above.
CREATE INDEX organizations_deleted ON organizations (parent_id, id) WHERE deleted_at <> 0;
