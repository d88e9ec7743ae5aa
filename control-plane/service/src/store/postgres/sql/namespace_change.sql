UPDATE namespaces SET spec = $2, tags = $3, state = $4, workflow_id = $5, modified_ms = $6,
    resource_version = resource_version + 1, generation = generation + 1
WHERE uuid = $1
