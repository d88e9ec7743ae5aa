SELECT standing.shard_id, standing.namespace_id, standing.kind, standing.bytes::text AS bytes
FROM owners
JOIN standing USING (shard_id, namespace_id)
WHERE owners.shard_id = ANY($1) AND owners.account_id = $2
