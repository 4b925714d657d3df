-- +goose Up
-- Reading the audit log. The first index turns a window of time into a range
-- of numbers. The others begin with what grows from record to record, so that
-- a writer appends to them instead of touching another page for each log.
-- Those of resources and accounts also tell which logs have them.
CREATE INDEX audit_records_time ON audit_records (log_id, time, seq);
CREATE UNIQUE INDEX audit_records_id ON audit_records (id, log_id);
CREATE INDEX audit_records_resource ON audit_records (resource_id, log_id, seq);
CREATE INDEX audit_records_account ON audit_records (account_id, log_id, seq) WHERE account_id <> '';
