UPDATE operations SET state = 'in_progress' WHERE workflow_id = $1 AND state = 'pending'
