INSERT INTO namespaces (uuid, cloud_id, account_id, project_id, region, spec, tags, state, resource_version,
    generation, workflow_id, created_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 1, $9, $10)
