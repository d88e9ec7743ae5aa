SELECT k.id, k.account_id, k.principal_id, k.secret_sha256, k.display_name, k.description, k.expires_ms, k.disabled,
    k.resource_version, k.workflow_id, k.created_ms, k.modified_ms, p.access, p.kind
FROM api_keys k JOIN principals p ON p.id = k.principal_id ORDER BY k.id
