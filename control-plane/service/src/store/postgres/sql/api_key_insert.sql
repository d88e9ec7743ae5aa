INSERT INTO api_keys (id, account_id, principal_id, secret_sha256, display_name, description, expires_ms, disabled,
    resource_version, workflow_id, created_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10)
