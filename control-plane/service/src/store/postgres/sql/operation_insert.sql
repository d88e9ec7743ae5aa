INSERT INTO operations (workflow_id, account_id, id, kind, subject, state, input_type, input, previous_spec, created_ms)
VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9)
