UPDATE operations SET state = $2, failure_reason = $3, finished_ms = $4
WHERE workflow_id = $1 AND state IN ('pending', 'in_progress')
