DELETE FROM waiting WHERE (shard, kind, namespace_id, id, run_id) IN (VALUES {(?, ?, ?, ?, ?)})
