UPDATE operations SET started = true WHERE workflow_id = $1
