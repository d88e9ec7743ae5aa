SELECT owners.namespace_id, owners.namespace, owners.account_id, owners.project_id, owners.tags, owners.generation,
    owners.named_day_ms
FROM shards
JOIN owners USING (shard_id)
WHERE shards.cell_id = ?1 AND owners.namespace_id = ?2
ORDER BY owners.generation DESC, shards.shard_id
LIMIT 1
