DELETE FROM open_hours
WHERE shard_id = ?1 AND hour_ms = ?2 AND namespace_id = ?3 AND kind = ?4
