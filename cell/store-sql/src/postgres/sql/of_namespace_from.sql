SELECT kind, namespace_id, id, run_id FROM entity
WHERE shard = $1 AND kind = $2 AND namespace_id = $3
ORDER BY id, run_id
LIMIT $4
