UPDATE principals SET access = $2, resource_version = resource_version + 1, modified_ms = $3 WHERE id = $1
