DELETE FROM owners
WHERE shard_id = ?1 AND namespace_id = ?2
