SELECT row_id, delete_at_ms FROM entity
WHERE shard = ? AND closed AND delete_at_ms <= ? AND delete_at_ms IS NOT NULL
ORDER BY delete_at_ms
