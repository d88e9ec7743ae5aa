SELECT row_id, wake_at_ms FROM entity
WHERE shard = ? AND wake_at_ms <= ? AND wake_at_ms IS NOT NULL AND (wake_at_ms, row_id) > (?, ?)
ORDER BY wake_at_ms, row_id
LIMIT ?
