SELECT k.id, k.account_id, k.principal_id, k.secret_sha256, k.display_name, k.description, k.expires_ms, k.disabled,
    k.resource_version, k.workflow_id, k.created_ms, k.modified_ms
FROM api_keys k WHERE k.id = $1
