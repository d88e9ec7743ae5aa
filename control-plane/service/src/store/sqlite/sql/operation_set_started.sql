UPDATE operations SET started = 1 WHERE workflow_id = ?1
