SELECT k.id, k.account_id, k.principal_id, k.secret_sha256, k.display_name, k.description, k.expires_ms, k.disabled,
    k.resource_version, k.workflow_id, k.created_ms, k.modified_ms
FROM api_keys k JOIN principals p ON p.id = k.principal_id
WHERE k.account_id = $1 AND k.id > $2 AND ($3 = '' OR k.principal_id = $3) AND ($4 = '' OR p.kind = $4)
ORDER BY k.id LIMIT $5
