SELECT hour_ms, namespace_id, kind, bytes, moment
FROM open_hours
WHERE shard_id = ?1
