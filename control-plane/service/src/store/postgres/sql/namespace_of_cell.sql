SELECT uuid, cloud_id, account_id, project_id, region, spec, tags, state, resource_version, generation, cell_id, routed,
    workflow_id, created_ms, modified_ms
FROM namespaces WHERE cell_id = $1 AND state <> 'deleted' ORDER BY cloud_id
