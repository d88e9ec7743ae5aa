DELETE FROM branch_reference WHERE (shard, kind, namespace_id, id, by_run) IN (VALUES {(?, ?, ?, ?, ?)})
RETURNING kind, namespace_id, id, branch
