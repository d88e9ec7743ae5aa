SELECT workflow_id, account_id, id, kind, subject, state, failure_reason, input_type, input, previous_spec, created_ms, finished_ms
FROM operations WHERE started = 0 ORDER BY created_ms, rowid LIMIT ?1
