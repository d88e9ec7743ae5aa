SELECT standing.namespace_id, standing.kind, standing.bytes
FROM owners
JOIN standing USING (shard_id, namespace_id)
WHERE owners.shard_id = ?1 AND owners.account_id = ?2
