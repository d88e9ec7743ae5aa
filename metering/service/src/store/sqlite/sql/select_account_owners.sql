SELECT namespace_id, namespace, account_id, project_id, tags, generation
FROM owners
WHERE shard_id = ?1 AND account_id = ?2
