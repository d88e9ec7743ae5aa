SELECT kind, namespace_id, id, run_id FROM entity
WHERE shard = ? AND kind = ? AND namespace_id = ? AND (id, run_id) > (?, ?)
ORDER BY id, run_id
LIMIT ?
