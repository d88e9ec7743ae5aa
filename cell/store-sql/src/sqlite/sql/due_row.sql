SELECT kind, namespace_id, id, run_id, wake_at_ms, billed_bytes FROM entity
WHERE row_id = ? AND shard = ? AND wake_at_ms <= ?
