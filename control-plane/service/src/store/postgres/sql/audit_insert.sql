INSERT INTO audit_records (time_ms, account_id, actor, key_id, action, resource, operation_id)
VALUES ($1, $2, $3, $4, $5, $6, $7)
