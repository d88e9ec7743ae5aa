SELECT id, account_id, kind, name, description, access, resource_version, created_ms, modified_ms
FROM principals WHERE account_id = $1 AND strpos(access, $2) > 0
