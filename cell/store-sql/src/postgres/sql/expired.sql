SELECT kind, namespace_id, id, run_id, delete_at_ms, billed_bytes FROM entity
WHERE shard = $1 AND closed AND delete_at_ms <= $2 AND delete_at_ms IS NOT NULL
ORDER BY delete_at_ms, kind, namespace_id, id, run_id
LIMIT $3
