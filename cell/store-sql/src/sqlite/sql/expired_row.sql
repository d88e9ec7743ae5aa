SELECT kind, namespace_id, id, run_id, delete_at_ms, billed_bytes FROM entity
WHERE row_id = ? AND shard = ? AND closed AND delete_at_ms <= ?
