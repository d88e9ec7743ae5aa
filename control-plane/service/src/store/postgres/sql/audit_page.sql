SELECT id, time_ms, account_id, actor, key_id, action, resource, operation_id
FROM audit_records WHERE id < $1 ORDER BY id DESC LIMIT $2
