SELECT uuid, cloud_id, account_id, project_id, region, spec, tags, state, resource_version, generation, cell_id, routed,
    workflow_id, created_ms, modified_ms
FROM namespaces
WHERE account_id = $1 AND state <> 'deleted' AND cloud_id > $2 AND ($3 = '' OR cloud_id = $3)
ORDER BY cloud_id LIMIT $4
