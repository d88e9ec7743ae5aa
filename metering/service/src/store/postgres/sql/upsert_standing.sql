INSERT INTO standing (shard_id, namespace_id, kind, bytes)
SELECT $1, given.namespace_id, given.kind, given.bytes::numeric
FROM unnest($2::uuid[], $3::int8[], $4::text[]) AS given (namespace_id, kind, bytes)
ON CONFLICT (shard_id, namespace_id, kind) DO UPDATE SET bytes = excluded.bytes
