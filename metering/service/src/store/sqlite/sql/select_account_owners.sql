SELECT namespace_id, namespace, account_id, project_id, tags, generation, named_day_ms
FROM owners
WHERE shard_id = ?1 AND account_id = ?2
