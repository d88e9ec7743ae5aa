SELECT kind, namespace_id, id, run_id, wake_at_ms, billed_bytes FROM entity
WHERE shard = $1 AND wake_at_ms <= $2 AND wake_at_ms IS NOT NULL
ORDER BY wake_at_ms, kind, namespace_id, id, run_id
LIMIT $3
