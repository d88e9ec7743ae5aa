INSERT INTO principals (id, account_id, kind, name, description, access, resource_version, created_ms)
VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
