SELECT namespace_id, kind, bytes
FROM standing
WHERE shard_id = ?1
