-- +goose Up
-- Reading the audit log. Every index has the log, and ends with the number, so
-- that a query is bounded by both; the first one turns a window of time into a
-- range of numbers. Those of resources and accounts begin with what is looked
-- for, so that they also tell which logs have it. What has few values (type,
-- result, method, status) has no index: it is read in the order of the log.
CREATE INDEX audit_records_time ON audit_records (log_id, time, seq);
CREATE UNIQUE INDEX audit_records_id ON audit_records (log_id, id);
CREATE INDEX audit_records_actor ON audit_records (log_id, actor_id, seq);
CREATE INDEX audit_records_email ON audit_records (log_id, actor_email, seq);
CREATE INDEX audit_records_ip ON audit_records (log_id, actor_ip, seq);
CREATE INDEX audit_records_token ON audit_records (log_id, actor_token_id, seq);
CREATE INDEX audit_records_ray ON audit_records (log_id, raw_ray_id, seq);
CREATE INDEX audit_records_resource ON audit_records (resource_id, log_id, seq);
CREATE INDEX audit_records_account ON audit_records (account_id, log_id, seq) WHERE account_id <> '';
