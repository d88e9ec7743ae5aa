SELECT workflow_id, account_id, id, kind, subject, state, failure_reason, input_type, input, previous_spec, created_ms, finished_ms
FROM operations WHERE workflow_id = $1
