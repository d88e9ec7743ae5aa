SELECT kind, namespace_id, id, run_id, wake_at_ms, billed_bytes FROM entity
WHERE shard = ? AND wake_at_ms <= ? AND wake_at_ms IS NOT NULL
ORDER BY wake_at_ms, kind, namespace_id, id, run_id
LIMIT ?
