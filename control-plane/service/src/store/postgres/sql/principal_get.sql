SELECT id, account_id, kind, name, description, access, resource_version, created_ms, modified_ms
FROM principals WHERE id = $1
