SELECT row_id, delete_at_ms FROM entity
WHERE shard = ? AND closed AND delete_at_ms <= ? AND delete_at_ms IS NOT NULL AND (delete_at_ms, row_id) > (?, ?)
ORDER BY delete_at_ms, row_id
LIMIT ?
