-- +goose Up
-- Reading the audit log. Every index begins with the log and ends with the
-- number, so that a query is bounded by both; the first one turns a window of
-- time into a range of numbers. What has few values (type, result, method,
-- status) has no index: it is read in the order of the log.
CREATE INDEX audit_records_time ON audit_records (log_id, time, seq);
CREATE UNIQUE INDEX audit_records_id ON audit_records (log_id, id);
CREATE INDEX audit_records_actor ON audit_records (log_id, actor_id, seq);
CREATE INDEX audit_records_email ON audit_records (log_id, actor_email, seq);
CREATE INDEX audit_records_ip ON audit_records (log_id, actor_ip, seq);
CREATE INDEX audit_records_token ON audit_records (log_id, actor_token_id, seq);
CREATE INDEX audit_records_ray ON audit_records (log_id, raw_ray_id, seq);
CREATE INDEX audit_records_resource ON audit_records (log_id, resource_id, resource_type, seq);
