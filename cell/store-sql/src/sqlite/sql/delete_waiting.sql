DELETE FROM waiting WHERE (shard, namespace_id, id, run_id) IN (VALUES {(?, ?, ?, ?)})
