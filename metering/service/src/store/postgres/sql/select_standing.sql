SELECT shard_id, namespace_id, kind, bytes::text AS bytes
FROM standing
WHERE shard_id = ANY($1)
