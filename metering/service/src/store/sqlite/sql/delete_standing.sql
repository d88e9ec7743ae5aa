DELETE FROM standing
WHERE shard_id = ?1 AND namespace_id = ?2 AND kind = ?3
