SELECT id, account_id, kind, name, description, access, resource_version, created_ms, modified_ms
FROM principals WHERE account_id = $1 AND kind = 'user' ORDER BY created_ms, id LIMIT 1
